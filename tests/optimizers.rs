//! Every optimiser, its options, clipping and schedules against PyTorch in f64; the fused step of each on each kind of
//! layer against a backward pass followed by an update; and the errors for invalid numbers. `data/optimizers.py`
//! recorded the numbers.

mod common;
#[rustfmt::skip]
#[path = "data/optimizers.rs"]
mod recorded;

use std::fmt::Debug;

use approx::assert_relative_eq;
use common::{ROUNDING, flat, network, rng, rows, rows_of, set_flat};
use constnet::{
    Adam, AdamW, Cache, ClipNorm, ClipValue, Custom, CustomLayer, Elu, Error, Frozen, LayerNorm, Linear,
    Momentum, Mse, Optimizer, Relu, Residual, RmsProp, Sequential, Sgd, Sigmoid, StaticNetwork, Tanh,
    Trainer, Unchecked, Zeroed,
    layers::{Features, Layer, Shape, TensorId},
    mlp,
    optim::{
        BiasesAndNorms, LayersFrom, OneLayer, OptimizerState, ParameterGroup, WithSchedule,
        schedule::{Constant, Cosine, Schedule, StepDecay, Warmup},
    },
    simd::Element,
};

/// Both programs round every number of an expression of some dozen operations, ten times over.
const TOLERANCE: f64 = 1e-12;

#[track_caller]
fn assert_close(what: &str, ours: &[f64], recorded: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), recorded.len(), "{what}");
    for (index, (ours, recorded)) in ours.iter().zip(recorded).enumerate() {
        let off = (ours - recorded).abs();
        assert!(off < tolerance, "{what}, number {index}: {ours} instead of {recorded}, off by {off:e}");
    }
}

type Net<T> = mlp![T; 3, 5, 2];

/// The network before PyTorch trained it, and the batch on which it was trained.
fn start<T: Element>() -> (Net<T>, [[T; 3]; 4], [[T; 2]; 4]) {
    let all = |values: &[f64]| values.iter().map(|x| T::from_f64(*x)).collect::<Vec<T>>();
    let mut net = Zeroed::ZERO;
    set_flat(&mut net, &all(recorded::START));
    let x = rows_of::<Features<3, T>, 4>(&all(recorded::X));
    (net, x, rows_of::<Features<2, T>, 4>(&all(recorded::Y)))
}

/// Checks the fused step, and the backward pass followed by an update, against PyTorch.
fn assert_matches_pytorch(optimizer: impl Optimizer<f64> + Copy, [after_1, after_10]: [&[f64]; 2]) {
    assert_eq!(optimizer.check(), Ok(()));
    let (mut net, x, y) = start();
    let mut trainer = Trainer::<_, _, 4>::new(net, optimizer);
    let (mut cache, mut state) = (Cache::ZERO, OptimizerState::ZERO);
    for step in 0..10 {
        trainer.step(&x, &y);
        let mut gradient = Zeroed::ZERO;
        let pass = net.forward(&x, &mut cache);
        let dy = Mse.backward(pass.output(), &y);
        pass.backward(&dy, &mut gradient);
        optimizer.step(&mut net, &gradient, &mut state).expect("finite numbers");
        if step == 0 {
            assert_close("1 fused step", &flat(&trainer.net), after_1, TOLERANCE);
            assert_close("1 update", &flat(&net), after_1, TOLERANCE);
        }
    }
    assert_close("10 fused steps", &flat(&trainer.net), after_10, TOLERANCE);
    assert_close("10 updates", &flat(&net), after_10, TOLERANCE);
}

macro_rules! pytorch {
    ($($name:ident: $optimizer:expr, $recorded:ident;)+) => { $(
        #[test]
        fn $name() {
            assert_matches_pytorch($optimizer, recorded::$recorded);
        }
    )+ };
}

const SGD: Sgd<f64> = Sgd { lr: 0.05 };

