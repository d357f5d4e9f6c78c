//! A check of backward passes: gradients compared with differences of the loss.

use core::fmt;

use num_traits::{ConstOne, Float};

use super::data::{check, check_network};
use crate::{
    error::Error,
    layers::{Elem, HasGradient, Layer, Row, Shape, parameter::ParameterPath},
    loss::Loss,
    network::{Cache, Sequential},
    simd::{Dispatch, Element, Kernel, Simd, Zeroed},
};

/// Compares the gradients that the backward pass of a network and a loss computes with central differences, as
/// PyTorch's `autograd.gradcheck`: a test for layers and losses of your own.
///
/// Each prediction, each parameter and each input `v` is changed by a small step `h`, and
/// `(f(v + h) − f(v − h)) / 2h` of the loss `f` is compared with the derivative. Returns the pair with the
/// largest difference, relative to its tolerance. Afterwards the network is as it was before. The passes are in inference
/// mode: [`Dropout`](crate::Dropout) drops nothing.
///
/// | element | `h` | relative tolerance | absolute tolerance, if the loss is about 1 |
/// |---|---|---|---|
/// | `f64` | 6e-6 | 6e-6 | 5e-9 |
/// | `f32` | 5e-3 | 5e-3 | 3e-3 |
///
/// Use `f64` if possible. A kink such as that of ReLU at 0 disturbs the result only if a step of `h / 64` crosses it:
/// this hardly happens with random numbers, but it can with zeros. The gradient, a cache and one more batch are kept
/// on the stack.
///
/// # Errors
///
/// [`GradientError::Invalid`] if an input or a parameter is not finite or the loss refuses a target;
/// [`GradientError::NotFinite`] if the loss is not finite; [`GradientError::LossMismatch`] if the two methods of the loss
/// return different losses.
///
/// [`GradientError::GradientMismatch`] names the derivative with the largest difference: that of a prediction if the
/// loss is wrong, else that of a parameter or an input. Then its layer is wrong, or a later layer through which
/// its gradient passes.
///
/// # Examples
///
/// ```
/// use constnet::{CrossEntropy, Zeroed, gradient_check, mlp};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// let mut net = <mlp![f64; 2, 8, 3]>::ZERO;
/// net.init(&mut StdRng::seed_from_u64(0));
/// let worst = gradient_check(&mut net, &CrossEntropy, &[[0.5, 1.0], [1.5, -0.5]], &[0, 2])?;
/// assert!((worst.backward - worst.differences).abs() < 1e-8);
/// # Ok::<(), constnet::training::GradientError<f64>>(())
/// ```
// Not `y: &[C::Target; B]`: a loss that does not fit the network would be two errors.
pub fn gradient_check<L: Layer<In: HasGradient>, Y, const B: usize>(
    net: &mut Sequential<L>,
    loss: &impl Loss<L::Out, Target = Y>,
    x: &[Row<L::In>; B],
    y: &[Y; B],
) -> Result<GradientPair<Elem<L>>, GradientError<Elem<L>>> {
    check::<Sequential<L>, _>(loss, x, y).map_err(GradientError::Invalid)?;
    check_network(net).map_err(GradientError::Invalid)?;
    let samples = Elem::<L>::from_count(B);
    let mut cache = Cache::ZERO;
    let mut gradient = Sequential::ZERO;

    // Two passes, the second with a used cache: if a layer adds where it should overwrite, or overwrites where it
    // should add, the result is wrong by a factor of 2.
    let y_hat = *net.forward(x, &mut cache).output();
    let value = value_of(loss, &y_hat, y);
    let mut dy = y_hat;
    let with_gradient = Elem::<L>::dispatch(ValueAndGradient::<L::Out, _> { loss, y_hat: &mut dy, y });
    if !value.is_finite() {
        return Err(GradientError::NotFinite(value));
    }
    let apart = (value - with_gradient).abs();
    if apart.is_nan() || apart > Elem::<L>::epsilon().sqrt() * (Elem::<L>::ONE + value.abs()) {
        return Err(GradientError::LossMismatch { value, with_gradient });
    }
    net.forward(x, &mut cache).backward_to_input(&dy, &mut gradient);
    let dx = *net.forward(x, &mut cache).backward_to_input(&dy, &mut gradient);

    let mut check = Check { worst: GradientPair::NONE, furthest: Elem::<L>::ZERO };
    for (index, (at, dy)) in L::Out::flatten(&y_hat).iter().zip(L::Out::flatten(&dy)).enumerate() {
        let coordinate = Coordinate::Prediction { sample: index / L::Out::LEN, feature: index % L::Out::LEN };
        check.compare(coordinate, *at, *dy / samples, |moved| {
            let mut y_hat = y_hat;
            set(L::Out::flatten_mut(&mut y_hat), index, moved);
            value_of(loss, &y_hat, y)
        });
    }
    // If the gradient of the loss is wrong, so are all that follow.
    check.outcome()?;
    for (index, (at, dx)) in L::In::flatten(x).iter().zip(L::In::flatten(&dx)).enumerate() {
        let coordinate = Coordinate::Input { sample: index / L::In::LEN, feature: index % L::In::LEN };
        check.compare(coordinate, *at, *dx / samples, |moved| {
            let mut x = *x;
            set(L::In::flatten_mut(&mut x), index, moved);
            value_of(loss, net.forward(&x, &mut cache).output(), y)
        });
    }
    for tensor in 0..net.tensors() {
        let Some(gradient) = gradient.parameter(tensor) else { continue };
        let ([rows, columns], [down, across]) = (gradient.shape, gradient.strides);
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let index = row * down + column * across;
            let Some(at) = net.parameter(tensor).and_then(|p| p.values.get(index).copied()) else { continue };
            let Some(twice) = gradient.values.get(index) else { continue };
            let coordinate =
                Coordinate::Parameter { layer: gradient.layer, name: gradient.name, row, column };
            let mut move_to = |value| {
                if let Some(parameter) = net.parameter_mut(tensor) {
                    set(parameter.values, index, value);
                }
                value_of(loss, net.forward(x, &mut cache).output(), y)
            };
            check.compare(coordinate, at, *twice * Elem::<L>::from_f64(0.5), &mut move_to);
            move_to(at);
        }
    }
    check.outcome()
}

