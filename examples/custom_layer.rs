//! A layer and a loss of your own: a network that predicts three quantiles of a noisy quantity.
//!
//! The layer is `Bumps`, radial basis functions of which centres and widths are trained; the loss is `Pinball`. A
//! `gradient_check` compares both with differences of the loss before training starts.
//!
//! `cargo run --release --example custom_layer`

use std::error::Error;

use constnet::{
    Custom, CustomLayer, Linear, Loss, Sequential, Sgd, Trainer, Zeroed, gradient_check, layers::Features,
    simd::Simd,
};
use rand::{Rng, RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};
use rand_distr::StandardNormal;
use textplots::{Chart, Plot, Shape};

/// `N` bumps along a line.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `x` | `(B, 1)` | the input |
/// | `c`, `s` | `(N)` | the centre and the sharpness of each bump |
/// | `y` | `(B, N)` | `y = exp(−u² / 2)` with `u = s (x − c)` |
/// | `du` | `(B, N)` | `du = −dy u y` |
/// | `dc`, `ds` | `(N)` | the means of `−du s` and `du (x − c)` over the batch |
/// | `dx` | `(B, 1)` | the sum of `du s` over the bumps |
struct Bumps<const N: usize> {
    centre: [f64; N],
    sharpness: [f64; N],
}

impl<const N: usize> Zeroed for Bumps<N> {
    const ZERO: Self = Self { centre: [0.0; N], sharpness: [0.0; N] };
}

impl<const N: usize> CustomLayer for Bumps<N> {
    type In = Features<1, f64>;
    type Out = Features<N, f64>;
    /// The outputs `y`, for the backward pass.
    type Cache<const B: usize> = [[f64; N]; B];

    const NAME: &'static str = "Bumps";
    const PARAMS: usize = 2 * N;

    fn forward<const B: usize>(&self, x: &[[f64; 1]; B], y: &mut [[f64; N]; B], cache: &mut [[f64; N]; B]) {
        for ([x], y) in x.iter().zip(&mut *y) {
            *y = std::array::from_fn(|i| {
                let u = self.sharpness[i] * (x - self.centre[i]);
                (-u * u / 2.0).exp()
            });
        }
        *cache = *y;
    }

    /// Adds `dc` and `ds` to `gradient`, and overwrites `dx`.
    fn backward<const B: usize>(
        &self,
        x: &[[f64; 1]; B],
        y: &[[f64; N]; B],
        dy: &[[f64; N]; B],
        dx: &mut [[f64; 1]; B],
        gradient: &mut Self,
    ) {
        for b in 0..B {
            dx[b] = [0.0];
            for i in 0..N {
                let distance = x[b][0] - self.centre[i];
                let u = self.sharpness[i] * distance;
                let du = -dy[b][i] * u * y[b][i];
                gradient.centre[i] -= du * self.sharpness[i] / B as f64;
                gradient.sharpness[i] += du * distance / B as f64;
                dx[b][0] += du * self.sharpness[i];
            }
        }
    }

    /// Spreads the centres evenly from −3 to 3.
    fn init<R: Rng + ?Sized>(&mut self, _: &mut R) {
        self.centre = std::array::from_fn(|i| 6.0 * i as f64 / (N - 1) as f64 - 3.0);
        self.sharpness = [2.0; N];
    }

    fn parameter(&self, index: usize) -> Option<(&'static str, &[f64])> {
        [("centre", &self.centre[..]), ("sharpness", &self.sharpness)].get(index).copied()
    }

    fn parameter_mut(&mut self, index: usize) -> Option<(&'static str, &mut [f64])> {
        [("centre", &mut self.centre[..]), ("sharpness", &mut self.sharpness)].into_iter().nth(index)
    }
}

