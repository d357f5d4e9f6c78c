//! Networks, optimisers and trainers through serde: JSON and postcard, whole and cut short; training that is stopped,
//! saved, loaded and continued.

mod common;

use common::{Chain, flat, network, rng};
use constnet::{
    Adam, AdamW, ClipNorm, ClipValue, Dropout, Elu, Error, Frozen, L1, LayerNorm, Linear, Momentum,
    Optimizer, Relu, Residual, RmsProp, Selu, Sequential, Sgd, Sigmoid, Standardize, StaticNetwork, Tanh,
    Trainer, WeightedBceWithLogits, WeightedCrossEntropy, Zeroed,
    formats::{LoadError, LoadInPlace, Mismatch, load_boxed, load_in_place},
    layers::{Elem, Layer},
    mlp,
    optim::{
        LayersFrom, OptimizerMemory, OptimizerState, ParameterGroup, WithSchedule,
        schedule::{Cosine, StepDecay, Warmup},
    },
    sequential,
};
use rand::{distr::Distribution, rngs::Xoshiro128PlusPlus};
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The size of a text of this length in postcard.
fn prefixed(len: usize) -> usize {
    len + if len < 128 { 1 } else { 2 }
}

/// Saves and loads a network by JSON and by postcard, and compares the bits of each number.
fn round_trip<L: Layer>(seed: u64)
where
    Sequential<L>: Serialize + DeserializeOwned,
    StandardNormal: Distribution<Elem<L>>,
{
    let net: Sequential<L> = network(&mut rng(seed));
    let json = serde_json::to_string(&net).expect("JSON");
    let read: Sequential<L> = serde_json::from_str(&json).expect("our own JSON");
    assert!(flat(&read) == flat(&net), "{net} by JSON");

    let bytes = postcard::to_allocvec(&net).expect("postcard");
    let header = 1 + prefixed(net.layers().to_string().len());
    assert_eq!(
        bytes.len(),
        header + L::PARAMS * size_of::<Elem<L>>(),
        "nothing but the header and the numbers"
    );
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
    round_trip::<Chain<Sequential![Standardize<40>, Linear<40, 3>, LayerNorm<3, f32, 12>, Selu<3>]>>(11);
}

