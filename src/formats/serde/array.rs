//! An array of numbers in a loss, as a tuple: serde itself supports arrays of up to 32 elements only.

use ::serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeSeed};

use super::fields::{Numbers, Tuple};
use crate::simd::Element;

pub(crate) fn serialize<S: Serializer, T: Element + Serialize, const N: usize>(
    array: &[T; N],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    Tuple(N, |index| array[index]).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: Element + Deserialize<'de>, const N: usize>(
    deserializer: D,
) -> Result<[T; N], D::Error> {
    let mut array = [T::ZERO; N];
    Numbers::new(N, |index, number| array[index] = number).deserialize(deserializer)?;
    Ok(array)
}
