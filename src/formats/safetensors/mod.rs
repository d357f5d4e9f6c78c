//! Weights in safetensors files, the format in which PyTorch users share weights.

mod batch_norm;
#[cfg(feature = "std")]
mod checkpoint;
mod checks;
#[cfg(feature = "onnx")]
mod dense;
mod error;
#[cfg(feature = "std")]
mod file;
mod header;
mod names;
mod quantized;
mod tensor;

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use ::safetensors::{serialize, tensor::TensorInfo};
use num_traits::Float;

use self::{
    header::{Header, LAYERS, METADATA, ORIGIN, Source, origin},
    tensor::{Tensor, Values},
};

#[cfg(feature = "std")]
pub use self::checkpoint::{CheckpointError, CheckpointedFit};
#[cfg(feature = "onnx")]
pub use self::dense::{StoredTensor, StoredTensors};
pub use self::error::WeightsError;
#[cfg(feature = "onnx")]
pub(super) use self::quantized::{read as read_quantized, write as write_quantized};
use crate::{
    layers::{Elem, Layer, Layers, Parameter, parameters},
    network::Sequential,
};

/// The bytes of a character in JSON, at most: `\u0000`.
const CHARACTER: u64 = 6;

/// The options for loading a network from a safetensors file and for saving it to one.
///
/// By default, names and shapes are those of `torch.nn.Sequential` with the same layers: `0.weight (OUT, IN)`,
/// `0.bias (OUT,)`, `2.weight` and so on. The file must hold all tensors of the network and no others, in the element
/// type of the network, with finite values. A network inside a network adds no level to the names (see
/// [`parameters`](Sequential::parameters)); set [`names`](Self::names) to load names such as PyTorch's `1.0.weight`.
///
/// The whole file is checked before the first number is copied: after an error the network is as it was, bit for bit.
/// [`load`](Self::load) allocates memory in proportion to the bytes, `load_file` to the network and the header, even if
/// the header is wrong.
///
/// A saved file records the version of this crate and the [layers](Sequential::layers) of the network, in the metadata
/// `constnet` of the format, which PyTorch ignores. It cannot be loaded into a network of other layers, unless that is
/// [allowed](Self::allow_other_layers). Files without this record, such as PyTorch's, are loaded if all tensors fit.
///
/// # Examples
///
/// ```
/// use constnet::{He, Safetensors, Zeroed, mlp};
/// use rand::{RngExt, SeedableRng, rngs::StdRng};
///
/// let net: mlp![5, 64, 3] = StdRng::seed_from_u64(0).sample(He);
/// let bytes = net.to_safetensors()?;
///
/// let mut same = <mlp![5, 64, 3]>::ZERO;
/// same.load_safetensors(&bytes)?;
/// assert_eq!(same, net);
///
/// // As part of a model: `policy.0.weight`, `policy.0.bias`, …
/// let bytes = Safetensors::new().prefix("policy.").save(&net)?;
/// let error = same.load_safetensors(&bytes).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the file has no tensor `0.weight` of shape (64, 5); is it `policy.0.weight`? Then use `.prefix(\"policy.\")`"
/// );
/// Safetensors::new().prefix("policy.").load(&mut same, &bytes)?;
/// # Ok::<(), constnet::formats::WeightsError>(())
/// ```
///
/// A PyTorch module that names its layers, `self.hidden = nn.Linear(5, 64)`, `self.out = nn.Linear(64, 3)`:
///
/// ```
/// use constnet::{Safetensors, Zeroed, mlp};
///
/// let names = |layer: usize, name: &str| format!("{}.{name}", if layer == 0 { "hidden" } else { "out" });
/// let bytes = Safetensors::new().names(&names).save(&<mlp![5, 64, 3]>::ZERO)?;
/// # let mut net = <mlp![5, 64, 3]>::ZERO;
/// # Safetensors::new().names(&names).load(&mut net, &bytes)?;
/// # Ok::<(), constnet::formats::WeightsError>(())
/// ```
#[derive(Clone, Copy)]
#[must_use = "these are only options: call `load` or `save`"]
pub struct Safetensors<'a> {
    prefix: &'a str,
    names: &'a (dyn Fn(usize, &str) -> String + Sync),
    convert: bool,
    not_finite: bool,
    other_layers: bool,
    extra: bool,
    missing: bool,
    missing_bias: bool,
    transposed: bool,
    batch_norm: Option<f64>,
}

