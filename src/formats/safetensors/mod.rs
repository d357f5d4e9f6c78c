//! Weights in safetensors files, the format in which PyTorch users share weights.

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

pub use self::error::WeightsError;
use crate::{
    layers::{Elem, Layer, Parameter, parameters},
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
/// The memory that is allocated is proportional to the size of the file, even if its header is wrong.
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
}

impl<'a> Safetensors<'a> {
    /// The names of PyTorch's `Sequential`; all checks are on.
    pub const fn new() -> Self {
        Self {
            prefix: "",
            names: &|layer, name| format!("{layer}.{name}"),
            convert: false,
            not_finite: false,
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

    /// Loads a network from the bytes of a file.
    ///
    /// # Errors
    ///
    /// Names the tensor that does not fit, what was expected and what was found. The network is then as it was.
    pub fn load<N: Layer>(&self, net: &mut N, bytes: &[u8]) -> Result<(), WeightsError> {
        let values = self.check(net, &File::open(bytes)?)?;
        for (index, values) in values.iter().enumerate() {
            if let Some(mut parameter) = net.parameter_mut(index) {
                let mut values = values.iter::<Elem<N>>();
                parameter.for_each_mut(|to| *to = values.next().unwrap_or(*to));
            }
        }
        Ok(())
    }

    /// The bytes of a file with the network's parameters. NaN and infinity are saved too; loading them must be
    /// [allowed](Self::allow_not_finite).
    ///
    /// # Errors
    ///
    /// If two parameters would have the same name.
    pub fn save<N: Layer>(&self, net: &N) -> Result<Vec<u8>, WeightsError> {
        let tensors = self.named(net)?.into_iter().map(|(name, parameter)| (name, Tensor(parameter)));
        serialize(tensors, None).map_err(|error| WeightsError::Header(format!("{error}")))
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

    /// The values of each parameter, if the file fits the network.
    fn check<'b, N: Layer>(&self, net: &N, file: &File<'b>) -> Result<Vec<Values<'b>>, WeightsError> {
        let expected = self.named(net)?;
        let mut others: Vec<&str> = file
            .names
            .iter()
            .map(String::as_str)
            .filter(|name| expected.iter().all(|(e, _)| e != name))
            .collect();
        others.sort_unstable();

        let mut all = Vec::with_capacity(expected.len());
        for (name, parameter) in &expected {
            let Some(info) = file.header.info(name) else {
                return Err(WeightsError::Missing {
                    nearest: nearest(name, &others, |other| {
                        file.header.info(other).is_some_and(|info| info.shape == parameter.sizes())
                    }),
                    name: name.clone(),
                    shape: parameter.sizes().to_vec(),
                });
            };
            all.push(self.check_tensor(name, parameter, info, file)?);
        }
        match others.iter().find(|name| name.starts_with(self.prefix)) {
            Some(name) => Err(WeightsError::Extra {
                name: (*name).into(),
                shape: file.header.info(name).map(|info| info.shape.clone()).unwrap_or_default(),
            }),
            None => Ok(all),
        }
    }

    fn check_tensor<'b, T: Float>(
        &self,
        name: &str,
        parameter: &Parameter<'_, T>,
        info: &TensorInfo,
        file: &File<'b>,
    ) -> Result<Values<'b>, WeightsError> {
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
        let (start, end) = info.data_offsets;
        let values = Values { dtype: info.dtype, bytes: file.data.get(start..end).unwrap_or_default() };
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
        Ok(values)
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

/// A file with a parsed header that matches its data.
struct File<'b> {
    header: Metadata,
    names: Vec<String>,
    data: &'b [u8],
}

impl<'b> File<'b> {
    /// Reads the header: its length in eight bytes, then JSON.
    ///
    /// `SafeTensors::deserialize` would do the same, but its sum of offsets overflows: offsets near 2⁶⁴ make it panic.
    fn open(bytes: &'b [u8]) -> Result<Self, WeightsError> {
        let length = |expected: u64| WeightsError::Length { expected, found: bytes.len() as u64 };
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| length(8))?;
        let size = u64::from_le_bytes(*size);
        if rest.first().is_some_and(|first| *first != b'{') {
            return Err(WeightsError::Header("there is no `{` after the first eight bytes".into()));
        }
        let split = usize::try_from(size).ok().and_then(|size| rest.split_at_checked(size));
        let (header, data) = split.ok_or_else(|| length(size.saturating_add(8)))?;
        let header: Metadata =
            serde_json::from_slice(header).map_err(|error| WeightsError::Header(format!("{error}")))?;
        // What the offsets cover without a gap: the check of `Metadata` itself.
        let end = header.data_len();
        if end != data.len() {
            return Err(length((end as u64).saturating_add(size).saturating_add(8)));
        }
        Ok(Self { names: header.offset_keys(), header, data })
    }
}

/// The values of a tensor in a file, row by row.
struct Values<'b> {
    dtype: Dtype,
    bytes: &'b [u8],
}

impl<'b> Values<'b> {
    fn iter<T: NumCast>(&self) -> impl Iterator<Item = T> + use<'b, T> {
        // Of one type to the same, `NumCast` keeps every bit.
        let f32s = |bytes: &'b [u8]| bytes.as_chunks().0.iter().map(|b| T::from(f32::from_le_bytes(*b)));
        let f64s = |bytes: &'b [u8]| bytes.as_chunks().0.iter().map(|b| T::from(f64::from_le_bytes(*b)));
        let (single, double): (&[u8], &[u8]) =
            if self.dtype == Dtype::F32 { (self.bytes, &[]) } else { (&[], self.bytes) };
        f32s(single).chain(f64s(double)).flatten()
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
            ("0.weight", "model.0.weight", 6),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), changes, "{a} to {b}");
            assert_eq!(distance(b, a), changes, "{b} to {a}");
        }
    }
}
