//! A quantised network as named tensors, which files of all formats hold.
//!
//! | name | type and shape | what it is |
//! |---|---|---|
//! | `mean`, `deviation` | `f32`, `(N)` | a [`Standardize`] layer at the input |
//! | `input.scale`, `input.zero_point` | `f32`, `u8` | the bytes of the input; those of the output start with `output.` |
//! | `0.weight`, `0.bias` | `i8` `(OUT, IN)`, `i32` `(OUT)` | an [`Int8Linear`]; layers without eight-bit form are not counted |
//! | `0.multiplier`, `0.zero_points` | `f32` `(OUT)`, `u8` `(2)` | |
//! | `1.table` | `u8`, `(256)` | a [`Table`] |
//! | `output.relu` | `u8` | 1 if a ReLU is the last layer, else 0 |

use alloc::{borrow::ToOwned as _, format, string::String, vec, vec::Vec};
use core::fmt;

use super::{Bytes, EightBit, Int8Linear, LinearError, Output, QuantParams, Quantized, Table};
use crate::{Standardize, simd::Zeroed as _};

/// A tensor of a quantised network.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Int8Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values,
}

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
    /// A scale is not a positive finite number, or another number is not finite.
    Number {
        /// The name of the tensor.
        name: String,
        /// The number.
        value: f32,
    },
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
                write!(f, "a number of `{name}` is {value}: expected a finite number, for a scale above 0")
            }
            Self::Unrepresentable { layer, error } => write!(f, "layer {layer}: {error}"),
        }
    }
}

impl core::error::Error for TensorError {}

/// A type of numbers that tensors have.
pub(crate) trait Number: Copy {
    /// The name of the type.
    const NAME: &str;

    fn wrap(values: Vec<Self>) -> Values;
    fn unwrap(values: &Values) -> Option<&[Self]>;
}

macro_rules! values {
    ($($variant:ident($number:ty),)+) => {
        /// Numbers, row by row.
        #[derive(Clone, Debug, PartialEq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub(crate) enum Values {
            $($variant(Vec<$number>),)+
        }

        impl Values {
            /// The name of the type.
            const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$number>::NAME,)+
                }
            }

            /// The number of numbers.
            fn len(&self) -> usize {
                match self {
                    $(Self::$variant(values) => values.len(),)+
                }
            }

            /// The bytes in a file.
            #[cfg(feature = "safetensors")]
            pub(crate) fn to_le_bytes(&self) -> Vec<u8> {
                match self {
                    $(Self::$variant(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),)+
                }
            }

            /// The numbers of a file, and the name of their type there.
            #[cfg(feature = "safetensors")]
            pub(crate) fn from_le_bytes(bytes: &[u8], dtype: safetensors::Dtype) -> Option<Self> {
                match dtype {
                    $(safetensors::Dtype::$variant => Some(Self::$variant(
                        bytes.as_chunks().0.iter().map(|bytes| <$number>::from_le_bytes(*bytes)).collect()
                    )),)+
                    _ => None,
                }
            }

            /// The type in a file.
            #[cfg(feature = "safetensors")]
            pub(crate) const fn dtype(&self) -> safetensors::Dtype {
                match self {
                    $(Self::$variant(_) => safetensors::Dtype::$variant,)+
                }
            }
        }

        $(impl Number for $number {
            const NAME: &str = stringify!($variant);

            fn wrap(values: Vec<Self>) -> Values {
                Values::$variant(values)
            }

            fn unwrap(values: &Values) -> Option<&[Self]> {
                if let Values::$variant(values) = values { Some(values) } else { None }
            }
        })+
    };
}

values! {
    I8(i8),
    U8(u8),
    I32(i32),
    F32(f32),
}

/// The tensors that were not yet loaded.
#[derive(Debug)]
pub struct Tensors(Vec<Int8Tensor>);

impl Tensors {
    fn push<T: Number>(&mut self, name: &str, shape: &[usize], values: Vec<T>) {
        self.0.push(Int8Tensor { name: name.to_owned(), shape: shape.to_owned(), values: T::wrap(values) });
    }

