//! A dense network whose shapes are known at run time only: what a file holds.

use alloc::{format, string::String, vec, vec::Vec};
use core::fmt::{self, Write as _};

use crate::layers::{Elem, Layer, Layers};

/// A chain of layers that was read from a file, whose shapes are known at run time only.
///
/// To run it fast, load it into a network whose type has the same layers ([`load_into`](Self::load_into)). Its own
/// [`predict`](Self::predict) is for checks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DenseNetwork {
    /// The layers, in the order in which they are applied.
    pub layers: Vec<DenseLayer>,
    /// The number of inputs.
    pub inputs: usize,
    /// Whether the numbers are `f64`, else `f32`.
    pub double: bool,
}

/// A layer of a [`DenseNetwork`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DenseLayer {
    /// [`Linear`](crate::Linear): weights of shape `(OUT, IN)`, row by row, and biases.
    Linear {
        /// The weights.
        weight: Vec<f64>,
        /// The biases.
        bias: Vec<f64>,
    },
    /// [`Standardize`](crate::Standardize).
    Standardize {
        /// The means.
        mean: Vec<f64>,
        /// The standard deviations.
        deviation: Vec<f64>,
    },
    /// [`LayerNorm`](crate::LayerNorm) with an `eps` of 10 to the power of `-exponent`.
    LayerNorm {
        /// The scales.
        weight: Vec<f64>,
        /// The shifts.
        bias: Vec<f64>,
        /// The exponent of `eps`.
        exponent: usize,
    },
    /// An activation, or [`Softmax`](crate::Softmax).
    Activation(DenseActivation),
}

/// An activation of a [`DenseNetwork`]: the name of the layer's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenseActivation {
    /// [`Relu`](crate::Relu)
    Relu,
    /// [`LeakyRelu`](crate::LeakyRelu) with a slope in percent.
    LeakyRelu(usize),
    /// [`Elu`](crate::Elu)
    Elu,
    /// [`Selu`](crate::Selu)
    Selu,
    /// [`Tanh`](crate::Tanh)
    Tanh,
    /// [`Hardtanh`](crate::Hardtanh)
    Hardtanh,
    /// [`Sigmoid`](crate::Sigmoid)
    Sigmoid,
    /// [`Hardsigmoid`](crate::Hardsigmoid)
    Hardsigmoid,
    /// [`Hardswish`](crate::Hardswish)
    Hardswish,
    /// [`Softplus`](crate::Softplus)
    Softplus,
    /// [`Gelu`](crate::Gelu)
    Gelu,
    /// [`GeluTanh`](crate::GeluTanh)
    GeluTanh,
    /// [`Silu`](crate::Silu)
    Silu,
    /// [`Softmax`](crate::Softmax)
    Softmax,
}

impl DenseActivation {
    /// All of them; the slope of [`LeakyRelu`](Self::LeakyRelu) is 1 %.
    pub const ALL: [Self; 14] = [
        Self::Relu,
        Self::LeakyRelu(1),
        Self::Elu,
        Self::Selu,
        Self::Tanh,
        Self::Hardtanh,
        Self::Sigmoid,
        Self::Hardsigmoid,
        Self::Hardswish,
        Self::Softplus,
        Self::Gelu,
        Self::GeluTanh,
        Self::Silu,
        Self::Softmax,
    ];

