//! The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno.

use core::{fmt, iter::zip, ops::ControlFlow};

use num_traits::Float;

#[cfg(feature = "rayon")]
use super::all_cores::AllCores;
use super::{
    cores::{Cores, OneCore},
    line_search::{Point, strong_wolfe},
    run::{Report, Run, Stop},
};
use crate::{
    error::{Error, check_not_negative},
    layers::{Elem, Layer, LayerTypes, Parameter, Row, Shape, not_finite, parameters},
    loss::Loss,
    network::{Buffers, add_scaled, copy, dot, scale},
    simd::{Element, VECTORS, Zeroed, largest_absolute},
    training::finite_loss,
};

/// The number of samples of a pass.
const BATCH: usize = if VECTORS { 32 } else { 1 };

/// Minimises any loss by L-BFGS with a history of `M` steps: SciPy's `minimize(method="L-BFGS-B")`, PyTorch's
/// `LBFGS(history_size=M, line_search_fn="strong_wolfe")`.
///
/// Each iteration goes along the direction `−H g`, with the gradient `g` of the whole data set and an approximation `H` of
/// the inverse Hessian matrix from the last `M` steps. The length of the step is found by a line search, and meets the strong
/// Wolfe conditions. There is no learning rate. Algorithm 7.5 of J. Nocedal and S. J. Wright, "Numerical Optimization" (2006).
///
/// | | this method | SciPy | PyTorch |
/// |---|---|---|---|
/// | first step | `min(1, 1/‖g‖₂)` | `1/‖g‖₂` | `lr · min(1, 1/‖g‖₁)` |
/// | line search | Nocedal and Wright | Moré and Thuente | Nocedal and Wright |
/// | `weight_decay` | of weight matrices | none | none |
/// | no step along `−H g` decreases the loss | the history is dropped, then `−g` is tried | the same | stops |
///
/// The passes are those of inference: [`Dropout`](crate::Dropout) drops nothing. scikit-learn's `alpha` is
/// `weight_decay` times the number of samples `n`; with [`Mse`](crate::Mse) and one output it is `weight_decay` times
/// `n / 2`, because the squared error of scikit-learn has the factor ½.
///
/// # Examples
///
/// ```
/// use constnet::{CrossEntropy, Lbfgs, Zeroed, mlp, second_order::LbfgsMemory};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// let x: [[f32; 1]; 20] = core::array::from_fn(|i| [i as f32 / 10.0]);
/// let classes: [usize; 20] = core::array::from_fn(|i| i % 20 / 7);
///
/// let mut net = <mlp![1, 8, 3]>::ZERO;
/// net.init(&mut StdRng::seed_from_u64(0));
/// let mut memory = LbfgsMemory::ZERO;
/// let method = Lbfgs::<10> { goal: 0.01, ..Lbfgs::new() };
/// let report = method.fit(&mut net, &CrossEntropy, &x, &classes).run(&mut memory)?;
/// assert!(report.loss < 0.01 && report.evaluations < 100);
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Lbfgs<const M: usize = 10, T = f32> {
    /// The largest number of iterations.
    pub max_iterations: usize,
    /// The run ends when the loss is at most this.
    pub goal: T,
    /// The run ends when no number in the gradient is larger than this: SciPy's `gtol`.
    pub gradient_tolerance: T,
    /// The run ends when an iteration decreases the loss by at most this part.
    pub loss_tolerance: T,
    /// `λ`: `λ/2 · Σ w²` over all weights, but not biases or the parameters of a [`LayerNorm`](crate::LayerNorm) or a
    /// [`CustomLayer`](crate::CustomLayer), is added to the loss.
    pub weight_decay: T,
}

impl<const M: usize, T: Element> Default for Lbfgs<M, T> {
    fn default() -> Self {
        const { assert!(M > 0, "a history has at least one step") };
        Self {
            max_iterations: 1000,
            goal: T::ZERO,
            gradient_tolerance: T::epsilon(),
            loss_tolerance: T::epsilon(),
            weight_decay: T::ZERO,
        }
    }
}

