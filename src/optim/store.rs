//! Whether an optimiser needs the whole gradient before it can update the first parameter.

use super::{Optimizer, OptimizerState, count_step, norm};
use crate::{
    layers::{Context, Elem, InputGrad, Layer, Row, Slots, update::update, zero},
    simd::{Simd, Zeroed},
};

/// Whether the gradient is stored: [`NotStored`] or [`Stored`].
pub trait GradientStore {
    /// The stored gradient of a network, or `()`.
    type Of<L: Zeroed>: Zeroed;

    /// The backward pass of a network, and the update of its parameters. Given `dy`, the gradient with respect to the
    /// output.
    fn backward_update<S: Simd<Elem<L>>, L: Layer, O, const B: usize>(
        ctx: Context<S>,
        net: &mut L,
        workspace: (&mut L::Cache<B>, &mut L::Scratch),
        dy: &mut [Row<L::Out>; B],
        input_grad: impl InputGrad<Elem<L>>,
        optimizer: &O,
        state: &mut OptimizerState<L, O>,
    ) where
        O: Optimizer<Elem<L>, GradientStore = Self>;

    /// The norm of the gradient, or 0 if the rule does not need it.
    fn norm<S: Simd<Elem<L>>, L: Layer, O: Optimizer<Elem<L>>>(
        token: S,
        optimizer: &O,
        gradient: &L,
    ) -> Elem<L>;
}

/// Each parameter is updated as soon as its gradient is computed; no gradient is stored.
#[derive(Clone, Copy, Debug)]
pub struct NotStored;

/// The rule depends on the norm of the whole gradient, which is stored first.
#[derive(Clone, Copy, Debug)]
pub struct Stored;

impl GradientStore for NotStored {
    type Of<L: Zeroed> = ();

    #[inline(always)]
    fn backward_update<S: Simd<Elem<L>>, L: Layer, O, const B: usize>(
        ctx: Context<S>,
        net: &mut L,
        (cache, scratch): (&mut L::Cache<B>, &mut L::Scratch),
        dy: &mut [Row<L::Out>; B],
        input_grad: impl InputGrad<Elem<L>>,
        optimizer: &O,
        state: &mut OptimizerState<L, O>,
    ) where
        O: Optimizer<Elem<L>, GradientStore = Self>,
    {
        count_step(&mut state.steps);
        let rule = optimizer.rule(state.steps, Elem::<L>::ZERO);
        let slots = O::Slots::borrow(&mut state.slots);
        net.backward_update(ctx, cache, scratch, dy, input_grad, rule, slots);
    }

    #[inline(always)]
    fn norm<S: Simd<Elem<L>>, L: Layer, O: Optimizer<Elem<L>>>(_: S, _: &O, _: &L) -> Elem<L> {
        Elem::<L>::ZERO
    }
}

impl GradientStore for Stored {
    type Of<L: Zeroed> = L;

    #[inline(always)]
    fn backward_update<S: Simd<Elem<L>>, L: Layer, O, const B: usize>(
        ctx: Context<S>,
        net: &mut L,
        (cache, scratch): (&mut L::Cache<B>, &mut L::Scratch),
        dy: &mut [Row<L::Out>; B],
        input_grad: impl InputGrad<Elem<L>>,
        optimizer: &O,
        state: &mut OptimizerState<L, O>,
    ) where
        O: Optimizer<Elem<L>, GradientStore = Self>,
    {
        let OptimizerState { steps, slots, gradient } = state;
        zero(gradient);
        net.backward(ctx, cache, scratch, dy, input_grad, gradient);
        count_step(steps);
        let rule = optimizer.rule(*steps, norm(ctx.token, optimizer, gradient));
        update(ctx.token, rule, net, gradient, O::Slots::borrow(slots));
    }

    #[inline(always)]
    fn norm<S: Simd<Elem<L>>, L: Layer, O: Optimizer<Elem<L>>>(
        token: S,
        optimizer: &O,
        gradient: &L,
    ) -> Elem<L> {
        norm(token, optimizer, gradient)
    }
}
