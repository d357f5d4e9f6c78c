//! The fully connected layer on bytes.

use core::fmt;

use super::{LinearError, LinearProblem};
use crate::simd::Zeroed;

/// Whether weights are stored as `weight + 128`. Thumb-1 loads an unsigned byte with a constant offset, but a signed one
/// with an offset in a register only.
const OFFSET_WEIGHTS: bool = cfg!(all(target_arch = "arm", not(target_has_atomic = "32")));

/// Whether four outputs are computed together. On a host the compiler makes vector instructions of the sum of one output.
const INTERLEAVED: bool = cfg!(not(any(target_arch = "x86_64", target_arch = "aarch64")));

/// The absolute value of a sum is less than this, so that its multiple is rounded without overflow.
const SUM_LIMIT: i64 = 1 << 30;

/// A positive factor below 1/4, by which a sum is multiplied and rounded once: `sum · factor`, ties up.
///
/// The 24 bits of the factor, `m`, from bit 7 on, and below them a shift `s`: `factor = m · 2⁷ · 2^(−33 − s)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub(crate) struct Multiplier(u32);

impl Multiplier {
    const SHIFT: u32 = 31;
    /// The exponent in the bits of 1/8, whose shift is 0.
    const LARGEST: u32 = 124;

    /// The product with a factor below 2⁻³² is rounded to 0, so 0 stands for it.
    pub(crate) const fn new(factor: f32) -> Option<Self> {
        let exponent = factor.to_bits() >> 23;
        match Self::LARGEST.checked_sub(exponent) {
            Some(shift @ 0..30) => Some(Self((factor.to_bits() & 0x7f_ffff | 0x80_0000) << 7 | shift)),
            Some(_) => Some(Self(0)),
            None => None,
        }
    }

    const fn factor(self) -> f32 {
        let exponent = Self::LARGEST - (self.0 & Self::SHIFT);
        if self.0 == 0 { 0.0 } else { f32::from_bits(exponent << 23 | (self.0 >> 7 & 0x7f_ffff)) }
    }

    /// `sum · factor + (twice_plus_one − 1) / 2`, rounded.
    #[inline(always)]
    pub(crate) const fn apply(self, sum: i32, twice_plus_one: i32) -> i32 {
        let product = high_word(sum, (self.0 & !Self::SHIFT) as i32);
        (product >> (self.0 & Self::SHIFT)).wrapping_add(twice_plus_one) >> 1
    }
}

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

