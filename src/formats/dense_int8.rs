//! A quantised dense network whose shapes are known at run time only: what the program `constnet` writes.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::fmt::{self, Formatter};

use super::dense::{DenseActivation, DenseLayer, DenseNetwork};
use crate::{
    DataError,
    activation::Activation,
    quantized::{
        LinearError, Multiplier, NO_EIGHT_BIT_FORM, Output, OutputScale, QuantParams, QuantizeError, Range,
        Source, Table, WriteSource as _, check, write_linear, write_standardize, write_static,
    },
    simd::{Vector, Zeroed as _},
};

/// A quantised network of any shapes: [`DenseNetwork::quantize`] makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseInt8 {
    pub(crate) before: Option<[Vec<f32>; 2]>,
    pub(crate) input: QuantParams,
    pub(crate) inputs: usize,
    pub(crate) layers: Vec<Int8Layer>,
    pub(crate) output: QuantParams,
    /// Whether the last layer is a ReLU.
    pub(crate) relu: bool,
    /// The types of the `f32` layers.
    pub(crate) types: Vec<String>,
}

/// A layer of bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Int8Layer {
    /// With weights row by row.
    Linear {
        weight: Vec<i8>,
        bias: Vec<i32>,
        multiplier: Vec<f32>,
        zero_points: [u8; 2],
    },
    Table(Box<Table<0>>),
}

/// Why a network that was read from a file was not quantised.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DenseInt8Error {
    /// A layer has no eight-bit form.
    Unsupported {
        /// Its type.
        name: String,
    },
    /// A row has another number of features than the network.
    Row {
        /// The index of the row.
        row: usize,
        /// The number of features that the network has.
        expected: usize,
        /// The number of features that the row has.
        found: usize,
    },
    /// The same as for a network of constant shapes.
    Quantize(QuantizeError),
}

