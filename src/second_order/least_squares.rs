//! The losses that are means of squares.

use crate::{
    layers::{Row, Shape},
    loss::{Loss, Mse, Weighted},
};
use num_traits::ConstOne;

/// A loss that is the mean of the squares of all residuals `√w (ŷ − y)`, as
/// [`LevenbergMarquardt`](super::LevenbergMarquardt) requires.
#[diagnostic::on_unimplemented(
    message = "`LevenbergMarquardt` cannot minimise the loss `{Self}`",
    label = "not a mean of squared differences",
    note = "it minimises `Mse`; for another loss use `Lbfgs`, or an optimiser in a `Trainer`"
)]
pub trait LeastSquares<S: Shape>: Loss<S> {
    /// The row with which the prediction of a sample is compared, and the weight `w` of the sample.
    fn target(target: &Self::Target) -> (&Row<S>, S::Elem);
}

impl<S: Shape> LeastSquares<S> for Mse {
    fn target(target: &Row<S>) -> (&Row<S>, S::Elem) {
        (target, S::Elem::ONE)
    }
}

impl<S: Shape> LeastSquares<S> for Weighted<Mse> {
    fn target((target, weight): &(Row<S>, S::Elem)) -> (&Row<S>, S::Elem) {
        (target, *weight)
    }
}
