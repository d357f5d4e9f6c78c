//! Second-order methods: how fast they reach their goals, the minimum they find, and what they refuse.

use std::ops::ControlFlow;

use approx::assert_relative_eq;
use constnet::{
    CrossEntropy, DataError, Error, He, Lbfgs, LevenbergMarquardt, Linear, Mse, Relu, Sequential, Sgd,
    Standardize, Tanh, Trainer, Weighted, Zeroed,
    layers::{Layer, Shape},
    mlp,
    second_order::{LbfgsMemory, Stop},
    synthetic::Task,
};
use rand::{SeedableRng, rngs::StdRng};

type Curve<T = f32> = Sequential![Linear<1, 16, T>, Tanh<16, T>, Linear<16, 1, T>];

/// `sin(4x) e⁻ˣ` at 101 points from 0 to 2.
fn curve() -> ([[f32; 1]; 101], [[f32; 1]; 101]) {
    let x: [[f32; 1]; 101] = core::array::from_fn(|i| [i as f32 / 50.0]);
    (x, x.map(|[x]| [(4.0 * x).sin() * (-x).exp()]))
}

fn random<N: Layer>(seed: u64) -> N {
    let mut net = N::ZERO;
    net.init(&He, &mut StdRng::seed_from_u64(seed));
    net
}

/// The number of Jacobian matrices until the goal is reached.
fn jacobians<N, const IN: usize, const OUT: usize>(
    goal: f32,
    seed: u64,
    x: &[[f32; IN]],
    y: &[[f32; OUT]],
) -> usize
where
    N: Layer<In: Shape<Row = [f32; IN], Elem = f32>, Out: Shape<Row = [f32; OUT]>>,
{
    let mut net = random::<N>(seed);
    let method = LevenbergMarquardt { goal, ..LevenbergMarquardt::new() };
    let report = method.fit(&mut net, &Mse, x, y).run(&mut LevenbergMarquardt::workspace::<N>()).unwrap();
    assert_eq!(report.stop, Some(Stop::Goal));
    report.iterations
}

/// The numbers of NumPy with the same method.
#[test]
fn levenberg_marquardt_reaches_its_goals_in_few_steps() {
    let (x, y) = curve();
    for seed in 0..5 {
        let task = Task::new(&mut StdRng::seed_from_u64(seed));
        let notebook = |goal| jacobians::<mlp![5, 64, 3], 5, 3>(goal, seed, &task.x, &task.y);
        assert_eq!([notebook(1e-3), notebook(1e-6)], [2, 3]);
        assert!(jacobians::<Curve, 1, 1>(1e-6, seed, &x, &y) <= 58);
    }
}

/// The minimum of a linear network is known: the solution of the normal equations, here of a line through 4 points.
#[test]
fn levenberg_marquardt_finds_the_line_of_least_squares() {
    let (x, y) = ([[0.0], [1.0], [2.0], [4.0]], [[1.0], [2.0], [4.0], [3.0]]);
    let mut net = <mlp![f64; 1, 1]>::ZERO;
    let method = LevenbergMarquardt::default();
    let report =
        method.fit(&mut net, &Mse, &x, &y).run(&mut LevenbergMarquardt::workspace::<mlp![f64; 1, 1]>());
    assert_relative_eq!(net.layer::<0>().weight()[0][0], 18.0 / 35.0, max_relative = 1e-8);
    assert_relative_eq!(net.layer::<0>().bias()[0], 8.0 / 5.0, max_relative = 1e-8);
    assert!(matches!(report.unwrap().stop, Some(Stop::Gradient | Stop::Step)));
}

/// Both ways to solve the system lead to a loss of 0 where there are as many parameters as residuals, or more.
#[test]
fn levenberg_marquardt_interpolates_in_f64() {
    for samples in [3, 8, 17, 19] {
        type Net = Sequential![Linear<1, 6, f64>, Tanh<6, f64>, Linear<6, 1, f64>];
        let x: Vec<[f64; 1]> = (0..samples).map(|i| [f64::from(i) / 5.0]).collect();
        let y: Vec<[f64; 1]> = x.iter().map(|[x]| [(2.0 * x).cos()]).collect();
        let mut net = random::<Net>(1);
        let method = LevenbergMarquardt { goal: 1e-9, ..LevenbergMarquardt::default() };
        let report =
            method.fit(&mut net, &Mse, &x, &y).run(&mut LevenbergMarquardt::workspace::<Net>()).unwrap();
        assert_eq!(report.stop, Some(Stop::Goal), "{samples}: {report:?}");
    }
}

