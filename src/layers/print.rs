//! A layer as text: as PyTorch prints it, as Rust source, or as a line that files record.

use core::fmt::{self, Write as _};

use super::{Layer, Parameter};
use crate::simd::Element;

/// Writes layers as text, in the style that the caller has chosen.
pub struct Printer<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    style: Style,
    /// The index of the next layer.
    index: usize,
}

/// A style of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// One line per layer, as PyTorch's `print(model)`, with the Rust type as a comment.
    PyTorch,
    /// The type of the layer, `constnet::Linear<5, 64>`.
    RustType,
    /// A constant expression of that type, `constnet::Linear::new([…], […])`.
    RustValue,
    /// The type without paths, `Linear<5, 64>`, all layers on one line: see [`Layers`].
    Layers,
}

/// The layers of a network on one line: their types, without paths. Files record it, so that a network is not loaded
/// into a different one.
///
/// Made by [`Sequential::layers`](crate::Sequential::layers).
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a, N>(pub(crate) &'a N);

impl<N: Layer> Layers<'_, N> {
    /// Whether this is the text.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        let mut rest = Rest(text);
        write!(rest, "{self}").is_ok() && rest.0.is_empty()
    }
}

impl<N: Layer> fmt::Display for Layers<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.print(&mut Printer::new(f, Style::Layers))
    }
}

/// The part of a text that has not been written yet. To write anything else is an error.
struct Rest<'a>(&'a str);

impl fmt::Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// The name of a type.
pub(crate) struct TypeName<'a> {
    /// The name by [`type_name`](core::any::type_name).
    pub(crate) full: &'a str,
    /// Whether it is written with the modules that the type and its arguments are declared in.
    pub(crate) paths: bool,
}

impl fmt::Display for TypeName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.paths {
            return f.write_str(self.full);
        }
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        for part in self.full.split_inclusive(|c| !is_path(c)) {
            f.write_str(part.rsplit_once("::").map_or(part, |(_, name)| name))?;
        }
        Ok(())
    }
}

/// A layer as text, in all styles.
#[derive(Clone, Copy, Debug)]
pub struct LayerText<'a> {
    /// What PyTorch prints: `ReLU()`.
    pub pytorch: fmt::Arguments<'a>,
    /// The path of the type in Rust source: `constnet`, or the module of a layer outside this crate.
    pub path: &'a str,
    /// The type, without the path: `Relu<64>`.
    pub rust_type: fmt::Arguments<'a>,
    /// A constant expression with the value of the layer, without the path: `Relu::new()`.
    pub rust_value: fmt::Arguments<'a>,
    /// The number of parameters.
    pub parameters: usize,
}

impl<'a, 'b> Printer<'a, 'b> {
    pub(crate) const fn new(f: &'a mut fmt::Formatter<'b>, style: Style) -> Self {
        Self { f, style, index: 0 }
    }

    pub(crate) const fn style(&self) -> Style {
        self.style
    }

    /// Writes one layer.
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    pub fn layer(&mut self, text: LayerText<'_>) -> fmt::Result {
        let LayerText { pytorch, path, rust_type, rust_value, parameters } = text;
        match self.style {
            Style::PyTorch => {
                write!(self.f, "  ({}): {pytorch}  # {rust_type}", self.index)?;
                self.index += 1;
                if parameters > 0 {
                    write!(self.f, ", {parameters} parameters")?;
                }
                writeln!(self.f)
            }
            Style::RustType => write!(self.f, "{path}::{rust_type}"),
            Style::RustValue => write!(self.f, "{path}::{rust_value}"),
            Style::Layers => self.f.write_fmt(rust_type),
        }
    }

    /// Writes the text of the chosen style: of `print(model)`, of the Rust type, of the Rust value, or of [`Layers`].
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    pub fn text(&mut self, pytorch: &str, rust_type: &str, rust_value: &str, layers: &str) -> fmt::Result {
        self.f.write_str(match self.style {
            Style::PyTorch => pytorch,
            Style::RustType => rust_type,
            Style::RustValue => rust_value,
            Style::Layers => layers,
        })
    }
}

impl fmt::Debug for Printer<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Printer")
            .field("style", &self.style)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

/// The path that names a layer declared in this module: `constnet` for this crate's own, which are all at its root.
#[must_use]
pub const fn source_path(module: &'static str) -> &'static str {
    match module.as_bytes() {
        [b'c', b'o', b'n', b's', b't', b'n', b'e', b't', b':', b':', ..] => "constnet",
        _ => module,
    }
}

/// The element type in Rust source.
pub(crate) const fn element<T: Element>() -> &'static str {
    if size_of::<T>() == size_of::<f32>() { "f32" } else { "f64" }
}

/// The last generic argument of a layer's type: nothing for `f32`, which is the default.
#[must_use]
pub const fn element_suffix<T: Element>() -> &'static str {
    if size_of::<T>() == size_of::<f32>() { "" } else { ", f64" }
}

/// A parameter as the source of an array: the numbers of a vector, or the rows of a matrix.
pub(crate) struct Array<'a, T>(pub(crate) Option<Parameter<'a, T>>);

impl<T: Element> fmt::Display for Array<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The number of values on a line.
        const PER_LINE: usize = 8;
        let Some(parameter) = &self.0 else { return Ok(()) };
        let [rows, columns] = parameter.shape;
        let mut values = parameter.iter();
        let mut row = |f: &mut fmt::Formatter<'_>, length: usize| {
            for (index, value) in values.by_ref().take(length).enumerate() {
                match index % PER_LINE {
                    0 if index > 0 => f.write_str(",\n        ")?,
                    0 => {}
                    _ => f.write_str(", ")?,
                }
                write!(f, "{}", Number(*value))?;
            }
            Ok(())
        };
        f.write_str("[\n")?;
        if parameter.dims == 1 {
            f.write_str("        ")?;
            row(f, rows)?;
            f.write_str(",\n")?;
        } else {
            for _ in 0..rows {
                f.write_str("        [")?;
                row(f, columns)?;
                f.write_str("],\n")?;
            }
        }
        f.write_str("    ]")
    }
}

/// A number as a literal, or as its bits if there is no literal for it.
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

/// The text that a function writes: `core::fmt::from_fn`, which needs Rust 1.93.
pub(crate) fn from_fn(f: impl Fn(&mut fmt::Formatter<'_>) -> fmt::Result) -> impl fmt::Display {
    struct FromFn<F>(F);

    impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for FromFn<F> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            (self.0)(f)
        }
    }

    FromFn(f)
}