pytorch! {
    sgd: SGD, SGD;
    momentum: SGD.with_momentum(0.9), MOMENTUM;
    momentum_with_decay: Momentum { weight_decay: 0.1, ..SGD.with_momentum(0.9) }, MOMENTUM_DECAY;
    nesterov: Momentum { nesterov: true, ..SGD.with_momentum(0.9) }, NESTEROV;
    nesterov_with_decay:
        Momentum { nesterov: true, weight_decay: 0.1, ..SGD.with_momentum(0.8) }, NESTEROV_DECAY;
    decay_alone: Momentum { weight_decay: 0.1, ..SGD.with_momentum(0.0) }, DECAY;
    rms_prop: RmsProp::default(), RMS_PROP;
    rms_prop_options: RmsProp { lr: 0.02, alpha: 0.9, eps: 1e-3, weight_decay: 0.1 }, RMS_PROP_OPTIONS;
    adam: Adam::default(), ADAM;
    adam_options: Adam { lr: 0.05, betas: (0.8, 0.95), eps: 1e-3, weight_decay: 0.1 }, ADAM_OPTIONS;
    adam_w: AdamW::default(), ADAM_W;
    adam_w_options: AdamW { lr: 0.05, betas: (0.8, 0.95), eps: 1e-3, weight_decay: 0.1 }, ADAM_W_OPTIONS;
    clip_norm: ClipNorm { optimizer: SGD.with_momentum(0.9), max_norm: 0.7 }, CLIP_NORM;
    clip_norm_that_is_never_reached: ClipNorm { optimizer: SGD, max_norm: 100.0 }, CLIP_NORM_ABOVE;
    clip_value: ClipValue { optimizer: SGD.with_momentum(0.9), max_value: 0.3 }, CLIP_VALUE;
    clip_value_then_norm:
        ClipValue {
            optimizer: ClipNorm { optimizer: Adam { eps: 0.01, ..Adam::new(0.05) }, max_norm: 0.7 },
            max_value: 0.3,
        }, CLIP_BOTH;
    no_decay_of_biases:
        ParameterGroup {
            parameters: BiasesAndNorms,
            optimizer: AdamW { lr: 0.05, betas: (0.8, 0.95), eps: 1e-3, weight_decay: 0.0 },
            others: AdamW { lr: 0.05, betas: (0.8, 0.95), eps: 1e-3, weight_decay: 0.1 },
        }, MATRICES_DECAY;
    a_learning_rate_for_each_layer:
        ParameterGroup {
            parameters: OneLayer::<0>,
            optimizer: Sgd { lr: 0.02 }.with_momentum(0.9),
            others: ParameterGroup {
                parameters: |tensor: TensorId| tensor.name == "weight",
                optimizer: SGD.with_momentum(0.9),
                others: Sgd { lr: 0.1 }.with_momentum(0.5),
            },
        }, RATE_OF_EACH_LAYER;
    scheduled:
        WithSchedule { optimizer: Adam::default(), schedule: StepDecay { lr: 0.05, step_size: 3, gamma: 0.5 } },
        SCHEDULED;
}

/// In f32 too, Adam's parameters are PyTorch's, to a few roundings of parameters below 1. (A step divides the gradient
/// by its size, so its error does not depend on the size of the gradient.)
#[test]
fn adam_in_f32() {
    const TOLERANCE: f64 = 1e-6;
    let (net, x, y) = start::<f32>();
    let mut trainer = Trainer::<_, _, 4>::new(net, Adam::default());
    for after in recorded::ADAM_F32 {
        let steps = if std::ptr::eq(after, recorded::ADAM_F32[0]) { 1 } else { 9 };
        (0..steps).for_each(|_| _ = trainer.step(&x, &y));
        let ours: Vec<f64> = flat(&trainer.net).into_iter().map(f64::from).collect();
        assert_close("Adam in f32", &ours, after, TOLERANCE);
    }
}

