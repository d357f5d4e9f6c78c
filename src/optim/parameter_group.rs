//! Parameters that another optimiser updates than the rest.

use core::ops::{Add, RangeInclusive};

use typenum::{Sum, Unsigned};

use super::{NotStored, Optimizer, OptimizerMemory, OptimizerSize};
use crate::{
    error::Error,
    layers::{FiniteCheck, SlotsOf, TensorId, UpdateRule},
    simd::{Element, Real},
};

/// Updates some parameters by one optimiser, and all others by another: PyTorch's parameter groups.
///
/// For more than two groups, `others` is another `ParameterGroup`. Both optimisers must keep the same number of values
/// for each parameter; usually they have the same type, and differ in learning rate or weight decay. No gradient is
/// stored. To limit the norm of the whole gradient, write [`ClipNorm`](crate::ClipNorm) around the groups, not inside.
///
/// `lr_mut` gives the learning rate of `others`. So [`WithSchedule`](crate::WithSchedule) around the groups changes that one
/// only: for a schedule of all rates, write it around each optimiser.
///
/// # Examples
///
/// No weight decay of biases, nor of the parameters of a [`LayerNorm`](crate::LayerNorm):
///
/// ```
/// use constnet::{
///     AdamW, Trainer, Zeroed, mlp,
///     optim::{BiasesAndNorms, ParameterGroup},
/// };
///
/// let others = AdamW::new(1e-3); // with a weight decay of 0.01
/// let optimizer = AdamW { weight_decay: 0.0, ..others };
/// let optimizer = ParameterGroup { parameters: BiasesAndNorms, optimizer, others };
/// let mut trainer: Trainer<mlp![1, 8, 1], _, 1> = Trainer::new(Zeroed::ZERO, optimizer);
/// trainer.step(&[[1.0]], &[[1.0]]);
/// ```
///
/// A small learning rate for the first layers, and a large one from layer 2 on (the index is PyTorch's, which counts
/// activations too):
///
/// ```
/// use constnet::{
///     Sgd, Trainer, Zeroed, mlp,
///     optim::{LayersFrom, ParameterGroup},
/// };
///
/// let (optimizer, others) = (Sgd { lr: 0.1 }, Sgd { lr: 0.001 });
/// let optimizer = ParameterGroup { parameters: LayersFrom::<2>, optimizer, others };
/// let mut trainer: Trainer<mlp![1, 8, 1], _, 1> = Trainer::new(Zeroed::ZERO, optimizer);
/// trainer.step(&[[1.0]], &[[1.0]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct ParameterGroup<P, O, Others = O> {
    /// The parameters of the group: [`BiasesAndNorms`], [`LayersFrom`], [`OneLayer`], or a function of a [`TensorId`].
    pub parameters: P,
    /// The optimiser of these parameters.
    pub optimizer: O,
    /// The optimiser of all others.
    pub others: Others,
}

/// A choice of some parameters of a network. Implemented for functions too.
pub trait ParameterSet: Copy {
    /// Whether a parameter tensor is one of them.
    fn contains(&self, tensor: TensorId) -> bool;
}

impl<F: Fn(TensorId) -> bool + Copy> ParameterSet for F {
    #[inline(always)]
    fn contains(&self, tensor: TensorId) -> bool {
        self(tensor)
    }
}

/// All vectors: the biases of linear layers, and the parameters of a [`LayerNorm`](crate::LayerNorm); in PyTorch those with
/// `p.ndim == 1`. All tensors of a [`CustomLayer`](crate::CustomLayer) are vectors, its weights too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct BiasesAndNorms;

impl ParameterSet for BiasesAndNorms {
    #[inline(always)]
    fn contains(&self, tensor: TensorId) -> bool {
        tensor.dims == 1
    }
}

/// The layer with the index `LAYER` and all layers after it. An index beyond the last layer is no error: the group is then
/// empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct LayersFrom<const LAYER: usize>;

impl<const LAYER: usize> ParameterSet for LayersFrom<LAYER> {
    #[inline(always)]
    fn contains(&self, tensor: TensorId) -> bool {
        tensor.layer >= LAYER
    }
}

/// The layer with the index `LAYER`. The index of an activation, which has no parameters, or one beyond the last layer is no
/// error: the group is then empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct OneLayer<const LAYER: usize>;

