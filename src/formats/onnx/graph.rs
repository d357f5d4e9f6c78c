//! The graph of an ONNX file as a chain of layers, computed node by node: a value is a constant, or a chain that was
//! applied to the input.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    rc::Rc,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    External, OnnxError,
    proto::{Attribute, Graph, Node},
    simplify,
    tensor::{self, Tensor, type_name},
};
use crate::formats::dense::{DenseActivation, DenseNetwork};

/// The newest operator set whose operators were compared with their documentation.
const NEWEST: i64 = 26;

/// One number for all features, or one for each.
#[derive(Clone, Debug)]
pub(super) enum Numbers {
    One(f64),
    Each(Rc<Vec<f64>>),
}

impl Numbers {
    pub(super) fn at(&self, index: usize) -> f64 {
        match self {
            Self::One(number) => *number,
            Self::Each(numbers) => numbers.get(index).copied().unwrap_or(f64::NAN),
        }
    }

    /// The number of features, if it is known.
    pub(super) fn len(&self) -> Option<usize> {
        if let Self::Each(numbers) = self { Some(numbers.len()) } else { None }
    }

    fn each(&self, f: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::One(number) => Self::One(f(*number)),
            Self::Each(numbers) => Self::Each(Rc::new(numbers.iter().map(|x| f(*x)).collect())),
        }
    }

    /// `f` of both, if they have the same length.
    fn with(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Option<Self> {
        match (self, other) {
            (Self::One(a), Self::One(b)) => Some(Self::One(f(*a, *b))),
            (Self::Each(a), Self::Each(b)) if a.len() == b.len() => {
                Some(Self::Each(Rc::new(a.iter().zip(b.iter()).map(|(a, b)| f(*a, *b)).collect())))
            }
            (Self::Each(_), Self::Each(_)) => None,
            (a, Self::One(b)) => Some(a.each(|a| f(a, *b))),
            (Self::One(a), b) => Some(b.each(|b| f(*a, b))),
        }
    }

    pub(super) fn all(&self, f: impl Fn(f64) -> bool) -> bool {
        match self {
            Self::One(number) => f(*number),
            Self::Each(numbers) => numbers.iter().all(|x| f(*x)),
        }
    }
}

/// A function of the features, applied to the output of another one.
#[derive(Debug)]
pub(super) enum Step {
    Linear {
        weight: Vec<f64>,
        inputs: usize,
    },
    LayerNorm {
        weight: Vec<f64>,
        bias: Vec<f64>,
        exponent: usize,
    },
    Activation(DenseActivation),
    /// A part of a GELU that is written out.
    Erf,
}

/// The input, or a step after another.
#[derive(Debug)]
pub(super) enum Base {
    Input,
    After(Dynamic, Step),
}

/// A value that depends on the input: `scale ⊙ base + shift`.
#[derive(Clone, Debug)]
pub(super) struct Dynamic {
    pub(super) base: Rc<Base>,
    pub(super) scale: Numbers,
    pub(super) shift: Numbers,
    /// The number of features, if it is known.
    pub(super) width: Option<usize>,
}

/// A chain is dropped link by link: a long one would overflow the stack.
impl Drop for Base {
    fn drop(&mut self) {
        let Self::After(before, _) = self else { return };
        let mut next = core::mem::replace(&mut before.base, Rc::new(Self::Input));
        while let Some(Self::After(before, _)) = Rc::get_mut(&mut next) {
            let before = core::mem::replace(&mut before.base, Rc::new(Self::Input));
            next = before;
        }
    }
}

impl Dynamic {
    fn new(base: Base, width: Option<usize>) -> Self {
        Self { base: Rc::new(base), scale: Numbers::One(1.0), shift: Numbers::One(0.0), width }
    }

    fn then(&self, step: Step) -> Self {
        let width = if let Step::Linear { weight, inputs } = &step {
            weight.len().checked_div(*inputs)
        } else {
            self.width
        };
        Self::new(Base::After(self.clone(), step), width)
    }

    fn activation(&self, activation: DenseActivation) -> Self {
        self.then(Step::Activation(activation))
    }