impl fmt::Display for DenseInt8Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { name } => write!(f, "`{name}` has no eight-bit form; {NO_EIGHT_BIT_FORM}"),
            Self::Row { row, expected, found } => {
                write!(f, "calibration row {row} has {found} numbers, expected {expected}")
            }
            Self::Quantize(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for DenseInt8Error {}

impl DenseNetwork {
    /// The eight-bit form of the network: the same, bit for bit, as [`Quantized::of`](crate::Quantized::of) makes of a
    /// network with the same layers, of `f32`.
    ///
    /// # Errors
    ///
    /// If a layer has no eight-bit form, a row has another number of features, and those of `Quantized::of`.
    pub fn quantize(&self, rows: &[Vec<f32>]) -> Result<DenseInt8, DenseInt8Error> {
        let unsupported = |(index, (inputs, layer)): (usize, (usize, &DenseLayer))| {
            let supported = match layer {
                DenseLayer::Linear { .. } => true,
                DenseLayer::Standardize { .. } => index == 0,
                DenseLayer::LayerNorm { .. } => false,
                DenseLayer::Activation(activation) => function(*activation).is_some(),
            };
            (!supported).then(|| layer.type_name(inputs, false))
        };
        if let Some(name) = self.with_inputs().enumerate().find_map(unsupported) {
            return Err(DenseInt8Error::Unsupported { name });
        }
        let ranges = self.ranges(rows)?;
        // The range of the bytes of a layer's input: that of the next layer that does not vanish.
        let range = |layer: usize| {
            let next = (layer..self.layers.len()).find(|index| !vanishes(&self.layers[*index]));
            &ranges[next.unwrap_or(self.layers.len())]
        };
        let input = range(0).params(0.0);
        let (mut x, mut layers, mut before) = (input, Vec::new(), None);
        for (index, (inputs, layer)) in self.with_inputs().enumerate() {
            match layer {
                DenseLayer::Linear { weight, bias } => {
                    let (linear, y) = linear(inputs, weight, bias, x, range(index + 1)).map_err(|error| {
                        DenseInt8Error::Quantize(QuantizeError::Unrepresentable { layer: index, error })
                    })?;
                    layers.push(linear);
                    x = y;
                }
                DenseLayer::Standardize { mean, deviation } => {
                    before = Some([mean, deviation].map(|values| to_f32(values)));
                }
                DenseLayer::Activation(activation) if !vanishes(layer) => {
                    let y = range(index + 1).params(0.0);
                    let mut table = Box::new(Table::ZERO);
                    if let Some(f) = function(*activation) {
                        table.set(x, y, f);
                    }
                    layers.push(Int8Layer::Table(table));
                    x = y;
                }
                _ => {}
            }
        }
        let relu = matches!(self.layers.last(), Some(DenseLayer::Activation(DenseActivation::Relu)));
        let types = self.with_inputs().map(|(inputs, layer)| layer.type_name(inputs, false)).collect();
        Ok(DenseInt8 { before, input, inputs: self.inputs, layers, output: x, relu, types })
    }

    /// The ranges of the input of each layer, and of the output.
    fn ranges(&self, rows: &[Vec<f32>]) -> Result<Vec<Range>, DenseInt8Error> {
        let data = |error| DenseInt8Error::Quantize(QuantizeError::Rows(error));
        if rows.is_empty() {
            return Err(data(DataError::NoSamples));
        }
        let mut ranges = alloc::vec![Range::EMPTY; self.layers.len() + 1];
        for (row, x) in rows.iter().enumerate() {
            if x.len() != self.inputs {
                return Err(DenseInt8Error::Row { row, expected: self.inputs, found: x.len() });
            }
            if let Some(feature) = x.iter().position(|x| !x.is_finite()) {
                return Err(data(DataError::Input { sample: row, feature, value: x[feature] }));
            }
            let mut x = x.clone();
            for (index, layer) in self.layers.iter().enumerate() {
                ranges[index].observe(&x);
                x = forward(layer, &x);
                if let Some(output) = x.iter().position(|x| !x.is_finite()) {
                    let error = QuantizeError::Value { layer: index, row, output, value: x[output] };
                    return Err(DenseInt8Error::Quantize(error));
                }
            }
            ranges[self.layers.len()].observe(&x);
        }
        Ok(ranges)
    }
}

/// Whether a layer computes nothing on bytes: a `Standardize` is applied to real inputs, and a ReLU is the lower limit of the
/// bytes that the layer before it gives.
const fn vanishes(layer: &DenseLayer) -> bool {
    matches!(layer, DenseLayer::Standardize { .. } | DenseLayer::Activation(DenseActivation::Relu))
}

fn to_f32(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

/// The layer after features `x`, in the same order as the layers of constant shapes compute it in plain loops.
fn forward(layer: &DenseLayer, x: &[f32]) -> Vec<f32> {
    match layer {
        DenseLayer::Linear { weight, bias } => {
            let rows = weight.chunks(x.len().max(1)).zip(bias);
            rows.map(|(row, bias)| x.iter().zip(row).fold(*bias as f32, |z, (x, w)| z + *x * *w as f32))
                .collect()
        }
        DenseLayer::Standardize { mean, deviation } => {
            let features = x.iter().zip(mean).zip(deviation);
            features.map(|((x, mean), deviation)| (x - *mean as f32) / *deviation as f32).collect()
        }
        DenseLayer::Activation(activation) => match function(*activation) {
            Some(f) => x.iter().map(|x| f(*x)).collect(),
            None => x.to_vec(),
        },
        DenseLayer::LayerNorm { .. } => x.to_vec(),
    }
}

/// A function of real numbers.
pub(crate) type Function = Box<dyn Fn(f32) -> f32>;

/// The function of an activation that has an eight-bit form.
pub(crate) fn function(activation: DenseActivation) -> Option<Function> {
    use crate::{Elu, Gelu, Relu, Sigmoid, Silu, Tanh};

    fn of<A: Activation<Elem = f32>>() -> Option<Function> {
        Some(Box::new(|x| A::forward(Vector::number(x)).get()))
    }

    match activation {
        DenseActivation::Relu => of::<Relu<1>>(),
        DenseActivation::LeakyRelu(percent) => {
            let slope = percent as f32 / 100.0;
            Some(Box::new(move |x| if x <= 0.0 { x * slope } else { x }))
        }
        DenseActivation::Tanh => of::<Tanh<1>>(),
        DenseActivation::Sigmoid => of::<Sigmoid<1>>(),
        DenseActivation::Elu => of::<Elu<1>>(),
        DenseActivation::Gelu => of::<Gelu<1>>(),
        DenseActivation::Silu => of::<Silu<1>>(),
        _ => None,
    }
}

/// The eight-bit form of a linear layer, and the scale and zero point of its output.
fn linear(
    inputs: usize,
    weight: &[f64],
    bias: &[f64],
    x: QuantParams,
    y: &Range,
) -> Result<(Int8Layer, QuantParams), LinearError> {
    let rows = || weight.chunks(inputs.max(1));
    let scales: Vec<OutputScale> = rows()
        .zip(bias)
        .map(|(row, bias)| {
            let largest = row.iter().fold(0.0_f32, |largest, w| largest.max((*w as f32).abs()));
            OutputScale::new(largest, *bias as f32, x)
        })
        .collect();
    let y = OutputScale::output_params(scales.iter().copied(), y);
    let of_each = || rows().zip(&scales);
    let weight: Vec<i8> =
        of_each().flat_map(|(row, scale)| row.iter().map(|w| scale.weight(*w as f32))).collect();
    let bias: Vec<i32> = bias.iter().zip(&scales).map(|(bias, scale)| scale.bias(*bias as f32)).collect();
    let multiplier: Vec<f32> = scales.iter().map(|scale| scale.multiplier(y)).collect();
    let zero_points = [x.zero_point, y.zero_point];
    let layer = Int8Layer::Linear { weight, bias, multiplier, zero_points };
    check_linear(&layer, inputs)?;
    Ok((layer, y))
}

/// Whether each output of a linear layer can be represented.
pub(crate) fn check_linear(layer: &Int8Layer, inputs: usize) -> Result<(), LinearError> {
    let Int8Layer::Linear { weight, bias, multiplier, .. } = layer else { return Ok(()) };
    let rows = weight.chunks(inputs.max(1)).zip(bias).zip(multiplier);
    rows.enumerate()
        .try_for_each(|(o, ((row, bias), multiplier))| check(o, row, *bias, *multiplier).map(drop))
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
        self.layers.iter().fold(self.inputs, |inputs, layer| layer.outputs(inputs))
    }

    /// The bytes of an input.
    ///
    /// # Panics
    ///
    /// If there is another number of inputs.
    #[must_use]
    pub fn quantize_input(&self, x: &[f32]) -> Vec<u8> {
        assert_eq!(x.len(), self.inputs, "the number of inputs");
        let standardized = |x: &[f32]| match &self.before {
            Some([mean, deviation]) => {
                let features = x.iter().zip(mean).zip(deviation);
                features.map(|((x, mean), deviation)| (x - mean) / deviation).collect()
            }
            None => x.to_vec(),
        };
        standardized(x).iter().map(|x| self.input.quantize(*x)).collect()
    }

    /// The scale and the zero point of the output's bytes.
    #[must_use]
    pub const fn output_params(&self) -> QuantParams {
        self.output
    }

    /// The bytes of the outputs, for bytes of the inputs. This is slow.
    ///
    /// # Panics
    ///
    /// If there is another number of inputs.
    #[must_use]
    pub fn predict_bytes(&self, x: &[u8]) -> Vec<u8> {
        assert_eq!(x.len(), self.inputs, "the number of inputs");
        self.layers.iter().fold(x.to_vec(), |x, layer| layer.forward(&x))
    }

    /// The Rust source of a `static` with this name, as
    /// [`Quantized::to_rust_source`](crate::Quantized::to_rust_source) writes it.
    #[must_use]
    pub fn to_rust_source(&self, name: &str) -> String {
        format!("{}", fmt::from_fn(|f| self.write_source(f, name)))
    }
}

impl DenseInt8 {
    fn write_source(&self, f: &mut Formatter<'_>, name: &str) -> fmt::Result {
        let write_type = |f: &mut Formatter<'_>| {
            self.types.iter().try_for_each(|name| writeln!(f, "    constnet::{name},"))
        };
        let before = fmt::from_fn(|f| match &self.before {
            Some([mean, deviation]) => write_standardize(f, mean, deviation),
            None => f.write_str("()"),
        });
        let chain = fmt::from_fn(|f| {
            let mut inputs = self.inputs;
            for layer in &self.layers {
                f.write_str("(")?;
                layer.write(f, inputs)?;
                f.write_str(",\n    ")?;
                inputs = layer.outputs(inputs);
            }
            Output::<[u8; 0]>::new(self.output, if self.relu { 0.0 } else { f32::NEG_INFINITY }).write(f)?;
            self.layers.iter().try_for_each(|_| f.write_str(")"))
        });
        write_static(f, name, write_type, [&before, &Source(&self.input), &chain])
    }

    /// The Rust source of an example and of a function that compares the network of this name with it: `NAME_EXAMPLE` and
    /// `name_self_test`. The bytes must be the same.
    #[must_use]
    pub fn to_self_test_source(&self, name: &str) -> String {
        let x: Vec<u8> = (0..self.inputs).map(|i| (i * 83 + 41) as u8).collect();
        let y = self.predict_bytes(&x);
        format!(
            "\n/// The bytes of an input, and those of the output of the network for it.\n#[rustfmt::skip]\n\
             pub static {name}_EXAMPLE: ([u8; {}], [u8; {}]) = (\n    {x:?},\n    {y:?},\n);\n\n\
             /// Whether the network gives the bytes of the example.\n\
             #[must_use]\npub fn {}_self_test() -> bool {{\n    \
             let (x, y) = &{name}_EXAMPLE;\n    {name}.predict_bytes(x) == *y\n}}\n",
            x.len(),
            y.len(),
            name.to_lowercase(),
        )
    }
}

