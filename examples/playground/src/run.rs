//! A network in training, whatever its type.

#[cfg(feature = "files")]
use constnet::formats::WeightsError;
use constnet::{Error, layers::Parameter};

use crate::data::Data;

/// A network in training. One type for each compiled network and batch size implements it.
pub trait Run {
    /// Makes up to `count` steps. Returns how many were made: fewer if the method has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] if a step was not finite. The network keeps its last finite values.
    fn advance(&mut self, data: &Data, count: usize) -> Result<usize, Error<f32>>;

    /// The gradient of the training loss, in the order of [`values`].
    fn gradient(&mut self, data: &Data) -> Vec<f32>;

    /// The parameters with this index: a matrix of weights and a vector of biases for each linear layer.
    fn parameter(&self, index: usize) -> Option<Parameter<'_, f32>>;

    /// Overwrites all parameters, in the order of [`values`], and starts the method again.
    fn set(&mut self, values: &[f32]);

    /// Starts the method again from the present weights.
    fn restart(&mut self);

    /// Loads a safetensors file, and starts the method again.
    ///
    /// # Errors
    ///
    /// If the file does not fit; nothing is changed.
    #[cfg(feature = "files")]
    fn load(&mut self, file: &[u8]) -> Result<(), WeightsError>;

    /// The bytes of a safetensors file.
    ///
    /// # Errors
    ///
    /// With the names of PyTorch, none.
    #[cfg(feature = "files")]
    fn save(&self) -> Result<Vec<u8>, WeightsError>;

    /// The network as Rust source, for flash.
    #[cfg(feature = "files")]
    fn source(&self) -> String;
}

/// All values of the parameters, layer by layer, in PyTorch's order.
#[must_use]
pub fn values(run: &dyn Run) -> Vec<f32> {
    flat(&|index| run.parameter(index))
}

/// The values of parameters, one after the other.
pub(crate) fn flat<'a>(parameter: &dyn Fn(usize) -> Option<Parameter<'a, f32>>) -> Vec<f32> {
    let mut values = Vec::new();
    (0..).map_while(parameter).for_each(|parameter| values.extend(parameter.iter()));
    values
}

/// A hash of the bits of numbers: FNV-1a, of 32 bits.
#[must_use]
pub fn hash(values: &[f32]) -> u32 {
    let bytes = values.iter().flat_map(|value| value.to_bits().to_le_bytes());
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