impl<'a> Safetensors<'a> {
    /// The names of PyTorch's `Sequential`; all checks are on.
    pub const fn new() -> Self {
        Self {
            prefix: "",
            names: &|layer, name| format!("{layer}.{name}"),
            convert: false,
            not_finite: false,
            other_layers: false,
            extra: false,
            missing: false,
            missing_bias: false,
            transposed: false,
            batch_norm: None,
        }
    }

    /// The prefix of every name. Tensors in the file with other prefixes are ignored.
    pub const fn prefix(self, prefix: &'a str) -> Self {
        Self { prefix, ..self }
    }

    /// The function that computes the name of a tensor, after the prefix, from the index of its layer and `"weight"` or
    /// `"bias"`.
    pub const fn names(self, names: &'a (dyn Fn(usize, &str) -> String + Sync)) -> Self {
        Self { names, ..self }
    }

    /// Allows loading `F64` as `f32`, each number rounded to the nearest, `F32` as `f64`, and the 16-bit types `F16` and
    /// `BF16`, of which every number is an `f32`.
    pub const fn convert(self) -> Self {
        Self { convert: true, ..self }
    }

    /// Allows loading NaN and infinity.
    pub const fn allow_not_finite(self) -> Self {
        Self { not_finite: true, ..self }
    }

    /// Allows loading a file that was saved from a network with other [layers](Sequential::layers), for example with
    /// another activation, if all tensors fit.
    pub const fn allow_other_layers(self) -> Self {
        Self { other_layers: true, ..self }
    }

    /// Ignores tensors of the file that are not part of the network.
    pub const fn allow_extra(self) -> Self {
        Self { extra: true, ..self }
    }

    /// Keeps the values of parameters that the file does not have: a new head on an old body. At least one parameter must
    /// be in the file.
    ///
    /// # Examples
    ///
    /// The body was trained for another task. The tensors of its old head have other shapes, so that they need other
    /// names; then they are extra.
    ///
    /// ```
    /// use constnet::{He, Safetensors, Zeroed, mlp};
    /// use rand::{RngExt, SeedableRng, rngs::StdRng};
    ///
    /// let old: mlp![5, 16, 8, 3] = StdRng::seed_from_u64(0).sample(He);
    /// let mut net: mlp![5, 16, 8, 1] = StdRng::seed_from_u64(1).sample(He);
    /// let head = *net.layer::<4>();
    ///
    /// let names = |layer: usize, name: &str| format!("{}.{name}", if layer == 4 { "new" } else { ["0", "", "2", ""][layer] });
    /// let part = Safetensors::new().names(&names).allow_missing().allow_extra().allow_other_layers();
    /// part.load(&mut net, &old.to_safetensors()?)?;
    /// assert_eq!(net.layer::<2>(), old.layer::<2>());
    /// assert_eq!(net.layer::<4>(), &head);
    /// # Ok::<(), constnet::formats::WeightsError>(())
    /// ```
    pub const fn allow_missing(self) -> Self {
        Self { missing: true, ..self }
    }

    /// Sets biases that the file does not have to zero: PyTorch's `nn.Linear(…, bias=False)`.
    pub const fn allow_missing_bias(self) -> Self {
        Self { missing_bias: true, ..self }
    }

    /// Reads matrices of shape `(IN, OUT)`, such as the kernels of Keras and Flax, instead of PyTorch's `(OUT, IN)`.
    pub const fn transposed(self) -> Self {
        Self { transposed: true, ..self }
    }

