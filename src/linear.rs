//! The fully connected layer.

use core::fmt;

use num_traits::Float;
use rand::Rng;

use crate::{
    Activation, Element, Features, Identity, Layer, Parameter, ParameterMut, Part, Rule, Zeroed,
    kernel::{Isa, linear as kernel},
    layer::line,
    optim::{update_all, update_vector},
    source::{Array, element},
};

/// A fully connected layer from `IN` to `OUT` features: `z = x Wᵀ + b`.
#[derive(Clone, Copy, PartialEq)]
#[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), repr(align(64)))]
pub struct Linear<const IN: usize, const OUT: usize, T = f32> {
    /// Input-major, or output-major where [`kernel::narrow`].
    weight: [[T; OUT]; IN],
    bias: [T; OUT],
}

impl<const IN: usize, const OUT: usize, T: Element> Linear<IN, OUT, T> {
    /// The layer of these weights, of shape `(OUT, IN)` as in PyTorch, and biases.
    #[must_use]
    pub const fn new(weight: [[T; IN]; OUT], bias: [T; OUT]) -> Self {
        let mut layer = Self { weight: [[T::ZERO; OUT]; IN], bias };
        let mut o = 0;
        while o < OUT {
            let mut i = 0;
            while i < IN {
                let [row, column] = Self::place(o, i);
                layer.weight[row][column] = weight[o][i];
                i += 1;
            }
            o += 1;
        }
        layer
    }

    /// How far apart in memory the weights of two outputs, and of two inputs, are.
    const STRIDES: [usize; 2] = if kernel::narrow::<IN, OUT>() { [IN, 1] } else { [1, OUT] };

    /// Where the weight of output `o` and input `i` is stored.
    const fn place(o: usize, i: usize) -> [usize; 2] {
        let at = o * Self::STRIDES[0] + i * Self::STRIDES[1];
        [at / OUT, at % OUT]
    }

    /// The same, if there is such a weight; else what lies there would be another one.
    fn checked_place(o: usize, i: usize) -> [usize; 2] {
        assert!(o < OUT && i < IN, "there is no weight ({o}, {i}) in a layer of shape ({OUT}, {IN})");
        Self::place(o, i)
    }

    /// The weights, of shape `(OUT, IN)` as in PyTorch.
    #[must_use]
    pub fn weight(&self) -> [[T; IN]; OUT] {
        core::array::from_fn(|o| core::array::from_fn(|i| self.weight_at(o, i)))
    }

    /// The weight from input `i` to output `o`.
    ///
    /// # Panics
    ///
    /// If there is no such output or input.
    #[must_use]
    pub fn weight_at(&self, o: usize, i: usize) -> T {
        let [row, column] = Self::checked_place(o, i);
        self.weight[row][column]
    }

    /// The weight from input `i` to output `o`, to be changed.
    ///
    /// # Panics
    ///
    /// If there is no such output or input.
    pub fn weight_at_mut(&mut self, o: usize, i: usize) -> &mut T {
        let [row, column] = Self::checked_place(o, i);
        &mut self.weight[row][column]
    }

    /// The biases.
    #[must_use]
    pub const fn bias(&self) -> &[T; OUT] {
        &self.bias
    }

    /// The biases, to be changed.
    pub const fn bias_mut(&mut self) -> &mut [T; OUT] {
        &mut self.bias
    }

    /// `z = x Wᵀ + b`
    #[must_use]
    pub fn forward<const B: usize>(&self, x: &[[T; IN]; B]) -> [[T; OUT]; B] {
        let mut z = [self.bias; B];
        for (z, x) in z.iter_mut().zip(x) {
            for (o, z) in z.iter_mut().enumerate() {
                for (i, x) in x.iter().enumerate() {
                    *z = *z + *x * self.weight_at(o, i);
                }
            }
        }
        z
    }

