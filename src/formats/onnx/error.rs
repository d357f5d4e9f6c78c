//! The errors of reading ONNX files.

use alloc::string::String;
use core::fmt;

/// The reason why an ONNX file was not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum OnnxError {
    /// This is no ONNX file, or it was cut short.
    Format(String),
    /// A node has an operator, or an attribute or input of an operator, that a chain of layers cannot have.
    Node {
        /// The name of the node, or of its first output if it has none.
        node: String,
        /// Its operator.
        op: String,
        /// What was expected and what was found, and what helps.
        reason: String,
    },
    /// A tensor of weights does not fit, or its numbers cannot be read.
    Tensor {
        /// Its name.
        name: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// The inputs or outputs of the graph are not those of a chain of layers.
    Graph(String),
    /// The network is quantised: [`Onnx::read_quantized`](crate::formats::Onnx::read_quantized) reads it.
    Quantized,
    /// A file could not be read.
    File(crate::formats::FileError),
}

impl fmt::Display for OnnxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(reason) => write!(f, "this is not an ONNX file: {reason}"),
            Self::Node { node, op, reason } => write!(f, "node `{node}` ({op}): {reason}"),
            Self::Tensor { name, reason } => write!(f, "tensor `{name}`: {reason}"),
            Self::Graph(reason) => f.write_str(reason),
            Self::Quantized => f.write_str("the network is quantised: read it by `Onnx::read_quantized`"),
            Self::File(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for OnnxError {}

impl From<crate::formats::FileError> for OnnxError {
    fn from(error: crate::formats::FileError) -> Self {
        Self::File(error)
    }
}
