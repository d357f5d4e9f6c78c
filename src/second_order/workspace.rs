//! The memory of [`LevenbergMarquardt`](super::LevenbergMarquardt), and its systems of equations.

use core::iter::zip;

use num_traits::Float;

use super::passes::BATCH;
use crate::{
    layers::{Elem, Layer, Shape, parameters},
    linalg::{GUARD, add_gram, combine, outer_gram, restore_scaled, save, solve, stride},
    simd::{Element, VECTORS},
};

/// The rows of a Jacobian matrix that are computed before their product is added to the matrix: a multiple of [`BATCH`].
pub(super) const ROWS: usize = if VECTORS { 4 * BATCH } else { BATCH };

/// The number of vectors of as many numbers as there are parameters.
const VECTORS_OF_PARAMS: usize = 5;

/// The length of the workspace of a network with `params` parameters.
pub(super) const fn workspace_len(params: usize) -> usize {
    (params + GUARD + ROWS + VECTORS_OF_PARAMS) * stride(params)
}

/// Whether the system has the size of the residuals, not of the parameters: if the whole Jacobian matrix `J` and `J Jᵀ` fit
/// in the workspace.
const fn in_residual_space(params: usize, residuals: usize) -> bool {
    if residuals >= params {
        return false;
    }
    let matrices = residuals * stride(params) + (residuals + GUARD) * stride(residuals);
    matrices <= (params + GUARD + ROWS) * stride(params)
}

/// A workspace, divided. `J` is the Jacobian matrix of the residuals `r`.
pub(super) struct Workspace<'a, T> {
    params: usize,
    /// `JᵀJ`; in residual space `J Jᵀ`.
    matrix: &'a mut [T],
    /// Some rows of `J`; in residual space all.
    pub(super) rows: &'a mut [T],
    /// In residual space the number of residuals.
    residuals: Option<usize>,
    /// The factors by which the rows and columns of the matrix are multiplied, so that the damping does not depend on the
    /// units of the data: 1 divided by the largest norm that each column of `J` has had, or 0 for a column of zeros; in
    /// residual space 1 divided by the largest norm of a row, for all.
    scale: &'a mut [T],
    /// The right side of the system: `Jᵀr`, scaled; in residual space `r`.
    right: &'a mut [T],
    /// The solution of the system.
    solution: &'a mut [T],
    /// The step of the parameters.
    step: &'a mut [T],
    /// The parameters before the step.
    before: &'a mut [T],
    /// The norm of those that a step changes.
    norm: T,
}

impl<'a, T: Element> Workspace<'a, T> {
    /// Divides a workspace of the right length.
    pub(super) fn new(workspace: &'a mut [T], params: usize, residuals: usize) -> Self {
        let residuals = Some(residuals).filter(|residuals| in_residual_space(params, *residuals));
        let row = stride(params);
        let rows = residuals.unwrap_or(ROWS) * row;
        let (vectors, matrices) = workspace.split_at_mut_checked(VECTORS_OF_PARAMS * row).unwrap_or_default();
        let (rows, matrix) = matrices.split_at_mut_checked(rows).unwrap_or_default();
        let size = residuals.unwrap_or(params);
        let matrix = matrix.get_mut(..(size + GUARD) * stride(size)).unwrap_or_default();
        vectors.fill(T::ZERO);
        rows.fill(T::ZERO);
        matrix.fill(T::ZERO);
        let mut vectors =
            vectors.chunks_exact_mut(row).map(|vector| vector.get_mut(..params).unwrap_or_default());
        let [scale, right, solution, step, before] =
            core::array::from_fn(|_| vectors.next().unwrap_or_default());
        Self { params, matrix, rows, residuals, scale, right, solution, step, before, norm: T::ZERO }
    }

    /// Remembers the parameters of a network.
    pub(super) fn remember<N: Layer<In: Shape<Elem = T>>>(&mut self, net: &N) {
        let values = parameters(net).flat_map(|parameter| parameter.values);
        zip(&mut *self.before, values).for_each(|(before, value)| *before = *value);
        self.norm = norm(
            parameters(net).filter(|parameter| parameter.trained).flat_map(|parameter| parameter.values),
        );
    }

    /// Sets the parameters back to those that were remembered.
    pub(super) fn restore<N: Layer<In: Shape<Elem = T>>>(&self, net: &mut N) {
        set(net, self.before.iter().copied());
    }

    /// Adds the step to the parameters that were remembered. Returns whether the norm of the step is at most this part of
    /// the norm of those that it changes.
    pub(super) fn take_step<N: Layer<In: Shape<Elem = T>>>(&self, net: &mut N, tolerance: T) -> bool {
        set(net, zip(&*self.before, &*self.step).map(|(before, step)| *before + *step));
        norm(&*self.step) <= tolerance * (tolerance + self.norm)
    }

    /// Whether the rows of the whole Jacobian matrix fit.
    #[cfg(feature = "rayon")]
    pub(super) const fn holds_all_rows(&self) -> bool {
        self.residuals.is_some()
    }

    /// `JᵀJ`, to which the products of rows are added.
    #[cfg(feature = "rayon")]
    pub(super) const fn matrix_mut(&mut self) -> &mut [T] {
        self.matrix
    }

    /// Starts a new Jacobian matrix.
    pub(super) fn clear(&mut self) {
        if self.residuals.is_none() {
            self.matrix.fill(T::ZERO);
        }
    }

    /// Takes the first `count` rows, each followed by its residual. In residual space these are all rows.
    pub(super) fn add_rows(&mut self, count: usize) {
        if self.residuals.is_none() {
            let rows = self.rows.get(..count * stride(self.params)).unwrap_or_default();
            add_gram(self.matrix, rows, self.params);
        }
    }

