//! Steps as layers: scales and shifts are folded into the layers beside them.

use alloc::{format, string::ToString as _, vec, vec::Vec};

use super::{
    OnnxError,
    value::{Base, Dynamic, Numbers, Step},
};
use crate::formats::dense::{DenseLayer, DenseNetwork};

/// The largest shift of standardised inputs that is folded into a linear layer. A larger one is subtracted from large
/// products, and the difference has fewer correct digits: then the scale and shift stay a layer.
const LARGEST_SHIFT: f64 = 4.0;

/// The largest number of features for which a scale and a shift that no layer can take become a linear layer.
const WIDEST: usize = 256;

/// The largest number of such layers.
const MOST_ALONE: usize = 8;

/// A layer, or a scale and shift that is not yet part of one.
enum Part {
    Layer(DenseLayer),
    Affine(Numbers, Numbers),
}

/// The network that computes a value.
pub(super) fn network(value: &Dynamic, double: bool) -> Result<DenseNetwork, OnnxError> {
    let mut steps = Vec::new();
    let mut next = value;
    let mut inputs = None;
    loop {
        let affine = !(next.scale.all(|s| s == 1.0) && next.shift.all(|t| t == 0.0));
        if affine {
            steps.push(Part::Affine(next.scale.clone(), next.shift.clone()));
        }
        match &*next.base {
            Base::Input => {
                inputs = inputs.or(next.width);
                break;
            }
            Base::After(before, step) => {
                if let Step::Linear { inputs: width, .. } = step {
                    inputs = Some(*width);
                } else if inputs.is_none() || !matches!(&*before.base, Base::Input) {
                    inputs = before.width.or(inputs);
                }
                steps.push(Part::Layer(layer(step)?));
                next = before;
            }
        }
    }
    steps.reverse();
    let Some(inputs) = inputs else {
        return Err(OnnxError::Graph("the number of inputs is not known: no layer has weights".into()));
    };

    let mut layers = Vec::<DenseLayer>::new();
    let mut width = inputs;
    let mut pending = None::<(Numbers, Numbers)>;
    let mut alone_count = 0;
    let mut alone = |width: usize, scale: &Numbers, shift: &Numbers, first: bool| {
        alone_count += 1;
        if alone_count > MOST_ALONE {
            return Err(OnnxError::Graph(format!(
                "more than {MOST_ALONE} scales or shifts cannot be folded into a layer beside them"
            )));
        }
        alone(width, scale, shift, first)
    };
    for step in steps {
        match step {
            Part::Affine(scale, shift) => {
                if !fold_after(&mut layers, &scale, &shift) {
                    pending = Some((scale, shift));
                }
            }
            Part::Layer(mut layer) => {
                if let Some((scale, shift)) = pending.take()
                    && !fold_before(&mut layer, width, &scale, &shift, layers.is_empty())
                {
                    layers.push(alone(width, &scale, &shift, layers.is_empty())?);
                }
                width = layer.outputs(width);
                layers.push(layer);
            }
        }
    }
    if let Some((scale, shift)) = pending {
        layers.push(alone(width, &scale, &shift, layers.is_empty())?);
    }
    // This also limits the widths to numbers that the file pays for.
    if !layers.iter().any(|layer| matches!(layer, DenseLayer::Linear { .. } | DenseLayer::LayerNorm { .. })) {
        return Err(OnnxError::Graph("no layer has weights, expected a network of dense layers".into()));
    }
    let net = DenseNetwork { layers, inputs, double };
    if let Some((layer, name, _)) = net.not_finite() {
        let reason = "it is not finite after the constants beside it were folded into it".to_string();
        return Err(OnnxError::Tensor { name: format!("{layer}.{name}"), reason });
    }
    Ok(net)
}

fn layer(step: &Step) -> Result<DenseLayer, OnnxError> {
    match step {
        Step::Linear { weight, inputs } => {
            let outputs = weight.len() / (*inputs).max(1);
            Ok(DenseLayer::Linear { weight: weight.clone(), bias: vec![0.0; outputs] })
        }
        Step::LayerNorm { weight, bias, exponent } => {
            Ok(DenseLayer::LayerNorm { weight: weight.clone(), bias: bias.clone(), exponent: *exponent })
        }
        Step::Activation(activation) => Ok(DenseLayer::Activation(*activation)),
        Step::Erf => Err(OnnxError::Graph(
            "the operator Erf is supported only as a part of a GELU that is written out".into(),
        )),
    }
}

/// Folds into the last layer.
fn fold_after(layers: &mut [DenseLayer], scale: &Numbers, shift: &Numbers) -> bool {
    let Some(DenseLayer::Linear { weight, bias } | DenseLayer::LayerNorm { weight, bias, .. }) =
        layers.last_mut()
    else {
        return false;
    };
    let columns = (weight.len() / bias.len().max(1)).max(1);
    for (o, (row, b)) in weight.chunks_mut(columns).zip(bias).enumerate() {
        row.iter_mut().for_each(|w| *w *= scale.at(o));
        *b = *b * scale.at(o) + shift.at(o);
    }
    true
}

/// Folds into the layer after, if that is a linear layer and few digits are lost.
fn fold_before(layer: &mut DenseLayer, inputs: usize, scale: &Numbers, shift: &Numbers, first: bool) -> bool {
    let DenseLayer::Linear { weight, bias } = layer else { return false };
    if first && !shift.all(|t| t.abs() <= LARGEST_SHIFT) {
        return false;
    }
    for (row, b) in weight.chunks_mut(inputs.max(1)).zip(bias) {
        for (i, w) in row.iter_mut().enumerate() {
            *b += *w * shift.at(i);
            *w *= scale.at(i);
        }
    }
    true
}

/// A scale and a shift as a separate layer: at the input a [`Standardize`](crate::Standardize) layer, else a linear layer whose
/// weights are 0 except on the diagonal.
fn alone(width: usize, scale: &Numbers, shift: &Numbers, first: bool) -> Result<DenseLayer, OnnxError> {
    let known = scale.len().or(shift.len()).is_some() || width <= WIDEST;
    let each = |f: &dyn Fn(usize) -> f64| (0..width).map(f).collect::<Vec<f64>>();
    if first && known && scale.all(|s| s != 0.0) {
        let mean = each(&|i| -shift.at(i) / scale.at(i));
        return Ok(DenseLayer::Standardize { mean, deviation: each(&|i| 1.0 / scale.at(i)) });
    }
    if width > WIDEST {
        return Err(OnnxError::Graph(format!(
            "{width} features are scaled between two activations, expected at most {WIDEST}"
        )));
    }
    let mut weight = vec![0.0; width * width];
    weight.iter_mut().step_by(width + 1).enumerate().for_each(|(i, w)| *w = scale.at(i));
    Ok(DenseLayer::Linear { weight, bias: each(&|i| shift.at(i)) })
}
