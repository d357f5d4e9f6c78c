//! The notebook's task: learn a linear map from 20 normally distributed samples.
//!
//! | quantity | shape | drawn from |
//! |---|---|---|
//! | `X` | `(20, 5)` | the standard normal distribution |
//! | `true_W` | `(3, 5)` | the standard normal distribution |
//! | `Y = X true_Wᵀ` | `(20, 3)` | |
//!
//! A network that is wide enough fits it almost perfectly: the notebook asks for a mean squared
//! error below [`GOAL`].
//!
//! # The notebook's functions
//!
//! The crate follows a university notebook that builds a multilayer perceptron by hand in NumPy and compares it with
//! PyTorch. Every function of the notebook has a counterpart that can be called alone; `examples/notebook.rs` walks
//! through all cells.
//!
//! | | NumPy notebook | PyTorch | constnet |
//! |---|---|---|---|
//! | Layer definitions | `initialize_linear_layer(…)` | `torch.nn.Linear(…)` | `Linear<IN, OUT>`, sampled from `He` |
//! | Activation functions | `relu_forward(…)`, `relu_backward(…)` | `torch.nn.ReLU()` | `Relu::forward`, `Relu::backward` |
//! | Building a network | `build_mlp(…)` | `torch.nn.Sequential(…)` | `mlp![…]`, `sequential![…]` |
//! | Forward pass | `mlp_forward(…)`, `linear_forward(…)` | `model(x)` | `net.forward(&x, &mut cache)`, `Linear::forward` |
//! | Backward pass | `mlp_backward(…)`, `linear_backward(…)` | `loss.backward()` | `pass.backward(&dy, &mut gradient)`, `Linear::backward` |
//! | Parameter updates | `sgd_step(…)` | `optimizer.step()` | `Sgd::step` |
//! | Zeroing gradients | `zero_grads(…)` | `optimizer.zero_grad()` | `gradient.zero_grad()` |
//! | Loss computation | `mse_forward(…)`, `mse_backward(…)` | `torch.nn.MSELoss()` | `Mse::forward`, `Mse::backward` |
//! | Training loop | the loops of section 7 | the loop of section 8 | `Trainer::step`, `Trainer::fit` |
//!
//! Three differences from the notebook:
//!
//! - **`mse_backward`.** The notebook divides `2 (ŷ − y)` by the batch size `B`. constnet divides it by the number of
//!   outputs `D`, because the layers divide by `B` later; so every `dW` and `db` equals PyTorch's for `nn.MSELoss()`. The
//!   notebook's `linear_backward` divides by `B` once more. The two agree only where `B = D`, as in its check cell.
//! - **Gradients.** The notebook overwrites `dW` and `db`. constnet adds to the gradient, as PyTorch does.
//! - **Arguments.** The notebook's `linear_backward` and `relu_backward` take the gradient first; here the input comes first.
//!
//! The formulas are the same otherwise: `z = x Wᵀ + b` with `W` of shape `(OUT, IN)`, and gradients averaged over the batch.
//! `fit` reports the mean loss of an epoch; the notebook prints the loss of its last batch.

use core::{
    fmt::{self, Write as _},
    ops::ControlFlow,
};

use rand::Rng;

use crate::{
    error::Error,
    layers::{Layer, Linear, Shape},
    mlp,
    network::init::He,
    optim::Sgd,
    simd::Element,
    training::Trainer,
};

/// The number of samples.
pub const SAMPLES: usize = 20;
/// The number of features of a sample.
pub const FEATURES: usize = 5;
/// The number of targets of a sample.
pub const TARGETS: usize = 3;
/// A trained network must have a mean squared error below this.
pub const GOAL: f32 = 1e-3;

/// The data of the task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    /// The inputs.
    pub x: [[f32; FEATURES]; SAMPLES],
    /// The linear map from inputs to targets.
    pub true_weight: [[f32; FEATURES]; TARGETS],
    /// The targets: `X true_Wᵀ`.
    pub y: [[f32; TARGETS]; SAMPLES],
}

impl Task {
    /// Draws `X`, then `true_W`.
    #[must_use]
    pub fn new<R: Rng + ?Sized>(rng: &mut R) -> Self {
        let x = [(); SAMPLES].map(|()| [(); FEATURES].map(|()| f32::standard_normal(rng)));
        let true_weight = [(); TARGETS].map(|()| [(); FEATURES].map(|()| f32::standard_normal(rng)));
        let y = Linear::new(true_weight, [0.0; TARGETS]).forward(&x);
        Self { x, true_weight, y }
    }
}

/// The hyperparameters of training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// The learning rate of plain gradient descent.
    pub lr: f32,
    /// The number of epochs.
    pub epochs: usize,
}

/// These reach the [`GOAL`] from any start, with a hidden layer of 64 units and batches of 8.
impl Default for Config {
    fn default() -> Self {
        Self { lr: 0.05, epochs: 500 }
    }
}

/// The result of training.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Outcome<N> {
    /// The trained network.
    pub net: N,
    /// The loss of some epochs.
    pub losses: Losses,
    /// The mean squared error over all samples after training.
    pub final_mse: f32,
}