/// The high 32 bits of the product.
#[inline(always)]
const fn high_word(a: i32, m: i32) -> i32 {
    if !OFFSET_WEIGHTS {
        return ((a as i64 * m as i64) >> 32) as i32;
    }
    // Thumb-1 has no instruction for it: four products of halves.
    let (a_high, a_low, m_high, m_low) = (a >> 16, a as u32 & 0xffff, m >> 16, m as u32 & 0xffff);
    let u = a_high.wrapping_mul(m_low as i32).wrapping_add((a_low.wrapping_mul(m_low) >> 16) as i32);
    let v = a_low.wrapping_mul(m_high as u32).wrapping_add(u as u32 & 0xffff);
    a_high.wrapping_mul(m_high).wrapping_add(u >> 16).wrapping_add((v >> 16) as i32)
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
/// A product is rounded once, half up; ONNX Runtime and LiteRT round a product in `f32`. A ReLU needs no work: with
/// `z_y = 0`, negative values become 0.
#[derive(Clone, Copy, PartialEq)]
#[repr(align(4))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Int8Linear<const IN: usize, const OUT: usize> {
    /// If [`INTERLEAVED`], four outputs at a time, and of these first the four weights of input 0; the outputs that remain one
    /// after the other.
    weight: [[i8; IN]; OUT],
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
            let (row, column) = Self::place(output, i);
            self.weight[row][column] = Self::stored(output, weight[i]);
            sum += weight[i] as i32;
            i += 1;
        }
        self.bias[output] = bias - self.zero_points[0] as i32 * sum;
        Ok(())
    }

    /// The number of outputs that are computed four at a time.
    const OF_FOUR: usize = if INTERLEAVED { OUT / 4 * 4 } else { 0 };

    /// The row and the column at which the weight from input `i` to output `o` is stored.
    const fn place(o: usize, i: usize) -> (usize, usize) {
        let at = if Self::is_of_four(o) { (o / 4 * IN + i) * 4 + o % 4 } else { o * IN + i };
        (at / IN, at % IN)
    }

    /// Whether the output is one of four that are computed together.
    const fn is_of_four(o: usize) -> bool {
        o < Self::OF_FOUR
    }

    /// The weight as it is stored, or a stored one as it is.
    const fn stored(o: usize, weight: i8) -> i8 {
        if OFFSET_WEIGHTS && Self::is_of_four(o) { weight ^ -128 } else { weight }
    }

    /// The weight from input `i` to output `o`.
    ///
    /// # Panics
    ///
    /// If there is no such output or input.
    #[must_use]
    pub const fn weight_at(&self, o: usize, i: usize) -> i8 {
        assert!(i < IN, "there is no such input");
        let (row, column) = Self::place(o, i);
        Self::stored(o, self.weight[row][column])
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
        self.rounded(x, &mut y, |_| {});
        y
    }

    /// The outputs as bytes. Calls `observe` with each value before it is limited to 0 to 255.
    #[inline(always)]
    pub(super) fn rounded(&self, x: &[u8; IN], y: &mut [u8; OUT], mut observe: impl FnMut(i32)) {
        let zero_point = i32::from(self.zero_points[1]);
        self.sums(
            x,
            y,
            #[inline(always)]
            |multiplier, sum| {
                let value = multiplier.apply(sum, 2 * zero_point + 1);
                observe(value);
                value.clamp(0, 255) as u8
            },
        );
    }

    /// The outputs as real numbers, given their scale: not rounded, and limited from below only.
    #[inline(always)]
    pub(super) fn real(&self, x: &[u8; IN], y: &mut [f32; OUT], scale: f32, min: f32) {
        self.sums(
            x,
            y,
            #[inline(always)]
            |multiplier, sum| (sum as f32 * (multiplier.factor() * scale)).max(min),
        );
    }

    /// `finish(multiplier, b + W (x − z_x))`, for each output.
    #[inline(always)]
    fn sums<Y>(&self, x: &[u8; IN], y: &mut [Y; OUT], mut finish: impl FnMut(Multiplier, i32) -> Y) {
        let (bias_4, bias) = self.bias.split_at(Self::OF_FOUR);
        let (multiplier_4, multiplier) = self.multiplier.split_at(Self::OF_FOUR);
        let (y_4, y) = y.split_at_mut(Self::OF_FOUR);
        let (weight_4, weight) = self.weight.split_at(Self::OF_FOUR);
        let (bias_4, multiplier_4) = (bias_4.as_chunks::<4>().0, multiplier_4.as_chunks::<4>().0);
        let y_4 = y_4.as_chunks_mut::<4>().0;
        let weight_4 = weight_4.as_flattened().as_chunks::<4>().0.as_chunks::<IN>().0;
        let offset = if OFFSET_WEIGHTS {
            x.iter().fold(0_i32, |sum, x| sum.wrapping_add(128 * i32::from(*x)))
        } else {
            0
        };
        for (((y, bias), multiplier), weight) in y_4.iter_mut().zip(bias_4).zip(multiplier_4).zip(weight_4) {
            let (weight_16, weight) = weight.as_chunks::<4>();
            let (x_4, x) = x.as_chunks::<4>();
            let mut sum = [0; 4];
            for (weight, x) in weight_16.iter().zip(x_4) {
                sum = add(sum, &weight[0], x[0]);
                sum = add(sum, &weight[1], x[1]);
                sum = add(sum, &weight[2], x[2]);
                sum = add(sum, &weight[3], x[3]);
            }
            for (weight, x) in weight.iter().zip(x) {
                sum = add(sum, weight, *x);
            }
            y[0] = finish(multiplier[0], sum[0].wrapping_add(bias[0]).wrapping_sub(offset));
            y[1] = finish(multiplier[1], sum[1].wrapping_add(bias[1]).wrapping_sub(offset));
            y[2] = finish(multiplier[2], sum[2].wrapping_add(bias[2]).wrapping_sub(offset));
            y[3] = finish(multiplier[3], sum[3].wrapping_add(bias[3]).wrapping_sub(offset));
        }
        for (((y, bias), multiplier), weight) in y.iter_mut().zip(bias).zip(multiplier).zip(weight) {
            *y = finish(*multiplier, bias + dot(weight, x));
        }
    }
}

/// The products of the weights of one output.
#[inline(always)]
fn dot<const IN: usize>(weight: &[i8; IN], x: &[u8; IN]) -> i32 {
    let product = |(weight, x): (&i8, &u8)| i32::from(*weight) * i32::from(*x);
    if !INTERLEAVED {
        return weight.iter().zip(x).map(product).sum();
    }
    // Written out, as below.
    let ((weight_4, weight), (x_4, x)) = (weight.as_chunks::<4>(), x.as_chunks::<4>());
    let mut sum = 0;
    for (weight, x) in weight_4.iter().zip(x_4) {
        sum += product((&weight[0], &x[0]));
        sum += product((&weight[1], &x[1]));
        sum += product((&weight[2], &x[2]));
        sum += product((&weight[3], &x[3]));
    }
    sum + weight.iter().zip(x).map(product).sum::<i32>()
}

/// `sum + weight · x`, of four outputs. By reference, because four bytes by value are loaded as one word and taken apart;
/// written out, because `map` remains a loop at `opt-level = "s"`.
#[inline(always)]
fn add([s0, s1, s2, s3]: [i32; 4], [w0, w1, w2, w3]: &[i8; 4], x: u8) -> [i32; 4] {
    let x = i32::from(x);
    let times_x = |w: i8| if OFFSET_WEIGHTS { i32::from(w as u8) * x } else { i32::from(w) * x };
    // With the offset a sum may wrap, until the offset is subtracted.
    [
        s0.wrapping_add(times_x(*w0)),
        s1.wrapping_add(times_x(*w1)),
        s2.wrapping_add(times_x(*w2)),
        s3.wrapping_add(times_x(*w3)),
    ]
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
        weight: [[0; IN]; OUT],
        bias: [0; OUT],
        multiplier: [Multiplier(0); OUT],
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
