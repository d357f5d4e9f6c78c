//! Inference in 8-bit integers: the same bytes as ONNX Runtime and LiteRT, and nearly the same numbers as in `f32`.

mod common;
#[path = "data/random_layers.rs"]
#[allow(unreachable_pub, reason = "the programs for devices use the file, too")]
mod random_layers;

use common::rng;
use constnet::{
    DataError, Dropout, Elu, Gelu, LeakyRelu, Linear, Quantized, Relu, Sequential, Sigmoid, Silu,
    Standardize, Tanh, Zeroed, mlp,
    quantized::{
        ChainError, ChainProblem, Int8Linear, LinearError, LinearProblem, Output, QuantParams, QuantizeError,
    },
    sequential,
};
use rand::RngExt;
use random_layers::{Generator, Hash};

/// Twenty random layers with 200 rows each.
#[test]
fn layers_give_the_bytes_of_onnx_runtime_and_lite_rt() {
    assert_eq!(random_layers::first_other(), None);
}

/// An eighth of the products is half-way between two integers: both round them to the even one, in `f32`.
#[test]
fn products_can_be_rounded_in_f32_as_in_onnx_runtime_and_lite_rt() {
    let mut generator = Generator::new(20);
    let weight = [(); 16].map(|()| [(); 8].map(|()| generator.below(3) as i8 - 1));
    let bias = [(); 16].map(|()| generator.below(401) as i32 - 200);
    let layer = Int8Linear::new(weight, bias, [0.125; 16], [100, 120]).expect("a layer");
    let params = |zero_point| QuantParams { scale: 1.0, zero_point };
    let chain = (layer, Output::new(params(120), false));
    let net = <Quantized<mlp![8, 16]>>::new((), params(100), chain);
    let rows: Vec<[u8; 8]> = (0..random_layers::ROWS).map(|_| generator.row()).collect();
    let in_f32 = rows.iter().fold(Hash::EMPTY, |hash, x| hash.with(&net.predict_bytes_rounded_in_f32(x)));
    assert_eq!(in_f32.0, include!("data/quantized_ties.rs"));
    let differ = |x: &&[u8; 8]| net.predict_bytes(x) != net.predict_bytes_rounded_in_f32(x);
    assert!(rows.iter().filter(differ).count() > 100);
}

/// All images of the digits, through two layers.
#[test]
#[cfg(feature = "safetensors")]
fn a_network_gives_the_bytes_of_onnx_runtime_and_lite_rt() {
    let mut net = <mlp![64, 128, 10]>::ZERO;
    net.load_safetensors(include_bytes!("../examples/data/digits.safetensors")).expect("the network");
    let pixel = |pixel: char| pixel.to_digit(17).map(|pixel| pixel as f32 / 16.0);
    let images = include_str!("../examples/data/digits.txt").lines().map(|line| {
        let mut pixels = line.chars().filter_map(pixel);
        [(); 64].map(|()| pixels.next().expect("64 pixels"))
    });
    let images: Vec<[f32; 64]> = images.collect();
    let (quantized, _) = Quantized::of(&net, &images).expect("a quantised network");
    let bytes = |x| quantized.predict_bytes(&quantized.quantize_input(x));
    let hash = images.iter().fold(Hash::EMPTY, |hash, x| hash.with(&bytes(x)));
    assert_eq!(hash.0, include!("data/quantized_digits.rs"));
}

/// The product of a sum and a multiplier is exact before it is rounded half up.
#[test]
fn products_are_rounded_once() {
    let mut rng = rng(1);
    for case in 0..20_000 {
        let zero_point = rng.random::<u8>();
        let (multiplier, bias) = if case % 4 == 0 {
            // Half-way between two bytes.
            (0.125, 4 * rng.random_range(-300..300) + 8 * rng.random_range(0..2))
        } else {
            // A result of the size of the bytes.
            let multiplier = rng.random_range(1e-3_f32..0.2) * 0.25_f32.powi(rng.random_range(0..8));
            let bias = rng.random_range(-300.0..300.0) / multiplier;
            (multiplier, (bias as i32).clamp(1 - (1 << 30), (1 << 30) - 1))
        };
        let layer = Int8Linear::new([[0_i8]], [bias], [multiplier], [7, zero_point]).expect("a layer");
        let exact = f64::from(bias) * f64::from(multiplier); // 24 bits times 30 bits.
        let expected = ((exact + 0.5).floor() + f64::from(zero_point)).clamp(0.0, 255.0);
        assert_eq!(f64::from(layer.forward(&[0])[0]), expected, "{bias} · {multiplier:e} + {zero_point}");
    }
}

