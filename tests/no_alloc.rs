//! Nothing allocates: under a counting allocator the count stays 0.

use std::ops::ControlFlow;

use allocation_counter::measure;
use constnet::{
    Adam, ClipNorm, ClipValue, He, Mse, Optimizer, RmsProp, Scheduled, Sequential, Sgd, Tape, Trainer,
    Zeroed, mlp, schedule::Cosine, synthetic,
};
use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

type Net = mlp![5, 64, 64, 3];

#[track_caller]
fn assert_no_allocation(what: &str, run: impl FnOnce()) {
    let count = measure(run).count_total;
    assert_eq!(count, 0, "{what} allocates");
}

/// That the counter counts.
#[test]
fn an_allocation_is_counted() {
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1);
}

#[test]
fn forward_and_backward() {
    let mut net = Net::ZERO;
    let mut gradient = Net::ZERO;
    let mut tape = Tape::ZERO;
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
    assert_no_allocation("initialisation", || net.init(&mut rng));
    assert_no_allocation("a sample of He", || net = rng.sample(He));
    assert_no_allocation("forward and backward", || {
        let pass = net.forward(&[[0.5; 5]; 20], &mut tape);
        let dy = Mse.backward(pass.output(), &[[1.0; 3]; 20]);
        pass.backward(&dy, &mut gradient);
    });
    assert_ne!(gradient, Sequential::ZERO);
    assert_no_allocation("a step", || Sgd { lr: 0.1 }.step(&mut net, &gradient));
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
        let run = trainer.fit(&task.x, &task.y).epochs(10).run(&mut rng, |_, _| {});
        assert!(run.is_ok_and(|last| last.loss > 0.0));
    });
    assert_no_allocation("an evaluation", || {
        let loss = trainer.evaluate(&task.x, &task.y);
        assert!(loss.is_ok_and(|loss| loss > 0.0));
    });
    // Long enough for the other way to shuffle.
    let (x, y) = ([[0.5; 5]; 100], [[0.5; 3]; 100]);
    assert_no_allocation("a training run over more samples", || {
        assert!(trainer.fit(&x, &y).epochs(2).run(&mut rng, |_, _| {}).is_ok());
    });
    let mut best = trainer.net;
    assert_no_allocation("a run with validation and the best network kept", || {
        let run = trainer.fit(&x, &y).epochs(3).validate(&task.x, &task.y).keep_best(&mut best);
        let run = run.run(&mut rng, |_, trainer| {
            trainer.optimizer.lr *= 0.5;
            ControlFlow::Continue(())
        });
        assert!(run.is_ok_and(|last| last.validation_loss.is_some()));
    });
    assert_no_allocation("an error", || {
        assert!(trainer.fit(&[], &[]).run(&mut rng, |_, _| {}).is_err());
    });
}

#[test]
fn optimizers() {
    fn training(what: &str, optimizer: impl Optimizer<f32>) {
        let (x, y) = ([[0.5; 5]; 10], [[0.5; 3]; 10]);
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
        let mut trainer = Trainer::<Net, _, 4>::new(rng.sample(He), optimizer);
        assert_no_allocation(what, || {
            assert!(trainer.fit(&x, &y).epochs(2).run(&mut rng, |_, _| {}).is_ok());
        });
    }
    let adam = Adam::new(0.01);
    training("momentum", Sgd { lr: 0.01 }.with_momentum(0.9));
    training("RmsProp", RmsProp::new(0.01));
    training("Adam", adam);
    training("clipping by value", ClipValue { optimizer: adam, max_value: 0.1 });
    training("clipping by norm", ClipNorm { optimizer: adam, max_norm: 0.1 });
    let schedule = Cosine { lr: 0.01, min: 0.0, steps: 5 };
    training("a schedule", Scheduled { optimizer: adam, schedule });
}
