//! Adam, and Adam with decoupled weight decay.

use num_traits::Float;

use super::{
    Optimizer, Rule, Step, check_lr, check_not_negative, check_positive, check_share,
    rule::{flush, mean_square},
};
use crate::{Element, Error, Layer, Shape, Zeroed, kernel::Isa};

/// Adam: steps by a running mean of the gradients, divided by the root of one of their squares. In
/// step `t`, counted from 1, with `betas = (β₁, β₂)`:
///
/// - `g = dp + weight_decay · p`
/// - `m ← β₁ · m + (1 − β₁) · g` and `v ← β₂ · v + (1 − β₂) · g²`
/// - `m̂ = m / (1 − β₁ᵗ)` and `v̂ = v / (1 − β₂ᵗ)`
/// - `p ← p − lr · m̂ / (√v̂ + eps)`
///
/// As PyTorch's `optim.Adam`, whose defaults are those of [`new`](Self::new). Its weight decay is part of
/// the gradient; for one that is not, see [`AdamW`]. Its state are the two [`Moments`].
///
/// After Kingma and Ba, ["Adam: A Method for Stochastic Optimization"](https://arxiv.org/abs/1412.6980),
/// 2015.
///
/// # Examples
///
/// ```
/// use constnet::{Adam, Trainer, Zeroed, mlp};
///
/// let mut trainer = Trainer::<mlp![1, 1], _, 1>::new(Zeroed::ZERO, Adam::new(0.1));
/// let first = trainer.step(&[[1.0]], &[[1.0]]);
/// assert!(trainer.step(&[[1.0]], &[[1.0]]) < first);
/// ```
///
/// As a constant, for a `static`:
///
/// ```
/// use constnet::Adam;
///
/// const ADAM: Adam = Adam { lr: 1e-3, betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.0 };
/// assert_eq!(ADAM, Adam::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Adam<T = f32> {
    /// The learning rate: positive and finite.
    pub lr: T,
    /// How much of each moment stays from step to step: at least 0 and less than 1.
    pub betas: (T, T),
    /// What keeps the quotient finite: positive.
    pub eps: T,
    /// How strongly parameters are drawn to zero: finite and not negative.
    pub weight_decay: T,
}

/// Adam with decoupled weight decay: `p ← p − lr · weight_decay · p`, then the step of [`Adam`] with the
/// gradient as it is.
///
/// As PyTorch's `optim.AdamW`, whose defaults are those of [`new`](Self::new).
///
/// After Loshchilov and Hutter, ["Decoupled Weight Decay Regularization"](https://arxiv.org/abs/1711.05101),
/// 2019.
///
/// # Examples
///
/// ```
/// use constnet::{AdamW, Linear, Optimizer, Sequential, Zeroed};
///
/// // Without a gradient, only the decay is left: here by a factor of 1 − 0.5 · 0.5.
/// let mut net = Sequential(Linear::new([[4.0]], [8.0]));
/// let mut adam = AdamW { weight_decay: 0.5, ..AdamW::new(0.5) };
/// adam.step(&mut net, &Zeroed::ZERO, &mut { Zeroed::ZERO });
/// assert_eq!(net, Sequential(Linear::new([[3.0]], [6.0])));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AdamW<T = f32> {
    /// The learning rate: positive and finite.
    pub lr: T,
    /// How much of each moment stays from step to step: at least 0 and less than 1.
    pub betas: (T, T),
    /// What keeps the quotient finite: positive.
    pub eps: T,
    /// Which share of a parameter a step takes, before it is multiplied with the learning rate: finite
    /// and not negative.
    pub weight_decay: T,
}

/// What [`Adam`] and [`AdamW`] keep about a network.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Moments<L> {
    /// The running means of the gradients, PyTorch's `exp_avg`.
    pub m: L,
    /// The running means of their squares, PyTorch's `exp_avg_sq`.
    pub v: L,
    /// How many steps were made.
    pub steps: usize,
}

impl<L: Zeroed> Zeroed for Moments<L> {
    const ZERO: Self = Self { m: L::ZERO, v: L::ZERO, steps: 0 };
}

impl<T: Element> Adam<T> {
    /// With PyTorch's defaults but for the learning rate: `betas` (0.9, 0.999), `eps` 1e-8, no weight
    /// decay.
    #[must_use]
    pub fn new(lr: T) -> Self {
        let betas = (T::from_f64(0.9), T::from_f64(0.999));
        Self { lr, betas, eps: T::from_f64(1e-8), weight_decay: T::ZERO }
    }
}

/// PyTorch's defaults: as [`new`](Self::new), with a learning rate of 1e-3.
impl<T: Element> Default for Adam<T> {
    fn default() -> Self {
        Self::new(T::from_f64(1e-3))
    }
}

impl<T: Element> AdamW<T> {
    /// With PyTorch's defaults but for the learning rate: `betas` (0.9, 0.999), `eps` 1e-8,
    /// `weight_decay` 1e-2.
    #[must_use]
    pub fn new(lr: T) -> Self {
        let Adam { lr, betas, eps, .. } = Adam::new(lr);
        Self { lr, betas, eps, weight_decay: T::from_f64(1e-2) }
    }
}

/// PyTorch's defaults: as [`new`](Self::new), with a learning rate of 1e-3.
impl<T: Element> Default for AdamW<T> {
    fn default() -> Self {
        Self::new(T::from_f64(1e-3))
    }
}

