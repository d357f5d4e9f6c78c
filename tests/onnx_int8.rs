//! Quantised ONNX files: the bytes of ONNX Runtime; files that are refused; files with random changes.

mod common;

use std::{fs, path::Path};

use common::rng;
use constnet::formats::{DenseInt8, Onnx, OnnxError};
use rand::RngExt;

const NAMES: [&str; 8] = [
    "qdq",
    "qdq_signed",
    "qdq_matmul",
    "qdq_tanh",
    "qdq_zero_scale",
    "operators",
    "operators_sigmoid",
    "operators_tanh",
];

fn bytes(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests/data/onnx").join(format!("{name}.onnx"))).expect("a file")
}

fn read(name: &str) -> Result<DenseInt8, OnnxError> {
    Onnx::new().read_quantized(&bytes(name))
}

#[test]
fn every_output_is_that_of_onnx_runtime() {
    for name in NAMES {
        let net = read(&format!("int8/{name}")).unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = fs::read_to_string(format!("tests/data/onnx/int8/{name}.txt")).expect("a text");
        let (layers, samples) = text.split_once('\n').expect("lines");
        assert_eq!(net.to_string(), format!("Sequential![{layers}]"), "{name}");
        for sample in samples.lines() {
            let numbers: Vec<f32> = sample.split(' ').map(|x| x.parse().expect("a number")).collect();
            let (x, expected) = numbers.split_at(5);
            let y = net.predict_bytes(&net.quantize_input(x));
            let y: Vec<f32> = y.iter().map(|byte| net.output_params().dequantize(*byte)).collect();
            assert_eq!(y, expected, "{name}: {x:?}");
        }
    }
}

#[test]
fn what_is_not_quantised_is_refused() {
    for (name, message) in [
        ("elu", "node `/0/Gemm` (Gemm): this operator is not supported here: expected QuantizeLinear"),
        ("gemm", "this operator is not supported here: expected QuantizeLinear"),
        (
            "int8/rounded_twice",
            "its product is rounded to bytes before the biases are added: fuse `MatMul` and `Add`",
        ),
    ] {
        let error = read(name).expect_err("not quantised").to_string();
        assert!(error.contains(message), "{error}");
    }
    let error = Onnx::new().read(&bytes("int8/qdq")).expect_err("quantised").to_string();
    assert!(error.contains("the network is quantised: read it by `Onnx::read_quantized`"), "{error}");
}

/// Scales of the inputs of a layer instead of its outputs: with a square matrix the sizes would not tell.
#[test]
fn scales_of_another_axis_are_refused() {
    let mut bytes = bytes("int8/qdq");
    // The attributes `axis` of the nodes, which are 0.
    let axis = b"\x0a\x04axis\x18\x00";
    while let Some(at) = bytes.windows(axis.len()).position(|window| window == axis) {
        bytes[at + axis.len() - 1] = 1;
    }
    let error = Onnx::new().read_quantized(&bytes).expect_err("another axis").to_string();
    assert!(error.contains("its scales are for axis 1 of the weights, expected 0: the outputs"), "{error}");
}

/// A changed file is read or refused, without a panic.
#[test]
fn changed_files_do_not_panic() {
    let mut rng = rng(1);
    for name in NAMES {
        let original = bytes(&format!("int8/{name}"));
        for _ in 0..500 {
            let mut changed = original.clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..changed.len());
                changed[at] = rng.random();
            }
            changed.truncate(rng.random_range(changed.len() / 2..2 * changed.len()));
            if let Ok(net) = Onnx::new().read_quantized(&changed) {
                let y = net.predict_bytes(&vec![7; net.inputs()]);
                assert_eq!(y.len(), net.outputs());
            }
        }
    }
}
