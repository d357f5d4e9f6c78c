//! Quantised networks in flash: see `build.rs`.

pub use crate::random_layers::Hash;

include!(concat!(env!("OUT_DIR"), "/quantized.rs"));

/// The hash of the outputs of ONNX Runtime and LiteRT for all images, of the network that was calibrated with them.
pub const REFERENCE: Hash = Hash(include!("../../../tests/data/quantized_digits.rs"));