impl<const M: usize> Lbfgs<M> {
    /// The method for `f32` with the default parameters: at most 1000 iterations, the goal 0, both tolerances 1.2e-7, no
    /// weight decay. For `f64` (2.2e-16) use `Lbfgs::default()`.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(M > 0, "a history has at least one step") };
        Self {
            max_iterations: 1000,
            goal: 0.0,
            gradient_tolerance: f32::EPSILON,
            loss_tolerance: f32::EPSILON,
            weight_decay: 0.0,
        }
    }
}

impl<const M: usize, T: Element> Lbfgs<M, T> {
    /// A run on a data set. [`Run::run`] starts it.
    pub const fn fit<'a, N, C>(
        self,
        net: &'a mut N,
        loss: &'a C,
        x: &'a [Row<N::In>],
        y: &'a [C::Target],
    ) -> Run<'a, Self, N, C>
    where
        N: Layer<In: Shape<Elem = T>>,
        C: Loss<N::Out>,
    {
        const { assert!(M > 0, "a history has at least one step") };
        Run { method: self, net, loss, training: (x, y), validation: None, cores: OneCore }
    }

    fn check(&self) -> Result<(), Error<T>> {
        let Self { max_iterations, goal, gradient_tolerance, loss_tolerance, weight_decay } = *self;
        if max_iterations == 0 {
            let (name, expected) = ("number of iterations", "at least 1");
            return Err(Error::Hyperparameter { name, value: T::ZERO, expected });
        }
        check_not_negative("goal", goal)?;
        check_not_negative("gradient tolerance", gradient_tolerance)?;
        check_not_negative("loss tolerance", loss_tolerance)?;
        check_not_negative("weight decay", weight_decay)
    }
}

/// The memory of [`Lbfgs`]: `2 M + 4` networks, and the cache of a pass. It is a value of known size, in a `static`, on the
/// stack, or in a box (`Zeroed::boxed`).
#[cfg_attr(
    feature = "alloc",
    derive(bytemuck::Zeroable),
    zeroable(
        bound = "N: LayerTypes + bytemuck::Zeroable, Buffers<N, BATCH>: bytemuck::Zeroable, Elem<N>: bytemuck::Zeroable"
    )
)]
pub struct LbfgsMemory<N: LayerTypes, const M: usize = 10> {
    /// The last steps `s`, the changes `y` of the gradient, and `sᵀy`.
    steps: [N; M],
    changes: [N; M],
    products: [Elem<N>; M],
    /// The number of steps that were stored since the history was dropped.
    stored: usize,
    direction: N,
    gradient: N,
    /// The network and its gradient before the step.
    start: N,
    start_gradient: N,
    buffers: Buffers<N, BATCH>,
}

impl<N: LayerTypes, const M: usize> Zeroed for LbfgsMemory<N, M> {
    const ZERO: Self = Self {
        steps: Zeroed::ZERO,
        changes: Zeroed::ZERO,
        products: Zeroed::ZERO,
        stored: 0,
        direction: Zeroed::ZERO,
        gradient: Zeroed::ZERO,
        start: Zeroed::ZERO,
        start_gradient: Zeroed::ZERO,
        buffers: Zeroed::ZERO,
    };
}

impl<N: LayerTypes, const M: usize> fmt::Debug for LbfgsMemory<N, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LbfgsMemory").field("stored", &self.stored).finish_non_exhaustive()
    }
}

#[cfg(feature = "rayon")]
impl<'a, N: Layer, C: Loss<N::Out>, const M: usize> Run<'a, Lbfgs<M, Elem<N>>, N, C> {
    /// Computes losses and gradients on all cores, as [`Workers`](crate::parallel::Workers) do: the result does not depend on
    /// the number of threads. On a data set for which that takes longer, one core is used.
    pub fn parallel(self) -> Run<'a, Lbfgs<M, Elem<N>>, N, C, AllCores<N, BATCH>> {
        self.on_all_cores()
    }
}

