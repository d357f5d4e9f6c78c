//! The errors of loading and saving weights.

use alloc::{string::String, vec::Vec};
use core::fmt;

#[cfg(feature = "std")]
use crate::formats::FileError;
use crate::{layers::parameter::Sizes, quantized::TensorError};

/// The reason why a file of weights was not loaded or not saved.
#[derive(Debug)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file is longer or shorter than its header states.
    Length {
        /// The number of bytes by the header, as far as it could be read.
        expected: u64,
        /// The number of bytes of the file.
        found: u64,
    },
    /// This is no safetensors file, or its header contradicts itself.
    Header(String),
    /// A tensor of the network is missing in the file.
    Missing {
        /// Its name in the file.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The most similar name in the file that is not a tensor of the network and has this shape.
        nearest: Option<String>,
        /// The call of [`Safetensors`](crate::Safetensors) that may help.
        help: Option<String>,
    },
    /// A tensor of the file is not part of the network.
    Extra {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A tensor has another element type.
    Dtype {
        /// Its name.
        name: String,
        /// The network's element type, `F32` or `F64`.
        expected: String,
        /// The element type in the file.
        found: String,
        /// Whether [`Safetensors::convert`](crate::Safetensors::convert) would allow it.
        convertible: bool,
    },
    /// A tensor has another shape.
    Shape {
        /// Its name.
        name: String,
        /// The shape that the network has.
        expected: Vec<usize>,
        /// The shape that the file has.
        found: Vec<usize>,
    },
    /// A number is not finite in the network's element type.
    NotFinite {
        /// The name of its tensor.
        name: String,
        /// Its row and column, or place in a vector.
        place: Vec<usize>,
        /// The number in the file.
        value: f64,
    },
    /// This is a file of another format.
    OtherFormat {
        /// The format, for example `"a PyTorch file (.pt)"`.
        format: &'static str,
        /// The Python call or the command that writes a safetensors file.
        instead: &'static str,
    },
    /// A batch normalisation of the file has no linear layer beside it into which it could be folded.
    BatchNorm {
        /// The name of one of its tensors.
        name: String,
        /// The number of its features.
        features: usize,
    },
    /// Two tensors of the network would have the same name, or one would have the name that the format reserves.
    SameName {
        /// That name.
        name: String,
    },
    /// The header is longer than that of a file with the tensors of this network.
    HeaderLength {
        /// The largest length, in bytes.
        expected: u64,
        /// The length that the file states.
        found: u64,
    },
    /// The weights are those of a network with other layers: the file records them.
    Layers {
        /// The layers of the network, as [`Sequential::layers`](crate::Sequential::layers) writes them.
        expected: String,
        /// The layers of the network that was saved.
        found: String,
    },
    /// The tensors are not those of the quantised network.
    Quantized(TensorError),
    /// The file could not be read, or not written.
    #[cfg(feature = "std")]
    File(FileError),
}

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } if found < expected => {
                write!(
                    f,
                    "the file has {found} bytes, expected {expected}: it was cut short, or is no safetensors file"
                )
            }
            Self::Length { expected, found } => {
                write!(f, "the file has {found} bytes, expected {expected}: something was added to it")
            }
            Self::Quantized(error) => error.fmt(f),
            Self::Header(reason) => write!(f, "this is not a safetensors file: {reason}"),
            Self::Missing { name, shape, nearest, help } => {
                write!(f, "the file has no tensor `{name}` of shape {}", Sizes(shape))?;
                match (nearest, help) {
                    (Some(nearest), Some(help)) => write!(f, "; is it `{nearest}`? Then use `{help}`"),
                    (Some(nearest), None) => write!(f, "; is it `{nearest}`?"),
                    (None, Some(help)) if help.starts_with(".fold") => {
                        write!(f, ", but batch normalisation, which `{help}` folds into the linear layers")
                    }
                    (None, Some(help)) if help.starts_with(".allow_missing_bias") => {
                        write!(f, "; `{help}` sets it to zero")
                    }
                    (None, Some(help)) => write!(f, "; `{help}` leaves the values of the network"),
                    (None, None) => Ok(()),
                }
            }
            Self::OtherFormat { format, instead } => {
                write!(f, "this is {format}, expected a safetensors file: write one by `{instead}`")
            }
            Self::BatchNorm { name, features } => {
                write!(
                    f,
                    "`{name}` is part of a batch normalisation of {features} features, but the network has no linear layer of that width before or after it"
                )
            }
            Self::Extra { name, shape } => {
                write!(
                    f,
                    "the file has a tensor `{name}` of shape {}, which is not part of the network; `.allow_extra()` ignores it",
                    Sizes(shape)
                )
            }
            Self::Dtype { name, expected, found, convertible } => {
                write!(f, "tensor `{name}` is {found}, expected {expected}")?;
                if *convertible { f.write_str("; `.convert()` allows that") } else { Ok(()) }
            }
            Self::Shape { name, expected, found } => {
                write!(f, "tensor `{name}` has the shape {}, expected {}", Sizes(found), Sizes(expected))?;
                if found.iter().rev().eq(expected) {
                    f.write_str(": it is transposed; `.transposed()` reads (IN, OUT)")
                } else {
                    Ok(())
                }
            }
            Self::NotFinite { name, place, value } => {
                write!(f, "tensor `{name}` has {value} at {}, expected a finite number", Sizes(place))?;
                if value.is_finite() { f.write_str(" of type f32") } else { Ok(()) }
            }
            Self::SameName { name } => {
                write!(
                    f,
                    "a tensor cannot have the name `{name}`: another tensor has it, or the format reserves it"
                )
            }
            Self::HeaderLength { expected, found } => {
                write!(
                    f,
                    "the header has {found} bytes, expected at most {expected} for the tensors of this network"
                )
            }
            Self::Layers { expected, found } => {
                write!(
                    f,
                    "the file has the weights of `{found}`, expected those of `{expected}`; `.allow_other_layers()` allows that"
                )
            }
            #[cfg(feature = "std")]
            Self::File(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for WeightsError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            #[cfg(feature = "std")]
            Self::File(error) => error.source(),
            _ => None,
        }
    }
}

#[cfg(feature = "std")]
impl From<FileError> for WeightsError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}
