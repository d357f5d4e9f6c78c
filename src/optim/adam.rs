//! Adam, and Adam with decoupled weight decay.

use num_traits::Float;
use typenum::{U2, U5};

use super::{
    NotStored, Optimizer, OptimizerMemory, OptimizerSize, check_decay_rate, check_lr, check_positive,
    flush::{flush, mean_square},
    limits::{gradients_up_to, largest_gradient},
};
use crate::{
    error::{Error, check_not_negative},
    layers::{FiniteCheck, Keeps, UpdateRule},
    simd::{Element, Real},
};

/// Adam: steps by a running mean of the gradients, divided by the root of a running mean of their squares.
/// PyTorch's `optim.Adam`.
///
/// In step `t`, counted from 1, with `betas = (β₁, β₂)`:
///
/// - `g = dp + weight_decay · p`
/// - `m ← β₁ · m + (1 − β₁) · g` and `v ← β₂ · v + (1 − β₂) · g²`
/// - `m̂ = m / (1 − β₁ᵗ)` and `v̂ = v / (1 − β₂ᵗ)`
/// - `p ← p − lr · m̂ / (√v̂ + eps)`
///
/// The defaults of [`new`](Self::new) are PyTorch's. The weight decay is part of the gradient; [`AdamW`] has a
/// decoupled one. Its state is the two means, each a network of the same type that starts as zeros: `m` is
/// `state.slots[0]` (PyTorch's `exp_avg`), `v` is `state.slots[1]` (`exp_avg_sq`).
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
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Adam<T = f32> {
    /// The learning rate: positive and finite.
    pub lr: T,
    /// The weights of the old means in the new ones: at least 0 and less than 1.
    pub betas: (T, T),
    /// Added to the root, so that the quotient stays finite: positive.
    pub eps: T,
    /// The factor of the parameter in its gradient (L2 regularisation): finite and not negative.
    pub weight_decay: T,
}

/// Adam with decoupled weight decay: `p ← p − lr · weight_decay · p`, then the step of [`Adam`] without weight
/// decay. PyTorch's `optim.AdamW`.
///
/// The defaults of [`new`](Self::new) are PyTorch's.
///
/// After Loshchilov and Hutter, ["Decoupled Weight Decay Regularization"](https://arxiv.org/abs/1711.05101),
/// 2019.
///
/// # Examples
///
/// ```
/// use constnet::{AdamW, Linear, Optimizer, Sequential, Zeroed, optim::OptimizerState};
///
/// // Where the gradient is 0, only the decay is left: here a factor of 1 − 0.5 · 0.5.
/// let mut net = Sequential(Linear::new([[4.0]], [8.0]));
/// let optimizer = AdamW { weight_decay: 0.5, ..AdamW::new(0.5) };
/// optimizer.step(&mut net, &Zeroed::ZERO, &mut OptimizerState::ZERO)?;
/// assert_eq!(net, Sequential(Linear::new([[3.0]], [6.0])));
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct AdamW<T = f32> {
    /// The learning rate: positive and finite.
    pub lr: T,
    /// The weights of the old means in the new ones: at least 0 and less than 1.
    pub betas: (T, T),
    /// Added to the root, so that the quotient stays finite: positive.
    pub eps: T,
    /// The decoupled weight decay: each step subtracts `lr · weight_decay · p` from a parameter `p`. Finite and not
    /// negative.
    pub weight_decay: T,
}

impl<T: Element> Adam<T> {
    /// Adam with this learning rate and PyTorch's defaults: `betas` (0.9, 0.999), `eps` 1e-8, no weight decay.
    #[must_use]
    pub fn new(lr: T) -> Self {
        let betas = (T::from_f64(0.9), T::from_f64(0.999));
        Self { lr, betas, eps: T::from_f64(1e-8), weight_decay: T::ZERO }
    }
}

/// PyTorch's defaults: [`new`](Self::new) with a learning rate of 1e-3.
impl<T: Element> Default for Adam<T> {
    fn default() -> Self {
        Self::new(T::from_f64(1e-3))
    }
}

impl<T: Element> AdamW<T> {
    /// AdamW with this learning rate and PyTorch's defaults: `betas` (0.9, 0.999), `eps` 1e-8, `weight_decay`
    /// 1e-2.
    #[must_use]
    pub fn new(lr: T) -> Self {
        let Adam { lr, betas, eps, .. } = Adam::new(lr);
        Self { lr, betas, eps, weight_decay: T::from_f64(1e-2) }
    }
}

/// PyTorch's defaults: [`new`](Self::new) with a learning rate of 1e-3.
impl<T: Element> Default for AdamW<T> {
    fn default() -> Self {
        Self::new(T::from_f64(1e-3))
    }
}

/// The part of a step that [`Adam`] and [`AdamW`] share: updates the two means, and computes the change of a parameter,
/// `step_size · m / (√v + eps)`.
///
/// It equals `lr · m̂ / (√v̂ + eps)` with numerator and denominator multiplied by `√(1 − β₂ᵗ)`: the `step_size` and
/// `eps` of this struct contain the bias corrections, which are the same for all parameters.
#[derive(Clone, Copy, Debug)]
struct Moments<T> {
    betas: (T, T),
    step_size: T,
    eps: T,
    /// The largest absolute value of `g` for which `v` and the change of a parameter are finite.
    largest: T,
}

