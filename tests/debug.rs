//! The `Debug` texts that are written by hand.

use std::fmt::Debug;

use constnet::{
    Cache, Dropout, Elu, Frozen, LeakyRelu, Linear, Relu, Sequential, Sgd, Softmax, StaticNetwork, Trainer,
    Zeroed,
    layers::{Features, InputOnly, Shape},
    mlp,
    simd::Vector,
};

fn text(value: impl Debug) -> String {
    format!("{value:?}")
}

#[test]
fn layers() {
    assert_eq!(
        text(Linear::new([[1.0_f32, 2.0], [3.0, 4.0]], [5.0, -6.0])),
        "Linear { weight: [[1.0, 2.0], [3.0, 4.0]], bias: [5.0, -6.0] }"
    );
    assert_eq!(text(Relu::<3>::ZERO), "Relu<3>");
    assert_eq!(text(Elu::<3, f64>::ZERO), "Elu<3, f64>");
    assert_eq!(text(LeakyRelu::<3, 20>::ZERO), "LeakyRelu<3, 20>");
    assert_eq!(text(Dropout::<4, 20>::new()), "Dropout<4, 20>");
    assert_eq!(text(Dropout::<4, 20, f64>::new()), "Dropout<4, 20, f64>");
    assert_eq!(text(Softmax::<3>::ZERO), "Softmax<3>");
    assert_eq!(text(Softmax::<3, f64>::ZERO), "Softmax<3, f64>");
    assert_eq!(text(Frozen::<Body>::new()), "Frozen");
}

struct Body;

impl StaticNetwork for Body {
    type Net = Linear<2, 2>;

    fn network() -> &'static Linear<2, 2> {
        static BODY: Linear<2, 2> = Zeroed::ZERO;
        &BODY
    }
}

#[test]
fn networks_and_passes() {
    let net = Sequential(Linear::new([[1.0_f32, 2.0]], [5.0]));
    assert_eq!(text(net), "{0.weight: [[1.0, 2.0]], 0.bias: [5.0]}");
    assert_eq!(text(net.get_parameter("0.weight").expect("a weight")), "0.weight (1, 2): [[1.0, 2.0]]");

    let mut cache = Cache::<_, 1>::ZERO;
    assert_eq!(text(&cache), "Cache { mode: Eval, output: [[0.0]], .. }");
    assert_eq!(text(net.forward(&[[1.0, 1.0]], &mut cache)), "Pass { output: [[8.0]], .. }");
    cache.train(7);
    assert!(text(&cache).starts_with("Cache { mode: Train { seed: 7, pass: "), "{cache:?}");
    assert_eq!(text(Vector::number(1.0_f32)), "Vector of 1 lanes");
}

/// A tensor of more than 256 values is one line, whose figures are those of its values.
#[test]
fn long_tensors_are_summarised() {
    let values = |rows: [[f32; 64]; 4], last: f32| {
        let mut net = <Sequential![Linear<64, 4>, Linear<4, 257>]>::ZERO;
        (*net.layer_mut::<0>()) = Linear::new(rows, [0.0; 4]);
        let mut bias = [0.0; 257];
        (bias[0], bias[256]) = (-3.0, last);
        (*net.layer_mut::<1>()) = Linear::new([[0.0; 4]; 257], bias);
        text(net)
    };
    let printed = values([[1.5; 64]; 4], 4.0);
    assert!(printed.contains(&"1.5, ".repeat(63)), "256 values are printed: {printed}");
    assert!(printed.contains("1.bias: [257 values from -3 to 4, norm 5, checksum "), "{printed}");
    let zeros = "1.weight: [1028 values from 0 to 0, norm 0, checksum 0]";
    assert!(printed.contains(zeros), "{printed}");
}

#[test]
fn training() {
    let mut trainer = Trainer::<mlp![1, 1], _, 2>::new(Zeroed::ZERO, Sgd { lr: 0.5 });
    assert_eq!(
        text(&trainer),
        "Trainer { net: {0.weight: [0.0], 0.bias: [0.0]}, optimizer: Sgd { lr: 0.5 }, loss: Mse, .. }"
    );
    let (x, y) = ([[0.0]; 5], [[0.0]; 5]);
    let mut best = Zeroed::ZERO;
    assert_eq!(
        text(trainer.fit(&x, &y)),
        "Fit { samples: 5, epochs: 1, validation: None, keep_best: false, .. }"
    );
    assert_eq!(
        text(trainer.fit(&x, &y).epochs(7).validate(&x[..3], &y[..3]).keep_best(&mut best)),
        "Fit { samples: 5, epochs: 7, validation: Some(3), keep_best: true, .. }"
    );
}

#[cfg(feature = "rayon")]
#[test]
fn workers() {
    let mut workers = constnet::parallel::Workers::<mlp![1, 1], 2>::new();
    assert_eq!(text(&workers), "Workers { has_gradient: false, .. }");
    workers.gradient(&Zeroed::ZERO, &constnet::Mse, &[[0.0]; 5], &[[0.0]; 5]).expect("a loss");
    assert_eq!(text(&workers), "Workers { has_gradient: true, .. }");
}

#[cfg(feature = "safetensors")]
#[test]
fn options_of_safetensors() {
    let options = constnet::Safetensors::new();
    assert_eq!(
        text(options),
        "Safetensors { prefix: \"\", convert: false, not_finite: false, other_layers: false, \
         extra: false, missing: false, missing_bias: false, transposed: false, batch_norm: None, .. }"
    );
    let options = options.prefix("encoder.").convert();
    assert_eq!(
        text(options),
        "Safetensors { prefix: \"encoder.\", convert: true, not_finite: false, other_layers: false, \
         extra: false, missing: false, missing_bias: false, transposed: false, batch_norm: None, .. }"
    );
}

/// Shapes are types without values, apart from this one, which is never built.
#[test]
fn shapes() {
    fn assert_debug<S: Shape + Debug>() {}
    assert_debug::<Features<1>>();
    assert_debug::<InputOnly<Features<1>>>();
}
