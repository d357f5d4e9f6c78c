//! The eight-bit form of a dense network of any shapes: the same as that of a network of constant shapes.

use alloc::{boxed::Box, format, string::String, vec, vec::Vec};
use core::fmt::{self, Formatter};

use super::{DenseInt8, DenseInt8Kind, DenseInt8Layer};
use crate::{
    DataError,
    activation::Activation,
    formats::dense::{DenseActivation, DenseLayer, DenseNetwork},
    quantized::{
        Differences, LinearError, NO_EIGHT_BIT_FORM, OutputScale, QuantParams, QuantizationReport,
        QuantizeError, Range, Ranges as _, Table, saturates,
    },
    simd::{Vector, Zeroed as _},
};

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
    /// The quantised network was made of another one.
    Layers {
        /// The layers that it was made of.
        expected: String,
        /// The layers of the network with which it is compared.
        found: String,
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
            Self::Layers { expected, found } => {
                write!(f, "the network has the layers `{found}`, expected `{expected}`")
            }
            Self::Quantize(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for DenseInt8Error {}

impl DenseNetwork {
    /// The eight-bit form of the network: the same, bit for bit, as [`Quantized::of`](crate::Quantized::of) makes of a
    /// network with the same layers, of `f32`; and the report on its accuracy.
    ///
    /// # Errors
    ///
    /// If a layer has no eight-bit form, a row has another number of features, and those of `Quantized::of`.
    pub fn quantize(
        &self,
        rows: &[Vec<f32>],
    ) -> Result<(DenseInt8, QuantizationReport<Vec<Range>>), DenseInt8Error> {
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
        let ranges = self.observe(rows, |_, _, _| ())?;
        let net = self.with_ranges(&ranges).map_err(DenseInt8Error::Quantize)?;
        let report = net.report(self, rows)?;
        Ok((net, report))
    }

    fn with_ranges(&self, ranges: &Vec<Range>) -> Result<DenseInt8, QuantizeError> {
        // That of the next layer that does not vanish.
        let range = |layer: usize| {
            let next = ranges.not_empty().find(|(index, _)| *index >= layer);
            next.map_or(Range::EMPTY, |(_, range)| *range)
        };
        let input = range(0).input_params()?;
        let (mut x, mut layers, mut before) = (input, Vec::new(), None);
        for (index, (inputs, layer)) in self.with_inputs().enumerate() {
            let kind = match layer {
                DenseLayer::Linear { weight, bias } => {
                    let error = |error| QuantizeError::Unrepresentable { layer: index, error };
                    let (linear, y) = linear(inputs, weight, bias, x, &range(index + 1)).map_err(error)?;
                    x = y;
                    linear
                }
                DenseLayer::Standardize { mean, deviation } => {
                    before = Some([mean, deviation].map(|values| to_f32(values)));
                    continue;
                }
                DenseLayer::Activation(activation) if !vanishes(layer) => {
                    let y = range(index + 1).params(0.0);
                    let mut table = Box::new(Table::ZERO);
                    if let Some(f) = function(*activation) {
                        table.set(x, y, f);
                    }
                    x = y;
                    DenseInt8Kind::Table(table)
                }
                _ => continue,
            };
            layers.push(DenseInt8Layer { index, kind });
        }
        let relu = self.layers.last().is_some_and(is_relu);
        Ok(DenseInt8 { before, input, inputs: self.inputs, layers, output: x, relu, types: self.types() })
    }

    /// The types of the layers, of `f32`.
    fn types(&self) -> Vec<String> {
        self.with_inputs().map(|(inputs, layer)| layer.type_name(inputs, false)).collect()
    }

    /// The ranges of the input of each layer that does not vanish, and of the output. Calls `each` for each row.
    fn observe(
        &self,
        rows: &[Vec<f32>],
        mut each: impl FnMut(&[f32], &[f32], &mut Vec<Range>),
    ) -> Result<Vec<Range>, DenseInt8Error> {
        let data = |error| DenseInt8Error::Quantize(QuantizeError::Rows(error));
        if rows.is_empty() {
            return Err(data(DataError::NoSamples));
        }
        let mut ranges = vec![Range::EMPTY; self.layers.len() + 1];
        for (row, x) in rows.iter().enumerate() {
            if x.len() != self.inputs {
                return Err(DenseInt8Error::Row { row, expected: self.inputs, found: x.len() });
            }
            if let Some(feature) = x.iter().position(|x| !x.is_finite()) {
                return Err(data(DataError::Input { sample: row, feature, value: x[feature] }));
            }
            let mut y = x.clone();
            for (index, layer) in self.layers.iter().enumerate() {
                if !vanishes(layer) {
                    ranges[index].observe(&y);
                }
                y = forward(layer, &y);
                if let Some(output) = y.iter().position(|y| !y.is_finite()) {
                    let error = QuantizeError::Value { layer: index, row, output, value: y[output] };
                    return Err(DenseInt8Error::Quantize(error));
                }
            }
            ranges[self.layers.len()].observe(&y);
            each(x, &y, &mut ranges);
        }
        Ok(ranges)
    }
}

impl DenseInt8 {
    /// Compares the network with the one that it was made of, as [`Quantized::report`](crate::Quantized::report).
    ///
    /// # Errors
    ///
    /// If `net` has other layers (a `Dropout` is ignored), there are no rows, one has another number of features, or a number is
    /// not finite.
    pub fn report(
        &self,
        net: &DenseNetwork,
        rows: &[Vec<f32>],
    ) -> Result<QuantizationReport<Vec<Range>>, DenseInt8Error> {
        let expected: Vec<_> =
            self.types.iter().filter(|name| !name.starts_with("Dropout<")).cloned().collect();
        let found = net.types();
        if (self.inputs, &expected) != (net.inputs, &found) {
            let [expected, found] =
                [expected, found].map(|types| format!("Sequential![{}]", types.join(", ")));
            return Err(DenseInt8Error::Layers { expected, found });
        }
        // Whether the bytes of the input, and those of the output of each layer on bytes, come after a ReLU.
        let mut after_relu = vec![false];
        for layer in &net.layers {
            match after_relu.last_mut() {
                Some(last) if vanishes(layer) => *last |= is_relu(layer),
                _ => after_relu.push(false),
            }
        }
        let mut differences = Differences::default();
        let ranges = net.observe(rows, |x, y, ranges| {
            differences.add(y, &self.predict(x));
            for x in self.standardized(x) {
                if self.input.saturates(x, after_relu[0]) {
                    ranges.count_saturated(0);
                }
            }
            let mut x = self.quantize_input(x);
            for (number, layer) in self.layers.iter().enumerate() {
                let bytes = number + 1;
                x = layer.kind.forward(&x, &mut |value| {
                    if saturates(value, after_relu[bytes]) {
                        ranges.count_saturated(bytes);
                    }
                });
            }
        })?;
        Ok(differences.report(rows.len(), ranges))
    }
}

/// Whether a layer computes nothing on bytes: a `Standardize` is applied to real inputs, and a ReLU is the lower limit of the
/// bytes that the layer before it gives.
const fn vanishes(layer: &DenseLayer) -> bool {
    is_relu(layer) || matches!(layer, DenseLayer::Standardize { .. })
}

const fn is_relu(layer: &DenseLayer) -> bool {
    matches!(layer, DenseLayer::Activation(DenseActivation::Relu))
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
) -> Result<(DenseInt8Kind, QuantParams), LinearError> {
    let rows = || weight.chunks(inputs.max(1));
    let scales: Vec<OutputScale> = rows()
        .zip(bias)
        .map(|(row, bias)| {
            let largest = row.iter().fold(0.0_f32, |largest, w| largest.max((*w as f32).abs()));
            OutputScale::new(largest, *bias as f32, x)
        })
        .collect();
    let y = OutputScale::output_params(scales.iter().copied(), y)?;
    let of_each = || rows().zip(&scales);
    let weight: Vec<i8> =
        of_each().flat_map(|(row, scale)| row.iter().map(|w| scale.weight(*w as f32))).collect();
    let bias: Vec<i32> = bias.iter().zip(&scales).map(|(bias, scale)| scale.bias(*bias as f32)).collect();
    let multiplier: Vec<f32> = scales.iter().map(|scale| scale.multiplier(y)).collect();
    let zero_points = [x.zero_point, y.zero_point];
    let layer = DenseInt8Kind::Linear { weight, bias, multiplier, zero_points };
    layer.check(inputs)?;
    Ok((layer, y))
}