impl<T: Element> Moments<T> {
    /// For step `t`, counted from 1.
    #[inline(always)]
    fn new(lr: T, betas: (T, T), eps: T, t: usize) -> Self {
        let bias_correction_1 = one_minus_power(betas.0, t);
        let root_bias_correction_2 = Float::sqrt(one_minus_power(betas.1, t));
        let step_size = lr * root_bias_correction_2 / bias_correction_1;
        let eps = eps * root_bias_correction_2;
        Self { betas, step_size, eps, largest: Self::largest(betas, step_size, eps) }
    }

    /// If `β₁² < β₂`, no quotient `m / √v` is larger than `(1 − β₁) / √((1 − β₂) (1 − β₁² / β₂))`, by the
    /// Cauchy-Schwarz inequality. Otherwise only `eps` limits the quotient `m / (√v + eps)`.
    #[inline(always)]
    fn largest((beta_1, beta_2): (T, T), step_size: T, eps: T) -> T {
        let ratio = T::ONE - beta_1 * beta_1 / beta_2;
        let root = Float::sqrt(T::ONE - beta_2);
        let quotient = (T::ONE - beta_1) / (root * Float::sqrt(ratio));
        largest_gradient(step_size, quotient, root, eps)
    }

    /// Updates the means, and subtracts the change from `p`.
    #[inline(always)]
    fn update<V: Real<T>>(self, p: V, g: V, [m, v]: &mut [V; 2]) -> V {
        let (beta_1, beta_2) = self.betas;
        *m = flush((g - *m).scale_add(T::ONE - beta_1, *m));
        *v = mean_square(beta_2, *v, g);
        let quotient = *m / (v.sqrt() + self.eps);
        quotient.scale_add(-self.step_size, p)
    }

    /// The check for gradients of up to the largest, if the weight decay is valid.
    #[inline(always)]
    fn finite_check(self, decay_is_valid: bool) -> FiniteCheck<T> {
        let is_valid = decay_is_valid && check_means(self.betas, self.eps).is_ok();
        gradients_up_to(self.largest, is_valid)
    }

    #[inline(always)]
    fn without_limits(self) -> Self {
        Self { largest: T::infinity(), ..self }
    }
}

/// The rule of one step of [`Adam`].
#[derive(Clone, Copy, Debug)]
pub struct AdamRule<T> {
    /// The factor of the parameter in its gradient.
    weight_decay: T,
    moments: Moments<T>,
}

impl<T: Element> UpdateRule<T> for AdamRule<T> {
    type Slots = Keeps<2>;

    #[inline(always)]
    fn update<V: Real<T>>(self, p: V, dp: V, means: &mut [V; 2]) -> V {
        let largest = self.moments.largest;
        let g = p.scale_add(self.weight_decay, dp).clamp(-largest, largest);
        self.moments.update(p, g, means)
    }

    #[inline(always)]
    fn finite_check(self) -> FiniteCheck<T> {
        self.moments.finite_check(check_not_negative("weight_decay", self.weight_decay).is_ok())
    }

    #[inline(always)]
    fn without_limits(self) -> Self {
        Self { moments: self.moments.without_limits(), ..self }
    }
}

/// The rule of one step of [`AdamW`].
#[derive(Clone, Copy, Debug)]
pub struct AdamWRule<T> {
    /// The part of the parameter that the decoupled weight decay leaves: `1 − lr · weight_decay`.
    decay_factor: T,
    moments: Moments<T>,
}

impl<T: Element> UpdateRule<T> for AdamWRule<T> {
    type Slots = Keeps<2>;

    #[inline(always)]
    fn update<V: Real<T>>(self, p: V, dp: V, means: &mut [V; 2]) -> V {
        self.moments.update(p * self.decay_factor, dp, means)
    }

    /// With a factor beyond ±1, the parameters would grow in each step until they overflow.
    #[inline(always)]
    fn finite_check(self) -> FiniteCheck<T> {
        self.moments.finite_check(Float::abs(self.decay_factor) <= T::ONE)
    }
}

/// `1 − βᵗ`, computed by repeated squaring: `1 − βᵃ⁺ᵇ = (1 − βᵃ) + (1 − βᵇ) βᵃ`.
///
/// No digits cancel, so the result is precise to a few roundings for every `t`; `1 - beta.powi(t)` loses half the
/// digits of an `f32`. It is computed from `t` alone, not from a running product, in which errors would add up:
/// a resumed run continues with the same bits.
fn one_minus_power<T: Element>(beta: T, t: usize) -> T {
    let (mut result, mut square) = (T::ZERO, T::ONE - beta);
    let mut remaining = t;
    while remaining > 0 {
        if remaining & 1 == 1 {
            result = result + square * (T::ONE - result);
        }
        square = square + square * (T::ONE - square);
        remaining >>= 1;
    }
    result
}

