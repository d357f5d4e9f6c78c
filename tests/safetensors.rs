//! Weights in safetensors files: those of PyTorch, of this crate, invalid ones, and files with random changes.

mod common;
#[path = "data/pytorch.rs"]
mod pytorch;
#[rustfmt::skip]
#[path = "data/variants.rs"]
mod variants;

use common::{bits, flat, network, rng};
use constnet::{
    Custom, CustomLayer, Linear, Relu, Safetensors, Sequential, Tanh, Zeroed,
    formats::WeightsError,
    layers::{Elem, Features, Layer},
    mlp,
};
use rand::{Rng, RngExt, distr::Distribution};
use rand_distr::StandardNormal;

const FILE: &[u8] = include_bytes!("data/pytorch.safetensors");
const FILE_F64: &[u8] = include_bytes!("data/pytorch_f64.safetensors");

type Net = mlp![5, 16, 12, 3];
type Precise = mlp![f64; 5, 16, 12, 3];

/// The largest difference between outputs in `f32` and PyTorch's in `f64`: some dozen roundings of 6e-8 each, of
/// numbers up to 4.
const TOLERANCE: f64 = 1e-6;

/// The same for outputs in `f64`.
const PRECISE: f64 = 1e-14;

#[test]
fn pytorchs_weights_give_pytorchs_outputs() {
    let mut net = Net::ZERO;
    net.load_safetensors(FILE).expect("PyTorch's file");
    let mut precise = Precise::ZERO;
    precise.load_safetensors(FILE_F64).expect("PyTorch's file");
    for (x, y) in pytorch::X.iter().zip(pytorch::Y) {
        let ours: [f32; 3] = net.predict(&x.map(|x| x as f32));
        let exact: [f64; 3] = precise.predict(x);
        for (index, y) in y.into_iter().enumerate() {
            assert!((f64::from(ours[index]) - y).abs() < TOLERANCE, "{ours:?}");
            assert!((exact[index] - y).abs() < PRECISE, "{exact:?}");
        }
    }
}

