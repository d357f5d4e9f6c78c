//! The values of a graph: constants, and chains of steps that were applied to the input.

use alloc::{rc::Rc, vec::Vec};

use super::tensor::Tensor;
use crate::formats::dense::DenseActivation;

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

    pub(super) fn each(&self, f: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::One(number) => Self::One(f(*number)),
            Self::Each(numbers) => Self::Each(Rc::new(numbers.iter().map(|x| f(*x)).collect())),
        }
    }

    /// `f` of both, if they have the same length.
    pub(super) fn with(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Option<Self> {
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
    /// The number of features, if it is known: of all sizes but the first, multiplied.
    pub(super) width: Option<usize>,
    /// The number of sizes, if it is known: 2 for a batch of rows.
    pub(super) rank: Option<usize>,
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
    pub(super) fn new(base: Base, width: Option<usize>, rank: Option<usize>) -> Self {
        Self { base: Rc::new(base), scale: Numbers::One(1.0), shift: Numbers::One(0.0), width, rank }
    }

    pub(super) fn then(&self, step: Step) -> Self {
        let width = if let Step::Linear { weight, inputs } = &step {
            weight.len().checked_div(*inputs)
        } else {
            self.width
        };
        Self::new(Base::After(self.clone(), step), width, self.rank)
    }

    pub(super) fn activation(&self, activation: DenseActivation) -> Self {
        self.then(Step::Activation(activation))
    }

    /// `scale ⊙ self + shift`, if the numbers of features are the same.
    pub(super) fn affine(&self, scale: &Numbers, shift: &Numbers) -> Option<Self> {
        let width = [scale.len(), shift.len()].into_iter().flatten().try_fold(self.width, |width, len| {
            if width.is_none_or(|width| width == len) { Some(Some(len)) } else { None }
        })?;
        let new_shift = self.shift.with(scale, |t, s| t * s)?.with(shift, |t, u| t + u)?;
        Some(Self {
            base: self.base.clone(),
            scale: self.scale.with(scale, |a, b| a * b)?,
            shift: new_shift,
            width,
            rank: self.rank,
        })
    }

    /// The factor `c` with `other = c ⊙ self`, if both have the same base and `c` is one number.
    fn factor(&self, other: &Self) -> Option<f64> {
        if !Rc::ptr_eq(&self.base, &other.base) {
            return None;
        }
        let lengths = [&self.scale, &self.shift, &other.scale, &other.shift].map(Numbers::len);
        let at = lengths.into_iter().flatten().max().unwrap_or(1);
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
pub(super) enum Value {
    Constant(Rc<Tensor>),
    Dynamic(Dynamic),
}

impl Value {
    /// The number of numbers that were computed for this value, and not for one of those from which it was computed.
    pub(super) fn new_numbers<'v>(&self, from: impl Iterator<Item = &'v Self>) -> usize {
        let Self::Dynamic(Dynamic { base, scale, shift, .. }) = self else {
            let Self::Constant(tensor) = self else { return 0 };
            return tensor.values.len();
        };
        let mut weights = match &**base {
            Base::After(_, Step::Linear { weight, .. } | Step::LayerNorm { weight, .. }) => weight.len(),
            _ => 0,
        };
        let mut numbers = [scale, shift].map(|numbers| numbers.len().unwrap_or(0));
        for from in from {
            let Self::Dynamic(from) = from else { continue };
            if Rc::ptr_eq(base, &from.base) {
                weights = 0;
            }
            for (count, (new, old)) in numbers.iter_mut().zip([(scale, &from.scale), (shift, &from.shift)]) {
                if let (Numbers::Each(new), Numbers::Each(old)) = (new, old)
                    && Rc::ptr_eq(new, old)
                {
                    *count = 0;
                }
            }
        }
        weights + numbers[0] + numbers[1]
    }
}

/// The product of features and a gate that is computed from them: a SiLU, hard swish or GELU that is written out.
pub(super) fn gate(x: &Dynamic, gate: &Dynamic) -> Option<Dynamic> {
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

pub(super) fn scaled(x: &Dynamic, factor: f64) -> Dynamic {
    x.affine(&Numbers::One(snap(factor)), &Numbers::One(0.0)).unwrap_or_else(|| x.clone())
}

/// The nearest power of two, if it is as near as the rounding of an `f32`: `√2` and its inverse are rounded in files.
pub(super) fn snap(factor: f64) -> f64 {
    [0.25, 0.5, 1.0, 2.0, 4.0]
        .into_iter()
        .find(|power| (factor - power).abs() < 1e-6 * power)
        .unwrap_or(factor)
}