#[test]
fn a_layer_says_which_output_cannot_be_represented() {
    let layer = |weight, bias, multiplier| {
        Int8Linear::new([[1; 100], [weight; 100]], [0, bias], [0.1, multiplier], [0; 2])
    };
    let error = |problem| Err(LinearError { output: 1, problem });
    for multiplier in [0.25, 1.0, -0.1, f32::INFINITY] {
        assert_eq!(layer(1, 0, multiplier), error(LinearProblem::Multiplier(multiplier)));
    }
    assert!(layer(1, 0, f32::NAN).is_err());
    assert!(layer(1, 0, 0.25_f32.next_down()).is_ok());
    let limit = (1 << 30) - 1 - 255 * 100 * 128;
    assert!(layer(-128, limit, 0.1).is_ok());
    assert_eq!(layer(-128, -limit - 1, 0.1), error(LinearProblem::Sum(1 << 30)));
    // So small that every product is rounded to 0.
    assert_eq!(layer(127, 0, 1e-10).expect("a layer").forward(&[255; 100]), [255, 0]);
}

#[test]
fn weights_and_biases_are_those_of_the_layer() {
    let layer = Generator::new(3).layer::<5, 7>();
    let weight = core::array::from_fn(|o| core::array::from_fn(|i| layer.weight_at(o, i)));
    let again = Int8Linear::new(weight, layer.bias(), layer.multipliers(), layer.zero_points());
    assert_eq!(again, Ok(layer));
}

#[test]
fn a_number_becomes_the_nearest_byte() {
    let params = QuantParams { scale: 0.5, zero_point: 10 };
    let cases =
        [(0.0, 10), (0.25, 10), (0.26, 11), (0.75, 12), (-5.0, 0), (-99.0, 0), (122.5, 255), (1e30, 255)];
    for (real, byte) in cases {
        assert_eq!(params.quantize(real), byte, "{real}");
    }
    assert_eq!([params.quantize(f32::INFINITY), params.quantize(f32::NEG_INFINITY)], [255, 0]);
    for byte in 0..=255 {
        assert_eq!(params.quantize(params.dequantize(byte)), byte);
    }
}

/// Random rows from −2 to 2.
fn rows<const N: usize>(count: usize) -> Vec<[f32; N]> {
    let mut rng = rng(5);
    (0..count).map(|_| [(); N].map(|()| rng.random_range(-2.0..2.0))).collect()
}

/// The largest difference is at most this share of the range of the outputs.
macro_rules! close {
    ($share:literal, $net:ty) => {{
        let mut net: $net = Zeroed::ZERO;
        net.init(&mut rng(2));
        let rows = rows(300);
        let (quantized, report) = Quantized::of(&net, &rows).expect("a quantised network");
        let (_, output) = report.ranges().last().expect("the output");
        let share = report.largest_difference / (output.max - output.min);
        assert!(share < $share, "{}: {share}", stringify!($net));
        // In bytes the output is the same, rounded and limited.
        for x in &rows {
            let bytes = quantized.predict_bytes(&quantized.quantize_input(x));
            let params = quantized.output_params();
            for (y, byte) in quantized.predict(x).iter().zip(bytes) {
                let (limited, difference) = (matches!(byte, 0 | 255), (y - params.dequantize(byte)).abs());
                assert!(limited || difference < 0.501 * params.scale, "{y} {byte}");
            }
        }
        quantized
    }};
}

