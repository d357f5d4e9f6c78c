//! Data sets: their checks, and how a batch is filled.

use num_traits::Float;

use crate::{
    error::{DataError, Error},
    layers::{Layer, Shape, parameters},
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

/// Checks that there are samples, as many inputs as targets, and targets that the loss accepts. Returns the first
/// target.
pub(crate) fn check<'y, S: Shape, C: Loss<S>, X>(
    loss: &C,
    x: &[X],
    y: &'y [C::Target],
) -> Result<&'y C::Target, Error<S::Elem>> {
    if x.len() != y.len() {
        return Err(DataError::Lengths { inputs: x.len(), targets: y.len() }.into());
    }
    let first = y.first().ok_or(DataError::NoSamples)?;
    loss.check(y)?;
    Ok(first)
}

/// Whether every parameter is finite. The loss alone cannot show it: a bias of −∞ before a ReLU gives 0.
pub(crate) fn is_finite<N: Layer>(net: &N) -> bool {
    parameters(net).all(|parameter| parameter.values.iter().all(|p| p.is_finite()))
}
