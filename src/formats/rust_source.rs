//! A network as Rust source, to be compiled into a program, and so stored in flash.

use core::fmt;

use crate::{
    layers::{
        Layer,
        print::{Printer, Style},
    },
    network::Sequential,
};

/// A network as Rust source, to be printed: see [`Sequential::to_rust_source`].
#[derive(Debug)]
pub struct RustSource<'a, L: Layer> {
    net: &'a Sequential<L>,
    name: &'a str,
}

impl<L: Layer> Sequential<L> {
    /// The network as the Rust source of a `static`: for [`include!`], or for a source file.
    ///
    /// Every number is exact: the shortest decimal that is parsed to the same bits. The source needs no imports, so
    /// a build script can write it. This stores weights that were trained in PyTorch in flash:
    ///
    #[cfg_attr(all(feature = "safetensors", feature = "std"), doc = "```no_run")]
    #[cfg_attr(not(all(feature = "safetensors", feature = "std")), doc = "```ignore")]
    /// // build.rs
    /// use constnet::{Safetensors, Zeroed, mlp};
    ///
    /// let mut net = <mlp![5, 64, 3]>::ZERO;
    /// Safetensors::new().load_file(&mut net, "net.safetensors")?;
    /// let path = std::path::Path::new(&std::env::var("OUT_DIR")?).join("net.rs");
    /// constnet::formats::write_file(path, net.to_rust_source("NET").to_string())?;
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// and in the program `include!(concat!(env!("OUT_DIR"), "/net.rs"));`.
    ///
    /// The source is written in linear time. rustc compiles a million weights in about 20 seconds, with 1 GB of memory.
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
    ///     net.to_rust_source("NET").to_string(),
    ///     "\
    /// #[rustfmt::skip]
    /// #[allow(clippy::approx_constant, long_running_const_eval)]
    /// pub static NET: constnet::Sequential![
    ///     constnet::Linear<2, 2>,
    ///     constnet::Relu<2>,
    ///     constnet::Linear<2, 1>,
    /// ] = constnet::sequential![
    ///     constnet::Linear::<2, 2, f32>::new([
    ///         [0.1, -0.0],
    ///         [1e-9, 2.0],
    ///     ], [
    ///         1.0, 0.5,
    ///     ]),
    ///     constnet::Relu::new(),
    ///     constnet::Linear::<2, 1, f32>::new([
    ///         [1.0, -1.0],
    ///     ], [
    ///         f32::from_bits(0x7f800000),
    ///     ]),
    /// ];
    /// "
    /// );
    /// ```
    #[must_use]
    pub const fn to_rust_source<'a>(&'a self, name: &'a str) -> RustSource<'a, L> {
        RustSource { net: self, name }
    }
}

impl<L: Layer> fmt::Display for RustSource<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "#[rustfmt::skip]")?;
        // The second lint is an error by default, for what takes the compiler some time.
        writeln!(f, "#[allow(clippy::approx_constant, long_running_const_eval)]")?;
        write!(f, "pub static {}: ", self.name)?;
        self.net.print(&mut Printer::new(f, Style::RustType))?;
        f.write_str(" = ")?;
        self.net.print(&mut Printer::new(f, Style::RustValue))?;
        f.write_str(";\n")
    }
}