#[test]
fn schedules() {
    let rates =
        |schedule: &dyn Schedule<f64>, steps| (0..steps).map(|step| schedule.lr(step)).collect::<Vec<_>>();
    let step = StepDecay { lr: 0.3, step_size: 7, gamma: 0.5 };
    assert_close("StepLR", &rates(&step, 40), recorded::STEP_LR, TOLERANCE);
    let cosine = Cosine { lr: 0.3, eta_min: 0.01, t_max: 30 };
    assert_close("CosineAnnealingLR", &rates(&cosine, 31), recorded::COSINE, TOLERANCE);
    assert_eq!([cosine.lr(31), cosine.lr(usize::MAX)], [0.01; 2], "after the end");
    let warmup = Warmup { start_factor: 0.25, total_iters: 8, then: Constant { lr: 0.3 } };
    assert_close("LinearLR", &rates(&warmup, 20), recorded::WARMUP, TOLERANCE);
    let then = StepDecay { lr: 0.3, step_size: 5, gamma: 0.5 };
    let both = Warmup { start_factor: 0.25, total_iters: 8, then };
    assert_close("both", &rates(&both, 20), recorded::WARMUP_STEP, TOLERANCE);
    // No division by zero.
    assert_eq!(Cosine { lr: 0.3, eta_min: 0.01, t_max: 0 }.lr(0), 0.01);
    assert_eq!(Warmup { start_factor: 0.25, total_iters: 0, then: Constant { lr: 0.3 } }.lr(0), 0.3);
}

/// A schedule may end at a rate of 0 and training continue. The optimiser's own rate stays as it was.
#[test]
fn a_schedule_does_not_change_the_optimizers_own_rate() {
    let (net, x, y) = start();
    let schedule = Cosine { lr: 0.1, eta_min: 0.0, t_max: 2 };
    let mut trainer = Trainer::<_, _, 4>::new(net, WithSchedule { optimizer: SGD, schedule });
    (0..2).for_each(|_| _ = trainer.step(&x, &y));
    let before = flat(&trainer.net);
    assert_ne!(before, recorded::START);
    (0..3).for_each(|_| _ = trainer.step(&x, &y));
    assert_eq!(flat(&trainer.net), before, "a rate of 0");
    assert_eq!(trainer.optimizer.optimizer, SGD);
}

/// A custom layer: `y = g ⊙ x`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale([f64; 17]);

impl Zeroed for Scale {
    const ZERO: Self = Self([0.0; 17]);
}

impl CustomLayer for Scale {
    type In = Features<17, f64>;
    type Out = Features<17, f64>;
    type Cache<const B: usize> = ();
    const NAME: &'static str = "Scale";
    const PARAMS: usize = 17;

    fn forward<const B: usize>(&self, x: &[[f64; 17]; B], y: &mut [[f64; 17]; B], (): &mut ()) {
        for (x, y) in x.iter().zip(y) {
            *y = std::array::from_fn(|i| self.0[i] * x[i]);
        }
    }

    fn backward<const B: usize>(
        &self,
        x: &[[f64; 17]; B],
        (): &(),
        dy: &[[f64; 17]; B],
        dx: &mut [[f64; 17]; B],
        gradient: &mut Self,
    ) {
        for ((x, dy), dx) in x.iter().zip(dy).zip(dx) {
            for i in 0..17 {
                gradient.0[i] += dy[i] * x[i] / B as f64;
                dx[i] = dy[i] * self.0[i];
            }
        }
    }

    fn parameter(&self, index: usize) -> Option<(&'static str, &[f64])> {
        (index == 0).then_some(("gain", &self.0))
    }

    fn parameter_mut(&mut self, index: usize) -> Option<(&'static str, &mut [f64])> {
        (index == 0).then_some(("gain", &mut self.0))
    }
}

static BODY: Linear<3, 17, f64> = Linear::new([[0.5, -0.25, 0.125]; 17], [0.0625; 17]);

/// The frozen body of a network below.
struct Body;

impl StaticNetwork for Body {
    type Net = Linear<3, 17, f64>;

    fn network() -> &'static Linear<3, 17, f64> {
        &BODY
    }
}

