//! Why a network has no eight-bit form.

use core::fmt;

use crate::error::DataError;

/// The layers that have an eight-bit form.
#[cfg(feature = "onnx")]
pub(crate) const NO_EIGHT_BIT_FORM: &str = "a quantised network is made of `Linear`, the activations `Relu`, `LeakyRelu`, `Tanh`, `Sigmoid`, `Elu`, `Gelu` and `Silu`, and `Standardize` as its first layer";

/// Why a network could not be quantised. Layers are counted from 0, activations too.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum QuantizeError {
    /// There are no rows, or a number of a row is not finite.
    Rows(DataError<f32>),
    /// All inputs of the rows are 0 where they become bytes: they give no scale.
    NoRange,
    /// The output of a layer, or one of its parameters, is not finite.
    Value {
        /// The index of the layer.
        layer: usize,
        /// The index of the row.
        row: usize,
        /// The index of the value in the output of the layer.
        output: usize,
        /// The value.
        value: f32,
    },
    /// A linear layer cannot be represented.
    Unrepresentable {
        /// The index of the layer.
        layer: usize,
        /// The output, and why.
        error: LinearError,
    },
}

/// Why a linear layer has no eight-bit form.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LinearError {
    /// The index of the output.
    pub output: usize,
    /// Why it cannot be represented.
    pub problem: LinearProblem,
}

/// Why an output of a linear layer cannot be represented.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LinearProblem {
    /// The multiplier is not from 0 to 1/4 (exclusive).
    Multiplier(f32),
    /// The scale of the bytes would be this, which is not finite.
    Scale(f32),
    /// The sum can have this absolute value, which is not below 2³⁰.
    Sum(i64),
}

/// Layers that do not fit to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ChainError {
    /// The index in the `f32` network of the layer whose input does not fit; `None` is the output of the network.
    pub layer: Option<usize>,
    /// What does not fit.
    pub problem: ChainProblem,
}

/// What does not fit between two layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ChainProblem {
    /// The zero point that a layer, or the output, expects is not that of the layer or the input before it.
    ZeroPoint {
        /// The zero point of the bytes that the layer gets.
        found: u8,
        /// The zero point that the layer has for them.
        expected: u8,
    },
    /// The bytes come after a ReLU and have this zero point. It must be 0: bytes below the zero point are negative
    /// numbers.
    AfterRelu(u8),
    /// [`Output::relu`](super::Output::relu) has this value, but the last layer of the network does not agree.
    LastRelu(bool),
}

impl From<DataError<f32>> for QuantizeError {
    fn from(error: DataError<f32>) -> Self {
        Self::Rows(error)
    }
}

impl fmt::Display for QuantizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(error) => write!(f, "calibration rows: {error}"),
            Self::NoRange => f.write_str(
                "calibration rows: all inputs that become bytes are 0, which gives no scale: expected typical inputs",
            ),
            Self::Value { layer, row, output, value } => {
                write!(
                    f,
                    "output {output} of layer {layer} is {value} for calibration row {row}: expected a finite number"
                )
            }
            Self::Unrepresentable { layer, error } => write!(f, "layer {layer}: {error}"),
        }
    }
}

impl fmt::Display for LinearError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let output = self.output;
        match self.problem {
            LinearProblem::Multiplier(multiplier) => write!(
                f,
                "the multiplier of output {output} is {multiplier:e}: expected at least 0 and less than 0.25"
            ),
            LinearProblem::Scale(scale) => {
                write!(f, "the bytes of output {output} need the scale {scale}: expected a finite number")
            }
            LinearProblem::Sum(sum) => {
                write!(f, "the sum of output {output} can be {sum}: expected less than 2³⁰")
            }
        }
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layer {
            Some(layer) => write!(f, "the input of layer {layer}")?,
            None => f.write_str("the output")?,
        }
        match self.problem {
            ChainProblem::ZeroPoint { found, expected } => {
                write!(f, " has the zero point {found}, expected {expected}")
            }
            ChainProblem::AfterRelu(found) => {
                write!(f, " comes after a ReLU and has the zero point {found}, expected 0")
            }
            ChainProblem::LastRelu(true) => f.write_str(" is that of a ReLU, expected another last layer"),
            ChainProblem::LastRelu(false) => {
                f.write_str(" is not that of a ReLU, expected a ReLU as the last layer")
            }
        }
    }
}

impl core::error::Error for QuantizeError {}
impl core::error::Error for ChainError {}
impl core::error::Error for LinearError {}
