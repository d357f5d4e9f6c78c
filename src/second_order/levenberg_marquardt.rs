//! The method of Levenberg and Marquardt.

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec};
use core::ops::ControlFlow;

use num_traits::Float;

#[cfg(feature = "rayon")]
use super::all_cores::AllCores;
use super::{
    cores::{Jacobians, OneCore},
    least_squares::LeastSquares,
    passes::BATCH,
    run::{Report, Run, Stop},
    workspace::{Workspace, workspace_len},
};
#[cfg(feature = "rayon")]
use crate::loss::Loss;
use crate::{
    error::{Error, check_length, check_not_negative},
    layers::{Elem, Layer, Row, Shape},
    network::Buffers,
    simd::{Element, Zeroed},
    training::finite_loss,
};

/// Minimises the mean of squared errors by the method of Levenberg and Marquardt: MATLAB's `trainlm`, SciPy's
/// `least_squares(method="lm")`.
///
/// With the residuals `r = ŷ − y` of all samples and outputs, and the Jacobian matrix `J` of their derivatives with respect
/// to all parameters `θ`, a step is
///
/// ```text
/// θ ← θ − (JᵀJ + μ D)⁻¹ Jᵀr
/// ```
///
/// `D` is the diagonal of `JᵀJ`; each element is the largest value that it has had so far, as in MINPACK. A step that
/// would not decrease the loss is not made; the damping `μ` increases, and the system is solved again. After a step,
/// `μ` is multiplied by `max(1/10, 1 − (2ρ − 1)³)`. The gain ratio `ρ` is the decrease of the loss, divided by the
/// decrease that the linear model predicts. H. B. Nielsen ("Damping parameter in Marquardt's method", 1999) has 1/3
/// instead of 1/10. There is no learning rate.
///
/// With fewer residuals than parameters the step is computed from a smaller system, `θ ← θ − Jᵀ (J Jᵀ + μ d)⁻¹ r`, with the
/// largest element `d` of the diagonal of `J Jᵀ`: of all steps to the same residuals of the linear model, the shortest.
///
/// The passes are those of inference: [`Dropout`](crate::Dropout) drops nothing.
///
/// # Examples
///
/// ```
/// use constnet::{LevenbergMarquardt, Linear, Mse, Sequential, Tanh, Zeroed};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// type Net = Sequential![Linear<1, 8>, Tanh<8>, Linear<8, 1>];
/// const WORKSPACE: usize = LevenbergMarquardt::workspace_len::<Net>();
///
/// let x: [[f32; 1]; 50] = core::array::from_fn(|i| [i as f32 / 25.0 - 1.0]);
/// let y = x.map(|[x]| [(3.0 * x).sin()]);
///
/// let mut net = Net::ZERO;
/// net.init(&mut StdRng::seed_from_u64(0));
/// let mut workspace = [0.0; WORKSPACE]; // on a device, a `static`
/// let method = LevenbergMarquardt { goal: 1e-5, ..LevenbergMarquardt::new() };
/// let report = method.fit(&mut net, &Mse, &x, &y).run(&mut workspace)?;
/// assert!(report.loss <= 1e-5 && report.iterations < 100);
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
///
/// A loss that is no mean of squares does not compile:
///
/// ```compile_fail,E0277
/// use constnet::{LevenbergMarquardt, L1, Zeroed, mlp};
///
/// let mut net = <mlp![1, 1]>::ZERO;
/// LevenbergMarquardt::new().fit(&mut net, &L1, &[[1.0]], &[[1.0]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LevenbergMarquardt<T = f32> {
    /// The damping `μ` of the first step.
    pub damping: T,
    /// The largest number of iterations. Each computes one Jacobian matrix.
    pub max_iterations: usize,
    /// The run ends when the loss is at most this.
    pub goal: T,
    /// The run ends when every cosine of the angle between the residuals and a column of the Jacobian matrix is at most
    /// this: SciPy's `gtol`. It does not depend on the scale of the data. (With few residuals: when the norm of `Jᵀr`,
    /// divided by those of `r` and of the largest row of `J`, is.)
    pub gradient_tolerance: T,
    /// The run ends when the norm of a step is at most this part of the norm of all trained parameters: SciPy's `xtol`.
    pub step_tolerance: T,
}

impl<T: Element> Default for LevenbergMarquardt<T> {
    fn default() -> Self {
        let epsilon = T::epsilon();
        Self {
            damping: T::from_f64(1e-3),
            max_iterations: 1000,
            goal: T::ZERO,
            gradient_tolerance: epsilon,
            step_tolerance: epsilon,
        }
    }
}

