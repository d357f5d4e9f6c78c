//! A differential equation, `y′ = −2 x y` with `y(0) = 1`, solved by a network: `y = 1 + x N(x)` on the interval from 0 to 2.
//!
//! The residual `y′ + 2 x y` contains the derivative of the network. For its gradient with respect to the parameters, the
//! derivative is the difference of two passes; the exact derivative, `jacobian`, checks the result.
//!
//! `cargo run --release --example differential_equation`

use constnet::{Adam, Cache, Error, Linear, Optimizer, Sequential, Tanh, Zeroed, optim::OptimizerState};
use rand::{SeedableRng, rngs::StdRng};

type Net = Sequential![Linear<1, 16, f64>, Tanh<16, f64>, Linear<16, 1, f64>];

const POINTS: usize = 21;
/// Half the distance of the two points whose difference is the derivative.
const H: f64 = 1e-3;

fn main() -> Result<(), Error<f64>> {
    let x: [f64; POINTS] = core::array::from_fn(|i| i as f64 / 10.0);
    let mut net = Net::ZERO;
    net.init(&mut StdRng::seed_from_u64(0));
    let (mut state, mut optimizer) = (OptimizerState::ZERO, Adam::new(1e-2));
    let mut caches = [(); 3].map(|()| Cache::<Net, POINTS>::ZERO);
    let mut loss = f64::INFINITY;
    for step in 0..10_000 {
        optimizer.lr = 1e-2 * (1.0 - f64::from(step) / 10_000.0);
        // N(x − h), N(x) and N(x + h), and with them the residuals.
        let [left, middle, right] = &mut caches;
        let left = net.forward(&x.map(|x| [x - H]), left);
        let middle = net.forward(&x.map(|x| [x]), middle);
        let right = net.forward(&x.map(|x| [x + H]), right);
        let residuals: [f64; POINTS] = core::array::from_fn(|i| {
            let ([n], x) = (middle.output()[i], x[i]);
            let derivative = (right.output()[i][0] - left.output()[i][0]) / (2.0 * H);
            n + x * derivative + 2.0 * x * (1.0 + x * n)
        });
        loss = residuals.iter().map(|r| r * r).sum::<f64>() / POINTS as f64;

        // The gradient of the mean of `r²`: the derivative of `r` with respect to each of the three outputs.
        let mut gradient = Net::ZERO;
        let dy = |by: fn(f64) -> f64| core::array::from_fn(|i| [2.0 * residuals[i] * by(x[i])]);
        middle.backward(&dy(|x| 1.0 + 2.0 * x * x), &mut gradient);
        right.backward(&dy(|x| x / (2.0 * H)), &mut gradient);
        left.backward(&dy(|x| -x / (2.0 * H)), &mut gradient);
        optimizer.step(&mut net, &gradient, &mut state)?;
    }

    let (mut worst, mut worst_residual) = (0.0_f64, 0.0_f64);
    for i in 0..200 {
        let x = f64::from(i) / 100.0;
        let ([n], [[derivative]]) = (net.predict(&[x]), net.jacobian(&[x]));
        worst = worst.max((1.0 + x * n - (-x * x).exp()).abs());
        worst_residual = worst_residual.max((n + x * derivative + 2.0 * x * (1.0 + x * n)).abs());
    }
    println!("mean squared residual {loss:.1e}; between the points at most {worst_residual:.1e}");
    println!("error at most {worst:.1e}, of a solution from 1 to 0.02");
    assert!(worst < 2e-3, "the solution is not accurate");
    Ok(())
}