#[test]
fn a_quantised_network_is_close_to_its_f32_network() {
    close!(0.02, mlp![1, 1]);
    close!(0.03, mlp![5, 64, 64, 3]);
    close!(0.03, mlp![7, 9, 1]);
    close!(0.03, Sequential![Linear<3, 5>, Relu<5>, Dropout<5, 20>, Linear<5, 2>, Relu<2>]);
    close!(0.03, Sequential![Relu<3>, Dropout<3>, Linear<3, 2>]);
    close!(0.03, Sequential![Linear<3, 17>, Tanh<17>, Linear<17, 2>]);
    close!(0.03, Sequential![Linear<3, 17>, Silu<17>, Linear<17, 2>, Sigmoid<2>]);
    close!(0.03, Sequential![Linear<3, 17>, Gelu<17>, Linear<17, 2>]);
    close!(0.04, Sequential![Linear<3, 17>, Elu<17>, Linear<17, 2>, Tanh<2>, Dropout<2>]);
    close!(0.03, Sequential![Tanh<3>, Linear<3, 17>, LeakyRelu<17, 10>, Relu<17>, Linear<17, 2>]);
}

#[test]
fn a_relu_at_the_end_gives_no_negative_numbers() {
    let net = close!(0.03, Sequential![Linear<3, 4>, Relu<4>]);
    assert!(rows(50).iter().flat_map(|x| net.predict(x)).all(|y| y >= 0.0));
}

/// Features of different sizes share one scale, if they are not standardised before.
#[test]
fn standardize_is_applied_before_inputs_become_bytes() {
    let standardize = Standardize::new([1.0, 2000.0], [0.01, 1000.0]);
    let linear = Linear::new([[1.0, 0.5]], [0.25]);
    let net = sequential![standardize, linear];
    let rows: Vec<[f32; 2]> = rows(100).iter().map(|[a, b]| [1.0 + 0.01 * a, 2000.0 + 1000.0 * b]).collect();
    let (quantized, report) = Quantized::of(&net, &rows).expect("a quantised network");
    assert!(report.largest_difference < 0.02, "{report}");
    let standardized = rows.iter().map(|x| standardize.apply(x)).collect::<Vec<_>>();
    let (inner, _) = Quantized::of(&Sequential(linear), &standardized).expect("a quantised network");
    for (row, standardized) in rows.iter().zip(&standardized) {
        assert_eq!(quantized.quantize_input(row), inner.quantize_input(standardized));
    }
}

#[test]
fn rows_are_checked() {
    let net = <mlp![2, 3, 1]>::ZERO;
    let error = |rows: &[[f32; 2]]| Quantized::of(&net, rows).expect_err("bad rows");
    assert_eq!(error(&[]), QuantizeError::Rows(DataError::NoSamples));
    let infinite = error(&[[0.0, 1.0], [0.0, f32::INFINITY]]);
    assert_eq!(
        infinite,
        QuantizeError::Rows(DataError::Input { sample: 1, feature: 1, value: f32::INFINITY })
    );
    assert_eq!(
        infinite.to_string(),
        "calibration rows: input 1 of sample 1 is inf: expected a finite number"
    );
    assert_eq!(error(&[[0.0; 2]; 3]), QuantizeError::NoRange);
}

/// The weights are large, and the large inputs have the weight 0.
#[test]
fn a_scale_that_overflows_is_refused() {
    let net = sequential![Linear::new([[1.0, 1.0], [0.0, 6.35e12]], [0.0; 2])];
    let error = Quantized::of(&net, &[[1e30, 1.0]]).expect_err("a large scale");
    let problem = LinearProblem::Scale(f32::INFINITY);
    let error_of_output = LinearError { output: 1, problem };
    assert_eq!(error, QuantizeError::Unrepresentable { layer: 0, error: error_of_output });
}

#[test]
fn a_value_that_overflows_is_named() {
    let mut net = <mlp![1, 2, 1]>::ZERO;
    net.layer_mut::<2>().bias_mut()[0] = f32::NAN;
    let error = Quantized::of(&net, &[[1.0]]).expect_err("a bad network");
    assert_eq!(
        error.to_string(),
        "output 0 of layer 2 is NaN for calibration row 0: expected a finite number"
    );
}

/// The weights of an output may all be 0, with or without a bias; a bias may be much larger than the weights.
#[test]
fn extreme_outputs_are_represented() {
    let net = sequential![
        Linear::new([[0.0], [0.0], [1e-6], [1e-30], [2.0]], [0.0, 3.0, 5.0, -2.0, 1e-20]),
        Relu::new(),
        Linear::new([[1.0, 1.0, 1.0, 1.0, 1.0], [0.0; 5]], [0.0, 0.0])
    ];
    let (_, report) = Quantized::of(&net, &[[-1.0], [0.5], [1.0]]).expect("a quantised network");
    assert!(report.largest_difference < 0.05, "{report}");
}

