//! File formats and source code: how the weights of a network are saved and loaded.
//!
//! | format | use | feature |
//! |---|---|---|
//! | `Safetensors` | weights from and for PyTorch | `safetensors` |
//! | serde, `load_in_place`, `load_boxed` | networks, optimisers and whole trainers, in JSON, postcard and others | `serde` |
//! | [`RustSource`] | a `static` in a Rust program | none |

mod rust_source;
#[cfg(feature = "safetensors")]
mod safetensors;
#[cfg(feature = "serde")]
mod serde;

pub use self::rust_source::RustSource;
#[cfg(feature = "safetensors")]
pub use self::safetensors::{Safetensors, WeightsError};
#[cfg(all(feature = "serde", feature = "alloc"))]
pub use self::serde::load_boxed;
#[cfg(feature = "serde")]
pub use self::serde::{Excerpt, LoadError, LoadInPlace, Mismatch, load_in_place};
