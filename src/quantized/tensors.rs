//! A quantised network as named tensors, which files of all formats hold.
//!
//! | name | type and shape | what it is |
//! |---|---|---|
//! | `0.mean`, `0.deviation` | `f32`, `(N)` | a [`Standardize`] layer at the input |
//! | `input.scale`, `input.zero_point` | `f32`, `u8` | the bytes of the input; those of the output start with `output.` |
//! | `0.weight`, `0.bias` | `i8` `(OUT, IN)`, `i32` `(OUT)` | an [`Int8Linear`]; layers are counted as in the `f32` network |
//! | `0.multiplier`, `0.zero_points` | `f32` `(OUT)`, `u8` `(2)` | |
//! | `1.table` | `u8`, `(256)` | a [`Table`] |
//! | `output.relu` | `u8` | 1 if a ReLU is the last layer, else 0 |

use alloc::{borrow::ToOwned as _, format, string::String, vec, vec::Vec};
use core::fmt;

use super::{
    Bytes, ChainError, EightBit, Int8Linear, LinearError, Output, QuantParams, Quantized, Table,
    values::{Int8Tensor, Number},
};
use crate::Standardize;
#[cfg(feature = "serde")]
use crate::Zeroed as _;

/// Why tensors are not those of a quantised network.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TensorError {
    /// A tensor is missing.
    Missing {
        /// Its name.
        name: String,
    },
    /// A tensor has another shape or another type.
    Differs {
        /// Its name.
        name: String,
        /// The type and the shape that the network has.
        expected: String,
        /// The type and the shape that the file has.
        found: String,
    },
    /// A tensor is not part of the network.
    Extra {
        /// Its name.
        name: String,
    },
    /// A scale or a standard deviation is not a positive finite number, or a mean is not finite.
    Number {
        /// The name of the tensor.
        name: String,
        /// The number.
        value: f32,
    },
    /// The file was saved from a network with other layers.
    Layers {
        /// The layers of the network.
        expected: String,
        /// The layers of the file.
        found: String,
    },
    /// The file records a layer that has no eight-bit form, or not at this place.
    Type {
        /// The type of the layer.
        name: String,
    },
    /// Layers do not fit to each other.
    Chain(ChainError),
    /// A linear layer cannot be represented.
    Unrepresentable {
        /// The index of the layer.
        layer: usize,
        /// Why.
        error: LinearError,
    },
}

impl fmt::Display for TensorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "the tensor `{name}` is missing"),
            Self::Differs { name, expected, found } => {
                write!(f, "the tensor `{name}` is {found}, expected {expected}")
            }
            Self::Extra { name } => write!(f, "the tensor `{name}` is not part of the network"),
            Self::Number { name, value } => {
                let above = if name == "0.mean" { "" } else { " above 0" };
                write!(f, "a number of `{name}` is {value}: expected a finite number{above}")
            }
            Self::Layers { expected, found } => {
                write!(f, "the file has the layers `{found}`, expected `{expected}`")
            }
            Self::Type { name } => write!(f, "the file records the layer `{name}`, which does not fit there"),
            Self::Chain(error) => error.fmt(f),
            Self::Unrepresentable { layer, error } => write!(f, "layer {layer}: {error}"),
        }
    }
}

impl core::error::Error for TensorError {}

/// The tensors that were saved, or that were not yet loaded.
#[derive(Debug)]
pub struct Tensors {
    all: Vec<Int8Tensor>,
    /// The index in the `f32` network of each layer on bytes.
    layers: Vec<usize>,
}

impl Tensors {
    pub(crate) const fn new(all: Vec<Int8Tensor>, layers: Vec<usize>) -> Self {
        Self { all, layers }
    }

    /// All tensors that were saved.
    pub(crate) fn into_all(self) -> Vec<Int8Tensor> {
        self.all
    }

    /// Checks that all tensors were loaded.
    pub(crate) fn finish(mut self) -> Result<(), TensorError> {
        match self.all.pop() {
            Some(Int8Tensor { name, .. }) => Err(TensorError::Extra { name }),
            None => Ok(()),
        }
    }

    /// The index of a layer on bytes in the `f32` network.
    pub(crate) fn layer_index(&self, layer: usize) -> usize {
        self.layers.get(layer).copied().unwrap_or(layer)
    }

    fn push<T: Number>(&mut self, name: &str, shape: &[usize], values: Vec<T>) {
        self.all.push(Int8Tensor { name: name.to_owned(), shape: shape.to_owned(), values: T::wrap(values) });
    }

    /// The name of a tensor of a layer.
    fn name(&self, layer: usize, tensor: &str) -> String {
        format!("{}.{tensor}", self.layer_index(layer))
    }

