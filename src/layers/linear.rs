//! The fully connected layer.
//!
//! | quantity | shape | rule |
//! |---|---|---|
//! | `x` | `(B, IN)` | the input, cached for the backward pass |
//! | `W`, `b` | `(OUT, IN)`, `(OUT)` | weights and biases |
//! | `z` | `(B, OUT)` | `z = x Wᵀ + b` |
//! | `dW`, `db` | `(OUT, IN)`, `(OUT)` | `dW = dzᵀ x / B`, and `db` the mean of `dz` over the batch |
//! | `dx` | `(B, IN)` | `dx = dz W`, not divided by `B` |

use core::{
    fmt,
    ops::{Add, Mul},
};

use rand::Rng;
use typenum::{Add1, B1, Const, Prod, ToUInt, U, Unsigned};

use super::{
    CacheSize, Context, Cost, Epilogue, Features, FiniteCheck, Initializer, InputGrad, Layer, LayerTypes,
    NoActivation, ParamCount, Parameter, ParameterMut, SampleGradients, Slots, SlotsOf, TensorId, Unfused,
    UpdateRule,
    impls::layer_impls,
    print::{Array, LayerText, Printer, element, element_suffix},
    update::{UpdateCheck, update_vector},
};
use crate::{
    matmul::{self, GradientSink, storage::Weights},
    simd::{Element, Simd, Vector, Zeroed},
};

/// A fully connected layer from `IN` to `OUT` features, `z = x Wᵀ + b`: PyTorch's `nn.Linear(IN, OUT)`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `x`, `z` | `(B, IN)`, `(B, OUT)` | `z = x Wᵀ + b` |
/// | `dW`, `db` | `(OUT, IN)`, `(OUT)` | `dW = dzᵀ x / B`, `db` the mean of `dz` over the batch |
/// | `dx` | `(B, IN)` | `dx = dz W`, not divided by `B` |
///
/// [`forward`](Self::forward) and [`backward`](Self::backward) are the formulas in plain loops. A network runs
/// faster kernels, which the tests compare with them.
///
/// # Examples
///
/// ```
/// use constnet::{Linear, Zeroed};
///
/// let layer = Linear::new([[1.0, 2.0], [0.0, -1.0], [3.0, 0.0]], [0.5, 0.0, 0.0]); // W is (3, 2)
/// let x = [[1.0, 1.0], [2.0, 0.0]];
/// assert_eq!(layer.forward(&x), [[3.5, -1.0, 3.0], [2.5, 0.0, 6.0]]);
///
/// let mut gradient = Linear::ZERO;
/// let dx = layer.backward(&x, &[[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]], &mut gradient);
/// assert_eq!(dx, [[1.0, 2.0], [6.0, 0.0]]);
/// assert_eq!(gradient.weight(), [[0.5, 0.5], [0.0, 0.0], [2.0, 0.0]]);
/// assert_eq!(gradient.bias(), &[0.5, 0.0, 1.0]);
/// ```
#[derive(Clone, Copy, PartialEq)]
#[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), repr(align(64)))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Linear<const IN: usize, const OUT: usize, T = f32> {
    weight: Weights<IN, OUT, T>,
    bias: [T; OUT],
}

impl<const IN: usize, const OUT: usize, T: Element> Linear<IN, OUT, T> {
    /// The forward pass in plain loops, `z = x Wᵀ + b`: the notebook's `linear_forward(x, params)`.
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

    /// The backward pass in plain loops: **adds** `dW = dzᵀ x / B` and `db`, the mean of `dz` over the batch, to
    /// `gradient`, and returns `dx = dz W`.
    ///
    /// The notebook's `linear_backward(dz, cache)`, with `cache = (x, params)`, takes `dz` first and **overwrites**
    /// `dW` and `db`.
    pub fn backward<const B: usize>(
        &self,
        x: &[[T; IN]; B],
        dz: &[[T; OUT]; B],
        gradient: &mut Self,
    ) -> [[T; IN]; B] {
        let inv_batch = T::ONE / T::from_count(B);
        let mut dx = [[T::ZERO; IN]; B];
        for ((x, dz), dx) in x.iter().zip(dz).zip(&mut dx) {
            for (o, dz) in dz.iter().enumerate() {
                gradient.bias[o] = gradient.bias[o] + inv_batch * *dz;
                for (i, (x, dx)) in x.iter().zip(dx.iter_mut()).enumerate() {
                    let dw = gradient.weight_at_mut(o, i);
                    *dw = *dw + inv_batch * *dz * *x;
                    *dx = *dx + *dz * self.weight_at(o, i);
                }
            }
        }
        dx
    }