/// A derivative of the loss, computed in two ways.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct GradientPair<T> {
    /// The variable.
    pub coordinate: Coordinate,
    /// The derivative by the backward pass, of the mean loss over the batch.
    pub backward: T,
    /// The derivative by central differences of the loss.
    pub differences: T,
}

/// The variable of a derivative. All indices are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Coordinate {
    /// One number of a prediction.
    Prediction {
        /// The index of the sample.
        sample: usize,
        /// The index of the feature.
        feature: usize,
    },
    /// One number of an input.
    Input {
        /// The index of the sample.
        sample: usize,
        /// The index of the feature.
        feature: usize,
    },
    /// One parameter.
    Parameter {
        /// The index of the layer in its network.
        layer: usize,
        /// The name of the parameter: `"weight"`, `"bias"`, or another.
        name: &'static str,
        /// The row; for a vector the index.
        row: usize,
        /// The column; for a vector 0.
        column: usize,
    },
}

/// The reason why a gradient check failed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum GradientError<T> {
    /// An input or a parameter is not finite, the loss refuses a target, or a parameter of the loss is invalid.
    Invalid(Error<T>),
    /// The loss of valid data is not finite, so nothing can be compared.
    NotFinite(T),
    /// [`Loss::value`] and [`Loss::value_and_gradient`] return different losses.
    LossMismatch {
        /// The result of [`Loss::value`].
        value: T,
        /// The result of [`Loss::value_and_gradient`].
        with_gradient: T,
    },
    /// The backward pass and the differences of the loss give different derivatives.
    GradientMismatch(GradientPair<T>),
}

/// Written as an index in PyTorch: `0.weight[2, 3]`, `x[7, 1]`, `y_hat[7, 0]`.
impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Prediction { sample, feature } => write!(f, "y_hat[{sample}, {feature}]"),
            Self::Input { sample, feature } => write!(f, "x[{sample}, {feature}]"),
            Self::Parameter { layer, name, row, column } => {
                write!(f, "{:?}[{row}, {column}]", ParameterPath { layer, name })
            }
        }
    }
}

impl<T: Element> fmt::Display for GradientPair<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { coordinate, backward, differences } = self;
        write!(f, "{coordinate}: {backward:.9e} by the backward pass, {differences:.9e} by differences")
    }
}

