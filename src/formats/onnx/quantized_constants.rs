//! The constants of quantised graphs: integers with scales and zero points.

use alloc::{format, vec::Vec};

use super::{
    OnnxError,
    node::fail,
    proto::Node,
    quantized::Reader,
    tensor::{self, Tensor},
};
use crate::quantized::QuantParams;

/// A constant of the graph.
pub(super) enum Constant {
    /// As it is stored, with its element type.
    Stored(Tensor, i32),
    /// The output of `DequantizeLinear`: integers, from which the zero point was subtracted.
    Scaled(Tensor, Scales),
}

/// The scales of integers: one, or one for each index of an axis.
#[derive(Clone)]
pub(super) struct Scales {
    pub(super) values: Vec<f32>,
    pub(super) axis: i64,
}

/// Whether a node has this input: an optional one can have an empty name.
pub(super) fn has_input(node: &Node, index: usize) -> bool {
    node.inputs.get(index).is_some_and(|name| !name.is_empty())
}

impl Reader<'_> {
    /// Biases, in the scale of the sums.
    pub(super) fn bias(
        &self,
        node: &Node,
        index: usize,
        x: QuantParams,
        scale: &[f32],
    ) -> Result<Vec<i32>, OnnxError> {
        let (tensor, own) = match self.constant(node, index)? {
            Constant::Stored(tensor, tensor::INT32) => (tensor, None),
            Constant::Stored(tensor, tensor::FLOAT | tensor::DOUBLE | tensor::FLOAT16 | tensor::BFLOAT16) => {
                (tensor, Some(alloc::vec![1.0]))
            }
            Constant::Stored(_, element) => {
                let found = tensor::type_name(*element);
                return Err(fail(
                    node,
                    format!("its biases have the element type {found}, expected INT32 or FLOAT"),
                ));
            }
            Constant::Scaled(tensor, scales) => (tensor, Some(scales.values.clone())),
        };
        if tensor.values.len() != scale.len() {
            let found = tensor.values.len();
            return Err(fail(node, format!("it has {found} biases, expected {}", scale.len())));
        }
        if own.as_ref().is_some_and(|own| own.len() != 1 && own.len() != scale.len()) {
            return Err(fail(node, format!("its biases do not have one scale, or {}", scale.len())));
        }
        let biases = tensor.values.iter().zip(scale).enumerate().map(|(o, (bias, scale))| {
            let sums = f64::from(x.scale) * f64::from(*scale);
            let own = own.as_ref().map_or(sums, |own| f64::from(own[if own.len() == 1 { 0 } else { o }]));
            // If weights have the scale 0, all sums mean 0.
            if *bias == 0.0 || own == 0.0 {
                return 0.0;
            }
            // The two scales are the same, except for their rounding.
            let factor = if (own - sums).abs() < 1e-5 * sums { 1.0 } else { own / sums };
            num_traits::Float::round(bias * factor)
        });
        let biases: Vec<f64> = biases.collect();
        match biases.iter().find(|bias| bias.abs() >= f64::from(1 << 30)) {
            Some(bias) => {
                Err(fail(node, format!("a bias is {bias} in the scale of the sums, expected less than 2³⁰")))
            }
            None => Ok(biases.iter().map(|bias| *bias as i32).collect()),
        }
    }

    pub(super) fn constant(&self, node: &Node, index: usize) -> Result<&Constant, OnnxError> {
        let name = node.inputs.get(index).map_or("", |name| name);
        self.constants
            .get(name)
            .ok_or_else(|| fail(node, format!("its input {index}, `{name}`, is not a constant")))
    }

    pub(super) fn stored(&self, node: &Node, index: usize) -> Result<(&Tensor, i32), OnnxError> {
        match self.constant(node, index)? {
            Constant::Stored(tensor, element) => Ok((tensor, *element)),
            Constant::Scaled(..) => {
                Err(fail(node, format!("its input {index} has real numbers, expected bytes")))
            }
        }
    }

    /// The scale at this input, and the zero point at the next: 0 in the type of the last bytes if it is omitted.
    pub(super) fn params(&self, node: &Node, index: usize) -> Result<QuantParams, OnnxError> {
        let scale = self.stored(node, index)?.0.as_scalar().map(|scale| scale as f32);
        let Some(scale) = scale.filter(|scale| *scale > 0.0 && *scale < f32::INFINITY) else {
            return Err(fail(node, "the scale of its bytes is not one positive number"));
        };
        let (zero, element) = if has_input(node, index + 1) {
            let (zero, element) = self.stored(node, index + 1)?;
            (zero.as_scalar(), element)
        } else {
            (Some(0.0), self.element)
        };
        let offset = if element == tensor::INT8 { 128.0 } else { 0.0 };
        match zero.map(|zero| zero + offset).filter(|zero| (0.0..=255.0).contains(zero)) {
            Some(zero) if matches!(element, tensor::INT8 | tensor::UINT8) => {
                Ok(QuantParams { scale, zero_point: zero as u8 })
            }
            _ => Err(fail(node, "the zero point of its bytes is not one INT8 or UINT8")),
        }
    }

    /// The integers at input `index` minus their zero point, which is at input `index + 2`, and their scales, which
    /// are at input `index + 1`.
    pub(super) fn stored_input(&self, node: &Node, index: usize) -> Result<(Tensor, Scales), OnnxError> {
        let (tensor, element) = self.stored(node, index)?;
        if !matches!(element, tensor::INT8 | tensor::UINT8 | tensor::INT32) {
            let found = tensor::type_name(element);
            return Err(fail(
                node,
                format!("its input {index} has the element type {found}, expected integers"),
            ));
        }
        let (mut tensor, of_scales) = (tensor.clone(), self.stored(node, index + 1)?.0);
        if of_scales.sizes.len() > 1 {
            let sizes = &of_scales.sizes;
            return Err(fail(
                node,
                format!("its scales have the sizes {sizes:?}, expected one size at most"),
            ));
        }
        let scales: Vec<f32> = of_scales.values.iter().map(|scale| *scale as f32).collect();
        if scales.is_empty() || scales.iter().any(|scale| !(*scale >= 0.0 && *scale < f32::INFINITY)) {
            return Err(fail(node, "a scale of its weights is not a finite number of at least 0"));
        }
        if has_input(node, index + 2) {
            let zeros = &self.stored(node, index + 2)?.0.values;
            let zero = zeros.first().copied().unwrap_or(0.0);
            if zeros.iter().any(|other| *other != zero) {
                return Err(fail(node, "its weights have different zero points, expected one"));
            }
            tensor.values.iter_mut().for_each(|value| *value -= zero);
        }
        Ok((tensor, Scales { values: scales, axis: node.int("axis", 1) }))
    }

    pub(super) fn scaled_input(&self, node: &Node, index: usize) -> Result<(Tensor, Scales), OnnxError> {
        match self.constant(node, index)? {
            Constant::Scaled(tensor, scales) => Ok((tensor.clone(), scales.clone())),
            Constant::Stored(..) => Err(fail(node, "its weights are not quantised")),
        }
    }

    pub(super) fn scaled(&self, node: &Node) -> Result<Constant, OnnxError> {
        let (tensor, scales) = self.stored_input(node, 0)?;
        Ok(Constant::Scaled(tensor, scales))
    }
}
