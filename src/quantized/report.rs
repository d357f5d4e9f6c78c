//! How accurate a quantised network is.

use core::fmt;

use super::{Range, Ranges};

/// How much the outputs of a quantised network differ from those of the `f32` network, on some rows.
///
/// Printed, it is a table:
///
/// ```
/// # use constnet::{Quantized, Zeroed, mlp};
/// # use rand::{SeedableRng, rngs::StdRng};
/// # let mut net = <mlp![2, 16, 1]>::ZERO;
/// # net.init(&mut StdRng::seed_from_u64(0));
/// # let rows: Vec<[f32; 2]> = (0..100).map(|i| [i as f32 / 100.0, (i % 7) as f32]).collect();
/// let (quantized, report) = Quantized::of(&net, &rows)?;
/// println!("{report}");
/// // values      smallest     largest  saturated
/// // input        0.000e0     9.900e-1     0.00 %
/// // layer 1      0.000e0      1.234e0     0.00 %
/// // layer 2    -4.321e-1      1.234e0     0.00 %
/// // output: largest difference 1.234e-2, mean 4.321e-3, in 100 rows
/// # assert_eq!(report.to_string().lines().count(), 5);
/// # Ok::<(), constnet::quantized::QuantizeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantizationReport<R> {
    /// The number of rows.
    pub rows: usize,
    /// The largest absolute difference of an output.
    pub largest_difference: f32,
    /// The mean absolute difference of the outputs.
    pub mean_difference: f32,
    pub(super) ranges: R,
}

/// The differences of outputs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Differences {
    largest: f64,
    sum: f64,
    outputs: usize,
}

impl Differences {
    pub(crate) fn add(&mut self, y: &[f32], predicted: &[f32]) {
        for (y, predicted) in y.iter().zip(predicted) {
            let difference = (f64::from(*y) - f64::from(*predicted)).abs();
            // `max` would drop NaN.
            if difference > self.largest || difference.is_nan() {
                self.largest = difference;
            }
            self.sum += difference;
        }
        self.outputs += y.len();
    }

    pub(crate) fn report<R>(self, rows: usize, ranges: R) -> QuantizationReport<R> {
        let mean = self.sum / self.outputs.max(1) as f64;
        QuantizationReport {
            rows,
            largest_difference: self.largest as f32,
            mean_difference: mean as f32,
            ranges,
        }
    }
}

impl<R: Ranges> QuantizationReport<R> {
    /// The ranges of the `f32` values that become bytes: of the input, `None`, then of the outputs of layers, with their
    /// indices. A linear layer with a ReLU after it has one range, that of the outputs of the ReLU. A first
    /// `Standardize` has none: its outputs are the values of the input.
    pub fn ranges(&self) -> impl Iterator<Item = (Option<usize>, &Range)> {
        let layer = |(number, (index, range)): (usize, (usize, _))| {
            (if number == 0 { None } else { index.checked_sub(1) }, range)
        };
        self.ranges.not_empty().enumerate().map(layer)
    }
}

impl<R: Ranges> fmt::Display for QuantizationReport<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "values      smallest     largest  saturated")?;
        for (layer, range) in self.ranges() {
            match layer {
                None => write!(f, "input   ")?,
                Some(layer) => write!(f, "layer {layer:<2}")?,
            }
            let (Range { min, max, .. }, saturated) = (range, 100.0 * range.saturation());
            writeln!(f, "  {min:>10.3e}  {max:>10.3e}  {saturated:>7.2} %")?;
        }
        let Self { rows, largest_difference, mean_difference, .. } = self;
        write!(
            f,
            "output: largest difference {largest_difference:.3e}, mean {mean_difference:.3e}, in {rows} rows"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Differences;

    #[test]
    fn nan_is_the_largest_difference() {
        let mut differences = Differences::default();
        differences.add(&[1.0, 2.0, 3.0], &[1.5, f32::NAN, 9.0]);
        let report = differences.report(1, ());
        assert!(report.largest_difference.is_nan() && report.mean_difference.is_nan());
    }
}
