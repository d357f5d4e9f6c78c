//! The trait of optimisers, and their state.

use core::{fmt, ops::RangeInclusive};

use num_traits::Float;
use typenum::Unsigned;

use crate::{
    error::Error,
    layers::{
        Context, Elem, FiniteCheck, InputGrad, Layer, Parameter, Row, Shape, Slots, UpdateRule, not_finite,
        parameters, update, zero,
    },
    simd::{Element, Kernel, Real, Simd, Vector, Zeroed, largest_absolute},
};

/// What an optimiser stores for a network, whatever the element type. The first half of an [`Optimizer`].
///
/// It does not depend on the element type, so that the type of a [`Trainer`](crate::Trainer) is valid even if the
/// optimiser does not fit the network: the compiler then reports one error, where the trainer is used.
pub trait OptimizerMemory {
    /// The values that the rule keeps for each parameter: [`Keeps<2>`](crate::layers::Keeps) for Adam.
    type Slots: Slots;
    /// [`Stored`] if the rule depends on the norm of the whole gradient, else
    /// [`NotStored`].
    type GradientStore: GradientStore;
}

/// An optimiser: it returns the rule by which a step updates each parameter.
///
/// The [module](super) shows how to write one.
///
/// `T` is the element type: an optimiser of `f32` numbers such as `Sgd { lr: 0.1_f32 }` does not fit a network of
/// `f64`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an optimiser for a network of `{T}`",
    label = "this optimiser has numbers of another type than the network",
    note = "write the element type of the network as the optimiser's type argument, as in `Sgd<f64>` or `Adam<f64>`"
)]
pub trait Optimizer<T: Element>: OptimizerMemory {
    /// The rule of a step.
    type Rule: UpdateRule<T, Slots = Self::Slots>;

    /// The rule of the step with this number, counted from 1. `gradient_norm` is 0 unless a gradient is stored.
    fn rule(&self, step: usize, gradient_norm: T) -> Self::Rule;

    /// What is done to each number of the gradient before its norm is computed: nothing, except for
    /// [`ClipValue`](crate::ClipValue).
    #[inline(always)]
    fn limit<V: Real<T>>(&self, dp: V) -> V {
        dp
    }

    /// Checks that the optimiser's parameters are valid.
    ///
    /// # Errors
    ///
    /// Names the parameter that is not.
    fn check(&self) -> Result<(), Error<T>>;

    /// Checks before a run that its steps, counted from 0, can change the network. The default accepts every run.
    ///
    /// # Errors
    ///
    /// [`Error::ScheduleEnded`], if a [schedule](super::schedule) has no positive learning rate for any of the steps.
    fn check_run(&self, steps: RangeInclusive<usize>) -> Result<(), Error<T>> {
        let _ = steps;
        Ok(())
    }

    /// The learning rate, to be changed.
    fn lr_mut(&mut self) -> &mut T;

    /// Updates a network, given its gradient.
    ///
    /// The optimiser's parameters are not checked here; call [`check`](Self::check) for that.
    ///
    /// # Errors
    ///
    /// - [`Error::Gradient`] if a number in the gradient is infinite or NaN, and [`Error::Overflow`] if only the norm
    ///   of the gradient is infinite: network and state stay as they were, and the step is not counted.
    /// - [`Error::Overflow`] also if the new value of a parameter or of its state would be infinite or NaN: that
    ///   parameter and its state keep their old values, and all others are updated.
    fn step<L: Layer<In: Shape<Elem = T>>>(
        &self,
        net: &mut L,
        gradient: &L,
        state: &mut OptimizerState<L, Self>,
    ) -> Result<(), Error<T>>
    where
        Self: Sized,
    {
        T::dispatch(Step { optimizer: self, net, gradient, state })
    }
}

