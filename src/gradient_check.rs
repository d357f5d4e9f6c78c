//! Backward passes against differences of the loss.

use core::fmt;

use num_traits::{ConstOne, Float};

use crate::{
    Elem, Element, Error, Feeds, Layer, Loss, Row, Sequential, Shape, Tape, Zeroed,
    kernel::{Dispatch, Isa, Kernel},
    parameter::Path,
};

/// Compares the backward pass of a network and a loss with central differences, as PyTorch's
/// `autograd.gradcheck` does: for layers and losses of your own.
///
/// Each prediction, each parameter and each input `v` is moved a little, and
/// `(f(v + h) − f(v − h)) / 2h` of the loss is compared with its derivative. Gives the derivative that
/// is furthest off, measured by what is allowed it. The network is as it was afterwards.
///
/// | element | `h` | allowed, of the derivative | and beside it, if the loss is about 1 |
/// |---|---|---|---|
/// | `f64` | 6e-6 | 6e-6 | 5e-9 |
/// | `f32` | 5e-3 | 5e-3 | 3e-3 |
///
/// Take `f64` where you can. A kink, as that of the ReLU, is in the way only if it is nearer to a value
/// than `h / 64`: random numbers are not, zeros may be. The gradient, a tape and one batch more are
/// on the stack meanwhile.
///
/// # Errors
///
/// [`GradientError::Differs`] names the derivative that is furthest off: of a prediction, if the loss
/// is wrong, else of a parameter or an input. Then the layer it belongs to is wrong, or a later one
/// through which its gradient comes.
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
/// # Ok::<(), constnet::GradientError<f64>>(())
/// ```
pub fn gradient_check<L, C, const B: usize>(
    net: &mut Sequential<L>,
    loss: &C,
    x: &[Row<L::In>; B],
    y: &[C::Target; B],
) -> Result<Derivative<Elem<L>>, GradientError<Elem<L>>>
where
    L: Layer<In: Feeds<L::In, Sequential<L>, Sequential<L>>>,
    C: Loss<L::Out>,
{
    loss.check(y).map_err(GradientError::Refused)?;
    let samples = Elem::<L>::from_count(B);
    let mut tape = Tape::ZERO;
    let mut gradient = Sequential::ZERO;

    // Two passes, of which the second finds the tape full: a layer that adds to what it should
    // overwrite, or overwrites what it should add to, is off by a factor of 2.
    let y_hat = *net.forward(x, &mut tape).output();
    let value = value_of(loss, &y_hat, y);
    let mut dy = y_hat;
    let with_gradient = Elem::<L>::dispatch(ValueAndGradient::<L::Out, C> { loss, y_hat: &mut dy, y });
    if !value.is_finite() {
        return Err(GradientError::NotFinite(value));
    }
    let apart = (value - with_gradient).abs();
    if apart.is_nan() || apart > Elem::<L>::epsilon().sqrt() * (Elem::<L>::ONE + value.abs()) {
        return Err(GradientError::Values { value, with_gradient });
    }
    net.forward(x, &mut tape).backward_to_input(&dy, &mut gradient);
    let dx = *net.forward(x, &mut tape).backward_to_input(&dy, &mut gradient);

    let mut check = Check { worst: Derivative::NONE, furthest: Elem::<L>::ZERO };
    for (index, (at, dy)) in L::Out::flatten(&y_hat).iter().zip(L::Out::flatten(&dy)).enumerate() {
        let place = Place::Prediction { sample: index / L::Out::LEN, feature: index % L::Out::LEN };
        check.compare(place, *at, *dy / samples, |moved| {
            let mut y_hat = y_hat;
            set(L::Out::flatten_mut(&mut y_hat), index, moved);
            value_of(loss, &y_hat, y)
        });
    }
    // All that follows is wrong if the loss is.
    check.outcome()?;
    for (index, (at, dx)) in L::In::flatten(x).iter().zip(L::In::flatten(&dx)).enumerate() {
        let place = Place::Input { sample: index / L::In::LEN, feature: index % L::In::LEN };
        check.compare(place, *at, *dx / samples, |moved| {
            let mut x = *x;
            set(L::In::flatten_mut(&mut x), index, moved);
            value_of(loss, net.forward(&x, &mut tape).output(), y)
        });
    }
    for tensor in 0..net.tensors() {
        let Some(gradient) = gradient.parameter(tensor) else { continue };
        let ([rows, columns], [down, across]) = (gradient.shape, gradient.strides);
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let index = row * down + column * across;
            let Some(at) = net.parameter(tensor).and_then(|p| p.values.get(index).copied()) else { continue };
            let Some(twice) = gradient.values.get(index) else { continue };
            let place = Place::Parameter { layer: gradient.layer, name: gradient.name, row, column };
            let mut move_to = |value| {
                if let Some(parameter) = net.parameter_mut(tensor) {
                    set(parameter.values, index, value);
                }
                value_of(loss, net.forward(x, &mut tape).output(), y)
            };
            check.compare(place, at, *twice * Elem::<L>::from_f64(0.5), &mut move_to);
            move_to(at);
        }
    }
    check.outcome()
}

