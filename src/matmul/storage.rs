//! The order in which the weights of a linear layer are stored.

use crate::simd::{Element, Simd, transform};

/// The weights `W` of a linear layer, of shape `(OUT, IN)` as in PyTorch, stored in the order that the
/// kernels read fastest.
///
/// | layer | order | a vector holds |
/// |---|---|---|
/// | most | input-major, `[[T; OUT]; IN]` | the weights of one input and several outputs |
/// | [`is_output_major`] | output-major, `[[T; IN]; OUT]` in the same memory | the weights of one output and several inputs |
#[derive(Clone, Copy, PartialEq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub(crate) struct Weights<const IN: usize, const OUT: usize, T> {
    stored: [[T; OUT]; IN],
}

/// Whether the weights are stored output-major.
///
/// With few outputs, a vector over the outputs would leave most lanes unused. The vectors of such a layer
/// run over the inputs instead: the forward pass is a dot product, and `dx` needs no transpose.
pub(crate) const fn is_output_major<const IN: usize, const OUT: usize>() -> bool {
    OUT <= 8 && IN > OUT
}

impl<const IN: usize, const OUT: usize, T: Element> Weights<IN, OUT, T> {
    /// All weights 0.
    pub(crate) const ZERO: Self = Self { stored: [[T::ZERO; OUT]; IN] };

    /// The distance in memory between the weights of two outputs, and of two inputs.
    pub(crate) const STRIDES: [usize; 2] = if is_output_major::<IN, OUT>() { [IN, 1] } else { [1, OUT] };

    /// Stores weights of shape `(OUT, IN)`.
    pub(crate) const fn new(weight: [[T; IN]; OUT]) -> Self {
        let mut weights = Self::ZERO;
        let mut o = 0;
        while o < OUT {
            let mut i = 0;
            while i < IN {
                let [row, column] = Self::offset(o, i);
                weights.stored[row][column] = weight[o][i];
                i += 1;
            }
            o += 1;
        }
        weights
    }

    /// The row and column of `stored` at which the weight of output `o` and input `i` is.
    const fn offset(o: usize, i: usize) -> [usize; 2] {
        let at = o * Self::STRIDES[0] + i * Self::STRIDES[1];
        [at / OUT, at % OUT]
    }

    /// The same, but panics if `o` or `i` is out of range: the offset could be that of another weight.
    fn checked_offset(o: usize, i: usize) -> [usize; 2] {
        assert!(o < OUT && i < IN, "there is no weight ({o}, {i}) in a layer of shape ({OUT}, {IN})");
        Self::offset(o, i)
    }

    /// The weight from input `i` to output `o`. Panics if one is out of range.
    pub(crate) fn at(&self, o: usize, i: usize) -> T {
        let [row, column] = Self::checked_offset(o, i);
        self.stored[row][column]
    }

    /// The weight from input `i` to output `o`, to be changed. Panics if one is out of range.
    pub(crate) fn at_mut(&mut self, o: usize, i: usize) -> &mut T {
        let [row, column] = Self::checked_offset(o, i);
        &mut self.stored[row][column]
    }

    /// The stored array; its rows have a meaning only if the weights are input-major.
    #[inline(always)]
    pub(crate) const fn stored(&self) -> &[[T; OUT]; IN] {
        &self.stored
    }

    /// The stored weights from a row and column to the end of that row, in the order of storage.
    #[inline(always)]
    pub(crate) fn tail_mut(&mut self, row: usize, column: usize) -> &mut [T] {
        if is_output_major::<IN, OUT>() {
            let rows: &mut [[T; IN]] = self.stored.as_flattened_mut().as_chunks_mut().0;
            &mut rows[row][column..]
        } else {
            &mut self.stored[row][column..]
        }
    }

    /// `dW` of one sample, `dzᵀ x`, in the order of storage.
    #[inline(always)]
    pub(crate) fn outer_product<S: Simd<T>>(simd: S, x: &[T; IN], dz: &[T; OUT], dw: &mut [T]) {
        let (column, row): (&[T], &[T]) = if is_output_major::<IN, OUT>() { (dz, x) } else { (x, dz) };
        for (dw, factor) in dw.chunks_exact_mut(row.len()).zip(column) {
            transform(
                simd,
                dw,
                row,
                #[inline(always)]
                |_, row| row * *factor,
            );
        }
    }

    /// All weights in the order of storage.
    #[inline(always)]
    pub(crate) const fn values(&self) -> &[T] {
        self.stored.as_flattened()
    }

    /// All weights in the order of storage, to be changed.
    #[inline(always)]
    pub(crate) const fn values_mut(&mut self) -> &mut [T] {
        self.stored.as_flattened_mut()
    }
}

/// The rows of output-major weights, one for each output.
#[inline(always)]
pub(super) fn output_rows<T, const IN: usize, const OUT: usize>(stored: &[[T; OUT]; IN]) -> &[[T; IN]] {
    stored.as_flattened().as_chunks().0
}
