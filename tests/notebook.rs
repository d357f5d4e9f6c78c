//! The check cells of the notebook, with the notebook's numbers.

mod common;
#[rustfmt::skip]
#[path = "data/linear.rs"]
mod autograd;

use approx::{assert_abs_diff_eq, assert_relative_eq};
use common::rng;
use constnet::{Linear, Mse, Relu, Sequential, Sgd, Zeroed, mlp, synthetic};

/// The tolerance of the notebook's cells, in f64: a few roundings of numbers of size 1 to 10.
const EXACT: f64 = 1e-12;

#[test]
fn linear_forward() {
    let x = [[1.0, 2.0, 3.0], [0.5, -1.0, 2.0]];
    let layer = Linear::new([[0.1, 0.2, 0.3], [-0.5, 0.0, 0.5]], [0.1, -0.2]);
    let z: [[f64; 2]; 2] = layer.forward(&x);
    assert_abs_diff_eq!(z.as_flattened(), [[1.5, 0.8], [0.55, 0.55]].as_flattened(), epsilon = EXACT);
}

/// Autograd computes the gradients of `z.sum()`; those of this crate, `dW` and `db`, are averaged over the batch.
#[test]
fn linear_backward_matches_autograd() {
    let layer = Linear::new(autograd::W, autograd::B);
    let z = layer.forward(&autograd::X);
    assert_abs_diff_eq!(z.as_flattened(), autograd::Z.as_flattened(), epsilon = EXACT);

    let mut gradient = Linear::ZERO;
    let dx = layer.backward(&autograd::X, &[[1.0; 3]; 4], &mut gradient);
    assert_abs_diff_eq!(dx.as_flattened(), autograd::DX.as_flattened(), epsilon = EXACT);
    let expected =
        Linear::new(autograd::DW.map(|row| row.map(|dw| dw / 4.0)), autograd::DB.map(|db| db / 4.0));
    assert_relative_eq!(gradient, expected, epsilon = EXACT);
}

const RELU_Z: [[f64; 4]; 2] = [[1.0, -2.0, 0.0, 3.0], [-1.5, 2.5, -0.3, 0.0]];

#[test]
fn relu_forward() {
    assert_eq!(Relu::new().forward(&RELU_Z), [[1.0, 0.0, 0.0, 3.0], [0.0, 2.5, 0.0, 0.0]]);
}

#[test]
fn relu_backward() {
    let dz = Relu::new().backward(&RELU_Z, &[[1.0; 4]; 2]);
    assert_eq!(dz, [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]]);
}

const Y_HAT: [[f64; 2]; 2] = [[3.0, 2.0], [1.0, 4.0]];
const Y: [[f64; 2]; 2] = [[2.0, 0.0], [1.0, 5.0]];

#[test]
fn mse_forward() {
    assert_abs_diff_eq!(Mse.forward(&Y_HAT, &Y), 1.5, epsilon = EXACT);
}

/// For two targets, `2 (ŷ − y) / D` is `ŷ − y`. The notebook divides by the batch size `B`, here also 2, instead of `D`.
#[test]
fn mse_backward() {
    assert_eq!(Mse.backward(&Y_HAT, &Y), [[1.0, 2.0], [0.0, -1.0]]);
}

#[test]
fn zeroing() {
    let mut gradient: mlp![f64; 5, 64, 3] = common::network(&mut rng(0));
    assert_ne!(gradient, Sequential::ZERO);
    gradient.zero_grad();
    assert_eq!(gradient, Sequential::ZERO);
}

/// `p ← p − lr · dp`, with numbers for which the result is exact.
#[test]
fn sgd_step() {
    let mut layer = Linear::new([[1.0, -2.0], [0.5, 4.0]], [3.0, 0.0]);
    let gradient = Linear::new([[2.0, 2.0], [-1.0, 0.0]], [-4.0, 8.0]);
    Sgd { lr: 0.25 }.step(&mut layer, &gradient).expect("finite numbers");
    assert_eq!(layer, Linear::new([[0.5, -2.5], [0.75, 4.0]], [4.0, -2.0]));
}

#[test]
fn training_reaches_the_goal() -> Result<(), constnet::Error<f32>> {
    let outcome = synthetic::train::<64, 8, _>(&synthetic::Config::default(), &mut rng(0))?;
    let losses: Vec<_> = outcome.losses.iter().map(|(_, loss)| loss).collect();
    let ([first, ..], [.., last]) = (&losses[..], &losses[..]) else { panic!("no losses") };
    assert!(last < first, "the loss went from {first} to {last}");
    assert!(outcome.final_mse < 1e-3, "{}", outcome.final_mse);
    Ok(())
}

/// The network of the notebook's PyTorch section.
#[test]
fn training_two_hidden_layers_reaches_the_goal() -> Result<(), constnet::Error<f32>> {
    let config = synthetic::Config::default();
    let outcome = synthetic::train_network::<mlp![5, 64, 64, 3], 4, _>(&config, &mut rng(0), |_, _| {})?;
    assert!(outcome.final_mse < 1e-3, "{}", outcome.final_mse);
    Ok(())
}

/// The number of seeds. A run takes 0.4 s in a debug build, so a debug build runs a tenth of them; an optimised build,
/// as in `cargo test --release`, runs all.
const SEEDS: u64 = if cfg!(debug_assertions) { 10 } else { 100 };

/// Between the worst of the hundred seeds, 2.06e-4, and the goal, so that the test notices worse training before it
/// misses the goal.
const WORST: f32 = 2.5e-4;

#[test]
fn training_reaches_the_goal_from_every_seed() -> Result<(), constnet::Error<f32>> {
    let mut worst = 0.0_f32;
    for seed in 0..SEEDS {
        let outcome = synthetic::train::<64, 8, _>(&synthetic::Config::default(), &mut rng(seed))?;
        assert!(outcome.final_mse < 1e-3, "seed {seed}: {}", outcome.final_mse);
        worst = worst.max(outcome.final_mse);
    }
    assert!(worst < WORST, "the worst of {SEEDS} seeds: {worst:e}");
    Ok(())
}