/// The sums are much larger than the output: `x₀ − x₁` of nearly equal numbers.
#[test]
fn a_narrow_output_is_represented() {
    let net = sequential![Linear::new([[1.0, -1.0]], [0.0]), Relu::new(), Linear::new([[1.0]], [0.0])];
    let rows = [[1.0, 0.999], [-1.0, -1.001], [0.5, 0.499]];
    let (quantized, _) = Quantized::of(&net, &rows).expect("a quantised network");
    // Its scale is larger than that of the calibration rows, so that the multiplier is less than 1/4.
    let step = quantized.input_params().scale;
    for steps in 1..8 {
        let difference = steps as f32 * step;
        let [y] = quantized.predict(&[difference, 0.0]);
        assert!((y - difference).abs() < 0.51 * 4.002 * step / 127.0, "{y} instead of {difference}");
    }
}

/// The real output of a multiplier below 2⁻³² is 0: the difference is less than a quarter of the distance of two bytes.
#[test]
fn a_tiny_multiplier_is_0_also_for_real_outputs() {
    let net = |weight| sequential![Linear::new([[1e4], [weight]], [0.0, 0.0])];
    for (weight, is_zero) in [(1e-4, true), (5e-4, false)] {
        let net = net(weight);
        let (quantized, _) = Quantized::of(&net, &[[-1.0], [1.0]]).expect("a quantised network");
        let ([_, y], [_, expected]) = (quantized.predict(&[1.0]), net.predict(&[1.0]));
        assert_eq!(y == 0.0, is_zero, "{weight}: {y}");
        assert!((y - expected).abs() < 0.25 * quantized.output_params().scale);
    }
}

#[test]
fn rows_outside_the_calibrated_range_saturate_and_are_counted() {
    let net =
        sequential![Linear::new([[1.0], [-1.0]], [0.0, 0.0]), Relu::new(), Linear::new([[1.0, 1.0]], [0.0])];
    let (quantized, report) = Quantized::of(&net, &[[-1.0], [1.0]]).expect("a quantised network");
    assert!(report.ranges().all(|(_, range)| range.saturated == 0), "{report}");
    assert_eq!(quantized.predict(&[5.0]), quantized.predict(&[1.1]));

    let report = quantized.report(&net, &[[1.0], [5.0], [-0.5], [-7.0]]).expect("a report");
    let saturated: Vec<usize> = report.ranges().map(|(_, range)| range.saturated).collect();
    assert_eq!(saturated[0], 2);
    assert!((5.9..6.1).contains(&report.largest_difference), "{report}");
    assert_eq!(
        report.ranges().next().map(|(_, range)| (range.min, range.max, range.values)),
        Some((-7.0, 5.0, 4))
    );
}

/// An output of a hidden layer can be larger than in all calibration rows, though the inputs are not.
#[test]
fn saturated_values_of_layers_are_counted() {
    let net = sequential![Linear::new([[1.0, 1.0]], [0.0]), Relu::new(), Linear::new([[1.0]], [0.0])];
    let (quantized, _) = Quantized::of(&net, &[[0.0, 1.0], [1.0, 0.0]]).expect("a quantised network");
    let report = quantized.report(&net, &[[1.0, 1.0], [0.0, 0.0]]).expect("a report");
    let saturated: Vec<_> = report.ranges().map(|(_, range)| (range.saturated, range.saturation())).collect();
    assert_eq!(saturated, [(0, 0.0), (1, 0.5), (0, 0.0)]);
}

