//! A node of a graph: from its inputs, the value of its output.

use alloc::{
    collections::BTreeMap,
    format,
    rc::Rc,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    External, OnnxError,
    constants::exact,
    proto::Node,
    tensor::{self, Tensor, type_name},
    value::{Dynamic, Numbers, Step, Value, gate, scaled, snap},
};
use crate::formats::dense::DenseActivation;

/// The largest bounds of a hard tanh, in absolute value.
const LARGEST_CLIP: f64 = 64.0;

/// Computes the value of a node.
pub(super) struct Reader<'r, 'g, 'e> {
    pub(super) node: &'g Node,
    pub(super) version: i64,
    pub(super) element: i32,
    /// The number of samples, if it is fixed.
    pub(super) batch: Option<usize>,
    pub(super) values: &'r BTreeMap<&'g str, Value>,
    pub(super) external: &'r mut External<'e>,
}

impl Reader<'_, '_, '_> {
    pub(super) fn fail<T>(&self, reason: impl Into<String>) -> Result<T, OnnxError> {
        Err(fail(self.node, reason))
    }

    /// An input, if it is there: an optional one can have an empty name.
    fn input(&self, index: usize) -> Result<Option<Value>, OnnxError> {
        let Some(name) = self.node.inputs.get(index).filter(|name| !name.is_empty()) else { return Ok(None) };
        match self.values.get(&**name) {
            Some(value) => Ok(Some(value.clone())),
            None => self.fail(format!("its input `{name}` is not computed by any node")),
        }
    }

    /// An input that depends on the input of the graph.
    pub(super) fn dynamic(&self, index: usize) -> Result<Dynamic, OnnxError> {
        match self.input(index)? {
            Some(Value::Dynamic(value)) => Ok(value),
            Some(Value::Constant(_)) => {
                self.fail(format!("its input {index} is a constant, expected features"))
            }
            None => self.fail(format!("it has no input {index}")),
        }
    }

    pub(super) fn constant(&self, index: usize) -> Result<Rc<Tensor>, OnnxError> {
        match self.optional(index)? {
            Some(constant) => Ok(constant),
            None => self.fail(format!("it has no input {index}")),
        }
    }

    fn optional(&self, index: usize) -> Result<Option<Rc<Tensor>>, OnnxError> {
        match self.input(index)? {
            Some(Value::Constant(constant)) => Ok(Some(constant)),
            Some(Value::Dynamic(_)) => self.fail(format!(
                "its input `{}` depends on the input of the graph, expected a constant",
                self.node.inputs[index]
            )),
            None => Ok(None),
        }
    }

    /// A constant as one number for each feature.
    fn numbers(&self, tensor: &Tensor) -> Result<Numbers, OnnxError> {
        if let Some(number) = tensor.as_scalar() {
            return Ok(Numbers::One(number));
        }
        let leading = tensor.sizes.len().saturating_sub(1);
        if tensor.sizes.iter().take(leading).any(|size| *size != 1) {
            return self.fail(format!(
                "a constant has the sizes {:?}, expected one number for each feature",
                tensor.sizes
            ));
        }
        Ok(Numbers::Each(Rc::new(tensor.values.clone())))
    }

    pub(super) fn value(&mut self) -> Result<Value, OnnxError> {
        if !matches!(&*self.node.domain, "" | "ai.onnx" | "ai.onnx.ml") {
            return self.fail(format!(
                "operators of the domain `{}` are not supported: export the model with standard operators",
                self.node.domain
            ));
        }
        if self.node.op == "Constant" {
            return self.constant_node();
        }
        let constants: Option<Vec<Rc<Tensor>>> = self
            .node
            .inputs
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| match self.values.get(&**name) {
                Some(Value::Constant(constant)) => Some(constant.clone()),
                _ => None,
            })
            .collect();
        match constants {
            Some(constants) if !constants.is_empty() => {
                self.of_constants(&constants).map(|tensor| Value::Constant(Rc::new(tensor)))
            }
            _ => self.of_features().map(Value::Dynamic),
        }
    }

    fn of_features(&self) -> Result<Dynamic, OnnxError> {
        use DenseActivation as A;
        let op = &*self.node.op;
        match op {
            "Gemm" | "MatMul" => self.product(),
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(),
            "Neg" => Ok(scaled(&self.dynamic(0)?, -1.0)),
            "Relu" => Ok(self.dynamic(0)?.activation(A::Relu)),
            "Tanh" => Ok(self.dynamic(0)?.activation(A::Tanh)),
            "Sigmoid" => Ok(self.dynamic(0)?.activation(A::Sigmoid)),
            "Softplus" => Ok(self.dynamic(0)?.activation(A::Softplus)),
            "HardSwish" => Ok(self.dynamic(0)?.activation(A::Hardswish)),
            "Erf" => Ok(self.dynamic(0)?.then(Step::Erf)),
            "LeakyRelu" => self.leaky_relu(self.node.float("alpha", 0.01)),
            "PRelu" => match self.constant(1)?.as_scalar() {
                Some(slope) => self.leaky_relu(slope),
                None => self.fail("it has a slope for each feature, expected one slope"),
            },
            "Elu" => match self.node.float("alpha", 1.0) {
                1.0 => Ok(self.dynamic(0)?.activation(A::Elu)),
                alpha => self.fail(format!("its `alpha` is {alpha}, expected 1")),
            },
            "Selu" => {
                let (alpha, gamma) = (self.node.float("alpha", 1.67326), self.node.float("gamma", 1.0507));
                if (alpha - 1.67326).abs() < 1e-5 && (gamma - 1.0507).abs() < 1e-5 {
                    return Ok(self.dynamic(0)?.activation(A::Selu));
                }
                self.fail(format!("its `alpha` is {alpha} and its `gamma` {gamma}, expected 1.67326 and 1.0507"))
            }
            "HardSigmoid" => {
                let (alpha, beta) = (self.node.float("alpha", 0.2), self.node.float("beta", 0.5));
                let scale = snap(6.0 * alpha);
                let x = self.dynamic(0)?.affine(&Numbers::One(scale), &Numbers::One(6.0 * beta - 3.0));
                Ok(self.fits(x)?.activation(A::Hardsigmoid))
            }
            "Gelu" => {
                let tanh = self.node.attribute("approximate").is_some_and(|attribute| attribute.text == b"tanh");
                Ok(self.dynamic(0)?.activation(if tanh { A::GeluTanh } else { A::Gelu }))
            }
            "Softmax" => {
                let default = if self.version < 13 { 1 } else { -1 };
                Ok(self.rows_along_axis(default)?.activation(A::Softmax))
            }
            "Clip" => self.clip(),
            "LayerNormalization" => self.layer_norm(),
            "BatchNormalization" => self.batch_norm(),
            "Scaler" => {
                let vector = |name| match self.node.attribute(name).map(|attribute| &attribute.floats[..]) {
                    None | Some([]) => None,
                    Some([number]) => Some(Numbers::One(exact(*number))),
                    Some(numbers) => Some(Numbers::Each(Rc::new(numbers.iter().map(|x| exact(*x)).collect()))),
                };
                let offset = vector("offset").unwrap_or(Numbers::One(0.0)).each(|x| -x);
                let scale = vector("scale").unwrap_or(Numbers::One(1.0));
                let centred = self.rows(0)?.affine(&Numbers::One(1.0), &offset);
                self.fits(centred.and_then(|x| x.affine(&scale, &Numbers::One(0.0))))
            }
            "Identity" => self.dynamic(0),
            "Dropout" => match self.optional(2)?.and_then(|training| training.as_scalar()) {
                None | Some(0.0) => self.dynamic(0),
                Some(_) => self.fail("its `training_mode` is true: export the model in evaluation mode"),
            },
            "Cast" => {
                let (x, to) = (self.dynamic(0)?, self.node.int("to", 0));
                // What is computed from 16-bit weights is computed in `f32`.
                let half = |element| matches!(element, tensor::FLOAT | tensor::FLOAT16 | tensor::BFLOAT16);
                let to = i32::try_from(to).unwrap_or_default();
                if to == self.element || (half(to) && half(self.element)) {
                    return Ok(x);
                }
                self.fail(format!(
                    "it converts {} to {}, expected no conversion",
                    type_name(self.element),
                    type_name(to)
                ))
            }
            "Flatten" => self.flatten(),
            "Reshape" => self.reshape(),
            "If" | "Loop" | "Scan" => self.fail("a network with branches or loops is not a chain of dense layers"),
            "LSTM" | "GRU" | "RNN" => self.fail("recurrent layers are not supported: only dense layers are"),
            "Conv" | "MaxPool" | "AveragePool" => self.fail("convolutions are not supported: only dense layers are"),
            "ArgMax" | "Concat" | "ZipMap" | "Where" | "ArrayFeatureExtractor" => self.fail(
                "this operator is not supported: export the model without it, or choose an output before it by `--output`",
            ),
            _ => self.fail("this operator is not supported: export the model without it"),
        }
    }

    /// The result of an affine function, if the numbers of features fit.
    fn fits(&self, result: Option<Dynamic>) -> Result<Dynamic, OnnxError> {
        match result {
            Some(result) => Ok(result),
            None => {
                let width = self.dynamic(0).or_else(|_| self.dynamic(1)).ok().and_then(|x| x.width);
                let sizes = [0, 1].map(|i| self.optional(i).ok().flatten().map(|t| t.sizes.clone()));
                let sizes = sizes.into_iter().flatten().next().unwrap_or_default();
                self.fail(format!(
                    "a constant has the sizes {sizes:?}, expected one number or one for each of {} features",
                    width.map_or_else(|| "the".into(), |width| width.to_string())
                ))
            }
        }
    }

    /// `alpha · A · B + beta · C` with constants `B` and `C`.
    fn product(&self) -> Result<Dynamic, OnnxError> {
        let gemm = self.node.op == "Gemm";
        if let (Some(Value::Constant(_)), Some(Value::Dynamic(_))) = (self.input(0)?, self.input(1)?) {
            return self
                .fail("the weights are its first input, expected the features: transpose the product");
        }
        let (x, b) = (self.rows(0)?, self.constant(1)?);
        if gemm && x.rank == Some(1) {
            return self.fail("its input has 1 dimension, expected 2");
        }
        if gemm && self.node.int("transA", 0) != 0 {
            return self.fail("its `transA` is 1, expected 0: rows are samples");
        }
        let [rows, columns] = b.sizes[..] else {
            return self.fail(format!(
                "its weights `{}` have the sizes {:?}, expected a matrix",
                self.node.inputs[1], b.sizes
            ));
        };
        let transposed = gemm && self.node.int("transB", 0) != 0;
        let (inputs, outputs) = if transposed { (columns, rows) } else { (rows, columns) };
        if inputs == 0 || outputs == 0 || x.width.is_some_and(|width| width != inputs) {
            return self.fail(format!(
                "its weights `{}` take {inputs} features and give {outputs}, expected {} features",
                self.node.inputs[1],
                x.width.map_or_else(|| "some".into(), |width| width.to_string())
            ));
        }
        let mut weight = if transposed { b.values.clone() } else { b.transpose(rows, columns).values };
        let alpha = if gemm { self.node.float("alpha", 1.0) } else { 1.0 };
        weight.iter_mut().for_each(|w| *w *= alpha);
        let rank = if gemm { Some(2) } else { x.rank };
        let y = Dynamic { width: Some(inputs), rank, ..x }.then(Step::Linear { weight, inputs });
        match self.optional(2)?.filter(|_| gemm) {
            Some(c) => {
                let beta = self.node.float("beta", 1.0);
                let shift = self.numbers(&c)?.each(|c| c * beta);
                match y.affine(&Numbers::One(1.0), &shift) {
                    Some(y) => Ok(y),
                    None => self.fail(format!(
                        "its biases `{}` have the sizes {:?}, expected {outputs} numbers",
                        self.node.inputs[2], c.sizes
                    )),
                }
            }
            None => Ok(y),
        }
    }

    fn arithmetic(&self) -> Result<Dynamic, OnnxError> {
        let op = &*self.node.op;
        let one = Numbers::One(1.0);
        let zero = Numbers::One(0.0);
        let result = match (self.input(0)?, self.input(1)?) {
            (Some(Value::Dynamic(x)), Some(Value::Constant(c))) => {
                let c = self.numbers(&c)?;
                if c.len().is_some() {
                    self.rows(0)?;
                }
                match op {
                    "Add" => x.affine(&one, &c),
                    "Sub" => x.affine(&one, &c.each(|c| -c)),
                    "Mul" => x.affine(&c, &zero),
                    _ if c.all(|c| c != 0.0) => x.affine(&c.each(f64::recip), &zero),
                    _ => return self.fail("it divides by zero"),
                }
            }
            (Some(Value::Constant(c)), Some(Value::Dynamic(x))) => {
                let c = self.numbers(&c)?;
                if c.len().is_some() {
                    self.rows(1)?;
                }
                match op {
                    "Add" => x.affine(&one, &c),
                    "Sub" => x.affine(&Numbers::One(-1.0), &c),
                    "Mul" => x.affine(&c, &zero),
                    _ => return self.fail("it divides a constant by features, which no layer does"),
                }
            }
            (Some(Value::Dynamic(a)), Some(Value::Dynamic(b))) => {
                let product = (op == "Mul").then(|| gate(&a, &b).or_else(|| gate(&b, &a))).flatten();
                return match product {
                    Some(product) => Ok(product),
                    None => self.fail(format!(
                        "it joins the branches `{}` and `{}`, expected a chain of layers; of products, only a \
                         written-out SiLU, hard swish or GELU is supported",
                        self.node.inputs[0], self.node.inputs[1]
                    )),
                };
            }
            _ => return self.fail("it has fewer than two inputs"),
        };
        self.fits(result)
    }

    fn leaky_relu(&self, slope: f64) -> Result<Dynamic, OnnxError> {
        match percent(slope) {
            Some(percent) => Ok(self.dynamic(0)?.activation(DenseActivation::LeakyRelu(percent))),
            None => self.fail(format!("its slope is {slope}, expected a whole number of percent")),
        }
    }

    /// `max(low, min(x, high))`: a hard tanh of scaled features, whose output is scaled back.
    fn clip(&self) -> Result<Dynamic, OnnxError> {
        let bound = |index: usize, name: &str, default: f64| -> Result<f64, OnnxError> {
            Ok(match self.optional(index)? {
                Some(bound) => bound.as_scalar().unwrap_or(default),
                None => self.node.float(name, default),
            })
        };
        let (low, high) = (bound(1, "min", f64::NEG_INFINITY)?, bound(2, "max", f64::INFINITY)?);
        let x = self.dynamic(0)?;
        if low == 0.0 && high > 1e30 {
            return Ok(x.activation(DenseActivation::Relu));
        }
        let (half, middle) = (0.5 * (high - low), 0.5 * (high + low));
        // Scaled by more, or moved by more, the features would lose digits.
        if !(half > 0.0 && half <= LARGEST_CLIP && middle.abs() <= LARGEST_CLIP) {
            return self.fail(format!(
                "its bounds are {low} and {high}, expected two numbers within {LARGEST_CLIP} of 0, or 0 and none"
            ));
        }
        let inside = self.fits(x.affine(&Numbers::One(1.0 / half), &Numbers::One(-middle / half)))?;
        self.fits(
            inside.activation(DenseActivation::Hardtanh).affine(&Numbers::One(half), &Numbers::One(middle)),
        )
    }

    fn layer_norm(&self) -> Result<Dynamic, OnnxError> {
        let (x, weight) = (self.rows_along_axis(-1)?, self.constant(1)?);
        let eps = self.node.float("epsilon", 1e-5);
        let exponent = (-eps.log10()).round();
        if !((0.0..=22.0).contains(&exponent) && (eps * 10.0_f64.powf(exponent) - 1.0).abs() < 1e-5) {
            return self.fail(format!("its `epsilon` is {eps}, expected a power of ten"));
        }
        let count = weight.values.len();
        let bias = self.optional(2)?.map_or_else(|| alloc::vec![0.0; count], |bias| bias.values.clone());
        if bias.len() != count {
            let bias = bias.len();
            return self
                .fail(format!("its bias `{}` has {bias} numbers, expected {count}", self.node.inputs[2]));
        }
        if x.width.is_some_and(|width| width != count) {
            return self.fail(format!(
                "its scale `{}` has {count} numbers, expected one for each of {} features",
                self.node.inputs[1],
                x.width.unwrap_or_default()
            ));
        }
        let x = Dynamic { width: Some(count), ..x };
        Ok(x.then(Step::LayerNorm { weight: weight.values.clone(), bias, exponent: exponent as usize }))
    }

    fn batch_norm(&self) -> Result<Dynamic, OnnxError> {
        let (x, eps) = (self.rows(0)?, self.node.float("epsilon", 1e-5));
        if self.node.int("training_mode", 0) != 0 {
            return self.fail("its `training_mode` is 1: export the model in evaluation mode");
        }
        let [gamma, beta, mean, variance] = [1, 2, 3, 4].map(|i| self.constant(i));
        let (gamma, beta, mean, variance) = (
            self.numbers(&*gamma?)?,
            self.numbers(&*beta?)?,
            self.numbers(&*mean?)?,
            self.numbers(&*variance?)?,
        );
        if !variance.all(|v| v + eps > 0.0) {
            return self.fail("a variance is negative");
        }
        let scale = gamma.with(&variance, |gamma, v| gamma / (v + eps).sqrt());
        let product = scale.as_ref().and_then(|scale| mean.with(scale, |mean, s| mean * s));
        let shift = product.and_then(|product| beta.with(&product, |beta, m| beta - m));
        match (scale, shift) {
            (Some(scale), Some(shift)) => self.fits(x.affine(&scale, &shift)),
            _ => self.fail("its constants have different lengths"),
        }
    }
}

/// A slope in percent, if it is a whole number.
pub(super) fn percent(slope: f64) -> Option<usize> {
    let percent = (slope * 100.0).round();
    let is_whole = (0.0..=1e6).contains(&percent) && (slope * 100.0 - percent).abs() < 1e-5;
    is_whole.then_some(percent as usize)
}

pub(super) fn fail(node: &Node, reason: impl Into<String>) -> OnnxError {
    // Nodes need no name.
    let name = if node.name.is_empty() { node.outputs.first() } else { Some(&node.name) };
    OnnxError::Node { node: name.cloned().unwrap_or_default(), op: node.op.clone(), reason: reason.into() }
}
