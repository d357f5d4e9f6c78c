//! No step makes a parameter or a value of the optimiser's state infinite or NaN, whatever the inputs, targets and
//! weights, and each step that leaves out an update is reported. For every kind of layer and every optimiser.

#![cfg_attr(
    not(debug_assertions),
    allow(unused_imports, dead_code, reason = "an optimised build tests a part")
)]

mod common;

use std::fmt::Debug;

use approx::assert_relative_eq;
use common::{flat, network, rng, rows, set_flat};
use constnet::{
    Adam, AdamW, ClipNorm, ClipValue, Custom, CustomLayer, Elu, Error, Gelu, Huber, L1, LayerNorm, Linear,
    Loss, Momentum, Mse, Optimizer, Relu, Residual, RmsProp, Sequential, Sgd, Sigmoid, Softplus, Tanh,
    Trainer, Unchecked, Zeroed,
    layers::{Features, Keeps, Layer, Row, Shape, UpdateRule},
    mlp,
    optim::{
        BiasesAndNorms, NotStored, OptimizerMemory, OptimizerState, ParameterGroup, WithSchedule,
        schedule::{Constant, StepDecay},
    },
    sequential,
    simd::Real,
};
use rand::RngExt;

/// Numbers that destroy a network if no check stops them, and some that do not.
const FAULTS: [f32; 13] = [
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MAX,
    f32::MIN,
    1e38,
    -3e37,
    1.7e18,
    2e21,
    -1e25,
    f32::MIN_POSITIVE / 8.0,
    -0.0,
    1.0,
];

fn all_finite<N: Layer<In: Shape<Elem = f32>>>(net: &N) -> bool {
    flat(net).iter().all(|p| p.is_finite())
}

/// Puts one fault into inputs, targets or parameters of a trainer that has made some steps, makes three more, and checks
/// that the fault is not passed on; and that a step which returns a finite loss is the step made by hand.
fn faults_do_not_spread<N, O, C, const B: usize>(name: &str, optimizer: O, loss: C)
where
    N: Layer<In: Shape<Elem = f32>> + Copy,
    O: Optimizer<f32> + Copy,
    C: Loss<N::Out, Target = Row<N::Out>> + Copy,
    OptimizerState<N, O>: Copy,
{
    let mut rng = rng(3);
    let start: N = {
        let mut net: N = network(&mut rng);
        let half: Vec<f32> = flat(&net).iter().map(|p| 0.5 * p).collect();
        set_flat(&mut net, &half);
        net
    };
    for (index, fault) in FAULTS.into_iter().enumerate() {
        for place in ["inputs", "targets", "parameters"] {
            let mut trainer = Trainer::<N, O, B, C>::with_loss(start, optimizer, loss);
            let (mut x, mut y) = (rows::<N::In, B>(&mut rng), rows::<N::Out, B>(&mut rng));
            N::Out::flatten_mut(&mut y).iter_mut().for_each(|y| *y = y.abs().min(1.0));
            for _ in 0..2 {
                assert!(trainer.step(&x, &y).is_finite(), "{name}: a step before the fault");
            }
            let mut values = flat(&trainer.net);
            let (numbers, at) = match place {
                "inputs" => (N::In::flatten_mut(&mut x), rng.random_range(0..N::In::LEN * B)),
                "targets" => (N::Out::flatten_mut(&mut y), rng.random_range(0..N::Out::LEN * B)),
                _ => (&mut values[..], rng.random_range(0..N::PARAMS)),
            };
            numbers[at] = fault;
            let injected = numbers[at].is_finite();
            set_flat(&mut trainer.net, &values);

            let context = format!("{name}: {fault} in the {place}, number {at}, fault {index}");
            for _ in 0..3 {
                let (mut by_hand, mut state) = (trainer.net, *trainer.optimizer_state());
                let mut gradient = N::ZERO;
                let value = trainer.gradient(&x, &y, &mut gradient);
                let updated = optimizer.step(&mut by_hand, &gradient, &mut state);

                let reported = trainer.step(&x, &y);
                if place == "parameters" && !injected {
                    let bad = flat(&trainer.net).iter().filter(|p| !p.is_finite()).count();
                    assert_eq!(bad, 1, "{context} has spread");
                } else {
                    assert!(all_finite(&trainer.net), "{context} is in the network");
                }
                for slot in trainer.optimizer_state().slots.as_ref() {
                    // The state of a weight that is not finite is not, either, if the weight decays.
                    let most = usize::from(place == "parameters" && !injected);
                    let bad = flat(slot).iter().filter(|value| !value.is_finite()).count();
                    assert!(bad <= most, "{context} is in the optimiser's state");
                }
                // The limits of the gradient are closer if it is judged by a batch as a whole, but not by this much.
                let largest = flat(&gradient).iter().fold(0.0_f32, |a, dp| a.max(dp.abs()));
                if value.is_finite() && updated.is_ok() && largest < 1e8 && fault.abs() < 1e12 {
                    assert!(
                        reported.is_finite(),
                        "{context} was refused, with gradients of up to {largest:e}"
                    );
                }
                if reported.is_finite() {
                    assert_eq!(updated, Ok(()), "{context} was not reported");
                    let pairs = flat(&trainer.net).into_iter().zip(flat(&by_hand));
                    for (fused, by_hand) in pairs.filter(|(fused, _)| injected || fused.is_finite()) {
                        assert_relative_eq!(fused, by_hand, max_relative = 1e-3, epsilon = 1e-4);
                    }
                }
            }
        }
    }
}

