//! Quantised graphs with their own scales, in the two forms that ONNX Runtime's `quantize_static` writes: with
//! `QuantizeLinear` and `DequantizeLinear` around each operator (QDQ), or with operators on bytes (QOperator).

use alloc::{boxed::Box, collections::BTreeMap, format, string::String, vec::Vec};

use super::{
    External, OnnxError,
    graph::{needed, the_output},
    node::{fail, percent},
    proto::{Graph, Node},
    quantized_constants::{Constant, Scales, has_input},
    tensor::{self, Tensor},
};
use crate::{
    formats::{
        dense::DenseActivation,
        dense_int8::{DenseInt8, DenseInt8Kind, DenseInt8Layer, Function, function},
    },
    quantized::QuantParams,
    simd::Zeroed as _,
};

/// The value that the nodes so far have computed.
enum Value {
    /// The input of the graph.
    Input,
    Bytes(QuantParams),
    /// Real numbers that have these bytes.
    Dequantized(QuantParams),
    /// The sums of a linear layer.
    Linear {
        x: QuantParams,
        inputs: usize,
        weight: Vec<i8>,
        scale: Vec<f32>,
        bias: Option<Vec<i32>>,
        relu: bool,
    },
    /// The function of these bytes.
    Function {
        x: QuantParams,
        activation: DenseActivation,
        function: Function,
    },
}

/// Reads a quantised graph.
pub(super) fn read(
    graph: &Graph,
    output: Option<&str>,
    external: &mut External<'_>,
) -> Result<DenseInt8, OnnxError> {
    let output = the_output(graph, output)?;
    let mut constants = BTreeMap::new();
    for message in &graph.initializers {
        let tensor = Tensor::read_any(message, &message.name, external)?;
        constants.insert(&*message.name, Constant::Stored(tensor, message.data_type));
    }
    let inputs: Vec<&str> = graph.inputs.iter().map(|input| &*input.name).collect();
    let inputs: Vec<&str> = inputs.into_iter().filter(|name| !constants.contains_key(name)).collect();
    let [input] = inputs[..] else {
        return Err(OnnxError::Graph(format!("the graph has {} inputs, expected one", inputs.len())));
    };
    let net = DenseInt8 {
        before: None,
        input: QuantParams::ZERO,
        inputs: 0,
        layers: Vec::new(),
        output: QuantParams::ZERO,
        relu: false,
        types: Vec::new(),
    };
    let mut reader = Reader { constants, name: input, value: Value::Input, element: tensor::UINT8, net };
    for node in needed(graph, output)? {
        reader.node(node)?;
    }
    match reader.value {
        Value::Bytes(params) | Value::Dequantized(params)
            if reader.name == output && !reader.net.layers.is_empty() =>
        {
            Ok(DenseInt8 { output: params, ..reader.net })
        }
        _ => Err(OnnxError::Graph(format!(
            "the output `{output}` is not quantised, expected `DequantizeLinear` before it"
        ))),
    }
}

/// Reads node after node.
pub(super) struct Reader<'g> {
    pub(super) constants: BTreeMap<&'g str, Constant>,
    /// The name of the value.
    name: &'g str,
    value: Value,
    /// The element type of the last bytes.
    pub(super) element: i32,
    net: DenseInt8,
}

impl<'g> Reader<'g> {
    fn node(&mut self, node: &'g Node) -> Result<(), OnnxError> {
        let Some(output) = node.outputs.first() else { return Ok(()) };
        let is_constant = |name: &String| self.constants.contains_key(&**name);
        if node.op == "DequantizeLinear" && node.inputs.iter().all(is_constant) {
            let constant = self.scaled(node)?;
            self.constants.insert(output, constant);
            return Ok(());
        }
        if !node.inputs.iter().any(|name| name == self.name) {
            return Err(fail(node, format!("it does not use `{}`: expected a chain of layers", self.name)));
        }
        let value = core::mem::replace(&mut self.value, Value::Input);
        self.value = self.next(node, value)?;
        self.name = output;
        Ok(())
    }