impl Int8Layer {
    fn outputs(&self, inputs: usize) -> usize {
        if let Self::Linear { bias, .. } = self { bias.len() } else { inputs }
    }

    fn forward(&self, x: &[u8]) -> Vec<u8> {
        match self {
            Self::Linear { weight, bias, multiplier, zero_points: [x_zero, y_zero] } => {
                let rows = weight.chunks(x.len().max(1)).zip(bias).zip(multiplier);
                rows.map(|((row, bias), multiplier)| {
                    let centred = x.iter().map(|x| i32::from(*x) - i32::from(*x_zero));
                    let sum = bias + centred.zip(row).map(|(x, w)| x * i32::from(*w)).sum::<i32>();
                    // The layer was checked when it was made.
                    let multiplier = Multiplier::new(*multiplier).unwrap_or_default();
                    multiplier.apply(sum, 2 * i32::from(*y_zero) + 1).clamp(0, 255) as u8
                })
                .collect()
            }
            Self::Table(table) => x.iter().map(|x| table.values()[usize::from(*x)]).collect(),
        }
    }

    fn write(&self, f: &mut Formatter<'_>, inputs: usize) -> fmt::Result {
        match self {
            Self::Linear { weight, bias, multiplier, zero_points } => {
                let at = |o, i| weight.get(o * inputs + i).copied().unwrap_or(0);
                write_linear(f, [inputs, bias.len()], at, bias, multiplier, *zero_points)
            }
            Self::Table(table) => table.write(f),
        }
    }
}

/// The type of the `f32` network, as the macro `Sequential!` takes it.
impl fmt::Display for DenseInt8 {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Sequential![{}]", self.types.join(", "))
    }
}