    /// The numbers of a tensor.
    fn take<T: Number>(&mut self, name: &str, shape: &[usize]) -> Result<Vec<T>, TensorError> {
        let Some(index) = self.0.iter().position(|tensor| tensor.name == name) else {
            return Err(TensorError::Missing { name: name.to_owned() });
        };
        let tensor = self.0.swap_remove(index);
        let numbers: usize = shape.iter().product();
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

    /// The numbers of a vector of `N` finite numbers.
    fn take_array<T: Number, const N: usize>(&mut self, name: &str) -> Result<[T; N], TensorError> {
        let values = self.take(name, &[N])?;
        // Always: the shape was checked.
        values.first_chunk().copied().ok_or_else(|| TensorError::Missing { name: name.to_owned() })
    }
}

/// A part of a quantised network that is stored as tensors.
pub trait Stored {
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
        let mut tensors = Tensors(Vec::new());
        self.before.save(0, &mut tensors);
        self.input.save("input", &mut tensors);
        self.chain.save(0, &mut tensors);
        tensors.0
    }

    /// Loads the network in place. After an error it is not to be used.
    pub(crate) fn load_tensors(&mut self, tensors: Vec<Int8Tensor>) -> Result<(), TensorError> {
        let mut tensors = Tensors(tensors);
        self.before.load(0, &mut tensors)?;
        self.input.load("input", &mut tensors)?;
        self.chain.load(0, &mut tensors)?;
        match tensors.0.pop() {
            Some(Int8Tensor { name, .. }) => Err(TensorError::Extra { name }),
            None => Ok(()),
        }
    }
}

impl QuantParams {
    fn save(self, name: &str, to: &mut Tensors) {
        to.push(&format!("{name}.scale"), &[1], vec![self.scale]);
        to.push(&format!("{name}.zero_point"), &[1], vec![self.zero_point]);
    }

    fn load(&mut self, name: &str, from: &mut Tensors) -> Result<(), TensorError> {
        let scale_name = format!("{name}.scale");
        let [scale] = from.take_array(&scale_name)?;
        if !(scale > 0.0 && scale < f32::INFINITY) {
            return Err(TensorError::Number { name: scale_name, value: scale });
        }
        let [zero_point] = from.take_array(&format!("{name}.zero_point"))?;
        *self = Self { scale, zero_point };
        Ok(())
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
        to.push("mean", &[N], self.mean.to_vec());
        to.push("deviation", &[N], self.deviation.to_vec());
    }

    fn load(&mut self, _: usize, from: &mut Tensors) -> Result<(), TensorError> {
        let (mean, deviation) = (from.take_array("mean")?, from.take_array("deviation")?);
        for (name, values) in [("mean", &mean), ("deviation", &deviation)] {
            if let Some(value) = values.iter().find(|value: &&f32| !value.is_finite()) {
                return Err(TensorError::Number { name: name.to_owned(), value: *value });
            }
        }
        *self = Self { mean, deviation };
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
        to.push(&format!("{layer}.weight"), &[OUT, IN], weight);
        to.push(&format!("{layer}.bias"), &[OUT], self.bias().to_vec());
        to.push(&format!("{layer}.multiplier"), &[OUT], self.multipliers().to_vec());
        to.push(&format!("{layer}.zero_points"), &[2], self.zero_points().to_vec());
    }

    fn load(&mut self, layer: usize, from: &mut Tensors) -> Result<(), TensorError> {
        let weight = from.take::<i8>(&format!("{layer}.weight"), &[OUT, IN])?;
        let bias = from.take(&format!("{layer}.bias"), &[OUT])?;
        let multiplier = from.take(&format!("{layer}.multiplier"), &[OUT])?;
        self.set_zero_points(from.take_array(&format!("{layer}.zero_points"))?);
        let outputs = weight.as_chunks::<IN>().0.iter().zip(bias).zip(multiplier);
        for (o, ((weight, bias), multiplier)) in outputs.enumerate() {
            self.set_output(o, weight, bias, multiplier)
                .map_err(|error| TensorError::Unrepresentable { layer, error })?;
        }
        Ok(())
    }
}

impl<const N: usize> Stored for Table<N> {
    fn save(&self, layer: usize, to: &mut Tensors) {
        to.push(&format!("{layer}.table"), &[256], self.values().to_vec());
    }

    fn load(&mut self, layer: usize, from: &mut Tensors) -> Result<(), TensorError> {
        *self = Self::new(from.take_array(&format!("{layer}.table"))?);
        Ok(())
    }
}

impl<Y: Bytes> Stored for Output<Y> {
    fn save(&self, _: usize, to: &mut Tensors) {
        self.params.save("output", to);
        to.push("output.relu", &[1], vec![u8::from(self.min == 0.0)]);
    }

    fn load(&mut self, _: usize, from: &mut Tensors) -> Result<(), TensorError> {
        let mut params = QuantParams::ZERO;
        params.load("output", from)?;
        let [relu] = from.take_array::<u8, 1>("output.relu")?;
        *self = Self::new(params, if relu == 0 { f32::NEG_INFINITY } else { 0.0 });
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