#[test]
fn json_reads_as_the_layers_do() {
    let net = sequential![Linear::new([[1.0_f32, 2.0]], [0.5]), Relu::new()];
    let header = r#""header":{"version":1,"layers":"Sequential![Linear<2, 1>, Relu<1>]"}"#;
    let json = format!(r#"{{{header},"values":[{{"weight":[[1.0,2.0]],"bias":[0.5]}},null]}}"#);
    assert_eq!(serde_json::to_string(&net).expect("JSON"), json);
    // The fields of a layer may have any order, and other fields are ignored.
    let other = format!(
        r#"{{"note":[1],{header},"values":[{{"bias":[0.5],"note":"by hand","weight":[[1.0,2.0]]}},null]}}"#
    );
    assert_eq!(serde_json::from_str::<Sequential<(Linear<2, 1>, Relu<1>)>>(&other).expect("JSON"), net);
}

/// JSON has no infinity: serde_json writes `null`, and reads a number that is too large as an infinity.
#[test]
fn only_finite_numbers_are_text() {
    let json = |weight: &str| {
        let header = r#""header":{"version":1,"layers":"Sequential![Linear<1, 2>]"}"#;
        format!(r#"{{{header},"values":[{{"weight":[[1.0],[{weight}]],"bias":[0.5,0.5]}}]}}"#)
    };
    let mut net: mlp![1, 2] = serde_json::from_str(&json("-3e38")).expect("JSON");
    let value = serde_json::from_str::<serde_json::Value>(&json("-4e38")).expect("JSON");
    let error = serde_json::from_value::<mlp![1, 2]>(value).expect_err("an infinity").to_string();
    assert_eq!(error, "the number with index 0 is too large, expected a finite f32");

    net.layer_mut::<0>().bias_mut()[1] = f32::NAN;
    let error = serde_json::to_string(&net).expect_err("NaN").to_string();
    assert_eq!(
        error,
        "a number of `bias` is NaN: a text format has finite numbers only; use a binary format"
    );
    let bytes = postcard::to_allocvec(&net).expect("postcard");
    let read: mlp![1, 2] = postcard::from_bytes(&bytes).expect("our own bytes");
    assert_eq!(common::bits(&read), common::bits(&net));
}

/// A chain is one tuple, so that its length does not meet the depth of 128 that serde_json allows.
#[test]
fn a_long_chain_is_one_tuple() {
    type L = Linear<1, 1>;
    type Long = Sequential![
        L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
        L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
        L, L, L, L, L, L, L, L
    ];
    let net: Long = network(&mut rng(1));
    let json = serde_json::to_value(net).expect("JSON");
    assert_eq!(json["values"].as_array().map(Vec::len), Some(76));
    assert_eq!(serde_json::from_str::<Long>(&json.to_string()).expect("our own JSON"), net);

    // Networks in the network are in the same tuple; the body of a residual layer is another tuple.
    let net: Sequential![Sequential![Linear<2, 3>, Relu<3>], Residual<Sequential![Linear<3, 3>]>] =
        network(&mut rng(2));
    let json = serde_json::to_value(net).expect("JSON");
    let layers = json["values"].as_array().expect("a tuple");
    assert_eq!(layers.len(), 3, "{json}");
    assert_eq!(layers[2].as_array().map(Vec::len), Some(1), "{json}");
    assert_eq!(serde_json::from_value::<Sequential<_>>(json).expect("our own JSON"), net);
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
        ("3", "expected the layer `Linear<2, 1>`, as a weight of shape (1, 2) and a bias of shape (1,)"),
    ] {
        let text = refused(json);
        assert!(text.contains(reason), "{json}: {text}");
    }
}

/// Loads the bytes of a network into another one, which must stay as it is. Returns what differs.
#[track_caller]
fn refused<From: Serialize, To>(from: &From, to: &To) -> Mismatch
where
    To: DeserializeOwned + for<'de> LoadInPlace<'de> + PartialEq + Clone + core::fmt::Debug,
{
    let bytes = postcard::to_allocvec(from).expect("postcard");
    let json = serde_json::to_string(from).expect("JSON");
    assert!(postcard::from_bytes::<To>(&bytes).is_err());
    let message = serde_json::from_str::<To>(&json).expect_err("another network").to_string();

    let mut place = to.clone();
    let result = load_in_place(&mut place, &mut postcard::Deserializer::from_bytes(&bytes));
    let Err(LoadError::Mismatch(mismatch)) = result else { panic!("{result:?}") };
    let result = load_in_place(&mut place, &mut serde_json::Deserializer::from_str(&json));
    assert!(matches!(&result, Err(LoadError::Mismatch(by_json)) if *by_json == mismatch), "{result:?}");
    assert_eq!(place, *to, "changed");
    assert!(message.starts_with(&mismatch.to_string()), "{message}: {mismatch}");
    mismatch
}

#[test]
fn another_network_is_refused_with_both_names() {
    type Small = mlp![5, 8, 3];
    let (large, small): (mlp![5, 9, 3], Small) = (network(&mut rng(1)), network(&mut rng(2)));
    let mismatch = refused(&large, &small);
    assert_eq!(mismatch.what, "layers");
    assert_eq!(mismatch.found.as_str(), "Linear<5, 9>, Relu<9>, Linear<9, 3>]");
    assert_eq!(mismatch.expected.as_str(), "Linear<5, 8>, Relu<8>, Linear<8, 3>]");
    refused(&small, &large);

    let relu: Sequential![Linear<5, 8>, Relu<8>, Linear<8, 3>] = small;
    let tanh: Sequential![Linear<5, 8>, Tanh<8>, Linear<8, 3>] = network(&mut rng(3));
    let mismatch = refused(&relu, &tanh);
    assert_eq!(
        mismatch.to_string(),
        "saved with another layers: found `…Relu<8>, Linear<8, 3>]`, expected `…Tanh<8>, Linear<8, 3>]`"
    );

    // Surplus and missing layers, and another element type.
    let shorter: Sequential![Linear<5, 8>, Relu<8>] = network(&mut rng(4));
    refused(&shorter, &small);
    refused(&small, &shorter);
    refused(&network::<mlp![f64; 5, 8, 3]>(&mut rng(5)), &small);
}

#[test]
fn the_state_of_another_optimizer_is_refused() {
    let mut net: mlp![2, 1] = network(&mut rng(1));
    let gradient = network(&mut rng(2));
    let (mut adam, mut adam_w) = (OptimizerState::ZERO, OptimizerState::ZERO);
    Adam::new(0.1).step(&mut net, &gradient, &mut adam).expect("finite numbers");
    AdamW::new(0.2).step(&mut net, &gradient, &mut adam_w).expect("finite numbers");
    let mismatch =
        refused::<OptimizerState<mlp![2, 1], Adam>, OptimizerState<mlp![2, 1], AdamW>>(&adam, &adam_w);
    assert_eq!(mismatch.what, "optimizer");
    assert_eq!((mismatch.found.as_str(), mismatch.expected.as_str()), ("Adam", "AdamW"));

    let json = serde_json::to_string(&adam).expect("JSON");
    assert!(serde_json::from_str::<OptimizerState<mlp![2, 1], Adam>>(&json).expect("ours") == adam);
}

/// What differs when a trainer is loaded into another one, whose network stays as it is.
#[track_caller]
fn refused_trainer<const B: usize, Opt, C, Opt2, C2>(
    from: &Trainer<mlp![2, 1], Opt, B, C>,
    to: &mut Trainer<mlp![2, 1], Opt2, B, C2>,
) -> String
where
    Opt: OptimizerMemory + Serialize,
    C: Serialize,
    Opt2: OptimizerMemory + DeserializeOwned,
    C2: DeserializeOwned,
{
    let bytes = postcard::to_allocvec(from).expect("postcard");
    let net = to.net;
    let result = load_in_place(to, &mut postcard::Deserializer::from_bytes(&bytes));
    assert_eq!(to.net, net, "changed");
    let Err(LoadError::Mismatch(mismatch)) = result else { panic!("{result:?}") };
    mismatch.to_string()
}

#[test]
fn another_trainer_is_refused() {
    let net = || network(&mut rng(1));
    let mut adam: Trainer<mlp![2, 1], _, 4> = Trainer::new(net(), Adam::new(0.1_f32));
    let adam_w: Trainer<mlp![2, 1], _, 4> = Trainer::new(net(), AdamW::new(0.1_f32));
    let mut l1: Trainer<mlp![2, 1], _, 4, _> = Trainer::with_loss(net(), Adam::new(0.1_f32), L1);
    let clipped: Trainer<mlp![2, 1], _, 4, _> =
        Trainer::with_loss(net(), ClipNorm { optimizer: Adam::new(0.1_f32), max_norm: 1.0_f32 }, L1);
    assert_eq!(
        refused_trainer(&adam_w, &mut adam),
        "saved with another optimizer: found `AdamW`, expected `Adam`"
    );
    assert_eq!(refused_trainer(&adam, &mut l1), "saved with another loss: found `Mse`, expected `L1`");
    assert_eq!(
        refused_trainer(&clipped, &mut l1),
        "saved with another optimizer: found `ClipNorm<Adam>`, expected `Adam`"
    );
}

#[test]
fn another_version_of_the_format_is_refused() {
    let mut net: mlp![2, 1] = network(&mut rng(1));
    let before = net;
    let json = serde_json::to_string(&net).expect("JSON").replace(r#""version":1"#, r#""version":2"#);
    let error =
        load_in_place(&mut net, &mut serde_json::Deserializer::from_str(&json)).expect_err("version 2");
    assert!(matches!(error, LoadError::Version { found: 2, expected: 1 }), "{error:?}");
    assert_eq!(error.to_string(), "saved in version 2 of the format, expected version 1");
    assert_eq!(net, before, "changed");
    // JSON of version 0.1 of this crate, without a header.
    let error =
        serde_json::from_str::<mlp![2, 1]>(r#"[{"weight":[[1.0,2.0]],"bias":[0.5]}]"#).expect_err("old");
    assert!(error.to_string().starts_with("missing field `version`"), "{error}");
}

/// Everything that is loaded by value is loaded in place and into a box too, whole or not at all.
#[test]
fn a_trainer_is_loaded_in_place_and_into_a_box() {
    type T = Trainer<Learner, Adam, 4>;
    let mut trainer: T = Trainer::new(network(&mut rng(1)), Adam::new(0.01));
    train(&mut trainer, 3, &mut rng(2)).expect("training");
    let bytes = postcard::to_allocvec(&trainer).expect("postcard");
    let json = serde_json::to_string(&trainer).expect("JSON");

    let mut place = T::new(network(&mut rng(3)), Adam::new(0.5));
    load_in_place(&mut place, &mut postcard::Deserializer::from_bytes(&bytes)).expect("our own bytes");
    assert_eq!(serde_json::to_string(&place).expect("JSON"), json);
    // By serde's own method too, as part of a larger value.
    let mut place = (T::new(network(&mut rng(3)), Adam::new(0.5)), 0);
    let both = format!("[{json},7]");
    let mut both = serde_json::Deserializer::from_str(&both);
    Deserialize::deserialize_in_place(&mut both, &mut place).expect("JSON");
    assert_eq!((serde_json::to_string(&place.0).expect("JSON"), place.1), (json.clone(), 7));

    let boxed: Box<T> = load_boxed(&mut serde_json::Deserializer::from_str(&json)).expect("our own JSON");
    assert_eq!(serde_json::to_string(&boxed).expect("JSON"), json);
    for length in 0..bytes.len() {
        let cut = load_boxed::<T, _>(&mut postcard::Deserializer::from_bytes(&bytes[..length]));
        assert!(matches!(cut, Err(LoadError::Format(_))), "{length} bytes");
    }
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
    let header = 1 + prefixed(net.layers().to_string().len());
    assert_eq!(bytes.len(), header + 3 * size_of::<f32>());
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
    let groups = ParameterGroup {
        parameters: LayersFrom::<2>,
        optimizer: Adam::new(0.02),
        others: Adam { weight_decay: 0.1, ..Adam::new(0.01) },
    };
    resume("parameter groups", groups);
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

/// The values of another network, before its header: nothing is changed.
#[test]
fn values_before_the_header_are_refused() {
    let json = r#"{"values":[{"weight":[[5.0]],"bias":[5.0]}],"header":{}}"#;
    let mut net: mlp![1, 1] = Zeroed::ZERO;
    let error =
        load_in_place(&mut net, &mut serde_json::Deserializer::from_str(json)).expect_err("no header");
    assert!(error.to_string().contains("`values` before `header`"), "{error}");
    assert_eq!(net, Zeroed::ZERO);
}

/// A loss with more weights than serde itself has arrays for.
#[test]
fn losses_with_weights() {
    let loss = WeightedCrossEntropy::<40> {
        weight: std::array::from_fn(|class| class as f32),
        ignore_index: 255,
        label_smoothing: 0.25,
    };
    let json = serde_json::to_string(&loss).expect("JSON");
    assert!(
        json.starts_with(r#"{"weight":[0.0,1.0,2.0,"#)
            && json.ends_with(r#","ignore_index":255,"label_smoothing":0.25}"#)
    );
    assert_eq!(serde_json::from_str::<WeightedCrossEntropy<40>>(&json).expect("our own JSON"), loss);
    assert!(serde_json::from_str::<WeightedCrossEntropy<41>>(&json).is_err());
    let loss = WeightedBceWithLogits { pos_weight: [0.5_f32; 40] };
    let bytes = postcard::to_allocvec(&loss).expect("postcard");
    assert_eq!((postcard::from_bytes(&bytes), bytes.len()), (Ok(loss), 4 * 40));
}