    /// `scale ⊙ self + shift`, if the numbers of features are the same.
    fn affine(&self, scale: &Numbers, shift: &Numbers) -> Option<Self> {
        let width = [scale.len(), shift.len()].into_iter().flatten().try_fold(self.width, |width, len| {
            if width.is_none_or(|width| width == len) { Some(Some(len)) } else { None }
        })?;
        let new_shift = self.shift.with(scale, |t, s| t * s)?.with(shift, |t, u| t + u)?;
        Some(Self {
            base: self.base.clone(),
            scale: self.scale.with(scale, |a, b| a * b)?,
            shift: new_shift,
            width,
        })
    }

    /// The factor `c` with `other = c ⊙ self`, if both have the same base and `c` is one number.
    fn factor(&self, other: &Self) -> Option<f64> {
        if !Rc::ptr_eq(&self.base, &other.base) {
            return None;
        }
        let at = match (&self.scale, &self.shift) {
            (Numbers::Each(numbers), _) | (_, Numbers::Each(numbers)) => numbers.len(),
            _ => 1,
        };
        let factor =
            (0..at).find_map(|i| (self.scale.at(i) != 0.0).then(|| other.scale.at(i) / self.scale.at(i)))?;
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-5 * (a.abs() + b.abs());
        let same = (0..at).all(|i| {
            close(self.scale.at(i) * factor, other.scale.at(i))
                && close(self.shift.at(i) * factor, other.shift.at(i))
        });
        same.then_some(factor)
    }

    /// If this is `scale · f(before) + shift` with single numbers: those and what is before.
    fn of_step(&self, is: impl Fn(&Step) -> bool) -> Option<(f64, f64, &Self)> {
        match (&*self.base, &self.scale, &self.shift) {
            (Base::After(before, step), Numbers::One(scale), Numbers::One(shift)) if is(step) => {
                Some((*scale, *shift, before))
            }
            _ => None,
        }
    }
}

/// A value of the graph.
#[derive(Clone, Debug)]
enum Value {
    Constant(Rc<Tensor>),
    Dynamic(Dynamic),
}

impl Value {
    /// The number of numbers that were computed for this value, and not for one before it.
    fn numbers(&self) -> usize {
        match self {
            Self::Constant(tensor) => tensor.values.len(),
            Self::Dynamic(Dynamic { base, scale, shift, .. }) => {
                let weights = match &**base {
                    Base::After(_, Step::Linear { weight, .. } | Step::LayerNorm { weight, .. }) => {
                        weight.len()
                    }
                    _ => 0,
                };
                weights + scale.len().unwrap_or(0) + shift.len().unwrap_or(0)
            }
        }
    }
}

/// The values of a graph have at most so many numbers, for each number that is stored in the file, and some more. So the
/// memory is proportional to the size of the file, even if many nodes use the same constant.
const COPIES: usize = 16;
const SPARE: usize = 4096;

/// Reads a graph.
pub(super) fn read(
    graph: &Graph,
    version: i64,
    output: Option<&str>,
    external: &mut External<'_>,
) -> Result<DenseNetwork, OnnxError> {
    if version > NEWEST {
        return Err(OnnxError::Graph(format!(
            "the file uses operator set {version}, expected at most {NEWEST}: export it with `opset_version={NEWEST}`"
        )));
    }
    let output = the_output(graph, output)?;
    let nodes = needed(graph, output)?;
    let quantized = ["QuantizeLinear", "DequantizeLinear", "QGemm", "QLinearMatMul"];
    if let Some(node) = nodes.iter().find(|node| quantized.contains(&&*node.op)) {
        let reason = "the network is quantised: read it by `Onnx::read_quantized`, or by `--int8`";
        return Err(fail(node, reason));
    }
    let used: BTreeSet<&str> = nodes.iter().flat_map(|node| &node.inputs).map(String::as_str).collect();

    let mut values = BTreeMap::<&str, Value>::new();
    let mut budget = SPARE;
    for message in graph.initializers.iter().filter(|message| used.contains(&*message.name)) {
        let constant = Tensor::read(message, &message.name, external)?;
        budget += COPIES * constant.values.len();
        values.insert(&message.name, Value::Constant(Rc::new(constant)));
    }
    let (input, element, width) = the_input(graph, &values, &used)?;
    values.insert(input, Value::Dynamic(Dynamic::new(Base::Input, width)));

    for node in nodes {
        let mut reader = Reader { node, version, element, values: &values, external: &mut *external };
        let value = reader.value()?;
        if let ("Constant", Value::Constant(constant)) = (&*node.op, &value) {
            budget += COPIES * constant.values.len();
        }
        budget = match budget.checked_sub(value.numbers()) {
            Some(budget) => budget,
            None => return Err(fail(node, "the same constants are used by too many nodes")),
        };
        if let Some(name) = node.outputs.first() {
            values.insert(name, value);
        }
    }
    match values.get(output) {
        Some(Value::Dynamic(value)) => simplify::network(value, element == tensor::DOUBLE),
        _ => Err(OnnxError::Graph(format!("the output `{output}` does not depend on the input `{input}`"))),
    }
}