/// Loaded and saved, PyTorch's file is the same, byte for byte, but for the record of its origin.
#[test]
fn a_file_of_pytorch_is_saved_unchanged() {
    let mut net = Net::ZERO;
    net.load_safetensors(FILE).expect("PyTorch's file");
    let saved = net.to_safetensors().expect("names differ");
    let layers = "Sequential![Linear<5, 16>, Relu<16>, Linear<16, 12>, Relu<12>, Linear<12, 3>]";
    let version = env!("CARGO_PKG_VERSION");
    let origin = format!(r#""__metadata__":{{"constnet":"version: {version}\nlayers: {layers}"}},"#);
    assert!(parts(&saved).0.contains(&origin), "{}", parts(&saved).0);
    assert_eq!(without_origin(&saved), parts(FILE));
}

/// The header and the data of a file.
fn parts(bytes: &[u8]) -> (String, &[u8]) {
    let (size, rest) = bytes.split_first_chunk().expect("a length");
    let (header, data) = rest.split_at(u64::from_le_bytes(*size) as usize);
    (String::from_utf8(header.to_vec()).expect("text"), data)
}

/// The same, without what this crate records of the network.
fn without_origin(bytes: &[u8]) -> (String, &[u8]) {
    let (header, data) = parts(bytes);
    let (before, rest) = header.split_once(r#""__metadata__":{"#).expect("metadata");
    let (_, after) = rest.split_once("},").expect("an end");
    let mut header = format!("{before}{}", after.trim_end());
    while header.len() % 8 > 0 {
        header.push(' ');
    }
    (header, data)
}

/// Saves and loads a network, and compares the bits of each number.
fn round_trip<L: Layer>(seed: u64)
where
    StandardNormal: Distribution<Elem<L>>,
{
    let net: Sequential<L> = network(&mut rng(seed));
    let bytes = net.to_safetensors().expect("names differ");
    let mut loaded = Sequential::<L>::ZERO;
    loaded.load_safetensors(&bytes).expect("our own file");
    assert!(flat(&net) == flat(&loaded), "{net}");
}

#[test]
fn every_depth_and_both_element_types_come_back() {
    use common::Chain;
    round_trip::<Chain<mlp![1, 1]>>(1);
    round_trip::<Chain<mlp![3, 17]>>(2);
    round_trip::<Chain<mlp![5, 64, 3]>>(3);
    round_trip::<Chain<mlp![7, 9, 33, 2, 1, 4]>>(4);
    round_trip::<Chain<mlp![f64; 1, 1]>>(5);
    round_trip::<Chain<mlp![f64; 5, 64, 3]>>(6);
    round_trip::<Chain<mlp![f64; 7, 9, 33, 2, 1, 4]>>(7);
}

/// A weight that is a vector in PyTorch, such as that of `nn.LayerNorm`, is saved as a vector.
#[test]
fn a_vector_named_weight_is_a_vector() {
    struct Scale([f32; 3]);
    impl Zeroed for Scale {
        const ZERO: Self = Self([0.0; 3]);
    }
    impl CustomLayer for Scale {
        type In = Features<3>;
        type Out = Features<3>;
        type Cache<const B: usize> = ();
        const NAME: &'static str = "Scale";
        const PARAMS: usize = 3;
        fn forward<const B: usize>(&self, x: &[[f32; 3]; B], y: &mut [[f32; 3]; B], (): &mut ()) {
            *y = *x;
        }
        fn backward<const B: usize>(
            &self,
            _: &[[f32; 3]; B],
            (): &(),
            _: &[[f32; 3]; B],
            _: &mut [[f32; 3]; B],
            _: &mut Self,
        ) {
        }
        fn parameter(&self, index: usize) -> Option<(&'static str, &[f32])> {
            (index == 0).then_some(("weight", &self.0))
        }
        fn parameter_mut(&mut self, index: usize) -> Option<(&'static str, &mut [f32])> {
            (index == 0).then_some(("weight", &mut self.0))
        }
    }
    let bytes = Safetensors::new().save(&Custom(Scale([1.0, 2.0, 3.0]))).expect("one name");
    assert!(String::from_utf8_lossy(&bytes).contains(r#""0.weight":{"dtype":"F32","shape":[3],"#));
    let mut loaded = Custom(Scale::ZERO);
    Safetensors::new().load(&mut loaded, &bytes).expect("our own file");
    assert_eq!(loaded.0.0, [1.0, 2.0, 3.0]);
}

#[test]
fn types_are_converted_on_request() {
    let convert = Safetensors::new().convert();
    let (mut net, mut precise) = (Net::ZERO, Precise::ZERO);
    convert.load(&mut net, FILE_F64).expect("to `f32`");
    convert.load(&mut precise, FILE).expect("to `f64`");
    // The script converted one model to `f64`, so the conversion is exact.
    assert!(flat(&net).iter().map(|x| f64::from(*x)).eq(flat(&precise)));
    assert_eq!(without_origin(&net.to_safetensors().expect("names differ")), parts(FILE));
    // Our own files, too, which record layers of the other type.
    let (mut other, mut other_precise) = (Net::ZERO, Precise::ZERO);
    convert.load(&mut other_precise, &net.to_safetensors().expect("names differ")).expect("to `f64`");
    convert.load(&mut other, &precise.to_safetensors().expect("names differ")).expect("to `f32`");
    assert!(other == net && other_precise == precise);
}

/// Each number of 16 bits is an `f32`, and so the outputs are those of PyTorch.
#[test]
fn numbers_of_16_bits_are_widened_on_request() {
    for (file, dtype, expected) in [
        (&include_bytes!("data/half.safetensors")[..], "F16", variants::HALF),
        (&include_bytes!("data/bfloat16.safetensors")[..], "BF16", variants::BFLOAT16),
    ] {
        let mut precise = <mlp![f64; 5, 4, 3]>::ZERO;
        let error = precise.load_safetensors(file).expect_err("another type");
        assert!(
            error.to_string().ends_with(&format!("is {dtype}, expected F64; `.convert()` allows that")),
            "{error}"
        );
        Safetensors::new().convert().load(&mut precise, file).expect("to `f64`");
        let mut net = <mlp![5, 4, 3]>::ZERO;
        Safetensors::new().convert().load(&mut net, file).expect("to `f32`");
        assert!(flat(&net).iter().map(|x| f64::from(*x)).eq(flat(&precise)));
        for (x, expected) in variants::X.iter().zip(expected) {
            let y: [f64; 3] = precise.predict(x);
            assert!(y.iter().zip(expected).all(|(y, expected)| (y - expected).abs() < PRECISE), "{y:?}");
        }
    }
}

/// Batch normalisation before and after linear layers with and without biases, and two in a row.
#[test]
fn batch_normalisation_is_folded_on_request() {
    const FILE: &[u8] = include_bytes!("data/batch_norm.safetensors");
    type Net = Sequential![
        Linear<5, 6, f64>, Relu<6, f64>, Linear<6, 4, f64>, Tanh<4, f64>, Linear<4, 3, f64>
    ];
    let mut net = Net::ZERO;
    let error = net.load_safetensors(FILE).expect_err("batch normalisation");
    assert_eq!(
        error.to_string(),
        "the file has no tensor `0.weight` of shape (6, 5), but batch normalisation, which \
         `.fold_batch_norm(1e-5)` folds into the linear layers"
    );
    let fold = Safetensors::new().fold_batch_norm(1e-5);
    fold.load(&mut net, FILE).expect("folded");
    for (x, expected) in variants::X.iter().zip(variants::BATCH_NORM) {
        let y: [f64; 3] = net.predict(x);
        assert!(
            y.iter().zip(expected).all(|(y, expected)| (y - expected).abs() < PRECISE),
            "{y:?} {expected:?}"
        );
    }
    // Into `f32`, by other names, and into a network that has no linear layer beside one of them.
    let names = |layer: usize, name: &str| format!("net.{layer}.{name}");
    let text = String::from_utf8_lossy(FILE).into_owned();
    assert!(text.contains("running_mean"));
    let mut single = Sequential(Linear::<5, 6, f64>::ZERO);
    let error = fold.names(&names).load(&mut single, FILE).expect_err("other names");
    assert!(matches!(error, WeightsError::Missing { .. }), "{error}");
    let norm = file(
        &[
            ("0.weight", "F64", &[3, 2]),
            ("0.bias", "F64", &[3]),
            ("1.running_mean", "F64", &[7]),
            ("1.running_var", "F64", &[7]),
        ],
        1,
    );
    let mut other = <mlp![f64; 2, 3]>::ZERO;
    let error = fold.load(&mut other, &norm).expect_err("another width");
    assert_eq!(
        error.to_string(),
        "`1.running_mean` is part of a batch normalisation of 7 features, but the network has no linear layer of that \
         width before or after it"
    );
    assert_eq!(other, Zeroed::ZERO);
    let cut = file(&[("0.weight", "F32", &[3, 2]), ("1.running_mean", "F32", &[3])], 1);
    let (_, text) = refused_by(&fold, &cut);
    assert_eq!(text, "the file has no tensor `1.running_var` of shape (3,)");
}

#[test]
fn missing_biases_are_zero_on_request() {
    let file = file(&[("0.weight", "F32", &[3, 2])], 1);
    let mut net: mlp![2, 3] = network(&mut rng(1));
    Safetensors::new().allow_missing_bias().load(&mut net, &file).expect("allowed");
    assert_eq!((net.0.bias(), net.0.weight_at(2, 1).to_bits()), (&[0.0; 3], 0x0101_0101));
    // But not a missing weight.
    let (error, text) =
        refused_by(&Safetensors::new().allow_missing_bias(), &self::file(&[("0.bias", "F32", &[3])], 1));
    assert!(matches!(error, WeightsError::Missing { .. }), "{text}");
    assert!(
        text.ends_with("`0.weight` of shape (3, 2); `.allow_missing()` leaves the values of the network"),
        "{text}"
    );
}

#[test]
fn extra_tensors_are_ignored_on_request() {
    let file = file(&[("0.weight", "F32", &[3, 2]), ("0.bias", "F32", &[3]), ("log_std", "I32", &[3])], 1);
    let mut net = <mlp![2, 3]>::ZERO;
    Safetensors::new().allow_extra().load(&mut net, &file).expect("allowed");
    assert!(bits(&net).iter().all(|bits| *bits == 0x0101_0101));
}

/// What the file does not have stays, but something must be loaded.
#[test]
fn a_part_is_loaded_on_request() {
    let start: mlp![2, 3, 1] = network(&mut rng(1));
    let mut net = start;
    let body = file(&[("0.weight", "F32", &[3, 2]), ("0.bias", "F32", &[3])], 1);
    let part = Safetensors::new().allow_missing();
    part.load(&mut net, &body).expect("a part");
    assert_eq!(net.layer::<2>(), start.layer::<2>());
    assert!(bits(net.layer::<0>()).iter().all(|bits| *bits == 0x0101_0101));
    let (_, text) = refused_by(&part.prefix("body."), &body);
    assert!(text.ends_with("is it `0.weight`? Then use `.prefix(\"\")`"), "{text}");
}

#[test]
fn kernels_are_transposed_on_request() {
    let net: mlp![2, 3] = network(&mut rng(1));
    let kernel: [[f32; 3]; 2] = core::array::from_fn(|i| core::array::from_fn(|o| net.0.weight_at(o, i)));
    let mut bytes = file(&[("kernel", "F32", &[2, 3]), ("bias", "F32", &[3])], 0);
    let data = bytes.len() - 4 * 9;
    for (to, value) in bytes[data..].chunks_mut(4).zip(kernel.as_flattened().iter().chain(net.0.bias())) {
        to.copy_from_slice(&value.to_le_bytes());
    }
    let names = |_: usize, name: &str| (if name == "weight" { "kernel" } else { name }).to_owned();
    let keras = Safetensors::new().names(&names).transposed();
    let mut loaded = <mlp![2, 3]>::ZERO;
    keras.load(&mut loaded, &bytes).expect("a kernel");
    assert_eq!(loaded, net);
    // Never by guessing: a file of PyTorch does not fit.
    let (error, _) = refused_by(
        &Safetensors::new().transposed(),
        &file(&[("0.weight", "F32", &[3, 2]), ("0.bias", "F32", &[3])], 1),
    );
    assert!(matches!(error, WeightsError::Shape { .. }), "{error}");
}

/// The tensors of the two networks have the same names and shapes.
#[test]
fn weights_are_not_loaded_into_other_layers() {
    type Relus = mlp![2, 4, 1];
    type Tanhs = Sequential![Linear<2, 4>, Tanh<4>, Linear<4, 1>];
    let relus: Relus = network(&mut rng(1));
    let bytes = relus.to_safetensors().expect("names differ");
    let mut tanhs: Tanhs = network(&mut rng(2));
    let start = bits(&tanhs);
    for how in [Safetensors::new(), Safetensors::new().convert()] {
        let error = how.load(&mut tanhs, &bytes).expect_err("other layers");
        assert_eq!(bits(&tanhs), start, "the network was changed");
        assert!(
            matches!(&error, WeightsError::Layers { expected, found }
                if tanhs.layers().is(expected) && relus.layers().is(found)),
            "{error:?}"
        );
        assert_eq!(
            error.to_string(),
            "the file has the weights of `Sequential![Linear<2, 4>, Relu<4>, Linear<4, 1>]`, expected those of \
             `Sequential![Linear<2, 4>, Tanh<4>, Linear<4, 1>]`; `.allow_other_layers()` allows that"
        );
    }
    Safetensors::new().allow_other_layers().load(&mut tanhs, &bytes).expect("allowed");
    assert_eq!(bits(&tanhs), bits(&relus));
    // Metadata of other programs make no difference.
    let (mut header, data) = without_origin(&bytes);
    header.insert_str(1, r#""__metadata__":{"format":"pt"},"#);
    tanhs.load_safetensors(&with_header(&header, data)).expect("as PyTorch's");
}

#[test]
fn allowed_weights_that_are_not_finite_keep_their_bits() {
    let mut net = <mlp![2, 1]>::ZERO;
    let values = [f32::from_bits(0x7fa0_1234), f32::NEG_INFINITY];
    net.get_parameter_mut("0.weight").expect("a weight").copy_from_slice(&values);
    let bytes = net.to_safetensors().expect("names differ");
    let mut loaded = <mlp![2, 1]>::ZERO;
    Safetensors::new().allow_not_finite().load(&mut loaded, &bytes).expect("allowed");
    assert_eq!(bits(&loaded), bits(&net));
}

/// A file of these tensors: name, type, shape. All bytes of the data are `byte`.
fn file(tensors: &[(&str, &str, &[usize])], byte: u8) -> Vec<u8> {
    let mut at = 0;
    let entries: Vec<_> = tensors
        .iter()
        .map(|(name, dtype, shape)| {
            let size = match *dtype {
                "F64" => 8,
                "F16" | "BF16" => 2,
                _ => 4,
            };
            let start = at;
            at += size * shape.iter().product::<usize>();
            format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{at}]}}"#)
        })
        .collect();
    with_header(&format!("{{{}}}", entries.join(",")), &vec![byte; at])
}

fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// The error of loading into a network of 2 inputs and 3 outputs, which must stay as it was.
#[track_caller]
fn refused(bytes: &[u8]) -> (WeightsError, String) {
    refused_by(&Safetensors::new(), bytes)
}

#[track_caller]
fn refused_by(how: &Safetensors<'_>, bytes: &[u8]) -> (WeightsError, String) {
    let start: mlp![2, 3] = network(&mut rng(1));
    let mut net = start;
    let error = how.load(&mut net, bytes).expect_err("a bad file");
    assert_eq!(bits(&net), bits(&start), "the network was changed");
    let text = error.to_string();
    (error, text)
}

/// A header of 640 bytes: its length starts with the bytes of a Python pickle.
#[test]
fn a_length_that_looks_like_another_format_is_read() {
    let bytes = <mlp![2, 1]>::ZERO.to_safetensors().expect("a file");
    let (size, rest) = bytes.split_first_chunk().expect("a length");
    let (header, data) = rest.split_at(u64::from_le_bytes(*size) as usize);
    let header = format!("{:<640}", std::str::from_utf8(header).expect("JSON"));
    let bytes = with_header(&header, data);
    assert!(bytes.starts_with(&[0x80, 2]));
    let mut net = <mlp![2, 1]>::ZERO;
    net.load_safetensors(&bytes).expect("the same network");
}

#[test]
fn every_invalid_file_has_an_error_message() {
    use WeightsError as E;
    const W: (&str, &str, &[usize]) = ("0.weight", "F32", &[3, 2]);
    const B: (&str, &str, &[usize]) = ("0.bias", "F32", &[3]);
    let good = file(&[W, B], 1);
    Safetensors::new()
        .load(&mut { <mlp![2, 3]>::ZERO }, &good)
        .expect("the file from which the others are made");

    let (error, text) = refused(&[]);
    assert!(matches!(error, E::Length { expected: 8, found: 0 }), "{text}");
    let (error, text) = refused(&good[..good.len() - 1]);
    assert!(matches!(error, E::Length { .. }), "{text}");
    assert_eq!(
        text,
        format!(
            "the file has {} bytes, expected {}: it was cut short, or is no safetensors file",
            good.len() - 1,
            good.len()
        )
    );
    let (_, text) = refused(&good[..50]);
    assert!(text.starts_with("the file has 50 bytes, expected "), "{text}");
    let (error, text) = refused(&[&good[..], &[0]].concat());
    assert!(matches!(error, E::Length { .. }) && text.ends_with("something was added to it"), "{text}");

    let (error, text) = refused(b"PK\x03\x04 torch.save writes a zip archive");
    assert!(matches!(error, E::OtherFormat { .. }), "{text}");
    assert_eq!(
        text,
        "this is a PyTorch file (.pt), expected a safetensors file: write one by \
         `safetensors.torch.save_file(model.state_dict(), \"model.safetensors\")`"
    );
    let (_, text) = refused(b"\x08\x08\x12\x07pytorch");
    assert!(text.starts_with("this is an ONNX file, expected a safetensors file: "), "{text}");
    let (_, text) = refused(b"\x89HDF\r\n\x1a\n\0\0");
    assert!(text.starts_with("this is an HDF5 file of Keras (.h5), expected "), "{text}");
    let (error, text) = refused(b"01234567 some text");
    assert!(matches!(error, E::Header(_)), "{text}");
    assert_eq!(text, "this is not a safetensors file: there is no `{` after the first eight bytes");
    let (error, text) = refused(&with_header("{\"0.weight\":", &[]));
    assert!(matches!(error, E::Header(_)), "{text}");
    let (error, text) =
        refused(&with_header(r#"{"0.bias":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, &[0; 8]));
    assert!(matches!(error, E::Header(_)), "{text}");

    let (error, text) = refused(&file(&[W, ("0.bias", "F64", &[3])], 1));
    assert!(matches!(error, E::Dtype { convertible: true, .. }));
    assert_eq!(text, "tensor `0.bias` is F64, expected F32; `.convert()` allows that");
    let (error, text) = refused_by(&Safetensors::new().convert(), &file(&[W, ("0.bias", "I32", &[3])], 1));
    assert!(matches!(error, E::Dtype { convertible: false, .. }));
    assert_eq!(text, "tensor `0.bias` is I32, expected F32");

    let (error, text) = refused(&file(&[W], 1));
    assert!(matches!(error, E::Missing { nearest: None, .. }));
    assert_eq!(
        text,
        "the file has no tensor `0.bias` of shape (3,); `.allow_missing_bias()` sets it to zero"
    );
    let (error, text) = refused(&file(&[("0.wieght", "F32", &[3, 2]), ("fc", "F32", &[3, 2]), B], 1));
    assert!(matches!(error, E::Missing { .. }));
    assert_eq!(
        text,
        "the file has no tensor `0.weight` of shape (3, 2); is it `0.wieght`? Then use `.names(…)`"
    );
    let (error, text) = refused(&file(&[W, B, ("2.bias", "F32", &[1])], 1));
    assert!(matches!(error, E::Extra { .. }));
    assert_eq!(
        text,
        "the file has a tensor `2.bias` of shape (1,), which is not part of the network; `.allow_extra()` ignores it"
    );

    let (error, text) = refused(&file(&[("0.weight", "F32", &[2, 3]), B], 1));
    assert!(matches!(error, E::Shape { .. }));
    assert_eq!(
        text,
        "tensor `0.weight` has the shape (2, 3), expected (3, 2): it is transposed; `.transposed()` reads (IN, OUT)"
    );
    let (error, text) = refused(&file(&[W, ("0.bias", "F32", &[3, 1])], 1));
    assert!(matches!(error, E::Shape { .. }));
    assert_eq!(text, "tensor `0.bias` has the shape (3, 1), expected (3,)");

    let mut bytes = good.clone();
    let weight = bytes.len() - 12 - 8;
    bytes[weight..weight + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let (error, text) = refused(&bytes);
    assert!(matches!(error, E::NotFinite { .. }));
    assert_eq!(text, "tensor `0.weight` has NaN at (2, 0), expected a finite number");
    // Finite in the file, but not in the network.
    let large = file(&[("0.weight", "F64", &[3, 2]), B], 0x7e);
    let (error, text) = refused_by(&Safetensors::new().convert(), &large);
    assert!(matches!(error, E::NotFinite { .. }));
    assert!(text.ends_with(" at (0, 0), expected a finite number of type f32"), "{text}");
}

/// A header that no file of this network needs is not read.
#[test]
fn a_header_that_is_too_long_is_refused() {
    let good = file(&[("0.weight", "F32", &[3, 2]), ("0.bias", "F32", &[3])], 1);
    let (header, data) = parts(&good);
    let with_spaces = |count| with_header(&format!("{header}{}", " ".repeat(count)), data);
    Safetensors::new()
        .load(&mut { <mlp![2, 3]>::ZERO }, &with_spaces(1 << 20))
        .expect("a megabyte of metadata");
    let (error, text) = refused(&with_spaces(2 << 20));
    let found = header.len() + (2 << 20);
    let expected = (1 << 20) + 2 * 1024 + 6 * ("0.weight".len() + "0.bias".len());
    assert!(matches!(error, WeightsError::HeaderLength { .. }), "{text}");
    assert_eq!(
        text,
        format!("the header has {found} bytes, expected at most {expected} for the tensors of this network")
    );
}

/// A name that lacks its first characters is found as the name that the file has.
#[test]
fn the_nearest_name_may_begin_with_an_insertion() {
    for name in ["x0.weight", "model.0.weight", "weight", "0.weights"] {
        let (_, text) = refused(&file(
            &[(name, "F32", &[3, 2]), ("zzzzzzzz", "F32", &[3, 2]), ("0.bias", "F32", &[3])],
            1,
        ));
        assert!(text.contains(&format!("; is it `{name}`? Then use `.")), "{text}");
    }
}

/// Eight tensors of an eighth of the address space each: the sum of their sizes and of the header's overflows, with which
/// `safetensors` itself panics.
#[test]
fn offsets_that_overflow_are_refused() {
    const SIZE: usize = usize::MAX / 8;
    let entries: Vec<_> = (0..8)
        .map(|i| {
            let (start, end) = (i * SIZE, (i + 1) * SIZE);
            format!(r#""{i}":{{"dtype":"U8","shape":[{SIZE}],"data_offsets":[{start},{end}]}}"#)
        })
        .collect();
    for padding in 0..16 {
        let header = format!("{{{}}}{}", entries.join(","), " ".repeat(padding));
        let (error, text) = refused(&with_header(&header, &[]));
        assert!(matches!(error, WeightsError::Length { .. }), "{text}");
    }
}

#[test]
fn two_parameters_of_one_name_are_refused() {
    for name in ["same", "__metadata__"] {
        let names = |_: usize, _: &str| name.to_owned();
        let error = Safetensors::new().names(&names).save(&<mlp![2, 3]>::ZERO).expect_err("one name");
        assert!(matches!(error, WeightsError::SameName { .. }), "{error}");
    }
}

/// Otherwise both layers would get the same weights.
#[test]
fn one_tensor_is_not_loaded_into_two_layers() {
    let names = |_: usize, name: &str| format!("fc.{name}");
    let one = file(&[("fc.weight", "F32", &[2, 2]), ("fc.bias", "F32", &[2])], 1);
    let mut net = <mlp![2, 2, 2]>::ZERO;
    let error = Safetensors::new().names(&names).load(&mut net, &one).expect_err("one name");
    assert!(matches!(&error, WeightsError::SameName { name } if name == "fc.weight"), "{error}");
    assert_eq!(net, Zeroed::ZERO);
}

#[test]
fn a_prefix_selects_one_network_of_several() {
    let two = file(
        &[
            ("a.0.weight", "F32", &[3, 2]),
            ("a.0.bias", "F32", &[3]),
            ("b.0.weight", "F32", &[4, 9]),
            ("a.extra", "F32", &[]),
        ],
        1,
    );
    let (_, text) = refused_by(&Safetensors::new().prefix("a."), &two);
    assert_eq!(
        text,
        "the file has a tensor `a.extra` of shape (), which is not part of the network; `.allow_extra()` ignores it"
    );
    let mut net = <mlp![2, 3]>::ZERO;
    Safetensors::new().prefix("a.0.").names(&|_, name| name.into()).load(&mut net, &two).expect("by prefix");
    assert!(bits(&net).iter().all(|bits| *bits == 0x0101_0101));
}

/// The largest number of bytes that loading may allocate for each byte of a file: the densest header, of values of two
/// characters each, takes 32.
const MEMORY_PER_BYTE: u64 = 64;

/// Loads, and returns the largest number of bytes that were allocated at one time.
fn load_measured(net: &mut Net, bytes: &[u8]) -> (Result<(), WeightsError>, u64) {
    let mut result = Ok(());
    let memory = allocation_counter::measure(|| result = net.load_safetensors(bytes));
    (result, memory.bytes_max)
}

/// Even for a header of small values only, the memory stays in proportion to the file.
#[test]
fn a_dense_header_takes_memory_in_proportion() {
    for (open, value, close) in [
        ("{\"a\":[", "0,", "0]}"),
        ("{\"a\":[", "[],", "[]]}"),
        ("{\"a\":{\"shape\":[", "1,", "1],\"dtype\":\"F32\",\"data_offsets\":[0,4]}}"),
        ("{\"a\":{", "\"\":0,", "\"\":0}}"),
        ("{", "\"\":0,", "\"\":0}"),
        ("", "[", ""),
    ] {
        let bytes = with_header(&[open, &value.repeat(100_000), close].concat(), &[0; 4]);
        let (result, memory) = load_measured(&mut { Net::ZERO }, &bytes);
        assert!(result.is_err(), "{open}{value}");
        assert!(memory < MEMORY_PER_BYTE * bytes.len() as u64, "{open}{value}: {memory} bytes");
    }
    // A size that the file only claims is not allocated.
    for size in [1 << 20, 99_999_999, 1 << 40, u64::MAX] {
        let bytes = [&size.to_le_bytes(), &FILE[8..]].concat();
        let (result, memory) = load_measured(&mut { Net::ZERO }, &bytes);
        assert!(result.is_err() && memory < 4096, "{memory} bytes");
    }
}

/// Files with random changes: nothing panics, a network is loaded whole or not at all, and the memory stays in
/// proportion to the file.
#[test]
fn changed_files_are_loaded_whole_or_not_at_all() {
    let rng = &mut rng(1);
    let start: Net = network(rng);
    let mut loaded = 0;
    let rounds = 20_000;
    for round in 0..rounds {
        let bytes = changed(FILE, rng);
        let mut net = start;
        let (result, memory) = load_measured(&mut net, &bytes);
        // The error and the first element of each list take some hundred bytes more.
        assert!(memory < MEMORY_PER_BYTE * bytes.len() as u64 + 4096, "round {round}: {memory} bytes");
        match result {
            Ok(()) => {
                loaded += 1;
                assert!(flat(&net).iter().all(|x| x.is_finite()), "round {round}");
                let mut again = Net::ZERO;
                again.load_safetensors(&bytes).expect("the same file");
                assert_eq!(bits(&net), bits(&again), "round {round}: half of it was loaded");
            }
            Err(error) => {
                assert_eq!(bits(&net), bits(&start), "round {round}: changed, and then {error}");
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(loaded > rounds / 100 && loaded < rounds / 2, "{loaded} of {rounds} files were still good");
}

/// The file with one to three changes: bits, bytes of the header, its length, cuts, insertions.
fn changed(bytes: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..=3) {
        let at = rng.random_range(0..bytes.len().max(1));
        let header = bytes.first_chunk().map_or(0, |size| u64::from_le_bytes(*size) as usize);
        let in_header = rng.random_range(0..(8 + header).min(bytes.len()).max(1));
        match rng.random_range(0..7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 if !bytes.is_empty() => bytes[in_header] ^= 1 << rng.random_range(0..8),
            2 if !bytes.is_empty() => bytes[in_header] = *b"0123456789{}[]\",:. ".get(at % 19).unwrap_or(&0),
            3 => bytes.truncate(at),
            4 => bytes.insert(in_header.min(bytes.len()), rng.random()),
            5 if bytes.len() >= 8 => {
                let size = rng.random::<u64>() >> rng.random_range(0..64);
                bytes[..8].copy_from_slice(&size.to_le_bytes());
            }
            _ => {
                let piece = bytes[in_header.min(bytes.len())..].iter().copied().take(40).collect::<Vec<_>>();
                let to = at.min(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
    bytes
}
