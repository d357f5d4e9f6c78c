//! Inputs with mean 0 and standard deviation 1.
//!
//! | quantity | shape | rule |
//! |---|---|---|
//! | `μ`, `σ` | `(N)` | mean and standard deviation of each feature over the `n` fitted rows; the variance is divided by `n` |
//! | `y` | `(B, N)` | `y = (x − μ) / σ` |

use core::fmt;

use typenum::{Const, Prod, ToUInt, U, U0, U2, Unsigned};

use super::{
    CacheSize, Context, Cost, Ends, Epilogue, Features, InputGrad, InputOnly, Layer, LayerTypes, Linear,
    NoActivation, NoInputGrad, ParamCount, Parameter, ParameterMut, SampleGradients, SlotsOf, UpdateRule,
    depth::One,
    impls::layer_impls,
    print::{Array, LayerText, Printer, element_suffix},
};
use crate::{
    error::DataError,
    simd::{Element, Simd, Vector, Zeroed, transform2},
};

/// Shifts and scales each of `N` features by a fixed mean and standard deviation, `y = (x − μ) / σ`: scikit-learn's
/// `StandardScaler`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `μ`, `σ` | `(N)` | mean and standard deviation of each feature; the variance is divided by the number of rows |
/// | `x`, `y` | `(B, N)` | `y = (x − μ) / σ` |
///
/// As the first layer of a network it lets the network take raw data, such as readings of sensors. An optimiser does
/// not change it, nor does weight decay; it counts as `2 N` parameters, named `mean` and `deviation`, which are saved
/// with the others. Its input is data, never the output of another layer: such a chain does not compile.
///
/// After the training it can be folded into the first [`Linear`] layer, which then takes raw data itself
/// ([`fold_into_first`](Self::fold_into_first)). If the targets were standardised, folding into the last layer
/// undoes this ([`fold_inverse_into_last`](Self::fold_inverse_into_last)).
///
/// # Examples
///
/// ```
/// use constnet::{Linear, Sequential, Sgd, Standardize, Trainer, Zeroed, sequential};
///
/// let x = [[1.0, 200.0], [2.0, 100.0], [3.0, 300.0], [2.0, 200.0]];
/// let standardize = Standardize::fit(&x)?;
/// assert_eq!(standardize.mean, [2.0, 200.0]);
/// assert_eq!(standardize.apply(&[2.0, 200.0]), [0.0, 0.0]);
///
/// let net = sequential![standardize, Linear::<2, 1>::ZERO];
/// let mut trainer = Trainer::<_, _, 4>::new(net, Sgd { lr: 0.1 });
/// trainer.step(&x, &[[1.0], [2.0], [3.0], [2.0]]);
/// let (same, mut linear) = trainer.net.0;
/// assert_eq!(same, standardize);
///
/// // The same network with one layer less.
/// let [before]: [f32; 1] = trainer.net.predict(&[3.0, 250.0]);
/// standardize.fold_into_first(&mut linear);
/// let [after]: [f32; 1] = Sequential(linear).predict(&[3.0, 250.0]);
/// assert!((before - after).abs() < 1e-6);
/// # Ok::<(), constnet::DataError<f32>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Standardize<const N: usize, T = f32> {
    /// The means, which are subtracted.
    pub mean: [T; N],
    /// The standard deviations, by which the differences are divided.
    pub deviation: [T; N],
}

impl<const N: usize, T: Element> Standardize<N, T> {
    /// These means and standard deviations. As in scikit-learn, a deviation of 0 is replaced by 1: a feature that was
    /// constant becomes 0.
    #[must_use]
    pub fn new(mean: [T; N], deviation: [T; N]) -> Self {
        Self { mean, deviation: deviation.map(|sigma| if sigma == T::ZERO { T::ONE } else { sigma }) }
    }

