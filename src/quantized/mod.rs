//! Inference in 8-bit integers, for processors without floating point.
//!
//! [`Quantized::of`] makes a quantised network of a trained one. Its weights take a quarter of the flash of `f32`
//! weights, and [`predict_bytes`](Quantized::predict_bytes) computes without floating point. On a host an `f32`
//! network is faster, and on a microcontroller with a floating-point unit about as fast.
//!
//! | file | what it holds |
//! |---|---|
//! | `params.rs`, `ranges.rs` | real numbers as bytes: [`QuantParams`]; the [`Range`] of values, and those of all layers |
//! | `linear.rs`, `weights.rs`, `multiplier.rs`, `table.rs` | the layers on bytes |
//! | `chain.rs` | chains of them |
//! | `layers.rs` | the eight-bit form of each `f32` layer |
//! | `calibrate.rs` | from a chain of `f32` layers to a chain of layers on bytes |
//! | `source.rs`, `tensors.rs`, `values.rs` | a quantised network as Rust source, and as tensors in files |
//! | `report.rs`, `error.rs` | how accurate a quantised network is; why there is none |

mod calibrate;
mod chain;
mod error;
mod layers;
mod linear;
mod multiplier;
mod params;
mod ranges;
mod report;
mod source;
mod table;
#[cfg(all(feature = "alloc", any(feature = "safetensors", feature = "serde")))]
mod tensors;
#[cfg(all(feature = "alloc", any(feature = "safetensors", feature = "serde")))]
mod values;
mod weights;

use self::calibrate::Real;
/// Without the features of files, nothing is stored.
#[cfg(not(all(feature = "alloc", any(feature = "safetensors", feature = "serde"))))]
pub trait Stored {}
#[cfg(not(all(feature = "alloc", any(feature = "safetensors", feature = "serde"))))]
impl<T> Stored for T {}
#[cfg(all(feature = "onnx", feature = "safetensors"))]
pub(crate) use self::chain::{check_output, check_zero_point};
#[cfg(all(feature = "alloc", any(feature = "safetensors", feature = "serde")))]
pub use self::tensors::{Stored, TensorError, Tensors};
#[cfg(feature = "safetensors")]
pub(crate) use self::values::{Int8Tensor, Values};
pub use self::{
    calibrate::{Before, EightBit, EightBitLayer, Infinite},
    chain::{Bytes, Int8Chain, Output},
    error::{ChainError, ChainProblem, LinearError, LinearProblem, QuantizeError},
    linear::{Int8Linear, valid},
    params::{QuantParams, Range},
    ranges::Ranges,
    report::QuantizationReport,
    source::{Int8Source, WriteSource},
    table::Table,
};
#[cfg(feature = "onnx")]
pub(crate) use self::{
    error::NO_EIGHT_BIT_FORM,
    layers::OutputScale,
    linear::check,
    multiplier::Multiplier,
    source::{Source, write_linear, write_standardize, write_static},
};
pub(crate) use self::{params::saturates, report::Differences};
use crate::{error::DataError, simd::Zeroed};

/// The eight-bit form of the network `Net`, for inference: `Quantized<mlp![5, 64, 3]>`.
///
/// | quantity | type | how it is chosen |
/// |---|---|---|
/// | weights | `i8`, from −127 to 127 | symmetric, with a scale for each output |
/// | inputs and outputs of layers | `u8` | a scale and a zero point, so that the bytes cover the smallest and the largest value of the calibration rows, and 0 |
/// | biases and sums | `i32` | |
///
/// A sum becomes a byte by one fixed-point multiplication, rounded once. A value outside the calibrated range becomes the
/// smallest or the largest byte (it *saturates*). `Relu` and `Dropout` need no work. A `Standardize` layer is applied to real
/// inputs before they become bytes; the bytes of [`predict_bytes`](Self::predict_bytes) are those of its output.
///
/// Results are the same, bit for bit, on every processor.
///
/// # Examples
///
/// ```
/// use constnet::{Quantized, Zeroed, mlp};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// let mut net = <mlp![2, 16, 1]>::ZERO;
/// net.init(&mut StdRng::seed_from_u64(0));
/// let rows: Vec<[f32; 2]> = (0..100).map(|i| [i as f32 / 100.0, (i % 7) as f32 / 7.0]).collect();
///
/// let (quantized, report) = Quantized::of(&net, &rows)?;
/// assert!(report.largest_difference < 0.1);
///
/// let [y]: [f32; 1] = net.predict(&rows[42]);
/// let [y_8]: [f32; 1] = quantized.predict(&rows[42]);
/// assert!((y_8 - y).abs() < 0.1);
///
/// // Without floating point: bytes in, bytes out.
/// let x: [u8; 2] = quantized.quantize_input(&rows[42]);
/// let y: [u8; 1] = quantized.predict_bytes(&x);
/// # let step = quantized.output_params().scale;
/// # assert!((quantized.output_params().dequantize(y[0]) - y_8).abs() <= 0.51 * step);
/// # Ok::<(), constnet::quantized::QuantizeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
#[cfg_attr(
    feature = "alloc",
    zeroable(bound = "Net::Before: bytemuck::Zeroable, Net::Chain: bytemuck::Zeroable")
)]
pub struct Quantized<Net: EightBit> {
    before: Net::Before,
    input: QuantParams,
    chain: Net::Chain,
}