/// With and without a ReLU, the zero point of numbers that were not negative is 0.
#[test]
fn negative_values_saturate_unless_they_come_before_a_relu() {
    macro_rules! saturated {
        ($net:expr) => {{
            let net = $net;
            let (quantized, _) = Quantized::of(&net, &[[1.0], [2.0]]).expect("a quantised network");
            let report = quantized.report(&net, &[[-1.0], [1.0], [-2.0]]).expect("a report");
            report.ranges().map(|(layer, range)| (layer, range.saturated)).collect::<Vec<_>>()
        }};
    }
    // The two negative inputs become byte 0, so that no sum is negative.
    assert_eq!(saturated!(sequential![Linear::new([[1.0]], [0.0])]), [(None, 2), (Some(0), 0)]);
    assert_eq!(saturated!(sequential![Relu::new(), Linear::new([[1.0]], [0.0])]), [(None, 0), (Some(1), 0)]);

    // Rows from −2 to 2, of which a bias makes numbers of at least 0: other rows are not.
    macro_rules! hidden {
        ($net:expr) => {{
            let net = $net;
            let rows = [[-2.0, 2.0], [2.0, -1.0]];
            let (quantized, _) = Quantized::of(&net, &rows).expect("a quantised network");
            let report = quantized.report(&net, &[[-2.0, -2.0], [0.0, 0.0]]).expect("a report");
            report.ranges().map(|(layer, range)| (layer, range.saturated)).collect::<Vec<_>>()
        }};
    }
    let first = Linear::new([[1.0, 1.0]], [0.0]);
    let last = Linear::new([[1.0]], [0.0]);
    assert_eq!(hidden!(sequential![first, last]), [(None, 0), (Some(0), 1), (Some(1), 0)]);
    assert_eq!(hidden!(sequential![first, Relu::new(), last]), [(None, 0), (Some(1), 0), (Some(2), 0)]);
    assert_eq!(hidden!(sequential![first]), [(None, 0), (Some(0), 1)]);
    assert_eq!(hidden!(sequential![first, Dropout::<1>::new(), Relu::new()]), [(None, 0), (Some(2), 0)]);
}

#[test]
#[cfg(feature = "alloc")]
fn it_is_calibrated_in_place() {
    let mut net = <mlp![3, 4, 2]>::ZERO;
    net.init(&mut rng(1));
    let rows = rows(20);
    let mut quantized: Box<Quantized<mlp![3, 4, 2]>> = Zeroed::boxed();
    let report = quantized.calibrate(&net, &rows);
    assert_eq!(Quantized::of(&net, &rows), report.map(|report| (*quantized, report)));
}

/// A network of all kinds of layers.
type Mixed = Sequential![Standardize<3>, Linear<3, 5>, Tanh<5>, Linear<5, 2>, Relu<2>];

fn mixed() -> Quantized<Mixed> {
    let net = sequential![
        Standardize::new([0.5, -1.0, 0.0], [2.0, 0.5, 1.0]),
        Linear::new(
            [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75], [0.0; 3], [-1.0; 3], [0.1, 3.0, 0.2]],
            [0.5, 0.0, 1.0, 0.0, 2.0]
        ),
        Tanh::new(),
        Linear::new([[1.0, 0.5, -0.25, -1.0, 2.0], [0.5, 0.0, 1.0, 0.75, -1.5]], [0.25, -0.5]),
        Relu::new()
    ];
    let (quantized, report) = Quantized::of(&net, &rows(50)).expect("a quantised network");
    assert!(report.largest_difference < 0.15, "{report}");
    quantized
}

#[allow(unreachable_pub, reason = "the source is for a module of any visibility")]
mod generated {
    include!("data/quantized_net.rs");
}

/// The source is that of the network, and compiles to the same network.
#[test]
fn source_compiles_to_the_same_bits() {
    let quantized = mixed();
    let source = quantized.to_rust_source("NET").to_string();
    if std::env::var_os("CONSTNET_WRITE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/quantized_net.rs");
        std::fs::write(path, &source).expect("a file");
    }
    assert_eq!(source, include_str!("data/quantized_net.rs"), "CONSTNET_WRITE=1 overwrites it");
    assert_eq!(generated::NET, quantized);
}

