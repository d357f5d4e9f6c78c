//! Plain gradient descent.

use typenum::{U0, U1};

use super::{
    Momentum, NotStored, Optimizer, OptimizerMemory, OptimizerSize, OptimizerState, check_lr,
    limits::largest_change,
};
use crate::{
    error::Error,
    layers::{FiniteCheck, Keeps, Layer, Shape, UpdateRule},
    simd::{Element, Real, Zeroed},
};

/// Stochastic gradient descent: `p ← p − lr · dp` for every parameter.
///
/// PyTorch's `optim.SGD` without momentum, and the notebook's `sgd_step`. It keeps no values, and a
/// [`Trainer`](crate::Trainer) with it stores no gradient either: each weight is updated as soon as its gradient
/// is computed. For momentum, Nesterov momentum and weight decay see [`with_momentum`](Self::with_momentum).
///
/// # Examples
///
/// ```
/// use constnet::{Linear, Sequential, Sgd};
///
/// let mut net = Sequential(Linear::new([[1.0, 2.0]], [3.0]));
/// let gradient = Sequential(Linear::new([[2.0, 0.0]], [-2.0]));
/// Sgd { lr: 0.5 }.step(&mut net, &gradient)?;
/// assert_eq!(net, Sequential(Linear::new([[0.0, 2.0]], [4.0])));
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Sgd<T = f32> {
    /// The learning rate: positive and finite.
    pub lr: T,
}

impl<T: Element> UpdateRule<T> for Sgd<T> {
    type Slots = Keeps<0>;

    #[inline(always)]
    fn update<V: Real<T>>(self, p: V, dp: V, _: &mut [V; 0]) -> V {
        dp.scale_add(-self.lr, p)
    }

    #[inline(always)]
    fn update_scaled<V: Real<T>>(self, p: V, sum: V, scale: T, _: &mut [V; 0]) -> V {
        sum.scale_add(-(self.lr * scale), p)
    }

    #[inline(always)]
    fn finite_check(self) -> FiniteCheck<T> {
        // Twice, because the test of a sum of products may let pass one that is up to twice as large as the largest number.
        FiniteCheck::Gradient(self.lr * (T::from_f64(2.0) * (T::max_value() / largest_change())))
    }
}

impl<T> OptimizerMemory for Sgd<T> {
    type Slots = Keeps<0>;
    type GradientStore = NotStored;
}

impl<T: Element> Optimizer<T> for Sgd<T> {
    type Rule = Self;

    #[inline(always)]
    fn rule(&self, _: usize, _: T) -> Self {
        *self
    }

    fn check(&self) -> Result<(), Error<T>> {
        check_lr(self.lr)
    }

    fn lr_mut(&mut self) -> &mut T {
        &mut self.lr
    }
}

impl<T: Element> Sgd<T> {
    /// Updates a network, given its gradient: `p ← p − lr · dp`. The notebook's `sgd_step`.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::step`].
    pub fn step<N: Layer<In: Shape<Elem = T>>>(&self, net: &mut N, gradient: &N) -> Result<(), Error<T>> {
        Optimizer::step(self, net, gradient, &mut { OptimizerState::ZERO })
    }

    /// The same with [`Momentum`]: PyTorch's `SGD(lr=…, momentum=…)`.
    #[must_use]
    pub const fn with_momentum(self, momentum: T) -> Momentum<T> {
        Momentum { lr: self.lr, momentum, nesterov: false, weight_decay: T::ZERO }
    }
}

/// The learning rate.
impl<T> OptimizerSize for Sgd<T> {
    type PerParameter = U0;
    type Own = U1;
}

#[cfg(test)]
mod tests {
    use crate::{
        Sgd,
        layers::{FiniteCheck, UpdateRule as _},
    };

    /// Half of the limit that the documentation of [`optim`](crate::optim) states, because a sum of products can be twice
    /// as large as the number that is tested.
    #[test]
    fn gradients_of_up_to_5e30_by_the_learning_rate_pass() {
        let FiniteCheck::Gradient(factor) = (Sgd { lr: 1e-3_f32 }).finite_check() else {
            panic!("another check")
        };
        let largest = f64::from(f32::MAX) / f64::from(factor);
        assert!((largest / (5.0706e30 / 1e-3) - 1.0).abs() < 1e-4, "{largest:e}");
    }
}
