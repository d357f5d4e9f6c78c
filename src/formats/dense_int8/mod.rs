//! A quantised dense network whose shapes are known at run time only: what the program `constnet` reads and writes.
//!
//! | file | what it holds |
//! |---|---|
//! | `calibrate.rs` | the eight-bit form of a dense network, and its accuracy |
//! | `source.rs` | the network as Rust source, and a self-test |
//! | `tensors.rs` | the network as a safetensors file |

mod calibrate;
mod source;
#[cfg(feature = "safetensors")]
mod tensors;

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt::{self, Formatter};

pub use self::calibrate::DenseInt8Error;
pub(crate) use self::calibrate::{Function, function};
use crate::quantized::{LinearError, Multiplier, QuantParams, Table, check};

/// A quantised network of any shapes: [`DenseNetwork::quantize`](super::DenseNetwork::quantize) makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseInt8 {
    pub(crate) before: Option<[Vec<f32>; 2]>,
    pub(crate) input: QuantParams,
    pub(crate) inputs: usize,
    pub(crate) layers: Vec<DenseInt8Layer>,
    pub(crate) output: QuantParams,
    /// Whether the last layer is a ReLU.
    pub(crate) relu: bool,
    /// The types of the `f32` layers.
    pub(crate) types: Vec<String>,
}

/// A layer of a [`DenseInt8`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DenseInt8Layer {
    /// The index in the `f32` network, in which there are also layers without eight-bit form.
    pub index: usize,
    /// The layer on bytes.
    pub kind: DenseInt8Kind,
}

/// What a [`DenseInt8Layer`] does with bytes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DenseInt8Kind {
    /// [`Int8Linear`](crate::quantized::Int8Linear)
    Linear {
        /// The weights, row by row.
        weight: Vec<i8>,
        /// The biases.
        bias: Vec<i32>,
        /// The multipliers.
        multiplier: Vec<f32>,
        /// The zero points of the input and the output.
        zero_points: [u8; 2],
    },
    /// An activation.
    Table(Box<Table<0>>),
}

impl DenseInt8 {
    /// The number of inputs.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.layers.iter().fold(self.inputs, |inputs, layer| layer.kind.outputs(inputs))
    }

    /// The layers on bytes.
    #[must_use]
    pub fn layers(&self) -> &[DenseInt8Layer] {
        &self.layers
    }

    /// The types of the `f32` layers, as `Linear<5, 64>`.
    #[must_use]
    pub fn types(&self) -> &[String] {
        &self.types
    }

    /// The scale and the zero point of the input's bytes.
    #[must_use]
    pub const fn input_params(&self) -> QuantParams {
        self.input
    }

    /// The scale and the zero point of the output's bytes.
    #[must_use]
    pub const fn output_params(&self) -> QuantParams {
        self.output
    }

    /// The bytes of an input.
    ///
    /// # Panics
    ///
    /// If there is another number of inputs.
    #[must_use]
    pub fn quantize_input(&self, x: &[f32]) -> Vec<u8> {
        self.standardized(x).iter().map(|x| self.input.quantize(*x)).collect()
    }

    fn standardized(&self, x: &[f32]) -> Vec<f32> {
        assert_eq!(x.len(), self.inputs, "the number of inputs");
        match &self.before {
            Some([mean, deviation]) => {
                let features = x.iter().zip(mean).zip(deviation);
                features.map(|((x, mean), deviation)| (x - mean) / deviation).collect()
            }
            None => x.to_vec(),
        }
    }

    /// The bytes of the outputs, for bytes of the inputs. This is slow.
    ///
    /// # Panics
    ///
    /// If there is another number of inputs.
    #[must_use]
    pub fn predict_bytes(&self, x: &[u8]) -> Vec<u8> {
        assert_eq!(x.len(), self.inputs, "the number of inputs");
        self.layers.iter().fold(x.to_vec(), |x, layer| layer.kind.forward(&x, &mut |_| {}))
    }

    /// `ŷ = net(x)`, as [`Quantized::predict`](crate::Quantized::predict) computes it. This is slow.
    ///
    /// # Panics
    ///
    /// If there is another number of inputs.
    #[must_use]
    pub fn predict(&self, x: &[f32]) -> Vec<f32> {
        let mut x = self.quantize_input(x);
        for (number, layer) in self.layers.iter().enumerate() {
            if number + 1 == self.layers.len()
                && let Some(sums) = layer.kind.sums(&x)
            {
                let min = if self.relu { 0.0 } else { f32::NEG_INFINITY };
                let real = |(multiplier, sum): (Multiplier, i32)| {
                    (sum as f32 * (multiplier.factor() * self.output.scale)).max(min)
                };
                return sums.map(real).collect();
            }
            x = layer.kind.forward(&x, &mut |_| {});
        }
        x.iter().map(|byte| self.output.dequantize(*byte)).collect()
    }
}

impl DenseInt8Kind {
    fn outputs(&self, inputs: usize) -> usize {
        if let Self::Linear { bias, .. } = self { bias.len() } else { inputs }
    }

    /// Whether each output of a linear layer can be represented.
    pub(crate) fn check(&self, inputs: usize) -> Result<(), LinearError> {
        let Self::Linear { weight, bias, multiplier, .. } = self else { return Ok(()) };
        let rows = weight.chunks(inputs.max(1)).zip(bias).zip(multiplier);
        rows.enumerate()
            .try_for_each(|(o, ((row, bias), multiplier))| check(o, row, *bias, *multiplier).map(drop))
    }

    /// The multiplier and the sum of each output of a linear layer.
    fn sums(&self, x: &[u8]) -> Option<impl Iterator<Item = (Multiplier, i32)>> {
        let Self::Linear { weight, bias, multiplier, zero_points: [zero_point, _] } = self else {
            return None;
        };
        let rows = weight.chunks(x.len().max(1)).zip(bias).zip(multiplier);
        Some(rows.map(move |((row, bias), multiplier)| {
            let centred = x.iter().map(|x| i32::from(*x) - i32::from(*zero_point));
            let sum = bias + centred.zip(row).map(|(x, w)| x * i32::from(*w)).sum::<i32>();
            // The layer was checked when it was made.
            (Multiplier::new(*multiplier).unwrap_or_default(), sum)
        }))
    }

    /// The outputs. Calls `observe` with each output of a linear layer before it is limited to 0 to 255.
    fn forward(&self, x: &[u8], observe: &mut impl FnMut(i32)) -> Vec<u8> {
        match (self, self.sums(x)) {
            (Self::Linear { zero_points: [_, zero_point], .. }, Some(sums)) => sums
                .map(|(multiplier, sum)| {
                    let value = multiplier.apply(sum, 2 * i32::from(*zero_point) + 1);
                    observe(value);
                    value.clamp(0, 255) as u8
                })
                .collect(),
            (Self::Table(table), _) => x.iter().map(|x| table.values()[usize::from(*x)]).collect(),
            (Self::Linear { .. }, None) => Vec::new(),
        }
    }
}

/// The type of the `f32` network, as the macro `Sequential!` takes it.
impl fmt::Display for DenseInt8 {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Sequential![{}]", self.types.join(", "))
    }
}
