//! The layer that standardises each sample.

use core::fmt;

use num_traits::Float;
use rand::Rng;

use crate::{
    Activation, Element, Features, Identity, Layer, Parameter, ParameterMut, Rule, Zeroed,
    kernel::Isa,
    layer::line,
    optim::update_all,
    source::{Array, Part, element},
};

/// Standardises the `N` features of each sample, then scales and shifts them: `y = w ⊙ x̂ + b`, as
/// PyTorch's `nn.LayerNorm(N)`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `x̂` | `(B, N)` | `(x − μ) r`, with the row's mean `μ`, variance `v` and `r = 1 / √(v + 10⁻⁵)` |
/// | `y` | `(B, N)` | `w ⊙ x̂ + b` |
/// | `dw`, `db` | `(N)` | the means of `dy ⊙ x̂` and of `dy` over the batch |
/// | `dx` | `(B, N)` | `r (g − mean(g) − x̂ mean(g ⊙ x̂))` with `g = w ⊙ dy`, means over the row |
///
/// The variance is divided by `N`. [`new`](Self::new) starts with `w = 1` and `b = 0`, and so does
/// `init`. It keeps its input alone, and computes `x̂` anew on the way back.
///
/// # Examples
///
/// ```
/// use constnet::LayerNorm;
///
/// let [[a, b, c]] = LayerNorm::new().forward(&[[-3.0, 0.0, 3.0_f64]]);
/// assert_eq!((a, b), (-c, 0.0));
/// assert!((c - 1.5_f64.sqrt()).abs() < 1e-5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(bound(serialize = "T: serde::Serialize", deserialize = "T: Element + serde::Deserialize<'de>"))
)]
pub struct LayerNorm<const N: usize, T = f32> {
    /// The scale of each feature.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde::numbers"))]
    pub weight: [T; N],
    /// The shift of each feature.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde::numbers"))]
    pub bias: [T; N],
}

/// What keeps the standard deviation of equal features from being 0: PyTorch's `eps`.
const EPSILON: f64 = 1e-5;

impl<const N: usize, T: Element> LayerNorm<N, T> {
    /// The layer that standardises, and does no more.
    #[must_use]
    pub const fn new() -> Self {
        Self { weight: [T::ONE; N], bias: [T::ZERO; N] }
    }

    /// `x̂` and `r` of one row.
    fn standard(x: &[T; N]) -> ([T; N], T) {
        let mean = |x: &[T; N]| x.iter().fold(T::ZERO, |sum, x| sum + *x) / T::from_count(N);
        let mu = mean(x);
        let centred = x.map(|x| x - mu);
        let variance = mean(&centred.map(|c| c * c));
        let r = Float::sqrt(variance + T::from_f64(EPSILON)).recip();
        (centred.map(|c| c * r), r)
    }

    /// `y = w ⊙ x̂ + b`
    #[must_use]
    pub fn forward<const B: usize>(&self, x: &[[T; N]; B]) -> [[T; N]; B] {
        x.map(|x| {
            let (standard, _) = Self::standard(&x);
            core::array::from_fn(|n| self.weight[n] * standard[n] + self.bias[n])
        })
    }

    /// Adds `dw` and `db`, averaged over the batch, to the gradient, and gives `dx`.
    pub fn backward<const B: usize>(
        &self,
        x: &[[T; N]; B],
        dy: &[[T; N]; B],
        gradient: &mut Self,
    ) -> [[T; N]; B] {
        let (share, count) = (T::ONE / T::from_count(B), T::from_count(N));
        core::array::from_fn(|b| {
            let (standard, r) = Self::standard(&x[b]);
            let (mut sum, mut product) = (T::ZERO, T::ZERO);
            for n in 0..N {
                gradient.weight[n] = gradient.weight[n] + share * dy[b][n] * standard[n];
                gradient.bias[n] = gradient.bias[n] + share * dy[b][n];
                let g = self.weight[n] * dy[b][n];
                sum = sum + g;
                product = product + g * standard[n];
            }
            core::array::from_fn(|n| {
                r * (self.weight[n] * dy[b][n] - sum / count - standard[n] * product / count)
            })
        })
    }
}

impl<const N: usize, T: Element> Default for LayerNorm<N, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, T: Element> Zeroed for LayerNorm<N, T> {
    const ZERO: Self = Self { weight: [T::ZERO; N], bias: [T::ZERO; N] };
}

