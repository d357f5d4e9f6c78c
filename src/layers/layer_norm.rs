//! Layer normalisation.
//!
//! | quantity | shape | rule |
//! |---|---|---|
//! | `x` | `(B, N)` | the input, cached for the backward pass |
//! | `w`, `b` | `(N)` | scale and shift of each feature |
//! | `x̂` | `(B, N)` | `x̂ = (x − μ) r`, with `r = 1 / √(v + eps)` |
//! | `μ`, `v` | `(B)` | mean and variance of each row; the variance is divided by `N` |
//! | `y` | `(B, N)` | `y = w ⊙ x̂ + b` |
//! | `dw`, `db` | `(N)` | the means of `dy ⊙ x̂` and of `dy` over the batch |
//! | `dx` | `(B, N)` | `dx = r (g − mean(g) − x̂ mean(g ⊙ x̂))` with `g = w ⊙ dy`, means over the row |

use core::{any::type_name, fmt};

use num_traits::Float;
use rand::Rng;
use typenum::{Const, Prod, ToUInt, U, U2, Unsigned};

use super::{
    CacheSize, Context, Cost, Epilogue, Features, Initializer, InputGrad, Layer, LayerTypes, NoActivation,
    NoInputGrad, ParamCount, Parameter, ParameterMut, SampleGradients, Slots, SlotsOf, TensorId, Unfused,
    UpdateRule,
    impls::layer_impls,
    print::{Array, LayerText, Printer, element_suffix, from_fn},
    update::{UpdateCheck, update_vector},
};
use crate::simd::{Element, Real, Scalar, Simd, Vector, Zeroed, map, reduce, transform, transform2};

/// Standardises the `N` features of each sample, then scales and shifts them, `y = w ⊙ x̂ + b`: PyTorch's
/// `nn.LayerNorm(N)`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `x̂` | `(B, N)` | `(x − μ) r`, with the row's mean `μ`, variance `v` and `r = 1 / √(v + eps)` |
/// | `y` | `(B, N)` | `w ⊙ x̂ + b` |
/// | `dw`, `db` | `(N)` | the means of `dy ⊙ x̂` and of `dy` over the batch |
/// | `dx` | `(B, N)` | `r (g − mean(g) − x̂ mean(g ⊙ x̂))` with `g = w ⊙ dy`, means over the row |
///
/// The variance is divided by `N`. [`new`](Self::new) and the `init` of a network set `w = 1` and `b = 0`. The
/// layer caches its input only; the backward pass computes `x̂` again.
///
/// `eps` is 10⁻⁵, as in PyTorch. For another power of ten, 10⁻ᵏ, set the third parameter of the type to `k`:
/// `LayerNorm<64, f32, 3>` has the `eps` of Keras, 10⁻³, and `LayerNorm<64, f32, 12>` that of BERT, 10⁻¹². So `eps`
/// takes no memory. ONNX files and the files that this crate writes record it; files of PyTorch's weights do not.
///
/// # Examples
///
/// ```
/// use constnet::{LayerNorm, Zeroed};
///
/// let layer = LayerNorm::new();
/// let x = [[-3.0, 0.0, 3.0_f64]];
/// let [[a, b, c]] = layer.forward(&x);
/// assert_eq!((a, b), (-c, 0.0));
/// assert!((c - 1.5_f64.sqrt()).abs() < 1e-5);
///
/// let mut gradient = LayerNorm::ZERO;
/// let [dx] = layer.backward(&x, &[[0.0, 0.0, 2.0]], &mut gradient);
/// assert_eq!((gradient.weight, gradient.bias), ([0.0, 0.0, 2.0 * c], [0.0, 0.0, 2.0]));
/// assert!(dx.iter().sum::<f64>().abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct LayerNorm<const N: usize, T = f32, const EPS: usize = 5> {
    /// The scale of each feature.
    pub weight: [T; N],
    /// The shift of each feature.
    pub bias: [T; N],
}

impl<const N: usize, T: Element> LayerNorm<N, T> {
    /// The layer with `w = 1`, `b = 0` and PyTorch's `eps` of 10⁻⁵, which only standardises.
    #[must_use]
    pub const fn new() -> Self {
        Self { weight: [T::ONE; N], bias: [T::ZERO; N] }
    }
}

impl<const N: usize, T: Element, const EPS: usize> LayerNorm<N, T, EPS> {
    /// `eps`, which is added to the variance, so that `r` is finite for a row of equal features.
    const EPSILON: f64 = {
        // Powers of ten up to this one are exact, so that the quotient is the nearest number.
        assert!(EPS <= 22, "eps is 10 to the power of -22 or greater");
        let (mut power, mut exponent) = (1.0, 0);
        while exponent < EPS {
            power *= 10.0;
            exponent += 1;
        }
        1.0 / power
    };

