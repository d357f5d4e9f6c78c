//! The fully connected layer on bytes.

use core::fmt;

use super::{LinearError, LinearProblem, multiplier::Multiplier, params::nearest, weights::NativeWeights};
use crate::simd::Zeroed;

/// The absolute value of a sum is less than this, so that its multiple is rounded without overflow.
const SUM_LIMIT: i64 = 1 << 30;

/// The multiplier of an output, if it can be represented.
pub(crate) const fn check(
    output: usize,
    weight: &[i8],
    bias: i32,
    multiplier: f32,
) -> Result<Multiplier, LinearError> {
    let Some(factor) = Multiplier::new(multiplier) else {
        return Err(LinearError { output, problem: LinearProblem::Multiplier(multiplier) });
    };
    let (mut i, mut largest) = (0, bias.unsigned_abs() as i64);
    while i < weight.len() {
        largest += 255 * weight[i].unsigned_abs() as i64;
        i += 1;
    }
    if largest >= SUM_LIMIT {
        return Err(LinearError { output, problem: LinearProblem::Sum(largest) });
    }
    Ok(factor)
}

/// A fully connected layer from `IN` to `OUT` bytes:
///
/// `y = z_y + round(m · (b + W (x − z_x)))`, limited to 0 to 255.
///
/// | quantity | shape | type |
/// |---|---|---|
/// | `W`, `b` | `(OUT, IN)`, `(OUT)` | `i8` and `i32`: PyTorch's order |
/// | `m`, the multiplier | `(OUT)` | the scale of `x` times that of the weights, divided by the scale of `y` |
/// | `z_x`, `z_y` | | the zero points |
///
/// A product is rounded once, half up; ONNX Runtime and LiteRT round a product in `f32`. With a multiplier below 2⁻³² every
/// product is rounded to 0. A ReLU needs no work: with `z_y = 0`, negative values become 0.
#[derive(Clone, Copy, PartialEq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Int8Linear<const IN: usize, const OUT: usize> {
    weight: NativeWeights<IN, OUT>,
    /// `b − W z_x`
    bias: [i32; OUT],
    multiplier: [Multiplier; OUT],
    zero_points: [u8; 2],
}

impl<const IN: usize, const OUT: usize> Int8Linear<IN, OUT> {
    /// The layer with these weights, biases and multipliers, and the zero points of the input and the output.
    ///
    /// # Errors
    ///
    /// If a multiplier is not from 0 to 1/4 (exclusive), or a sum can reach 2³⁰: the error names the output.
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::quantized::{Int8Linear, valid};
    ///
    /// static LAYER: Int8Linear<2, 1> = valid(Int8Linear::new([[100, -50]], [40], [0.01], [128, 3]));
    ///
    /// // 3 + (40 + 100 · (130 − 128) − 50 · (127 − 128)) / 100
    /// assert_eq!(LAYER.forward(&[130, 127]), [6]);
    /// ```
    pub const fn new(
        weight: [[i8; IN]; OUT],
        bias: [i32; OUT],
        multiplier: [f32; OUT],
        zero_points: [u8; 2],
    ) -> Result<Self, LinearError> {
        let mut layer = Self { zero_points, ..Self::ZERO };
        let mut o = 0;
        while o < OUT {
            if let Err(error) = layer.set_output(o, &weight[o], bias[o], multiplier[o]) {
                return Err(error);
            }
            o += 1;
        }
        Ok(layer)
    }

    /// Sets the zero points of the input and the output: before the outputs, whose biases depend on the first.
    pub(super) const fn set_zero_points(&mut self, zero_points: [u8; 2]) {
        self.zero_points = zero_points;
    }

    /// Sets the weights, the bias and the multiplier of one output.
    pub(super) const fn set_output(
        &mut self,
        output: usize,
        weight: &[i8; IN],
        bias: i32,
        multiplier: f32,
    ) -> Result<(), LinearError> {
        self.multiplier[output] = match check(output, weight, bias, multiplier) {
            Ok(multiplier) => multiplier,
            Err(error) => return Err(error),
        };
        let (mut i, mut sum) = (0, 0);
        while i < IN {
            self.weight.set(output, i, weight[i]);
            sum += weight[i] as i32;
            i += 1;
        }
        self.bias[output] = bias - self.zero_points[0] as i32 * sum;
        Ok(())
    }

