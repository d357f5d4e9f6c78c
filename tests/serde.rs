//! Networks, optimisers and trainers through serde: JSON and postcard, whole and cut short; training
//! that is stopped, saved, loaded and continued.

mod common;

use common::{Chain, flat, network, rng};
use constnet::{
    Adam, AdamW, ClipNorm, ClipValue, Dropout, Elem, Error, Frozen, Layer, LayerNorm, Linear, Momentum,
    Optimizer, Relu, Residual, RmsProp, Scheduled, Sequential, Sgd, Trainer, Zeroed, mlp,
    schedule::{Cosine, StepDecay, Warmup},
    sequential,
};
use rand::{distr::Distribution, rngs::Xoshiro128PlusPlus};
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Through JSON and through postcard, each number by its bits.
fn round_trip<L: Layer + Serialize + DeserializeOwned>(seed: u64)
where
    StandardNormal: Distribution<Elem<L>>,
{
    let net: Sequential<L> = network(&mut rng(seed));
    let json = serde_json::to_string(&net).expect("JSON");
    let read: Sequential<L> = serde_json::from_str(&json).expect("our own JSON");
    assert!(flat(&read) == flat(&net), "{net} by JSON");

    let bytes = postcard::to_allocvec(&net).expect("postcard");
    assert_eq!(bytes.len(), L::PARAMS * size_of::<Elem<L>>(), "nothing but the numbers");
    let read: Sequential<L> = postcard::from_bytes(&bytes).expect("our own bytes");
    assert!(flat(&read) == flat(&net), "{net} by postcard");

    // Cut short anywhere, neither is a network.
    for length in (0..bytes.len()).step_by(bytes.len() / 50 + 1) {
        assert!(postcard::from_bytes::<Sequential<L>>(&bytes[..length]).is_err(), "{length} bytes");
    }
    for length in (0..json.len()).step_by(json.len() / 50 + 1) {
        assert!(serde_json::from_str::<Sequential<L>>(&json[..length]).is_err(), "{length} characters");
    }
}

/// Sizes beyond the 32 that serde itself knows, in each place.
#[test]
fn every_depth_and_both_element_types_come_back() {
    round_trip::<Chain<mlp![1, 1]>>(1);
    round_trip::<Chain<mlp![33, 2]>>(2);
    round_trip::<Chain<mlp![5, 64, 3]>>(3);
    round_trip::<Chain<mlp![7, 9, 33, 2, 1, 100]>>(4);
    round_trip::<Chain<mlp![f64; 1, 1]>>(5);
    round_trip::<Chain<mlp![f64; 5, 64, 3]>>(6);
    round_trip::<Chain<mlp![f64; 7, 9, 33, 2, 1, 100]>>(7);
    round_trip::<(Sequential<Chain<mlp![2, 3]>>, (Relu<3>, Linear<3, 1>))>(8);
    round_trip::<Chain<Sequential![LayerNorm<40>, Linear<40, 3>, Residual<Linear<3, 3>>, Dropout<3>]>>(9);
}

#[test]
fn json_reads_as_the_layers_do() {
    let net = sequential![Linear::new([[1.0_f32, 2.0]], [0.5]), Relu::new()];
    let json = r#"[{"weight":[[1.0,2.0]],"bias":[0.5]},null]"#;
    assert_eq!(serde_json::to_string(&net).expect("JSON"), json);
    // The order of fields is of no meaning, and others are allowed.
    let other = r#"[{"bias":[0.5],"note":"by hand","weight":[[1.0,2.0]]},null]"#;
    assert_eq!(serde_json::from_str::<Sequential<(Linear<2, 1>, Relu<1>)>>(other).expect("JSON"), net);
}