impl<const LAYER: usize> ParameterSet for OneLayer<LAYER> {
    #[inline(always)]
    fn contains(&self, tensor: TensorId) -> bool {
        tensor.layer == LAYER
    }
}

/// The rule of [`ParameterGroup`]: one of two rules.
#[derive(Clone, Copy, Debug)]
pub struct ParameterGroupRule<P, R, Others> {
    parameters: P,
    rule: R,
    others: Others,
    /// Whether the tensor is one of the group.
    is_in_group: bool,
}

impl<T, P, R, Others> UpdateRule<T> for ParameterGroupRule<P, R, Others>
where
    T: Element,
    P: ParameterSet,
    R: UpdateRule<T>,
    Others: UpdateRule<T, Slots = R::Slots>,
{
    type Slots = R::Slots;

    #[inline(always)]
    fn update<V: Real<T>>(self, p: V, dp: V, state: &mut SlotsOf<R, T, V>) -> V {
        if self.is_in_group { self.rule.update(p, dp, state) } else { self.others.update(p, dp, state) }
    }

    #[inline(always)]
    fn update_scaled<V: Real<T>>(self, p: V, sum: V, scale: T, state: &mut SlotsOf<R, T, V>) -> V {
        if self.is_in_group {
            self.rule.update_scaled(p, sum, scale, state)
        } else {
            self.others.update_scaled(p, sum, scale, state)
        }
    }

    #[inline(always)]
    fn for_tensor(self, tensor: TensorId) -> Self {
        Self {
            rule: self.rule.for_tensor(tensor),
            others: self.others.for_tensor(tensor),
            is_in_group: self.parameters.contains(tensor),
            ..self
        }
    }

    /// The stricter check of the two: a layer checks all its parameters in the same way.
    #[inline(always)]
    fn finite_check(self) -> FiniteCheck<T> {
        match (self.rule.finite_check(), self.others.finite_check()) {
            (FiniteCheck::Always, _) | (_, FiniteCheck::Always) => FiniteCheck::Always,
            (FiniteCheck::Gradient(a), FiniteCheck::Gradient(b)) => {
                // Not `max`, which would drop a NaN: nothing passes that.
                FiniteCheck::Gradient(if a.is_nan() || a > b { a } else { b })
            }
            (FiniteCheck::Never, check) | (check, FiniteCheck::Never) => check,
        }
    }

    #[inline(always)]
    fn without_limits(self) -> Self {
        Self { rule: self.rule.without_limits(), others: self.others.without_limits(), ..self }
    }
}

impl<P, O, Others> OptimizerMemory for ParameterGroup<P, O, Others>
where
    O: OptimizerMemory,
    Others: OptimizerMemory<Slots = O::Slots>,
{
    type Slots = O::Slots;
    type GradientStore = NotStored;
}

impl<T, P, O, Others> Optimizer<T> for ParameterGroup<P, O, Others>
where
    T: Element,
    P: ParameterSet,
    O: Optimizer<T, GradientStore = NotStored>,
    Others: Optimizer<T, Slots = O::Slots, GradientStore = NotStored>,
{
    type Rule = ParameterGroupRule<P, O::Rule, Others::Rule>;

    #[inline(always)]
    fn rule(&self, step: usize, gradient_norm: T) -> Self::Rule {
        ParameterGroupRule {
            parameters: self.parameters,
            rule: self.optimizer.rule(step, gradient_norm),
            others: self.others.rule(step, gradient_norm),
            is_in_group: false,
        }
    }

    fn check(&self) -> Result<(), Error<T>> {
        self.optimizer.check()?;
        self.others.check()
    }

    /// Both optimisers have to accept the run.
    fn check_run(&self, steps: RangeInclusive<usize>) -> Result<(), Error<T>> {
        self.optimizer.check_run(steps.clone())?;
        self.others.check_run(steps)
    }

    /// The learning rate of `others`.
    fn lr_mut(&mut self) -> &mut T {
        self.others.lr_mut()
    }
}

/// The numbers of both optimisers; those that a function as the choice captures are not counted.
impl<P, O, Others> OptimizerSize for ParameterGroup<P, O, Others>
where
    O: OptimizerSize<Own: Add<Others::Own>>,
    Others: OptimizerSize,
    Sum<O::Own, Others::Own>: Unsigned,
{
    type PerParameter = O::PerParameter;
    type Own = Sum<O::Own, Others::Own>;
}