/// The name of the output.
pub(super) fn the_output<'g>(graph: &'g Graph, wanted: Option<&str>) -> Result<&'g str, OnnxError> {
    let names: Vec<&str> = graph.outputs.iter().map(|output| &*output.name).collect();
    match (wanted, &names[..]) {
        (None, [name]) => Ok(name),
        (None, []) => Err(OnnxError::Graph("the graph has no output".into())),
        (None, [first, ..]) => Err(OnnxError::Graph(format!(
            "the graph has the outputs {}, expected one: choose it by `.output(\"{first}\")`, or `--output {first}`",
            quoted(&names)
        ))),
        (Some(wanted), names) => names.iter().find(|name| **name == wanted).copied().ok_or_else(|| {
            OnnxError::Graph(format!("the graph has no output `{wanted}`, but {}", quoted(names)))
        }),
    }
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The name of the input that is not a constant, its element type, and its number of features if it is known.
fn the_input<'g>(
    graph: &'g Graph,
    values: &BTreeMap<&str, Value>,
    used: &BTreeSet<&str>,
) -> Result<(&'g str, i32, Option<usize>), OnnxError> {
    let inputs: Vec<_> = graph
        .inputs
        .iter()
        .filter(|input| used.contains(&*input.name) && !values.contains_key(&*input.name))
        .collect();
    let [input] = inputs[..] else {
        let names: Vec<_> = inputs.iter().map(|input| &*input.name).collect();
        return Err(OnnxError::Graph(match &names[..] {
            [] => "the output of the graph does not depend on an input".into(),
            names => format!("the graph has the inputs {}, expected one", quoted(names)),
        }));
    };
    let Some(kind) = input.kind.as_ref().and_then(|kind| kind.tensor.as_ref()) else {
        return Err(OnnxError::Graph(format!("the input `{}` is not a tensor", input.name)));
    };
    if !matches!(kind.element, tensor::FLOAT | tensor::DOUBLE | tensor::FLOAT16 | tensor::BFLOAT16) {
        return Err(OnnxError::Graph(format!(
            "the input `{}` has the element type {}, expected FLOAT or DOUBLE",
            input.name,
            type_name(kind.element)
        )));
    }
    // The first size is that of the batch. With more than two sizes, the graph flattens the others.
    let width = kind.shape.as_ref().and_then(|shape| {
        let sizes = shape.dims.iter().map(|dim| usize::try_from(dim.size).ok().filter(|size| *size > 0));
        let skip = usize::from(shape.dims.len() > 1);
        sizes.skip(skip).try_fold(1_usize, |product, size| product.checked_mul(size?))
    });
    Ok((&input.name, kind.element, width))
}

/// The nodes on which the output depends, in the order of the file.
pub(super) fn needed<'g>(graph: &'g Graph, output: &str) -> Result<Vec<&'g Node>, OnnxError> {
    let mut producers = BTreeMap::<&str, usize>::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            producers.insert(name, index);
        }
    }
    let mut is_needed = alloc::vec![false; graph.nodes.len()];
    let mut names = alloc::vec![output];
    while let Some(name) = names.pop() {
        let Some(index) = producers.get(name).copied().filter(|index| !is_needed[*index]) else { continue };
        is_needed[index] = true;
        names.extend(graph.nodes[index].inputs.iter().map(String::as_str));
    }
    let mut nodes = Vec::new();
    let mut known = BTreeSet::new();
    for (node, _) in graph.nodes.iter().zip(is_needed).filter(|(_, needed)| *needed) {
        for name in &node.inputs {
            if producers.contains_key(&**name) && !known.contains(&**name) {
                let reason = format!(
                    "its input `{name}` is computed by a later node: the graph has a cycle, or is not sorted"
                );
                return Err(fail(node, reason));
            }
        }
        known.extend(node.outputs.iter().map(String::as_str));
        nodes.push(node);
    }
    Ok(nodes)
}

