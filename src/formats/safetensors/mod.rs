//! Weights in safetensors files, the format in which PyTorch users share weights.

#[cfg(feature = "std")]
mod checkpoint;
mod error;
#[cfg(feature = "std")]
mod file;

use alloc::{borrow::Cow, format, string::String, vec, vec::Vec};
use core::fmt;

use ::safetensors::{
    Dtype, View, serialize,
    tensor::{Metadata, TensorInfo},
};
use num_traits::{Float, NumCast};

#[cfg(feature = "std")]
pub use self::checkpoint::{CheckpointError, CheckpointedFit};
pub use self::error::WeightsError;
use crate::{
    layers::{Elem, Layer, Layers, Parameter, parameters},
    network::Sequential,
};

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
///     "the file has no tensor `0.weight` of shape (64, 5); is it `policy.0.weight`?"
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
    names: &'a dyn Fn(usize, &str) -> String,
    convert: bool,
    not_finite: bool,
    other_layers: bool,
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
        }
    }

    /// The prefix of every name. Tensors in the file with other prefixes are ignored.
    pub const fn prefix(self, prefix: &'a str) -> Self {
        Self { prefix, ..self }
    }

    /// The function that computes the name of a tensor, after the prefix, from the index of its layer and `"weight"` or
    /// `"bias"`.
    pub const fn names(self, names: &'a dyn Fn(usize, &str) -> String) -> Self {
        Self { names, ..self }
    }

    /// Allows loading `F64` as `f32`, each number rounded to the nearest, and `F32` as `f64`.
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
        let infos = self.check(&expected, &header)?;
        self.check_layers(net, &header)?;
        let values = self.values(&expected, &infos, header.data, &mut from)?;
        copy(net, &mut values.iter());
        Ok(())
    }

    /// Reads the values of each parameter.
    fn values<'b, T: Float>(
        &self,
        expected: &[(String, Parameter<'_, T>)],
        infos: &[&TensorInfo],
        data: u64,
        from: &mut impl Source<'b>,
    ) -> Result<Vec<Values<'b>>, WeightsError> {
        let mut all = Vec::with_capacity(expected.len());
        for ((name, parameter), info) in expected.iter().zip(infos) {
            let (start, end) = info.data_offsets;
            let bytes = from.read(data.saturating_add(start as u64), end.saturating_sub(start))?;
            let values = Values { dtype: info.dtype, bytes };
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
        let mut named = Vec::<(String, _)>::new();
        for parameter in parameters(net) {
            let name = self.name(&parameter);
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
        /// A character as JSON: `\u0000`.
        const CHARACTER: u64 = 6;
        const FORMAT: u64 = 100_000_000;
        if !self.prefix.is_empty() {
            return FORMAT;
        }
        let entries = expected.iter().map(|(name, _)| ENTRY + CHARACTER * name.len() as u64);
        entries.fold(METADATA, u64::saturating_add).min(FORMAT)
    }

    /// Where the values of each parameter are, if the tensors of the file are those of the network.
    fn check<'h, T: Float>(
        &self,
        expected: &[(String, Parameter<'_, T>)],
        header: &'h Header,
    ) -> Result<Vec<&'h TensorInfo>, WeightsError> {
        let mut others: Vec<&str> = header
            .names
            .iter()
            .map(String::as_str)
            .filter(|name| expected.iter().all(|(e, _)| e != name))
            .collect();
        others.sort_unstable();

        let mut all = Vec::with_capacity(expected.len());
        for (name, parameter) in expected {
            let Some(info) = header.tensors.info(name) else {
                return Err(WeightsError::Missing {
                    nearest: nearest(name, &others, |other| {
                        header.tensors.info(other).is_some_and(|info| info.shape == parameter.sizes())
                    }),
                    name: name.clone(),
                    shape: parameter.sizes().to_vec(),
                });
            };
            self.check_tensor(name, parameter, info)?;
            all.push(info);
        }
        match others.iter().find(|name| name.starts_with(self.prefix)) {
            Some(name) => Err(WeightsError::Extra {
                name: (*name).into(),
                shape: header.tensors.info(name).map(|info| info.shape.clone()).unwrap_or_default(),
            }),
            None => Ok(all),
        }
    }

    /// Whether the file was saved from a network with the same layers, if it records them.
    fn check_layers<N: Layer>(&self, net: &N, header: &Header) -> Result<(), WeightsError> {
        let recorded = header.origin().and_then(|origin| line(origin, LAYERS));
        let Some(found) = recorded.filter(|_| !self.other_layers) else { return Ok(()) };
        let same = if self.convert {
            without_element(found) == without_element(&format!("{}", Layers(net)))
        } else {
            Layers(net).is(found)
        };
        if same {
            return Ok(());
        }
        Err(WeightsError::Layers { expected: format!("{}", Layers(net)), found: found.into() })
    }

    fn check_tensor<T: Float>(
        &self,
        name: &str,
        parameter: &Parameter<'_, T>,
        info: &TensorInfo,
    ) -> Result<(), WeightsError> {
        let known = matches!(info.dtype, Dtype::F32 | Dtype::F64);
        if info.dtype != dtype::<T>() && !(self.convert && known) {
            return Err(WeightsError::Dtype {
                name: name.into(),
                expected: format!("{}", dtype::<T>()),
                found: format!("{}", info.dtype),
                convertible: known,
            });
        }
        if info.shape != parameter.sizes() {
            return Err(WeightsError::Shape {
                name: name.into(),
                expected: parameter.sizes().to_vec(),
                found: info.shape.clone(),
            });
        }
        Ok(())
    }

    fn check_values<T: Float>(
        &self,
        name: &str,
        parameter: &Parameter<'_, T>,
        values: &Values<'_>,
    ) -> Result<(), WeightsError> {
        let bad = values.iter::<T>().position(|value| !value.is_finite()).filter(|_| !self.not_finite);
        if let Some(at) = bad {
            let columns = parameter.shape[1].max(1);
            let mut place = vec![at / columns, at % columns];
            place.truncate(parameter.sizes().len());
            return Err(WeightsError::NotFinite {
                name: name.into(),
                place,
                // As the file has it: what is too large for an `f32` is finite here.
                value: values.iter::<f64>().nth(at).unwrap_or(f64::NAN),
            });
        }
        Ok(())
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
            .finish_non_exhaustive()
    }
}

impl<L: Layer> Sequential<L> {
    /// Loads what PyTorch saves of an `nn.Sequential` of the same layers:
    /// `safetensors.torch.save_file(net.state_dict(), path)`. [`Safetensors`] has other names and types.
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

/// The name of an element type in the format.
fn dtype<T>() -> Dtype {
    if size_of::<T>() == size_of::<f32>() { Dtype::F32 } else { Dtype::F64 }
}

/// The name that the format reserves.
const METADATA: &str = "__metadata__";

/// The name of the metadata in which this crate records where the weights come from, as lines.
const ORIGIN: &str = "constnet";

/// The name of the line with the layers.
const LAYERS: &str = "layers";

/// The value of a line of the record, `name: value`.
fn line<'r>(record: &'r str, name: &str) -> Option<&'r str> {
    record.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The first line of the record.
fn origin() -> String {
    format!("version: {}", env!("CARGO_PKG_VERSION"))
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

/// The layers without their element type.
fn without_element(layers: &str) -> String {
    layers.replace(", f32>", ">").replace(", f64>", ">")
}

/// Where a file is read from: memory, or a disk.
trait Source<'b> {
    /// The number of bytes.
    fn length(&self) -> u64;

    /// Reads some of them.
    fn read(&mut self, start: u64, length: usize) -> Result<Cow<'b, [u8]>, WeightsError>;
}

impl<'b> Source<'b> for &'b [u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read(&mut self, start: u64, length: usize) -> Result<Cow<'b, [u8]>, WeightsError> {
        let bytes = usize::try_from(start).ok().and_then(|start| self.get(start..start.checked_add(length)?));
        Ok(bytes.unwrap_or_default().into())
    }
}