    /// Adds the tensors of a linear layer from `inputs` bytes.
    pub(crate) fn push_linear(
        &mut self,
        layer: usize,
        inputs: usize,
        weight: Vec<i8>,
        bias: Vec<i32>,
        multiplier: Vec<f32>,
        zero_points: [u8; 2],
    ) {
        let outputs = bias.len();
        self.push(&self.name(layer, "weight"), &[outputs, inputs], weight);
        self.push(&self.name(layer, "bias"), &[outputs], bias);
        self.push(&self.name(layer, "multiplier"), &[outputs], multiplier);
        self.push(&self.name(layer, "zero_points"), &[2], zero_points.to_vec());
    }

    pub(crate) fn push_table(&mut self, layer: usize, values: &[u8; 256]) {
        self.push(&self.name(layer, "table"), &[256], values.to_vec());
    }

    pub(crate) fn push_standardize(&mut self, mean: &[f32], deviation: &[f32]) {
        self.push("0.mean", &[mean.len()], mean.to_vec());
        self.push("0.deviation", &[deviation.len()], deviation.to_vec());
    }

    pub(crate) fn push_params(&mut self, name: &str, params: QuantParams) {
        self.push(&format!("{name}.scale"), &[1], vec![params.scale]);
        self.push(&format!("{name}.zero_point"), &[1], vec![params.zero_point]);
    }

    pub(crate) fn push_output(&mut self, params: QuantParams, relu: bool) {
        self.push_params("output", params);
        self.push("output.relu", &[1], vec![u8::from(relu)]);
    }

    /// The weights, the biases, the multipliers and the zero points of a linear layer.
    pub(crate) fn take_linear(
        &mut self,
        layer: usize,
        [inputs, outputs]: [usize; 2],
    ) -> Result<(Vec<i8>, Vec<i32>, Vec<f32>, [u8; 2]), TensorError> {
        let weight = self.take(&self.name(layer, "weight"), &[outputs, inputs])?;
        let bias = self.take(&self.name(layer, "bias"), &[outputs])?;
        let multiplier = self.take(&self.name(layer, "multiplier"), &[outputs])?;
        Ok((weight, bias, multiplier, self.take_array(&self.name(layer, "zero_points"))?))
    }

    pub(crate) fn take_table(&mut self, layer: usize) -> Result<[u8; 256], TensorError> {
        self.take_array(&self.name(layer, "table"))
    }

    /// The means and the deviations of `features` features.
    pub(crate) fn take_standardize(&mut self, features: usize) -> Result<[Vec<f32>; 2], TensorError> {
        let (mean, deviation) = (self.take("0.mean", &[features])?, self.take("0.deviation", &[features])?);
        for (name, values, above) in [("0.mean", &mean, f32::NEG_INFINITY), ("0.deviation", &deviation, 0.0)]
        {
            if let Some(value) = values.iter().find(|value| !(above < **value && **value < f32::INFINITY)) {
                return Err(TensorError::Number { name: name.to_owned(), value: *value });
            }
        }
        Ok([mean, deviation])
    }

    pub(crate) fn take_params(&mut self, name: &str) -> Result<QuantParams, TensorError> {
        let scale_name = format!("{name}.scale");
        let [scale] = self.take_array(&scale_name)?;
        if !(scale > 0.0 && scale < f32::INFINITY) {
            return Err(TensorError::Number { name: scale_name, value: scale });
        }
        let [zero_point] = self.take_array(&format!("{name}.zero_point"))?;
        Ok(QuantParams { scale, zero_point })
    }

    /// The scale and the zero point of the output, and whether a ReLU is the last layer.
    pub(crate) fn take_output(&mut self) -> Result<(QuantParams, bool), TensorError> {
        let params = self.take_params("output")?;
        let [relu] = self.take_array::<u8, 1>("output.relu")?;
        Ok((params, relu != 0))
    }

    /// The numbers of a tensor.
    fn take<T: Number>(&mut self, name: &str, shape: &[usize]) -> Result<Vec<T>, TensorError> {
        let Some(index) = self.all.iter().position(|tensor| tensor.name == name) else {
            return Err(TensorError::Missing { name: name.to_owned() });
        };
        let tensor = self.all.swap_remove(index);
        // A shape that a file records can be too large.
        let numbers = shape.iter().fold(1_usize, |numbers, size| numbers.saturating_mul(*size));
        match T::unwrap(&tensor.values) {
            Some(values) if tensor.shape == shape && values.len() == numbers => Ok(values.to_vec()),
            _ => {
                let text = |name, shape: &[usize], numbers| format!("{name} {shape:?} of {numbers} numbers");
                let found = text(tensor.values.name(), &tensor.shape, tensor.values.len());
                Err(TensorError::Differs {
                    name: tensor.name,
                    expected: text(T::NAME, shape, numbers),
                    found,
                })
            }
        }
    }

    /// The `N` numbers of a vector.
    fn take_array<T: Number, const N: usize>(&mut self, name: &str) -> Result<[T; N], TensorError> {
        let values = self.take(name, &[N])?;
        // Always: the shape was checked.
        values.first_chunk().copied().ok_or_else(|| TensorError::Missing { name: name.to_owned() })
    }
}

