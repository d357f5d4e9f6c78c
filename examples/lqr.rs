//! A learned model of a pendulum, linearised by its Jacobian matrix, for a linear-quadratic regulator.
//!
//! The network learns the next state from angle, angular velocity and torque. The regulator of the linearised model then
//! holds the real pendulum upright, where it is unstable.
//!
//! `cargo run --release --example lqr`

use constnet::{Error, LevenbergMarquardt, Linear, Mse, Sequential, Tanh, Zeroed};
use rand::{RngExt, SeedableRng, rngs::StdRng};

type Model = Sequential![Linear<3, 16, f64>, Tanh<16, f64>, Linear<16, 2, f64>];

/// The change of the state in a time step of 0.05: an inverted pendulum of length 1 and mass 1.
fn change([angle, velocity, torque]: [f64; 3]) -> [f64; 2] {
    let (mut a, mut v) = (angle, velocity);
    for _ in 0..10 {
        v += 0.005 * (9.81 * a.sin() + torque);
        a += 0.005 * v;
    }
    [a - angle, v - velocity]
}

/// The gain `K` of the regulator `u = −K s` for `s ← A s + B u`, with the costs `s² + 0.1 u²`, by iterating the Riccati equation.
fn gain(a: [[f64; 2]; 2], b: [f64; 2]) -> [f64; 2] {
    let (mut p, mut k) = ([[1.0, 0.0], [0.0, 1.0]], [0.0; 2]);
    for _ in 0..1000 {
        let pb = p.map(|row| row[0] * b[0] + row[1] * b[1]);
        let pa = p.map(|row| [0, 1].map(|j| row[0] * a[0][j] + row[1] * a[1][j]));
        let denominator = 0.1 + b[0] * pb[0] + b[1] * pb[1];
        k = [0, 1].map(|j| (pb[0] * a[0][j] + pb[1] * a[1][j]) / denominator);
        p = [0, 1].map(|i| {
            [0, 1].map(|j| {
                let apa = a[0][i] * pa[0][j] + a[1][i] * pa[1][j];
                let identity = if i == j { 1.0 } else { 0.0 };
                identity + apa - k[i] * k[j] * denominator
            })
        });
    }
    k
}

fn main() -> Result<(), Error<f64>> {
    let mut rng = StdRng::seed_from_u64(0);
    let x: Vec<[f64; 3]> = (0..500)
        .map(|_| [rng.random_range(-1.0..1.0), rng.random_range(-2.0..2.0), rng.random_range(-5.0..5.0)])
        .collect();
    let y: Vec<[f64; 2]> = x.iter().map(|x| change(*x)).collect();
    let mut model = Model::ZERO;
    model.init(&mut rng);
    let method = LevenbergMarquardt { goal: 1e-8, ..LevenbergMarquardt::default() };
    let report = method.fit(&mut model, &Mse, &x, &y).run(&mut LevenbergMarquardt::workspace::<Model>())?;
    println!("model: mean squared error {:.1e} after {} iterations", report.loss, report.iterations);

    let [[aa, av, au], [va, vv, vu]]: [[f64; 3]; 2] = model.jacobian(&[0.0; 3]);
    let (a, b) = ([[1.0 + aa, av], [va, 1.0 + vv]], [au, vu]);
    let k = gain(a, b);
    println!("A = {a:.3?}, B = {b:.3?}, K = {k:.2?}");

    let mut state = [0.4, 0.0];
    for _ in 0..100 {
        let torque = -(k[0] * state[0] + k[1] * state[1]);
        let [da, dv] = change([state[0], state[1], torque]);
        state = [state[0] + da, state[1] + dv];
    }
    println!("angle after 5 s: {:.1e}, from 0.4", state[0]);
    assert!(state[0].abs() < 1e-3, "the pendulum was not held upright");
    Ok(())
}
