//! Where a backward pass writes the gradient of each sample.

/// The gradient of each sample of a batch with respect to all parameters: nothing, or the rows of a Jacobian matrix.
pub trait SampleGradients<T> {
    /// Whether the gradients are needed at all.
    const NEEDED: bool;

    /// The `len` numbers from column `first` on of the gradient of a sample, to be overwritten; empty if there are none.
    fn of(&mut self, sample: usize, first: usize, len: usize) -> &mut [T];

    /// Overwrites the numbers from column `first` on of the gradient of a sample.
    #[inline(always)]
    fn write(&mut self, sample: usize, first: usize, values: &[T])
    where
        T: Copy,
    {
        for (to, value) in self.of(sample, first, values.len()).iter_mut().zip(values) {
            *to = *value;
        }
    }
}

/// No gradient of any parameter is needed: for derivatives with respect to the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoSampleGradients;

impl<T> SampleGradients<T> for NoSampleGradients {
    const NEEDED: bool = false;

    #[inline(always)]
    fn of(&mut self, _: usize, _: usize, _: usize) -> &mut [T] {
        &mut []
    }
}

/// A matrix with one row for each sample.
#[derive(Debug)]
pub(crate) struct JacobianRows<'a, T> {
    /// The rows, one after the other.
    pub(crate) rows: &'a mut [T],
    /// The distance from the start of a row to that of the next.
    pub(crate) stride: usize,
}

impl<T> SampleGradients<T> for JacobianRows<'_, T> {
    const NEEDED: bool = true;

    #[inline(always)]
    fn of(&mut self, sample: usize, first: usize, len: usize) -> &mut [T] {
        let at = sample * self.stride + first;
        self.rows.get_mut(at..at + len).unwrap_or_default()
    }
}
