//! Constant tensors of an ONNX file as `f64`.

use alloc::{format, string::String, vec::Vec};

use half::{bf16, f16};
use prost::bytes::Bytes;

use super::{External, OnnxError, proto::TensorMessage};

/// ONNX's numbers of the element types.
pub(super) const FLOAT: i32 = 1;
pub(super) const UINT8: i32 = 2;
pub(super) const INT8: i32 = 3;
pub(super) const INT32: i32 = 6;
pub(super) const INT64: i32 = 7;
pub(super) const BOOL: i32 = 9;
pub(super) const FLOAT16: i32 = 10;
pub(super) const DOUBLE: i32 = 11;
pub(super) const BFLOAT16: i32 = 16;

/// The name of an element type in ONNX.
pub(super) fn type_name(element: i32) -> String {
    let names = [
        "UNDEFINED",
        "FLOAT",
        "UINT8",
        "INT8",
        "UINT16",
        "INT16",
        "INT32",
        "INT64",
        "STRING",
        "BOOL",
        "FLOAT16",
        "DOUBLE",
        "UINT32",
        "UINT64",
        "COMPLEX64",
        "COMPLEX128",
        "BFLOAT16",
    ];
    let name = usize::try_from(element).ok().and_then(|element| names.get(element));
    name.map_or_else(|| format!("type {element}"), |name| (*name).into())
}

/// A constant: its sizes and its values, row by row.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub(super) sizes: Vec<usize>,
    pub(super) values: Vec<f64>,
    /// Whether its element type has only whole numbers.
    pub(super) is_integer: bool,
}

impl Tensor {
    pub(super) fn vector(values: Vec<f64>) -> Self {
        Self { sizes: [values.len()].into(), values, is_integer: false }
    }

    pub(super) fn scalar(value: f64) -> Self {
        Self { sizes: Vec::new(), values: [value].into(), is_integer: false }
    }

    /// The only value.
    pub(super) fn as_scalar(&self) -> Option<f64> {
        if let [value] = self.values[..] { Some(value) } else { None }
    }

    pub(super) fn transpose(&self, rows: usize, columns: usize) -> Self {
        let mut values = Vec::with_capacity(self.values.len());
        for column in 0..columns {
            values.extend(self.values.iter().skip(column).step_by(columns.max(1)).take(rows));
        }
        Self { sizes: [columns, rows].into(), values, is_integer: self.is_integer }
    }

    /// Reads a tensor. Its memory is proportional to the data that are there.
    pub(super) fn read(
        message: &TensorMessage,
        name: &str,
        external: &mut External<'_>,
    ) -> Result<Self, OnnxError> {
        if let element @ (UINT8 | INT8) = message.data_type {
            let found = type_name(element);
            let reason =
                format!("it has the element type {found}, expected DOUBLE, FLOAT, FLOAT16 or BFLOAT16");
            return Err(OnnxError::Tensor { name: name.into(), reason });
        }
        Self::read_any(message, name, external)
    }

    /// The same; bytes are allowed too.
    pub(super) fn read_any(
        message: &TensorMessage,
        name: &str,
        external: &mut External<'_>,
    ) -> Result<Self, OnnxError> {
        let fail = |reason: String| OnnxError::Tensor { name: name.into(), reason };
        let mut sizes = Vec::with_capacity(message.dims.len());
        let mut count = Some(1_usize);
        for dim in &message.dims {
            let size = usize::try_from(*dim)
                .map_err(|_| fail(format!("it has the size {dim}, expected 0 or more")))?;
            count = count.and_then(|count| count.checked_mul(size));
            sizes.push(size);
        }
        let count = count.ok_or_else(|| fail(format!("its sizes {sizes:?} are too large")))?;
        let width = match message.data_type {
            UINT8 | INT8 => 1,
            FLOAT | INT32 => 4,
            INT64 | DOUBLE => 8,
            FLOAT16 | BFLOAT16 => 2,
            BOOL => 1,
            other => {
                return Err(fail(format!(
                    "it has the element type {}, expected DOUBLE, FLOAT, FLOAT16 or BFLOAT16",
                    type_name(other)
                )));
            }
        };
        let raw = if message.data_location == 1 {
            let entry = |key| message.external_data.iter().find(|entry| entry.key == key);
            let number = |key: &'static str| match entry(key).map(|entry| entry.value.parse::<u64>()) {
                None => Ok(None),
                Some(Ok(number)) => Ok(Some(number)),
                Some(Err(_)) => Err(fail(format!("the `{key}` of its external data is not a number"))),
            };
            let location = entry("location").map(|entry| &*entry.value);
            let location = location.ok_or_else(|| fail("its external data have no `location`".into()))?;
            let bytes =
                count.checked_mul(width).ok_or_else(|| fail(format!("its sizes {sizes:?} are too large")))?;
            let length = number("length")?.unwrap_or(bytes as u64);
            if length != bytes as u64 {
                return Err(fail(format!("its external data have {length} bytes, expected {bytes}")));
            }
            Bytes::from(external(location, number("offset")?.unwrap_or(0), bytes).map_err(fail)?)
        } else {
            message.raw_data.clone()
        };
        let values: Vec<f64> = if raw.is_empty() {
            match message.data_type {
                FLOAT => message.float_data.iter().map(|x| f64::from(*x)).collect(),
                DOUBLE => message.double_data.clone(),
                INT64 => message.int64_data.iter().map(|x| *x as f64).collect(),
                INT32 | BOOL | UINT8 | INT8 => message.int32_data.iter().map(|x| f64::from(*x)).collect(),
                FLOAT16 => message.int32_data.iter().map(|x| f16::from_bits(*x as u16).to_f64()).collect(),
                _ => message.int32_data.iter().map(|x| bf16::from_bits(*x as u16).to_f64()).collect(),
            }
        } else if raw.len() % width != 0 {
            return Err(fail(format!("it has {} bytes, expected a multiple of {width}", raw.len())));
        } else {
            match message.data_type {
                FLOAT => raw.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
                DOUBLE => raw.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
                INT64 => raw.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
                UINT8 => raw.iter().map(|b| f64::from(*b)).collect(),
                INT8 => raw.iter().map(|b| f64::from(*b as i8)).collect(),
                INT32 => raw.as_chunks().0.iter().map(|b| f64::from(i32::from_le_bytes(*b))).collect(),
                BOOL => raw.iter().map(|b| f64::from(*b)).collect(),
                FLOAT16 => raw.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f64()).collect(),
                _ => raw.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f64()).collect(),
            }
        };
        if values.len() != count {
            return Err(fail(format!(
                "it has {} numbers, expected {count} for the sizes {sizes:?}",
                values.len()
            )));
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(fail(format!("it has {} at index {at}, expected a finite number", values[at])));
        }
        Ok(Self { sizes, values, is_integer: matches!(message.data_type, INT32 | INT64 | BOOL) })
    }
}
