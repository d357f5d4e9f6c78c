//! The header of a file: where it is read from, and what it must have.

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use ::safetensors::tensor::Metadata;

use super::WeightsError;

/// The name that the format reserves.
pub(super) const METADATA: &str = "__metadata__";

/// The name of the metadata in which this crate records where the weights come from, as lines.
pub(super) const ORIGIN: &str = "constnet";

/// The name of the line with the layers.
pub(super) const LAYERS: &str = "layers";

/// The value of a line of the record, `name: value`.
pub(super) fn line<'r>(record: &'r str, name: &str) -> Option<&'r str> {
    record.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The first line of the record.
pub(super) fn origin() -> String {
    format!("version: {}", env!("CARGO_PKG_VERSION"))
}

/// Where a file is read from: memory, or a disk.
pub(super) trait Source<'b> {
    /// The number of bytes.
    fn length(&self) -> u64;

    /// Reads some of them.
    fn read(&mut self, start: u64, length: usize) -> Result<Cow<'b, [u8]>, WeightsError>;
}

impl<'b> Source<'b> for &'b [u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read(&mut self, start: u64, length: usize) -> Result<Cow<'b, [u8]>, WeightsError> {
        let bytes = usize::try_from(start).ok().and_then(|start| self.get(start..start.checked_add(length)?));
        Ok(bytes.unwrap_or_default().into())
    }
}

/// A parsed header that matches the length of the file.
pub(super) struct Header {
    pub(super) tensors: Metadata,
    pub(super) names: Vec<String>,
    /// Where the data start.
    pub(super) data: u64,
}

impl Header {
    /// What this crate recorded.
    pub(super) fn origin(&self) -> Option<&str> {
        self.tensors.metadata().as_ref()?.get(ORIGIN).map(String::as_str)
    }

    /// Reads the header: its length in eight bytes, then JSON.
    ///
    /// `SafeTensors::deserialize` would do the same, but its sum of offsets overflows: offsets near 2⁶⁴ make it panic.
    pub(super) fn read<'b>(from: &mut impl Source<'b>, longest: u64) -> Result<Self, WeightsError> {
        /// The number of bytes of the length.
        const START: u64 = 8;
        let found = from.length();
        let length = |expected: u64| WeightsError::Length { expected, found };
        if found < START {
            return Err(length(START));
        }
        let size = from.read(0, START as usize)?;
        let size = u64::from_le_bytes(*size.first_chunk().ok_or_else(|| length(START))?);
        if found > START && *from.read(START, 1)? != *b"{" {
            let other = other_format(&from.read(0, START as usize)?);
            let none = || WeightsError::Header("there is no `{` after the first eight bytes".into());
            return Err(other.unwrap_or_else(none));
        }
        let data = size.saturating_add(START);
        if data > found {
            return Err(length(data));
        }
        let Some(bytes) = usize::try_from(size).ok().filter(|_| size <= longest) else {
            return Err(WeightsError::HeaderLength { expected: longest, found: size });
        };
        let header = from.read(START, bytes)?;
        let tensors: Metadata =
            serde_json::from_slice(&header).map_err(|error| WeightsError::Header(format!("{error}")))?;
        // What the offsets cover without a gap: the check of `Metadata` itself.
        let end = data.saturating_add(tensors.data_len() as u64);
        if end != found {
            return Err(length(end));
        }
        Ok(Self { names: tensors.offset_keys(), tensors, data })
    }
}

/// The error for the file of another program, by its first bytes.
fn other_format(start: &[u8]) -> Option<WeightsError> {
    let [format, instead] = match start {
        [b'P', b'K', 3, 4, ..] => {
            ["a PyTorch file (.pt)", "safetensors.torch.save_file(model.state_dict(), \"model.safetensors\")"]
        }
        [0x80, 2..=5, ..] => [
            "a Python pickle (.pt)",
            "safetensors.torch.save_file(model.state_dict(), \"model.safetensors\")",
        ],
        [0x89, b'H', b'D', b'F', ..] => [
            "an HDF5 file of Keras (.h5)",
            "safetensors.numpy.save_file({w.path: w.numpy() for w in model.weights}, …)",
        ],
        // The version of the format, then the text or message that follows it in every exporter.
        [8, 1..=20, 0x12 | 0x1a | 0x22 | 0x32 | 0x3a | 0x42, ..] => {
            ["an ONNX file", "constnet convert model.onnx -o model.safetensors"]
        }
        _ => return None,
    };
    Some(WeightsError::OtherFormat { format, instead })
}