/// The rule of both in one step, with all in it that is the same for every parameter:
///
/// `p ← keep · p − size · m / (√v + eps)`
///
/// This is `m̂ / (√v̂ + eps)` with both sides of the fraction multiplied by the root of `1 − β₂ᵗ`.
#[derive(Clone, Copy)]
struct Rescaled<T> {
    /// The share of a parameter that is added to its gradient.
    decay: T,
    /// The share of a parameter that stays.
    keep: T,
    betas: (T, T),
    size: T,
    eps: T,
}

impl<T: Element> Rescaled<T> {
    /// The rule of step `t`, counted from 1, without any decay.
    #[inline(always)]
    fn new(lr: T, betas: (T, T), eps: T, t: usize) -> Self {
        let root = Float::sqrt(one_less_power(betas.1, t));
        let size = lr * root / one_less_power(betas.0, t);
        Self { decay: T::ZERO, keep: T::ONE, betas, size, eps: eps * root }
    }
}

impl<T: Element> Rule<T, 2> for Rescaled<T> {
    #[inline(always)]
    fn update<I: Isa<T>>(self, isa: I, p: I::V, dp: I::V, [m, v]: &mut [I::V; 2]) -> I::V {
        let (beta_1, beta_2) = self.betas;
        let g = isa.mul_add(isa.splat(self.decay), p, dp);
        *m = flush(isa, isa.mul_add(isa.splat(T::ONE - beta_1), isa.sub(g, *m), *m));
        *v = mean_square(isa, beta_2, *v, g);
        let quotient = isa.div(*m, isa.add(isa.sqrt(*v), isa.splat(self.eps)));
        isa.mul_add(isa.splat(-self.size), quotient, isa.mul(isa.splat(self.keep), p))
    }
}

/// `1 − βᵗ`, by repeated squaring of what is left to 1: `1 − βᵃ⁺ᵇ = (1 − βᵃ) + (1 − βᵇ) βᵃ`.
///
/// Nothing cancels, so that it is right to a few roundings for every `t`, where `1 - beta.powi(t)`
/// loses half the digits of an `f32`. It needs `t` alone, no product that is carried along and
/// drifts: a run that is resumed goes on with the same bits.
fn one_less_power<T: Element>(beta: T, t: usize) -> T {
    let (mut sum, mut square) = (T::ZERO, T::ONE - beta);
    let mut left = t;
    while left > 0 {
        if left & 1 == 1 {
            sum = sum + square * (T::ONE - sum);
        }
        square = square + square * (T::ONE - square);
        left >>= 1;
    }
    sum
}

impl<T: Element> Optimizer<T> for Adam<T> {
    type State<L: Zeroed> = Moments<L>;

    fn check(&self) -> Result<(), Error<T>> {
        check(self.lr, self.betas, self.eps, self.weight_decay)
    }

    fn lr_mut(&mut self) -> &mut T {
        &mut self.lr
    }

    #[inline(always)]
    fn apply<L: Layer<In: Shape<Elem = T>>>(&mut self, step: impl Step<L>, state: &mut Moments<L>) {
        let Self { lr, betas, eps, weight_decay } = *self;
        let Moments { m, v, steps } = state;
        *steps = steps.saturating_add(1);
        step.by(Rescaled { decay: weight_decay, ..Rescaled::new(lr, betas, eps, *steps) }, [m, v]);
    }
}

impl<T: Element> Optimizer<T> for AdamW<T> {
    type State<L: Zeroed> = Moments<L>;

    fn check(&self) -> Result<(), Error<T>> {
        check(self.lr, self.betas, self.eps, self.weight_decay)
    }

    fn lr_mut(&mut self) -> &mut T {
        &mut self.lr
    }

    #[inline(always)]
    fn apply<L: Layer<In: Shape<Elem = T>>>(&mut self, step: impl Step<L>, state: &mut Moments<L>) {
        let Self { lr, betas, eps, weight_decay } = *self;
        let Moments { m, v, steps } = state;
        *steps = steps.saturating_add(1);
        let keep = T::ONE - lr * weight_decay;
        step.by(Rescaled { keep, ..Rescaled::new(lr, betas, eps, *steps) }, [m, v]);
    }
}

fn check<T: Element>(lr: T, (beta_1, beta_2): (T, T), eps: T, weight_decay: T) -> Result<(), Error<T>> {
    check_lr(lr)?;
    check_share("first of the betas", beta_1)?;
    check_share("second of the betas", beta_2)?;
    check_positive("eps", eps)?;
    check_not_negative("weight_decay", weight_decay)
}

#[cfg(test)]
mod tests {
    use super::one_less_power;

    /// Against the power itself in f64, whose rounding is 1e-9 of an f32's.
    #[test]
    fn what_a_power_leaves_is_right_to_a_few_roundings() {
        for beta in [0.0_f32, 0.5, 0.9, 0.99, 0.999, 0.9999] {
            for t in [1, 2, 3, 7, 10, 100, 1000, 4567, 100_000, usize::MAX] {
                let exact = -f64::exp_m1(t as f64 * f64::from(beta).ln());
                let off = (f64::from(one_less_power(beta, t)) - exact).abs() / exact;
                assert!(off < 4.0 * f64::from(f32::EPSILON), "1 − {beta}^{t} is off by {off:e}");
            }
        }
    }
}
