//! [`Linear`] and [`LayerNorm`]: `{ weight, bias }`, the weight of a linear layer as rows of shape `(OUT, IN)`; and
//! [`Standardize`]: `{ mean, deviation }`.
//!
//! Each row is a tuple of fixed length, because serde supports arrays of up to 32 elements only. Too few numbers are an
//! error in every format.

use core::fmt;

use ::serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
    ser::{Error as _, SerializeStruct},
};

use super::fields::{Fields, Numbers, Struct, Tuple, Value};
use crate::{
    layers::{Elem, Layer, LayerNorm, Layers, Linear, Parameter, ParameterMut, Standardize, saved::Count},
    simd::{Element, Zeroed},
};

/// A layer of two tensors.
trait TwoTensors: Layer {
    /// Their names.
    const FIELDS: &'static [&'static str];
}

/// Saves the two tensors of a layer.
fn save<L: TwoTensors, S: Serializer>(name: &'static str, layer: &L, serializer: S) -> Result<S::Ok, S::Error>
where
    Elem<L>: Serialize,
{
    let mut fields = serializer.serialize_struct(name, L::FIELDS.len())?;
    for (index, field) in L::FIELDS.iter().enumerate() {
        match layer.parameter(index) {
            Some(parameter) => fields.serialize_field(field, &Tensor(parameter))?,
            None => fields.skip_field(field)?,
        }
    }
    fields.end()
}

/// A vector as a tuple of numbers, or a matrix as a tuple of rows.
struct Tensor<'a, T>(Parameter<'a, T>);

impl<T: Element + Serialize> Serialize for Tensor<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Parameter { shape: [rows, columns], dims, name, values, .. } = self.0;
        // JSON would write `null`, which no network can be loaded from.
        if serializer.is_human_readable()
            && let Some(value) = values.iter().find(|value| !value.is_finite())
        {
            let error = format_args!(
                "a number of `{name}` is {value}: a text format has finite numbers only; use a binary format"
            );
            return Err(S::Error::custom(error));
        }
        let value = |row, column| self.0.get(row, column).copied().unwrap_or(T::ZERO);
        if dims == 1 {
            return Tuple(rows, |row| value(row, 0)).serialize(serializer);
        }
        Tuple(rows, |row| Tuple(columns, move |column| value(row, column))).serialize(serializer)
    }
}

/// The two tensors of a layer, to be loaded.
struct Tensors<'a, L>(&'a mut L);

impl<'de, L: TwoTensors> Fields<'de> for Tensors<'_, L>
where
    Elem<L>: Deserialize<'de>,
{
    const NAME: &'static str = "Layer";
    const FIELDS: &'static [&'static str] = L::FIELDS;

    fn field<V: Value<'de>>(&mut self, index: usize, value: V) -> Result<Option<()>, V::Error> {
        match self.0.parameter_mut(index) {
            Some(parameter) => value.read(TensorMut(parameter)),
            None => Ok(Some(())),
        }
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the layer `{}`, as ", Layers(self.0))?;
        for (index, field) in L::FIELDS.iter().enumerate() {
            let Some(parameter) = self.0.parameter(index) else { continue };
            let separator = if index == 0 { "" } else { " and " };
            match parameter.shape {
                [rows, columns] if parameter.dims == 2 => {
                    write!(f, "{separator}a {field} of shape ({rows}, {columns})")?;
                }
                [rows, _] => write!(f, "{separator}a {field} of shape ({rows},)")?,
            }
        }
        Ok(())
    }
}

/// A tensor to be loaded.
struct TensorMut<'a, T>(ParameterMut<'a, T>);

impl<T: Element> TensorMut<'_, T> {
    fn set(&mut self, row: usize, column: usize, value: T) {
        if let Some(place) = self.0.get_mut(row, column) {
            *place = value;
        }
    }
}

impl<'de, T: Element + Deserialize<'de>> DeserializeSeed<'de> for TensorMut<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        let [rows, _] = self.0.shape;
        if self.0.dims == 1 {
            return Numbers::new(rows, |row, value| self.set(row, 0, value)).deserialize(deserializer);
        }
        deserializer.deserialize_tuple(rows, self)
    }
}

impl<'de, T: Element + Deserialize<'de>> Visitor<'de> for TensorMut<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rows, _] = self.0.shape;
        write!(f, "{}", Count(rows, "rows"))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let [rows, columns] = self.0.shape;
        for row in 0..rows {
            let numbers = Numbers::new(columns, |column, value| self.set(row, column, value));
            if elements.next_element_seed(numbers)?.is_none() {
                return Err(A::Error::invalid_length(row, &Count(rows, "rows")));
            }
        }
        Ok(())
    }
}

macro_rules! two_tensors {
    ($name:literal, $fields:expr, $layer:ty, $($generics:tt)*) => {
        impl<$($generics)*, T: Element> TwoTensors for $layer {
            const FIELDS: &'static [&'static str] = &$fields;
        }

        impl<$($generics)*, T: Element + Serialize> Serialize for $layer {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                save($name, self, serializer)
            }
        }

        impl<'de, $($generics)*, T: Element + Deserialize<'de>> Deserialize<'de> for $layer {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut layer = Self::ZERO;
                Self::deserialize_in_place(deserializer, &mut layer)?;
                Ok(layer)
            }

            fn deserialize_in_place<D: Deserializer<'de>>(
                deserializer: D,
                place: &mut Self,
            ) -> Result<(), D::Error> {
                Struct(Tensors(place)).deserialize(deserializer)
            }
        }
    };
}

two_tensors!("Linear", ["weight", "bias"], Linear<IN, OUT, T>, const IN: usize, const OUT: usize);
two_tensors!("LayerNorm", ["weight", "bias"], LayerNorm<N, T, EPS>, const N: usize, const EPS: usize);
two_tensors!("Standardize", ["mean", "deviation"], Standardize<N, T>, const N: usize);