    /// The forward pass: `y = w ⊙ x̂ + b`.
    #[must_use]
    pub fn forward<const B: usize>(&self, x: &[[T; N]; B]) -> [[T; N]; B] {
        let mut y = [[T::ZERO; N]; B];
        for (x, y) in x.iter().zip(&mut y) {
            self.normalise(Scalar, x, y, NoActivation);
        }
        y
    }

    /// The backward pass: **adds** `dw` and `db`, the means of `dy ⊙ x̂` and of `dy` over the batch, to `gradient`,
    /// and returns `dx`.
    pub fn backward<const B: usize>(
        &self,
        x: &[[T; N]; B],
        dy: &[[T; N]; B],
        gradient: &mut Self,
    ) -> [[T; N]; B] {
        let mut dx = *x;
        self.accumulate(Scalar, &mut dx, dy, NoActivation, gradient);
        dx
    }

    /// The same weights and biases, with an `eps` of 10 to the power of `-EXPONENT`: `LayerNorm::new().eps::<6>()` is
    /// PyTorch's `nn.LayerNorm(N, eps=1e-6)`.
    #[must_use]
    pub fn eps<const EXPONENT: usize>(self) -> LayerNorm<N, T, EXPONENT> {
        LayerNorm { weight: self.weight, bias: self.bias }
    }

    /// `y = epilogue(w ⊙ x̂ + b)`, for one row.
    #[inline(always)]
    fn normalise<S: Simd<T>>(&self, token: S, x: &[T; N], y: &mut [T; N], epilogue: impl Epilogue<T>) {
        let mu = mean(token, x);
        transform(
            token,
            y,
            x,
            #[inline(always)]
            |_, x| x - mu,
        );
        let r = inv_deviation(token, y, Self::EPSILON);
        transform2(
            token,
            y,
            &self.weight,
            &self.bias,
            #[inline(always)]
            |centred, w, b| epilogue.apply(w.mul_add(centred * r, b)),
        );
    }

    /// Adds `dw` and `db` to `gradient`, and overwrites `x` with `dx`, to which `input_grad` is applied.
    #[inline(always)]
    fn accumulate<S: Simd<T>, const B: usize>(
        &self,
        token: S,
        x: &mut [[T; N]; B],
        dy: &[[T; N]; B],
        input_grad: impl InputGrad<T>,
        gradient: &mut Self,
    ) {
        let rows = self.row_means(token, x, dy, input_grad);
        for at in (0..N).step_by(S::LANES) {
            let w = Vector::load(token, &self.weight[at..]);
            let [dw, db] = backward_features(at, w, x, dy, &rows, input_grad);
            dw.add_to(&mut gradient.weight[at..]);
            db.add_to(&mut gradient.bias[at..]);
        }
    }

    /// For each row the four numbers from which the backward pass computes `x̂` and `dx`: `μ`, `r`, `mean(g)` and
    /// `mean(g ⊙ x̂)`. The last two are 0 if `dx` is not needed.
    #[inline(always)]
    fn row_means<S: Simd<T>, G: InputGrad<T>, const B: usize>(
        &self,
        token: S,
        x: &[[T; N]; B],
        dy: &[[T; N]; B],
        _: G,
    ) -> [[T; 4]; B] {
        let count = T::from_count(N);
        let mut rows = [[T::ZERO; 4]; B];
        for (row, (x, dy)) in rows.iter_mut().zip(x.iter().zip(dy)) {
            let mu = mean(token, x);
            let mut centred = *x;
            map(
                token,
                &mut centred,
                #[inline(always)]
                |x| x - mu,
            );
            let r = inv_deviation(token, &centred, Self::EPSILON);
            let [mut sum, mut product] = [Vector::from_number(token, T::ZERO); 2];
            if G::NEEDED {
                for at in (0..N).step_by(S::LANES) {
                    let g = Vector::load(token, &self.weight[at..]) * Vector::load(token, &dy[at..]);
                    let standard = Vector::load(token, &centred[at..]) * r;
                    sum = sum + g;
                    product = g.mul_add(standard, product);
                }
            }
            *row = [mu, r, sum.sum() / count, product.sum() / count];
        }
        rows
    }
}

/// The mean `μ` of a row.
#[inline(always)]
fn mean<S: Simd<T>, T: Element, const N: usize>(token: S, x: &[T; N]) -> T {
    let sum = reduce(
        token,
        x,
        #[inline(always)]
        |sum, x| sum + x,
    );
    sum / T::from_count(N)
}

