//! Gradients kept within bounds before an optimiser sees them.

use num_traits::Float;

use super::{Known, Optimizer, Rule, Step, check_positive};
use crate::{Elem, Element, Error, Layer, Shape, Zeroed, kernel::Isa};

/// An optimiser that sees each number of the gradient limited to `-max_value ..= max_value`.
///
/// As PyTorch's `clip_grad_value_` before the optimiser's step.
///
/// # Examples
///
/// ```
/// use constnet::{ClipValue, Linear, Optimizer, Sequential, Sgd};
///
/// let mut net = Sequential(Linear::new([[1.0, 2.0]], [3.0]));
/// let gradient = Sequential(Linear::new([[-8.0, 0.25]], [4.0]));
/// let mut clipped = ClipValue { optimizer: Sgd { lr: 1.0 }, max_value: 0.5 };
/// clipped.step(&mut net, &gradient, &mut ());
/// assert_eq!(net, Sequential(Linear::new([[1.5, 1.75]], [2.5])));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ClipValue<O, T = f32> {
    /// What makes the step.
    pub optimizer: O,
    /// The largest size of a number in the gradient: positive and finite.
    pub max_value: T,
}

/// An optimiser that sees the gradient scaled down to a norm of `max_norm`, if it is larger:
///
/// `dp ← dp · min(1, max_norm / (‖dp‖ + 1e-6))`, the norm taken over all parameters together.
///
/// As PyTorch's `clip_grad_norm_` before the optimiser's step. The norm is known when the whole
/// gradient is, so its state holds one, beside that of the optimiser: see [`Clipped`].
///
/// # Examples
///
/// ```
/// use constnet::{ClipNorm, Linear, Optimizer, Sequential, Sgd, Zeroed};
///
/// let mut net = Sequential(Linear::new([[1.0_f64, 2.0]], [3.0]));
/// let gradient = Sequential(Linear::new([[30.0, 0.0]], [-40.0]));
/// let mut clipped = ClipNorm { optimizer: Sgd { lr: 1.0 }, max_norm: 0.5 };
/// clipped.step(&mut net, &gradient, &mut { Zeroed::ZERO });
/// assert!((net.0.weight_at(0, 0) - 0.7).abs() < 1e-6);
/// assert!((net.0.bias()[0] - 3.4).abs() < 1e-6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ClipNorm<O, T = f32> {
    /// What makes the step.
    pub optimizer: O,
    /// The largest norm of the gradient: positive and finite.
    pub max_norm: T,
}

/// What [`ClipNorm`] keeps about a network.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Clipped<L, S> {
    /// Room for the gradient, with no meaning between two steps.
    pub gradient: L,
    /// The state of the optimiser inside.
    pub state: S,
}

impl<L: Zeroed, S: Zeroed> Zeroed for Clipped<L, S> {
    const ZERO: Self = Self { gradient: L::ZERO, state: S::ZERO };
}

impl<T: Element, O: Optimizer<T>> Optimizer<T> for ClipValue<O, T> {
    type State<L: Zeroed> = O::State<L>;

    fn check(&self) -> Result<(), Error<T>> {
        self.optimizer.check()?;
        check_positive("max_value", self.max_value)
    }

    fn lr_mut(&mut self) -> &mut T {
        self.optimizer.lr_mut()
    }

    #[inline(always)]
    fn apply<L: Layer<In: Shape<Elem = T>>>(&mut self, step: impl Step<L>, state: &mut O::State<L>) {
        self.optimizer.apply(Changed { step, change: Limit(self.max_value) }, state);
    }
}

impl<T: Element, O: Optimizer<T>> Optimizer<T> for ClipNorm<O, T> {
    type State<L: Zeroed> = Clipped<L, O::State<L>>;

    fn check(&self) -> Result<(), Error<T>> {
        self.optimizer.check()?;
        check_positive("max_norm", self.max_norm)
    }

    fn lr_mut(&mut self) -> &mut T {
        self.optimizer.lr_mut()
    }

    #[inline(always)]
    fn apply<L: Layer<In: Shape<Elem = T>>>(&mut self, step: impl Step<L>, state: &mut Self::State<L>) {
        let Clipped { gradient, state } = state;
        let (isa, net) = step.backpropagate(gradient);
        let share = self.max_norm / (norm(isa, gradient) + T::from_f64(1e-6));
        // Written so that NaN goes through, as in PyTorch.
        let factor = if share > T::ONE { T::ONE } else { share };
        self.optimizer.apply(Changed { step: Known { isa, net, gradient }, change: Scale(factor) }, state);
    }
}

/// The root of the sum of all squares.
#[inline(always)]
fn norm<I: Isa<Elem<L>>, L: Layer>(isa: I, gradient: &L) -> Elem<L> {
    let mut sum = isa.splat(Elem::<L>::ZERO);
    let mut index = 0;
    while let Some(parameter) = gradient.parameter(index) {
        for values in parameter.values.chunks(I::LANES) {
            let values = isa.load(values);
            sum = isa.mul_add(values, values, sum);
        }
        index += 1;
    }
    Float::sqrt(isa.sum(sum))
}

/// What is done to a gradient before the rule sees it.
trait Change<T>: Copy {
    fn change<I: Isa<T>>(self, isa: I, gradient: I::V) -> I::V;
}

/// Limits each number to this size. NaN goes through.
#[derive(Clone, Copy)]
struct Limit<T>(T);

impl<T: Element> Change<T> for Limit<T> {
    #[inline(always)]
    fn change<I: Isa<T>>(self, isa: I, gradient: I::V) -> I::V {
        let (least, most) = (isa.splat(-self.0), isa.splat(self.0));
        let gradient = isa.select(isa.lt(gradient, least), least, gradient);
        isa.select(isa.lt(most, gradient), most, gradient)
    }
}

/// Multiplies each number.
#[derive(Clone, Copy)]
struct Scale<T>(T);

impl<T: Element> Change<T> for Scale<T> {
    #[inline(always)]
    fn change<I: Isa<T>>(self, isa: I, gradient: I::V) -> I::V {
        isa.mul(isa.splat(self.0), gradient)
    }
}

/// A step or a rule whose gradient is changed first.
#[derive(Clone, Copy)]
struct Changed<S, C> {
    step: S,
    change: C,
}

impl<T, U: Rule<T, S>, C: Change<T>, const S: usize> Rule<T, S> for Changed<U, C> {
    #[inline(always)]
    fn update<I: Isa<T>>(self, isa: I, parameters: I::V, gradient: I::V, state: &mut [I::V; S]) -> I::V {
        self.step.update(isa, parameters, self.change.change(isa, gradient), state)
    }
}

impl<L: Layer, P: Step<L>, C: Change<Elem<L>>> Step<L> for Changed<P, C> {
    type Isa = P::Isa;

    #[inline(always)]
    fn by<U: Rule<Elem<L>, S>, const S: usize>(self, rule: U, state: [&mut L; S]) {
        self.step.by(Changed { step: rule, change: self.change }, state);
    }

    #[inline(always)]
    fn backpropagate<'a>(self, gradient: &mut L) -> (P::Isa, &'a mut L)
    where
        Self: 'a,
    {
        let (isa, net) = self.step.backpropagate(gradient);
        let mut index = 0;
        while let Some(parameter) = gradient.parameter_mut(index) {
            for values in parameter.values.chunks_mut(P::Isa::LANES) {
                let changed = self.change.change(isa, isa.load(values));
                isa.store(values, changed);
            }
            index += 1;
        }
        (isa, net)
    }
}