#[expect(private_bounds, reason = "`OneCore` and `AllCores` implement it")]
impl<N: Layer, C: Loss<N::Out>, const M: usize, P: Cores<N, C, BATCH>> Run<'_, Lbfgs<M, Elem<N>>, N, C, P> {
    /// Runs the method until it stops.
    ///
    /// # Errors
    ///
    /// As [`run_with`](Self::run_with).
    pub fn run(self, memory: &mut LbfgsMemory<N, M>) -> Result<Report<Elem<N>>, Error<Elem<N>>> {
        self.run_with(memory, |_, _| ControlFlow::Continue(()))
    }

    /// Runs the method, and calls `each_iteration` after each iteration with a report and the network. It stops early if that
    /// returns [`ControlFlow::Break`].
    ///
    /// # Errors
    ///
    /// Before anything is changed: if a parameter of the method is not valid, there are no samples or none has a
    /// weight, the numbers of inputs and targets differ, a number in the data or the network is not finite, the loss
    /// refuses a target, or the first loss or gradient is not finite.
    ///
    /// [`Error::ValidationLoss`] if the validation loss is not finite, with the iteration as the epoch; the network is then that
    /// of the last iteration.
    ///
    /// [`Error::Overflow`] if the square of the gradient's norm is not finite; the network is then that of the last good loss.
    pub fn run_with(
        self,
        memory: &mut LbfgsMemory<N, M>,
        mut each_iteration: impl FnMut(Report<Elem<N>>, &N) -> ControlFlow<()>,
    ) -> Result<Report<Elem<N>>, Error<Elem<N>>> {
        self.method.check()?;
        self.check()?;
        let Self { method, net, loss, training: (x, y), validation, mut cores } = self;
        let evaluate = |cores: &mut P, net: &N, gradient: &mut N, buffers: &mut _| {
            let loss = cores.gradient(net, loss, buffers, x, y, gradient);
            [loss, add_decay(net, method.weight_decay, gradient)]
        };
        memory.stored = 0;
        let [first, mut decay] = evaluate(&mut cores, net, &mut memory.gradient, &mut memory.buffers);
        finite_loss(first, net)?;
        if let Some((Parameter { layer, name, .. }, [row, column], value)) = not_finite(&memory.gradient) {
            return Err(Error::Gradient { layer, name, row, column, value });
        }
        let mut report = Report::start(first, method.goal);
        report.validate(&mut cores, net, loss, &mut memory.buffers, validation)?;
        while report.stop.is_none() {
            report.iterations += 1;
            let mut evaluate =
                |net: &N, gradient: &mut N, buffers: &mut _| evaluate(&mut cores, net, gradient, buffers);
            report.stop = memory.iteration(&method, net, &mut evaluate, &mut decay, &mut report)?;
            report.validate(&mut cores, net, loss, &mut memory.buffers, validation)?;
            if each_iteration(report, net).is_break() {
                report.stop = report.stop.or(Some(Stop::Callback));
            }
        }
        Ok(report)
    }
}

impl<N: Layer, const M: usize> LbfgsMemory<N, M> {
    /// One step, if any decreases the loss. `decay` is the part of the weight decay in the loss that is minimised. Returns why
    /// the run ends, if it does.
    fn iteration(
        &mut self,
        method: &Lbfgs<M, Elem<N>>,
        net: &mut N,
        evaluate: &mut impl FnMut(&N, &mut N, &mut Buffers<N, BATCH>) -> [Elem<N>; 2],
        decay: &mut Elem<N>,
        report: &mut Report<Elem<N>>,
    ) -> Result<Option<Stop>, Error<Elem<N>>> {
        let one = Elem::<N>::from_count(1);
        let numbers = parameters(&self.gradient).flat_map(|parameter| parameter.values);
        if largest_absolute(numbers.copied()) <= method.gradient_tolerance {
            return Ok(Some(Stop::Gradient));
        }
        copy(&mut self.start, net);
        copy(&mut self.start_gradient, &self.gradient);
        loop {
            self.set_direction();
            let slope = dot(&self.direction, &self.start_gradient);
            if self.stored == 0 && !slope.is_finite() {
                // The square of the gradient is too large.
                return Err(Error::Overflow);
            }
            let start = Point { step: Elem::<N>::ZERO, value: report.loss + *decay, slope };
            let first_step = if self.stored > 0 { one } else { one.min(Float::sqrt(-slope).recip()) };
            let mut last = [report.loss, *decay];
            let mut at = |step| {
                copy(net, &self.start);
                add_scaled(net, step, &self.direction);
                last = evaluate(net, &mut self.gradient, &mut self.buffers);
                report.evaluations += 1;
                let (value, slope) = (last[0] + last[1], dot(&self.direction, &self.gradient));
                let is_finite = value.is_finite() && slope.is_finite();
                Point { step, value: if is_finite { value } else { Elem::<N>::infinity() }, slope }
            };
            let mut last_step = start.step;
            let found = if slope < Elem::<N>::ZERO {
                strong_wolfe(start, first_step, |step| {
                    last_step = step;
                    at(step)
                })
            } else {
                start
            };
            if found.step > Elem::<N>::ZERO {
                if found.step != last_step {
                    at(found.step);
                }
                let before =
                    core::mem::replace(&mut report.loss, last[0]) + core::mem::replace(decay, last[1]);
                self.store(found.step);
                let is_flat = before - found.value <= method.loss_tolerance * before.abs();
                return Ok(if report.loss <= method.goal {
                    Some(Stop::Goal)
                } else if is_flat {
                    Some(Stop::Step)
                } else if report.iterations >= method.max_iterations {
                    Some(Stop::Limit)
                } else {
                    None
                });
            }
            copy(net, &self.start);
            copy(&mut self.gradient, &self.start_gradient);
            if self.stored == 0 {
                return Ok(Some(Stop::Step));
            }
            self.stored = 0;
        }
    }