    /// The layer with these weights, of shape `(OUT, IN)` as in PyTorch, and biases.
    #[must_use]
    pub const fn new(weight: [[T; IN]; OUT], bias: [T; OUT]) -> Self {
        Self { weight: Weights::new(weight), bias }
    }

    /// The weights, of shape `(OUT, IN)` as in PyTorch, as an array on the stack. Those of a large layer are copied to
    /// another place by [`copy_weight_to`](Self::copy_weight_to), or read one by one from
    /// [`parameters`](crate::Sequential::parameters).
    #[must_use]
    pub fn weight(&self) -> [[T; IN]; OUT] {
        let mut weight = [[T::ZERO; IN]; OUT];
        self.copy_weight_to(&mut weight);
        weight
    }

    /// Copies the weights, of shape `(OUT, IN)` as in PyTorch, to an array, for example on the heap:
    ///
    #[cfg_attr(feature = "alloc", doc = "```")]
    #[cfg_attr(not(feature = "alloc"), doc = "```ignore")]
    /// use constnet::{Linear, Zeroed};
    ///
    /// let layer: Box<Linear<784, 512>> = Zeroed::boxed();
    /// let mut weight: Box<[[f32; 784]; 512]> = Zeroed::boxed();
    /// layer.copy_weight_to(&mut weight);
    /// ```
    pub fn copy_weight_to(&self, weight: &mut [[T; IN]; OUT]) {
        for (o, row) in weight.iter_mut().enumerate() {
            for (i, w) in row.iter_mut().enumerate() {
                *w = self.weight_at(o, i);
            }
        }
    }

    /// The weight from input `i` to output `o`.
    ///
    /// # Panics
    ///
    /// If there is no such output or input.
    #[must_use]
    pub fn weight_at(&self, o: usize, i: usize) -> T {
        self.weight.at(o, i)
    }

    /// The weight from input `i` to output `o`, to be changed.
    ///
    /// # Panics
    ///
    /// If there is no such output or input.
    pub fn weight_at_mut(&mut self, o: usize, i: usize) -> &mut T {
        self.weight.at_mut(o, i)
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
}

impl<const IN: usize, const OUT: usize, T: Element> LayerTypes for Linear<IN, OUT, T> {
    type In = Features<IN, T>;
    type Out = Features<OUT, T>;
    type Cache<const B: usize> = Aligned<[[T; IN]; B]>;
    type Scratch = Aligned<matmul::Transposed<T, OUT>>;
    type Ends = Unfused<Self>;
}

impl<const IN: usize, const OUT: usize, T: Element> Layer for Linear<IN, OUT, T> {
    const PARAMS: usize = OUT * IN + OUT;

