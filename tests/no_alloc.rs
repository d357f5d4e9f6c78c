//! Nothing allocates: a counting allocator counts 0 allocations.

use std::ops::ControlFlow;

use allocation_counter::measure;
use constnet::{
    Adam, BceWithLogits, Cache, ClipNorm, ClipValue, CrossEntropy, Dropout, Elu, Gelu, GeluTanh, Hardsigmoid,
    Hardswish, Hardtanh, He, Huber, L1, LayerNorm, LeakyRelu, Linear, Loss, Mse, Optimizer, Residual,
    RmsProp, Selu, Sequential, Sgd, Sigmoid, Silu, SoftCrossEntropy, Softmax, Softplus, Tanh, Trainer,
    WeightedBceWithLogits, WeightedCrossEntropy, Zeroed,
    init::Orthogonal,
    layers::Features,
    metrics::{
        ConfusionMatrix, accuracy, binary_accuracy, binary_log_loss, log_loss, mean_absolute_error, r2_score,
        roc_auc_with,
    },
    mlp,
    optim::{WithSchedule, schedule::Cosine},
    synthetic,
    training::Best,
};
use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

type Net = mlp![5, 64, 64, 3];

#[track_caller]
fn assert_no_allocation(what: &str, run: impl FnOnce()) {
    let count = measure(run).count_total;
    assert_eq!(count, 0, "{what} allocates");
}

/// The counter counts.
#[test]
fn an_allocation_is_counted() {
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1);
}

#[test]
fn forward_and_backward() {
    let mut net = Net::ZERO;
    let mut gradient = Net::ZERO;
    let mut cache = Cache::ZERO;
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
    assert_no_allocation("initialisation", || net.init(&mut rng));
    assert_no_allocation("a sample of He", || net = rng.sample(He));
    assert_no_allocation("an initializer", || net.init_with(&Orthogonal { gain: 1.0 }, &mut rng));
    assert_no_allocation("forward and backward", || {
        let pass = net.forward(&[[0.5; 5]; 20], &mut cache);
        let dy = Mse.backward(pass.output(), &[[1.0; 3]; 20]);
        pass.backward(&dy, &mut gradient);
    });
    assert_ne!(gradient, Sequential::ZERO);
    assert_no_allocation("a step", || Sgd { lr: 0.1 }.step(&mut net, &gradient).expect("finite numbers"));
    assert_no_allocation("zeroing", || gradient.zero_grad());
    assert_no_allocation("a prediction", || {
        let _: [f32; 3] = net.predict(&[0.5; 5]);
    });
}

#[test]
fn training() {
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
    let task = synthetic::Task::new(&mut rng);
    let mut trainer = Trainer::<Net, _, 8>::new(Zeroed::ZERO, Sgd { lr: 0.01 });
    trainer.net.init(&mut rng);
    assert_no_allocation("a training run", || {
        let run = trainer.fit(&task.x, &task.y).epochs(10).run(&mut rng);
        assert!(run.is_ok_and(|last| last.loss > 0.0));
    });
    assert_no_allocation("an evaluation", || {
        let loss = trainer.evaluate(&task.x, &task.y);
        assert!(loss.is_ok_and(|loss| loss > 0.0));
    });
    // So many samples that their order is computed, not kept in a table.
    let (x, y) = ([[0.5; 5]; 100], [[0.5; 3]; 100]);
    assert_no_allocation("a training run over more samples", || {
        assert!(trainer.fit(&x, &y).epochs(2).run(&mut rng).is_ok());
    });
    let mut gradient = Net::ZERO;
    assert_no_allocation("the two halves of a step", || {
        let loss = trainer.gradient(&[[0.5; 5]; 8], &[[0.5; 3]; 8], &mut gradient);
        trainer.update(&gradient).expect("finite numbers");
        assert!(loss.is_finite());
    });
    let mut best = Best::new(trainer.net);
    assert_no_allocation("a run with validation and the best network kept", || {
        let run = trainer.fit(&x, &y).epochs(3).validate(&task.x, &task.y).keep_best(&mut best);
        let run = run.run_with(&mut rng, |_, trainer| {
            trainer.optimizer.lr *= 0.5;
            ControlFlow::Continue(())
        });
        assert!(run.is_ok_and(|last| last.validation_loss.is_some()));
    });
    assert_no_allocation("a restart", || trainer.reset());
    assert_no_allocation("an error", || {
        assert!(trainer.fit(&[], &[]).run(&mut rng).is_err());
    });
}

