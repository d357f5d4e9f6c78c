//! Networks, optimisers and trainers through serde: JSON and postcard, whole and cut short; training that is stopped,
//! saved, loaded and continued.

mod common;

use common::{Chain, flat, network, rng};
use constnet::{
    Adam, AdamW, ClipNorm, ClipValue, Dropout, Elu, Error, Frozen, LayerNorm, Linear, Momentum, Optimizer,
    Relu, Residual, RmsProp, Sequential, Sgd, Sigmoid, StaticNetwork, Tanh, Trainer, Zeroed,
    layers::{Elem, Layer},
    mlp,
    optim::{
        OptimizerState, WithSchedule,
        schedule::{Cosine, StepDecay, Warmup},
    },
    sequential,
};
use rand::{distr::Distribution, rngs::Xoshiro128PlusPlus};
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Saves and loads a network by JSON and by postcard, and compares the bits of each number.
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

    // Both are refused if they are cut short anywhere.
    for length in (0..bytes.len()).step_by(bytes.len() / 50 + 1) {
        assert!(postcard::from_bytes::<Sequential<L>>(&bytes[..length]).is_err(), "{length} bytes");
    }
    for length in (0..json.len()).step_by(json.len() / 50 + 1) {
        assert!(serde_json::from_str::<Sequential<L>>(&json[..length]).is_err(), "{length} characters");
    }
}

/// Sizes above 32, for which serde itself has no arrays, in each place.
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
    round_trip::<Chain<Sequential![Linear<3, 4>, Tanh<4>, Elu<4>, Sigmoid<4>, Linear<4, 1>]>>(10);
}

#[test]
fn json_reads_as_the_layers_do() {
    let net = sequential![Linear::new([[1.0_f32, 2.0]], [0.5]), Relu::new()];
    let json = r#"[{"weight":[[1.0,2.0]],"bias":[0.5]},null]"#;
    assert_eq!(serde_json::to_string(&net).expect("JSON"), json);
    // The fields may have any order, and other fields are ignored.
    let other = r#"[{"bias":[0.5],"note":"by hand","weight":[[1.0,2.0]]},null]"#;
    assert_eq!(serde_json::from_str::<Sequential<(Linear<2, 1>, Relu<1>)>>(other).expect("JSON"), net);
}

