//! The numbers of tensors, read from a file and written to one.

use alloc::{borrow::Cow, vec::Vec};

use ::safetensors::{Dtype, View, tensor::TensorInfo};
use half::{bf16, f16};
use num_traits::{Float, NumCast};

use super::{WeightsError, header::Source};
use crate::layers::Parameter;

/// The name of an element type in the format.
pub(super) fn dtype<T>() -> Dtype {
    if size_of::<T>() == size_of::<f32>() { Dtype::F32 } else { Dtype::F64 }
}

/// The values of a parameter, row by row.
pub(super) enum Values<'b> {
    /// Those of a tensor in a file. If it is transposed there, with the shape of the parameter.
    Stored { dtype: Dtype, bytes: Cow<'b, [u8]>, transposed: Option<[usize; 2]> },
    /// Some values, computed from those of the file.
    Computed(Vec<f64>),
    /// A number of zeros.
    Zeros(usize),
    /// No values: the parameter is kept.
    Kept,
}

impl<'b> Values<'b> {
    /// Reads a tensor, if its elements are floating-point numbers of up to 64 bits.
    pub(super) fn read(
        info: &TensorInfo,
        data: u64,
        from: &mut impl Source<'b>,
    ) -> Result<Option<Self>, WeightsError> {
        if !matches!(info.dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64) {
            return Ok(None);
        }
        let (start, end) = info.data_offsets;
        let bytes = from.read(data.saturating_add(start as u64), end.saturating_sub(start))?;
        Ok(Some(Self::Stored { dtype: info.dtype, bytes, transposed: None }))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Stored { dtype, bytes, .. } => bytes.len() * 8 / dtype.bitsize(),
            Self::Computed(values) => values.len(),
            Self::Zeros(count) => *count,
            Self::Kept => 0,
        }
    }

    pub(super) fn iter<T: NumCast>(&self) -> impl Iterator<Item = T> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Of one type to the same, every bit is kept.
    fn get<T: NumCast>(&self, index: usize) -> Option<T> {
        match self {
            Self::Stored { dtype, bytes, transposed } => {
                let index = match transposed {
                    Some([rows, columns]) => index % columns * rows + index / columns,
                    None => index,
                };
                match dtype {
                    Dtype::F16 => T::from(f16::from_le_bytes(*bytes.as_chunks().0.get(index)?).to_f32()),
                    Dtype::BF16 => T::from(bf16::from_le_bytes(*bytes.as_chunks().0.get(index)?).to_f32()),
                    Dtype::F32 => T::from(f32::from_le_bytes(*bytes.as_chunks().0.get(index)?)),
                    _ => T::from(f64::from_le_bytes(*bytes.as_chunks().0.get(index)?)),
                }
            }
            Self::Computed(values) => T::from(*values.get(index)?),
            Self::Zeros(_) => T::from(0),
            Self::Kept => None,
        }
    }

    pub(super) fn to_vec(&self) -> Vec<f64> {
        self.iter().collect()
    }
}

/// A parameter as a tensor of the format.
pub(super) struct Tensor<'n, T>(pub(super) Parameter<'n, T>);

impl<T: Float> View for Tensor<'_, T> {
    fn dtype(&self) -> Dtype {
        dtype::<T>()
    }

    fn shape(&self) -> &[usize] {
        self.0.sizes()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut data = Vec::with_capacity(self.data_len());
        for value in self.0.iter() {
            match self.dtype() {
                Dtype::F32 => data.extend(value.to_f32().unwrap_or(f32::NAN).to_le_bytes()),
                _ => data.extend(value.to_f64().unwrap_or(f64::NAN).to_le_bytes()),
            }
        }
        data.into()
    }

    fn data_len(&self) -> usize {
        size_of_val(self.0.values)
    }
}
