//! The trait of losses, and the checks of targets.

use num_traits::{ConstOne, Float};

use crate::{
    error::{DataError, Error},
    layers::{Features, Probabilities, Row, Shape},
    simd::{Element, Simd, Zeroed},
};

/// The quantity that training minimises: one number for a batch of predictions, and its gradient.
///
/// The value is the mean over the batch. The gradient is that of each sample, `B` times the gradient of the
/// value, because the layers divide by `B` in their backward pass.
///
/// Targets are checked before a run by [`check`](Self::check), not here. For a class that is out of range the value is
/// NaN, and [`Trainer::step`](crate::Trainer::step) then leaves the network as it is; for other targets that are not
/// allowed, such as a probability of 2, it can be a finite number.
///
/// `S` is the shape of the network's output. The losses that compute probabilities themselves, such as
/// [`CrossEntropy`](crate::CrossEntropy), are implemented for [`Features`], but not for [`Probabilities`]: see
/// [`OnProbabilities`].
#[diagnostic::on_unimplemented(
    message = "the loss `{Self}` cannot be computed for an output of shape `{S}`",
    label = "the last layer does not fit this loss",
    note = "`CrossEntropy` and `SoftCrossEntropy` apply softmax to the output themselves, and `BceWithLogits` applies sigmoid: remove the `Softmax` or `Sigmoid` at the end of the network, and apply it to predictions instead",
    note = "to apply it twice anyway, wrap the loss: `OnProbabilities(CrossEntropy)`"
)]
pub trait Loss<S: Shape> {
    /// What a prediction is compared with: for example another row, or a class.
    type Target: Copy;

    /// Checks that the loss can be computed for these targets, and that its own parameters are valid.
    /// A [`Trainer`](crate::Trainer) calls it before a run. The default accepts everything.
    ///
    /// # Errors
    ///
    /// Names what is wrong, and the sample, counted from 0.
    fn check(&self, y: &[Self::Target]) -> Result<(), Error<S::Elem>> {
        let _ = y;
        Ok(())
    }

    /// Whether a sample with this target adds to the loss. A training run needs at least one such sample, otherwise it is
    /// refused with [`DataError::NoWeight`]; a single batch does not. The default is that each sample does.
    fn counts(&self, target: &Self::Target) -> bool {
        let _ = target;
        true
    }

    /// The loss of the predictions, one for each target.
    fn value<I: Simd<S::Elem>>(&self, token: I, y_hat: &[Row<S>], y: &[Self::Target]) -> S::Elem;

    /// The same, and overwrites each prediction with the gradient of its sample.
    fn value_and_gradient<I: Simd<S::Elem>>(
        &self,
        token: I,
        y_hat: &mut [Row<S>],
        y: &[Self::Target],
    ) -> S::Elem;
}

/// A loss that applies softmax or sigmoid itself, for a network that already ends in one.
///
/// This is almost always a mistake, and the compiler refuses it without this wrapper: probabilities are taken
/// as logits, and the softmax or sigmoid is applied twice. Other frameworks accept it silently.
///
/// # Examples
///
/// ```
/// use constnet::{CrossEntropy, Linear, Sequential, Sgd, Softmax, Trainer, Zeroed, loss::OnProbabilities};
///
/// type Net = Sequential![Linear<2, 3>, Softmax<3>];
///
/// let mut trainer: Trainer<Net, Sgd, 1, _> =
///     Trainer::with_loss(Zeroed::ZERO, Sgd { lr: 0.1 }, OnProbabilities(CrossEntropy));
/// trainer.step(&[[1.0, 2.0]], &[2]);
/// ```
///
/// Without the wrapper:
///
/// ```compile_fail,E0277
/// # use constnet::{CrossEntropy, Linear, Sequential, Sgd, Softmax, Trainer, Zeroed};
/// # type Net = Sequential![Linear<2, 3>, Softmax<3>];
/// let mut trainer: Trainer<Net, Sgd, 1, _> =
///     Trainer::with_loss(Zeroed::ZERO, Sgd { lr: 0.1 }, CrossEntropy);
/// trainer.step(&[[1.0, 2.0]], &[2]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct OnProbabilities<C>(pub C);

impl<const N: usize, T: Element, C: Loss<Features<N, T>>> Loss<Probabilities<N, T>> for OnProbabilities<C> {
    type Target = C::Target;

    fn check(&self, y: &[C::Target]) -> Result<(), Error<T>> {
        self.0.check(y)
    }

    fn counts(&self, target: &C::Target) -> bool {
        self.0.counts(target)
    }

    #[inline(always)]
    fn value<I: Simd<T>>(&self, token: I, y_hat: &[[T; N]], y: &[C::Target]) -> T {
        self.0.value(token, y_hat, y)
    }

    #[inline(always)]
    fn value_and_gradient<I: Simd<T>>(&self, token: I, y_hat: &mut [[T; N]], y: &[C::Target]) -> T {
        self.0.value_and_gradient(token, y_hat, y)
    }
}

/// Refuses targets that are infinite or NaN.
pub(super) fn check_finite<S: Shape>(y: &[Row<S>]) -> Result<(), Error<S::Elem>> {
    check_each::<S>(y, S::Elem::is_finite, "a finite number")
}

/// Refuses targets that are no probabilities.
pub(super) fn check_probabilities<S: Shape>(y: &[Row<S>]) -> Result<(), Error<S::Elem>> {
    let valid = |y| S::Elem::ZERO <= y && y <= S::Elem::ONE;
    check_each::<S>(y, valid, "a probability, from 0 to 1")
}

/// Names the first target that is not valid.
fn check_each<S: Shape>(
    y: &[Row<S>],
    valid: impl Fn(S::Elem) -> bool,
    expected: &'static str,
) -> Result<(), Error<S::Elem>> {
    match first_invalid::<S>(y, valid) {
        None => Ok(()),
        Some((sample, feature, value)) => Err(DataError::Target { sample, feature, value, expected }.into()),
    }
}

/// The first number in rows that is not valid: the index of its row, its index in the row, and the number.
pub(crate) fn first_invalid<S: Shape>(
    rows: &[Row<S>],
    valid: impl Fn(S::Elem) -> bool,
) -> Option<(usize, usize, S::Elem)> {
    rows.iter().enumerate().find_map(|(row, numbers)| {
        let numbers = numbers.as_ref().iter().copied();
        numbers.enumerate().find(|(_, number)| !valid(*number)).map(|(column, number)| (row, column, number))
    })
}