    /// The name of the type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relu => "Relu",
            Self::LeakyRelu(_) => "LeakyRelu",
            Self::Elu => "Elu",
            Self::Selu => "Selu",
            Self::Tanh => "Tanh",
            Self::Hardtanh => "Hardtanh",
            Self::Sigmoid => "Sigmoid",
            Self::Hardsigmoid => "Hardsigmoid",
            Self::Hardswish => "Hardswish",
            Self::Softplus => "Softplus",
            Self::Gelu => "Gelu",
            Self::GeluTanh => "GeluTanh",
            Self::Silu => "Silu",
            Self::Softmax => "Softmax",
        }
    }

    /// The activation whose type has this name; upper and lower case are the same.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|activation| activation.name().eq_ignore_ascii_case(name))
    }

    /// The layer after features `x`.
    fn apply(self, x: &mut [f64]) {
        use crate::{activation::Activation, simd::Vector};
        fn each<A: Activation<Elem = f64>>(x: &mut [f64]) {
            for x in x {
                *x = A::forward(Vector::number(*x)).get();
            }
        }
        match self {
            Self::Relu => each::<crate::Relu<1, f64>>(x),
            Self::LeakyRelu(percent) => {
                x.iter_mut().filter(|x| **x < 0.0).for_each(|x| *x *= percent as f64 / 100.0);
            }
            Self::Elu => each::<crate::Elu<1, f64>>(x),
            Self::Selu => each::<crate::Selu<1, f64>>(x),
            Self::Tanh => each::<crate::Tanh<1, f64>>(x),
            Self::Hardtanh => each::<crate::Hardtanh<1, f64>>(x),
            Self::Sigmoid => each::<crate::Sigmoid<1, f64>>(x),
            Self::Hardsigmoid => each::<crate::Hardsigmoid<1, f64>>(x),
            Self::Hardswish => each::<crate::Hardswish<1, f64>>(x),
            Self::Softplus => each::<crate::Softplus<1, f64>>(x),
            Self::Gelu => each::<crate::Gelu<1, f64>>(x),
            Self::GeluTanh => each::<crate::GeluTanh<1, f64>>(x),
            Self::Silu => each::<crate::Silu<1, f64>>(x),
            Self::Softmax => {
                let greatest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                x.iter_mut().for_each(|x| *x = (*x - greatest).exp());
                let sum: f64 = x.iter().sum();
                x.iter_mut().for_each(|x| *x /= sum);
            }
        }
    }
}

impl DenseLayer {
    /// The number of outputs, given the number of inputs.
    #[must_use]
    pub fn outputs(&self, inputs: usize) -> usize {
        if let Self::Linear { bias, .. } = self { bias.len() } else { inputs }
    }

    /// The number of parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(|(_, values)| values.len()).sum()
    }

    /// The parameters with their names.
    #[must_use]
    pub fn tensors(&self) -> Vec<(&'static str, &[f64])> {
        match self {
            Self::Linear { weight, bias } | Self::LayerNorm { weight, bias, .. } => {
                vec![("weight", weight), ("bias", bias)]
            }
            Self::Standardize { mean, deviation } => vec![("mean", mean), ("deviation", deviation)],
            Self::Activation(_) => Vec::new(),
        }
    }

    /// The type of the layer without path, for example `Linear<5, 64>`.
    #[must_use]
    pub fn type_name(&self, inputs: usize, double: bool) -> String {
        let suffix = if double { ", f64" } else { "" };
        match self {
            Self::Linear { bias, .. } => format!("Linear<{inputs}, {}{suffix}>", bias.len()),
            Self::Standardize { .. } => format!("Standardize<{inputs}{suffix}>"),
            Self::LayerNorm { exponent: 5, .. } => format!("LayerNorm<{inputs}{suffix}>"),
            Self::LayerNorm { exponent, .. } => {
                format!("LayerNorm<{inputs}, {}, {exponent}>", if double { "f64" } else { "f32" })
            }
            Self::Activation(DenseActivation::LeakyRelu(percent)) => {
                format!("LeakyRelu<{inputs}, {percent}{suffix}>")
            }
            Self::Activation(activation) => format!("{}<{inputs}{suffix}>", activation.name()),
        }
    }

    fn apply(&self, x: &[f64]) -> Vec<f64> {
        let mut y = x.to_vec();
        match self {
            Self::Linear { weight, bias } => {
                let dot = |row: &[f64]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
                return weight.chunks(x.len().max(1)).zip(bias).map(|(row, b)| dot(row) + b).collect();
            }
            Self::Standardize { mean, deviation } => {
                for ((y, mean), deviation) in y.iter_mut().zip(mean).zip(deviation) {
                    *y = (*y - mean) / deviation;
                }
            }
            Self::LayerNorm { weight, bias, exponent } => {
                let count = x.len() as f64;
                let mean = x.iter().sum::<f64>() / count;
                let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
                let eps = 10.0_f64.powi(-i32::try_from(*exponent).unwrap_or(i32::MAX));
                for ((y, w), b) in y.iter_mut().zip(weight).zip(bias) {
                    *y = (*y - mean) / (variance + eps).sqrt() * w + b;
                }
            }
            Self::Activation(activation) => activation.apply(&mut y),
        }
        y
    }
}