#[test]
fn wrong_lengths_are_refused_in_words() {
    let refused = |json: &str| serde_json::from_str::<Linear<2, 1>>(json).expect_err(json).to_string();
    for (json, reason) in [
        (r#"{"weight":[[1.0]],"bias":[0.5]}"#, "invalid length 1, expected 2 numbers"),
        (r#"{"weight":[],"bias":[0.5]}"#, "invalid length 0, expected 1 rows"),
        (r#"{"weight":[[1.0,2.0]],"bias":[]}"#, "invalid length 0, expected 1 numbers"),
        (r#"{"weight":[[1.0,2.0,3.0]],"bias":[0.5]}"#, "trailing characters"),
        (r#"{"weight":[[1.0,2.0]],"bias":[0.5,1.0]}"#, "trailing characters"),
        (r#"{"weight":[[1.0,2.0],[3.0,4.0]],"bias":[0.5]}"#, "trailing characters"),
        (r#"{"weight":[[1.0,2.0]]}"#, "missing field `bias`"),
        (r#"{"bias":[0.5]}"#, "missing field `weight`"),
        (r#"{"bias":[0.5],"bias":[0.5],"weight":[[1.0,2.0]]}"#, "duplicate field `bias`"),
        ("3", "expected a linear layer with a weight of shape (1, 2) and a bias of shape (1,)"),
    ] {
        let text = refused(json);
        assert!(text.contains(reason), "{json}: {text}");
    }
}

/// Postcard has no shapes: numbers that are too many are left over, for the caller to see.
#[test]
fn postcard_leaves_over_what_a_smaller_network_does_not_take() {
    let net: mlp![5, 9, 3] = network(&mut rng(1));
    let bytes = postcard::to_allocvec(&net).expect("postcard");
    let (_, left): (mlp![5, 8, 3], &[u8]) = postcard::take_from_bytes(&bytes).expect("as many numbers");
    assert_eq!(left.len(), (5 + 1 + 3) * size_of::<f32>(), "what a hidden unit has");
    let (_, left): (mlp![5, 9, 3], &[u8]) = postcard::take_from_bytes(&bytes).expect("our own bytes");
    assert!(left.is_empty());
}

#[test]
fn a_layer_is_read_where_it_lies() {
    let mut layer = Linear::<2, 1>::ZERO;
    let mut json = serde_json::Deserializer::from_str(r#"{"weight":[[1.0,2.0]],"bias":[0.5]}"#);
    Deserialize::deserialize_in_place(&mut json, &mut layer).expect("JSON");
    assert_eq!(layer, Linear::new([[1.0, 2.0]], [0.5]));
}

#[test]
fn a_frozen_network_takes_nothing() {
    struct Body;
    impl constnet::Fixed for Body {
        type Net = Linear<2, 2>;
        fn net() -> &'static Linear<2, 2> {
            static BODY: Linear<2, 2> = Zeroed::ZERO;
            &BODY
        }
    }
    let net = Sequential((Frozen::<Body>::new(), Linear::new([[1.0_f32, 2.0]], [3.0])));
    let bytes = postcard::to_allocvec(&net).expect("postcard");
    assert_eq!(bytes.len(), 3 * size_of::<f32>());
    assert!(postcard::from_bytes::<Sequential<(Frozen<Body>, Linear<2, 1>)>>(&bytes).expect("ours") == net);
}

/// A training run as it is kept on a disk.
#[derive(Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: DeserializeOwned"))]
struct Checkpoint<T> {
    trainer: T,
    rng: Xoshiro128PlusPlus,
}

/// With dropout, whose draws go on too.
type Learner = Sequential![Linear<3, 9>, Relu<9>, Dropout<9, 30>, Linear<9, 2>];

/// Trains on, by the same data each time: 21 samples in batches of 4, so that the last one is partial.
fn train<Opt: Optimizer<f32>>(
    trainer: &mut Trainer<Learner, Opt, 4>,
    epochs: usize,
    rng: &mut Xoshiro128PlusPlus,
) -> Result<(), Error<f32>> {
    let x: [[f32; 3]; 21] = core::array::from_fn(|i| [(i as f32).sin(), (i as f32).cos(), i as f32 / 21.0]);
    let y = x.map(|[a, b, c]| [a * b, b - c]);
    trainer.fit(&x, &y).epochs(epochs).run(rng, |_, _| {}).map(|_| ())
}

/// Stopped after some epochs, saved, loaded and continued, training gives the bits of training that never
/// stopped: of the network, and of all that will come.
fn resume<Opt: Optimizer<f32> + Serialize + DeserializeOwned + Copy>(name: &str, optimizer: Opt)
where
    Opt::State<Learner>: Serialize + DeserializeOwned,
{
    let start = || (Trainer::new(network(&mut rng(1)), optimizer), rng(2));
    let (mut whole, mut whole_rng) = start();
    train(&mut whole, 7, &mut whole_rng).expect("training");

    let (mut trainer, mut rng) = start();
    train(&mut trainer, 3, &mut rng).expect("training");
    assert_ne!(whole.net, trainer.net, "{name}: nothing left to learn");
    let checkpoint = Checkpoint { trainer, rng };
    let json = serde_json::to_string(&checkpoint).expect("JSON");
    let bytes = postcard::to_allocvec(&checkpoint).expect("postcard");
    let by_json: Checkpoint<_> = serde_json::from_str(&json).expect("our own JSON");
    let by_bytes: Checkpoint<_> = postcard::from_bytes(&bytes).expect("our own bytes");
    for Checkpoint { mut trainer, mut rng } in [checkpoint, by_json, by_bytes] {
        train(&mut trainer, 4, &mut rng).expect("training");
        assert_eq!(common::bits(&trainer.net), common::bits(&whole.net), "{name}");
        assert_eq!(rng, whole_rng, "{name}");
        let state = |t| serde_json::to_string::<Trainer<Learner, Opt, 4>>(t).expect("JSON");
        assert_eq!(state(&trainer), state(&whole), "{name}");
    }
}

#[test]
fn training_that_was_stopped_goes_on_as_if_it_had_not() {
    resume("SGD", Sgd { lr: 0.05 });
    let momentum = Momentum { lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 0.0 };
    resume("momentum", momentum);
    resume("RMSprop", RmsProp::new(0.01));
    resume("Adam", Adam::new(0.01));
    resume("AdamW", AdamW::new(0.01));
    resume("clipped values", ClipValue { optimizer: Adam::new(0.01), max_value: 0.1 });
    resume("a clipped norm", ClipNorm { optimizer: momentum, max_norm: 0.5 });
    // With 6 steps to an epoch, the rate falls before the stop and after it.
    let decay = StepDecay { lr: 0.05, every: 12, factor: 0.5 };
    resume("scheduled steps", Scheduled { optimizer: Adam::new(0.01), schedule: decay });
    let warmup = Warmup { start: 0.1, steps: 20, then: Cosine { lr: 0.05, steps: 40, min: 0.001 } };
    resume("a warm-up and a cosine", Scheduled { optimizer: Sgd { lr: 0.05 }, schedule: warmup });
}