/// `r = 1 / √(v + eps)` of a row, given `x − μ`.
#[inline(always)]
fn inv_deviation<S: Simd<T>, T: Element, const N: usize>(token: S, centred: &[T; N], eps: f64) -> T {
    let squares = reduce(
        token,
        centred,
        #[inline(always)]
        |squares, c| c.mul_add(c, squares),
    );
    Float::sqrt(squares / T::from_count(N) + T::from_f64(eps)).recip()
}

/// The gradients `dw` and `db` of the features from `at` on, as many as a vector has lanes, whose weights are `w`.
/// Overwrites these features of `x` with `dx`, to which `input_grad` is applied.
#[inline(always)]
fn backward_features<S: Simd<T>, T: Element, G: InputGrad<T>, const N: usize, const B: usize>(
    at: usize,
    w: Vector<S, T>,
    x: &mut [[T; N]; B],
    dy: &[[T; N]; B],
    rows: &[[T; 4]; B],
    input_grad: G,
) -> [Vector<S, T>; 2] {
    let token = w.token();
    let inv_batch = T::ONE / T::from_count(B);
    let [mut dw, mut db] = [w.splat(T::ZERO); 2];
    for ((x, dy), [mu, r, mean_g, mean_gx]) in x.iter_mut().zip(dy).zip(rows) {
        let (x, dy) = (&mut x[at..], Vector::load(token, &dy[at..]));
        let a = Vector::load(token, x);
        let standard = (a - *mu) * *r;
        dw = (dy * inv_batch).mul_add(standard, dw);
        db = dy.scale_add(inv_batch, db);
        if G::NEEDED {
            let g = w * dy;
            let dx = (g - standard.scale_add(*mean_gx, w.splat(*mean_g))) * *r;
            input_grad.apply(a, dx).store(x);
        }
    }
    [dw, db]
}

impl<const N: usize, T: Element, const EPS: usize> LayerTypes for LayerNorm<N, T, EPS> {
    type In = Features<N, T>;
    type Out = Features<N, T>;
    type Cache<const B: usize> = [[T; N]; B];
    type Scratch = ();
    type Ends = Unfused<Self>;
}

impl<const N: usize, T: Element, const EPS: usize> Layer for LayerNorm<N, T, EPS> {
    const PARAMS: usize = 2 * N;