impl<Net: EightBit> Quantized<Net> {
    /// The eight-bit form of a network for inference, and a report on its accuracy. The rows are typical inputs, which fix
    /// the scales: a few hundred are enough.
    ///
    /// # Errors
    ///
    /// If there are no rows, all their numbers are 0, a number is not finite, or a layer cannot be represented.
    pub fn of(
        net: &Net,
        rows: &[Real<Net::In>],
    ) -> Result<(Self, QuantizationReport<Net::Ranges>), QuantizeError> {
        let mut quantized = Self::ZERO;
        let report = quantized.calibrate(net, rows)?;
        Ok((quantized, report))
    }

    /// The network of these parts, in a constant: what [`to_rust_source`](Self::to_rust_source) writes. Layers that are next to
    /// each other must have the same zero point for the bytes between them: [`check`](Self::check) finds one that has not.
    #[must_use]
    pub const fn new(before: Net::Before, input: QuantParams, chain: Net::Chain) -> Self {
        Self { before, input, chain }
    }

    /// Whether the zero points of layers that are next to each other are the same, also those of the input and the output, and
    /// 0 after a `Relu`: a network that was calibrated or loaded has been checked. After a table the zero point is not known.
    ///
    /// # Errors
    ///
    /// The first layer with another zero point; or the output, if [`Output::relu`] does not agree with the last layer.
    ///
    /// ```
    /// use constnet::{
    ///     Quantized, mlp,
    ///     quantized::{ChainError, ChainProblem, Int8Linear, Output, QuantParams, valid},
    /// };
    ///
    /// const INPUT: QuantParams = QuantParams { scale: 0.1, zero_point: 128 };
    /// const OUTPUT: QuantParams = QuantParams { scale: 0.2, zero_point: 3 };
    /// let layer = valid(Int8Linear::new([[100, -50]], [40], [0.01], [127, 3]));
    /// let net = <Quantized<mlp![2, 1]>>::new((), INPUT, (layer, Output::new(OUTPUT, false)));
    ///
    /// let problem = ChainProblem::ZeroPoint { found: 128, expected: 127 };
    /// assert_eq!(net.check(), Err(ChainError { layer: Some(0), problem }));
    /// ```
    pub fn check(&self) -> Result<(), ChainError> {
        let of_layer =
            |error: ChainError| ChainError { layer: error.layer.and_then(Net::layer_index), ..error };
        self.chain.check(Some(self.input.zero_point), 0, Net::is_after_relu).map_err(of_layer)
    }

    /// Quantises a network in place, as [`of`](Self::of): for networks that are too large for the stack.
    ///
    /// # Errors
    ///
    /// The same. `self` is then not to be used.
    pub fn calibrate(
        &mut self,
        net: &Net,
        rows: &[Real<Net::In>],
    ) -> Result<QuantizationReport<Net::Ranges>, QuantizeError> {
        let mut ranges = Net::Ranges::EMPTY;
        observe(net, rows, &mut ranges, |_, _, _| ())?;
        self.before = net.before();
        self.input = Net::input(&ranges).input_params()?;
        net.quantize(&mut self.chain, self.input, &ranges, 0)?;
        self.report(net, rows)
    }

    /// `ŷ = net(x)` for one sample. The outputs of a last linear layer are real numbers that were not rounded to bytes, and
    /// are not limited to the calibrated range.
    #[inline]
    #[must_use]
    pub fn predict(&self, x: &Real<Net::In>) -> Real<Net::Out> {
        let mut y = Zeroed::ZERO;
        self.chain.real(&self.quantize_input(x), &mut y);
        y
    }

