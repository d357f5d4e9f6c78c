//! Checks of data sets and networks, and how a batch is filled.

use num_traits::Float;

use crate::{
    error::{DataError, Error},
    layers::{Elem, Layer, Parameter, Row, Shape, not_finite, parameters},
    loss::Loss,
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
    check_inputs::<N::In>(x)?;
    loss.check(y)
}

/// Names the first input that is not finite.
fn check_inputs<S: Shape>(x: &[Row<S>]) -> Result<(), DataError<S::Elem>> {
    if all_finite(S::flatten(x)) {
        return Ok(());
    }
    for (sample, row) in x.iter().enumerate() {
        for (feature, value) in row.as_ref().iter().copied().enumerate() {
            if !value.is_finite() {
                return Err(DataError::Input { sample, feature, value });
            }
        }
    }
    Ok(())
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
    parameters(net).all(|parameter| all_finite(parameter.values))
}

/// Without an early exit, so that the compiler can use vectors.
fn all_finite<T: Float>(values: &[T]) -> bool {
    values.iter().fold(true, |all, value| all & value.is_finite())
}
