//! A layer and a loss of one's own: how a noisy quantity is spread, told by three of its quantiles.
//!
//! `cargo run --release --example custom_layer`

use std::error::Error;

use constnet::{
    Custom, CustomLayer, Features, Linear, Loss, Sequential, Sgd, Trainer, Zeroed, gradient_check,
    kernel::Isa,
};
use rand::{Rng, RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};
use rand_distr::StandardNormal;
use textplots::{Chart, Plot, Shape};

/// `N` bumps along a line, `y = exp(−u² / 2)` with `u = s (x − c)`: centres `c` and sharpnesses `s`.
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
    /// `y`
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

    /// By `dy/du = −u y`.
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
                let off = x[b][0] - self.centre[i];
                let du = -dy[b][i] * self.sharpness[i] * off * y[b][i];
                gradient.centre[i] -= du * self.sharpness[i] / B as f64;
                gradient.sharpness[i] += du * off / B as f64;
                dx[b][0] += du * self.sharpness[i];
            }
        }
    }

    /// Spread evenly from −3 to 3.
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

/// The pinball loss, the mean of `max(q d, (q − 1) d)` with `d = y − ŷ`: least where a share `q` of
/// the targets is below the prediction. One target has a prediction for each quantile.
struct Pinball<const Q: usize>([f64; Q]);

impl<const Q: usize> Loss<Features<Q, f64>> for Pinball<Q> {
    type Target = f64;

    fn value<I: Isa<f64>>(&self, _: I, y_hat: &[[f64; Q]], y: &[f64]) -> f64 {
        let each = |y_hat: &[f64; Q], y: &f64| -> f64 {
            y_hat.iter().zip(self.0).map(|(y_hat, q)| (q * (y - y_hat)).max((q - 1.0) * (y - y_hat))).sum()
        };
        y_hat.iter().zip(y).map(|(y_hat, y)| each(y_hat, y)).sum::<f64>() / (Q * y.len()) as f64
    }

    fn value_and_gradient<I: Isa<f64>>(&self, isa: I, y_hat: &mut [[f64; Q]], y: &[f64]) -> f64 {
        let value = self.value(isa, y_hat, y);
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

    // A wave that gets noisier from left to right.
    let x: [[f64; 1]; 600] = std::array::from_fn(|_| [rng.random_range(-3.0..3.0)]);
    let y = x.map(|[x]| (2.0 * x).sin() + 0.1 * (x + 4.0) * rng.sample::<f64, _>(StandardNormal));

    let loss = Pinball(QUANTILES);
    let worst = gradient_check::<_, _, 8>(&mut net, &loss, x[..8].try_into()?, y[..8].try_into()?)?;
    println!("Gradients checked. Furthest off is that of\n  {worst}\n");

    let mut trainer: Trainer<Net, _, 20, _> = Trainer::with_criterion(net, Sgd { lr: 0.2 }, loss);
    for _ in 0..4 {
        let last = trainer.fit(&x, &y).epochs(50).run(&mut rng, |_, _| {})?;
        println!("pinball loss {:.4}", last.loss);
        trainer.optimizer.lr /= 2.0;
    }

    println!("\nquantile   targets below it");
    for (index, q) in QUANTILES.into_iter().enumerate() {
        let below = x.iter().zip(&y).filter(|(x, y)| **y < trainer.net.predict(x)[index]).count();
        println!("{:>7} %   {:>14.1} %", 100.0 * q, 100.0 * below as f64 / x.len() as f64);
    }

    println!("\nThe samples, and the quantiles that the network tells:");
    let points: Vec<_> = x.iter().zip(&y).map(|([x], y)| (*x as f32, *y as f32)).collect();
    let net = &trainer.net;
    let told = |index: usize| move |x: f32| net.predict(&[f64::from(x)])[index] as f32;
    Chart::new(120, 60, -3.0, 3.0).lineplot(&Shape::Points(&points)).display();
    Chart::new(120, 60, -3.0, 3.0)
        .lineplot(&Shape::Continuous(Box::new(told(0))))
        .lineplot(&Shape::Continuous(Box::new(told(1))))
        .lineplot(&Shape::Continuous(Box::new(told(2))))
        .display();
    Ok(())
}