    /// Folds each batch normalisation of the file, PyTorch's `nn.BatchNorm1d(…, eps)`, into the linear layer before it, or
    /// else into the linear layer after it. This is exact up to rounding, because a trained batch normalisation
    /// multiplies by a constant and adds another one.
    ///
    /// The network has no layers for them, but the file counts them: [`names`](Self::names) is called with the numbers of
    /// the file. A number at which the file has a `running_mean` is a batch normalisation. The linear layer before it may
    /// have no bias. PyTorch's `eps` is 10⁻⁵, that of Keras 10⁻³; files do not record it.
    pub const fn fold_batch_norm(self, eps: f64) -> Self {
        Self { batch_norm: Some(eps), ..self }
    }

    /// Loads a network from the bytes of a file.
    ///
    /// # Errors
    ///
    /// Names the tensor that does not fit, what was expected and what was found. The network is then as it was.
    pub fn load<N: Layer>(&self, net: &mut N, bytes: &[u8]) -> Result<(), WeightsError> {
        self.load_from(net, bytes)
    }

    fn load_from<'b, N: Layer>(&self, net: &mut N, mut from: impl Source<'b>) -> Result<(), WeightsError> {
        let expected = self.named(net)?;
        let header = Header::read(&mut from, self.longest_header(&expected))?;
        let Some(eps) = self.batch_norm else {
            let infos = self.check(&expected, &header)?;
            self.check_layers(net, &header)?;
            let values = self.values(&expected, &infos, header.data, &mut from)?;
            copy(net, &mut values.iter());
            return Ok(());
        };
        let numbers = self.numbers::<N>(&header);
        let expected = self.named_by(net, &numbers.layers)?;
        let infos = Self { missing_bias: true, ..*self }.check(&expected, &header)?;
        let norms = self.batch_norms(&numbers, eps, &header, &mut from)?;
        let mut values = self.values(&expected, &infos, header.data, &mut from)?;
        batch_norm::fold(net, &norms, &mut values)?;
        for ((name, parameter), values) in expected.iter().zip(&values) {
            self.check_values(name, parameter, values)?;
        }
        copy(net, &mut values.iter());
        Ok(())
    }

    /// Reads the values of each parameter.
    fn values<'b, T: Float>(
        &self,
        expected: &[(String, Parameter<'_, T>)],
        infos: &[Option<&TensorInfo>],
        data: u64,
        from: &mut impl Source<'b>,
    ) -> Result<Vec<Values<'b>>, WeightsError> {
        let mut all = Vec::with_capacity(expected.len());
        for ((name, parameter), info) in expected.iter().zip(infos) {
            let Some(info) = info else {
                // A missing bias is zero, another missing parameter is kept.
                let zero = parameter.name == "bias" && (self.missing_bias || self.batch_norm.is_some());
                all.push(if zero { Values::Zeros(parameter.values.len()) } else { Values::Kept });
                continue;
            };
            let values = Values::read(info, data, from)?.unwrap_or(Values::Kept);
            let values = match values {
                Values::Stored { dtype, bytes, .. } if self.transposed && parameter.dims == 2 => {
                    Values::Stored { dtype, bytes, transposed: Some(parameter.shape) }
                }
                values => values,
            };
            self.check_values(name, parameter, &values)?;
            all.push(values);
        }
        Ok(all)
    }

    /// The bytes of a file with the network's parameters. NaN and infinity are saved too; loading them must be
    /// [allowed](Self::allow_not_finite).
    ///
    /// # Errors
    ///
    /// If two parameters would have the same name.
    pub fn save<N: Layer>(&self, net: &N) -> Result<Vec<u8>, WeightsError> {
        let record = format!("{}\n{LAYERS}: {}", origin(), Layers(net));
        serialize_all(self.named(net)?, record)
    }

    /// The parameters with their names, which are all different.
    fn named<'n, N: Layer>(&self, net: &'n N) -> Result<Vec<(String, Parameter<'n, Elem<N>>)>, WeightsError> {
        self.named_by(net, &batch_norm::Numbers::consecutive::<N>().layers)
    }

    /// The same, where each layer has the number in this list.
    fn named_by<'n, N: Layer>(
        &self,
        net: &'n N,
        numbers: &[usize],
    ) -> Result<Vec<(String, Parameter<'n, Elem<N>>)>, WeightsError> {
        let mut named = Vec::<(String, _)>::new();
        for parameter in parameters(net) {
            let layer = numbers.get(parameter.layer).copied().unwrap_or(parameter.layer);
            let name = self.name(&Parameter { layer, ..parameter });
            if name == METADATA || named.iter().any(|(other, _)| *other == name) {
                return Err(WeightsError::SameName { name });
            }
            named.push((name, parameter));
        }
        Ok(named)
    }

    fn name<T>(&self, parameter: &Parameter<'_, T>) -> String {
        let mut name = String::from(self.prefix);
        name.push_str(&(self.names)(parameter.layer, parameter.name));
        name
    }

    /// The largest number of bytes of a header of which all entries are needed, with the metadata. With a prefix, a file
    /// can have any other tensors: then it is the limit of the format.
    fn longest_header<T>(&self, expected: &[(String, Parameter<'_, T>)]) -> u64 {
        /// The metadata, for example of the program that trained the network.
        const METADATA: u64 = 1 << 20;
        /// An entry without its name: an element type, two sizes, two offsets, and white space.
        const ENTRY: u64 = 1 << 10;
        const FORMAT: u64 = 100_000_000;
        if !self.prefix.is_empty() || self.extra || self.batch_norm.is_some() {
            return FORMAT;
        }
        let entries = expected.iter().map(|(name, _)| ENTRY + CHARACTER * name.len() as u64);
        entries.fold(METADATA, u64::saturating_add).min(FORMAT)
    }
}

impl Default for Safetensors<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Safetensors<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Safetensors")
            .field("prefix", &self.prefix)
            .field("convert", &self.convert)
            .field("not_finite", &self.not_finite)
            .field("other_layers", &self.other_layers)
            .field("extra", &self.extra)
            .field("missing", &self.missing)
            .field("missing_bias", &self.missing_bias)
            .field("transposed", &self.transposed)
            .field("batch_norm", &self.batch_norm)
            .finish_non_exhaustive()
    }
}