/// Checks three fused steps against three backward passes, each followed by an update.
fn assert_fused_step_equals_two_step_update<L, O, const D: usize>(optimizer: O)
where
    L: Layer<In: Shape<Elem = f64>, Out: Shape<Elem = f64, Row = [f64; D]>> + Copy + PartialEq,
    O: Optimizer<f64> + Copy,
{
    let rng = &mut rng(7);
    let mut net: Sequential<L> = network(rng);
    let x = rows::<L::In, 3>(rng);
    let y = rows::<L::Out, 3>(rng);
    let before = net;
    let mut trainer = Trainer::<_, _, 3>::new(net, optimizer);
    let (mut cache, mut state) = (Cache::ZERO, OptimizerState::ZERO);
    for _ in 0..3 {
        trainer.step(&x, &y);
        let mut gradient = Sequential::ZERO;
        let pass = net.forward(&x, &mut cache);
        let dy = Mse.backward(pass.output(), &y);
        pass.backward(&dy, &mut gradient);
        optimizer.step(&mut net, &gradient, &mut state).expect("finite numbers");
    }
    assert_relative_eq!(trainer.net, net, epsilon = ROUNDING, max_relative = ROUNDING);
    assert!(net != before, "nothing was learned");
}

/// Checks each optimiser on a chain.
fn each_optimizer<L, const D: usize>()
where
    L: Layer<In: Shape<Elem = f64>, Out: Shape<Elem = f64, Row = [f64; D]>> + Copy + PartialEq,
{
    let sgd = Sgd { lr: 0.01 };
    assert_fused_step_equals_two_step_update::<L, _, D>(sgd);
    assert_fused_step_equals_two_step_update::<L, _, D>(Momentum {
        nesterov: true,
        ..sgd.with_momentum(0.9)
    });
    // `eps` is so large that rounding does not decide the direction of a step.
    assert_fused_step_equals_two_step_update::<L, _, D>(RmsProp { eps: 1e-2, ..RmsProp::default() });
    assert_fused_step_equals_two_step_update::<L, _, D>(Adam { eps: 1e-2, ..Adam::default() });
    assert_fused_step_equals_two_step_update::<L, _, D>(AdamW { eps: 1e-2, ..AdamW::default() });
    let clipped = ClipValue { optimizer: sgd, max_value: 0.1 };
    assert_fused_step_equals_two_step_update::<L, _, D>(clipped);
    assert_fused_step_equals_two_step_update::<L, _, D>(ClipNorm { optimizer: sgd, max_norm: 0.1 });
    assert_fused_step_equals_two_step_update::<L, _, D>(ClipNorm { optimizer: clipped, max_norm: 0.1 });
    let schedule = Cosine { lr: 0.01, eta_min: 0.0, t_max: 5 };
    assert_fused_step_equals_two_step_update::<L, _, D>(WithSchedule { optimizer: sgd, schedule });
    let adam = AdamW { eps: 1e-2, ..AdamW::default() };
    let faster = AdamW { lr: 0.1, weight_decay: 0.5, ..adam };
    let groups = ParameterGroup { parameters: LayersFrom::<1>, optimizer: faster, others: adam };
    assert_fused_step_equals_two_step_update::<L, _, D>(groups);
    let others = ClipValue { optimizer: faster, max_value: 0.1 };
    let groups = ParameterGroup { parameters: BiasesAndNorms, optimizer: groups, others };
    assert_fused_step_equals_two_step_update::<L, _, D>(Unchecked { optimizer: groups });
    assert_fused_step_equals_two_step_update::<L, _, D>(ClipNorm { optimizer: groups, max_norm: 0.1 });
    // Neighbouring layers of a chain, of a residual block and of a network in it are in different groups.
    let parameters = |tensor: TensorId| tensor.layer % 4 < 2;
    let groups = ParameterGroup { parameters, optimizer: faster, others: adam };
    assert_fused_step_equals_two_step_update::<L, _, D>(groups);
}