    fn next(&mut self, node: &Node, value: Value) -> Result<Value, OnnxError> {
        let op = &*node.op;
        match (op, value) {
            ("QuantizeLinear", value) => self.quantize(node, value),
            ("DequantizeLinear", Value::Bytes(x)) if self.params(node, 1)? == x => Ok(Value::Dequantized(x)),
            ("Gemm", Value::Dequantized(x)) => {
                self.plain_gemm(node)?;
                let transposed = node.int("transB", 0) != 0;
                self.linear(node, x, Self::scaled_input, 1, 2, transposed)
            }
            ("MatMul", Value::Dequantized(x)) => {
                self.linear(node, x, Self::scaled_input, 1, usize::MAX, false)
            }
            ("Add", Value::Linear { x, inputs, weight, scale, bias: None, relu: false }) => {
                let index = usize::from(node.inputs.first().is_some_and(|name| name == self.name));
                let bias = Some(self.bias(node, index, x, &scale)?);
                Ok(Value::Linear { x, inputs, weight, scale, bias, relu: false })
            }
            ("Relu", Value::Linear { x, inputs, weight, scale, bias, .. }) => {
                Ok(Value::Linear { x, inputs, weight, scale, bias, relu: true })
            }
            ("QGemm", Value::Bytes(x)) if self.params(node, 1)? == x => {
                self.plain_gemm(node)?;
                let transposed = node.int("transB", 0) != 0;
                let linear = self.linear(node, x, Self::stored_input, 3, 6, transposed)?;
                self.finish(node, linear, 7)
            }
            ("QLinearMatMul", Value::Bytes(x)) if self.params(node, 1)? == x => {
                let linear = self.linear(node, x, Self::stored_input, 3, usize::MAX, false)?;
                self.finish(node, linear, 6)
            }
            ("QLinearSigmoid" | "QLinearLeakyRelu", Value::Bytes(x)) if self.params(node, 1)? == x => {
                let value = self.function(node, x)?;
                self.finish(node, value, 3)
            }
            ("Sigmoid" | "Tanh" | "LeakyRelu" | "Elu" | "Gelu", Value::Dequantized(x)) => {
                self.function(node, x)
            }
            ("DequantizeLinear" | "QGemm" | "QLinearMatMul" | "QLinearSigmoid" | "QLinearLeakyRelu", _) => {
                Err(fail(
                    node,
                    "its input is not quantised with the scale and zero point of the node before it",
                ))
            }
            ("Add", Value::Dequantized(_)) => Err(fail(
                node,
                "its product is rounded to bytes before the biases are added: fuse `MatMul` and `Add` before quantisation, by `onnxruntime.quantization.preprocess`",
            )),
            _ => Err(fail(
                node,
                "this operator is not supported here: expected QuantizeLinear, DequantizeLinear, Gemm, MatMul, Add, Relu, an activation, QGemm, QLinearMatMul, QLinearSigmoid or QLinearLeakyRelu",
            )),
        }
    }

    fn quantize(&mut self, node: &Node, value: Value) -> Result<Value, OnnxError> {
        let element = i32::try_from(node.int("output_dtype", 0)).unwrap_or(-1);
        if !has_input(node, 2) && !matches!(element, 0 | tensor::UINT8) {
            return Err(fail(node, "it has an `output_dtype` but no zero point, expected a zero point"));
        }
        self.element = tensor::UINT8;
        self.finish(node, value, 1)
    }

    /// Adds a layer whose output has the scale at this input of the node, and the zero point at the next.
    fn finish(&mut self, node: &Node, value: Value, index: usize) -> Result<Value, OnnxError> {
        let y = self.params(node, index)?;
        if has_input(node, index + 1) {
            self.element = self.stored(node, index + 1)?.1;
        }
        match value {
            Value::Input => self.net.input = y,
            Value::Dequantized(x) if x == y => {}
            Value::Linear { x, inputs, weight, scale, bias, relu } => {
                let outputs = weight.len() / inputs.max(1);
                if relu && y.zero_point != 0 {
                    let zero = y.zero_point;
                    return Err(fail(
                        node,
                        format!("its zero point after a ReLU is byte {zero}, expected the lowest byte, 0"),
                    ));
                }
                // In `f32`, in the same order as in ONNX Runtime.
                let multiplier = scale.iter().map(|scale| x.scale * scale / y.scale).collect();
                let bias = bias.unwrap_or_else(|| alloc::vec![0; outputs]);
                let zero_points = [x.zero_point, y.zero_point];
                let kind = DenseInt8Kind::Linear { weight, bias, multiplier, zero_points };
                kind.check(inputs).map_err(|error| fail(node, format!("{error}")))?;
                self.net.layers.push(DenseInt8Layer { index: self.net.types.len(), kind });
                self.net.types.push(format!("Linear<{inputs}, {outputs}>"));
                // There are no bytes for negative numbers.
                self.net.relu = y.zero_point == 0;
                if self.net.relu {
                    self.net.types.push(format!("Relu<{outputs}>"));
                }
            }
            Value::Function { x, activation, function } => {
                let width = self.net.outputs();
                let mut table = Box::new(crate::quantized::Table::ZERO);
                table.set(x, y, function);
                let kind = DenseInt8Kind::Table(table);
                self.net.layers.push(DenseInt8Layer { index: self.net.types.len(), kind });
                let name = activation.name();
                self.net.types.push(match activation {
                    DenseActivation::LeakyRelu(percent) => format!("{name}<{width}, {percent}>"),
                    _ => format!("{name}<{width}>"),
                });
                self.net.relu = false;
            }
            _ => return Err(fail(node, "its input has another scale: expected a layer between the two")),
        }
        Ok(Value::Bytes(y))
    }