    /// The means and standard deviations of some rows, computed in `f64` in one pass by Welford's algorithm on the
    /// differences to the first row: no digits are lost if the mean is much larger than the deviation. As in
    /// scikit-learn, a feature that is constant up to rounding gets the deviation 1.
    ///
    /// # Errors
    ///
    /// If there are no rows, or a number is not finite.
    pub fn fit<'a>(rows: impl IntoIterator<Item = &'a [T; N]>) -> Result<Self, DataError<T>> {
        let mut count = 0.0_f64;
        // Of the differences to the first row, which have no rounding if the rows are close to each other.
        let (mut first, mut mean, mut squares) = ([0.0; N], [0.0; N], [0.0; N]);
        for (sample, row) in rows.into_iter().enumerate() {
            count += 1.0;
            for (feature, x) in row.iter().enumerate() {
                let Some(value) = x.to_f64().filter(|x| x.is_finite()) else {
                    return Err(DataError::Input { sample, feature, value: *x });
                };
                if sample == 0 {
                    first[feature] = value;
                }
                let (mean, squares) = (&mut mean[feature], &mut squares[feature]);
                let value = value - first[feature];
                let difference = value - *mean;
                *mean += difference / count;
                *squares += difference * (value - *mean);
            }
        }
        if count == 0.0 {
            return Err(DataError::NoSamples);
        }
        for (mean, first) in mean.iter_mut().zip(first) {
            *mean += first;
        }
        let deviation = core::array::from_fn(|feature| {
            let (mean, variance) = (mean[feature], squares[feature] / count);
            let rounding = count * mean * f64::EPSILON;
            let constant = variance <= count * f64::EPSILON * variance + rounding * rounding;
            T::from_f64(if constant { 1.0 } else { num_traits::Float::sqrt(variance) })
        });
        Ok(Self { mean: mean.map(T::from_f64), deviation })
    }

    /// `y = (x − μ) / σ`
    #[must_use]
    pub fn apply(&self, x: &[T; N]) -> [T; N] {
        core::array::from_fn(|i| (x[i] - self.mean[i]) / self.deviation[i])
    }

    /// `x = σ y + μ`
    #[must_use]
    pub fn invert(&self, y: &[T; N]) -> [T; N] {
        core::array::from_fn(|i| self.deviation[i] * y[i] + self.mean[i])
    }

    /// Changes a layer so that it takes `x` instead of `(x − μ) / σ`: `W ← W / σ` and `b ← b − W μ` with the new `W`.
    pub fn fold_into_first<const OUT: usize>(&self, linear: &mut Linear<N, OUT, T>) {
        for o in 0..OUT {
            let mut shift = T::ZERO;
            for i in 0..N {
                let weight = linear.weight_at_mut(o, i);
                *weight = *weight / self.deviation[i];
                shift = shift + *weight * self.mean[i];
            }
            let bias = &mut linear.bias_mut()[o];
            *bias = *bias - shift;
        }
    }

    /// Changes a layer so that it gives `σ z + μ` instead of `z`: `W ← σ W` and `b ← σ b + μ`.
    pub fn fold_inverse_into_last<const IN: usize>(&self, linear: &mut Linear<IN, N, T>) {
        for (o, (mu, sigma)) in self.mean.iter().zip(&self.deviation).enumerate() {
            for i in 0..IN {
                let weight = linear.weight_at_mut(o, i);
                *weight = *weight * *sigma;
            }
            let bias = &mut linear.bias_mut()[o];
            *bias = *sigma * *bias + *mu;
        }
    }
}

/// The ends of a [`Standardize`] layer: the layer after it computes no gradient.
#[derive(Debug)]
pub struct FixedEnds<L>(core::marker::PhantomData<L>);

impl<L> Ends for FixedEnds<L> {
    type First = L;
    type Last = L;
    type InputActivation = NoActivation;
    type OutputActivation = NoInputGrad;
    type Depth = One;
}

impl<const N: usize, T: Element> LayerTypes for Standardize<N, T> {
    type In = InputOnly<Features<N, T>>;
    type Out = Features<N, T>;
    type Cache<const B: usize> = ();
    type Scratch = ();
    type Ends = FixedEnds<Self>;
}

impl<const N: usize, T: Element> Layer for Standardize<N, T> {
    const PARAMS: usize = 2 * N;

    /// The input is overwritten with the output.
    #[inline(always)]
    fn input_buffer<'a, const B: usize>((): &'a mut (), y: &'a mut [[T; N]; B]) -> &'a mut [[T; N]; B] {
        y
    }

