//! Quantised ONNX files: the bytes of ONNX Runtime; files that are refused; files with random changes.

mod common;

use std::{fs, path::Path};

use common::rng;
use constnet::formats::{DenseInt8, DenseInt8Error, Onnx, OnnxError};
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

#[test]
fn weights_of_another_type_are_refused() {
    let mut bytes = bytes("int8/operators");
    // The element type of tensors, INT8, becomes BOOL, whose numbers have a byte too.
    while let Some(at) = bytes.windows(2).position(|window| window == b"\x10\x03") {
        bytes[at + 1] = 9;
    }
    let error = Onnx::new().read_quantized(&bytes).expect_err("another type").to_string();
    assert!(error.contains("its input 3 has the element type BOOL, expected integers"), "{error}");
}

/// A changed file is read or refused, without a panic.
#[test]
fn changed_files_do_not_panic() {
    let mut rng = rng(1);
    let mut check = |original: &[u8], read: &dyn Fn(&[u8]) -> Option<DenseInt8>| {
        for _ in 0..500 {
            let mut changed = original.to_vec();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..changed.len());
                changed[at] = rng.random();
            }
            changed.truncate(rng.random_range(changed.len() / 2..2 * changed.len()));
            if let Some(net) = read(&changed) {
                let y = net.predict_bytes(&vec![7; net.inputs()]);
                assert_eq!(y.len(), net.outputs());
            }
        }
    };
    for name in NAMES {
        let original = bytes(&format!("int8/{name}"));
        check(&original, &|bytes| Onnx::new().read_quantized(bytes).ok());
        #[cfg(feature = "safetensors")]
        {
            let net = Onnx::new().read_quantized(&original).expect("a network");
            let saved = net.to_safetensors().expect("a file");
            assert_eq!(DenseInt8::from_safetensors(&saved).expect("the same network"), net);
            check(&saved, &|bytes| DenseInt8::from_safetensors(bytes).ok());
        }
    }
}

/// Layers that a file records, but that do not fit to each other or to its tensors.
#[test]
#[cfg(feature = "safetensors")]
fn recorded_layers_are_checked() {
    let saved = read("int8/qdq_tanh").expect("a network").to_safetensors().expect("a file");
    let layers = "Linear<5, 8>, Tanh<8>, Linear<8, 3>";
    let error = |other: &str| {
        let at = saved.windows(layers.len()).position(|text| text == layers.as_bytes()).expect("layers");
        let mut changed = saved.clone();
        changed[at..at + layers.len()].copy_from_slice(other.as_bytes());
        DenseInt8::from_safetensors(&changed).expect_err("other layers").to_string()
    };
    let fits = |name: &str| format!("the file records the layer `{name}`, which does not fit there");
    assert_eq!(error("Linear<5, 8>, Tanh<8>, Linear<7, 3>"), fits("Linear<7, 3>"));
    assert_eq!(error("Linear<5, 8>, What<8>, Linear<8, 3>"), fits("What<8>"));
    assert_eq!(error("Linear<5, 8>, Tanh<0>, Linear<8, 3>"), fits("Tanh<0>"));
    assert!(error("Linear<5, 9>, Tanh<9>, Linear<9, 3>").contains("`0.weight` is I8 [8, 5]"));
    assert!(
        error("Linear<5, 8>, Relu<8>, Linear<8, 3>").starts_with("the input of layer 2 has the zero point")
    );
    assert!(error("Linear<9999999999999999999, 888888>").contains("`0.weight` is I8 [8, 5]"));
}

/// A zero point that a node omits is 0 in the type of its bytes.
#[test]
fn an_omitted_zero_point_of_signed_bytes_is_0() {
    let replace = |bytes: &mut Vec<u8>, from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|window| window == from).expect("the part");
        bytes[at..at + to.len()].copy_from_slice(to);
    };
    let mut signed = bytes("int8/operators_sigmoid");
    // UINT8 becomes INT8, and the zero points of the input and of the bytes before the sigmoid become 0.
    for (from, to) in [
        (&b"\x10\x02*\x01pB\x0cz_zero_point"[..], &b"\x10\x03*\x01\x00"[..]),
        (b"\x10\x02*\x02\x8a\x01B\x0cx_zero_point", b"\x10\x03*\x02\x80\x00"),
        (b"\x10\x02*\x01\x00B\x0ca_zero_point", b"\x10\x03"),
        (b"\x10\x02*\x01gB\x0cy_zero_point", b"\x10\x03"),
    ] {
        replace(&mut signed, from, to);
    }
    let net = Onnx::new().read_quantized(&signed).expect("a network");
    assert_eq!(net.input_params().zero_point, 128);
    // The zero point of the input of the sigmoid, and of its output.
    for name in [&b"\n\x0cz_zero_point\n\x07a_scale"[..], b"\n\x0ca_zero_point\x12"] {
        let mut omitted = signed.clone();
        // An empty name, and a field that ONNX does not have.
        replace(&mut omitted, name, b"\n\x00\x7a\x0a");
        assert_eq!(Onnx::new().read_quantized(&omitted).expect("the same network"), net);
    }
}

/// A quantised network is compared only with one that has the same layers.
#[test]
fn a_report_needs_the_same_layers() {
    let elu = Onnx::new().read(&bytes("elu")).expect("a network");
    let rows = vec![vec![1.0, -0.5, 0.25, 0.0, 2.0], vec![0.0; 5]];
    let (net, report) = elu.quantize(&rows).expect("a quantised network");
    assert_eq!(net.report(&elu, &rows).expect("the same report"), report);
    let mut shorter = elu.clone();
    shorter.layers.pop();
    let mut longer = elu.clone();
    longer.layers.push(elu.layers[1].clone());
    let mut narrower = elu.clone();
    narrower.inputs = 4;
    let other = Onnx::new().read(&bytes("hardsigmoid")).expect("a network");
    for other in [shorter, longer, narrower, other] {
        let error = net.report(&other, &rows).expect_err("other layers");
        assert!(matches!(error, DenseInt8Error::Layers { .. }), "{error}");
    }
    let error = elu.quantize(&rows[1..]).expect_err("rows of 0").to_string();
    assert!(error.starts_with("calibration rows: all inputs that become bytes are 0"), "{error}");
}
