//! Networks that are larger than a thread's stack, and layers wider than the constants of typenum.

use std::sync::Mutex;

use approx::assert_abs_diff_eq;
use constnet::{Cache, Linear, Momentum, Mse, Sequential, Sgd, Sigmoid, Trainer, Zeroed, mlp};
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};

static TRAINER: Mutex<Trainer<mlp![784, 512, 512, 10], Sgd, 8>> =
    Mutex::new(Trainer::new(Zeroed::ZERO, Sgd { lr: 0.01 }));

/// The parameters alone are 2.7 MB, the stack of a test's thread 2 MB.
#[test]
fn a_large_network_trains_in_place() {
    let mut trainer = TRAINER.lock().expect("the trainer");
    trainer.net.init(&mut Xoshiro128PlusPlus::seed_from_u64(0));
    let x = [[0.1; 784]; 8];
    let y = [[1.0; 10]; 8];
    let first = trainer.step(&x, &y);
    let second = trainer.step(&x, &y);
    assert!(second < first, "the loss went from {first} to {second}");
    assert!(trainer.net.to_string().ends_with("# 669706 parameters"));
}

type LargeTrainer = Trainer<mlp![784, 512, 512, 10], Momentum, 8>;

static WITH_STATE: Mutex<LargeTrainer> =
    Mutex::new(Trainer::new(Zeroed::ZERO, Sgd { lr: 0.01 }.with_momentum(0.9)));

/// The same step twice, from the same weights: the velocity of the first is gone.
#[test]
fn a_large_trainer_is_reset_in_place() {
    let mut trainer = WITH_STATE.lock().expect("the trainer");
    let (x, y) = ([[0.1; 784]; 8], [[1.0; 10]; 8]);
    let mut step = || {
        trainer.net.init(&mut Xoshiro128PlusPlus::seed_from_u64(0));
        trainer.reset();
        [trainer.step(&x, &y), trainer.step(&x, &y)].map(f32::to_bits)
    };
    let first = step();
    assert_eq!(step(), first);
}

type Wide = mlp![3, 1500, 2];

static WIDE: Mutex<(Wide, (Wide, Cache<Wide, 4>))> = Mutex::new(Zeroed::ZERO);

#[test]
fn wide_layers_work() {
    let mut wide = WIDE.lock().expect("the network");
    let (net, (gradient, cache)) = &mut *wide;
    net.init(&mut Xoshiro128PlusPlus::seed_from_u64(0));
    let (x, y) = ([[0.5, -1.0, 2.0]; 4], [[1.0, -1.0]; 4]);
    let pass = net.forward(&x, cache);
    let before = Mse.forward(pass.output(), &y);
    let dy = Mse.backward(pass.output(), &y);
    pass.backward(&dy, gradient);
    Sgd { lr: 1e-4 }.step(net, gradient).expect("finite numbers");
    let after = Mse.forward(net.forward(&x, cache).output(), &y);
    assert!(after < before, "the loss went from {before} to {after}");
    assert_eq!(Wide::PARAMS, 9002);
}

/// Targets of more than 4 kB per batch are read one by one: a run is still the step made by hand, for a batch that is full
/// or not, and on all cores.
#[test]
fn wide_targets_train_as_by_hand() {
    type Net = Sequential![Linear<4, 300>, Sigmoid<300>];
    const SGD: Sgd = Sgd { lr: 10.0 };
    let mut net = Net::ZERO;
    net.init(&mut Xoshiro128PlusPlus::seed_from_u64(0));
    let x: [[f32; 4]; 5] = core::array::from_fn(|n| [n as f32, 1.0, -0.5, 0.25 * n as f32]);
    let y: [[f32; 300]; 5] = core::array::from_fn(|n| [0.1 * n as f32; 300]);

    let (mut by_hand, mut gradient) = (net, Net::ZERO);
    let mut cache = Cache::ZERO;
    let pass = net.forward(&x, &mut cache);
    let (loss, dy) = (Mse.forward(pass.output(), &y), Mse.backward(pass.output(), &y));
    pass.backward(&dy, &mut gradient);
    SGD.step(&mut by_hand, &gradient).expect("finite numbers");

    fn check<const B: usize>(net: Net, by_hand: &Net, loss: f32, x: &[[f32; 4]], y: &[[f32; 300]]) {
        let mut trainer = Trainer::<Net, _, B>::new(net, SGD);
        let report = trainer.fit(x, y).run(&mut Xoshiro128PlusPlus::seed_from_u64(1)).expect("training");
        assert_abs_diff_eq!(trainer.net, *by_hand, epsilon = 1e-5);
        assert_abs_diff_eq!(report.loss, loss, epsilon = 1e-5);
        #[cfg(feature = "rayon")]
        {
            let mut trainer = Trainer::<Net, _, B>::new(net, SGD);
            let fit = trainer.fit(x, y).parallel(5).validate(x, y);
            let report = fit.run(&mut Xoshiro128PlusPlus::seed_from_u64(1)).expect("training");
            assert_abs_diff_eq!(trainer.net, *by_hand, epsilon = 1e-5);
            assert_abs_diff_eq!(report.loss, loss, epsilon = 1e-5);
            let validation = report.validation_loss.expect("validation");
            assert_abs_diff_eq!(validation, trainer.evaluate(x, y).expect("finite"), epsilon = 1e-5);
        }
    }
    assert!(net != by_hand);
    check::<5>(net, &by_hand, loss, &x, &y);
    check::<8>(net, &by_hand, loss, &x, &y);
    #[cfg(feature = "rayon")]
    {
        let mut trainer = Trainer::<Net, _, 4>::new(net, SGD);
        trainer.fit(&x, &y).parallel(5).run(&mut Xoshiro128PlusPlus::seed_from_u64(1)).expect("training");
        assert_abs_diff_eq!(trainer.net, by_hand, epsilon = 1e-5);
    }
    let mut trainer = Trainer::<Net, _, 5>::new(net, SGD);
    assert_abs_diff_eq!(trainer.step(&x, &y), loss, epsilon = 1e-5);
    assert_abs_diff_eq!(trainer.net, by_hand, epsilon = 1e-5);
}

/// `Debug` prints a summary of a long tensor.
#[test]
fn a_large_network_prints_on_a_page() {
    static LARGE: Sequential<Linear<1000, 1000>> = Sequential(Linear::ZERO);
    let text = format!("{:#?}", LARGE);
    assert!(text.len() < 500, "{text}");
    assert!(text.contains("0.weight"), "{text}");
}