    /// Adds `dW = dzᵀ x / B` and `db`, the mean of `dz` over the batch, to the gradient, and gives
    /// `dx = dz W`.
    pub fn backward<const B: usize>(
        &self,
        x: &[[T; IN]; B],
        dz: &[[T; OUT]; B],
        gradient: &mut Self,
    ) -> [[T; IN]; B] {
        let share = T::ONE / T::from_count(B);
        let mut dx = [[T::ZERO; IN]; B];
        for ((x, dz), dx) in x.iter().zip(dz).zip(&mut dx) {
            for (o, dz) in dz.iter().enumerate() {
                gradient.bias[o] = gradient.bias[o] + share * *dz;
                for (i, (x, dx)) in x.iter().zip(dx.iter_mut()).enumerate() {
                    let dw = gradient.weight_at_mut(o, i);
                    *dw = *dw + share * *dz * *x;
                    *dx = *dx + *dz * self.weight_at(o, i);
                }
            }
        }
        dx
    }
}

/// Weights, of shape `(OUT, IN)`, and biases; of long tensors a summary.
impl<const IN: usize, const OUT: usize, T: Element> fmt::Debug for Linear<IN, OUT, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Linear");
        for parameter in [self.parameter(0), self.parameter(1)].into_iter().flatten() {
            f.field(parameter.name, &parameter.values());
        }
        f.finish()
    }
}

impl<const IN: usize, const OUT: usize, T: Element> Zeroed for Linear<IN, OUT, T> {
    const ZERO: Self = Self { weight: [[T::ZERO; OUT]; IN], bias: [T::ZERO; OUT] };
}

/// The gradient of a [`Linear`] layer is added to another.
struct AddTo<'a, const IN: usize, const OUT: usize, T> {
    layer: &'a Linear<IN, OUT, T>,
    gradient: &'a mut Linear<IN, OUT, T>,
}

/// The weights as they are stored, from a row's column to the end of that row.
#[inline(always)]
fn stored_mut<T, const IN: usize, const OUT: usize>(
    w: &mut [[T; OUT]; IN],
    row: usize,
    column: usize,
) -> &mut [T] {
    if kernel::narrow::<IN, OUT>() { &mut kernel::rows_mut(w)[row][column..] } else { &mut w[row][column..] }
}

impl<const IN: usize, const OUT: usize, T: Element> kernel::Sink<T, IN, OUT> for AddTo<'_, IN, OUT, T> {
    #[inline(always)]
    fn w(&self) -> &[[T; OUT]; IN] {
        &self.layer.weight
    }

    #[inline(always)]
    fn weight<I: Isa<T>>(&mut self, isa: I, row: usize, column: usize, gradient: I::V) {
        let to = stored_mut(&mut self.gradient.weight, row, column);
        let sum = isa.add(isa.load(to), gradient);
        isa.store(to, sum);
    }

    #[inline(always)]
    fn bias<I: Isa<T>>(&mut self, isa: I, from: usize, gradient: I::V) {
        let to = &mut self.gradient.bias[from..];
        let sum = isa.add(isa.load(to), gradient);
        isa.store(to, sum);
    }
}

/// The gradient of a [`Linear`] layer is put to use at once.
struct Step<'a, const IN: usize, const OUT: usize, const S: usize, T, U> {
    layer: &'a mut Linear<IN, OUT, T>,
    state: [&'a mut Linear<IN, OUT, T>; S],
    rule: U,
}

impl<const IN: usize, const OUT: usize, const S: usize, T: Element, U: Rule<T, S>> kernel::Sink<T, IN, OUT>
    for Step<'_, IN, OUT, S, T, U>
{
    #[inline(always)]
    fn w(&self) -> &[[T; OUT]; IN] {
        &self.layer.weight
    }

    #[inline(always)]
    fn weight<I: Isa<T>>(&mut self, isa: I, row: usize, column: usize, gradient: I::V) {
        let state = self.state.each_mut().map(|s| stored_mut(&mut s.weight, row, column));
        update_vector(isa, self.rule, stored_mut(&mut self.layer.weight, row, column), gradient, state);
    }

    #[inline(always)]
    fn bias<I: Isa<T>>(&mut self, isa: I, from: usize, gradient: I::V) {
        let state = self.state.each_mut().map(|s| &mut s.bias[from..]);
        update_vector(isa, self.rule, &mut self.layer.bias[from..], gradient, state);
    }
}

/// A value at the start of a cache line, where the widest vectors like to find it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), repr(align(64)))]
pub struct Aligned<X>(X);

impl<X: Zeroed> Zeroed for Aligned<X> {
    const ZERO: Self = Self(X::ZERO);
}