/// The pinball loss for `Q` quantiles `q`: the mean of `max(q d, (q − 1) d)` with `d = y − ŷ`. It is smallest if a
/// fraction `q` of the targets is below the prediction `ŷ`. A prediction has one number for each quantile, a target
/// is a single number.
///
/// The formulas are plain arithmetic, and do not use the token `I` of the instruction set. With
/// `constnet::simd::reduce2` and `transform2` a loss runs on vectors.
struct Pinball<const Q: usize>([f64; Q]);

impl<const Q: usize> Loss<Features<Q, f64>> for Pinball<Q> {
    type Target = f64;

    fn value<I: Simd<f64>>(&self, _: I, y_hat: &[[f64; Q]], y: &[f64]) -> f64 {
        let each = |y_hat: &[f64; Q], y: &f64| -> f64 {
            y_hat.iter().zip(self.0).map(|(y_hat, q)| (q * (y - y_hat)).max((q - 1.0) * (y - y_hat))).sum()
        };
        y_hat.iter().zip(y).map(|(y_hat, y)| each(y_hat, y)).sum::<f64>() / (Q * y.len()) as f64
    }

    /// The gradient is that of each sample: the layers compute the mean over the batch.
    fn value_and_gradient<I: Simd<f64>>(&self, token: I, y_hat: &mut [[f64; Q]], y: &[f64]) -> f64 {
        let value = self.value(token, y_hat, y);
        for (y_hat, y) in y_hat.iter_mut().zip(y) {
            for (y_hat, q) in y_hat.iter_mut().zip(self.0) {
                *y_hat = (if y > y_hat { -q } else { 1.0 - q }) / Q as f64;
            }
        }
        value
    }
}

const QUANTILES: [f64; 3] = [0.1, 0.5, 0.9];

type Net = Sequential![Custom<Bumps<12>>, Linear<12, 3, f64>];

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
    let mut net = Net::ZERO;
    net.init(&mut rng);
    println!("{net}\n");

    // A wave, with noise that grows from left to right.
    let x: [[f64; 1]; 600] = std::array::from_fn(|_| [rng.random_range(-3.0..3.0)]);
    let y = x.map(|[x]| (2.0 * x).sin() + 0.1 * (x + 4.0) * rng.sample::<f64, _>(StandardNormal));

    let loss = Pinball(QUANTILES);
    let worst = gradient_check::<_, _, 8>(&mut net, &loss, x[..8].try_into()?, y[..8].try_into()?)?;
    println!("gradient check passed; the largest difference:\n  {worst}\n");

    let mut trainer: Trainer<Net, _, 20, _> = Trainer::with_loss(net, Sgd { lr: 0.2 }, loss);
    for _ in 0..4 {
        let last = trainer.fit(&x, &y).epochs(50).run(&mut rng)?;
        println!(
            "50 epochs with a learning rate of {:<5}  pinball loss {:.4}",
            trainer.optimizer.lr, last.loss
        );
        trainer.optimizer.lr /= 2.0;
    }

    println!("\nquantile   targets below the prediction");
    for (index, q) in QUANTILES.into_iter().enumerate() {
        let below = x.iter().zip(&y).filter(|(x, y)| **y < trainer.net.predict(x)[index]).count();
        println!("{:>6} %   {:>27.1} %", 100.0 * q, 100.0 * below as f64 / x.len() as f64);
    }

    println!("\nthe samples:");
    let points: Vec<_> = x.iter().zip(&y).map(|([x], y)| (*x as f32, *y as f32)).collect();
    Chart::new(120, 60, -3.0, 3.0).lineplot(&Shape::Points(&points)).display();
    println!("the predicted quantiles, 10 %, 50 % and 90 %:");
    let net = &trainer.net;
    let quantile = |index: usize| move |x: f32| net.predict(&[f64::from(x)])[index] as f32;
    Chart::new(120, 60, -3.0, 3.0)
        .lineplot(&Shape::Continuous(Box::new(quantile(0))))
        .lineplot(&Shape::Continuous(Box::new(quantile(1))))
        .lineplot(&Shape::Continuous(Box::new(quantile(2))))
        .display();
    Ok(())
}
