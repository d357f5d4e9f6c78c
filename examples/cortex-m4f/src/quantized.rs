//! Quantised networks in flash: see `build.rs`.

pub use crate::hash::Hash;

include!(concat!(env!("OUT_DIR"), "/quantized.rs"));