    #[inline(always)]
    fn input_buffer<'a, const B: usize>(
        x: &'a mut Self::Cache<B>,
        _: &'a mut [[T; OUT]; B],
    ) -> &'a mut [[T; IN]; B] {
        &mut x.0
    }

    #[inline(always)]
    fn forward<S: Simd<T>, const B: usize>(
        &self,
        Context { token, .. }: Context<S>,
        x: &mut Self::Cache<B>,
        z: &mut [[T; OUT]; B],
        epilogue: impl Epilogue<T>,
    ) {
        token.layer_pass(
            #[inline(always)]
            || matmul::forward(token, self.weight.stored(), &self.bias, &x.0, z, epilogue),
        );
    }

    #[inline(always)]
    fn backward<S: Simd<T>, const B: usize>(
        &self,
        Context { token, .. }: Context<S>,
        x: &mut Self::Cache<B>,
        scratch: &mut Self::Scratch,
        dz: &mut [[T; OUT]; B],
        input_grad: impl InputGrad<T>,
        gradient: &mut Self,
    ) {
        token.layer_pass(
            #[inline(always)]
            || {
                let mut sink = Accumulate { layer: self, gradient };
                matmul::backward(token, &mut x.0, dz, input_grad, &mut scratch.0, None, &mut sink);
            },
        );
    }

    #[inline(always)]
    fn backward_update<S: Simd<T>, R: UpdateRule<T>, const B: usize>(
        &mut self,
        Context { token, layer: index, .. }: Context<S>,
        x: &mut Self::Cache<B>,
        scratch: &mut Self::Scratch,
        dz: &mut [[T; OUT]; B],
        input_grad: impl InputGrad<T>,
        rule: R,
        state: SlotsOf<R, T, &mut Self>,
    ) -> bool {
        token.layer_pass(
            #[inline(always)]
            || {
                let check = rule.finite_check();
                let overflow_factor =
                    if let FiniteCheck::Gradient(factor) = check { Some(factor) } else { None };
                let check = UpdateCheck::after_gradient(token, check);
                let mut sink = Update { layer: self, index, state, rule, check };
                matmul::backward(token, &mut x.0, dz, input_grad, &mut scratch.0, overflow_factor, &mut sink)
                    && sink.check.passed()
            },
        )
    }

    #[inline(always)]
    fn backward_samples<S: Simd<T>, G: SampleGradients<T>, const B: usize>(
        &self,
        Context { token, .. }: Context<S>,
        x: &mut Self::Cache<B>,
        scratch: &mut Self::Scratch,
        dz: &mut [[T; OUT]; B],
        input_grad: impl InputGrad<T>,
        gradients: &mut G,
        first: usize,
    ) {
        token.layer_pass(
            #[inline(always)]
            || {
                if G::NEEDED {
                    for (sample, (x, dz)) in x.0.iter().zip(&*dz).enumerate() {
                        Weights::outer_product(token, x, dz, gradients.of(sample, first, IN * OUT));
                        gradients.write(sample, first + IN * OUT, dz);
                    }
                }
                let sink = &mut InputGradOnly(self.weight.stored());
                matmul::backward(token, &mut x.0, dz, input_grad, &mut scratch.0, None, sink);
            },
        );
    }

    #[inline(always)]
    fn forward_tangents<S: Simd<T>, const B: usize>(
        &self,
        Context { token, .. }: Context<S>,
        _: &mut Self::Cache<B>,
        _: &mut [[T; OUT]; B],
        dx: &mut Self::Cache<B>,
        dz: &mut [[T; OUT]; B],
    ) {
        token.layer_pass(
            #[inline(always)]
            || matmul::forward(token, self.weight.stored(), &[T::ZERO; OUT], &dx.0, dz, NoActivation),
        );
    }

    fn print(&self, printer: &mut Printer<'_, '_>) -> fmt::Result {
        printer.layer(LayerText {
            pytorch: format_args!("Linear(in_features={IN}, out_features={OUT}, bias=True)"),
            path: "constnet",
            rust_type: format_args!("Linear<{IN}, {OUT}{}>", element_suffix::<T>()),
            // Without the type of its numbers, rustc takes quadratic time for the negative ones.
            rust_value: format_args!(
                "Linear::<{IN}, {OUT}, {}>::new({}, {})",
                element::<T>(),
                Array(self.parameter(0)),
                Array(self.parameter(1))
            ),
            parameters: Self::PARAMS,
        })
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
                strides: Weights::<IN, OUT, T>::STRIDES,
                trained: true,
                values: self.weight.values(),
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
                strides: Weights::<IN, OUT, T>::STRIDES,
                trained: true,
                values: self.weight.values_mut(),
            }),
            1 => Some(ParameterMut::vector("bias", &mut self.bias)),
            _ => None,
        }
    }

    fn init<I: Initializer, R: Rng + ?Sized>(&mut self, initializer: &I, rng: &mut R) {
        if let Some(weight) = self.parameter_mut(0) {
            initializer.weight(weight, rng);
        }
        if let Some(bias) = self.parameter_mut(1) {
            initializer.bias(bias, IN, rng);
        }
    }
}

/// Receives `dW` and `db` from the kernel, vector by vector, and adds them to `gradient`.
struct Accumulate<'a, const IN: usize, const OUT: usize, T> {
    layer: &'a Linear<IN, OUT, T>,
    gradient: &'a mut Linear<IN, OUT, T>,
}

impl<S: Simd<T>, const IN: usize, const OUT: usize, T: Element> GradientSink<S, T, IN, OUT>
    for Accumulate<'_, IN, OUT, T>
{
    #[inline(always)]
    fn weights(&self) -> &[[T; OUT]; IN] {
        self.layer.weight.stored()
    }

    #[inline(always)]
    fn weight_grad(&mut self, row: usize, column: usize, sum: Vector<S, T>, inv_batch: T) {
        sum.add_scaled_to(inv_batch, self.gradient.weight.tail_mut(row, column));
    }

    #[inline(always)]
    fn bias_grad(&mut self, from: usize, sum: Vector<S, T>, inv_batch: T) {
        sum.add_scaled_to(inv_batch, &mut self.gradient.bias[from..]);
    }
}