impl<T> OptimizerMemory for Adam<T> {
    type Slots = Keeps<2>;
    type GradientStore = NotStored;
}

impl<T: Element> Optimizer<T> for Adam<T> {
    type Rule = AdamRule<T>;

    #[inline(always)]
    fn rule(&self, step: usize, _: T) -> AdamRule<T> {
        let Self { lr, betas, eps, weight_decay } = *self;
        AdamRule { weight_decay, moments: Moments::new(lr, betas, eps, step) }
    }

    fn check(&self) -> Result<(), Error<T>> {
        check(self.lr, self.betas, self.eps, self.weight_decay)
    }

    fn lr_mut(&mut self) -> &mut T {
        &mut self.lr
    }
}

impl<T> OptimizerMemory for AdamW<T> {
    type Slots = Keeps<2>;
    type GradientStore = NotStored;
}

impl<T: Element> Optimizer<T> for AdamW<T> {
    type Rule = AdamWRule<T>;

    #[inline(always)]
    fn rule(&self, step: usize, _: T) -> AdamWRule<T> {
        let Self { lr, betas, eps, weight_decay } = *self;
        AdamWRule { decay_factor: T::ONE - lr * weight_decay, moments: Moments::new(lr, betas, eps, step) }
    }

    fn check(&self) -> Result<(), Error<T>> {
        check(self.lr, self.betas, self.eps, self.weight_decay)
    }

    fn lr_mut(&mut self) -> &mut T {
        &mut self.lr
    }
}

fn check<T: Element>(lr: T, betas: (T, T), eps: T, weight_decay: T) -> Result<(), Error<T>> {
    check_lr(lr)?;
    check_means(betas, eps)?;
    check_not_negative("weight_decay", weight_decay)
}

fn check_means<T: Element>((beta_1, beta_2): (T, T), eps: T) -> Result<(), Error<T>> {
    check_decay_rate("first of the betas", beta_1)?;
    check_decay_rate("second of the betas", beta_2)?;
    check_positive("eps", eps)
}

/// All fields. (The number of steps is part of [`OptimizerState`](super::OptimizerState).)
impl<T> OptimizerSize for Adam<T> {
    type PerParameter = U2;
    type Own = U5;
}

/// All fields, as for [`Adam`].
impl<T> OptimizerSize for AdamW<T> {
    type PerParameter = U2;
    type Own = U5;
}

#[cfg(test)]
mod tests {
    use super::{Moments, one_minus_power};

    /// Compared with the formula in `f64`, at step sizes just below and above the one at which the change of a parameter
    /// reaches its limit.
    #[test]
    fn the_largest_gradient_depends_on_the_largest_change() {
        let largest_change = f64::from(f32::MAX) * f64::from(f32::EPSILON) / 4.0;
        let largest_squared = f64::from(f32::MAX).sqrt() / 2.0;
        let is_close = |found: f32, expected: f64| (f64::from(found) / expected - 1.0).abs() < 1e-3;
        let limit = |beta_1: f64, beta_2: f64, step_size: f64, eps: f64| {
            Moments::<f32>::largest((beta_1 as f32, beta_2 as f32), step_size as f32, eps as f32)
        };
        for (beta_1, beta_2, eps) in
            [(0.9, 0.999, 1e-8), (0.9, 0.999, 1e-20), (0.5, 0.5, 1e-3), (0.0, 0.5, 1e-3)]
        {
            let ratio: f64 = 1.0 - beta_1 * beta_1 / beta_2;
            let root = f64::sqrt(1.0 - beta_2);
            let quotient =
                (1.0 - beta_1) / (root * ratio.sqrt()) + f64::from(f32::MIN_POSITIVE).sqrt() / root / eps;
            for sign in [1.0, -1.0] {
                let (below, above) = (0.98 * largest_change / quotient, 1.02 * largest_change / quotient);
                assert!(is_close(limit(beta_1, beta_2, sign * below, eps), largest_squared));
                assert!(is_close(limit(beta_1, beta_2, sign * above, eps), largest_change * eps / above));
            }
        }
        // With `β₁² > β₂` only `eps` limits the quotient.
        assert!(is_close(limit(0.999, 0.9, 1e-3, 1e-30), largest_change * 1e-30 / 1e-3));
        assert!(is_close(limit(0.999, 0.9, 1e-3, 1e-8), largest_squared));
    }

    /// Compared with the power in f64, which is 1e9 times as precise as an f32.
    #[test]
    fn bias_correction_is_accurate() {
        for beta in [0.0_f32, 0.5, 0.9, 0.99, 0.999, 0.9999] {
            for t in [1, 2, 3, 7, 10, 100, 1000, 4567, 100_000, usize::MAX] {
                let exact = -f64::exp_m1(t as f64 * f64::from(beta).ln());
                let off = (f64::from(one_minus_power(beta, t)) - exact).abs() / exact;
                assert!(off < 4.0 * f64::from(f32::EPSILON), "1 − {beta}^{t} is off by {off:e}");
            }
        }
    }
}