/// A part of a quantised network that is stored as tensors.
pub trait Stored: bytemuck::Zeroable {
    /// Adds the tensors. Layers are counted from `layer` on.
    fn save(&self, layer: usize, to: &mut Tensors);

    /// Takes the tensors. Layers are counted from `layer` on.
    ///
    /// # Errors
    ///
    /// If a tensor is missing, or has another shape or type.
    fn load(&mut self, layer: usize, from: &mut Tensors) -> Result<(), TensorError>;
}

impl<Net: EightBit> Quantized<Net> {
    pub(crate) fn tensors(&self) -> Vec<Int8Tensor> {
        let mut tensors = Self::to_hold(Vec::new());
        self.before.save(0, &mut tensors);
        tensors.push_params("input", self.input);
        self.chain.save(0, &mut tensors);
        tensors.into_all()
    }

    /// Loads the network in place. After an error it is not to be used.
    pub(crate) fn load_tensors(&mut self, all: Vec<Int8Tensor>) -> Result<(), TensorError> {
        let mut tensors = Self::to_hold(all);
        self.before.load(0, &mut tensors)?;
        self.input = tensors.take_params("input")?;
        self.chain.load(0, &mut tensors)?;
        self.check().map_err(TensorError::Chain)?;
        tensors.finish()
    }

    fn to_hold(all: Vec<Int8Tensor>) -> Tensors {
        Tensors::new(all, (0..).map_while(Net::layer_index).collect())
    }

    /// The type of the `f32` network, as the macro `Sequential!` takes it.
    #[cfg(feature = "safetensors")]
    pub(crate) fn layers(&self) -> String {
        let types = format!("{}", crate::layers::print::from_fn(Net::write_type));
        let types: Vec<_> = types.lines().map(|line| line.trim_start_matches("    constnet::")).collect();
        format!("Sequential![{}]", types.join(" ").trim_end_matches(','))
    }
}

impl Stored for () {
    fn save(&self, _: usize, _: &mut Tensors) {}

    fn load(&mut self, _: usize, _: &mut Tensors) -> Result<(), TensorError> {
        Ok(())
    }
}

impl<const N: usize> Stored for Standardize<N> {
    fn save(&self, _: usize, to: &mut Tensors) {
        to.push_standardize(&self.mean, &self.deviation);
    }

    fn load(&mut self, _: usize, from: &mut Tensors) -> Result<(), TensorError> {
        let [mean, deviation] = from.take_standardize(N)?;
        self.mean.copy_from_slice(&mean);
        self.deviation.copy_from_slice(&deviation);
        Ok(())
    }
}

impl<A: Stored, R: Stored> Stored for (A, R) {
    fn save(&self, layer: usize, to: &mut Tensors) {
        self.0.save(layer, to);
        self.1.save(layer + 1, to);
    }

    fn load(&mut self, layer: usize, from: &mut Tensors) -> Result<(), TensorError> {
        self.0.load(layer, from)?;
        self.1.load(layer + 1, from)
    }
}

impl<const IN: usize, const OUT: usize> Stored for Int8Linear<IN, OUT> {
    fn save(&self, layer: usize, to: &mut Tensors) {
        let weight = (0..OUT).flat_map(|o| (0..IN).map(move |i| self.weight_at(o, i))).collect();
        let (bias, multiplier) = (self.bias().to_vec(), self.multipliers().to_vec());
        to.push_linear(layer, IN, weight, bias, multiplier, self.zero_points());
    }

    fn load(&mut self, layer: usize, from: &mut Tensors) -> Result<(), TensorError> {
        let (weight, bias, multiplier, zero_points) = from.take_linear(layer, [IN, OUT])?;
        self.set_zero_points(zero_points);
        let outputs = weight.as_chunks::<IN>().0.iter().zip(bias).zip(multiplier);
        for (o, ((weight, bias), multiplier)) in outputs.enumerate() {
            self.set_output(o, weight, bias, multiplier)
                .map_err(|error| TensorError::Unrepresentable { layer: from.layer_index(layer), error })?;
        }
        Ok(())
    }
}

impl<const N: usize> Stored for Table<N> {
    fn save(&self, layer: usize, to: &mut Tensors) {
        to.push_table(layer, self.values());
    }

    fn load(&mut self, layer: usize, from: &mut Tensors) -> Result<(), TensorError> {
        *self = Self::new(from.take_table(layer)?);
        Ok(())
    }
}

impl<Y: Bytes> Stored for Output<Y> {
    fn save(&self, _: usize, to: &mut Tensors) {
        to.push_output(self.params, self.relu);
    }

    fn load(&mut self, _: usize, from: &mut Tensors) -> Result<(), TensorError> {
        let (params, relu) = from.take_output()?;
        *self = Self::new(params, relu);
        Ok(())
    }
}

#[cfg(feature = "serde")]
impl<Net: EightBit> serde::Serialize for Quantized<Net> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.tensors().serialize(serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de, Net: EightBit> serde::Deserialize<'de> for Quantized<Net> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut net = Self::ZERO;
        net.load_tensors(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)?;
        Ok(net)
    }
}