#[test]
#[cfg(feature = "safetensors")]
fn safetensors_files_hold_quantised_networks() {
    use constnet::{formats::WeightsError, quantized::TensorError};

    let quantized = mixed();
    let bytes = quantized.to_safetensors().expect("a file");
    let mut loaded = Quantized::<Mixed>::ZERO;
    loaded.load_safetensors(&bytes).expect("the same network");
    assert_eq!(loaded, quantized);

    let mut other = Quantized::<Sequential![Standardize<3>, Linear<3, 5>, Sigmoid<5>, Linear<5, 2>]>::ZERO;
    let error = other.load_safetensors(&bytes).expect_err("another network");
    assert_eq!(
        error.to_string(),
        "the file has the layers `Sequential![Standardize<3>, Linear<3, 5>, Tanh<5>, Linear<5, 2>, Relu<2>]`, expected \
         `Sequential![Standardize<3>, Linear<3, 5>, Sigmoid<5>, Linear<5, 2>]`"
    );
    assert_eq!(other, Zeroed::ZERO);
    let mut dense: Sequential![Standardize<3>, Linear<3, 5>, Tanh<5>, Linear<5, 2>, Relu<2>] = Zeroed::ZERO;
    let error = dense.load_safetensors(&bytes).expect_err("a quantised network").to_string();
    assert!(error.contains("`1.weight`") && error.contains("I8"), "{error}");
    dense.layer_mut::<0>().deviation = [1.0; 3];
    let error = loaded.load_safetensors(&dense.to_safetensors().expect("a file")).expect_err("no bytes");
    assert!(matches!(error, WeightsError::Quantized(TensorError::Missing { .. })), "{error}");

    // Each number of the file, replaced by another one.
    let replaced = |number: &[u8], replacement: &[u8]| {
        let mut damaged = bytes.clone();
        let at = bytes.windows(number.len()).position(|window| window == number).expect("the number");
        damaged[at..at + replacement.len()].copy_from_slice(replacement);
        let mut loaded = quantized;
        let error = loaded.load_safetensors(&damaged).expect_err("a damaged file").to_string();
        assert_eq!(loaded, quantized, "it is as it was");
        error
    };
    let scale = quantized.input_params().scale.to_le_bytes();
    assert_eq!(
        replaced(&scale, &0.0_f32.to_le_bytes()),
        "a number of `input.scale` is 0: expected a finite number above 0"
    );
    let deviations = [2.0_f32, 0.5, 1.0].map(f32::to_le_bytes).concat();
    for deviation in [0.0_f32, -2.0, f32::NAN] {
        assert_eq!(
            replaced(&deviations, &deviation.to_le_bytes()),
            format!("a number of `0.deviation` is {deviation}: expected a finite number above 0")
        );
    }
    let means = [0.5_f32, -1.0, 0.0].map(f32::to_le_bytes).concat();
    assert_eq!(
        replaced(&means, &f32::INFINITY.to_le_bytes()),
        "a number of `0.mean` is inf: expected a finite number"
    );
    let multiplier = quantized.chain().1.1.0.multipliers()[0].to_le_bytes();
    assert_eq!(
        replaced(&multiplier, &2.0_f32.to_le_bytes()),
        "layer 3: the multiplier of output 0 is 2e0: expected at least 0 and less than 0.25"
    );
    let [x, y] = quantized.chain().0.zero_points();
    let error = format!("the input of layer 1 has the zero point {x}, expected {}", x + 1);
    assert_eq!(replaced(&[x, y], &[x + 1]), error);
}

/// The network takes 768 KB, and the stack 256 KB.
#[test]
#[cfg(feature = "safetensors")]
fn a_large_network_is_loaded_in_a_small_stack() {
    type Large = mlp![512, 1024, 256];
    let work = || {
        let mut net = Large::boxed();
        net.init(&mut rng(0));
        let mut quantized: Box<Quantized<Large>> = Zeroed::boxed();
        quantized.calibrate(&net, &[[0.5; 512], [-0.5; 512]]).expect("a quantised network");
        let bytes = quantized.to_safetensors().expect("a file");
        let mut loaded: Box<Quantized<Large>> = Zeroed::boxed();
        loaded.load_safetensors(&bytes).expect("the same network");
        assert!(loaded == quantized);
    };
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(work);
    thread.expect("a thread").join().expect("no overflow");
}