/// A derivative of the loss, found in two ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Derivative<T> {
    /// With respect to what.
    pub place: Place,
    /// What the backward pass gives, as part of the loss's mean over the batch.
    pub backward: T,
    /// What central differences of the loss give.
    pub differences: T,
}

/// The number with respect to which a derivative is taken. All counts are from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// One number of a prediction, before the loss.
    Prediction {
        /// Which sample.
        sample: usize,
        /// Which of its features.
        feature: usize,
    },
    /// One number of an input.
    Input {
        /// Which sample.
        sample: usize,
        /// Which of its features.
        feature: usize,
    },
    /// One parameter.
    Parameter {
        /// The number of the layer in its network.
        layer: usize,
        /// `"weight"`, `"bias"`, or what a layer of your own calls it.
        name: &'static str,
        /// The row; for a vector the number in it.
        row: usize,
        /// The column; for a vector 0.
        column: usize,
    },
}

/// What is wrong with a network or its loss.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum GradientError<T> {
    /// The loss refuses a target, or its own numbers.
    Refused(Error<T>),
    /// The loss is not finite: there is nothing to compare.
    NotFinite(T),
    /// The loss has two values: one on its own, another along with its gradient.
    Values {
        /// What [`Loss::value`] gives.
        value: T,
        /// What [`Loss::value_and_gradient`] gives.
        with_gradient: T,
    },
    /// The backward pass gives another derivative than differences of the loss do.
    Differs(Derivative<T>),
}

/// As PyTorch would index it: `0.weight[2, 3]`, `x[7, 1]`, `y_hat[7, 0]`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Prediction { sample, feature } => write!(f, "y_hat[{sample}, {feature}]"),
            Self::Input { sample, feature } => write!(f, "x[{sample}, {feature}]"),
            Self::Parameter { layer, name, row, column } => {
                write!(f, "{:?}[{row}, {column}]", Path { layer, name })
            }
        }
    }
}

impl<T: Element> fmt::Display for Derivative<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, backward, differences } = self;
        write!(f, "{place}: {backward:.9e} by the backward pass, {differences:.9e} by differences")
    }
}

impl<T: Element> fmt::Display for GradientError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::NotFinite(value) => write!(f, "the loss is {value}: expected a finite number"),
            Self::Values { value, with_gradient } => {
                write!(f, "the loss is {value} on its own and {with_gradient} along with its gradient")
            }
            Self::Differs(derivative) => write!(f, "the derivative is wrong at {derivative}"),
        }
    }
}

impl<T: Element> core::error::Error for GradientError<T> {}

/// The worst derivative so far.
struct Check<T> {
    worst: Derivative<T>,
    /// How far off it is; 1 is the most that is allowed.
    furthest: T,
}

impl<T: Element> Derivative<T> {
    const NONE: Self =
        Self { place: Place::Prediction { sample: 0, feature: 0 }, backward: T::ZERO, differences: T::ZERO };
}

impl<T: Element> Check<T> {
    /// How much smaller than the last a step is, where that may have gone over a kink.
    const SHORTER: [f64; 3] = [1.0, 8.0, 64.0];
    /// By how many roundings two losses may be off. The sums in a small network are that long.
    const ROUNDINGS: f64 = 64.0;

    /// Looks at one derivative, given the loss with its number moved from `at` to elsewhere.
    fn compare(&mut self, place: Place, at: T, backward: T, mut loss: impl FnMut(T) -> T) {
        // Where the errors of the differences that come from the step and from rounding meet.
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
            let found = (off, Derivative { place, backward, differences });
            if off <= T::ONE {
                return self.note(found);
            }
            first = first.or(Some(found));
        }
        if let Some(found) = first {
            self.note(found);
        }
    }

    fn note(&mut self, (off, derivative): (T, Derivative<T>)) {
        let off = if off.is_nan() { T::infinity() } else { off };
        if off > self.furthest {
            *self = Self { worst: derivative, furthest: off };
        }
    }

    fn outcome(&self) -> Result<Derivative<T>, GradientError<T>> {
        if self.furthest <= T::ONE { Ok(self.worst) } else { Err(GradientError::Differs(self.worst)) }
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
    fn run<I: Isa<S::Elem>>(self, isa: I) -> S::Elem {
        self.loss.value(isa, self.y_hat, self.y)
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
    fn run<I: Isa<S::Elem>>(self, isa: I) -> S::Elem {
        self.loss.value_and_gradient(isa, self.y_hat, self.y)
    }
}
