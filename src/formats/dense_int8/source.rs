//! A quantised network of any shapes as Rust source.

use alloc::{format, string::String, vec::Vec};
use core::fmt::{self, Formatter};

use super::{DenseInt8, DenseInt8Kind};
use crate::{
    layers::print::from_fn,
    quantized::{Output, Source, WriteSource as _, write_linear, write_standardize, write_static},
};

impl DenseInt8 {
    /// The Rust source of a `static` with this name, as
    /// [`Quantized::to_rust_source`](crate::Quantized::to_rust_source) writes it.
    #[must_use]
    pub fn to_rust_source(&self, name: &str) -> String {
        format!("{}", from_fn(|f| self.write_source(f, name)))
    }

    fn write_source(&self, f: &mut Formatter<'_>, name: &str) -> fmt::Result {
        let write_type = |f: &mut Formatter<'_>| {
            self.types.iter().try_for_each(|name| writeln!(f, "    constnet::{name},"))
        };
        let before = from_fn(|f| match &self.before {
            Some([mean, deviation]) => write_standardize(f, mean, deviation),
            None => f.write_str("()"),
        });
        let chain = from_fn(|f| {
            let mut inputs = self.inputs;
            for layer in &self.layers {
                f.write_str("(")?;
                layer.kind.write(f, inputs)?;
                f.write_str(",\n    ")?;
                inputs = layer.kind.outputs(inputs);
            }
            Output::<[u8; 0]>::new(self.output, self.relu).write(f)?;
            self.layers.iter().try_for_each(|_| f.write_str(")"))
        });
        write_static(f, name, write_type, [&before, &Source(&self.input), &chain])
    }

    /// The Rust source of an example and of a function that compares the network of this name with it: `NAME_EXAMPLE` and
    /// `name_self_test`. The bytes must be the same.
    #[must_use]
    pub fn to_self_test_source(&self, name: &str) -> String {
        let x: Vec<u8> = (0..self.inputs).map(|i| (i * 83 + 41) as u8).collect();
        let y = self.predict_bytes(&x);
        format!(
            "\n/// The bytes of an input, and those of the output of the network for it.\n#[rustfmt::skip]\n\
             pub static {name}_EXAMPLE: ([u8; {}], [u8; {}]) = (\n    {x:?},\n    {y:?},\n);\n\n\
             /// Whether the network gives the bytes of the example.\n\
             #[must_use]\npub fn {}_self_test() -> bool {{\n    \
             let (x, y) = &{name}_EXAMPLE;\n    {name}.predict_bytes(x) == *y\n}}\n",
            x.len(),
            y.len(),
            name.to_lowercase(),
        )
    }
}

impl DenseInt8Kind {
    fn write(&self, f: &mut Formatter<'_>, inputs: usize) -> fmt::Result {
        match self {
            Self::Linear { weight, bias, multiplier, zero_points } => {
                let at = |o, i| weight.get(o * inputs + i).copied().unwrap_or(0);
                write_linear(f, [inputs, bias.len()], at, bias, multiplier, *zero_points)
            }
            Self::Table(table) => table.write(f),
        }
    }
}
