//! ONNX files of every exporter against ONNX Runtime; files that are refused; files with random changes.

mod common;

use std::{fs, path::Path};

use common::rng;
use constnet::{
    Elu, Linear, Sequential, Standardize, Zeroed,
    formats::{DenseNetwork, Onnx, OnnxError},
};
use rand::RngExt;

/// The largest difference to ONNX Runtime, relative to the largest output in the file: in `f32`, in `f64`, and for
/// weights and intermediate results that ONNX Runtime rounds to 16 bits.
const TOLERANCE: f64 = 1e-6;
const PRECISE: f64 = 1e-12;
const HALF: f64 = 2e-3;

/// A file, the layers that it must be read as, and samples with ONNX Runtime's outputs.
struct Recorded {
    name: String,
    layers: String,
    samples: Vec<Vec<f64>>,
    net: DenseNetwork,
}

fn read(name: &str) -> DenseNetwork {
    let path = Path::new("tests/data/onnx").join(format!("{name}.onnx"));
    let onnx = if name == "sklearn_classifier" { Onnx::new().output("probabilities") } else { Onnx::new() };
    onnx.read_file(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn recorded() -> Vec<Recorded> {
    let mut all = Vec::new();
    for entry in fs::read_dir("tests/data/onnx").expect("a folder") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let text = fs::read_to_string(&path).expect("a text");
        let (layers, rest) = text.split_once('\n').expect("lines");
        let samples =
            rest.lines().map(|line| line.split(' ').map(|x| x.parse().expect("a number")).collect());
        all.push(Recorded { net: read(&name), name, layers: layers.into(), samples: samples.collect() });
    }
    assert!(all.len() >= 50, "only {} files", all.len());
    all
}

#[test]
fn every_file_is_read_as_the_layers_it_was_made_of() {
    for Recorded { name, layers, net, .. } in recorded() {
        assert_eq!(net.to_string(), layers, "{name}");
    }
}

/// The largest difference between outputs and those of ONNX Runtime, relative to the largest output.
fn difference(net: &DenseNetwork, samples: &[Vec<f64>], predict: impl Fn(&[f64]) -> Vec<f64>) -> f64 {
    let (mut worst, mut largest) = (0.0_f64, 0.0_f64);
    for sample in samples {
        let (x, expected) = sample.split_at(net.inputs);
        let y = predict(x);
        assert_eq!(y.len(), expected.len());
        for (y, expected) in y.iter().zip(expected) {
            worst = worst.max((y - expected).abs());
            largest = largest.max(expected.abs());
        }
    }
    worst / largest
}

#[test]
fn the_outputs_are_those_of_onnx_runtime() {
    for Recorded { name, samples, net, .. } in recorded() {
        let tolerance = match &*name {
            "half" => HALF,
            _ if net.double => PRECISE,
            _ => TOLERANCE,
        };
        let worst = difference(&net, &samples, |x| net.predict(x));
        println!("{name}: {worst:.1e}");
        assert!(worst <= tolerance, "{name}: {worst:e}");
    }
}

/// Loaded into a network, whose type states the layers, in its own precision.
#[test]
fn a_network_is_loaded() {
    type Policy = Sequential![Linear<12, 32>, Elu<32>, Linear<32, 16>, Elu<16>, Linear<16, 4>];
    type Raw = Sequential<(Standardize<12>, Policy)>;
    for Recorded { name, samples, net, .. } in recorded() {
        let predict: &dyn Fn(&[f32; 12]) -> [f32; 4] = match &*name {
            "rsl_rl" | "rsl_rl_dynamo" => {
                let mut policy = Policy::ZERO;
                net.load_into(&mut policy).expect("the same layers");
                &move |x| policy.predict(x)
            }
            "rsl_rl_large_means" => {
                let mut raw = Raw::ZERO;
                net.load_into(&mut raw.0.0).expect_err("only the first layer");
                let mut raw: Sequential![
                    Standardize<12>, Linear<12, 32>, Elu<32>, Linear<32, 16>, Elu<16>, Linear<16, 4>
                ] = Zeroed::ZERO;
                net.load_into(&mut raw).expect("the same layers");
                &move |x| raw.predict(x)
            }
            _ => continue,
        };
        let worst = difference(&net, &samples, |x| {
            predict(&core::array::from_fn(|i| x[i] as f32)).map(f64::from).to_vec()
        });
        println!("{name}, in f32: {worst:.1e}");
        assert!(worst <= TOLERANCE, "{name}: {worst:e}");
    }
    let error = read("elu").load_into(&mut { Policy::ZERO }).expect_err("other layers");
    assert_eq!(
        error.to_string(),
        "the file has the layers `Sequential![Linear<5, 8>, Elu<8>, Linear<8, 3>]`, expected \
         `Sequential![Linear<12, 32>, Elu<32>, Linear<32, 16>, Elu<16>, Linear<16, 4>]`"
    );
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(format!("tests/data/onnx/{name}.onnx")).expect("a file")
}

/// The same file with another word of the same length, in each place where it stands.
fn replaced(name: &str, old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = bytes(name);
    let mut found = false;
    for at in 0..bytes.len() - old.len() {
        if bytes[at..].starts_with(old.as_bytes()) {
            bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
            found = true;
        }
    }
    assert!(found, "{name} has no {old}");
    bytes
}

#[track_caller]
fn refused(bytes: &[u8], expected: &str) -> OnnxError {
    let error = Onnx::new().read(bytes).expect_err("a bad file");
    let text = error.to_string();
    assert!(text.contains(expected), "{text}");
    error
}

#[test]
fn every_invalid_file_has_an_error_message() {
    refused(b"", "this is not an ONNX file: it has no graph");
    refused(b"PK\x03\x04 a zip archive", "it is a PyTorch file (.pt): use `torch.onnx.export(");
    refused(b"no protocol buffers", "this is not an ONNX file: ");
    let elu = bytes("elu");
    refused(&elu[..elu.len() / 2], "it was cut short, or has another format");
    refused(
        &replaced("elu", "Elu", "Exp"),
        "(Exp): this operator is not supported: export the model without it",
    );
    refused(&replaced("relu", "Relu", "LSTM"), "(LSTM): recurrent layers are not supported");
    refused(&bytes("external"), "its data are in the file `external.onnx.data`; `Onnx::read_file` reads it");
    refused(
        &bytes("sklearn_classifier"),
        "the graph has the outputs `label`, `probabilities`, expected one: choose it by `.output(\"label\")`",
    );
    let error = Onnx::new().output("logits").read(&elu).expect_err("no such output");
    assert!(error.to_string().starts_with("the graph has no output `logits`, but `actions`"), "{error}");
    // `z` is used before it is computed.
    refused(&cycle(), "the graph has a cycle, or is not sorted");
    // The first weight is infinite.
    let mut infinite = bytes("gemm_f64");
    let at = infinite.windows(2).position(|w| w == [0x4a, 48]).expect("raw data of six numbers") + 2;
    infinite[at..at + 8].copy_from_slice(&f64::INFINITY.to_le_bytes());
    refused(&infinite, "has inf at index 0, expected a finite number");
}

/// Graphs that are no chain of dense layers, or whose tensors do not fit: the error names the node and the tensor.
#[test]
fn every_invalid_graph_has_an_error_message() {
    for (name, expected) in [
        ("residual", "node `sum` (Add): it joins the branches `x` and `z`, expected a chain of layers"),
        ("two_inputs", "the graph has the inputs `x`, `u`, expected one"),
        ("width", "node `second` (Gemm): its weights `v` take 5 features and give 2, expected 4 features"),
        (
            "input_width",
            "node `first` (Gemm): its weights `w` take 4 features and give 2, expected 3 features",
        ),
        ("bias", "node `first` (Gemm): its biases `b` have the sizes [3], expected 2 numbers"),
        ("rank", "node `first` (MatMul): its weights `w` have the sizes [1, 3, 2], expected a matrix"),
        (
            "reshape",
            "node `fold` (Reshape): it changes the shape to [2.0, 2.0, 2.0], expected rows of 4 features",
        ),
        ("operator_set", "the file uses operator set 99, expected 7 to 26"),
        ("old_operator_set", "the file uses operator set 6, expected 7 to 26"),
        ("gate", "node `gate` (Mul): it joins the branches `v` and `s`, expected a chain of layers"),
        ("cube_softmax", "node `act` (Softmax): its input has 3 dimensions, expected 2: flatten it"),
        ("cube_product", "node `first` (MatMul): its input has 3 dimensions, expected 2: flatten it"),
        ("cube_flatten", "node `flat` (Flatten): its `axis` is -1 and its input has 3 dimensions"),
        (
            "whole_batch",
            "node `fold` (Reshape): it changes the shape to [1.0, -1.0], expected rows of 3 features",
        ),
        ("norm_training", "node `norm` (BatchNormalization): its `training_mode` is 1"),
        ("dropout_training", "node `drop` (Dropout): its `training_mode` is true"),
        (
            "clip",
            "node `clip` (Clip): its bounds are 0 and 10000, expected two numbers within 64 of 0, or 0 and none",
        ),
        ("cast_fractions", "node `cut` (Cast): it converts fractions to INT64"),
        ("whole_division", "node `ratio` (Div): it divides whole numbers, expected floating-point numbers"),
        (
            "outer_product",
            "node `outer` (Mul): its constants have the sizes [3, 1] and [1, 2], expected that one has",
        ),
        ("no_weights", "no layer has weights, expected a network of dense layers"),
        ("domain", "node `own` (Fused): operators of the domain `com.me` are not supported"),
        ("nan", "tensor `w`: it has NaN at index 0, expected a finite number"),
        ("integers", "tensor `w`: it has the element type INT8, expected DOUBLE, FLOAT, FLOAT16 or BFLOAT16"),
        ("weights_first", "node `first` (Gemm): the weights are its first input, expected the features"),
        ("elu_alpha", "node `act` (Elu): its `alpha` is 0.5, expected 1"),
        ("cast", "node `cast` (Cast): it converts FLOAT to INT64, expected no conversion"),
        ("undefined", "node `first` (Gemm): its input `nothing` is not computed by any node"),
        ("loop", "node `choice` (If): a network with branches or loops is not a chain of dense layers"),
        ("erf", "the operator Erf is supported only as a part of a GELU that is written out"),
        // Memory that the file does not pay for.
        ("shared_weights", "the same constants are used by too many nodes"),
        (
            "endless_width",
            "1125899906842624 features are scaled between two activations, expected at most 256",
        ),
    ] {
        let bytes = fs::read(format!("tests/data/onnx/bad/{name}.onnx")).expect("a file");
        let error = Onnx::new().read(&bytes).expect_err(name).to_string();
        assert!(
            error.starts_with(expected) || (name == "shared_weights" && error.ends_with(expected)),
            "{name}: {error}"
        );
    }
}

/// The data of a file stand beside it, and not elsewhere.
#[test]
#[cfg(unix)]
fn a_link_out_of_the_folder_is_not_followed() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("onnx-link");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).expect("a folder");
    fs::copy("tests/data/onnx/external.onnx", folder.join("net.onnx")).expect("a copy");
    let data = fs::canonicalize("tests/data/onnx/external.onnx.data").expect("a file");
    std::os::unix::fs::symlink(&data, folder.join("external.onnx.data")).expect("a link");
    let error = Onnx::new().read_file(folder.join("net.onnx")).expect_err("a link").to_string();
    assert!(error.ends_with("a link to a file outside the folder of the ONNX file"), "{error}");
    fs::remove_file(folder.join("external.onnx.data")).expect("the link");
    fs::copy(data, folder.join("external.onnx.data")).expect("a copy");
    Onnx::new().read_file(folder.join("net.onnx")).expect("the data are beside it");
    fs::remove_dir_all(folder).expect("the folder");
}

/// The file `matmul`, whose product takes the sum as its input.
fn cycle() -> Vec<u8> {
    let mut bytes = bytes("matmul");
    let at = bytes.windows(3).position(|w| w == [0x0a, 1, b'x']).expect("the input of the first node");
    bytes[at + 2] = b'y';
    bytes
}

/// Whatever is changed, the file is read or refused, without a panic.
#[test]
fn changed_files_are_read_or_refused() {
    let rng = &mut rng(0);
    let names = ["gemm", "gelu_half_last", "rsl_rl", "batch_norm", "sklearn_regressor", "layer_norm"];
    for name in names {
        let original = bytes(name);
        for _ in 0..3000 {
            let mut changed = original.clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..changed.len());
                match rng.random_range(0..3) {
                    0 => changed[at] = rng.random(),
                    1 => drop(changed.remove(at)),
                    _ => changed.insert(at, rng.random()),
                }
            }
            let _ = Onnx::new().read(&changed);
        }
    }
}