impl LevenbergMarquardt {
    /// The method for `f32` with the default parameters: a damping of 1e-3, at most 1000 iterations, the goal 0, and
    /// both tolerances 1.2e-7. For `f64` (2.2e-16) use `LevenbergMarquardt::default()`.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            damping: 1e-3,
            max_iterations: 1000,
            goal: 0.0,
            gradient_tolerance: f32::EPSILON,
            step_tolerance: f32::EPSILON,
        }
    }

    /// The number of elements of the workspace of a network, of `f32` or `f64`: about the square of its parameters.
    #[must_use]
    pub const fn workspace_len<N: Layer>() -> usize {
        workspace_len(N::PARAMS)
    }

    /// A workspace on the heap.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn workspace<N: Layer>() -> Box<[Elem<N>]> {
        vec![Elem::<N>::ZERO; workspace_len(N::PARAMS)].into_boxed_slice()
    }
}

/// The damping above which no step is tried any more.
const LARGEST_DAMPING: f64 = 1e12;

impl<T: Element> LevenbergMarquardt<T> {
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
        C: LeastSquares<N::Out>,
    {
        Run { method: self, net, loss, training: (x, y), validation: None, cores: OneCore }
    }

    fn check(&self) -> Result<(), Error<T>> {
        let Self { damping, max_iterations, goal, gradient_tolerance, step_tolerance } = *self;
        let valid = |name, value: T, valid, expected| {
            if valid && value.is_finite() {
                Ok(())
            } else {
                Err(Error::Hyperparameter { name, value, expected })
            }
        };
        let largest = T::from_f64(LARGEST_DAMPING);
        valid("damping", damping, damping > T::ZERO && damping <= largest, "positive, and at most 1e12")?;
        valid("number of iterations", T::from_count(max_iterations), max_iterations > 0, "at least 1")?;
        check_not_negative("goal", goal)?;
        check_not_negative("gradient tolerance", gradient_tolerance)?;
        check_not_negative("step tolerance", step_tolerance)
    }
}

#[cfg(feature = "rayon")]
impl<'a, N: Layer, C: Loss<N::Out>> Run<'a, LevenbergMarquardt<Elem<N>>, N, C> {
    /// Computes losses, Jacobian matrices and their products on all cores. The result is the same, bit for bit, as on one
    /// core.
    ///
    /// It pays off from some million multiply-adds for each Jacobian matrix; smaller ones are computed on one core. The Cholesky
    /// factorisation always is.
    ///
    /// ```
    /// use constnet::{LevenbergMarquardt, Linear, Mse, Sequential, Tanh, Zeroed};
    /// use rand::{SeedableRng, rngs::StdRng};
    ///
    /// type Net = Sequential![Linear<1, 8>, Tanh<8>, Linear<8, 1>];
    ///
    /// let x: Vec<[f32; 1]> = (0..200).map(|i| [i as f32 / 100.0]).collect();
    /// let y: Vec<[f32; 1]> = x.iter().map(|[x]| [x * x]).collect();
    /// let mut net = Net::ZERO;
    /// net.init(&mut StdRng::seed_from_u64(0));
    /// let mut workspace = LevenbergMarquardt::workspace::<Net>();
    /// let method = LevenbergMarquardt { goal: 1e-4, ..LevenbergMarquardt::new() };
    /// let report = method.fit(&mut net, &Mse, &x, &y).parallel().run(&mut workspace)?;
    /// assert!(report.loss <= 1e-4);
    /// # Ok::<(), constnet::Error<f32>>(())
    /// ```
    pub fn parallel(self) -> Run<'a, LevenbergMarquardt<Elem<N>>, N, C, AllCores<N, BATCH>> {
        self.on_all_cores()
    }
}