pub(super) fn fail(node: &Node, reason: impl Into<String>) -> OnnxError {
    OnnxError::Node { node: node.name.clone(), op: node.op.clone(), reason: reason.into() }
}

/// Computes the value of a node.
struct Reader<'r, 'g, 'e> {
    node: &'g Node,
    version: i64,
    element: i32,
    values: &'r BTreeMap<&'g str, Value>,
    external: &'r mut External<'e>,
}

impl Reader<'_, '_, '_> {
    fn fail<T>(&self, reason: impl Into<String>) -> Result<T, OnnxError> {
        Err(fail(self.node, reason))
    }

    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.node.attributes.iter().find(|attribute| attribute.name == name)
    }

    fn float(&self, name: &str, default: f64) -> f64 {
        self.attribute(name).map_or(default, |attribute| exact(attribute.float))
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.int)
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
    fn dynamic(&self, index: usize) -> Result<Dynamic, OnnxError> {
        match self.input(index)? {
            Some(Value::Dynamic(value)) => Ok(value),
            Some(Value::Constant(_)) => {
                self.fail(format!("its input {index} is a constant, expected features"))
            }
            None => self.fail(format!("it has no input {index}")),
        }
    }

    fn constant(&self, index: usize) -> Result<Rc<Tensor>, OnnxError> {
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

    fn value(&mut self) -> Result<Value, OnnxError> {
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

    fn constant_node(&mut self) -> Result<Value, OnnxError> {
        let Some(attribute) = self.node.attributes.first() else { return self.fail("it has no value") };
        let tensor = match &*attribute.name {
            "value" => match &attribute.tensor {
                Some(message) => {
                    let name = self.node.outputs.first().map_or("", String::as_str);
                    Tensor::read(message, name, self.external)?
                }
                None => return self.fail("it has no value"),
            },
            "value_float" => Tensor::scalar(exact(attribute.float)),
            "value_int" => Tensor::scalar(attribute.int as f64),
            "value_floats" => Tensor::vector(attribute.floats.iter().map(|x| exact(*x)).collect()),
            "value_ints" => Tensor::vector(attribute.ints.iter().map(|x| *x as f64).collect()),
            other => return self.fail(format!("its value `{other}` is not a number or a tensor of numbers")),
        };
        Ok(Value::Constant(Rc::new(tensor)))
    }

    /// A node whose inputs are constants, such as the standard deviation plus a small number.
    fn of_constants(&self, inputs: &[Rc<Tensor>]) -> Result<Tensor, OnnxError> {
        let unary = |f: fn(f64) -> f64| {
            let Tensor { sizes, values } = &*inputs[0];
            Tensor { sizes: sizes.clone(), values: values.iter().map(|x| f(*x)).collect() }
        };
        let binary = |f: fn(f64, f64) -> f64| match inputs {
            [a, b] => {
                let values = |count: usize| {
                    let at = |t: &Tensor, i: usize| t.as_scalar().or_else(|| t.values.get(i).copied());
                    (0..count).map(|i| Some(f(at(a, i)?, at(b, i)?))).collect::<Option<Vec<_>>>()
                };
                let longer = if a.values.len() >= b.values.len() { a } else { b };
                let fits = a.values.len() == b.values.len() || a.as_scalar().or(b.as_scalar()).is_some();
                match values(longer.values.len()).filter(|_| fits) {
                    Some(values) => Ok(Tensor { sizes: longer.sizes.clone(), values }),
                    None => {
                        self.fail(format!("its constants have the sizes {:?} and {:?}", a.sizes, b.sizes))
                    }
                }
            }
            _ => self.fail(format!("it has {} inputs, expected 2", inputs.len())),
        };
        let result = match &*self.node.op {
            "Identity" | "Cast" | "Dropout" | "CastLike" => (*inputs[0]).clone(),
            // The sizes of vectors are compared later, without those that are 1.
            "Unsqueeze" | "Squeeze" if inputs[0].sizes.iter().filter(|size| **size != 1).count() <= 1 => {
                Tensor { sizes: [inputs[0].values.len()].into(), values: inputs[0].values.clone() }
            }
            "Add" => binary(|a, b| a + b)?,
            "Sub" => binary(|a, b| a - b)?,
            "Mul" => binary(|a, b| a * b)?,
            "Div" => binary(|a, b| a / b)?,
            "Pow" => binary(f64::powf)?,
            "Sqrt" => unary(f64::sqrt),
            "Neg" => unary(|x| -x),
            "Reciprocal" => unary(f64::recip),
            "Transpose" => match inputs[0].sizes[..] {
                [rows, columns] if self.attribute("perm").is_none_or(|perm| perm.ints == [1, 0]) => {
                    inputs[0].transpose(rows, columns)
                }
                _ => {
                    return self.fail(format!(
                        "a constant of the sizes {:?} is transposed, expected a matrix",
                        inputs[0].sizes
                    ));
                }
            },
            _ => {
                return self.fail(
                    "this operator on constants is not supported: export with constants folded, for example with `onnxsim`",
                );
            }
        };
        match result.values.iter().all(|value| value.is_finite()) {
            true => Ok(result),
            false => self.fail("it computes a constant that is not finite"),
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
            "LeakyRelu" => self.leaky_relu(self.float("alpha", 0.01)),
            "PRelu" => match self.constant(1)?.as_scalar() {
                Some(slope) => self.leaky_relu(slope),
                None => self.fail("it has a slope for each feature, expected one slope"),
            },
            "Elu" => match self.float("alpha", 1.0) {
                1.0 => Ok(self.dynamic(0)?.activation(A::Elu)),
                alpha => self.fail(format!("its `alpha` is {alpha}, expected 1")),
            },
            "Selu" => {
                let (alpha, gamma) = (self.float("alpha", 1.67326), self.float("gamma", 1.0507));
                if (alpha - 1.67326).abs() < 1e-4 && (gamma - 1.0507).abs() < 1e-4 {
                    return Ok(self.dynamic(0)?.activation(A::Selu));
                }
                self.fail(format!("its `alpha` is {alpha} and its `gamma` {gamma}, expected 1.67326 and 1.0507"))
            }
            "HardSigmoid" => {
                let (alpha, beta) = (self.float("alpha", 0.2), self.float("beta", 0.5));
                let scale = snap(6.0 * alpha);
                let x = self.dynamic(0)?.affine(&Numbers::One(scale), &Numbers::One(6.0 * beta - 3.0));
                Ok(self.fits(x)?.activation(A::Hardsigmoid))
            }
            "Gelu" => {
                let tanh = self.attribute("approximate").is_some_and(|attribute| attribute.text == b"tanh");
                Ok(self.dynamic(0)?.activation(if tanh { A::GeluTanh } else { A::Gelu }))
            }
            "Softmax" => {
                let default = if self.version < 13 { 1 } else { -1 };
                match self.int("axis", default) {
                    -1 | 1 => Ok(self.dynamic(0)?.activation(A::Softmax)),
                    axis => self.fail(format!("its `axis` is {axis}, expected -1")),
                }
            }
            "Clip" => self.clip(),
            "LayerNormalization" => self.layer_norm(),
            "BatchNormalization" => self.batch_norm(),
            "Scaler" => {
                let vector = |name| match self.attribute(name).map(|attribute| &attribute.floats[..]) {
                    None | Some([]) => None,
                    Some([number]) => Some(Numbers::One(exact(*number))),
                    Some(numbers) => Some(Numbers::Each(Rc::new(numbers.iter().map(|x| exact(*x)).collect()))),
                };
                let offset = vector("offset").unwrap_or(Numbers::One(0.0)).each(|x| -x);
                let scale = vector("scale").unwrap_or(Numbers::One(1.0));
                let centred = self.dynamic(0)?.affine(&Numbers::One(1.0), &offset);
                self.fits(centred.and_then(|x| x.affine(&scale, &Numbers::One(0.0))))
            }
            "Identity" | "Dropout" => self.dynamic(0),
            "Cast" => {
                let (x, to) = (self.dynamic(0)?, self.int("to", 0));
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
            "Flatten" => match self.int("axis", 1) {
                1 | -1 => self.dynamic(0),
                axis => self.fail(format!("its `axis` is {axis}, expected 1")),
            },
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
        let (x, b) = (self.dynamic(0)?, self.constant(1)?);
        if gemm && self.int("transA", 0) != 0 {
            return self.fail("its `transA` is 1, expected 0: rows are samples");
        }
        let [rows, columns] = b.sizes[..] else {
            return self.fail(format!(
                "its weights `{}` have the sizes {:?}, expected a matrix",
                self.node.inputs[1], b.sizes
            ));
        };
        let transposed = gemm && self.int("transB", 0) != 0;
        let (inputs, outputs) = if transposed { (columns, rows) } else { (rows, columns) };
        if inputs == 0 || outputs == 0 || x.width.is_some_and(|width| width != inputs) {
            return self.fail(format!(
                "its weights `{}` take {inputs} features and give {outputs}, expected {} features",
                self.node.inputs[1],
                x.width.map_or_else(|| "some".into(), |width| width.to_string())
            ));
        }
        let mut weight = if transposed { b.values.clone() } else { b.transpose(rows, columns).values };
        let alpha = if gemm { self.float("alpha", 1.0) } else { 1.0 };
        weight.iter_mut().for_each(|w| *w *= alpha);
        let y = Dynamic { width: Some(inputs), ..x }.then(Step::Linear { weight, inputs });
        match self.optional(2)?.filter(|_| gemm) {
            Some(c) => {
                let beta = self.float("beta", 1.0);
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
                        "it joins the branches `{}` and `{}`, expected a chain of layers; of products, only the written-out \
                         SiLU and GELU are supported",
                        self.node.inputs[0], self.node.inputs[1]
                    )),
                };
            }
            _ => return self.fail("it has fewer than two inputs"),
        };
        self.fits(result)
    }

    fn leaky_relu(&self, slope: f64) -> Result<Dynamic, OnnxError> {
        let percent = (slope * 100.0).round();
        if (0.0..=1e6).contains(&percent) && (slope * 100.0 - percent).abs() < 1e-5 {
            return Ok(self.dynamic(0)?.activation(DenseActivation::LeakyRelu(percent as usize)));
        }
        self.fail(format!("its slope is {slope}, expected a whole number of percent"))
    }

    /// `max(low, min(x, high))`: a hard tanh of scaled features, whose output is scaled back.
    fn clip(&self) -> Result<Dynamic, OnnxError> {
        let bound = |index: usize, name: &str, default: f64| -> Result<f64, OnnxError> {
            Ok(match self.optional(index)? {
                Some(bound) => bound.as_scalar().unwrap_or(default),
                None => self.float(name, default),
            })
        };
        let (low, high) = (bound(1, "min", f64::NEG_INFINITY)?, bound(2, "max", f64::INFINITY)?);
        let x = self.dynamic(0)?;
        if low == 0.0 && high > 1e30 {
            return Ok(x.activation(DenseActivation::Relu));
        }
        let (half, middle) = (0.5 * (high - low), 0.5 * (high + low));
        if !(half > 0.0 && half < 1e30) {
            return self
                .fail(format!("its bounds are {low} and {high}, expected two numbers, or 0 and none"));
        }
        let inside = self.fits(x.affine(&Numbers::One(1.0 / half), &Numbers::One(-middle / half)))?;
        self.fits(
            inside.activation(DenseActivation::Hardtanh).affine(&Numbers::One(half), &Numbers::One(middle)),
        )
    }

    fn layer_norm(&self) -> Result<Dynamic, OnnxError> {
        let (x, weight) = (self.dynamic(0)?, self.constant(1)?);
        if !matches!(self.int("axis", -1), -1 | 1) {
            return self.fail(format!("its `axis` is {}, expected -1", self.int("axis", -1)));
        }
        let eps = self.float("epsilon", 1e-5);
        let exponent = (-eps.log10()).round();
        if !((0.0..=22.0).contains(&exponent) && (eps * 10.0_f64.powf(exponent) - 1.0).abs() < 1e-5) {
            return self.fail(format!("its `epsilon` is {eps}, expected a power of ten"));
        }
        let count = weight.values.len();
        let bias = self.optional(2)?.map_or_else(|| alloc::vec![0.0; count], |bias| bias.values.clone());
        if bias.len() != count || x.width.is_some_and(|width| width != count) {
            return self.fail(format!(
                "its scale `{}` has {count} numbers, expected one for each of {} features",
                self.node.inputs[1],
                x.width.map_or_else(|| "the".into(), |width| width.to_string())
            ));
        }
        let x = Dynamic { width: Some(count), ..x };
        Ok(x.then(Step::LayerNorm { weight: weight.values.clone(), bias, exponent: exponent as usize }))
    }

    fn batch_norm(&self) -> Result<Dynamic, OnnxError> {
        let eps = self.float("epsilon", 1e-5);
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
            (Some(scale), Some(shift)) => self.fits(self.dynamic(0)?.affine(&scale, &shift)),
            _ => self.fail("its constants have different lengths"),
        }
    }

    /// Only what leaves the features as they are.
    fn reshape(&self) -> Result<Dynamic, OnnxError> {
        let (x, shape) = (self.dynamic(0)?, self.constant(1)?);
        let last = match shape.values[..] {
            [last] | [_, last] => last,
            _ => f64::NAN,
        };
        let batch = if shape.values.len() == 2 { shape.values[0] } else { 1.0 };
        let keeps = match x.width {
            Some(width) => {
                last == width as f64 || ((last == -1.0) && batch != -1.0) || (width == 1 && last == -1.0)
            }
            None => last == -1.0 && batch != -1.0,
        };
        if keeps {
            return Ok(x);
        }
        self.fail(format!(
            "it changes the shape to {:?}, expected rows of {} features",
            shape.values,
            x.width.map_or_else(|| "the same".into(), |width| width.to_string())
        ))
    }
}