/// The losses of a run of any length, in a fixed amount of memory.
///
/// The loss of every 20th epoch is kept, as the notebook prints it. When the memory is full, every other loss is
/// dropped, and from then on half as many are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Losses {
    values: [f32; Self::ROOM],
    len: usize,
    every: usize,
}

impl Losses {
    const ROOM: usize = 128;

    const fn new() -> Self {
        Self { values: [0.0; Self::ROOM], len: 0, every: 20 }
    }

    fn push(&mut self, epoch: usize, loss: f32) {
        if self.len == Self::ROOM {
            for i in 0..Self::ROOM / 2 {
                self.values[i] = self.values[2 * i];
            }
            self.len = Self::ROOM / 2;
            self.every *= 2;
        }
        if epoch == self.len * self.every {
            self.values[self.len] = loss;
            self.len += 1;
        }
    }

    /// The epochs, counted from 0, and their losses.
    pub fn iter(&self) -> impl Iterator<Item = (usize, f32)> {
        self.values.iter().take(self.len).enumerate().map(|(i, loss)| (i * self.every, *loss))
    }
}

/// A line about an epoch in the notebook's format: `epoch 020  loss 1.2345e-04`. (The notebook prints the loss of
/// the epoch's last batch; `Fit` reports the mean over the epoch.)
///
/// ```
/// use constnet::synthetic::Progress;
///
/// assert_eq!(Progress { epoch: 20, loss: 1.2345e-4 }.to_string(), "epoch 020  loss 1.2345e-04");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The epoch, counted from 0.
    pub epoch: usize,
    /// Its loss.
    pub loss: f32,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rust writes `1.2345e-4` where Python writes `1.2345e-04`.
        let mut loss = Text::default();
        write!(loss, "{:.4e}", self.loss)?;
        match loss.as_str().split_once('e') {
            Some((mantissa, exponent)) => {
                let (sign, digits) =
                    exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
                write!(f, "epoch {:03}  loss {mantissa}e{sign}{digits:0>2}", self.epoch)
            }
            None => write!(f, "epoch {:03}  loss {}", self.epoch, loss.as_str()),
        }
    }
}

/// A short text without an allocation.
#[derive(Default)]
struct Text {
    bytes: [u8; 16],
    len: usize,
}

impl Text {
    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let end = self.len + s.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(s.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// The network of the task: 5 → `HIDDEN` → 3.
pub type Net<const HIDDEN: usize> = mlp![FEATURES, HIDDEN, TARGETS];

/// Trains a network 5 → `HIDDEN` → 3 on a new [`Task`] in batches of `BATCH`.
///
/// # Errors
///
/// Those of [`Fit::run`](crate::training::Fit::run).
///
/// # Examples
///
/// ```
/// use constnet::synthetic;
/// use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};
///
/// let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
/// let outcome = synthetic::train::<64, 8, _>(&synthetic::Config::default(), &mut rng)?;
/// assert!(outcome.final_mse < synthetic::GOAL);
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
pub fn train<const HIDDEN: usize, const BATCH: usize, R: Rng + ?Sized>(
    config: &Config,
    rng: &mut R,
) -> Result<Outcome<Net<HIDDEN>>, Error<f32>> {
    train_network::<Net<HIDDEN>, BATCH, R>(config, rng, |_, _| {})
}

/// Trains any network of 5 inputs and 3 outputs on a new [`Task`], and calls `each_epoch` with the number and the loss
/// of each epoch.
///
/// # Errors
///
/// Those of [`Fit::run`](crate::training::Fit::run).
///
/// # Examples
///
/// The network of the notebook's PyTorch section:
///
/// ```
/// use constnet::{mlp, synthetic};
/// use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};
///
/// let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
/// let config = synthetic::Config { lr: 0.03, epochs: 500 };
/// let outcome = synthetic::train_network::<mlp![5, 64, 64, 3], 4, _>(&config, &mut rng, |_, _| {})?;
/// assert!(outcome.final_mse < synthetic::GOAL);
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
pub fn train_network<N, const BATCH: usize, R: Rng + ?Sized>(
    config: &Config,
    rng: &mut R,
    mut each_epoch: impl FnMut(usize, f32),
) -> Result<Outcome<N>, Error<f32>>
where
    N: Layer<In: Shape<Elem = f32, Row = [f32; FEATURES]>, Out: Shape<Row = [f32; TARGETS]>>,
{
    let task = Task::new(rng);
    let mut trainer = Trainer::<N, Sgd, BATCH>::new(N::ZERO, Sgd { lr: config.lr });
    trainer.net.init(&He, rng);
    let mut losses = Losses::new();
    trainer.fit(&task.x, &task.y).epochs(config.epochs).run_with(rng, |report, _| {
        losses.push(report.epoch, report.loss);
        each_epoch(report.epoch, report.loss);
        ControlFlow::Continue(())
    })?;
    let final_mse = trainer.evaluate(&task.x, &task.y)?;
    Ok(Outcome { net: trainer.net, losses, final_mse })
}