/// A parsed header that matches the length of the file.
struct Header {
    tensors: Metadata,
    names: Vec<String>,
    /// Where the data start.
    data: u64,
}

impl Header {
    /// What this crate recorded.
    fn origin(&self) -> Option<&str> {
        self.tensors.metadata().as_ref()?.get(ORIGIN).map(String::as_str)
    }

    /// Reads the header: its length in eight bytes, then JSON.
    ///
    /// `SafeTensors::deserialize` would do the same, but its sum of offsets overflows: offsets near 2⁶⁴ make it panic.
    fn read<'b>(from: &mut impl Source<'b>, longest: u64) -> Result<Self, WeightsError> {
        /// The number of bytes of the length.
        const START: u64 = 8;
        let found = from.length();
        let length = |expected: u64| WeightsError::Length { expected, found };
        if found < START {
            return Err(length(START));
        }
        let size = from.read(0, START as usize)?;
        let size = u64::from_le_bytes(*size.first_chunk().ok_or_else(|| length(START))?);
        if found > START && *from.read(START, 1)? != *b"{" {
            return Err(WeightsError::Header("there is no `{` after the first eight bytes".into()));
        }
        let data = size.saturating_add(START);
        if data > found {
            return Err(length(data));
        }
        let Some(bytes) = usize::try_from(size).ok().filter(|_| size <= longest) else {
            return Err(WeightsError::HeaderLength { expected: longest, found: size });
        };
        let header = from.read(START, bytes)?;
        let tensors: Metadata =
            serde_json::from_slice(&header).map_err(|error| WeightsError::Header(format!("{error}")))?;
        // What the offsets cover without a gap: the check of `Metadata` itself.
        let end = data.saturating_add(tensors.data_len() as u64);
        if end != found {
            return Err(length(end));
        }
        Ok(Self { names: tensors.offset_keys(), tensors, data })
    }
}