/// What an optimiser keeps between the steps on a network of type `L`: PyTorch's `optimizer.state`.
///
/// It starts as zeros: `OptimizerState::ZERO`.
#[cfg_attr(
    feature = "alloc",
    derive(bytemuck::Zeroable),
    zeroable(bound = "StoredSlots<L, O>: bytemuck::Zeroable, StoredGradient<L, O>: bytemuck::Zeroable")
)]
pub struct OptimizerState<L: Zeroed, O: OptimizerMemory> {
    /// How many steps were made.
    pub steps: usize,
    /// The values that the rule keeps for each parameter, each a network of type `L`: an array of as many
    /// networks.
    pub slots: StoredSlots<L, O>,
    /// The gradient, if the rule depends on its norm; it has no meaning between two steps.
    pub(crate) gradient: StoredGradient<L, O>,
}

/// The values that an optimiser keeps for a network: an array of networks, `[L; 2]` for Adam.
pub type StoredSlots<L, O> = <<O as OptimizerMemory>::Slots as Slots>::Stored<L>;

/// The gradient of the network `L` if the optimiser `O` stores it, else `()`.
pub type StoredGradient<L, O> = <<O as OptimizerMemory>::GradientStore as GradientStore>::Of<L>;

impl<L: Zeroed, O: OptimizerMemory> Zeroed for OptimizerState<L, O> {
    const ZERO: Self = Self { steps: 0, slots: Zeroed::ZERO, gradient: Zeroed::ZERO };
}

impl<L: Layer, O: OptimizerMemory> OptimizerState<L, O> {
    /// Sets the state back to that before the first step, in place.
    pub fn reset(&mut self) {
        self.steps = 0;
        self.slots.as_mut().iter_mut().for_each(zero);
    }
}

impl<L: Zeroed, O: OptimizerMemory> Clone for OptimizerState<L, O>
where
    StoredSlots<L, O>: Clone,
    <O::GradientStore as GradientStore>::Of<L>: Clone,
{
    fn clone(&self) -> Self {
        Self { steps: self.steps, slots: self.slots.clone(), gradient: self.gradient.clone() }
    }
}

impl<L: Zeroed, O: OptimizerMemory> Copy for OptimizerState<L, O>
where
    StoredSlots<L, O>: Copy,
    <O::GradientStore as GradientStore>::Of<L>: Copy,
{
}

/// The number of steps and the values that the rule keeps are compared.
impl<L: Zeroed, O: OptimizerMemory> PartialEq for OptimizerState<L, O>
where
    StoredSlots<L, O>: PartialEq,
{
    fn eq(&self, other: &Self) -> bool {
        self.steps == other.steps && self.slots == other.slots
    }
}

impl<L: Zeroed, O: OptimizerMemory> fmt::Debug for OptimizerState<L, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptimizerState").field("steps", &self.steps).finish_non_exhaustive()
    }
}

/// An optimiser's step on a network whose whole gradient is known.
struct Step<'a, T: Element, O: Optimizer<T>, L: Layer<In: Shape<Elem = T>>> {
    optimizer: &'a O,
    net: &'a mut L,
    gradient: &'a L,
    state: &'a mut OptimizerState<L, O>,
}

impl<T: Element, O: Optimizer<T>, L: Layer<In: Shape<Elem = T>>> Kernel<T> for Step<'_, T, O, L> {
    type Output = Result<(), Error<T>>;

    #[inline(always)]
    fn run<S: Simd<T>>(self, token: S) -> Result<(), Error<T>> {
        let Self { optimizer, net, gradient, state: OptimizerState { steps, slots, .. } } = self;
        step_with_gradient(token, optimizer, net, gradient, steps, slots)
    }
}

