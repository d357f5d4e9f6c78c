//! File formats and source code: how networks, trainers and training runs are saved and loaded.
//!
//! | format | use | feature |
//! |---|---|---|
//! | `Safetensors` | weights from and for PyTorch | `safetensors` |
//! | `Onnx` | networks from ONNX files | `onnx` |
//! | serde, `load_in_place`, `load_boxed` | networks, optimisers and whole trainers, in JSON, postcard and others | `serde` |
//! | `Fit::checkpoint` | training runs that continue after a crash | `safetensors`, `std` |
//! | [`RustSource`] | a `static` in a Rust program | none |
//!
//! With the feature `std`, `write_file` replaces a file of any format atomically.
//!
//! | file | what it holds |
//! |---|---|
//! | `file.rs` | `write_file`, and how files are opened |
//! | `safetensors/` | the format, loading and saving by path, checkpoints of training runs, errors |
//! | `serde/` | networks, optimiser states and trainers |
//! | `onnx/`, `dense.rs` | the reader of ONNX files, and what it reads: a network of any shapes |
//! | `dense_int8/` | the same network, quantised |
//! | `rust_source.rs` | a network as Rust source |

#[cfg(feature = "onnx")]
mod dense;
#[cfg(feature = "onnx")]
mod dense_int8;
#[cfg(feature = "std")]
mod file;
#[cfg(feature = "onnx")]
mod onnx;
mod rust_source;
#[cfg(feature = "safetensors")]
mod safetensors;
#[cfg(feature = "serde")]
mod serde;

#[cfg(feature = "std")]
pub use self::file::{FileError, write_file};
pub use self::rust_source::RustSource;
#[cfg(all(feature = "safetensors", feature = "std"))]
pub use self::safetensors::{CheckpointError, CheckpointedFit};
#[cfg(feature = "safetensors")]
pub use self::safetensors::{Safetensors, WeightsError};
#[cfg(all(feature = "onnx", feature = "safetensors"))]
pub use self::safetensors::{StoredTensor, StoredTensors};
#[cfg(feature = "serde")]
pub(crate) use self::serde::array;
#[cfg(all(feature = "serde", feature = "alloc"))]
pub use self::serde::load_boxed;
#[cfg(feature = "serde")]
pub use self::serde::{Excerpt, LoadError, LoadInPlace, Mismatch, load_in_place};
#[cfg(feature = "onnx")]
pub use self::{
    dense::{DenseActivation, DenseError, DenseLayer, DenseNetwork},
    dense_int8::{DenseInt8, DenseInt8Error, DenseInt8Kind, DenseInt8Layer},
    onnx::{Onnx, OnnxError},
};