/// One network of all layers, with two activations in a row, under each loss.
#[test]
fn layers_and_losses() {
    type Net = Sequential![
        Linear<5, 9>, LeakyRelu<9>, LayerNorm<9>, Tanh<9>, Residual<Linear<9, 9>>, Gelu<9>, GeluTanh<9>,
        Dropout<9>, Silu<9>, Linear<9, 7>, Softplus<7>, Elu<7>, Softmax<7>, Sigmoid<7>, Linear<7, 9>,
        Selu<9>, Hardswish<9>, Hardtanh<9>, Hardsigmoid<9>, Linear<9, 3>
    ];
    fn training<L: Loss<Features<3>>>(what: &str, loss: L, y: L::Target) {
        let (x, y) = ([[0.5; 5]; 10], [y; 10]);
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
        let mut trainer: Trainer<Net, _, 4, _> = Trainer::with_loss(rng.sample(He), Sgd { lr: 0.01 }, loss);
        assert_no_allocation(what, || {
            assert!(trainer.fit(&x, &y).epochs(2).validate(&x, &y).run(&mut rng).is_ok());
        });
    }
    training("the mean squared error", Mse, [0.5; 3]);
    training("L1", L1, [0.5; 3]);
    training("Huber", Huber::default(), [0.5; 3]);
    training("BceWithLogits", BceWithLogits, [0.5; 3]);
    training("CrossEntropy", CrossEntropy, 2);
    training("SoftCrossEntropy", SoftCrossEntropy, [0.25, 0.25, 0.5]);
    training("WeightedCrossEntropy", WeightedCrossEntropy::default(), 2);
    training("WeightedBceWithLogits", WeightedBceWithLogits::default(), [0.5; 3]);
}

#[test]
fn metrics() {
    let y_hat = [[0.5, 0.25], [0.25, 0.5], [1.0, 0.0]];
    assert_no_allocation("the accuracy", || assert!(accuracy(y_hat, &[0, 1, 1]).is_ok()));
    let (logits, classes) = ([[0.5], [-0.5]], [[1.0], [0.0]]);
    assert_no_allocation("the accuracy of one output", || {
        assert!(binary_accuracy(logits, &classes, 0.0).is_ok());
        assert!(ConfusionMatrix::binary(logits, &classes, 0.0).is_ok());
        assert!(binary_log_loss(logits, &classes).is_ok());
        assert!(roc_auc_with(&logits, &classes, &mut [0.0; 2]).is_ok());
    });
    assert_no_allocation("the log loss", || assert!(log_loss([[0.25, 0.75]; 2], &[0, 1]).is_ok()));
    assert_no_allocation("a confusion matrix", || assert!(ConfusionMatrix::new(y_hat, &[0, 1, 1]).is_ok()));
    assert_no_allocation("R² and the absolute error", || {
        assert!(r2_score(y_hat, &[[0.0, 1.0]; 3]).is_ok());
        assert!(mean_absolute_error(y_hat, &[[0.0, 1.0]; 3]).is_ok());
    });
}

#[test]
fn optimizers() {
    fn training(what: &str, optimizer: impl Optimizer<f32>) {
        let (x, y) = ([[0.5; 5]; 10], [[0.5; 3]; 10]);
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
        let mut trainer = Trainer::<Net, _, 4>::new(rng.sample(He), optimizer);
        assert_no_allocation(what, || {
            assert!(trainer.fit(&x, &y).epochs(2).run(&mut rng).is_ok());
        });
    }
    let adam = Adam::new(0.01);
    training("momentum", Sgd { lr: 0.01 }.with_momentum(0.9));
    training("RmsProp", RmsProp::new(0.01));
    training("Adam", adam);
    training("clipping by value", ClipValue { optimizer: adam, max_value: 0.1 });
    training("clipping by norm", ClipNorm { optimizer: adam, max_norm: 0.1 });
    let schedule = Cosine { lr: 0.01, eta_min: 0.0, t_max: 5 };
    training("a schedule", WithSchedule { optimizer: adam, schedule });
}

/// Workers allocate for the first batch, and use that memory again for one as long.
#[cfg(feature = "rayon")]
#[test]
fn workers_keep_their_memory() {
    use constnet::parallel::Workers;

    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    pool.install(|| {
        let (x, y) = ([[1.0; 5]; 100], [[0.5; 3]; 100]);
        let mut trainer = Trainer::<Net, _, 7>::boxed(Sgd { lr: 0.1 });
        let mut workers = Workers::new();
        trainer.step_parallel(&x, &y, &mut workers).expect("a loss");
        assert_no_allocation("a step on all cores", || {
            trainer.step_parallel(&x, &y, &mut workers).expect("a loss");
            workers.evaluate(&trainer.net, &trainer.loss, &x, &y).expect("a loss");
        });
    });
}
