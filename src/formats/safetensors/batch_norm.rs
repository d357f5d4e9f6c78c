//! Batch normalisation that is folded into linear layers while a file is loaded.

use alloc::{format, string::String, vec::Vec};

use super::{
    Safetensors, WeightsError,
    header::{Header, Source},
    tensor::Values,
};
use crate::layers::{Elem, Layer, Parameter, parameters};

/// A batch normalisation of the file, `y = s ⊙ x + t`.
pub(super) struct BatchNorm {
    /// Its name in the file, without `.weight`, for errors.
    name: String,
    /// The index in the network of the layer after it.
    before: usize,
    scale: Vec<f64>,
    shift: Vec<f64>,
}

/// The numbers of the network's layers in the file, which counts the batch normalisations too; and the numbers of those,
/// each with the layer of the network that follows it.
pub(super) struct Numbers {
    pub(super) layers: Vec<usize>,
    norms: Vec<(usize, usize)>,
}

impl Numbers {
    /// Without batch normalisation: 0, 1, 2 and so on.
    pub(super) fn consecutive<N: Layer>() -> Self {
        Self { layers: (0..N::LAYERS).collect(), norms: Vec::new() }
    }
}

impl Safetensors<'_> {
    fn numbered(&self, number: usize, name: &str) -> String {
        format!("{}{}", self.prefix, (self.names)(number, name))
    }

    /// Finds the batch normalisations: the numbers whose `running_mean` the file has.
    pub(super) fn numbers<N: Layer>(&self, header: &Header) -> Numbers {
        let is_norm = |number| header.tensors.info(&self.numbered(number, "running_mean")).is_some();
        let mut numbers = Numbers { layers: Vec::new(), norms: Vec::new() };
        let mut next = 0;
        // The last layer can be followed by one, too. A file cannot have more of them than tensors.
        for layer in 0..=N::LAYERS {
            while numbers.norms.len() < header.names.len() && is_norm(next) {
                numbers.norms.push((next, layer));
                next += 1;
            }
            if layer < N::LAYERS {
                numbers.layers.push(next);
                next += 1;
            }
        }
        numbers
    }

    /// Reads the batch normalisations.
    pub(super) fn batch_norms<'b>(
        &self,
        numbers: &Numbers,
        eps: f64,
        header: &Header,
        from: &mut impl Source<'b>,
    ) -> Result<Vec<BatchNorm>, WeightsError> {
        let mut norms = Vec::new();
        for &(number, before) in &numbers.norms {
            let features = header
                .tensors
                .info(&self.numbered(number, "running_mean"))
                .map_or(0, |info| info.shape.iter().product());
            let mut vector = |name: &str, default: Option<f64>| {
                let name = self.numbered(number, name);
                let Some(info) = header.tensors.info(&name) else {
                    let missing =
                        WeightsError::Missing { name, shape: [features].into(), nearest: None, help: None };
                    return default.map(|value| alloc::vec![value; features]).ok_or(missing);
                };
                if info.shape != [features] {
                    let (expected, found) = ([features].into(), info.shape.clone());
                    return Err(WeightsError::Shape { name, expected, found });
                }
                let values = Values::read(info, header.data, from)?.ok_or_else(|| WeightsError::Dtype {
                    name: name.clone(),
                    expected: "F32".into(),
                    found: format!("{}", info.dtype),
                    convertible: false,
                })?;
                let values: Vec<f64> = values.iter().collect();
                match values.iter().position(|value| !value.is_finite()) {
                    Some(at) => Err(WeightsError::NotFinite { name, place: [at].into(), value: values[at] }),
                    None => Ok(values),
                }
            };
            let (mean, variance) = (vector("running_mean", None)?, vector("running_var", None)?);
            let (gamma, beta) = (vector("weight", Some(1.0))?, vector("bias", Some(0.0))?);
            let scale: Vec<f64> = gamma
                .iter()
                .zip(&variance)
                .map(|(gamma, variance)| gamma / num_traits::Float::sqrt(variance + eps))
                .collect();
            let shift = beta.iter().zip(&mean).zip(&scale).map(|((beta, mean), s)| beta - mean * s).collect();
            let name = self.numbered(number, "running_mean");
            norms.push(BatchNorm { name, before, scale, shift });
        }
        Ok(norms)
    }
}

/// Folds each batch normalisation into the linear layer before it, or else into the one after it.
pub(super) fn fold<N: Layer>(
    net: &N,
    norms: &[BatchNorm],
    values: &mut [Values<'_>],
) -> Result<(), WeightsError> {
    let weight_of = |layer: Option<usize>, axis: usize, norm: &BatchNorm| {
        let layer = layer?;
        let fits = |p: &Parameter<'_, Elem<N>>| {
            p.layer == layer && p.name == "weight" && p.dims == 2 && p.shape[axis] == norm.scale.len()
        };
        let index = parameters(net).position(|p| fits(&p))?;
        let bias = parameters(net).nth(index + 1).filter(|p| p.layer == layer && p.name == "bias");
        bias.and(parameters(net).nth(index)).map(|weight| (index, weight.shape))
    };
    let after = |norm: &BatchNorm| weight_of(norm.before.checked_sub(1), 0, norm);
    for norm in norms {
        let Some((weight, [_, columns])) = after(norm) else { continue };
        let (mut w, mut b) = (values[weight].to_vec(), values[weight + 1].to_vec());
        for (o, (row, b)) in w.chunks_mut(columns.max(1)).zip(&mut b).enumerate() {
            row.iter_mut().for_each(|w| *w *= norm.scale[o]);
            *b = *b * norm.scale[o] + norm.shift[o];
        }
        (values[weight], values[weight + 1]) = (Values::Computed(w), Values::Computed(b));
    }
    // Of two before one layer, the last is the nearest.
    for norm in norms.iter().rev().filter(|norm| after(norm).is_none()) {
        let Some((weight, [_, columns])) = weight_of(Some(norm.before), 1, norm) else {
            return Err(WeightsError::BatchNorm { name: norm.name.clone(), features: norm.scale.len() });
        };
        let (mut w, mut b) = (values[weight].to_vec(), values[weight + 1].to_vec());
        for (row, b) in w.chunks_mut(columns.max(1)).zip(&mut b) {
            for ((w, scale), shift) in row.iter_mut().zip(&norm.scale).zip(&norm.shift) {
                *b += *w * shift;
                *w *= scale;
            }
        }
        (values[weight], values[weight + 1]) = (Values::Computed(w), Values::Computed(b));
    }
    Ok(())
}

/// Whether a tensor belongs to a batch normalisation: the file has a `running_mean` of the same name.
pub(super) fn is_of_batch_norm(name: &str, header: &Header) -> bool {
    let names = ["running_mean", "running_var", "weight", "bias", "num_batches_tracked"];
    names.iter().filter_map(|end| name.strip_suffix(end)).any(|start| {
        let mut mean = String::from(start);
        mean.push_str(names[0]);
        header.tensors.info(&mean).is_some()
    })
}
