//! A quantised network as Rust source.

use core::fmt::{self, Display, Formatter};

use super::{Bytes, EightBit, Int8Linear, Output, QuantParams, Quantized, Table};
use crate::Standardize;

/// A quantised network as Rust source, to be printed: see [`Quantized::to_rust_source`].
#[derive(Debug)]
pub struct Int8Source<'a, Net: EightBit> {
    net: &'a Quantized<Net>,
    name: &'a str,
}

impl<Net: EightBit> Quantized<Net> {
    /// The network as the Rust source of a `static`, which needs no imports: for [`include!`], or for a source file, as
    /// [`Sequential::to_rust_source`](crate::Sequential::to_rust_source).
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::{Linear, Quantized, Relu, sequential};
    ///
    /// let net = sequential![Linear::new([[1.0, -0.5]], [0.25]), Relu::new(), Linear::new([[2.0]], [0.0])];
    /// let (quantized, _) = Quantized::of(&net, &[[0.0, 0.0], [2.0, 1.0]])?;
    /// assert_eq!(
    ///     quantized.to_rust_source("NET").to_string(),
    ///     "\
    /// #[rustfmt::skip]
    /// #[allow(clippy::approx_constant, clippy::excessive_precision, long_running_const_eval)]
    /// pub static NET: constnet::Quantized<constnet::Sequential![
    ///     constnet::Linear<2, 1>,
    ///     constnet::Relu<1>,
    ///     constnet::Linear<1, 1>,
    /// ]> = constnet::Quantized::new(
    ///     (),
    ///     constnet::quantized::QuantParams { scale: 0.007843138, zero_point: 0 },
    ///     (constnet::quantized::valid(constnet::quantized::Int8Linear::<2, 1>::new([
    ///         [127, -64],
    ///     ], [
    ///         4048,
    ///     ], [
    ///         0.0089988755,
    ///     ], [0, 0])),
    ///     (constnet::quantized::valid(constnet::quantized::Int8Linear::<1, 1>::new([
    ///         [127],
    ///     ], [
    ///         0,
    ///     ], [
    ///         0.007874016,
    ///     ], [0, 0])),
    ///     constnet::quantized::Output::new(constnet::quantized::QuantParams { scale: 0.01372549, zero_point: 0 }, false))),
    /// );
    /// "
    /// );
    /// # Ok::<(), constnet::quantized::QuantizeError>(())
    /// ```
    #[must_use]
    pub const fn to_rust_source<'a>(&'a self, name: &'a str) -> Int8Source<'a, Net> {
        Int8Source { net: self, name }
    }
}

impl<Net: EightBit> Display for Int8Source<'_, Net> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { net: Quantized { before, input, chain }, name } = self;
        write_static(f, name, Net::write_type, [&Source(before), &Source(input), &Source(chain)])
    }
}

/// Writes a `static` with the arguments of [`Quantized::new`].
pub(crate) fn write_static(
    f: &mut Formatter<'_>,
    name: &str,
    write_type: impl Fn(&mut Formatter<'_>) -> fmt::Result,
    [before, input, chain]: [&dyn Display; 3],
) -> fmt::Result {
    writeln!(f, "#[rustfmt::skip]")?;
    // The last lint is an error by default, for what takes the compiler some time.
    writeln!(f, "#[allow(clippy::approx_constant, clippy::excessive_precision, long_running_const_eval)]")?;
    writeln!(f, "pub static {name}: constnet::Quantized<constnet::Sequential![")?;
    write_type(f)?;
    writeln!(f, "]> = constnet::Quantized::new(")?;
    writeln!(f, "    {before},\n    {input},\n    {chain},\n);")
}

/// A value that can be written as a Rust expression without imports.
pub trait WriteSource {
    /// Writes the expression.
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result;
}

/// Prints an expression.
pub(crate) struct Source<'a, T>(pub(crate) &'a T);

impl<T: WriteSource> Display for Source<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.write(f)
    }
}

impl WriteSource for () {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("()")
    }
}

impl<const N: usize> WriteSource for Standardize<N> {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_standardize(f, &self.mean, &self.deviation)
    }
}

/// Writes a [`Standardize`] layer.
pub(crate) fn write_standardize(f: &mut Formatter<'_>, mean: &[f32], deviation: &[f32]) -> fmt::Result {
    f.write_str("constnet::Standardize { mean: [")?;
    list(f, mean)?;
    f.write_str("    ], deviation: [")?;
    list(f, deviation)?;
    f.write_str("    ] }")
}

impl WriteSource for QuantParams {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { scale, zero_point } = self;
        write!(f, "constnet::quantized::QuantParams {{ scale: {scale:?}, zero_point: {zero_point} }}")
    }
}

impl<A: WriteSource, R: WriteSource> WriteSource for (A, R) {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "({},\n    {})", Source(&self.0), Source(&self.1))
    }
}

impl<const IN: usize, const OUT: usize> WriteSource for Int8Linear<IN, OUT> {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let weight = |o, i| self.weight_at(o, i);
        write_linear(f, [IN, OUT], weight, &self.bias(), &self.multipliers(), self.zero_points())
    }
}

/// Writes an [`Int8Linear`] of these inputs and outputs.
pub(crate) fn write_linear(
    f: &mut Formatter<'_>,
    [inputs, outputs]: [usize; 2],
    weight: impl Fn(usize, usize) -> i8,
    bias: &[i32],
    multiplier: &[f32],
    zero_points: [u8; 2],
) -> fmt::Result {
    let name = format_args!("constnet::quantized::Int8Linear::<{inputs}, {outputs}>");
    writeln!(f, "constnet::quantized::valid({name}::new([")?;
    for o in 0..outputs {
        f.write_str("        [")?;
        for i in 0..inputs {
            write!(f, "{}{}", if i == 0 { "" } else { ", " }, weight(o, i))?;
        }
        f.write_str("],\n")?;
    }
    f.write_str("    ], [")?;
    list(f, bias)?;
    f.write_str("    ], [")?;
    list(f, multiplier)?;
    write!(f, "    ], {zero_points:?}))")
}

impl<const N: usize> WriteSource for Table<N> {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("constnet::quantized::Table::new([")?;
        list(f, self.values())?;
        f.write_str("    ])")
    }
}

impl<Y: Bytes> WriteSource for Output<Y> {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "constnet::quantized::Output::new({}, {})", Source(&self.params), self.relu)
    }
}

/// Writes numbers, each as few digits as give the same bits, eight on a line.
fn list<T: fmt::Debug>(f: &mut Formatter<'_>, numbers: &[T]) -> fmt::Result {
    for row in numbers.chunks(8) {
        f.write_str("\n        ")?;
        for (index, number) in row.iter().enumerate() {
            write!(f, "{}{number:?},", if index == 0 { "" } else { " " })?;
        }
    }
    f.write_str("\n")
}