/// The product of features and a gate that is computed from them: a SiLU, hard swish or GELU that is written out.
fn gate(x: &Dynamic, gate: &Dynamic) -> Option<Dynamic> {
    use DenseActivation as A;
    let is = |activation: A| move |step: &Step| matches!(step, Step::Activation(a) if *a == activation);
    if let Some((scale, 0.0, before)) = gate.of_step(is(A::Sigmoid)) {
        // x σ(u): `x` is `c u`.
        let factor = before.factor(x)?;
        return Some(scaled(&before.activation(A::Silu), factor * scale));
    }
    if let Some((scale, 0.0, u)) = gate.of_step(is(A::Hardsigmoid)) {
        let factor = u.factor(x)?;
        return Some(scaled(&u.activation(A::Hardswish), factor * scale));
    }
    if let Some((scale, shift, before)) = gate.of_step(|step| matches!(step, Step::Erf)) {
        // x s (1 + erf(u)): `x` is `c u`, and `√2 u Φ(√2 u)` is `√2 u (1 + erf(u)) / 2`.
        if (scale - shift).abs() > 1e-6 * scale.abs() {
            return None;
        }
        let factor = before.factor(x)?;
        let normal = scaled(x, snap(core::f64::consts::SQRT_2 / factor));
        return Some(scaled(&normal.activation(A::Gelu), core::f64::consts::SQRT_2 * factor * scale));
    }
    None
}

fn scaled(x: &Dynamic, factor: f64) -> Dynamic {
    x.affine(&Numbers::One(snap(factor)), &Numbers::One(0.0)).unwrap_or_else(|| x.clone())
}

/// The nearest power of two, if it is as near as the rounding of an `f32`: `√2` and its inverse are rounded in files.
fn snap(factor: f64) -> f64 {
    [0.25, 0.5, 1.0, 2.0, 4.0]
        .into_iter()
        .find(|power| (factor - power).abs() < 1e-6 * power)
        .unwrap_or(factor)
}

/// The decimal number that was rounded to this one, for example 0.01, if it has few digits.
pub(super) fn exact(number: f32) -> f64 {
    format!("{number}").parse().unwrap_or(f64::from(number))
}