impl<T: Element> fmt::Display for GradientError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => error.fmt(f),
            Self::NotFinite(value) => write!(f, "the loss is {value}: expected a finite number"),
            Self::LossMismatch { value, with_gradient } => {
                write!(
                    f,
                    "`value` returns the loss {value}, but `value_and_gradient` returns {with_gradient}"
                )
            }
            Self::GradientMismatch(derivative) => write!(f, "the derivative is wrong at {derivative}"),
        }
    }
}

impl<T: Element> core::error::Error for GradientError<T> {}

/// The derivative with the largest difference so far.
struct Check<T> {
    worst: GradientPair<T>,
    /// Its difference, relative to the tolerance.
    furthest: T,
}

impl<T: Element> GradientPair<T> {
    const NONE: Self = Self {
        coordinate: Coordinate::Prediction { sample: 0, feature: 0 },
        backward: T::ZERO,
        differences: T::ZERO,
    };
}

impl<T: Element> Check<T> {
    /// The divisors of the step: it is made smaller if it may have crossed a kink.
    const SHORTER: [f64; 3] = [1.0, 8.0, 64.0];
    /// The number of roundings by which two losses may differ: the length of the sums in a small network.
    const ROUNDINGS: f64 = 64.0;

    /// Compares one derivative. `loss` computes the loss with the variable changed from `at` to another value.
    fn compare(&mut self, coordinate: Coordinate, at: T, backward: T, mut loss: impl FnMut(T) -> T) {
        // For this step, the error of the differences and the rounding error are about equal.
        let tolerance = T::epsilon().cbrt();
        let mut first = None;
        for shorter in Self::SHORTER {
            let step = tolerance * at.abs().max(T::ONE) / T::from_f64(shorter);
            let (above, below) = (at + step, at - step);
            let (more, less) = (loss(above), loss(below));
            let differences = (more - less) / (above - below);
            let rounding = T::from_f64(Self::ROUNDINGS) * T::epsilon() * (T::ONE + more.abs()) / step;
            let allowed = tolerance * backward.abs().max(differences.abs()) + rounding;
            let off = (backward - differences).abs() / allowed;
            let found = (off, GradientPair { coordinate, backward, differences });
            if off <= T::ONE {
                return self.note(found);
            }
            first = first.or(Some(found));
        }
        if let Some(found) = first {
            self.note(found);
        }
    }

    fn note(&mut self, (off, derivative): (T, GradientPair<T>)) {
        let off = if off.is_nan() { T::infinity() } else { off };
        if off > self.furthest {
            *self = Self { worst: derivative, furthest: off };
        }
    }

    fn outcome(&self) -> Result<GradientPair<T>, GradientError<T>> {
        if self.furthest <= T::ONE {
            Ok(self.worst)
        } else {
            Err(GradientError::GradientMismatch(self.worst))
        }
    }
}

fn set<T>(values: &mut [T], index: usize, value: T) {
    if let Some(number) = values.get_mut(index) {
        *number = value;
    }
}

fn value_of<S: Shape, C: Loss<S>>(loss: &C, y_hat: &[Row<S>], y: &[C::Target]) -> S::Elem {
    S::Elem::dispatch(Value::<S, C> { loss, y_hat, y })
}

/// The loss alone.
struct Value<'a, S: Shape, C: Loss<S>> {
    loss: &'a C,
    y_hat: &'a [Row<S>],
    y: &'a [C::Target],
}

impl<S: Shape, C: Loss<S>> Kernel<S::Elem> for Value<'_, S, C> {
    type Output = S::Elem;

    #[inline(always)]
    fn run<I: Simd<S::Elem>>(self, token: I) -> S::Elem {
        self.loss.value(token, self.y_hat, self.y)
    }
}

/// The loss, with the predictions turned into their gradient.
struct ValueAndGradient<'a, S: Shape, C: Loss<S>> {
    loss: &'a C,
    y_hat: &'a mut [Row<S>],
    y: &'a [C::Target],
}

impl<S: Shape, C: Loss<S>> Kernel<S::Elem> for ValueAndGradient<'_, S, C> {
    type Output = S::Elem;

    #[inline(always)]
    fn run<I: Simd<S::Elem>>(self, token: I) -> S::Elem {
        self.loss.value_and_gradient(token, self.y_hat, self.y)
    }
}