/// A rule that does not override `finite_check`: `p ← p − 10⁻³ · dp³ · |dp|`. It keeps the last `dp³`.
#[derive(Clone, Copy)]
struct Cubes;

impl UpdateRule<f32> for Cubes {
    type Slots = Keeps<1>;

    fn update<V: Real<f32>>(self, p: V, dp: V, [kept]: &mut [V; 1]) -> V {
        *kept = dp * dp * dp;
        p - *kept * dp.abs() * 1e-3
    }
}

impl OptimizerMemory for Cubes {
    type Slots = Keeps<1>;
    type GradientStore = NotStored;
}

impl Optimizer<f32> for Cubes {
    type Rule = Self;

    fn rule(&self, _: usize, _: f32) -> Self {
        *self
    }

    fn check(&self) -> Result<(), Error<f32>> {
        Ok(())
    }

    fn lr_mut(&mut self) -> &mut f32 {
        unreachable!("it has no learning rate")
    }
}

const SGD: Sgd = Sgd { lr: 0.05 };

/// Each optimiser on a network, and other losses with one of them. An optimised build, which also has the vector kernels,
/// takes long to compile, and tests a part of them.
macro_rules! every_optimizer {
    ($(#[$attribute:meta])* $name:ident, $net:ty, $batch:literal) => {
        $(#[$attribute])*
        #[test]
        fn $name() {
            type N = $net;
            fn run<O: Optimizer<f32> + Copy>(name: &str, optimizer: O)
            where
                OptimizerState<N, O>: Copy,
            {
                faults_do_not_spread::<N, O, Mse, $batch>(name, optimizer, Mse);
            }
            run("SGD", SGD);
            run("Adam with decay", Adam { weight_decay: 2.0, ..Adam::new(0.01) });
            run("a rule without a check", Cubes);
            #[cfg(debug_assertions)]
            {
                run("Nesterov", Momentum { nesterov: true, ..SGD.with_momentum(0.9) });
                run("SGD with a large rate", Sgd { lr: 2.0 });
                run("momentum", Momentum { weight_decay: 0.1, ..SGD.with_momentum(0.9) });
                run("momentum beyond 1", SGD.with_momentum(1.5));
                run("RMSprop", RmsProp { weight_decay: 0.5, ..RmsProp::new(0.01) });
                run("Adam", Adam::new(0.01));
                run("Adam with a small eps", Adam { eps: 1e-15, ..Adam::new(0.05) });
                run("AdamW", AdamW::new(0.01));
                run("ClipNorm of Adam", ClipNorm { optimizer: Adam::new(0.01), max_norm: 1.0 });
                run("ClipValue", ClipValue { optimizer: SGD, max_value: 1.0 });
                let (optimizer, others) = (Sgd { lr: 2.0 }, SGD);
                run("groups", ParameterGroup { parameters: BiasesAndNorms, optimizer, others });
                run("a schedule", WithSchedule { optimizer: SGD, schedule: Constant { lr: 0.1 } });
                faults_do_not_spread::<N, _, _, $batch>("L1", SGD, L1);
                faults_do_not_spread::<N, _, _, $batch>("Huber", SGD, Huber { delta: 1.0 });
            }
        }
    };
}

every_optimizer!(
    #[cfg(debug_assertions)]
    tanh,
    Sequential![Linear<4, 16>, Tanh<16>, Linear<16, 1>],
    4
);
every_optimizer!(relu, Sequential![Linear<5, 17>, Relu<17>, Linear<17, 9>, Relu<9>, Linear<9, 2>], 3);
every_optimizer!(one_sample, Sequential![Linear<5, 17>, Sigmoid<17>, Linear<17, 3>], 1);
every_optimizer!(
    #[cfg(debug_assertions)]
    softplus,
    Sequential![Linear<3, 8>, Softplus<8>, Linear<8, 8>, Gelu<8>, Linear<8, 2>],
    7
);
every_optimizer!(wide, Sequential![Linear<33, 65>, Elu<65>, Linear<65, 3>], 5);
every_optimizer!(
    #[cfg(debug_assertions)]
    norm_and_residual,
    Sequential![
        Linear<3, 9>,
        LayerNorm<9>,
        Residual<Sequential![Linear<9, 9>, Tanh<9>]>,
        Custom<Gain>,
        Linear<9, 2>,
    ],
    4
);

/// A custom layer, whose gradient is kept on the stack: `y = g x`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Gain([f32; 1]);

impl Zeroed for Gain {
    const ZERO: Self = Self([0.0]);
}

impl CustomLayer for Gain {
    type In = Features<9>;
    type Out = Features<9>;
    type Cache<const B: usize> = ();
    const NAME: &'static str = "Gain";
    const PARAMS: usize = 1;

    fn forward<const B: usize>(&self, x: &[[f32; 9]; B], y: &mut [[f32; 9]; B], (): &mut ()) {
        *y = x.map(|x| x.map(|x| self.0[0] * x));
    }

    fn backward<const B: usize>(
        &self,
        x: &[[f32; 9]; B],
        (): &(),
        dy: &[[f32; 9]; B],
        dx: &mut [[f32; 9]; B],
        gradient: &mut Self,
    ) {
        *dx = dy.map(|dy| dy.map(|dy| self.0[0] * dy));
        let products = x.as_flattened().iter().zip(dy.as_flattened()).map(|(x, dy)| x * dy);
        gradient.0[0] += products.sum::<f32>() / B as f32;
    }

    fn parameter(&self, i: usize) -> Option<(&'static str, &[f32])> {
        (i == 0).then_some(("g", &self.0))
    }

    fn parameter_mut(&mut self, i: usize) -> Option<(&'static str, &mut [f32])> {
        (i == 0).then_some(("g", &mut self.0))
    }
}

/// Four samples, one of which holds `fault`, on a network with one hidden layer: the step returns NaN and leaves the
/// network as it was.
fn step_is_refused<N: Layer<In = Features<4>, Out = Features<1>> + Copy + PartialEq>(net: N, fault: f32) {
    let mut rng = rng(5);
    let (mut x, y) = (rows::<N::In, 4>(&mut rng), rows::<N::Out, 4>(&mut rng));
    x[2][1] = fault;
    let mut trainer = Trainer::<_, _, 4>::new(net, SGD);
    assert!(trainer.step(&x, &y).is_nan(), "{fault}");
    assert!(all_finite(&trainer.net), "{fault}");
    // The healthy samples alone go on.
    x[2][1] = 0.5;
    assert!(trainer.step(&x, &y).is_finite(), "{fault}");
}

#[test]
fn an_infinite_input_whose_loss_is_finite_is_reported() {
    let mut rng = rng(6);
    let tanh: Sequential![Linear<4, 16>, Tanh<16>, Linear<16, 1>] = network(&mut rng);
    let sigmoid: Sequential![Linear<4, 16>, Sigmoid<16>, Linear<16, 1>] = network(&mut rng);
    let mut off: Sequential![Linear<4, 16>, Relu<16>, Linear<16, 1>] = network(&mut rng);
    // All weights of that input are positive: after an input of −∞ all ReLUs are off.
    for o in 0..16 {
        let w = off.layer_mut::<0>().weight_at_mut(o, 1);
        *w = w.abs();
    }
    for net in [f32::NEG_INFINITY, f32::INFINITY] {
        step_is_refused(tanh, net);
        step_is_refused(sigmoid, net);
    }
    step_is_refused(off, f32::NEG_INFINITY);
}

/// The squares of these numbers are too large for an `f32`, their norm is not.
#[test]
fn the_norm_of_a_large_gradient_does_not_overflow() {
    for scale in [1.0, 1.7e18, 2e37] {
        let mut net = sequential![Linear::new([[1.0, 2.0]], [3.0])];
        let gradient = sequential![Linear::new([[3.0 * scale, 0.0]], [-4.0 * scale])];
        let clip = ClipNorm { optimizer: Sgd { lr: 1.0 }, max_norm: 0.5 };
        clip.step(&mut net, &gradient, &mut { OptimizerState::ZERO }).expect("a finite norm");
        assert_relative_eq!(net.0.weight_at(0, 0), 1.0 - 0.3, max_relative = 1e-5);
        assert_relative_eq!(net.0.bias()[0], 3.0 + 0.4, max_relative = 1e-5);
    }
}

/// Inputs that nobody has scaled, such as a time in nanoseconds: the weights move by `lr · max_norm` in each step.
#[test]
fn clipped_training_moves_with_large_inputs() {
    let clip = ClipNorm { optimizer: Sgd { lr: 1e-3 }, max_norm: 1.0 };
    let mut trainer = Trainer::<mlp![1, 1], _, 2>::new(sequential![Linear::new([[1e-18]], [0.0])], clip);
    assert!(trainer.step(&[[1.7e18], [1.6e18]], &[[0.0], [0.0]]).is_finite());
    assert_relative_eq!(trainer.net.0.weight_at(0, 0), -1e-3, max_relative = 1e-4);
}

#[test]
fn a_norm_beyond_the_largest_number_is_an_error() {
    let mut net: mlp![2, 2] = Zeroed::ZERO;
    let gradient = sequential![Linear::new([[f32::MAX; 2]; 2], [0.0; 2])];
    for max_norm in [1.0, 1e38] {
        let clip = ClipNorm { optimizer: SGD, max_norm };
        let mut state = OptimizerState::ZERO;
        assert_eq!(clip.step(&mut net, &gradient, &mut state), Err(Error::Overflow));
        assert_eq!((net, state.steps), (Zeroed::ZERO, 0));
    }
}

/// After one gradient of 2e21, whose square is infinite, the weight still moves by the learning rate in each step.
#[test]
fn a_gradient_with_an_infinite_square_does_not_stop_a_weight() {
    fn check<O: Optimizer<f32> + Copy>(optimizer: O) {
        let mut net = sequential![Linear::new([[1.0, 1.0]], [1.0])];
        let mut state = OptimizerState::<_, O>::ZERO;
        let large = sequential![Linear::new([[2e21, 1.0]], [1.0])];
        assert_eq!(optimizer.step(&mut net, &large, &mut state), Err(Error::Overflow));
        assert_eq!(net.0.weight_at(0, 0), 1.0);
        assert!(net.0.weight_at(0, 1) < 1.0, "the others are updated");
        let ones = sequential![Linear::new([[1.0, 1.0]], [1.0])];
        optimizer.step(&mut net, &ones, &mut state).expect("finite numbers");
        assert!(net.0.weight_at(0, 0) < 1.0 - 0.005, "{}", net.0.weight_at(0, 0));
    }
    check(Adam::new(0.01));
    check(AdamW::new(0.01));
    check(RmsProp::new(0.01));
}

/// Large inputs with small gradients, and a small `eps`, are trained, by each kernel: one sample, and several.
#[test]
fn large_inputs_are_trained() {
    fn check<O: Optimizer<f32> + Copy + Debug, const B: usize>(optimizer: O, x: f32) {
        let net = sequential![Linear::new([[1.0 / x]], [0.0])];
        let mut trainer = Trainer::<mlp![1, 1], _, B>::new(net, optimizer);
        assert!(trainer.step(&[[x]; B], &[[1.5]; B]).is_finite(), "{optimizer:?}, {x:e}");
        assert!(trainer.net.0.weight_at(0, 0) != 1.0 / x, "{optimizer:?}, {x:e}");
        assert!(trainer.net.0.bias()[0] > 0.0, "{optimizer:?}, {x:e}");
    }
    for x in [1.0, 1e10, 1e18] {
        check::<_, 1>(Adam::new(1e-3), x);
        check::<_, 5>(Adam::new(1e-3), x);
        check::<_, 1>(RmsProp::new(1e-3), x);
        check::<_, 1>(Sgd { lr: 0.1 }, x);
        check::<_, 5>(Sgd { lr: 0.1 }, x);
        check::<_, 1>(SGD.with_momentum(0.9), x);
    }
    for eps in [1e-8, 1e-20, 1e-35] {
        check::<_, 3>(Adam { eps, ..Adam::new(1e-3) }, 1.0);
        check::<_, 3>(AdamW { eps, ..AdamW::new(1e-3) }, 1e6);
        check::<_, 3>(RmsProp { eps, ..RmsProp::new(1e-3) }, 1e6);
    }
}

/// A learning rate that is so small that the step is, while the sum over the batch overflows.
#[test]
fn a_sum_over_the_batch_that_overflows_is_reported() {
    fn check<const B: usize>() {
        let net = sequential![Linear::new([[1e-19]], [0.0])];
        let mut trainer = Trainer::<mlp![1, 1], _, B, L1>::with_loss(net, Sgd { lr: 1e-30 }, L1);
        // The gradient of a sample is 3e38.
        assert!(trainer.step(&[[3e38]; B], &[[0.0]; B]).is_nan() == (B > 1), "batch of {B}");
        assert!(all_finite(&trainer.net), "batch of {B}");
    }
    check::<1>();
    check::<2>();
    check::<20>();
}

/// The first number that is not finite is named, and nothing is changed.
#[cfg(debug_assertions)]
#[test]
fn a_gradient_that_is_not_finite_is_named() {
    fn check<O: Optimizer<f32> + Copy>(optimizer: O) {
        let start: mlp![3, 5, 2] = network(&mut rng(7));
        let mut net = start;
        let mut gradient: mlp![3, 5, 2] = network(&mut rng(8));
        *gradient.layer_mut::<2>().weight_at_mut(1, 3) = f32::NEG_INFINITY;
        gradient.layer_mut::<2>().bias_mut()[0] = f32::NAN;
        let mut state = OptimizerState::ZERO;
        let value = f32::NEG_INFINITY;
        let error = Error::Gradient { layer: 2, name: "weight", row: 1, column: 3, value };
        assert_eq!(optimizer.step(&mut net, &gradient, &mut state), Err(error));
        assert_eq!((net, state.steps), (start, 0));
        assert_eq!(
            error.to_string(),
            "the gradient of 2.weight[1, 3] is -inf: expected a finite number; nothing was updated"
        );
    }
    check(SGD);
    check(SGD.with_momentum(0.9));
    check(Adam::default());
    check(ClipNorm { optimizer: SGD, max_norm: 1.0 });
    check(ClipValue { optimizer: SGD, max_value: 0.5 });
    check(ClipValue { optimizer: ClipNorm { optimizer: SGD, max_norm: 1.0 }, max_value: 0.5 });
    check(ClipValue { optimizer: ClipNorm { optimizer: SGD, max_norm: 1.0 }, max_value: f32::INFINITY });
}

/// With `Unchecked`, each optimiser does what PyTorch does: one NaN among the inputs is in all weights after two steps.
#[cfg(debug_assertions)]
#[test]
fn unchecked_steps_pass_every_number_on() {
    fn check<O: Optimizer<f32> + Copy>(optimizer: O) {
        let mut trainer = Trainer::<mlp![2, 9, 1], _, 3>::new(network(&mut rng(9)), Unchecked { optimizer });
        let x = [[0.0, 1.0], [f32::NAN, 0.5], [0.5, 2.0]];
        for _ in 0..2 {
            assert!(trainer.step(&x, &[[0.0]; 3]).is_nan());
        }
        assert!(flat(&trainer.net).iter().all(|p| p.is_nan()), "{:?}", trainer.net);
        let mut net: mlp![1, 1] = Zeroed::ZERO;
        let gradient = sequential![Linear::new([[f32::INFINITY]], [f32::NAN])];
        let unchecked = Unchecked { optimizer };
        assert_eq!(unchecked.step(&mut net, &gradient, &mut { OptimizerState::ZERO }), Ok(()));
        assert!(flat(&net).iter().all(|p| !p.is_finite()), "{net:?}");
    }
    check(RmsProp::default());
    check(SGD);
    check(SGD.with_momentum(0.9));
    check(Adam::default());
    check(ClipNorm { optimizer: SGD, max_norm: 1.0 });
    check(WithSchedule { optimizer: AdamW::default(), schedule: |_| 0.1 });
}

/// `step` does not check hyperparameters, and a schedule of one's own may return anything.
#[cfg(debug_assertions)]
#[test]
fn hyperparameters_that_are_not_valid_leave_finite_numbers() {
    fn check<O: Optimizer<f32> + Debug>(optimizer: O) {
        let text = format!("{optimizer:?}");
        let mut trainer = Trainer::<mlp![3, 9, 2], _, 4>::new(network(&mut rng(12)), optimizer);
        let (x, y) = (rows::<Features<3>, 4>(&mut rng(13)), rows::<Features<2>, 4>(&mut rng(14)));
        for _ in 0..5 {
            trainer.step(&x, &y);
        }
        assert!(all_finite(&trainer.net), "{text}");
        assert!(trainer.optimizer_state().slots.as_ref().iter().all(all_finite), "{text}");
    }
    for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e30, -1.0, 0.0, 1e-45] {
        check(Sgd { lr: x });
        check(Momentum { weight_decay: x, ..SGD.with_momentum(0.9) });
        check(Momentum { nesterov: true, ..SGD.with_momentum(x) });
        check(Sgd { lr: x }.with_momentum(0.9));
        check(RmsProp { alpha: x, ..RmsProp::new(0.1) });
        check(RmsProp { eps: x, ..RmsProp::new(0.1) });
        check(RmsProp { weight_decay: x, ..RmsProp::new(x) });
        check(Adam::new(x));
        check(Adam { betas: (x, 0.999), ..Adam::default() });
        check(Adam { betas: (0.9, x), ..Adam::default() });
        check(Adam { eps: x, ..Adam::default() });
        check(Adam { weight_decay: x, ..Adam::default() });
        check(AdamW { weight_decay: x, ..AdamW::default() });
        check(AdamW { eps: x, ..AdamW::new(x) });
        check(ClipNorm { optimizer: SGD, max_norm: x });
        check(ClipNorm { optimizer: Adam::new(x), max_norm: x });
        check(ClipValue { optimizer: SGD, max_value: x });
        check(ClipValue { optimizer: RmsProp::new(x), max_value: x });
        check(WithSchedule {
            optimizer: Adam::default(),
            schedule: StepDecay { lr: 0.1, step_size: 2, gamma: x },
        });
    }
}

/// A checked and an unchecked trainer take the same steps, bit for bit, as long as all numbers are finite.
#[cfg(debug_assertions)]
#[test]
fn the_check_changes_no_finite_step() {
    fn check<O: Optimizer<f32> + Copy>(optimizer: O) {
        let mut rng = rng(10);
        let net: mlp![5, 33, 17, 3] = network(&mut rng);
        let mut checked = Trainer::<_, _, 7>::new(net, optimizer);
        let mut unchecked = Trainer::<_, _, 7>::new(net, Unchecked { optimizer });
        for _ in 0..10 {
            let (x, y) = (rows::<Features<5>, 7>(&mut rng), rows::<Features<3>, 7>(&mut rng));
            assert_eq!(checked.step(&x, &y), unchecked.step(&x, &y));
        }
        assert_eq!(checked.net, unchecked.net);
    }
    check(Sgd { lr: 1e-3 });
    check(Sgd { lr: 1e-3 }.with_momentum(0.9));
    check(RmsProp::default());
    check(Adam::default());
    check(AdamW::default());
    check(ClipNorm { optimizer: Adam::default(), max_norm: 1.0 });
}

/// `fit` ends with an error, and all parameters are finite.
#[test]
fn a_run_stops_at_a_gradient_that_is_not_finite() {
    let mut x = [[0.5; 4]; 20];
    // Too large for the squares of an `f32`, but finite: the check of the data lets it pass.
    x[13][2] = -3e38;
    let mut rng = rng(11);
    let start: Sequential![Linear<4, 16>, Tanh<16>, Linear<16, 1>] = network(&mut rng);
    let mut trainer = Trainer::<_, _, 4>::new(start, Sgd { lr: 1e5 });
    let result = trainer.fit(&x, &[[0.0]; 20]).epochs(3).run(&mut rng);
    assert!(matches!(result, Err(Error::Diverged { epoch: 0, .. })), "{result:?}");
    assert!(all_finite(&trainer.net));
}
