//! Networks as Rust source, to be compiled into a program and so into flash.

use core::fmt;

use crate::{Element, Layer, Parameter, Sequential};

/// A network as Rust source, to be printed: see [`Sequential::source`].
#[derive(Debug)]
pub struct Source<'a, L: Layer> {
    net: &'a Sequential<L>,
    name: &'a str,
}

/// What of a layer is to be written as Rust source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its type, `constnet::Linear<5, 64>`.
    Type,
    /// A constant expression of that type, `constnet::Linear::new([…], […])`.
    Value,
}

impl<L: Layer> Sequential<L> {
    /// The network as a `static` of Rust source: a file for [`include!`], or to be kept.
    ///
    /// Every number is exact: the shortest decimal that reads as the same bits. The source needs no
    /// imports, so a build script can write it; a file that was trained in PyTorch comes into flash so:
    ///
    #[cfg_attr(all(feature = "safetensors", feature = "std"), doc = "```no_run")]
    #[cfg_attr(not(all(feature = "safetensors", feature = "std")), doc = "```ignore")]
    /// // build.rs
    /// use constnet::{Safetensors, Zeroed, mlp};
    ///
    /// let mut net = <mlp![5, 64, 3]>::ZERO;
    /// Safetensors::new().load_file(&mut net, "net.safetensors")?;
    /// let path = std::path::Path::new(&std::env::var("OUT_DIR")?).join("net.rs");
    /// std::fs::write(path, net.source("NET").to_string())?;
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// and in the program `include!(concat!(env!("OUT_DIR"), "/net.rs"));`.
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::{Linear, Relu, sequential};
    ///
    /// let net = sequential![
    ///     Linear::new([[0.1, -0.0], [1e-9, 2.0]], [1.0, 0.5]),
    ///     Relu::new(),
    ///     Linear::new([[1.0, -1.0]], [f32::INFINITY]),
    /// ];
    /// assert_eq!(
    ///     net.source("NET").to_string(),
    ///     "\
    /// #[rustfmt::skip]
    /// #[allow(clippy::approx_constant)]
    /// pub static NET: constnet::Sequential![
    ///     constnet::Linear<2, 2>,
    ///     constnet::Relu<2>,
    ///     constnet::Linear<2, 1>,
    /// ] = constnet::sequential![
    ///     constnet::Linear::new([
    ///         [0.1, -0.0],
    ///         [1e-9, 2.0],
    ///     ], [
    ///         1.0, 0.5,
    ///     ]),
    ///     constnet::Relu::new(),
    ///     constnet::Linear::new([
    ///         [1.0, -1.0],
    ///     ], [
    ///         f32::from_bits(0x7f800000),
    ///     ]),
    /// ];
    /// "
    /// );
    /// ```
    #[must_use]
    pub const fn source<'a>(&'a self, name: &'a str) -> Source<'a, L> {
        Source { net: self, name }
    }
}

impl<L: Layer> fmt::Display for Source<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "#[rustfmt::skip]\n#[allow(clippy::approx_constant)]")?;
        write!(f, "pub static {}: ", self.name)?;
        self.net.source_of(Part::Type, f)?;
        f.write_str(" = ")?;
        self.net.source_of(Part::Value, f)?;
        f.write_str(";\n")
    }
}

/// The last type parameter, unless it is the one that is left out.
pub(crate) fn element<T: Element>() -> &'static str {
    if size_of::<T>() == size_of::<f32>() { "" } else { ", f64" }
}

/// A parameter as an array: a vector's numbers, or a matrix' rows.
pub(crate) struct Array<'a, T>(pub(crate) Parameter<'a, T>);

impl<T: Element> fmt::Display for Array<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// So many numbers to a line.
        const LINE: usize = 8;
        let [rows, columns] = self.0.shape;
        let values = |first: usize, count: usize, f: &mut fmt::Formatter<'_>| {
            for (index, value) in self.0.iter().skip(first).take(count).enumerate() {
                match index % LINE {
                    0 if index > 0 => f.write_str(",\n        ")?,
                    0 => {}
                    _ => f.write_str(", ")?,
                }
                write!(f, "{}", Number(*value))?;
            }
            Ok(())
        };
        f.write_str("[\n")?;
        if self.0.dims == 1 {
            f.write_str("        ")?;
            values(0, rows, f)?;
            f.write_str(",\n")?;
        } else {
            for row in 0..rows {
                f.write_str("        [")?;
                values(row * columns, columns, f)?;
                f.write_str("],\n")?;
            }
        }
        f.write_str("    ]")
    }
}

/// A number as a literal, or as its bits where there is no literal.
struct Number<T>(T);

impl<T: Element> fmt::Display for Number<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_finite() {
            write!(f, "{:?}", self.0)
        } else if size_of::<T>() == size_of::<f32>() {
            write!(f, "f32::from_bits({:#010x})", self.0.to_f32().map_or(0, f32::to_bits))
        } else {
            write!(f, "f64::from_bits({:#018x})", self.0.to_f64().map_or(0, f64::to_bits))
        }
    }
}

/// The source of a layer by its type alone: its value is zero, or an error in words where it is compiled.
pub(crate) fn of_type<L: Layer>(
    part: Part,
    name: fmt::Arguments<'_>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match part {
        Part::Type => f.write_fmt(name),
        Part::Value if L::PARAMS == 0 => f.write_str("constnet::Zeroed::ZERO"),
        Part::Value => write!(f, "compile_error!(\"`{name}` does not say how its value is written\")"),
    }
}