/// The values of a tensor in a file, row by row.
struct Values<'b> {
    dtype: Dtype,
    bytes: Cow<'b, [u8]>,
}

impl Values<'_> {
    fn iter<T: NumCast>(&self) -> impl Iterator<Item = T> {
        // Of one type to the same, `NumCast` keeps every bit.
        let (f32s, f64s): (&[u8], &[u8]) =
            if self.dtype == Dtype::F32 { (&self.bytes, &[]) } else { (&[], &self.bytes) };
        let f32s = f32s.as_chunks().0.iter().map(|b| T::from(f32::from_le_bytes(*b)));
        let f64s = f64s.as_chunks().0.iter().map(|b| T::from(f64::from_le_bytes(*b)));
        f32s.chain(f64s).flatten()
    }
}

/// A parameter as a tensor of the format.
struct Tensor<'n, T>(Parameter<'n, T>);

impl<T: Float> View for Tensor<'_, T> {
    fn dtype(&self) -> Dtype {
        dtype::<T>()
    }

    fn shape(&self) -> &[usize] {
        self.0.sizes()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut data = Vec::with_capacity(self.data_len());
        for value in self.0.iter() {
            match self.dtype() {
                Dtype::F32 => data.extend(value.to_f32().unwrap_or(f32::NAN).to_le_bytes()),
                _ => data.extend(value.to_f64().unwrap_or(f64::NAN).to_le_bytes()),
            }
        }
        data.into()
    }

    fn data_len(&self) -> usize {
        size_of_val(self.0.values)
    }
}

/// The candidate name with the smallest edit distance to `name`.
fn nearest(name: &str, others: &[&str], could_be: impl Fn(&str) -> bool) -> Option<String> {
    let candidates = others.iter().filter(|other| could_be(other));
    candidates.min_by_key(|other| distance(name, other)).map(|other| (*other).into())
}

/// The edit distance (Levenshtein) of two names: the number of insertions, deletions and replacements.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, b) in b.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (a, above) in a.bytes().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + <usize as From<bool>>::from(a != b);
            diagonal = *above;
            left = replaced.min(left + 1).min(diagonal + 1);
            *above = left;
        }
        row[0] = i + 1;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn a_distance_counts_the_least_changes() {
        for (a, b, changes) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("b", "ab", 1),
            ("a", "ab", 1),
            ("abcd", "bcde", 2),
            ("0.weight", "model.0.weight", 6),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), changes, "{a} to {b}");
            assert_eq!(distance(b, a), changes, "{b} to {a}");
        }
    }
}