/// A step with the whole gradient: checks the gradient, then updates all parameters.
#[inline(always)]
fn step_with_gradient<S: Simd<Elem<L>>, L: Layer, O: Optimizer<Elem<L>>>(
    token: S,
    optimizer: &O,
    net: &mut L,
    gradient: &L,
    steps: &mut usize,
    slots: &mut StoredSlots<L, O>,
) -> Result<(), Error<Elem<L>>> {
    let (norm, is_finite) = norm(token, optimizer, gradient);
    let norm_of_rule = if O::GradientStore::STORED { norm } else { Elem::<L>::ZERO };
    let next_step = following(*steps);
    let rule = optimizer.rule(next_step, norm_of_rule);
    let check = rule.finite_check();
    if check != FiniteCheck::Never && !(is_finite && norm.is_finite()) {
        return Err(gradient_error(gradient));
    }
    *steps = next_step;
    // If the norm passes, so does every number.
    let check = match check {
        FiniteCheck::Gradient(factor) if (norm * factor).is_finite() => FiniteCheck::Never,
        check => check,
    };
    if update(token, rule, net, 0, gradient, O::Slots::borrow(slots), check) {
        Ok(())
    } else {
        Err(Error::Overflow)
    }
}

/// The error for a gradient whose norm is not finite.
#[cold]
fn gradient_error<L: Layer>(gradient: &L) -> Error<Elem<L>> {
    match not_finite(gradient) {
        Some((Parameter { layer, name, .. }, [row, column], value)) => {
            Error::Gradient { layer, name, row, column, value }
        }
        None => Error::Overflow,
    }
}

/// `steps + 1`, saturating. (`saturating_add` takes more instructions on a Cortex-M.)
#[inline(always)]
fn following(steps: usize) -> usize {
    steps + usize::from(steps < usize::MAX)
}

/// The norm of a gradient, after [`Optimizer::limit`]: the square root of the sum of all squares. Infinite if it is too large
/// for the element type. Also whether all numbers in the gradient are finite.
#[inline(always)]
pub(crate) fn norm<S: Simd<Elem<L>>, O: Optimizer<Elem<L>>, L: Layer>(
    token: S,
    optimizer: &O,
    gradient: &L,
) -> (Elem<L>, bool) {
    let zero = Elem::<L>::ZERO;
    let [mut sum, mut found] = [Vector::from_number(token, zero); 2];
    let mut index = 0;
    while let Some(parameter) = gradient.parameter(index) {
        for dp in parameter.values.chunks(S::LANES) {
            let dp = Vector::load(token, dp);
            // 0 times a number is 0 if the number is finite, else NaN.
            found = dp.scale_add(zero, found);
            let dp = optimizer.limit(dp);
            sum = dp.mul_add(dp, sum);
        }
        index += 1;
    }
    let sum = sum.sum();
    let norm = if sum.is_finite() { Float::sqrt(sum) } else { scaled_norm(optimizer, gradient) };
    (norm, !found.sum().is_nan())
}

/// The norm of a gradient, computed from all numbers divided by the largest, so that no square overflows.
#[cold]
#[inline(never)]
fn scaled_norm<O: Optimizer<Elem<L>>, L: Layer>(optimizer: &O, gradient: &L) -> Elem<L> {
    let numbers = || parameters(gradient).flat_map(|parameter| parameter.values);
    let limited = |dp: &Elem<L>| optimizer.limit(Vector::number(*dp)).get();
    let zero = Elem::<L>::ZERO;
    let largest = largest_absolute(numbers().map(limited));
    if largest == zero || !largest.is_finite() {
        return largest;
    }
    let sum = numbers().map(limited).fold(zero, |sum, dp| {
        let scaled = dp / largest;
        sum + scaled * scaled
    });
    largest * Float::sqrt(sum)
}

/// How many numbers an optimiser holds, as types of `typenum`: for [`sizes`](crate::sizes).
pub trait OptimizerSize {
    /// Numbers for each parameter of the network.
    type PerParameter: Unsigned;
    /// Numbers of the optimiser itself.
    type Own: Unsigned;
}

/// Checks that a learning rate is positive and finite.
pub(super) fn check_lr<T: Element>(lr: T) -> Result<(), Error<T>> {
    if lr.is_finite() && lr > T::ZERO { Ok(()) } else { Err(Error::LearningRate(lr)) }
}