impl<const IN: usize, const OUT: usize, T: Element> Layer for Linear<IN, OUT, T> {
    type In = Features<IN, T>;
    type Out = Features<OUT, T>;
    type First = Self;
    type Last = Self;
    type Lead = Identity;
    type Trail = Identity;
    type Tape<const B: usize> = Aligned<[[T; IN]; B]>;
    type Scratch = Aligned<kernel::Transposed<T, OUT>>;

    const PARAMS: usize = Self::WEIGHTS + OUT;
    const WEIGHTS: usize = OUT * IN;

    #[inline(always)]
    fn input<'a, const B: usize>(
        tape: &'a mut Self::Tape<B>,
        _: &'a mut [[T; OUT]; B],
    ) -> &'a mut [[T; IN]; B] {
        &mut tape.0
    }

    #[inline(always)]
    fn forward_tape<I: Isa<T>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        y: &mut [[T; OUT]; B],
        then: impl Activation<T>,
    ) {
        kernel::forward(isa, &self.weight, &self.bias, &tape.0, y, then);
    }

    #[inline(always)]
    fn backward_tape<I: Isa<T>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        scratch: &mut Self::Scratch,
        dy: &mut [[T; OUT]; B],
        before: impl Activation<T>,
        gradient: &mut Self,
    ) {
        let mut sink = AddTo { layer: self, gradient };
        kernel::backward(isa, &mut tape.0, dy, before, &mut scratch.0, &mut sink);
    }

    #[inline(always)]
    fn backward_step<I: Isa<T>, U: Rule<T, S>, const S: usize, const B: usize>(
        &mut self,
        isa: I,
        tape: &mut Self::Tape<B>,
        scratch: &mut Self::Scratch,
        dy: &mut [[T; OUT]; B],
        before: impl Activation<T>,
        rule: U,
        state: [&mut Self; S],
    ) {
        let mut sink = Step { layer: self, state, rule };
        kernel::backward(isa, &mut tape.0, dy, before, &mut scratch.0, &mut sink);
    }

    #[inline(always)]
    fn update<I: Isa<T>, U: Rule<T, S>, const S: usize>(
        &mut self,
        isa: I,
        rule: U,
        gradient: &Self,
        mut state: [&mut Self; S],
    ) {
        let weights = state.each_mut().map(|s| s.weight.as_flattened_mut());
        update_all(isa, rule, self.weight.as_flattened_mut(), gradient.weight.as_flattened(), weights);
        let biases = state.map(|s| &mut s.bias[..]);
        update_all(isa, rule, &mut self.bias, &gradient.bias, biases);
    }

    fn init<R: Rng + ?Sized>(&mut self, rng: &mut R) {
        let deviation = Float::sqrt(T::from_f64(2.0) / T::from_count(IN));
        for o in 0..OUT {
            for i in 0..IN {
                let [row, column] = Self::place(o, i);
                self.weight[row][column] = T::standard_normal(rng) * deviation;
            }
        }
        self.bias = [T::ZERO; OUT];
    }

    fn tensors(&self) -> usize {
        2
    }

    fn parameter(&self, index: usize) -> Option<Parameter<'_, T>> {
        match index {
            0 => Some(Parameter {
                layer: 0,
                name: "weight",
                shape: [OUT, IN],
                dims: 2,
                strides: Self::STRIDES,
                values: self.weight.as_flattened(),
            }),
            1 => Some(Parameter::vector("bias", &self.bias)),
            _ => None,
        }
    }

    fn parameter_mut(&mut self, index: usize) -> Option<ParameterMut<'_, T>> {
        match index {
            0 => Some(ParameterMut {
                layer: 0,
                name: "weight",
                shape: [OUT, IN],
                dims: 2,
                strides: Self::STRIDES,
                values: self.weight.as_flattened_mut(),
            }),
            1 => Some(ParameterMut::vector("bias", &mut self.bias)),
            _ => None,
        }
    }

    fn describe(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, index, Self::PARAMS, format_args!("Linear(in_features={IN}, out_features={OUT}, bias=True)"))
    }
    fn source_of(&self, part: Part, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (part, self.parameter(0), self.parameter(1)) {
            (Part::Value, Some(weight), Some(bias)) => {
                write!(f, "constnet::Linear::new({}, {})", Array(weight), Array(bias))
            }
            _ => write!(f, "constnet::Linear<{IN}, {OUT}{}>", element::<T>()),
        }
    }
}