    /// `direction ← −H g`, by the two loops over the history.
    fn set_direction(&mut self) {
        copy(&mut self.direction, &self.gradient);
        let oldest = self.stored.saturating_sub(M);
        let mut factors = [Elem::<N>::ZERO; M];
        for slot in (oldest..self.stored).rev().map(|index| index % M) {
            factors[slot] = dot(&self.steps[slot], &self.direction) / self.products[slot];
            add_scaled(&mut self.direction, -factors[slot], &self.changes[slot]);
        }
        if let Some(last) = self.stored.checked_sub(1).map(|index| index % M) {
            let squares = dot(&self.changes[last], &self.changes[last]);
            scale(&mut self.direction, self.products[last] / squares);
        }
        for slot in (oldest..self.stored).map(|index| index % M) {
            let factor = dot(&self.changes[slot], &self.direction) / self.products[slot];
            add_scaled(&mut self.direction, factors[slot] - factor, &self.steps[slot]);
        }
        scale(&mut self.direction, -Elem::<N>::from_count(1));
    }

    /// Stores a step of this length along the direction, unless the slope along it has hardly changed: the approximation of
    /// the Hessian matrix would then not be positive definite. Overwrites the start gradient.
    fn store(&mut self, step: Elem<N>) {
        let change = &mut self.start_gradient;
        scale(change, -Elem::<N>::from_count(1));
        add_scaled(change, Elem::<N>::from_count(1), &self.gradient);
        let product = step * dot(&self.direction, change);
        let norms =
            step * Float::sqrt(dot(&self.direction, &self.direction)) * Float::sqrt(dot(change, change));
        if product.is_finite() && product > Elem::<N>::epsilon() * norms {
            let slot = self.stored % M;
            copy(&mut self.changes[slot], change);
            copy(&mut self.steps[slot], &self.direction);
            scale(&mut self.steps[slot], step);
            self.products[slot] = product;
            self.stored += 1;
        }
    }
}

/// Adds the gradient of `λ/2 · Σ w²`, over all weight matrices, to `gradient`. Returns that sum.
fn add_decay<N: Layer>(net: &N, decay: Elem<N>, gradient: &mut N) -> Elem<N> {
    let mut sum = Elem::<N>::ZERO;
    if decay > Elem::<N>::ZERO {
        for (index, parameter) in parameters(net).enumerate().filter(|(_, p)| p.dims == 2 && p.trained) {
            let Some(gradient) = gradient.parameter_mut(index) else { continue };
            for (dw, w) in zip(gradient.values, parameter.values) {
                *dw = *dw + decay * *w;
                sum = sum + *w * *w;
            }
        }
    }
    Elem::<N>::from_f64(0.5) * decay * sum
}
