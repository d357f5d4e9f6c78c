//! A line search with the strong Wolfe conditions: J. Nocedal and S. J. Wright, "Numerical Optimization" (2006), algorithms
//! 3.5 and 3.6.

use num_traits::Float;

use crate::simd::Element;

/// The part of the first slope by which the value has to decrease, for each unit of the step.
const DECREASE: f64 = 1e-4;
/// The part of the first slope that may be left.
const CURVATURE: f64 = 0.9;
/// The most evaluations of a search.
const EVALUATIONS: usize = 20;

/// A point on the line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point<T> {
    pub(super) step: T,
    pub(super) value: T,
    /// The derivative of the value with respect to the step.
    pub(super) slope: T,
}

/// Searches for a step that meets both conditions, the first to within rounding. `evaluate` returns an infinite value
/// for a step at which the value or the slope is not finite. Returns the first point that meets both conditions; if
/// none does, the best point that was found, or `start`.
pub(super) fn strong_wolfe<T: Element>(
    start: Point<T>,
    first_step: T,
    mut evaluate: impl FnMut(T) -> Point<T>,
) -> Point<T> {
    let rounding = T::epsilon() * start.value.abs();
    let decreases =
        |p: &Point<T>| p.value <= start.value + T::from_f64(DECREASE) * p.step * start.slope + rounding;
    let is_flat = |p: &Point<T>| p.slope.abs() <= -T::from_f64(CURVATURE) * start.slope;
    let ten = T::from_count(10);

    // The bracket: `low` is the best point so far, and the value decreases from it towards `high`.
    let (mut low, mut high) = (start, None);
    let mut step = first_step;
    for _ in 0..EVALUATIONS {
        let point = evaluate(step);
        if !decreases(&point) || (low.step > T::ZERO && point.value >= low.value) {
            high = Some(point);
        } else if is_flat(&point) {
            return point;
        } else {
            if high.map_or(T::ONE, |high| high.step - low.step) * point.slope >= T::ZERO {
                high = Some(low);
            }
            let previous = core::mem::replace(&mut low, point);
            if high.is_none() {
                // Extrapolates to the minimum of the cubic polynomial, at most to ten times the last step; to ten times
                // also if that minimum is not beyond the last step.
                let nearest = point.step + (point.step - previous.step) / T::from_count(100);
                let minimum = cubic_minimum(previous, point);
                step = if minimum > nearest { minimum.min(ten * point.step) } else { ten * point.step };
                continue;
            }
        }
        if let Some(high) = high {
            let width = high.step - low.step;
            if width.abs() <= T::epsilon() * low.step {
                break;
            }
            let minimum = (cubic_minimum(low, high) - low.step) / width;
            let tenth = ten.recip();
            step = low.step + width * minimum.max(tenth).min(T::ONE - tenth);
        }
    }
    if low.value < start.value { low } else { start }
}

/// The step to the minimum of the cubic polynomial with the values and slopes of two points; the middle if there is none.
fn cubic_minimum<T: Element>(a: Point<T>, b: Point<T>) -> T {
    let three = T::from_count(3);
    let width = b.step - a.step;
    let d1 = a.slope + b.slope - three * (b.value - a.value) / width;
    let square = d1 * d1 - a.slope * b.slope;
    let d2 = Float::sqrt(square.max(T::ZERO)) * width.signum();
    let minimum = b.step - width * (b.slope + d2 - d1) / (b.slope - a.slope + d2 + d2);
    if square >= T::ZERO && minimum.is_finite() { minimum } else { a.step + width * T::from_f64(0.5) }
}

#[cfg(test)]
mod tests {
    use super::{CURVATURE, DECREASE, Point, strong_wolfe};

    /// Functions with the minimum near or far, a wall, and a region without values.
    #[test]
    fn the_point_found_meets_both_conditions() {
        let functions: [fn(f64) -> [f64; 2]; 4] = [
            |x| [(x - 3.0) * (x - 3.0), 2.0 * (x - 3.0)],
            |x| [-x / (x * x + 2.0), (x * x - 2.0) / ((x * x + 2.0) * (x * x + 2.0))],
            |x| {
                [
                    (x + 0.004).powi(5) - 2.0 * (x + 0.004).powi(4),
                    5.0 * (x + 0.004).powi(4) - 8.0 * (x + 0.004).powi(3),
                ]
            },
            |x| {
                if x < 0.7 {
                    [-x.sqrt() * (0.7 - x), (3.0 * x - 0.7) / (2.0 * x.sqrt())]
                } else {
                    [f64::INFINITY; 2]
                }
            },
        ];
        for (index, function) in functions.into_iter().enumerate() {
            let at = |step: f64| {
                let [value, slope] = function(step + 1e-9);
                Point { step, value, slope }
            };
            for first in [1e-3, 0.1, 1.0, 10.0, 1000.0] {
                let (start, mut evaluations) = (at(0.0), 0);
                let found = strong_wolfe(start, first, |step| {
                    evaluations += 1;
                    at(step)
                });
                let case = std::format!("function {index}, first step {first}: {found:?}");
                assert!(found.value <= start.value + DECREASE * found.step * start.slope, "{case}");
                assert!(found.slope.abs() <= -CURVATURE * start.slope, "{case}");
                assert!(evaluations <= 15, "{case}: {evaluations} evaluations");
            }
        }
    }
}