macro_rules! each_layer {
    ($($name:ident: $net:ty, $outputs:literal;)+) => { $(
        #[test]
        fn $name() {
            each_optimizer::<$net, $outputs>();
        }
    )+ };
}

each_layer! {
    fused_step_equals_two_step_update_on_a_wide_layer: Linear<3, 17, f64>, 17;
    fused_step_equals_two_step_update_on_a_narrow_layer: Linear<17, 2, f64>, 2;
    fused_step_equals_two_step_update_around_relu: (Linear<3, 9, f64>, (Relu<9, f64>, Linear<9, 2, f64>)), 2;
    fused_step_equals_two_step_update_on_a_custom_layer: (Linear<3, 17, f64>, (Custom<Scale>, Linear<17, 2, f64>)), 2;
    fused_step_equals_two_step_update_on_a_frozen_body: (Frozen<Body>, Linear<17, 2, f64>), 2;
    fused_step_equals_two_step_update_on_layer_norm: (Linear<3, 9, f64>, (LayerNorm<9, f64>, Linear<9, 2, f64>)), 2;
    fused_step_equals_two_step_update_on_a_residual_block: (Linear<3, 9, f64>, (Residual<(Linear<9, 5, f64>, (Tanh<5, f64>, Linear<5, 9, f64>))>, Linear<9, 2, f64>)), 2;
    fused_step_equals_two_step_update_on_a_network_in_a_network: (Sequential<(Linear<3, 9, f64>, Relu<9, f64>)>, Linear<9, 2, f64>), 2;
    fused_step_equals_two_step_update_around_activations_in_a_row: (Linear<3, 9, f64>, (Tanh<9, f64>, (Elu<9, f64>, (Linear<9, 2, f64>, (Tanh<2, f64>, Sigmoid<2, f64>))))), 2;
}

/// A group changes only its own tensors. The layers are counted as in PyTorch, for every kind of layer.
#[test]
fn groups_choose_tensors_by_layer_name_and_dimensions() {
    type Body = (Linear<9, 5, f64>, (Tanh<5, f64>, Linear<5, 9, f64>));
    type Net = Sequential<(
        Linear<3, 9, f64>,
        (Residual<Body>, (LayerNorm<9, f64>, (Linear<9, 17, f64>, (Custom<Scale>, Linear<17, 2, f64>)))),
    )>;
    let rng = &mut rng(7);
    let net: Net = network(rng);
    let (x, y) = (rows::<Features<3, f64>, 2>(rng), rows::<Features<2, f64>, 2>(rng));
    // The residual block contains the layers 1 to 3.
    let tensors: Vec<_> = net.parameters().map(|p| (p.layer, p.name, p.dims)).collect();
    assert_eq!(tensors[4..8], [(3, "weight", 2), (3, "bias", 1), (4, "weight", 1), (4, "bias", 1)]);
    for &(layer, name, dims) in &tensors {
        let parameters = |tensor: TensorId| tensor == TensorId { layer, name, dims };
        let (optimizer, others) = (Sgd { lr: 0.1 }, Sgd { lr: 0.0 });
        let mut trainer = Trainer::<_, _, 2>::new(net, ParameterGroup { parameters, optimizer, others });
        trainer.step(&x, &y);
        for (before, after) in net.parameters().zip(trainer.net.parameters()) {
            let is_chosen = (after.layer, after.name, after.dims) == (layer, name, dims);
            assert_eq!(before.values != after.values, is_chosen, "{name} of layer {}", after.layer);
        }
    }
}

/// Training resumes from a copy of the optimiser's state: ten steps equal five and five, bit for bit.
#[test]
fn cloned_optimizer_state_resumes() {
    let (net, ..) = start::<f32>();
    let mut gradient = net;
    let (mut straight, mut state, adam) = (net, OptimizerState::ZERO, Adam::new(0.01));
    let mut resumed = net;
    let mut saved = OptimizerState::ZERO;
    for step in 0..10 {
        set_flat(&mut gradient, &flat(&straight));
        adam.step(&mut straight, &gradient, &mut state).expect("finite numbers");
        if step == 4 {
            (resumed, saved) = (straight, state);
        }
    }
    for _ in 5..10 {
        set_flat(&mut gradient, &flat(&resumed));
        Adam::new(0.01).step(&mut resumed, &gradient, &mut saved).expect("finite numbers");
    }
    assert_eq!(resumed, straight);
    assert_eq!(saved, state);
}