/// With fewer residuals than parameters: a sample of weight 0 changes nothing, and the others are interpolated.
#[test]
fn a_sample_of_weight_0_is_ignored_with_few_residuals() {
    type Net = Sequential![Linear<1, 6, f64>, Tanh<6, f64>, Linear<6, 1, f64>];
    let x: [[f64; 1]; 8] = core::array::from_fn(|i| [i as f64 / 5.0]);
    let weights = [1.0, 2.0, 0.5, 0.0, 3.0, 1.0, 0.25, 1.0];
    let y: [_; 8] = core::array::from_fn(|i| ([(2.0 * x[i][0]).cos()], weights[i]));
    let (other_x, other_y) = ([&x[..3], &x[4..]].concat(), [&y[..3], &y[4..]].concat());
    for (max_iterations, goal) in [(3, 0.0), (100, 1e-20)] {
        let method = LevenbergMarquardt { max_iterations, goal, ..LevenbergMarquardt::default() };
        let run = |x: &[[f64; 1]], y: &[([f64; 1], f64)]| {
            let mut net = random::<Net>(1);
            let mut workspace = LevenbergMarquardt::workspace::<Net>();
            (method.fit(&mut net, &Weighted(Mse), x, y).run(&mut workspace).unwrap(), net)
        };
        let ((report, net), (other_report, other)) = (run(&x, &y), run(&other_x, &other_y));
        assert_relative_eq!(net, other, epsilon = 1e-9, max_relative = 1e-9);
        // The sample counts in the mean.
        assert_relative_eq!(report.loss * 8.0, other_report.loss * 7.0, epsilon = 1e-12, max_relative = 1e-9);
        if goal > 0.0 {
            assert_eq!(report.stop, Some(Stop::Goal));
            for (index, (x, (y, weight))) in x.iter().zip(&y).enumerate() {
                let [found] = net.predict::<[f64; 1]>(x);
                assert_eq!((found - y[0]).abs() < 1e-8, *weight > 0.0, "sample {index}: {found}, {y:?}");
            }
        }
    }
}

/// Some ReLUs are 0 for all samples, and an optimiser does not change a `Standardize` layer.
#[test]
fn parameters_without_influence_stay_as_they_are() {
    let x: [[f32; 2]; 60] = core::array::from_fn(|i| [i as f32, (i * i % 60) as f32]);
    let y = x.map(|[a, b]| [a / 60.0 - b / 60.0]);
    let mut net: Sequential![Standardize<2>, Linear<2, 4>, Relu<4>, Linear<4, 1>] = random(3);
    *net.layer_mut::<0>() = Standardize::fit(&x).unwrap();
    net.layer_mut::<1>().bias_mut()[0] = -100.0;
    let before = net;
    let method = LevenbergMarquardt { goal: 1e-8, ..LevenbergMarquardt::new() };
    let workspace = &mut vec![f32::NAN; 36 * 100][..0];
    assert!(method.fit(&mut net, &Mse, &x, &y).run(workspace).is_err());
    let mut workspace =
        LevenbergMarquardt::workspace::<Sequential![Standardize<2>, Linear<2, 4>, Relu<4>, Linear<4, 1>]>();
    workspace.fill(f32::NAN);
    let report = method.fit(&mut net, &Mse, &x, &y).run(&mut workspace).unwrap();
    assert_eq!(report.stop, Some(Stop::Goal), "{report:?}");
    assert_eq!(net.layer::<0>(), before.layer::<0>());
    assert_eq!(net.layer::<1>().weight()[0], before.layer::<1>().weight()[0]);
    assert_eq!(net.layer::<1>().bias()[0], -100.0);
}