/// Receives no gradient: only `dx` is computed.
struct InputGradOnly<'a, const IN: usize, const OUT: usize, T>(&'a [[T; OUT]; IN]);

impl<S: Simd<T>, const IN: usize, const OUT: usize, T: Element> GradientSink<S, T, IN, OUT>
    for InputGradOnly<'_, IN, OUT, T>
{
    const NEEDED: bool = false;

    #[inline(always)]
    fn weights(&self) -> &[[T; OUT]; IN] {
        self.0
    }

    #[inline(always)]
    fn weight_grad(&mut self, _: usize, _: usize, _: Vector<S, T>, _: T) {}

    #[inline(always)]
    fn bias_grad(&mut self, _: usize, _: Vector<S, T>, _: T) {}
}

/// Receives `dW` and `db` from the kernel, vector by vector, and applies the optimiser's update rule at once: no gradient
/// is stored.
struct Update<'a, 'b, S: Simd<T>, const IN: usize, const OUT: usize, T: Element, R: UpdateRule<T>> {
    layer: &'a mut Linear<IN, OUT, T>,
    index: u32,
    state: SlotsOf<R, T, &'b mut Linear<IN, OUT, T>>,
    rule: R,
    check: UpdateCheck<S, T>,
}

impl<S: Simd<T>, const IN: usize, const OUT: usize, T: Element, R: UpdateRule<T>> GradientSink<S, T, IN, OUT>
    for Update<'_, '_, S, IN, OUT, T, R>
{
    #[inline(always)]
    fn weights(&self) -> &[[T; OUT]; IN] {
        self.layer.weight.stored()
    }

    #[inline(always)]
    fn weight_grad(&mut self, row: usize, column: usize, sum: Vector<S, T>, inv_batch: T) {
        let state = R::Slots::map(R::Slots::reborrow(&mut self.state), |s| s.weight.tail_mut(row, column));
        let weights = self.layer.weight.tail_mut(row, column);
        let rule = self.rule.for_tensor(TensorId::matrix(self.index, "weight"));
        update_vector(rule, weights, sum, inv_batch, state, &mut self.check);
    }

    #[inline(always)]
    fn bias_grad(&mut self, from: usize, sum: Vector<S, T>, inv_batch: T) {
        let state = R::Slots::map(R::Slots::reborrow(&mut self.state), |s| &mut s.bias[from..]);
        let rule = self.rule.for_tensor(TensorId::vector(self.index, "bias"));
        update_vector(rule, &mut self.layer.bias[from..], sum, inv_batch, state, &mut self.check);
    }
}

/// Weights, of shape `(OUT, IN)`, and biases; long tensors are summarised.
impl<const IN: usize, const OUT: usize, T: Element> fmt::Debug for Linear<IN, OUT, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Linear");
        for parameter in super::parameters(self) {
            f.field(parameter.name, &parameter.values());
        }
        f.finish()
    }
}

impl<const IN: usize, const OUT: usize, T: Element> Zeroed for Linear<IN, OUT, T> {
    const ZERO: Self = Self { weight: Weights::ZERO, bias: [T::ZERO; OUT] };
}

/// A value aligned to 64 bytes: a cache line, and the width of an AVX-512 vector.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), repr(align(64)))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Aligned<X>(X);

impl<X: Zeroed> Zeroed for Aligned<X> {
    const ZERO: Self = Self(X::ZERO);
}

layer_impls!(Linear<IN, OUT, T>, T, const IN: usize, const OUT: usize, T: Element);

/// `(IN + 1) · OUT`
impl<const IN: usize, const OUT: usize, T> ParamCount for Linear<IN, OUT, T>
where
    Const<IN>: ToUInt,
    Const<OUT>: ToUInt,
    U<IN>: Add<B1>,
    Add1<U<IN>>: Mul<U<OUT>>,
    Prod<Add1<U<IN>>, U<OUT>>: Unsigned,
{
    type Count = Prod<Add1<U<IN>>, U<OUT>>;
}

impl<const IN: usize, const OUT: usize, T> CacheSize for Linear<IN, OUT, T>
where
    Const<IN>: ToUInt<Output: Unsigned>,
    Const<OUT>: ToUInt<Output: Unsigned>,
{
    type Cached = U<IN>;
    type Output = U<OUT>;
}

impl<const IN: usize, const OUT: usize, T: Element> Cost for Linear<IN, OUT, T> {
    const FORWARD: usize = IN * OUT;
}