#[expect(private_bounds, reason = "`OneCore` and `AllCores` implement it")]
impl<N: Layer, C: LeastSquares<N::Out>, P: Jacobians<N, C>> Run<'_, LevenbergMarquardt<Elem<N>>, N, C, P> {
    /// Runs the method until it stops.
    ///
    /// # Errors
    ///
    /// As [`run_with`](Self::run_with).
    pub fn run(self, workspace: &mut [Elem<N>]) -> Result<Report<Elem<N>>, Error<Elem<N>>> {
        self.run_with(workspace, |_, _| ControlFlow::Continue(()))
    }

    /// Runs the method, and calls `each_step` after each step with a report and the network. It stops early if that returns
    /// [`ControlFlow::Break`].
    ///
    /// # Errors
    ///
    /// Before anything is changed: [`Error::Length`] if the workspace has not
    /// [`workspace_len`](LevenbergMarquardt::workspace_len) elements; if a parameter of the method is not valid, there are
    /// no samples or none has a weight, the numbers of inputs and targets differ, a number in the data or the network is not
    /// finite, the loss refuses a target, or the first loss is not finite.
    ///
    /// [`Error::ValidationLoss`] if the validation loss is not finite, with the iteration as the epoch; the network is then that
    /// of the last iteration.
    ///
    /// [`Error::Singular`] if the system cannot be solved, whatever the damping; the network is then that of the last good
    /// loss.
    pub fn run_with(
        self,
        workspace: &mut [Elem<N>],
        mut each_step: impl FnMut(Report<Elem<N>>, &N) -> ControlFlow<()>,
    ) -> Result<Report<Elem<N>>, Error<Elem<N>>> {
        check_length("workspace", workspace.len(), workspace_len(N::PARAMS))?;
        self.method.check()?;
        self.check()?;
        let Self { method, net, loss, training: (x, y), validation, cores } = self;

        let residuals = y.len() * N::Out::LEN;
        let workspace = Workspace::new(workspace, N::PARAMS, residuals);
        let mut memory = Memory { workspace, damping: method.damping, buffers: Zeroed::ZERO, cores };
        let first = memory.cores.mean_loss(net, loss, &mut memory.buffers, x, y);
        let mut report = Report::start(finite_loss(first, net)?, method.goal);
        report.validate(&mut memory.cores, net, loss, &mut memory.buffers, validation)?;
        while report.stop.is_none() {
            report.stop = memory.step(&method, net, loss, x, y, &mut report)?;
            report.validate(&mut memory.cores, net, loss, &mut memory.buffers, validation)?;
            if each_step(report, net).is_break() {
                report.stop = report.stop.or(Some(Stop::Callback));
            }
        }
        Ok(report)
    }
}

/// The bytes of the arrays that a run keeps on the stack: the cache and the output of a pass, and the gradient with respect to
/// the output.
pub(crate) const fn stack_of_run<N: Layer>() -> usize {
    size_of::<Buffers<N, BATCH>>() + size_of::<[Row<N::Out>; BATCH]>()
}

/// The memory of a run.
struct Memory<'a, N: Layer, P> {
    workspace: Workspace<'a, Elem<N>>,
    damping: Elem<N>,
    buffers: Buffers<N, BATCH>,
    cores: P,
}

impl<N: Layer, P> Memory<'_, N, P> {
    /// One Jacobian matrix, and the first step that decreases the loss. Returns why the run ends, if it does.
    fn step<C: LeastSquares<N::Out>>(
        &mut self,
        method: &LevenbergMarquardt<Elem<N>>,
        net: &mut N,
        loss: &C,
        x: &[Row<N::In>],
        y: &[C::Target],
        report: &mut Report<Elem<N>>,
    ) -> Result<Option<Stop>, Error<Elem<N>>>
    where
        P: Jacobians<N, C>,
    {
        let residuals = Elem::<N>::from_count(y.len() * N::Out::LEN);
        let [one, two] = [1, 2].map(Elem::<N>::from_count);
        let squares = report.loss * residuals;
        self.cores.jacobian(net, &mut self.buffers, x, y, &mut self.workspace);
        report.iterations += 1;
        if self.workspace.finish(Float::sqrt(squares)) <= method.gradient_tolerance {
            return Ok(Some(Stop::Gradient));
        }
        let (mut growth, mut solved) = (two, false);
        self.workspace.remember(net);
        while self.damping <= Elem::<N>::from_f64(LARGEST_DAMPING) {
            if let Some(predicted) = self.workspace.solve(self.damping) {
                solved = true;
                let is_small = self.workspace.take_step(net, method.step_tolerance);
                let new = self.cores.mean_loss(net, loss, &mut self.buffers, x, y);
                report.evaluations += 1;
                if new < report.loss {
                    let gain = (report.loss - new) * residuals / (two * predicted);
                    report.loss = new;
                    let centred = two * gain - one;
                    let factor = (one - centred * centred * centred).max(Elem::<N>::from_f64(0.1));
                    let largest = Elem::<N>::from_f64(LARGEST_DAMPING);
                    self.damping = (self.damping * factor).max(Elem::<N>::epsilon()).min(largest);
                    return Ok(if new <= method.goal {
                        Some(Stop::Goal)
                    } else if is_small {
                        Some(Stop::Step)
                    } else if report.iterations >= method.max_iterations {
                        Some(Stop::Limit)
                    } else {
                        None
                    });
                }
                self.workspace.restore(net);
                // Then the difference of the losses is only a rounding error.
                let is_flat = two * predicted <= Elem::<N>::epsilon() * squares;
                if is_small || is_flat {
                    return Ok(Some(Stop::Step));
                }
            }
            self.damping = self.damping * growth;
            growth = growth * two;
        }
        if solved { Ok(Some(Stop::Step)) } else { Err(Error::Singular { loss: report.loss }) }
    }
}