impl DenseNetwork {
    /// These layers, after this number of inputs.
    #[must_use]
    pub const fn new(inputs: usize, layers: Vec<DenseLayer>, double: bool) -> Self {
        Self { layers, inputs, double }
    }

    /// The number of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.layers.iter().fold(self.inputs, |inputs, layer| layer.outputs(inputs))
    }

    /// Each layer with the number of its inputs.
    pub fn with_inputs(&self) -> impl Iterator<Item = (usize, &DenseLayer)> {
        self.layers.iter().scan(self.inputs, |width, layer| {
            let inputs = core::mem::replace(width, layer.outputs(*width));
            Some((inputs, layer))
        })
    }

    /// Whether a number is finite in the element type.
    #[must_use]
    pub const fn is_finite(&self, value: f64) -> bool {
        if self.double { value.is_finite() } else { (value as f32).is_finite() }
    }

    /// The first parameter that is not finite in the element type: the index of the layer, the name and the value.
    #[must_use]
    pub fn not_finite(&self) -> Option<(usize, &'static str, f64)> {
        self.layers.iter().enumerate().find_map(|(layer, of)| {
            of.tensors().into_iter().find_map(|(name, values)| {
                values.iter().find(|value| !self.is_finite(**value)).map(|value| (layer, name, *value))
            })
        })
    }

    /// The output for one input, computed in `f64`, also if the weights are `f32`. This is slow.
    #[must_use]
    pub fn predict(&self, x: &[f64]) -> Vec<f64> {
        self.layers.iter().fold(x.to_vec(), |x, layer| layer.apply(&x))
    }

    /// The Rust source of a `static` with this name, as [`Sequential::to_rust_source`](crate::Sequential::to_rust_source)
    /// writes it, each number rounded to the nearest of its type.
    #[must_use]
    pub fn to_rust_source(&self, name: &str) -> String {
        let element = if self.double { "f64" } else { "f32" };
        let mut source = format!(
            "#[rustfmt::skip]\n#[allow(clippy::approx_constant, long_running_const_eval)]\npub static {name}: constnet::Sequential![\n"
        );
        for (inputs, layer) in self.with_inputs() {
            source += &format!("    constnet::{},\n", layer.type_name(inputs, self.double));
        }
        source += "] = constnet::sequential![\n";
        for (inputs, layer) in self.with_inputs() {
            source += "    constnet::";
            match layer {
                DenseLayer::Linear { weight, bias } => {
                    source += &format!("Linear::<{inputs}, {}, {element}>::new([\n", bias.len());
                    for row in weight.chunks(inputs.max(1)) {
                        source += "        [";
                        self.write_numbers(&mut source, row);
                        source += "],\n";
                    }
                    source += "    ], [\n        ";
                    self.write_numbers(&mut source, bias);
                    source += ",\n    ]),\n";
                }
                DenseLayer::Activation(activation) => source += &format!("{}::new(),\n", activation.name()),
                DenseLayer::LayerNorm { .. } | DenseLayer::Standardize { .. } => {
                    let name =
                        if let DenseLayer::LayerNorm { .. } = layer { "LayerNorm" } else { "Standardize" };
                    source += &format!("{name} {{");
                    for (name, values) in layer.tensors() {
                        source += &format!("\n        {name}: [\n        ");
                        self.write_numbers(&mut source, values);
                        source += ",\n        ],";
                    }
                    source += "\n    },\n";
                }
            }
        }
        source += "];\n";
        source
    }

    /// Writes numbers with as few digits as give the same bits, separated by commas, eight on a line.
    pub(crate) fn write_numbers(&self, source: &mut String, numbers: &[f64]) {
        for (index, number) in numbers.iter().enumerate() {
            match index % 8 {
                0 if index > 0 => source.push_str(",\n        "),
                0 => {}
                _ => source.push_str(", "),
            }
            // Writing to a `String` cannot fail.
            let _ = if self.double {
                write!(source, "{number:?}")
            } else {
                write!(source, "{:?}", *number as f32)
            };
        }
    }

    /// The Rust source of an example and of a function that compares the network of this name with it: `NAME_EXAMPLE` and
    /// `name_self_test`. The output of the example is computed in `f64`.
    #[must_use]
    pub fn to_self_test_source(&self, name: &str) -> String {
        let x = self.example();
        let y = self.predict(&x);
        let largest = y.iter().fold(1e-30_f64, |largest, y| largest.max(y.abs()));
        let (element, relative) = if self.double { ("f64", 1e-9) } else { ("f32", 1e-4) };
        let (inputs, outputs) = (self.inputs, y.len());
        let mut source = format!(
            "\n/// An input, and the output of the network for it, computed from the file in `f64`.\n#[rustfmt::skip]\n\
             #[allow(clippy::approx_constant)]\n\
             pub static {name}_EXAMPLE: ([{element}; {inputs}], [{element}; {outputs}]) = ([\n        "
        );
        self.write_numbers(&mut source, &x);
        source += "\n], [\n        ";
        self.write_numbers(&mut source, &y);
        source += &format!(
            "\n]);\n\n/// Whether the network computes the output of the example, to within rounding.\n\
             #[must_use]\npub fn {}_self_test() -> bool {{\n    \
             let (x, expected) = &{name}_EXAMPLE;\n    \
             let y: [{element}; {outputs}] = {name}.predict(x);\n    \
             y.iter().zip(expected).all(|(y, expected)| (y - expected).abs() <= {:.0e})\n}}\n",
            name.to_lowercase(),
            relative * largest,
        );
        source
    }

    /// An input for a check: numbers of the size of the data that the network was trained with, as far as it is known.
    #[must_use]
    pub fn example(&self) -> Vec<f64> {
        let mut state = 1_u32;
        let mut next = || {
            // A linear congruential generator, with the constants of Numerical Recipes.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 16) / 32_768.0 - 1.0
        };
        let random: Vec<f64> = (0..self.inputs).map(|_| next()).collect();
        let x: Vec<f64> = match self.layers.first() {
            Some(DenseLayer::Standardize { mean, deviation }) => random
                .iter()
                .zip(mean)
                .zip(deviation)
                .map(|((x, mean), deviation)| mean + deviation * x)
                .collect(),
            _ => random,
        };
        if self.double { x } else { x.iter().map(|x| f64::from(*x as f32)).collect() }
    }

    /// Copies the parameters into a network with the same layers, each number rounded to the nearest of its type.
    ///
    /// # Errors
    ///
    /// If the network has other layers: both are in the error. The network is then as it was.
    pub fn load_into<N: Layer>(&self, net: &mut N) -> Result<(), DenseError> {
        let double = size_of::<Elem<N>>() == size_of::<f64>();
        let found = self.type_text(double);
        let expected = format!("{}", Layers(net));
        if found != expected {
            return Err(DenseError { expected, found });
        }
        let values = self.layers.iter().flat_map(DenseLayer::tensors);
        for (index, (_, values)) in values.enumerate() {
            if let Some(mut parameter) = net.parameter_mut(index) {
                let mut values = values.iter();
                parameter.for_each_mut(|to| {
                    if let Some(value) =
                        values.next().and_then(|value| <Elem<N> as num_traits::NumCast>::from(*value))
                    {
                        *to = value;
                    }
                });
            }
        }
        Ok(())
    }

    /// The type as the macro `Sequential!` takes it, with this element type.
    fn type_text(&self, double: bool) -> String {
        let types: Vec<_> =
            self.with_inputs().map(|(inputs, layer)| layer.type_name(inputs, double)).collect();
        format!("Sequential![{}]", types.join(", "))
    }
}

/// The network of a program has other layers than a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenseError {
    /// The layers of the program's network.
    pub expected: String,
    /// The layers of the file.
    pub found: String,
}

impl fmt::Display for DenseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file has the layers `{}`, expected `{}`", self.found, self.expected)
    }
}

impl core::error::Error for DenseError {}

/// The type as the macro `Sequential!` takes it.
impl fmt::Display for DenseNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.type_text(self.double))
    }
}
