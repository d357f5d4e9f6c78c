//! Activations as tables.

use super::QuantParams;
use crate::simd::Zeroed;

/// An elementwise function of `N` bytes, as the table of its 256 values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Table<const N: usize>([u8; 256]);

impl<const N: usize> Table<N> {
    /// The function with these values.
    #[must_use]
    pub const fn new(values: [u8; 256]) -> Self {
        Self(values)
    }

    /// The values.
    #[must_use]
    pub const fn values(&self) -> &[u8; 256] {
        &self.0
    }

    /// Sets the values to those of a function of real numbers.
    pub(crate) fn set(&mut self, x: QuantParams, y: QuantParams, f: impl Fn(f32) -> f32) {
        for (byte, value) in (0..=255).zip(&mut self.0) {
            *value = y.quantize(f(x.dequantize(byte)));
        }
    }

    /// The outputs for one sample.
    #[inline]
    #[must_use]
    pub fn forward(&self, x: &[u8; N]) -> [u8; N] {
        x.map(|x| self.0[usize::from(x)])
    }
}

impl<const N: usize> Zeroed for Table<N> {
    const ZERO: Self = Self([0; 256]);
}