    fn function(&self, node: &Node, x: QuantParams) -> Result<Value, OnnxError> {
        if self.net.layers.is_empty() {
            return Err(fail(node, "it stands before the first linear layer, which is not supported"));
        }
        let slope = percent(node.float("alpha", 0.01));
        let activation = match &*node.op {
            "Sigmoid" | "QLinearSigmoid" => DenseActivation::Sigmoid,
            "Tanh" => DenseActivation::Tanh,
            "Elu" if node.float("alpha", 1.0) == 1.0 => DenseActivation::Elu,
            "Gelu" if node.attributes.iter().all(|attribute| attribute.text != b"tanh") => {
                DenseActivation::Gelu
            }
            "LeakyRelu" | "QLinearLeakyRelu" if slope.is_some() => {
                DenseActivation::LeakyRelu(slope.unwrap_or_default())
            }
            _ => {
                return Err(fail(
                    node,
                    "its attributes have other values than those of a layer of this crate",
                ));
            }
        };
        match function(activation) {
            Some(function) => Ok(Value::Function { x, activation, function }),
            None => Err(fail(node, "this activation has no eight-bit form")),
        }
    }

    fn plain_gemm(&self, node: &Node) -> Result<(), OnnxError> {
        let one = |name| node.attributes.iter().filter(|a| a.name == name).all(|a| a.float == 1.0);
        if node.int("transA", 0) == 0 && one("alpha") && one("beta") {
            return Ok(());
        }
        Err(fail(node, "expected `transA` 0, `alpha` 1 and `beta` 1"))
    }

    /// A linear layer with these inputs of weights and biases.
    fn linear(
        &mut self,
        node: &Node,
        x: QuantParams,
        weight: fn(&Self, &Node, usize) -> Result<(Tensor, Scales), OnnxError>,
        weight_index: usize,
        bias_index: usize,
        transposed: bool,
    ) -> Result<Value, OnnxError> {
        let (tensor, Scales { values: mut scale, axis }) = weight(self, node, weight_index)?;
        let [rows, columns] = tensor.sizes[..] else {
            return Err(fail(
                node,
                format!("its weights have the sizes {:?}, expected a matrix", tensor.sizes),
            ));
        };
        let (tensor, outputs, inputs) = if transposed {
            (tensor, rows, columns)
        } else {
            (tensor.transpose(rows, columns), columns, rows)
        };
        // Those of operators on bytes are always for the outputs.
        let axis_of_outputs = if transposed { 0 } else { 1 };
        if scale.len() > 1 && !node.op.starts_with('Q') && axis.rem_euclid(2) != axis_of_outputs {
            return Err(fail(
                node,
                format!(
                    "its scales are for axis {axis} of the weights, expected {axis_of_outputs}: the outputs"
                ),
            ));
        }
        if scale.len() == 1 {
            scale = alloc::vec![scale[0]; outputs];
        }
        if inputs == 0 || outputs == 0 || scale.len() != outputs {
            return Err(fail(
                node,
                format!("it has {} scales, expected one, or one for each of {outputs} outputs", scale.len()),
            ));
        }
        match self.net.layers.is_empty() {
            true => self.net.inputs = inputs,
            false if self.net.outputs() == inputs => {}
            false => {
                let before = self.net.outputs();
                return Err(fail(node, format!("its weights have {inputs} inputs, expected {before}")));
            }
        }
        let weight: Vec<i8> = tensor.values.iter().map(|w| *w as i8).collect();
        if weight.iter().zip(&tensor.values).any(|(byte, w)| f64::from(*byte) != *w) {
            return Err(fail(node, "a weight without its zero point is not from -128 to 127"));
        }
        let bias = match node.inputs.get(bias_index) {
            Some(name) if !name.is_empty() => Some(self.bias(node, bias_index, x, &scale)?),
            _ => None,
        };
        Ok(Value::Linear { x, inputs, weight, scale, bias, relu: false })
    }
}