    #[inline(always)]
    fn forward<S: Simd<T>, const B: usize>(
        &self,
        ctx: Context<S>,
        (): &mut (),
        y: &mut [[T; N]; B],
        epilogue: impl Epilogue<T>,
    ) {
        for row in y {
            transform2(
                ctx.token,
                row,
                &self.mean,
                &self.deviation,
                #[inline(always)]
                |x: Vector<S, T>, mu, sigma| epilogue.apply((x - mu) / sigma),
            );
        }
    }

    #[inline(always)]
    fn backward<S: Simd<T>, const B: usize>(
        &self,
        _: Context<S>,
        (): &mut (),
        (): &mut (),
        _: &mut [[T; N]; B],
        _: impl InputGrad<T>,
        _: &mut Self,
    ) {
    }

    #[inline(always)]
    fn backward_update<S: Simd<T>, R: UpdateRule<T>, const B: usize>(
        &mut self,
        _: Context<S>,
        (): &mut (),
        (): &mut (),
        _: &mut [[T; N]; B],
        _: impl InputGrad<T>,
        _: R,
        _: SlotsOf<R, T, &mut Self>,
    ) -> bool {
        true
    }

    /// The parameters are not trained: their derivatives are not computed, but set to 0.
    #[inline(always)]
    fn backward_samples<S: Simd<T>, G: SampleGradients<T>, const B: usize>(
        &self,
        _: Context<S>,
        (): &mut (),
        (): &mut (),
        _: &mut [[T; N]; B],
        _: impl InputGrad<T>,
        gradients: &mut G,
        first: usize,
    ) {
        for sample in 0..B {
            gradients.of(sample, first, Self::PARAMS).fill(T::ZERO);
        }
    }

    fn print(&self, printer: &mut Printer<'_, '_>) -> fmt::Result {
        let [mean, deviation] = [Array(self.parameter(0)), Array(self.parameter(1))];
        printer.layer(LayerText {
            pytorch: format_args!("Standardize({N})"),
            path: "constnet",
            rust_type: format_args!("Standardize<{N}{}>", element_suffix::<T>()),
            rust_value: format_args!("Standardize {{ mean: {mean}, deviation: {deviation} }}"),
            parameters: Self::PARAMS,
        })
    }

    fn tensors(&self) -> usize {
        2
    }

    fn parameter(&self, index: usize) -> Option<Parameter<'_, T>> {
        match index {
            0 => Some(Parameter::vector("mean", &self.mean).fixed()),
            1 => Some(Parameter::vector("deviation", &self.deviation).fixed()),
            _ => None,
        }
    }

    fn parameter_mut(&mut self, index: usize) -> Option<ParameterMut<'_, T>> {
        match index {
            0 => Some(ParameterMut::vector("mean", &mut self.mean).fixed()),
            1 => Some(ParameterMut::vector("deviation", &mut self.deviation).fixed()),
            _ => None,
        }
    }
}

/// Mean 0 and standard deviation 1: nothing is changed.
impl<const N: usize, T: Element> Default for Standardize<N, T> {
    fn default() -> Self {
        Self { mean: [T::ZERO; N], deviation: [T::ONE; N] }
    }
}

impl<const N: usize, T: Element> Zeroed for Standardize<N, T> {
    const ZERO: Self = Self { mean: [T::ZERO; N], deviation: [T::ZERO; N] };
}

impl<const N: usize, T> ParamCount for Standardize<N, T>
where
    Const<N>: ToUInt,
    U2: core::ops::Mul<U<N>>,
    Prod<U2, U<N>>: Unsigned,
{
    type Count = Prod<U2, U<N>>;
}

impl<const N: usize, T> CacheSize for Standardize<N, T>
where
    Const<N>: ToUInt<Output: Unsigned>,
{
    type Cached = U0;
    type Output = U<N>;
}

impl<const N: usize, T: Element> Cost for Standardize<N, T> {
    const FORWARD: usize = N;
    const WEIGHT_GRADIENT: usize = 0;
    const FIRST_INPUT_GRADIENT: usize = 0;
    const NEEDS_OUTPUT_GRADIENT: bool = false;
}

layer_impls!(Standardize<N, T>, T, const N: usize, T: Element);