    /// Completes the matrix. Returns a measure of the gradient that is 0 at a minimum, and infinite if it cannot be computed:
    /// see [`gradient_tolerance`](super::LevenbergMarquardt::gradient_tolerance).
    pub(super) fn finish(&mut self, norm: T) -> T {
        match self.residuals {
            None => self.finish_parameters(norm),
            Some(count) => self.finish_residuals(count),
        }
    }

    /// Reads the gradient and the norms of the columns from `JᵀJ`.
    fn finish_parameters(&mut self, norm: T) -> T {
        let mut largest = T::ZERO;
        let rows = self.matrix.chunks_exact(stride(self.params)).enumerate();
        for ((index, row), (scale, gradient)) in rows.zip(zip(&mut *self.scale, &mut *self.right)) {
            let (Some(squares), Some(product)) = (row.get(index), row.get(self.params)) else { continue };
            // NaN and infinite numbers, too, have to reach the matrix, which then has no solution.
            if !(squares.is_finite() && product.is_finite()) {
                *scale = T::nan();
                largest = T::infinity();
            } else if *squares >= T::min_positive_value() {
                let inverse = Float::sqrt(*squares).recip();
                largest = largest.max((*product * inverse).abs());
                *scale = if *scale > T::ZERO { scale.min(inverse) } else { inverse };
            }
            *gradient = *product * *scale;
        }
        save(self.matrix, self.params);
        measure(largest, norm)
    }

    /// Computes `J Jᵀ`, and scales it by its largest element.
    fn finish_residuals(&mut self, count: usize) -> T {
        let jacobian_stride = stride(self.params);
        for (row, residual) in zip(self.rows.chunks_exact_mut(jacobian_stride), &mut *self.right).take(count)
        {
            if let Some(last) = row.get_mut(self.params) {
                *residual = core::mem::replace(last, T::ZERO);
            }
        }
        outer_gram(self.matrix, self.rows, self.params, count);
        let (mut largest, mut product, mut squares) = (T::ZERO, T::ZERO, T::ZERO);
        for ((index, row), r) in
            self.matrix.chunks_exact(stride(count)).enumerate().zip(&*self.right).take(count)
        {
            let elements = row.iter().zip(&*self.right).take(count).skip(index);
            let sum = elements.fold(T::ZERO, |sum, (k, other)| sum + *k * *other);
            let diagonal = row.get(index).map_or(T::ZERO, |diagonal| *diagonal);
            product = product + *r * (sum + sum - diagonal * *r);
            squares = squares + *r * *r;
            largest = largest.max(diagonal);
        }
        self.scale.fill(if largest >= T::min_positive_value() {
            Float::sqrt(largest).recip()
        } else {
            T::ZERO
        });
        save(self.matrix, count);
        if !product.is_finite() {
            return T::infinity();
        }
        measure(Float::sqrt(product.max(T::ZERO)), Float::sqrt(largest) * Float::sqrt(squares))
    }

    /// Computes the step for a damping. Returns the decrease of half of the sum of all squares that the linear model
    /// predicts, or nothing if the matrix is singular.
    pub(super) fn solve(&mut self, damping: T) -> Option<T> {
        let size = self.residuals.unwrap_or(self.params);
        restore_scaled(self.matrix, self.scale, size);
        for ((index, row), right) in
            self.matrix.chunks_exact_mut(stride(size)).enumerate().zip(&*self.right).take(size)
        {
            if let Some(b) = row.get_mut(size) {
                *b = *right;
            }
            if let Some(diagonal) = row.get_mut(index) {
                // So a parameter on which no residual depends gets a step of 0.
                *diagonal = *diagonal + damping;
            }
        }
        if !solve(self.matrix, self.solution, size) {
            return None;
        }
        let mut decrease = T::ZERO;
        if self.residuals.is_some() {
            // The linear model predicts the residuals `μ z`, where `z` is the solution.
            for (r, z) in zip(&*self.right, &*self.solution).take(size) {
                let predicted = damping * *z;
                decrease = decrease + (*r - predicted) * (*r + predicted);
            }
            combine(self.rows, self.params, self.solution.get(..size).unwrap_or_default(), self.step);
            zip(&mut *self.step, &*self.scale).for_each(|(step, scale)| *step = -*step * *scale * *scale);
        } else {
            for ((step, gradient), (z, scale)) in
                zip(zip(&mut *self.step, &*self.right), zip(&*self.solution, &*self.scale))
            {
                decrease = decrease + *z * (damping * *z + *gradient);
                *step = -*z * *scale;
            }
        }
        let half = T::from_f64(0.5);
        Some(half * decrease).filter(|decrease| decrease.is_finite())
    }
}

/// `gradient / norm`, or 0 if both are 0; infinite if one of them is not finite.
fn measure<T: Element>(gradient: T, norm: T) -> T {
    if !(gradient.is_finite() && norm.is_finite()) {
        T::infinity()
    } else if norm > T::ZERO {
        gradient / norm
    } else {
        T::ZERO
    }
}

fn norm<'v, T: Element>(values: impl IntoIterator<Item = &'v T>) -> T {
    Float::sqrt(values.into_iter().fold(T::ZERO, |sum, x| *x * *x + sum))
}

/// Overwrites all parameters of a network, in the order in which they are stored.
fn set<N: Layer>(net: &mut N, mut values: impl Iterator<Item = Elem<N>>) {
    let mut index = 0;
    while let Some(parameter) = net.parameter_mut(index) {
        zip(parameter.values, &mut values).for_each(|(to, value)| *to = value);
        index += 1;
    }
}
