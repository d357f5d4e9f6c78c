//! Checks of data sets and networks, and how a batch is filled.

use num_traits::Float;

use crate::{
    error::{DataError, Error},
    layers::{Elem, Layer, Parameter, Row, Shape, all_finite, not_finite},
    loss::{Loss, first_invalid},
};

/// Copies the samples with these indices into a batch. A batch that is not full is filled up with its last
/// sample, which is then ignored.
#[inline(always)]
pub(crate) fn gather<X: Copy, Y: Copy, const B: usize>(
    inputs: &mut [X; B],
    targets: &mut [Y; B],
    x: &[X],
    y: &[Y],
    numbers: &mut impl Iterator<Item = usize>,
) {
    let mut number = 0;
    for (input, target) in inputs.iter_mut().zip(targets) {
        number = numbers.next().unwrap_or(number);
        if let (Some(x), Some(y)) = (x.get(number), y.get(number)) {
            (*input, *target) = (*x, *y);
        }
    }
}

/// Checks that there are samples, as many inputs as targets, finite inputs, and targets that the loss accepts.
pub(crate) fn check<N: Layer, C: Loss<N::Out>>(
    loss: &C,
    x: &[Row<N::In>],
    y: &[C::Target],
) -> Result<(), Error<Elem<N>>> {
    if x.len() != y.len() {
        return Err(DataError::Lengths { inputs: x.len(), targets: y.len() }.into());
    }
    if y.is_empty() {
        return Err(DataError::NoSamples.into());
    }
    if !all_finite(N::In::flatten(x))
        && let Some((sample, feature, value)) = first_invalid::<N::In>(x, Elem::<N>::is_finite)
    {
        return Err(DataError::Input { sample, feature, value }.into());
    }
    loss.check(y)
}

/// The same for the data of a run, of which at least one sample has to add to the loss.
pub(crate) fn check_run<N: Layer, C: Loss<N::Out>>(
    loss: &C,
    x: &[Row<N::In>],
    y: &[C::Target],
) -> Result<(), Error<Elem<N>>> {
    check::<N, C>(loss, x, y)?;
    if y.iter().any(|target| loss.counts(target)) { Ok(()) } else { Err(DataError::NoWeight.into()) }
}

/// Names a parameter that is not finite.
pub(crate) fn check_network<N: Layer>(net: &N) -> Result<(), Error<Elem<N>>> {
    match not_finite(net) {
        Some((Parameter { layer, name, .. }, [row, column], value)) => {
            Err(Error::Parameter { layer, name, row, column, value })
        }
        None => Ok(()),
    }
}

/// Returns a loss if it is finite. If it is not, the error names a parameter that is not finite, or else the loss.
pub(crate) fn finite_loss<N: Layer>(loss: Elem<N>, net: &N) -> Result<Elem<N>, Error<Elem<N>>> {
    if loss.is_finite() {
        return Ok(loss);
    }
    check_network(net)?;
    Err(Error::Loss(loss))
}

/// Whether every parameter is finite. The loss alone cannot show it: a bias of −∞ before a ReLU gives 0.
pub(crate) fn is_finite<N: Layer>(net: &N) -> bool {
    not_finite(net).is_none()
}