    /// `ŷ = net(x)` for one sample, from bytes to bytes, without a floating-point operation.
    #[inline]
    #[must_use]
    pub fn predict_bytes(&self, x: &Net::In) -> Net::Out {
        let mut y = Zeroed::ZERO;
        self.chain.bytes::<false>(x, &mut y, 0, &mut |_, _| {});
        y
    }

    /// The same with the rounding of ONNX Runtime and of LiteRT on a host: a sum, and its product with the multiplier,
    /// are rounded in `f32`, ties to even. A byte of a layer differs, by 1, only if the product is half-way between
    /// two integers, to within a relative error of 2⁻²³.
    #[inline]
    #[must_use]
    pub fn predict_bytes_rounded_in_f32(&self, x: &Net::In) -> Net::Out {
        let mut y = Zeroed::ZERO;
        self.chain.bytes::<true>(x, &mut y, 0, &mut |_, _| {});
        y
    }

    /// The bytes of an input.
    #[inline]
    #[must_use]
    pub fn quantize_input(&self, x: &Real<Net::In>) -> Net::In {
        let mut bytes = Net::In::ZERO;
        for (byte, x) in bytes.as_mut().iter_mut().zip(self.before.apply(x).as_ref()) {
            *byte = self.input.quantize(*x);
        }
        bytes
    }

    /// The scale and the zero point of the input's bytes.
    #[must_use]
    pub const fn input_params(&self) -> QuantParams {
        self.input
    }

    /// The scale and the zero point of the output's bytes.
    #[must_use]
    pub fn output_params(&self) -> QuantParams {
        self.chain.output().params
    }

    /// The layers on bytes.
    #[must_use]
    pub const fn chain(&self) -> &Net::Chain {
        &self.chain
    }

    /// Compares the network with the one that it was made of, on other rows than those of its calibration.
    ///
    /// # Errors
    ///
    /// If there are no rows, or a number is not finite.
    pub fn report(
        &self,
        net: &Net,
        rows: &[Real<Net::In>],
    ) -> Result<QuantizationReport<Net::Ranges>, QuantizeError> {
        let mut differences = Differences::default();
        let mut ranges = Net::Ranges::EMPTY;
        observe(net, rows, &mut ranges, |x, y, ranges| {
            differences.add(y.as_ref(), self.predict(x).as_ref());
            self.count_saturated(x, ranges);
        })?;
        Ok(differences.report(rows.len(), ranges))
    }

    /// Adds the number of saturated values of a row to each range.
    fn count_saturated(&self, x: &Real<Net::In>, ranges: &mut Net::Ranges) {
        for x in self.before.apply(x).as_ref() {
            if self.input.saturates(*x, Net::is_after_relu(0)) {
                ranges.count_saturated(0);
            }
        }
        let mut y = Zeroed::ZERO;
        self.chain.bytes::<false>(&self.quantize_input(x), &mut y, 1, &mut |bytes, value| {
            if saturates(value, Net::is_after_relu(bytes)) {
                ranges.count_saturated(bytes);
            }
        });
    }
}

/// Adds the values of all layers to the ranges, row by row, and calls `each` with the row, the output and the ranges.
fn observe<Net: EightBit>(
    net: &Net,
    rows: &[Real<Net::In>],
    ranges: &mut Net::Ranges,
    mut each: impl FnMut(&Real<Net::In>, &Real<Net::Out>, &mut Net::Ranges),
) -> Result<(), QuantizeError> {
    if rows.is_empty() {
        return Err(DataError::NoSamples.into());
    }
    for (row, x) in rows.iter().enumerate() {
        if let Some((feature, x)) = x.as_ref().iter().enumerate().find(|(_, x)| !x.is_finite()) {
            return Err(DataError::Input { sample: row, feature, value: *x }.into());
        }
        let y = net.observe(x, ranges, 0);
        let y = y.map_err(|Infinite { layer, output, value }| QuantizeError::Value {
            layer,
            row,
            output,
            value,
        })?;
        each(x, &y, ranges);
    }
    Ok(())
}

impl<Net: EightBit> Zeroed for Quantized<Net> {
    const ZERO: Self = Self { before: Zeroed::ZERO, input: QuantParams::ZERO, chain: Zeroed::ZERO };
}