    #[inline(always)]
    fn input_buffer<'a, const B: usize>(
        x: &'a mut [[T; N]; B],
        _: &'a mut [[T; N]; B],
    ) -> &'a mut [[T; N]; B] {
        x
    }

    #[inline(always)]
    fn forward<S: Simd<T>, const B: usize>(
        &self,
        ctx: Context<S>,
        x: &mut [[T; N]; B],
        y: &mut [[T; N]; B],
        epilogue: impl Epilogue<T>,
    ) {
        for (x, y) in x.iter().zip(y) {
            self.normalise(ctx.token, x, y, epilogue);
        }
    }

    #[inline(always)]
    fn backward<S: Simd<T>, const B: usize>(
        &self,
        ctx: Context<S>,
        x: &mut [[T; N]; B],
        (): &mut (),
        dy: &mut [[T; N]; B],
        input_grad: impl InputGrad<T>,
        gradient: &mut Self,
    ) {
        self.accumulate(ctx.token, x, dy, input_grad, gradient);
    }

    #[inline(always)]
    fn backward_update<S: Simd<T>, R: UpdateRule<T>, const B: usize>(
        &mut self,
        Context { token, layer, .. }: Context<S>,
        x: &mut [[T; N]; B],
        (): &mut (),
        dy: &mut [[T; N]; B],
        input_grad: impl InputGrad<T>,
        rule: R,
        mut state: SlotsOf<R, T, &mut Self>,
    ) -> bool {
        let mut check = UpdateCheck::of(token, rule.finite_check());
        let rows = self.row_means(token, x, dy, input_grad);
        let [weight_rule, bias_rule] =
            ["weight", "bias"].map(|name| rule.for_tensor(TensorId::vector(layer, name)));
        for at in (0..N).step_by(S::LANES) {
            let w = Vector::load(token, &self.weight[at..]);
            let [dw, db] = backward_features(at, w, x, dy, &rows, input_grad);
            let weights = R::Slots::map(R::Slots::reborrow(&mut state), |s| &mut s.weight[at..]);
            update_vector(weight_rule, &mut self.weight[at..], dw, T::ONE, weights, &mut check);
            let biases = R::Slots::map(R::Slots::reborrow(&mut state), |s| &mut s.bias[at..]);
            update_vector(bias_rule, &mut self.bias[at..], db, T::ONE, biases, &mut check);
        }
        check.passed()
    }

    #[inline(always)]
    fn backward_samples<S: Simd<T>, G: SampleGradients<T>, const B: usize>(
        &self,
        Context { token, .. }: Context<S>,
        x: &mut [[T; N]; B],
        (): &mut (),
        dy: &mut [[T; N]; B],
        input_grad: impl InputGrad<T>,
        gradients: &mut G,
        first: usize,
    ) {
        if G::NEEDED {
            let rows = self.row_means(token, x, dy, NoInputGrad);
            for (sample, ((x, dy), [mu, r, ..])) in x.iter().zip(&*dy).zip(rows).enumerate() {
                transform2(
                    token,
                    gradients.of(sample, first, N),
                    x,
                    dy,
                    #[inline(always)]
                    |_, x, dy| dy * ((x - mu) * r),
                );
                gradients.write(sample, first + N, dy);
            }
        }
        self.accumulate(token, x, dy, input_grad, &mut { Self::ZERO });
    }

    /// `dx̂ = r (dx − mean(dx) − x̂ mean(dx ⊙ x̂))`, `dy = w ⊙ dx̂`
    #[inline(always)]
    fn forward_tangents<S: Simd<T>, const B: usize>(
        &self,
        Context { token, .. }: Context<S>,
        x: &mut [[T; N]; B],
        _: &mut [[T; N]; B],
        dx: &mut [[T; N]; B],
        dy: &mut [[T; N]; B],
    ) {
        let standard = Self { weight: [T::ONE; N], bias: [T::ZERO; N] };
        standard.accumulate(token, x, dx, NoActivation, &mut { Self::ZERO });
        for (x_hat, dy) in x.iter().zip(dy) {
            transform2(
                token,
                dy,
                x_hat,
                &self.weight,
                #[inline(always)]
                |_, dx_hat, w| w * dx_hat,
            );
        }
    }

    fn print(&self, printer: &mut Printer<'_, '_>) -> fmt::Result {
        let [weight, bias] = [Array(self.parameter(0)), Array(self.parameter(1))];
        // Python writes 0.0001 and 1e-05.
        let eps =
            from_fn(|f| if EPS < 5 { write!(f, "{:?}", Self::EPSILON) } else { write!(f, "1e-{EPS:02}") });
        let suffix = from_fn(|f| match EPS {
            5 => f.write_str(element_suffix::<T>()),
            _ => write!(f, ", {}, {EPS}", type_name::<T>()),
        });
        printer.layer(LayerText {
            pytorch: format_args!("LayerNorm(({N},), eps={eps}, elementwise_affine=True, bias=True)"),
            path: "constnet",
            rust_type: format_args!("LayerNorm<{N}{suffix}>"),
            rust_value: format_args!("LayerNorm {{ weight: {weight}, bias: {bias} }}"),
            parameters: Self::PARAMS,
        })
    }

    fn tensors(&self) -> usize {
        2
    }

    fn parameter(&self, index: usize) -> Option<Parameter<'_, T>> {
        match index {
            0 => Some(Parameter::vector("weight", &self.weight)),
            1 => Some(Parameter::vector("bias", &self.bias)),
            _ => None,
        }
    }

    fn parameter_mut(&mut self, index: usize) -> Option<ParameterMut<'_, T>> {
        match index {
            0 => Some(ParameterMut::vector("weight", &mut self.weight)),
            1 => Some(ParameterMut::vector("bias", &mut self.bias)),
            _ => None,
        }
    }

    fn init<I: Initializer, R: Rng + ?Sized>(&mut self, _: &I, _: &mut R) {
        *self = Self::default();
    }
}

/// The layer with `w = 1` and `b = 0`, which only standardises.
impl<const N: usize, T: Element, const EPS: usize> Default for LayerNorm<N, T, EPS> {
    fn default() -> Self {
        LayerNorm::new().eps()
    }
}

impl<const N: usize, T: Element, const EPS: usize> Zeroed for LayerNorm<N, T, EPS> {
    const ZERO: Self = Self { weight: [T::ZERO; N], bias: [T::ZERO; N] };
}

impl<const N: usize, T, const EPS: usize> ParamCount for LayerNorm<N, T, EPS>
where
    Const<N>: ToUInt,
    U2: core::ops::Mul<U<N>>,
    Prod<U2, U<N>>: Unsigned,
{
    type Count = Prod<U2, U<N>>;
}

impl<const N: usize, T, const EPS: usize> CacheSize for LayerNorm<N, T, EPS>
where
    Const<N>: ToUInt<Output: Unsigned>,
{
    type Cached = U<N>;
    type Output = U<N>;
}

impl<const N: usize, T: Element, const EPS: usize> Cost for LayerNorm<N, T, EPS> {
    const FORWARD: usize = N;
}

layer_impls!(LayerNorm<N, T, EPS>, T, const N: usize, T: Element, const EPS: usize);
