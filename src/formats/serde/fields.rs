//! Structs that are read in place, field by field, from a sequence or from a map in any order.

use core::{any::type_name, fmt, marker::PhantomData};

use ::serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
    ser::SerializeTuple,
};

use crate::{layers::saved::Count, simd::Element as Number};

/// A struct whose fields are read in place.
pub(super) trait Fields<'de> {
    const NAME: &'static str;
    const FIELDS: &'static [&'static str];

    /// Reads the field with this index. `None` if the sequence has ended.
    fn field<V: Value<'de>>(&mut self, index: usize, value: V) -> Result<Option<()>, V::Error>;

    /// Completes the sentence "expected …".
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// The value of a field that is read next.
pub(super) trait Value<'de> {
    type Error: Error;

    fn read<S: DeserializeSeed<'de>>(self, seed: S) -> Result<Option<S::Value>, Self::Error>;
}

struct Element<'a, A>(&'a mut A);

impl<'de, A: SeqAccess<'de>> Value<'de> for Element<'_, A> {
    type Error = A::Error;

    fn read<S: DeserializeSeed<'de>>(self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(seed)
    }
}

struct Entry<'a, A>(&'a mut A);

impl<'de, A: MapAccess<'de>> Value<'de> for Entry<'_, A> {
    type Error = A::Error;

    fn read<S: DeserializeSeed<'de>>(self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_value_seed(seed).map(Some)
    }
}

/// Reads all fields of a struct.
pub(super) struct Struct<F>(pub(super) F);

impl<'de, F: Fields<'de>> DeserializeSeed<'de> for Struct<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_struct(F::NAME, F::FIELDS, self)
    }
}

impl<'de, F: Fields<'de>> Visitor<'de> for Struct<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        for index in 0..F::FIELDS.len() {
            self.0
                .field(index, Element(&mut elements))?
                .ok_or_else(|| A::Error::invalid_length(index, &Count(F::FIELDS.len(), "fields")))?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        let mut read = 0_u32;
        while let Some(key) = entries.next_key_seed(Key(F::FIELDS))? {
            let Some(index) = key else {
                entries.next_value::<IgnoredAny>()?;
                continue;
            };
            if read & (1 << index) != 0 {
                return Err(A::Error::duplicate_field(F::FIELDS[index]));
            }
            // The header is compared before anything is changed.
            if read == 0 && index != 0 && F::FIELDS.first() == Some(&HEADER) {
                return Err(A::Error::custom(format_args!("`{}` before `{HEADER}`", F::FIELDS[index])));
            }
            self.0.field(index, Entry(&mut entries))?;
            read |= 1 << index;
        }
        for (index, name) in F::FIELDS.iter().enumerate() {
            if read & (1 << index) == 0 {
                return Err(A::Error::missing_field(name));
            }
        }
        Ok(())
    }
}

/// The name of the field that is compared before all others are loaded.
const HEADER: &str = "header";

/// The index of a field, given its name. `None` for a field that the struct does not have.
struct Key(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|field| *field == name))
    }

    fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|field| field.as_bytes() == name))
    }

    fn visit_u64<E: Error>(self, index: u64) -> Result<Option<usize>, E> {
        Ok(usize::try_from(index).ok().filter(|index| *index < self.0.len()))
    }
}

/// A tuple of values, each computed from its index.
pub(super) struct Tuple<F>(pub(super) usize, pub(super) F);

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

/// Reads a tuple of numbers, and calls a function with the index of each and the number.
pub(super) struct Numbers<F, T> {
    len: usize,
    each: F,
    /// Whether the format is text. A number of text that is too large for `T` is read as an infinity.
    is_text: bool,
    number: PhantomData<T>,
}

impl<T, F: FnMut(usize, T)> Numbers<F, T> {
    pub(super) const fn new(len: usize, each: F) -> Self {
        Self { len, each, is_text: false, number: PhantomData }
    }
}

impl<'de, T: Number + Deserialize<'de>, F: FnMut(usize, T)> DeserializeSeed<'de> for Numbers<F, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        self.is_text = deserializer.is_human_readable();
        deserializer.deserialize_tuple(self.len, self)
    }
}

impl<'de, T: Number + Deserialize<'de>, F: FnMut(usize, T)> Visitor<'de> for Numbers<F, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Count(self.len, "numbers"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<(), A::Error> {
        let Self { len, mut each, is_text, .. } = self;
        for index in 0..len {
            let Some(number) = numbers.next_element::<T>()? else {
                return Err(A::Error::invalid_length(index, &Count(len, "numbers")));
            };
            if is_text && !number.is_finite() {
                let name = type_name::<T>();
                return Err(A::Error::custom(format_args!(
                    "the number with index {index} is too large, expected a finite {name}"
                )));
            }
            each(index, number);
        }
        Ok(())
    }
}