#[test]
#[cfg(all(feature = "serde", feature = "alloc"))]
fn serde_keeps_every_bit() {
    let quantized = mixed();
    let json = serde_json::to_string(&quantized).expect("JSON");
    assert_eq!(serde_json::from_str::<Quantized<Mixed>>(&json).expect("the same network"), quantized);
    let bytes = postcard::to_allocvec(&quantized).expect("bytes");
    assert_eq!(postcard::from_bytes::<Quantized<Mixed>>(&bytes).expect("the same network"), quantized);
    let error =
        serde_json::from_str::<Quantized<mlp![3, 2]>>(&json).expect_err("another network").to_string();
    assert!(error.starts_with("the tensor `0.weight` is missing"), "{error}");
    let other = serde_json::from_str::<Quantized<Sequential![Standardize<3>, Linear<3, 2>]>>(&json);
    let error = other.expect_err("another network").to_string();
    assert!(
        error.starts_with("the tensor `1.weight` is I8 [5, 3] of 15 numbers, expected I8 [2, 3]"),
        "{error}"
    );
    type Shorter = Sequential![Standardize<3>, Linear<3, 5>];
    let error = serde_json::from_str::<Quantized<Shorter>>(&json).expect_err("a longer network").to_string();
    assert!(error.contains("the output has the zero point"), "{error}");
    type Longer = Sequential![Standardize<3>, Linear<3, 5>, Tanh<5>, Linear<5, 2>, Tanh<2>];
    let error = serde_json::from_str::<Quantized<Longer>>(&json).expect_err("a shorter network").to_string();
    assert!(error.starts_with("the tensor `4.table` is missing"), "{error}");
}

#[cfg(any(feature = "serde", feature = "safetensors"))]
type WithoutRelu = Sequential![Linear<3, 5>, Dropout<5, 50>, Linear<5, 2>];

/// The bytes after its first layer can be those of negative numbers.
#[cfg(any(feature = "serde", feature = "safetensors"))]
fn without_relu() -> Quantized<WithoutRelu> {
    let net = sequential![
        Linear::new([[1.0, -1.0, 0.5]; 5], [0.0; 5]),
        Dropout::new(),
        Linear::new([[1.0; 5], [-1.0; 5]], [0.0; 2])
    ];
    Quantized::of(&net, &rows(50)).expect("a quantised network").0
}

/// On bytes a ReLU is only that the zero point is 0: with another one, a network with a ReLU would give negative numbers.
#[test]
#[cfg(feature = "serde")]
fn a_zero_point_after_a_relu_is_0() {
    let quantized = without_relu();
    let zero_point = quantized.chain().0.zero_points()[1];
    let json = serde_json::to_string(&quantized).expect("JSON");
    let error = serde_json::from_str::<Quantized<mlp![3, 5, 2]>>(&json).expect_err("a ReLU").to_string();
    let expected =
        format!("the input of layer 2 comes after a ReLU and has the zero point {zero_point}, expected 0");
    assert!(error.starts_with(&expected) && zero_point > 0, "{error}");
}

#[test]
fn the_output_stores_whether_the_last_layer_is_a_relu() {
    let (layer, output) = mixed().chain().1.1;
    for relu in [false, true] {
        let output = Output::new(output.params, relu);
        let input = QuantParams { scale: 1.0, zero_point: layer.zero_points()[0] };
        let linear = <Quantized<mlp![5, 2]>>::new((), input, (layer, output));
        let with_relu = <Quantized<Sequential![Linear<5, 2>, Relu<2>]>>::new((), input, (layer, output));
        let error = Err(ChainError { layer: None, problem: ChainProblem::LastRelu(relu) });
        assert_eq!(linear.check(), if relu { error } else { Ok(()) });
        assert_eq!(with_relu.check(), if relu { Ok(()) } else { error });
    }
}

/// The same for the layers that a file records.
#[test]
#[cfg(all(feature = "safetensors", feature = "onnx"))]
fn a_recorded_relu_needs_the_zero_point_0() {
    use constnet::formats::DenseInt8;

    let quantized = without_relu();
    let mut bytes = quantized.to_safetensors().expect("a file");
    assert!(DenseInt8::from_safetensors(&bytes).is_ok());
    let (recorded, relu) = (b"Dropout<5, 50>", b"Relu<5, 99999>");
    let at = bytes.windows(recorded.len()).position(|text| text == recorded).expect("the layer");
    bytes[at..at + relu.len()].copy_from_slice(relu);
    let error = DenseInt8::from_safetensors(&bytes).expect_err("a ReLU").to_string();
    assert!(error.starts_with("the input of layer 2 comes after a ReLU and has the zero point"), "{error}");
}
