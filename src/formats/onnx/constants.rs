//! Nodes that compute constants.

use alloc::{format, rc::Rc, string::String, vec::Vec};

use super::{
    OnnxError,
    node::Reader,
    tensor::{BFLOAT16, DOUBLE, FLOAT, FLOAT16, Tensor, type_name},
    value::Value,
};

impl Reader<'_, '_, '_> {
    pub(super) fn constant_node(&mut self) -> Result<Value, OnnxError> {
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
    pub(super) fn of_constants(&self, inputs: &[Rc<Tensor>]) -> Result<Tensor, OnnxError> {
        let unary = |f: fn(f64) -> f64| {
            let values = inputs[0].values.iter().map(|x| f(*x)).collect();
            Tensor { values, sizes: inputs[0].sizes.clone(), is_integer: false }
        };
        let binary = |f: fn(f64, f64) -> f64| {
            match inputs {
            [a, b] => match broadcast(a, b, f) {
                Some(result) => Ok(result),
                None => self.fail(format!(
                    "its constants have the sizes {:?} and {:?}, expected that one has the sizes of the result",
                    a.sizes, b.sizes
                )),
            },
            _ => self.fail(format!("it has {} inputs, expected 2", inputs.len())),
        }
        };
        let result = match &*self.node.op {
            "Identity" | "Dropout" | "CastLike" => (*inputs[0]).clone(),
            "Cast" => {
                let to = i32::try_from(self.node.int("to", 0)).unwrap_or_default();
                let is_integer = !matches!(to, FLOAT | DOUBLE | FLOAT16 | BFLOAT16);
                if is_integer && inputs[0].values.iter().any(|value| value.fract() != 0.0) {
                    return self.fail(format!("it converts fractions to {}", type_name(to)));
                }
                Tensor { is_integer, ..(*inputs[0]).clone() }
            }
            "Unsqueeze" | "Squeeze" => self.squeezed(inputs)?,
            "Div" if inputs.iter().all(|input| input.is_integer) => {
                return self.fail("it divides whole numbers, expected floating-point numbers");
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
                [rows, columns] if self.node.attribute("perm").is_none_or(|perm| perm.ints == [1, 0]) => {
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

    /// The constant after `Unsqueeze`, which adds sizes of 1, or after `Squeeze`, which removes them.
    fn squeezed(&self, inputs: &[Rc<Tensor>]) -> Result<Tensor, OnnxError> {
        let sizes = &inputs[0].sizes;
        let axes: Vec<i64> = match (inputs.get(1), self.node.attribute("axes")) {
            (Some(axes), _) => axes.values.iter().map(|axis| *axis as i64).collect(),
            (None, Some(axes)) => axes.ints.clone(),
            (None, None) => Vec::new(),
        };
        let adds = self.node.op == "Unsqueeze";
        let rank = if adds { sizes.len() + axes.len() } else { sizes.len() };
        let is_axis = |at: usize| {
            axes.iter()
                .any(|axis| usize::try_from(if *axis < 0 { axis + rank as i64 } else { *axis }) == Ok(at))
        };
        let mut old = sizes.iter();
        let new: Vec<usize> = if adds {
            (0..rank).filter_map(|at| if is_axis(at) { Some(1) } else { old.next().copied() }).collect()
        } else {
            let removes = |at: usize, size: usize| size == 1 && (axes.is_empty() || is_axis(at));
            sizes
                .iter()
                .enumerate()
                .filter(|(at, size)| !removes(*at, **size))
                .map(|(_, size)| *size)
                .collect()
        };
        let fits = if adds { new.len() == rank } else { axes.is_empty() || new.len() + axes.len() == rank };
        if !fits || new.len() > MOST_SIZES {
            return self.fail(format!("its axes {axes:?} do not fit a constant of the sizes {sizes:?}"));
        }
        Ok(Tensor { sizes: new, ..(*inputs[0]).clone() })
    }
}

/// The largest number of sizes of a constant.
const MOST_SIZES: usize = 8;

/// Applies `f` to two constants, element by element. One of them is broadcast, as in NumPy, to the sizes of the other.
fn broadcast(a: &Tensor, b: &Tensor, f: fn(f64, f64) -> f64) -> Option<Tensor> {
    let (result, other) =
        if (a.values.len(), a.sizes.len()) >= (b.values.len(), b.sizes.len()) { (a, b) } else { (b, a) };
    // The sizes of `other` are those at the end.
    let skipped = result.sizes.len().checked_sub(other.sizes.len())?;
    let mut strides = alloc::vec![0; result.sizes.len()];
    let mut stride = 1;
    for (at, size) in other.sizes.iter().enumerate().rev() {
        if *size != 1 {
            if *size != result.sizes[skipped + at] {
                return None;
            }
            strides[skipped + at] = stride;
        }
        stride *= size;
    }
    let of_other = |mut index: usize| {
        let mut at = 0;
        for (size, stride) in result.sizes.iter().zip(&strides).rev() {
            at += index % size * stride;
            index /= size;
        }
        other.values[at]
    };
    let pair = |(index, value): (usize, &f64)| {
        if core::ptr::eq(result, a) { f(*value, of_other(index)) } else { f(of_other(index), *value) }
    };
    let values = result.values.iter().enumerate().map(pair).collect();
    Some(Tensor { sizes: result.sizes.clone(), values, is_integer: a.is_integer && b.is_integer })
}

/// The decimal number that was rounded to this one, for example 0.01, if it has few digits: attributes are stored as
/// `f32`, and exporters round the numbers of a model to it.
pub(super) fn exact(number: f32) -> f64 {
    format!("{number}").parse().unwrap_or(f64::from(number))
}
