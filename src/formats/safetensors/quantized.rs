//! Quantised networks in safetensors files.

use alloc::{format, string::String, vec::Vec};

use ::safetensors::{serialize, tensor::TensorView};

use super::{
    Header, ORIGIN, Source as _, WeightsError,
    header::{LAYERS, line},
    origin,
};
use crate::{
    Zeroed as _,
    quantized::{EightBit, Int8Tensor, Quantized, TensorError, Values},
};

impl<Net: EightBit> Quantized<Net> {
    /// The bytes of a safetensors file with the weights as `I8`, the biases, the multipliers, and the scales of the input and
    /// the output.
    ///
    /// # Errors
    ///
    /// If the format cannot hold the tensors: never.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, WeightsError> {
        write(&self.tensors(), &self.layers())
    }

    /// Loads what [`to_safetensors`](Self::to_safetensors) of the same network wrote, or `constnet convert --int8`.
    ///
    /// # Errors
    ///
    /// If this is not a safetensors file, or its layers or tensors are not those of the network. The network is then as it was.
    pub fn load_safetensors(&mut self, bytes: &[u8]) -> Result<(), WeightsError> {
        let (tensors, layers) = read(bytes)?;
        let expected = self.layers();
        if let Some(found) = layers.filter(|layers| *layers != expected) {
            return Err(WeightsError::Quantized(TensorError::Layers { expected, found }));
        }
        // A first time on the heap, for the errors: the network can be too large for the stack.
        Self::boxed().load_tensors(tensors.clone()).map_err(WeightsError::Quantized)?;
        self.load_tensors(tensors).map_err(WeightsError::Quantized)?;
        Ok(())
    }
}

/// A file with these tensors, of a network with these layers. It records them as `Quantized<Sequential![…]>`.
pub(crate) fn write(tensors: &[Int8Tensor], layers: &str) -> Result<Vec<u8>, WeightsError> {
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|tensor| tensor.values.to_le_bytes()).collect();
    let views = tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
        let view = TensorView::new(tensor.values.dtype(), tensor.shape.clone(), bytes);
        view.map(|view| (&tensor.name, view)).map_err(header)
    });
    let record = format!("{}\n{LAYERS}: Quantized<{layers}>", origin());
    let metadata = [(String::from(ORIGIN), record)].into_iter().collect();
    serialize(views.collect::<Result<Vec<_>, _>>()?, Some(metadata)).map_err(header)
}

/// The tensors of a file, and the layers that it records: those of another network too, in their own form.
pub(crate) fn read(bytes: &[u8]) -> Result<(Vec<Int8Tensor>, Option<String>), WeightsError> {
    let mut from = bytes;
    let found = Header::read(&mut from, bytes.len() as u64)?;
    let layers = found.origin().and_then(|record| line(record, LAYERS));
    let quantized = |layers: &str| Some(layers.strip_prefix("Quantized<")?.strip_suffix('>')?.into());
    let layers = layers.map(|layers| quantized(layers).unwrap_or_else(|| layers.into()));
    let mut tensors = Vec::new();
    for name in &found.names {
        let Some(info) = found.tensors.info(name) else { continue };
        let (start, end) = info.data_offsets;
        let data = from.read(found.data.saturating_add(start as u64), end.saturating_sub(start))?;
        let values = Values::from_le_bytes(&data, info.dtype).ok_or_else(|| WeightsError::Dtype {
            name: name.clone(),
            expected: "I8, U8, I32 or F32".into(),
            found: format!("{}", info.dtype),
            convertible: false,
        })?;
        tensors.push(Int8Tensor { name: name.clone(), shape: info.shape.clone(), values });
    }
    Ok((tensors, layers))
}

fn header(error: impl core::fmt::Display) -> WeightsError {
    WeightsError::Header(format!("{error}"))
}