/// `x̂` and `r` of one row, in vectors.
#[inline(always)]
fn standard<I: Isa<T>, T: Element, const N: usize>(isa: I, x: &[T; N]) -> ([T; N], T) {
    let zero = isa.splat(T::ZERO);
    let count = T::from_count(N);
    let mut sum = zero;
    for x in x.chunks(I::LANES) {
        sum = isa.add(sum, isa.load(x));
    }
    let mu = isa.splat(isa.sum(sum) / count);
    let mut standard = [T::ZERO; N];
    let mut squares = zero;
    for (s, x) in standard.chunks_mut(I::LANES).zip(x.chunks(I::LANES)) {
        isa.store(s, isa.sub(isa.load(x), mu));
        // Loaded anew: lanes beyond the row are 0 then.
        let centred = isa.load(s);
        squares = isa.mul_add(centred, centred, squares);
    }
    let r = Float::sqrt(isa.sum(squares) / count + T::from_f64(EPSILON)).recip();
    for s in standard.chunks_mut(I::LANES) {
        let scaled = isa.mul(isa.load(s), isa.splat(r));
        isa.store(s, scaled);
    }
    (standard, r)
}

impl<const N: usize, T: Element> Layer for LayerNorm<N, T> {
    type In = Features<N, T>;
    type Out = Features<N, T>;
    type First = Self;
    type Last = Self;
    type Lead = Identity;
    type Trail = Identity;
    type Tape<const B: usize> = [[T; N]; B];
    type Scratch = ();

    const PARAMS: usize = 2 * N;
    const WEIGHTS: usize = N;

    #[inline(always)]
    fn input<'a, const B: usize>(tape: &'a mut [[T; N]; B], _: &'a mut [[T; N]; B]) -> &'a mut [[T; N]; B] {
        tape
    }

    #[inline(always)]
    fn forward_tape<I: Isa<T>, const B: usize>(
        &self,
        isa: I,
        tape: &mut [[T; N]; B],
        y: &mut [[T; N]; B],
        then: impl Activation<T>,
    ) {
        for (x, y) in tape.iter().zip(y) {
            let (standard, _) = standard(isa, x);
            for at in (0..N).step_by(I::LANES) {
                let (w, b) = (isa.load(&self.weight[at..]), isa.load(&self.bias[at..]));
                let z = isa.mul_add(w, isa.load(&standard[at..]), b);
                isa.store(&mut y[at..], then.forward(isa, z));
            }
        }
    }

    #[inline(always)]
    fn backward_tape<I: Isa<T>, const B: usize>(
        &self,
        isa: I,
        tape: &mut [[T; N]; B],
        (): &mut (),
        dy: &mut [[T; N]; B],
        before: impl Activation<T>,
        gradient: &mut Self,
    ) {
        let (zero, count) = (isa.splat(T::ZERO), T::from_count(N));
        let share = isa.splat(T::ONE / T::from_count(B));
        for (x, dy) in tape.iter_mut().zip(dy) {
            let (standard, r) = standard(isa, x);
            let (mut sum, mut product) = (zero, zero);
            for at in (0..N).step_by(I::LANES) {
                let (dy, standard) = (isa.load(&dy[at..]), isa.load(&standard[at..]));
                let (dw, db) = (&mut gradient.weight[at..], &mut gradient.bias[at..]);
                let added = isa.mul_add(isa.mul(share, dy), standard, isa.load(dw));
                isa.store(dw, added);
                let added = isa.mul_add(share, dy, isa.load(db));
                isa.store(db, added);
                let g = isa.mul(isa.load(&self.weight[at..]), dy);
                sum = isa.add(sum, g);
                product = isa.mul_add(g, standard, product);
            }
            let (mean, slope) = (isa.splat(isa.sum(sum) / count), isa.splat(isa.sum(product) / count));
            for at in (0..N).step_by(I::LANES) {
                let g = isa.mul(isa.load(&self.weight[at..]), isa.load(&dy[at..]));
                let off = isa.mul_add(isa.load(&standard[at..]), slope, mean);
                let dx = isa.mul(isa.splat(r), isa.sub(g, off));
                let x = &mut x[at..];
                let a = isa.load(x);
                isa.store(x, before.backward(isa, a, dx));
            }
        }
    }

    #[inline(always)]
    fn update<I: Isa<T>, U: Rule<T, S>, const S: usize>(
        &mut self,
        isa: I,
        rule: U,
        gradient: &Self,
        mut state: [&mut Self; S],
    ) {
        let weights = state.each_mut().map(|s| &mut s.weight[..]);
        update_all(isa, rule, &mut self.weight, &gradient.weight, weights);
        update_all(isa, rule, &mut self.bias, &gradient.bias, state.map(|s| &mut s.bias[..]));
    }

    fn init<R: Rng + ?Sized>(&mut self, _: &mut R) {
        *self = Self::new();
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

    fn describe(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(
            f,
            index,
            Self::PARAMS,
            format_args!("LayerNorm(({N},), eps=1e-05, elementwise_affine=True, bias=True)"),
        )
    }

    fn source_of(&self, part: Part, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (part, self.parameter(0), self.parameter(1)) {
            (Part::Value, Some(weight), Some(bias)) => {
                write!(f, "constnet::LayerNorm {{ weight: {}, bias: {} }}", Array(weight), Array(bias))
            }
            _ => write!(f, "constnet::LayerNorm<{N}{}>", element::<T>()),
        }
    }
}
