//! Files of which the network is not known: all tensors, and networks that were read from other files.

use alloc::{format, string::String, vec::Vec};

use super::{
    Safetensors, WeightsError,
    header::{Header, LAYERS, line, origin},
    serialize_all,
    tensor::Values,
};
use crate::{
    formats::dense::{DenseLayer, DenseNetwork},
    layers::Parameter,
};

/// The tensors of a file, sorted by their names.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StoredTensors {
    /// The tensors.
    pub tensors: Vec<StoredTensor>,
    /// The layers of the network that was saved, if a program of this crate saved it.
    pub layers: Option<String>,
}

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredTensor {
    /// Its name, without the [prefix](Safetensors::prefix).
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The element type, for example `F32`.
    pub dtype: String,
    /// The numbers, row by row; none if they are not floating-point numbers of 16 to 64 bits.
    pub values: Option<Vec<f64>>,
}

impl Safetensors<'_> {
    /// All tensors of a file whose names start with the prefix. No other option is used.
    ///
    /// # Errors
    ///
    /// If this is not a safetensors file.
    pub fn tensors(&self, bytes: &[u8]) -> Result<StoredTensors, WeightsError> {
        let mut from = bytes;
        let header = Header::read(&mut from, bytes.len() as u64)?;
        let mut tensors = Vec::new();
        for full in &header.names {
            let Some((name, info)) = full.strip_prefix(self.prefix).zip(header.tensors.info(full)) else {
                continue;
            };
            tensors.push(StoredTensor {
                name: name.into(),
                shape: info.shape.clone(),
                dtype: format!("{}", info.dtype),
                values: Values::read(info, header.data, &mut from)?.map(|values| values.to_vec()),
            });
        }
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let record = header.origin().unwrap_or_default();
        Ok(StoredTensors { tensors, layers: line(record, LAYERS).map(Into::into) })
    }
}

impl DenseNetwork {
    /// The bytes of a safetensors file, as [`Safetensors::save`] writes it for a network with the same layers.
    ///
    /// # Errors
    ///
    /// Never for a network that was read from a file.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, WeightsError> {
        let record = format!("{}\n{LAYERS}: {self}", origin());
        let mut tensors = Vec::new();
        for (number, (inputs, layer)) in self.with_inputs().enumerate() {
            for (name, values) in layer.tensors() {
                let matrix = matches!(layer, DenseLayer::Linear { .. }) && name == "weight";
                let columns = if matrix { inputs } else { 1 };
                let shape = [values.len() / columns.max(1), columns];
                let (dims, strides) = if matrix { (2, [columns, 1]) } else { (1, [1, 1]) };
                let parameter =
                    Parameter { layer: number, name, shape, dims, strides, trained: true, values };
                tensors.push((format!("{number}.{name}"), parameter));
            }
        }
        if self.double {
            return serialize_all(tensors, record);
        }
        let rounded: Vec<Vec<f32>> =
            tensors.iter().map(|(_, tensor)| tensor.values.iter().map(|x| *x as f32).collect()).collect();
        let all = tensors.into_iter().zip(&rounded).map(|((path, tensor), values)| {
            let Parameter { layer, name, shape, dims, strides, trained, .. } = tensor;
            (path, Parameter { layer, name, shape, dims, strides, trained, values: &values[..] })
        });
        serialize_all(all.collect(), record)
    }
}