/// Trains, and checks that the run is refused with this message, and that the network is unchanged.
#[track_caller]
fn assert_refused<O: Optimizer<f64> + Debug>(optimizer: O, text: &str) {
    let (net, x, y) = start();
    let mut trainer = Trainer::<_, _, 4>::new(net, optimizer);
    let error = trainer.fit(&x, &y).run_with(&mut rng(0), |_, _| panic!("an epoch was trained"));
    let Err(error @ (Error::Hyperparameter { .. } | Error::LearningRate(_))) = error else {
        panic!("{:?} returns {error:?}", trainer.optimizer)
    };
    assert_eq!(error.to_string(), text);
    assert_eq!(flat(&trainer.net), recorded::START, "the network changed");
}

#[test]
fn learning_rates_out_of_range() {
    let text = "the learning rate is -1: expected a positive, finite number";
    assert_refused(Sgd { lr: -1.0 }, text);
    assert_refused(Sgd { lr: -1.0 }.with_momentum(0.9), text);
    assert_refused(RmsProp::new(-1.0), text);
    assert_refused(Adam::new(-1.0), text);
    assert_refused(AdamW::new(-1.0), text);
    assert_refused(ClipNorm { optimizer: Adam::new(-1.0), max_norm: 1.0 }, text);
    assert_refused(ClipValue { optimizer: Adam::new(-1.0), max_value: 1.0 }, text);
    assert_refused(WithSchedule { optimizer: Adam::new(0.1), schedule: Constant { lr: -1.0 } }, text);
    let schedule = Cosine { lr: -1.0, eta_min: 0.0, t_max: 9 };
    assert_refused(WithSchedule { optimizer: Adam::new(0.1), schedule }, text);
    let schedule = StepDecay { lr: -1.0, step_size: 1, gamma: 0.5 };
    assert_refused(WithSchedule { optimizer: Adam::new(0.1), schedule }, text);
    let schedule = Warmup { start_factor: 0.0, total_iters: 1, then: schedule };
    assert_refused(WithSchedule { optimizer: Adam::new(0.1), schedule }, text);
}

#[test]
fn other_hyperparameters_out_of_range() {
    let sgd = Sgd { lr: 0.1 };
    let at_least_0 = "expected a finite number of at least 0";
    let positive = "expected a positive, finite number";
    let share = "expected at least 0 and less than 1";
    assert_refused(sgd.with_momentum(-0.5), &format!("the momentum is -0.5: {at_least_0}"));
    assert_refused(sgd.with_momentum(f64::INFINITY), &format!("the momentum is inf: {at_least_0}"));
    assert_refused(
        Momentum { nesterov: true, ..sgd.with_momentum(0.0) },
        &format!("the momentum is 0: {positive}"),
    );
    let decay = format!("the weight_decay is -0.5: {at_least_0}");
    assert_refused(Momentum { weight_decay: -0.5, ..sgd.with_momentum(0.9) }, &decay);
    assert_refused(RmsProp { weight_decay: -0.5, ..RmsProp::default() }, &decay);
    assert_refused(Adam { weight_decay: -0.5, ..Adam::default() }, &decay);
    assert_refused(AdamW { weight_decay: -0.5, ..AdamW::default() }, &decay);
    assert_refused(RmsProp { alpha: 1.0, ..RmsProp::default() }, &format!("the alpha is 1: {share}"));
    let betas =
        [("first", "NaN", (f64::NAN, 0.9)), ("second", "-0.1", (0.9, -0.1)), ("second", "1", (0.9, 1.0))];
    for (which, named, betas) in betas {
        let text = format!("the {which} of the betas is {named}: {share}");
        assert_refused(Adam { betas, ..Adam::default() }, &text);
        assert_refused(AdamW { betas, ..AdamW::default() }, &text);
    }
    let eps = format!("the eps is 0: {positive}");
    assert_refused(RmsProp { eps: 0.0, ..RmsProp::default() }, &eps);
    assert_refused(Adam { eps: 0.0, ..Adam::default() }, &eps);
    assert_refused(AdamW { eps: 0.0, ..AdamW::default() }, &eps);
    let text = format!("the max_norm is 0: {positive}");
    assert_refused(ClipNorm { optimizer: sgd, max_norm: 0.0 }, &text);
    let text = format!("the max_value is NaN: {positive}");
    assert_refused(ClipValue { optimizer: sgd, max_value: f64::NAN }, &text);
}