#[test]
fn wrong_lengths_are_refused() {
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

/// Postcard stores no shapes: for a smaller network, bytes are left over, which the caller can check.
#[test]
fn postcard_leaves_bytes_over_for_a_smaller_network() {
    let net: mlp![5, 9, 3] = network(&mut rng(1));
    let bytes = postcard::to_allocvec(&net).expect("postcard");
    let (_, left): (mlp![5, 8, 3], &[u8]) = postcard::take_from_bytes(&bytes).expect("as many numbers");
    assert_eq!(left.len(), (5 + 1 + 3) * size_of::<f32>(), "the numbers of a hidden unit");
    let (_, left): (mlp![5, 9, 3], &[u8]) = postcard::take_from_bytes(&bytes).expect("our own bytes");
    assert!(left.is_empty());
}

#[test]
fn a_layer_is_read_in_place() {
    let mut layer = Linear::<2, 1>::ZERO;
    let mut json = serde_json::Deserializer::from_str(r#"{"weight":[[1.0,2.0]],"bias":[0.5]}"#);
    Deserialize::deserialize_in_place(&mut json, &mut layer).expect("JSON");
    assert_eq!(layer, Linear::new([[1.0, 2.0]], [0.5]));
}

#[test]
fn a_frozen_network_takes_nothing() {
    struct Body;
    impl StaticNetwork for Body {
        type Net = Linear<2, 2>;
        fn network() -> &'static Linear<2, 2> {
            static BODY: Linear<2, 2> = Zeroed::ZERO;
            &BODY
        }
    }
    let net = Sequential((Frozen::<Body>::new(), Linear::new([[1.0_f32, 2.0]], [3.0])));
    let bytes = postcard::to_allocvec(&net).expect("postcard");
    assert_eq!(bytes.len(), 3 * size_of::<f32>());
    assert!(postcard::from_bytes::<Sequential<(Frozen<Body>, Linear<2, 1>)>>(&bytes).expect("ours") == net);
}

/// A training run as it is saved.
#[derive(Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: DeserializeOwned"))]
struct Checkpoint<T> {
    trainer: T,
    rng: Xoshiro128PlusPlus,
}

/// A network with dropout, the masks of which continue too.
type Learner = Sequential![Linear<3, 9>, Relu<9>, Dropout<9, 30>, Linear<9, 2>];

/// Trains on the same data each time: 21 samples in batches of 4, so that the last batch is partial.
fn train<Opt: Optimizer<f32>>(
    trainer: &mut Trainer<Learner, Opt, 4>,
    epochs: usize,
    rng: &mut Xoshiro128PlusPlus,
) -> Result<(), Error<f32>> {
    let (x, y) = data();
    trainer.fit(&x, &y).epochs(epochs).run(rng).map(|_| ())
}

fn data() -> ([[f32; 3]; 21], [[f32; 2]; 21]) {
    let x: [[f32; 3]; 21] = core::array::from_fn(|i| [(i as f32).sin(), (i as f32).cos(), i as f32 / 21.0]);
    (x, x.map(|[a, b, c]| [a * b, b - c]))
}

/// Training that is stopped after some epochs, saved, loaded and continued gives the bits of training that never
/// stopped: the same network, and the same state for later steps.
fn resume<Opt: Optimizer<f32> + Serialize + DeserializeOwned + Copy>(name: &str, optimizer: Opt)
where
    OptimizerState<Learner, Opt>: Serialize + DeserializeOwned,
{
    resume_by(name, optimizer, train);
}

fn resume_by<Opt: Optimizer<f32> + Serialize + DeserializeOwned + Copy>(
    name: &str,
    optimizer: Opt,
    train: fn(&mut Trainer<Learner, Opt, 4>, usize, &mut Xoshiro128PlusPlus) -> Result<(), Error<f32>>,
) where
    OptimizerState<Learner, Opt>: Serialize + DeserializeOwned,
{
    let start = || (Trainer::new(network(&mut rng(1)), optimizer), rng(2));
    let (mut whole, mut whole_rng) = start();
    train(&mut whole, 7, &mut whole_rng).expect("training");

    let (mut trainer, mut rng) = start();
    train(&mut trainer, 3, &mut rng).expect("training");
    assert_ne!(whole.net, trainer.net, "{name}: nothing is left to learn");
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
fn stopped_training_resumes_bit_for_bit() {
    resume("SGD", Sgd { lr: 0.05 });
    let momentum = Momentum { lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 0.0 };
    resume("momentum", momentum);
    resume("RMSprop", RmsProp::new(0.01));
    resume("Adam", Adam::new(0.01));
    resume("AdamW", AdamW::new(0.01));
    resume("clipped values", ClipValue { optimizer: Adam::new(0.01), max_value: 0.1 });
    resume("a clipped norm", ClipNorm { optimizer: momentum, max_norm: 0.5 });
    // An epoch has 6 steps, so the rate falls before the stop and after it.
    let decay = StepDecay { lr: 0.05, step_size: 12, gamma: 0.5 };
    resume("scheduled steps", WithSchedule { optimizer: Adam::new(0.01), schedule: decay });
    let then = Cosine { lr: 0.05, t_max: 40, eta_min: 0.001 };
    let warmup = Warmup { start_factor: 0.1, total_iters: 20, then };
    resume("a warm-up and a cosine", WithSchedule { optimizer: Sgd { lr: 0.05 }, schedule: warmup });
}

/// The same on all cores, in batches of 10, 10 and 1.
#[test]
#[cfg(feature = "rayon")]
fn stopped_parallel_training_resumes_bit_for_bit() {
    fn train<Opt: Optimizer<f32>>(
        trainer: &mut Trainer<Learner, Opt, 4>,
        epochs: usize,
        rng: &mut Xoshiro128PlusPlus,
    ) -> Result<(), Error<f32>> {
        let (x, y) = data();
        trainer.fit(&x, &y).epochs(epochs).parallel(10).run(rng).map(|_| ())
    }
    resume_by("SGD", Sgd { lr: 0.05 }, train);
    resume_by("Adam", Adam::new(0.01), train);
    resume_by("a clipped norm", ClipNorm { optimizer: Adam::new(0.01), max_norm: 0.5 }, train);
    let decay = StepDecay { lr: 0.05, step_size: 7, gamma: 0.5 };
    resume_by("scheduled steps", WithSchedule { optimizer: Adam::new(0.01), schedule: decay }, train);
}

/// Training may continue in another way after it was loaded: on all cores after it was not, or the other way round.
#[test]
#[cfg(feature = "rayon")]
fn training_is_loaded_to_be_continued_in_parallel() {
    let (x, y) = data();
    let mut trainer: Trainer<Learner, _, 4> = Trainer::new(network(&mut rng(1)), Adam::new(0.01));
    train(&mut trainer, 3, &mut rng(2)).expect("training");
    let json = serde_json::to_string(&trainer).expect("JSON");
    let mut loaded: Trainer<Learner, Adam, 4> = serde_json::from_str(&json).expect("our own JSON");
    for trainer in [&mut trainer, &mut loaded] {
        trainer.fit(&x, &y).epochs(2).parallel(10).run(&mut rng(3)).expect("training");
        train(trainer, 2, &mut rng(4)).expect("training");
    }
    assert_eq!(common::bits(&loaded.net), common::bits(&trainer.net));
}
