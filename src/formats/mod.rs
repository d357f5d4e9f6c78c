//! File formats and source code: how the weights of a network are saved and loaded.
//!
//! | format | use | feature |
//! |---|---|---|
//! | `Safetensors` | weights from and for PyTorch | `safetensors` |
//! | serde | networks, optimisers and whole trainers, in JSON, postcard and others | `serde` |
//! | [`RustSource`] | a `static` in a Rust program | none |

mod rust_source;
#[cfg(feature = "safetensors")]
mod safetensors;
#[cfg(feature = "serde")]
mod serde;

pub use self::rust_source::RustSource;
#[cfg(feature = "safetensors")]
pub use self::safetensors::{Safetensors, WeightsError};