    /// The weight from input `i` to output `o`.
    ///
    /// # Panics
    ///
    /// If there is no such output or input.
    #[must_use]
    pub const fn weight_at(&self, o: usize, i: usize) -> i8 {
        self.weight.at(o, i)
    }

    /// The biases.
    #[must_use]
    pub fn bias(&self) -> [i32; OUT] {
        core::array::from_fn(|o| {
            let sum: i32 = (0..IN).map(|i| i32::from(self.weight_at(o, i))).sum();
            self.bias[o] + i32::from(self.zero_points[0]) * sum
        })
    }

    /// The multipliers.
    #[must_use]
    pub fn multipliers(&self) -> [f32; OUT] {
        self.multiplier.map(Multiplier::factor)
    }

    /// The zero points of the input and the output.
    #[must_use]
    pub const fn zero_points(&self) -> [u8; 2] {
        self.zero_points
    }

    /// The outputs for one sample.
    #[inline]
    #[must_use]
    pub fn forward(&self, x: &[u8; IN]) -> [u8; OUT] {
        let mut y = [0; OUT];
        self.rounded::<false>(x, &mut y, |_| {});
        y
    }

    /// The outputs as bytes; if `IN_F32`, products are rounded in `f32`. Calls `observe` with each value before it is limited to
    /// 0 to 255.
    #[inline(always)]
    pub(super) fn rounded<const IN_F32: bool>(
        &self,
        x: &[u8; IN],
        y: &mut [u8; OUT],
        mut observe: impl FnMut(i32),
    ) {
        let zero_point = i32::from(self.zero_points[1]);
        self.weight.sums(
            x,
            &self.bias,
            &self.multiplier,
            y,
            #[inline(always)]
            |multiplier, sum| {
                let value = if IN_F32 {
                    zero_point + nearest(sum as f32 * multiplier.factor())
                } else {
                    multiplier.apply(sum, 2 * zero_point + 1)
                };
                observe(value);
                value.clamp(0, 255) as u8
            },
        );
    }

    /// The outputs as real numbers, given their scale: not rounded, and limited by a ReLU only.
    #[inline(always)]
    pub(super) fn real(&self, x: &[u8; IN], y: &mut [f32; OUT], scale: f32, relu: bool) {
        let min = if relu { 0.0 } else { f32::NEG_INFINITY };
        self.weight.sums(
            x,
            &self.bias,
            &self.multiplier,
            y,
            #[inline(always)]
            |multiplier, sum| (sum as f32 * (multiplier.factor() * scale)).max(min),
        );
    }
}

/// The value of a constant whose parts are known to be valid: otherwise a compile error.
///
/// # Panics
///
/// If it is an error.
#[must_use]
pub const fn valid<T: Copy>(result: Result<T, LinearError>) -> T {
    match result {
        Ok(value) => value,
        Err(_) => panic!("a multiplier or a sum of the layer is out of range"),
    }
}

impl<const IN: usize, const OUT: usize> Zeroed for Int8Linear<IN, OUT> {
    const ZERO: Self = Self {
        weight: NativeWeights::ZERO,
        bias: [0; OUT],
        multiplier: [Multiplier::ZERO; OUT],
        zero_points: [0; 2],
    };
}

/// Weights, of shape `(OUT, IN)`, biases and multipliers.
impl<const IN: usize, const OUT: usize> fmt::Debug for Int8Linear<IN, OUT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight: [[i8; IN]; OUT] =
            core::array::from_fn(|o| core::array::from_fn(|i| self.weight_at(o, i)));
        f.debug_struct("Int8Linear")
            .field("weight", &weight)
            .field("bias", &self.bias())
            .field("multiplier", &self.multipliers())
            .field("zero_points", &self.zero_points)
            .finish()
    }
}
