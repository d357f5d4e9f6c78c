//! Whether a file holds the tensors of a network.

use alloc::{format, string::String, vec, vec::Vec};

use ::safetensors::{Dtype, tensor::TensorInfo};
use num_traits::Float;

use super::{
    Safetensors, WeightsError,
    batch_norm::is_of_batch_norm,
    header::{Header, LAYERS, line},
    names::nearest,
    tensor::{Values, dtype},
};
use crate::layers::{Layer, Layers, Parameter};

impl Safetensors<'_> {
    /// Where the values of each parameter are, if the tensors of the file are those of the network.
    pub(super) fn check<'h, T: Float>(
        &self,
        expected: &[(String, Parameter<'_, T>)],
        header: &'h Header,
    ) -> Result<Vec<Option<&'h TensorInfo>>, WeightsError> {
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
                if self.missing || (self.missing_bias && parameter.name == "bias") {
                    all.push(None);
                    continue;
                }
                return Err(self.missing(name, parameter, &others, header));
            };
            let checked = self.check_tensor(name, parameter, info);
            if checked.is_err() && self.batch_norm.is_none() && is_of_batch_norm(name, header) {
                return Err(self.missing(name, parameter, &others, header));
            }
            checked?;
            all.push(Some(info));
        }
        // Otherwise a wrong prefix would load nothing.
        if let (Some((name, parameter)), true) = (expected.first(), all.iter().all(Option::is_none)) {
            return Err(self.missing(name, parameter, &others, header));
        }
        let is_extra = |name: &&&str| {
            name.starts_with(self.prefix) && !(self.batch_norm.is_some() && is_of_batch_norm(name, header))
        };
        match others.iter().find(is_extra).filter(|_| !self.extra) {
            Some(name) => Err(WeightsError::Extra {
                name: (*name).into(),
                shape: header.tensors.info(name).map(|info| info.shape.clone()).unwrap_or_default(),
            }),
            None => Ok(all),
        }
    }

    /// The error of a tensor that the file does not have, with the call that would help.
    fn missing<T: Float>(
        &self,
        name: &str,
        parameter: &Parameter<'_, T>,
        others: &[&str],
        header: &Header,
    ) -> WeightsError {
        let nearest = nearest(name, others, |other| {
            header.tensors.info(other).is_some_and(|info| info.shape == parameter.sizes())
        });
        let has_batch_norm = self.batch_norm.is_none()
            && others.iter().any(|other| other.starts_with(self.prefix) && other.ends_with("running_mean"));
        let end = name.strip_prefix(self.prefix).unwrap_or(name);
        let help = match &nearest {
            _ if has_batch_norm => ".fold_batch_norm(1e-5)".into(),
            Some(nearest) => match nearest.strip_suffix(end) {
                Some(prefix) => format!(".prefix({prefix:?})"),
                None => ".names(…)".into(),
            },
            None if parameter.name == "bias" => ".allow_missing_bias()".into(),
            None => ".allow_missing()".into(),
        };
        let nearest = nearest.filter(|_| !has_batch_norm);
        WeightsError::Missing {
            name: name.into(),
            shape: parameter.sizes().to_vec(),
            nearest,
            help: Some(help),
        }
    }

    /// Whether the file was saved from a network with the same layers, if it records them.
    pub(super) fn check_layers<N: Layer>(&self, net: &N, header: &Header) -> Result<(), WeightsError> {
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
        let known = matches!(info.dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64);
        if info.dtype != dtype::<T>() && !(self.convert && known) {
            return Err(WeightsError::Dtype {
                name: name.into(),
                expected: format!("{}", dtype::<T>()),
                found: format!("{}", info.dtype),
                convertible: known,
            });
        }
        let same = match info.shape[..] {
            [rows, columns] if self.transposed && parameter.dims == 2 => parameter.shape == [columns, rows],
            _ => info.shape == parameter.sizes(),
        };
        if !same {
            return Err(WeightsError::Shape {
                name: name.into(),
                expected: parameter.sizes().to_vec(),
                found: info.shape.clone(),
            });
        }
        Ok(())
    }

    pub(super) fn check_values<T: Float>(
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

/// The layers without their element type.
fn without_element(layers: &str) -> String {
    layers.replace(", f32>", ">").replace(", f64>", ">")
}
