//! A quantised network of any shapes as a safetensors file.

use alloc::{boxed::Box, format, vec::Vec};

use super::{DenseInt8, DenseInt8Kind, DenseInt8Layer};
use crate::{
    formats::{
        dense::DenseActivation,
        safetensors::{WeightsError, read_quantized, write_quantized},
    },
    quantized::{Int8Tensor, Table, TensorError, Tensors, check_output, check_zero_point},
};

/// The type of a layer in the record of a file: its name, and its first numbers.
struct Type<'r> {
    name: &'r str,
    numbers: [usize; 2],
}

impl DenseInt8 {
    /// The bytes of a safetensors file, as [`Quantized::to_safetensors`](crate::Quantized::to_safetensors) writes it for a
    /// network with the same layers.
    ///
    /// # Errors
    ///
    /// If the format cannot hold the tensors: never.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, WeightsError> {
        let indices = self.layers.iter().map(|layer| layer.index).collect();
        let mut tensors = Tensors::new(Vec::new(), indices);
        if let Some([mean, deviation]) = &self.before {
            tensors.push_standardize(mean, deviation);
        }
        tensors.push_params("input", self.input);
        let mut inputs = self.inputs;
        for (number, layer) in self.layers.iter().enumerate() {
            match &layer.kind {
                DenseInt8Kind::Linear { weight, bias, multiplier, zero_points } => {
                    let (weight, bias, multiplier) = (weight.clone(), bias.clone(), multiplier.clone());
                    tensors.push_linear(number, inputs, weight, bias, multiplier, *zero_points);
                }
                DenseInt8Kind::Table(table) => tensors.push_table(number, table.values()),
            }
            inputs = layer.kind.outputs(inputs);
        }
        tensors.push_output(self.output, self.relu);
        write_quantized(&tensors.into_all(), &format!("{self}"))
    }

    /// Reads what [`to_safetensors`](Self::to_safetensors) wrote, or that of a [`Quantized`](crate::Quantized) network.
    ///
    /// # Errors
    ///
    /// If this is not a safetensors file, or not one of a quantised network.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, WeightsError> {
        let (all, record) = read_quantized(bytes)?;
        let record = record.unwrap_or_default();
        let types = record.strip_prefix("Sequential![").and_then(|types| types.strip_suffix(">]"));
        let Some(types) = types else {
            let text = "the file does not record the layers of a quantised network";
            return Err(WeightsError::Header(text.into()));
        };
        // The last one has lost its `>` too.
        let types: Vec<&str> = types.split(">, ").collect();
        Self::load(&types, all).map_err(WeightsError::Quantized)
    }

    /// The network of layers with these types, of which the last character is missing.
    fn load(types: &[&str], all: Vec<Int8Tensor>) -> Result<Self, TensorError> {
        let parsed: Vec<Type<'_>> = types.iter().map(|ty| Type::parse(ty)).collect::<Result<_, _>>()?;
        let on_bytes = parsed.iter().enumerate().filter(|(_, ty)| !ty.vanishes());
        let mut tensors = Tensors::new(all, on_bytes.map(|(index, _)| index).collect());
        let before = match parsed.first() {
            Some(Type { name: "Standardize", numbers: [features, _] }) => {
                Some(tensors.take_standardize(*features)?)
            }
            _ => None,
        };
        let inputs = parsed.first().map_or(0, |ty| ty.numbers[0]);
        let input = tensors.take_params("input")?;
        let (mut layers, mut width, mut zero_point) = (Vec::new(), inputs, Some(input.zero_point));
        let mut after_relu = false;
        for (index, (ty, text)) in parsed.iter().zip(types).enumerate() {
            if ty.numbers[0] != width || (ty.name == "Standardize" && index > 0) {
                return Err(TensorError::Type { name: format!("{text}>") });
            }
            if ty.vanishes() {
                after_relu |= ty.name == "Relu";
                continue;
            }
            let check = |expected| {
                check_zero_point(zero_point, expected, after_relu, Some(index)).map_err(TensorError::Chain)
            };
            let number = layers.len();
            let kind = if ty.name == "Linear" {
                let (weight, bias, multiplier, zero_points) = tensors.take_linear(number, ty.numbers)?;
                check(Some(zero_points[0]))?;
                (width, zero_point) = (bias.len(), Some(zero_points[1]));
                DenseInt8Kind::Linear { weight, bias, multiplier, zero_points }
            } else {
                check(None)?;
                zero_point = None;
                DenseInt8Kind::Table(Box::new(Table::new(tensors.take_table(number)?)))
            };
            let error = |error| TensorError::Unrepresentable { layer: index, error };
            kind.check(ty.numbers[0]).map_err(error)?;
            layers.push(DenseInt8Layer { index, kind });
            after_relu = false;
        }
        let (output, relu) = tensors.take_output()?;
        check_output(zero_point, output.zero_point, after_relu, relu).map_err(TensorError::Chain)?;
        tensors.finish()?;
        let types = types.iter().map(|ty| format!("{ty}>")).collect();
        Ok(Self { before, input, inputs, layers, output, relu, types })
    }
}

impl<'r> Type<'r> {
    /// Parses a type without its last character, such as `Linear<5, 64`.
    fn parse(text: &'r str) -> Result<Self, TensorError> {
        let error = || TensorError::Type { name: format!("{text}>") };
        let (name, numbers) = text.split_once('<').ok_or_else(error)?;
        let is_table =
            || DenseActivation::from_name(name).is_some_and(|activation| activation.name() == name);
        let mut numbers = numbers.split(", ").map(|number| number.parse().ok().filter(|number| *number > 0));
        let (first, second) = (numbers.next().flatten(), numbers.next().flatten());
        match (name, first, second) {
            ("Linear", Some(inputs), Some(outputs)) => Ok(Self { name, numbers: [inputs, outputs] }),
            ("Standardize" | "Dropout", Some(features), _) => Ok(Self { name, numbers: [features, 0] }),
            (_, Some(features), _) if is_table() => Ok(Self { name, numbers: [features, 0] }),
            _ => Err(error()),
        }
    }

    /// Whether the layer computes nothing on bytes.
    fn vanishes(&self) -> bool {
        matches!(self.name, "Standardize" | "Dropout" | "Relu")
    }
}