/// Checks that a number is positive and finite.
pub(super) fn check_positive<T: Element>(name: &'static str, value: T) -> Result<(), Error<T>> {
    let expected = "a positive, finite number";
    if value.is_finite() && value > T::ZERO {
        Ok(())
    } else {
        Err(Error::Hyperparameter { name, value, expected })
    }
}

/// Checks that a number can be the weight of the old value in a running average.
pub(super) fn check_decay_rate<T: Element>(name: &'static str, value: T) -> Result<(), Error<T>> {
    let expected = "at least 0 and less than 1";
    if value >= T::ZERO && value < T::ONE {
        Ok(())
    } else {
        Err(Error::Hyperparameter { name, value, expected })
    }
}

/// Whether the gradient is stored: [`NotStored`] or [`Stored`].
pub trait GradientStore {
    /// The stored gradient of a network, or `()`.
    type Of<L: Zeroed>: Zeroed;
    /// Whether there is one.
    const STORED: bool;

    /// The backward pass of a network, given the gradient `dy` with respect to the output, and the update of its
    /// parameters. Returns false if a parameter was not updated because a number would not have been finite.
    fn backward_update<S: Simd<Elem<L>>, L: Layer, O, const B: usize>(
        ctx: Context<S>,
        net: &mut L,
        workspace: (&mut L::Cache<B>, &mut L::Scratch),
        dy: &mut [Row<L::Out>; B],
        input_grad: impl InputGrad<Elem<L>>,
        optimizer: &O,
        state: &mut OptimizerState<L, O>,
    ) -> bool
    where
        O: Optimizer<Elem<L>, GradientStore = Self>;
}

/// Each parameter is updated as soon as its gradient is computed; no gradient is stored.
#[derive(Clone, Copy, Debug)]
pub struct NotStored;

/// The rule depends on the norm of the whole gradient, which is stored first.
#[derive(Clone, Copy, Debug)]
pub struct Stored;

impl GradientStore for NotStored {
    type Of<L: Zeroed> = ();
    const STORED: bool = false;

    #[inline(always)]
    fn backward_update<S: Simd<Elem<L>>, L: Layer, O, const B: usize>(
        ctx: Context<S>,
        net: &mut L,
        (cache, scratch): (&mut L::Cache<B>, &mut L::Scratch),
        dy: &mut [Row<L::Out>; B],
        input_grad: impl InputGrad<Elem<L>>,
        optimizer: &O,
        state: &mut OptimizerState<L, O>,
    ) -> bool
    where
        O: Optimizer<Elem<L>, GradientStore = Self>,
    {
        state.steps = following(state.steps);
        let rule = optimizer.rule(state.steps, Elem::<L>::ZERO);
        let slots = O::Slots::borrow(&mut state.slots);
        net.backward_update(ctx, cache, scratch, dy, input_grad, rule, slots)
    }
}

impl GradientStore for Stored {
    type Of<L: Zeroed> = L;
    const STORED: bool = true;

    #[inline(always)]
    fn backward_update<S: Simd<Elem<L>>, L: Layer, O, const B: usize>(
        ctx: Context<S>,
        net: &mut L,
        (cache, scratch): (&mut L::Cache<B>, &mut L::Scratch),
        dy: &mut [Row<L::Out>; B],
        input_grad: impl InputGrad<Elem<L>>,
        optimizer: &O,
        state: &mut OptimizerState<L, O>,
    ) -> bool
    where
        O: Optimizer<Elem<L>, GradientStore = Self>,
    {
        let OptimizerState { steps, slots, gradient } = state;
        zero(gradient);
        net.backward(ctx, cache, scratch, dy, input_grad, gradient);
        step_with_gradient(ctx.token, optimizer, net, gradient, steps, slots).is_ok()
    }
}