#[test]
fn a_callback_sees_each_step_and_can_stop() {
    let (x, y) = curve();
    let mut net = random::<Curve>(0);
    let mut workspace = LevenbergMarquardt::workspace::<Curve>();
    let mut losses = Vec::new();
    let report = LevenbergMarquardt::new()
        .fit(&mut net, &Mse, &x, &y)
        .validate(&x[..50], &y[..50])
        .run_with(&mut workspace, |report, net| {
            assert_eq!(report.iterations, losses.len() + 1);
            let mut trainer = Trainer::<_, _, 16>::new(*net, Sgd { lr: 0.0 });
            assert_eq!(trainer.evaluate(&x, &y), Ok(report.loss));
            assert_eq!(trainer.evaluate(&x[..50], &y[..50]).ok(), report.validation_loss);
            losses.push(report.loss);
            if losses.len() == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!((report.stop, report.iterations), (Some(Stop::Callback), 5));
    assert!(losses.is_sorted_by(|a, b| a > b), "{losses:?}");

    let method = LevenbergMarquardt { max_iterations: 3, ..LevenbergMarquardt::new() };
    let report = method.fit(&mut net, &Mse, &x, &y).run(&mut workspace).unwrap();
    assert_eq!((report.stop, report.iterations), (Some(Stop::Limit), 3));
    let method = LevenbergMarquardt { gradient_tolerance: 1.0, ..LevenbergMarquardt::new() };
    let report = method.fit(&mut net, &Mse, &x, &y).run(&mut workspace).unwrap();
    assert_eq!((report.stop, report.iterations), (Some(Stop::Gradient), 1));
}

#[test]
fn what_levenberg_marquardt_refuses_leaves_the_network_unchanged() {
    let (x, y) = curve();
    let mut net = random::<Curve>(0);
    let mut workspace = LevenbergMarquardt::workspace::<Curve>();
    let expected = LevenbergMarquardt::workspace_len::<Curve>();
    let mut refused = |method: LevenbergMarquardt, x: &[[f32; 1]], y: &[[f32; 1]], len: usize| {
        let before = net;
        let error = method.fit(&mut net, &Mse, x, y).run(&mut workspace[..len]).unwrap_err();
        assert_eq!(net, before);
        error
    };
    let method = LevenbergMarquardt::new();
    let error = refused(method, &x, &y, 10);
    assert_eq!(error, Error::Length { name: "workspace", given: 10, expected });
    assert_eq!(error.to_string(), format!("the length of the workspace is 10: expected {expected}"));
    assert_eq!(refused(method, &[], &[], expected), Error::Training(DataError::NoSamples));
    let error = DataError::Lengths { inputs: 101, targets: 100 };
    assert_eq!(refused(method, &x, &y[1..], expected), Error::Training(error));
    let mut nan = x;
    nan[7] = [f32::INFINITY];
    let error = DataError::Input { sample: 7, feature: 0, value: f32::INFINITY };
    assert_eq!(refused(method, &nan, &y, expected), Error::Training(error));
    let mut nan = y;
    nan[5] = [f32::NAN];
    let error = refused(method, &x, &nan, expected);
    assert!(matches!(error, Error::Training(DataError::Target { sample: 5, value, .. }) if value.is_nan()));
    let method =
        |damping, max_iterations, goal| LevenbergMarquardt { damping, max_iterations, goal, ..method };
    for (method, wrong) in [
        (method(0.0, 1, 0.0), "damping"),
        (method(f32::INFINITY, 1, 0.0), "damping"),
        (method(1.0, 0, 0.0), "number of iterations"),
        (method(1.0, 1, -1.0), "goal"),
    ] {
        let error = refused(method, &x, &y, expected);
        assert!(matches!(error, Error::Hyperparameter { name, .. } if name == wrong), "{error:?}");
    }

    // Weights and validation data are checked too.
    let before = net;
    let method = LevenbergMarquardt::new();
    for weight in [f32::NAN, -1.0, f32::INFINITY] {
        let weighted: [_; 101] = core::array::from_fn(|i| (y[i], if i == 9 { weight } else { 1.0 }));
        let error = method.fit(&mut net, &Weighted(Mse), &x, &weighted).run(&mut workspace);
        assert!(matches!(error, Err(Error::Training(DataError::Weight { sample: 9, .. }))), "{error:?}");
    }
    let error = method.fit(&mut net, &Mse, &x, &y).validate(&x, &nan).run(&mut workspace);
    assert!(matches!(error, Err(Error::Validation(DataError::Target { sample: 5, .. }))), "{error:?}");
    assert_eq!(net, before);

    // The squares of the derivatives are infinite: no damping helps, with fewer residuals than parameters or not.
    let mut net = Sequential(Linear::new([[0.0]], [0.0]));
    for (x, y) in [(&[[1e30_f32], [1e30]][..], &[[1.0], [-1.0]][..]), (&[[1e30]], &[[1.0]])] {
        let mut workspace = LevenbergMarquardt::workspace::<mlp![1, 1]>();
        let error = LevenbergMarquardt::new().fit(&mut net, &Mse, x, y).run(&mut workspace);
        assert_eq!(error, Err(Error::Singular { loss: 1.0 }));
        assert_eq!(net, Sequential::ZERO);
        let error =
            Lbfgs::<10>::new().fit(&mut net, &Mse, x, &[[1.0], [0.5]][..x.len()]).run(&mut Zeroed::boxed());
        assert_eq!(error, Err(Error::Overflow));
        assert_eq!(net, Sequential::ZERO);
    }
    let mut net = Sequential(Linear::new([[0.0]], [0.0]));
    let large = [[1e30_f32], [-1e30]];
    let mut workspace = LevenbergMarquardt::workspace::<mlp![1, 1]>();
    let error = LevenbergMarquardt::new().fit(&mut net, &Mse, &large, &[[1.0], [1.0]]).run(&mut workspace);
    assert_eq!(error, Err(Error::Singular { loss: 1.0 }));
    assert_eq!(net, Sequential::ZERO);

    net.layer_mut::<0>().bias_mut()[0] = f32::NAN;
    let error = LevenbergMarquardt::new().fit(&mut net, &Mse, &[[1.0]], &[[1.0]]).run(&mut workspace);
    assert!(matches!(error, Err(Error::Parameter { name: "bias", .. })));
}

/// As many as SciPy needs from the same starts with `maxcor=10`: 29 to 38, and 82 to 102. The weights are drawn after the
/// inputs: from weights of the same random numbers as the inputs, both need up to 53 and 134.
#[test]
fn lbfgs_needs_few_evaluations() {
    for seed in 0..5 {
        let mut rng = StdRng::seed_from_u64(seed);
        let task = Task::new(&mut rng);
        let mut start = <mlp![5, 64, 3]>::ZERO;
        start.init(&mut rng);
        let evaluations = |goal| {
            let mut net = start;
            let method = Lbfgs::<10> { goal, ..Lbfgs::new() };
            let report = method.fit(&mut net, &Mse, &task.x, &task.y).run(&mut Zeroed::boxed()).unwrap();
            assert_eq!(report.stop, Some(Stop::Goal));
            report.evaluations
        };
        let found = [evaluations(1e-3), evaluations(1e-6)];
        assert!(found[0] <= 38 && found[1] <= 141, "seed {seed}: {found:?}");
    }
}

/// Ridge regression has a known minimum: here of a line through 3 points, whose slope alone is decayed. The objective is
/// `Σ (a x + b − y)² / 3 + λ/2 a²`; with `Σ x = 0`, `a = Σ x y / (Σ x² + 3 λ/2)` and `b` is the mean of `y`.
#[test]
fn lbfgs_decays_weights_but_not_biases() {
    let (x, y, decay) = ([[-1.0], [0.0], [1.0]], [[1.0], [2.0], [6.0]], 0.5);
    let mut net = <mlp![f64; 1, 1]>::ZERO;
    let method = Lbfgs::<3, f64> { weight_decay: decay, ..Lbfgs::default() };
    let report = method.fit(&mut net, &Mse, &x, &y).run(&mut { LbfgsMemory::ZERO }).unwrap();
    let slope = net.layer::<0>().weight()[0][0];
    assert_relative_eq!(slope, 5.0 / (2.0 + 1.5 * decay), max_relative = 1e-7);
    assert_relative_eq!(net.layer::<0>().bias()[0], 3.0, max_relative = 1e-7);
    let squares: f64 = x.iter().zip(&y).map(|([x], [y])| (slope * x + 3.0 - y).powi(2)).sum();
    assert_relative_eq!(report.loss, squares / 3.0, max_relative = 1e-7);
}

/// The minimum of the cross-entropy with decay is unique for one layer: from two starts it is the same.
#[test]
fn lbfgs_finds_the_minimum_of_a_convex_loss() {
    let x: [[f64; 2]; 30] = core::array::from_fn(|i| [(i as f64).sin(), (i as f64 * 0.7).cos()]);
    let classes: [usize; 30] = core::array::from_fn(|i| i * 7 % 3);
    let minimum = |seed| {
        let mut net: Sequential<Linear<2, 3, f64>> = random(seed);
        let method = Lbfgs::<5, f64> { weight_decay: 0.1, ..Lbfgs::default() };
        method.fit(&mut net, &CrossEntropy, &x, &classes).run(&mut { LbfgsMemory::ZERO }).unwrap();
        net.layer::<0>().weight()
    };
    let (a, b) = (minimum(1), minimum(2));
    for (a, b) in a.as_flattened().iter().zip(b.as_flattened()) {
        assert!((a - b).abs() < 1e-6, "{a}, {b}");
    }
}

#[test]
fn what_lbfgs_refuses_leaves_the_network_unchanged() {
    let (x, y) = curve();
    let mut net = random::<Curve>(0);
    let before = net;
    let mut memory: Box<LbfgsMemory<Curve>> = Zeroed::boxed();
    let method = Lbfgs::<10>::new();
    let error = method.fit(&mut net, &Mse, &x[1..], &y).run(&mut memory);
    assert_eq!(error, Err(Error::Training(DataError::Lengths { inputs: 100, targets: 101 })));
    let error = method.fit(&mut net, &Mse, &x, &y).validate(&[], &[]).run(&mut memory);
    assert_eq!(error, Err(Error::Validation(DataError::NoSamples)));
    assert_eq!(
        method.fit(&mut net, &Mse, &[], &[]).run(&mut memory),
        Err(Error::Training(DataError::NoSamples))
    );
    let mut nan = x;
    nan[7] = [f32::NAN];
    let error = method.fit(&mut net, &Mse, &nan, &y).run(&mut memory);
    assert!(matches!(error, Err(Error::Training(DataError::Input { sample: 7, .. }))), "{error:?}");
    let error = method.fit(&mut net, &Mse, &x, &nan).run(&mut memory);
    assert!(matches!(error, Err(Error::Training(DataError::Target { sample: 7, .. }))), "{error:?}");
    for (wrong, expected) in [
        (Lbfgs { max_iterations: 0, ..method }, "number of iterations"),
        (Lbfgs { goal: -1.0, ..method }, "goal"),
        (Lbfgs { gradient_tolerance: f32::NAN, ..method }, "gradient tolerance"),
        (Lbfgs { loss_tolerance: f32::INFINITY, ..method }, "loss tolerance"),
    ] {
        let error = wrong.fit(&mut net, &Mse, &x, &y).run(&mut memory);
        assert!(matches!(error, Err(Error::Hyperparameter { name, .. }) if name == expected), "{error:?}");
    }
    let wrong = Lbfgs { weight_decay: f32::NAN, ..method };
    let error = wrong.fit(&mut net, &Mse, &x, &y).run(&mut memory);
    assert!(matches!(error, Err(Error::Hyperparameter { name: "weight decay", .. })));
    assert_eq!(net, before);

    let mut reports = 0;
    let report = method
        .fit(&mut net, &Mse, &x, &y)
        .run_with(&mut memory, |_, _| {
            reports += 1;
            if reports == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!((report.stop, report.iterations), (Some(Stop::Callback), 3));
    net.layer_mut::<0>().bias_mut()[0] = f32::NAN;
    let error = method.fit(&mut net, &Mse, &x, &y).run(&mut memory);
    assert!(matches!(error, Err(Error::Parameter { .. })));
}
