//! [`Linear`] and [`LayerNorm`] through serde: `{ weight, bias }`, the weight of a linear layer as rows of shape
//! `(OUT, IN)`.
//!
//! Each row is a tuple of fixed length, because serde supports arrays of up to 32 elements only. Too few numbers are an
//! error in every format. Postcard stores no lengths, so surplus numbers look like the data that follow.

use core::{fmt, marker::PhantomData};

use ::serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error, Expected, IgnoredAny, MapAccess, SeqAccess, Visitor},
    ser::{SerializeStruct, SerializeTuple},
};

use crate::{
    layers::{LayerNorm, Linear},
    simd::{Element, Zeroed},
};

const FIELDS: &[&str] = &["weight", "bias"];

impl<const IN: usize, const OUT: usize, T: Element + Serialize> Serialize for Linear<IN, OUT, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Linear", FIELDS.len())?;
        fields.serialize_field("weight", &Rows(self))?;
        fields.serialize_field("bias", &Tuple(OUT, |o: usize| self.bias()[o]))?;
        fields.end()
    }
}

/// The weights, a tuple of rows.
struct Rows<'a, const IN: usize, const OUT: usize, T>(&'a Linear<IN, OUT, T>);

impl<const IN: usize, const OUT: usize, T: Element + Serialize> Serialize for Rows<'_, IN, OUT, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Tuple(OUT, |o| Tuple(IN, move |i| self.0.weight_at(o, i))).serialize(serializer)
    }
}

/// A tuple of values, each computed from its index.
struct Tuple<F>(usize, F);

impl<X: Serialize, F: Fn(usize) -> X> Serialize for Tuple<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(len, value) = self;
        let mut tuple = serializer.serialize_tuple(*len)?;
        for index in 0..*len {
            tuple.serialize_element(&value(index))?;
        }
        tuple.end()
    }
}

impl<'de, const IN: usize, const OUT: usize, T: Element + Deserialize<'de>> Deserialize<'de>
    for Linear<IN, OUT, T>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut layer = Self::ZERO;
        Self::deserialize_in_place(deserializer, &mut layer)?;
        Ok(layer)
    }

    fn deserialize_in_place<D: Deserializer<'de>>(deserializer: D, place: &mut Self) -> Result<(), D::Error> {
        deserializer.deserialize_struct("Linear", FIELDS, Fields(place))
    }
}

/// Fills a layer's fields.
struct Fields<'a, const IN: usize, const OUT: usize, T>(&'a mut Linear<IN, OUT, T>);

impl<'de, const IN: usize, const OUT: usize, T: Element + Deserialize<'de>> Visitor<'de>
    for Fields<'_, IN, OUT, T>
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a linear layer with a weight of shape ({OUT}, {IN}) and a bias of shape ({OUT},)")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let Fields(layer) = self;
        fields
            .next_element_seed(Weight(layer))?
            .ok_or_else(|| A::Error::invalid_length(0, &Count(2, "fields")))?;
        let bias = fields.next_element_seed(Fill(|o: usize, b| layer.bias_mut()[o] = b, OUT, PhantomData))?;
        bias.ok_or_else(|| A::Error::invalid_length(1, &Count(2, "fields")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let Fields(layer) = self;
        let (mut weight, mut bias) = (false, false);
        while let Some(field) = fields.next_key::<Field>()? {
            match field {
                Field::Weight if weight => return Err(A::Error::duplicate_field("weight")),
                Field::Bias if bias => return Err(A::Error::duplicate_field("bias")),
                Field::Weight => {
                    fields.next_value_seed(Weight(layer))?;
                    weight = true;
                }
                Field::Bias => {
                    fields.next_value_seed(Fill(|o: usize, b| layer.bias_mut()[o] = b, OUT, PhantomData))?;
                    bias = true;
                }
                Field::Other => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        match (weight, bias) {
            (true, true) => Ok(()),
            (false, _) => Err(A::Error::missing_field("weight")),
            (_, false) => Err(A::Error::missing_field("bias")),
        }
    }
}

#[derive(::serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Weight,
    Bias,
    #[serde(other)]
    Other,
}

/// Fills a layer's weights, row by row.
struct Weight<'a, const IN: usize, const OUT: usize, T>(&'a mut Linear<IN, OUT, T>);

impl<'de, const IN: usize, const OUT: usize, T: Element + Deserialize<'de>> DeserializeSeed<'de>
    for Weight<'_, IN, OUT, T>
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_tuple(OUT, self)
    }
}

impl<'de, const IN: usize, const OUT: usize, T: Element + Deserialize<'de>> Visitor<'de>
    for Weight<'_, IN, OUT, T>
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Count(OUT, "rows"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let Weight(layer) = self;
        for o in 0..OUT {
            let row = Fill(|i: usize, w| *layer.weight_at_mut(o, i) = w, IN, PhantomData);
            if rows.next_element_seed(row)?.is_none() {
                return Err(A::Error::invalid_length(o, &Count(OUT, "rows")));
            }
        }
        Ok(())
    }
}

/// Calls a function with each of a number of values and its index.
struct Fill<F, T>(F, usize, PhantomData<T>);

impl<'de, T: Deserialize<'de>, F: FnMut(usize, T)> DeserializeSeed<'de> for Fill<F, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_tuple(self.1, self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(usize, T)> Visitor<'de> for Fill<F, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Count(self.1, "numbers"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<(), A::Error> {
        let Self(mut each, len, _) = self;
        for index in 0..len {
            match numbers.next_element()? {
                Some(number) => each(index, number),
                None => return Err(A::Error::invalid_length(index, &Count(len, "numbers"))),
            }
        }
        Ok(())
    }
}

/// The fields of a [`LayerNorm`] layer.
#[derive(::serde::Serialize, ::serde::Deserialize)]
#[serde(
    rename = "LayerNorm",
    bound(serialize = "T: Serialize", deserialize = "T: Element + Deserialize<'de>")
)]
struct LayerNormFields<const N: usize, T> {
    #[serde(with = "numbers")]
    weight: [T; N],
    #[serde(with = "numbers")]
    bias: [T; N],
}

impl<const N: usize, T: Element + Serialize> Serialize for LayerNorm<N, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        LayerNormFields { weight: self.weight, bias: self.bias }.serialize(serializer)
    }
}

impl<'de, const N: usize, T: Element + Deserialize<'de>> Deserialize<'de> for LayerNorm<N, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let LayerNormFields { weight, bias } = LayerNormFields::deserialize(deserializer)?;
        Ok(Self { weight, bias })
    }
}

/// A vector of any length, as a tuple.
mod numbers {
    use super::{
        Deserialize, DeserializeSeed, Deserializer, Element, Fill, PhantomData, Serialize, Serializer, Tuple,
    };

    pub(crate) fn serialize<T: Serialize, S: Serializer, const N: usize>(
        numbers: &[T; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        Tuple(N, |n: usize| &numbers[n]).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T: Element + Deserialize<'de>, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[T; N], D::Error> {
        let mut numbers = [T::ZERO; N];
        Fill(|n: usize, x| numbers[n] = x, N, PhantomData).deserialize(deserializer)?;
        Ok(numbers)
    }
}

/// The expected number of elements, for an error message.
struct Count(usize, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, what) = self;
        write!(f, "{count} {what}")
    }
}

impl Expected for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
