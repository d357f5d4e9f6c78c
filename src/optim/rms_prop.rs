//! Steps divided by the root of a running mean square.

use super::{
    Optimizer, Rule, Step, check_lr, check_not_negative, check_positive, check_share, rule::mean_square,
};
use crate::{Element, Error, Layer, Shape, Zeroed, kernel::Isa};

/// Steps divided by the root mean square of recent gradients:
///
/// - `g = dp + weight_decay · p`
/// - `s ← alpha · s + (1 − alpha) · g²`
/// - `p ← p − lr · g / (√s + eps)`
///
/// As PyTorch's `optim.RMSprop`, whose defaults are those of [`new`](Self::new), without momentum and
/// not centred. Its state is the mean square `s`, a network of the same type that starts as zeros.
///
/// After Tieleman and Hinton, "Lecture 6.5: RMSProp", Coursera, 2012.
///
/// # Examples
///
/// ```
/// use constnet::{RmsProp, Trainer, Zeroed, mlp};
///
/// let mut trainer = Trainer::<mlp![1, 1], _, 1>::new(Zeroed::ZERO, RmsProp { alpha: 0.9, ..RmsProp::new(0.01) });
/// let first = trainer.step(&[[1.0]], &[[1.0]]);
/// assert!(trainer.step(&[[1.0]], &[[1.0]]) < first);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RmsProp<T = f32> {
    /// The learning rate: positive and finite.
    pub lr: T,
    /// How much of the mean square stays from step to step: at least 0 and less than 1.
    pub alpha: T,
    /// What keeps the quotient finite: positive.
    pub eps: T,
    /// How strongly parameters are drawn to zero: finite and not negative.
    pub weight_decay: T,
}

impl<T: Element> RmsProp<T> {
    /// With PyTorch's defaults but for the learning rate: `alpha` 0.99, `eps` 1e-8, no weight decay.
    #[must_use]
    pub fn new(lr: T) -> Self {
        Self { lr, alpha: T::from_f64(0.99), eps: T::from_f64(1e-8), weight_decay: T::ZERO }
    }
}

/// PyTorch's defaults: as [`new`](Self::new), with a learning rate of 1e-2.
impl<T: Element> Default for RmsProp<T> {
    fn default() -> Self {
        Self::new(T::from_f64(1e-2))
    }
}

impl<T: Element> Rule<T, 1> for RmsProp<T> {
    #[inline(always)]
    fn update<I: Isa<T>>(self, isa: I, p: I::V, dp: I::V, [s]: &mut [I::V; 1]) -> I::V {
        let g = isa.mul_add(isa.splat(self.weight_decay), p, dp);
        *s = mean_square(isa, self.alpha, *s, g);
        let quotient = isa.div(g, isa.add(isa.sqrt(*s), isa.splat(self.eps)));
        isa.mul_add(isa.splat(-self.lr), quotient, p)
    }
}

impl<T: Element> Optimizer<T> for RmsProp<T> {
    type State<L: Zeroed> = L;

    fn check(&self) -> Result<(), Error<T>> {
        check_lr(self.lr)?;
        check_share("alpha", self.alpha)?;
        check_positive("eps", self.eps)?;
        check_not_negative("weight_decay", self.weight_decay)
    }

    fn lr_mut(&mut self) -> &mut T {
        &mut self.lr
    }

    #[inline(always)]
    fn apply<L: Layer<In: Shape<Elem = T>>>(&mut self, step: impl Step<L>, mean_square: &mut L) {
        step.by(*self, [mean_square]);
    }
}