#[test]
fn schedules_out_of_range() {
    fn refused(schedule: impl Schedule<f64> + Debug, text: &str) {
        assert_refused(WithSchedule { optimizer: Sgd { lr: 0.1 }, schedule }, text);
    }
    refused(StepDecay { lr: 0.1, step_size: 0, gamma: 0.5 }, "the step_size is 0: expected at least 1");
    refused(
        StepDecay { lr: 0.1, step_size: 5, gamma: 0.0 },
        "the gamma is 0: expected a positive, finite number",
    );
    refused(
        Cosine { lr: 0.1, eta_min: -0.1, t_max: 5 },
        "the eta_min is -0.1: expected a finite number of at least 0",
    );
    refused(Cosine { lr: 0.1, eta_min: 0.0, t_max: 0 }, "the t_max is 0: expected at least 1");
    refused(
        Warmup { start_factor: 1.5, total_iters: 5, then: Constant { lr: 0.1 } },
        "the start_factor is 1.5: expected from 0 to 1",
    );
    let warmup = |start_factor| Warmup { start_factor, total_iters: 5, then: Constant { lr: 0.1 } };
    refused(warmup(-0.25), "the start_factor is -0.25: expected from 0 to 1");
    for allowed in [0.0, 1.0] {
        assert_eq!(warmup(allowed).check(), Ok(()));
    }
    // The optimiser's own rate is not used.
    let unused = WithSchedule { optimizer: Sgd { lr: 0.0 }, schedule: warmup(0.0) };
    assert_eq!(unused.check(), Ok(()));
    let by_function = WithSchedule { optimizer: Sgd { lr: 0.1 }, schedule: |_: usize| f64::NAN };
    assert!(matches!(by_function.check(), Err(Error::Hyperparameter { value, .. }) if value.is_nan()));
}

/// A gradient that is NaN stays NaN when it is clipped, as in PyTorch, so that the step is refused.
#[test]
fn clipping_does_not_hide_nan() {
    fn step(optimizer: impl Optimizer<f64> + Copy) -> (Result<(), Error<f64>>, f64, f64) {
        let gradient = Sequential(Linear::new([[f64::NAN]], [1.0]));
        let mut net = Sequential(Linear::new([[1.0]], [1.0]));
        let result = optimizer.step(&mut net, &gradient, &mut { OptimizerState::ZERO });
        (result, net.0.weight_at(0, 0), net.0.bias()[0])
    }
    let by_value = ClipValue { optimizer: SGD, max_value: 0.1 };
    let by_norm = ClipNorm { optimizer: SGD, max_norm: 0.1 };
    for (result, w, b) in [step(by_value), step(by_norm)] {
        assert!(matches!(result, Err(Error::Gradient { value, .. }) if value.is_nan()), "{result:?}");
        assert_eq!((w, b), (1.0, 1.0));
    }
    // PyTorch's steps.
    let (result, w, b) = step(Unchecked { optimizer: by_value });
    assert!(result.is_ok() && w.is_nan());
    assert_eq!(b, 1.0 - 0.05 * 0.1);
    let (result, w, b) = step(Unchecked { optimizer: by_norm });
    assert!(result.is_ok() && w.is_nan() && b.is_nan());
}