impl<L: Layer> Sequential<L> {
    /// Loads a file that PyTorch saved from an `nn.Sequential` with the same layers:
    /// `safetensors.torch.save_file(net.state_dict(), path)`. For other names or element types use [`Safetensors`].
    ///
    /// # Errors
    ///
    /// Those of [`Safetensors::load`]; the network is then as it was.
    pub fn load_safetensors(&mut self, bytes: &[u8]) -> Result<(), WeightsError> {
        Safetensors::new().load(self, bytes)
    }

    /// What PyTorch loads into an `nn.Sequential` of the same layers:
    /// `net.load_state_dict(safetensors.torch.load_file(path))`.
    ///
    /// # Errors
    ///
    /// Those of [`Safetensors::save`]; with PyTorch's names there are none.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, WeightsError> {
        Safetensors::new().save(self)
    }
}

/// The bytes of a file with these tensors and this record.
fn serialize_all<T: Float>(
    named: Vec<(String, Parameter<'_, T>)>,
    record: String,
) -> Result<Vec<u8>, WeightsError> {
    let tensors = named.into_iter().map(|(name, parameter)| (name, Tensor(parameter)));
    let metadata = [(String::from(ORIGIN), record)].into_iter().collect();
    serialize(tensors, Some(metadata)).map_err(|error| WeightsError::Header(format!("{error}")))
}

/// Copies as many values into a network as it has parameters.
fn copy<N: Layer>(net: &mut N, values: &mut core::slice::Iter<'_, Values<'_>>) {
    for index in 0..net.tensors() {
        if let (Some(mut parameter), Some(values)) = (net.parameter_mut(index), values.next()) {
            let mut values = values.iter::<Elem<N>>();
            parameter.for_each_mut(|to| *to = values.next().unwrap_or(*to));
        }
    }
}
