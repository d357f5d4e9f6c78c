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

impl<R: Ranges> QuantizationReport<R> {
    /// The ranges of the `f32` values: of the input, and of the output of each layer that has an eight-bit form. Those before
    /// a ReLU are in the range after it.
    pub fn ranges(&self) -> impl Iterator<Item = &Range> {
        (0..).map_while(|index| self.ranges.get(index))
    }
}

impl<R: Ranges> fmt::Display for QuantizationReport<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "values      smallest     largest  saturated")?;
        for (index, range) in self.ranges().enumerate() {
            match index {
                0 => write!(f, "input   ")?,
                _ => write!(f, "layer {index:<2}")?,
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
