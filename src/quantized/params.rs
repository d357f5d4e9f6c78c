//! Real numbers as bytes: a scale and a zero point.

use super::QuantizeError;
use crate::simd::Zeroed;

/// The number of a byte: `real = scale · (byte − zero_point)`, as in ONNX and LiteRT. LiteRT and others count from −128: their
/// signed numbers are `byte − 128`, also their zero points.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct QuantParams {
    /// The distance between the numbers of two bytes.
    pub scale: f32,
    /// The byte of the number 0.
    pub zero_point: u8,
}

impl QuantParams {
    /// The byte of the nearest number; of the even byte if two are equally near, as ONNX's `QuantizeLinear`. A number
    /// outside the range becomes the smallest or the largest byte; NaN becomes the smallest.
    #[inline]
    #[must_use]
    pub fn quantize(self, real: f32) -> u8 {
        nearest(real / self.scale).wrapping_add(i32::from(self.zero_point)).clamp(0, 255) as u8
    }

    /// Whether a number is outside the range of the bytes; negative numbers that a ReLU would set to 0 are not.
    pub(crate) fn saturates(self, real: f32, after_relu: bool) -> bool {
        let rounded = self.dequantize(self.quantize(real));
        (real - rounded).abs() > 0.51 * self.scale && !(after_relu && real < 0.0)
    }

    /// The number of a byte.
    #[inline]
    #[must_use]
    pub fn dequantize(self, byte: u8) -> f32 {
        self.scale * f32::from(i16::from(byte) - i16::from(self.zero_point))
    }
}

/// The same for an output of a linear layer that was not yet limited to 0 to 255.
pub(crate) fn saturates(value: i32, after_relu: bool) -> bool {
    value > 255 || value < 0 && !after_relu
}

/// The nearest integer, ties to even, limited to −512 to 512; for NaN the smallest.
#[expect(clippy::manual_clamp, reason = "`clamp` keeps NaN, whose bits differ between processors")]
#[inline(always)]
pub(super) fn nearest(value: f32) -> i32 {
    // So large that a sum with it has no bits for fractions, and is rounded to an integer.
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³
    let sum = value.max(-512.0).min(512.0) + ROUND;
    sum.to_bits().wrapping_sub(ROUND.to_bits()) as i32
}

impl Zeroed for QuantParams {
    const ZERO: Self = Self { scale: 0.0, zero_point: 0 };
}

/// The values that a layer got or gave for some rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The smallest value.
    pub min: f32,
    /// The largest value.
    pub max: f32,
    /// The number of values.
    pub values: usize,
    /// The number of values that are outside the range of the bytes, and became the smallest or the largest byte. Negative
    /// numbers that a ReLU would set to 0 do not count, nor the values of other activations.
    pub saturated: usize,
}

impl Range {
    /// Of no values.
    pub(crate) const EMPTY: Self =
        Self { min: f32::INFINITY, max: f32::NEG_INFINITY, values: 0, saturated: 0 };

    pub(crate) fn observe(&mut self, values: &[f32]) {
        for value in values {
            self.min = self.min.min(*value);
            self.max = self.max.max(*value);
        }
        self.values += values.len();
    }

    /// The scale and the zero point with which the bytes cover the range and the number 0, if the scale is at least
    /// `min_scale`; else more than the range.
    pub(crate) fn params(&self, min_scale: f32) -> QuantParams {
        let (min, max) = (self.min.min(0.0), self.max.max(0.0));
        // Not `(max − min) / 255`, whose difference can overflow.
        let scale = (max / 255.0 - min / 255.0).max(min_scale).max(f32::MIN_POSITIVE);
        let zero_point = QuantParams { scale, zero_point: 0 }.quantize(-min);
        QuantParams { scale, zero_point }
    }

    /// The scale and the zero point for the input of a network.
    pub(crate) fn input_params(&self) -> Result<QuantParams, QuantizeError> {
        if self.min >= 0.0 && self.max <= 0.0 { Err(QuantizeError::NoRange) } else { Ok(self.params(0.0)) }
    }

    /// The share of saturated values, from 0 to 1.
    #[must_use]
    pub fn saturation(&self) -> f32 {
        self.saturated as f32 / self.values.max(1) as f32
    }
}
