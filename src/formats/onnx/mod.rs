//! Networks from ONNX files.

mod constants;
mod error;
mod graph;
mod node;
mod proto;
mod quantized;
mod quantized_constants;
mod shapes;
mod simplify;
mod tensor;
mod value;

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use prost::{Message, bytes::Bytes};

pub use self::error::OnnxError;
use super::{dense::DenseNetwork, dense_int8::DenseInt8};

/// Reads bytes from a file beside the ONNX file: its name, the offset and the number of bytes.
pub(crate) type External<'a> = dyn FnMut(&str, u64, usize) -> Result<Vec<u8>, String> + 'a;

/// The options for reading a network from an ONNX file.
///
/// The graph must be a chain of dense layers: `Gemm` or `MatMul` with `Add`, activations, `LayerNormalization` and
/// `Softmax`. `BatchNormalization` and arithmetic with constants, such as a normaliser of the observations, are folded
/// into the layers beside them, or become a [`Standardize`](crate::Standardize) layer at the input. `Identity`,
/// `Dropout`, `Flatten`, `Reshape` and `Cast` are accepted where they change nothing. GELU, SiLU and hard swish may be
/// written out.
///
/// Attributes, such as `alpha`, are stored as `f32`. Each is read as the shortest decimal number that rounds to it, for
/// example 0.1, because PyTorch computes with that number. ONNX Runtime computes with the rounded one: outputs in `f64`
/// differ by about 1e-9.
///
/// The weights may be `DOUBLE`, `FLOAT`, `FLOAT16` or `BFLOAT16`. The memory that is allocated is proportional to the size
/// of the file.
///
/// # Examples
///
/// ```
/// use constnet::{Linear, Elu, Sequential, Zeroed, formats::Onnx};
///
/// # let bytes = include_bytes!("../../../tests/data/onnx/elu.onnx");
/// let dense = Onnx::new().read(bytes)?; // of `std::fs::read("policy.onnx")?`
/// assert_eq!(dense.to_string(), "Sequential![Linear<5, 8>, Elu<8>, Linear<8, 3>]");
/// let mut net: Sequential![Linear<5, 8>, Elu<8>, Linear<8, 3>] = Zeroed::ZERO;
/// dense.load_into(&mut net)?;
/// let y: [f32; 3] = net.predict(&[0.5; 5]);
/// # assert!(y.iter().zip(dense.predict(&[0.5; 5])).all(|(y, exact)| (f64::from(*y) - exact).abs() < 1e-6));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "these are only options: call `read`"]
pub struct Onnx<'a> {
    output: Option<&'a str>,
}

impl<'a> Onnx<'a> {
    /// The graph must have one output.
    pub const fn new() -> Self {
        Self { output: None }
    }

    /// Reads the network that computes this output, and ignores the others.
    pub const fn output(self, name: &'a str) -> Self {
        Self { output: Some(name) }
    }

    /// Reads a network from the bytes of a file, in which all weights are stored.
    ///
    /// # Errors
    ///
    /// If this is no ONNX file, or its graph is no chain of dense layers: the error names the node or tensor.
    pub fn read(&self, bytes: &[u8]) -> Result<DenseNetwork, OnnxError> {
        self.read_with(bytes, &mut |location, _, _| {
            Err(format!("its data are in the file `{location}`; `Onnx::read_file` reads it"))
        })
    }

    /// Reads a quantised network from the bytes of a file, with its own scales: what ONNX Runtime's `quantize_static` wrote,
    /// with `QuantFormat.QDQ` or `QuantFormat.QOperator`. Weights are signed or unsigned bytes with one zero point. The
    /// output bytes are those of ONNX Runtime, except for rare results that are nearly half-way between two bytes.
    ///
    /// # Errors
    ///
    /// If this is no ONNX file, or its graph is no chain of quantised dense layers: the error names the node or tensor.
    pub fn read_quantized(&self, bytes: &[u8]) -> Result<DenseInt8, OnnxError> {
        let model = model(bytes)?;
        let graph = model.graph.as_ref().ok_or_else(|| OnnxError::Format("it has no graph".into()))?;
        quantized::read(graph, self.output, &mut |location, _, _| {
            Err(format!("its data are in the file `{location}`, expected them in the same file"))
        })
    }

    /// Reads a network from a file, and from the files of weights beside it that it names.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, and those of [`read`](Self::read).
    pub fn read_file(&self, path: impl AsRef<std::path::Path>) -> Result<DenseNetwork, OnnxError> {
        use std::io::Read as _;

        let path = path.as_ref();
        let (mut file, _) = super::file::open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(super::FileError::of("read", path))?;
        let folder = path.parent().unwrap_or(std::path::Path::new(""));
        let mut used = BTreeMap::new();
        self.read_with(&bytes, &mut |location, offset, length| {
            read_beside(folder, &mut used, location, offset, length)
        })
    }

    fn read_with(&self, bytes: &[u8], external: &mut External<'_>) -> Result<DenseNetwork, OnnxError> {
        let model = model(bytes)?;
        let Some(graph) = &model.graph else {
            return Err(OnnxError::Format("it has no graph".into()));
        };
        let version = model
            .operator_sets
            .iter()
            .find(|set| set.domain.is_empty() || set.domain == "ai.onnx")
            .map_or(1, |set| set.version);
        graph::read(graph, version, self.output, external)
    }
}

/// The content of a file.
fn model(bytes: &[u8]) -> Result<proto::Model, OnnxError> {
    if bytes.starts_with(b"PK\x03\x04") {
        let text = "it is a PyTorch file (.pt): use `torch.onnx.export(model, example, \"model.onnx\")`";
        return Err(OnnxError::Format(text.into()));
    }
    proto::Model::decode(Bytes::copy_from_slice(bytes))
        .map_err(|error| OnnxError::Format(format!("{error}; it was cut short, or has another format")))
}

/// Reads a part of a file in the folder of the ONNX file. `used` holds the number of bytes that were read of each file.
fn read_beside(
    folder: &std::path::Path,
    used: &mut BTreeMap<String, u64>,
    location: &str,
    offset: u64,
    length: usize,
) -> Result<Vec<u8>, String> {
    use std::{
        io::{Read as _, Seek as _, SeekFrom},
        path::{Component, Path},
    };

    // Not a file elsewhere: the ONNX file may come from somebody else.
    if !Path::new(location).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return Err(format!("its data are in `{location}`, expected a file in the folder of the ONNX file"));
    }
    let path = folder.join(location);
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // A symbolic link may lead elsewhere. A file that is not there is reported below.
    if let (Ok(folder), Ok(path)) = (folder.canonicalize(), path.canonicalize())
        && !path.starts_with(folder)
    {
        return Err(format!(
            "its data are in `{location}`, a link to a file outside the folder of the ONNX file"
        ));
    }
    let (mut file, size) = super::file::open(&path).map_err(|error| format!("{error}"))?;
    if offset.checked_add(length as u64).is_none_or(|end| end > size) {
        return Err(format!(
            "{} has {size} bytes, expected at least {}: it was cut short",
            path.display(),
            offset.saturating_add(length as u64)
        ));
    }
    // The memory is proportional to the files, even if many tensors use the same part of one.
    let total = used.entry(location.into()).or_default();
    *total = total.saturating_add(length as u64);
    if *total > size.saturating_mul(2) {
        return Err(format!("too many tensors use the same part of {}", path.display()));
    }
    let mut bytes = alloc::vec![0; length];
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(bytes)
}
