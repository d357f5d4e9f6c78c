//! File formats and source code: how the weights of a network are saved and loaded.
//!
//! | format | use | feature |
//! |---|---|---|
//! | `Safetensors` | weights from and for PyTorch | `safetensors` |
//! | serde, `load_in_place`, `load_boxed` | networks, optimisers and whole trainers, in JSON, postcard and others | `serde` |
//! | `Fit::checkpoint` | training runs that continue after a crash | `safetensors`, `std` |
//! | [`RustSource`] | a `static` in a Rust program | none |
//!
//! With the feature `std`, `write_file` saves the bytes of any format to a file that is complete at every moment.

#[cfg(feature = "std")]
mod file;
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
#[cfg(all(feature = "serde", feature = "alloc"))]
pub use self::serde::load_boxed;
#[cfg(feature = "serde")]
pub use self::serde::{Excerpt, LoadError, LoadInPlace, Mismatch, load_in_place};
