//! What a file holds, and what its network needs.

use std::{
    env,
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
};

use constnet::formats::{DenseActivation, DenseLayer, DenseNetwork};

use crate::{
    arguments::{Arguments, Optimizer},
    read,
};

/// Prints a file.
pub(crate) fn inspect(arguments: &Arguments) -> Result<(), String> {
    let file = read::read(arguments)?;
    let mut text = String::new();
    let style = Style { colour: io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none() };
    if let Ok(net) = &file.net {
        let element = if net.double { "f64" } else { "f32" };
        let _ = writeln!(text, "{}: {}, {element}\n", arguments.file.display(), file.format);
        layers(&mut text, net, style);
        needs(&mut text, net, arguments, style);
        let _ = writeln!(text, "\n{}\n  {net}", style.heading("Rust type"));
    }
    if !file.unused.is_empty() {
        let _ = writeln!(text, "\n{}", style.heading("not used"));
        for (what, why) in &file.unused {
            let _ = writeln!(text, "  {what}: {why}");
        }
    }
    // A closed pipe, as of `head`, is no error.
    let _ = io::stdout().write_all(text.as_bytes());
    file.net.map(drop)
}

#[derive(Clone, Copy)]
struct Style {
    colour: bool,
}

impl Style {
    fn heading(self, text: &str) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.into() }
    }
}

/// A table: on a terminal with lines, else as columns.
fn layers(text: &mut String, net: &DenseNetwork, style: Style) {
    let mut rows = vec![["layer", "inputs", "outputs", "parameters"].map(String::from)];
    for (inputs, layer) in net.with_inputs() {
        rows.push([
            layer.type_name(inputs, net.double),
            inputs.to_string(),
            layer.outputs(inputs).to_string(),
            layer.parameters().to_string(),
        ]);
    }
    let widths: [usize; 4] = std::array::from_fn(|c| rows.iter().map(|row| row[c].len()).max().unwrap_or(0));
    for (index, row) in rows.iter().enumerate() {
        let [name, numbers @ ..] = row;
        let mut line = format!("  {name:<width$}", width = widths[0]);
        for (number, width) in numbers.iter().zip(&widths[1..]) {
            let _ = write!(line, "  {number:>width$}");
        }
        let _ = writeln!(text, "{}", if index == 0 { style.heading(&line) } else { line });
    }
}

/// The memory on a 32-bit device, and the multiply-adds.
fn needs(text: &mut String, net: &DenseNetwork, arguments: &Arguments, style: Style) {
    let Optimizer(optimizer, slots, own) = arguments.optimizer;
    let (batch, bytes) = (arguments.batch, if net.double { 8 } else { 4 });
    let parameters: usize = net.layers.iter().map(DenseLayer::parameters).sum();
    let cached: usize =
        net.with_inputs().map(|(inputs, layer)| cached(inputs, layer)).sum::<usize>() + net.outputs();
    let each: Vec<usize> = net.with_inputs().map(|(inputs, layer)| products(inputs, layer)).collect();
    let products: usize = each.iter().sum();
    // The forward pass, the gradients of the weights, and those of the inputs of all layers but the first.
    let step = 3 * products - each.iter().find(|products| **products > 0).unwrap_or(&0);
    let training = bytes * (parameters * (1 + slots) + batch * cached + own) + 8;
    let rows = [
        ("parameters", parameters.to_string()),
        (
            "inference",
            format!(
                "{} bytes of flash, {} of RAM, {products} multiply-adds",
                bytes * parameters,
                bytes * cached
            ),
        ),
        (
            "training",
            format!(
                "{training} bytes of RAM with {optimizer} and batches of {batch}, {} multiply-adds for a step",
                batch * step
            ),
        ),
    ];
    let _ = writeln!(text, "\n{}", style.heading("needs"));
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<10}  {value}");
    }
}

/// The numbers that a layer keeps for each sample.
fn cached(inputs: usize, layer: &DenseLayer) -> usize {
    use DenseActivation as A;
    match layer {
        DenseLayer::Linear { .. } | DenseLayer::LayerNorm { .. } => inputs,
        DenseLayer::Activation(A::Gelu | A::GeluTanh | A::Silu | A::Hardswish | A::Softmax) => inputs,
        _ => 0,
    }
}

fn products(inputs: usize, layer: &DenseLayer) -> usize {
    match layer {
        DenseLayer::Linear { bias, .. } => inputs * bias.len(),
        DenseLayer::Standardize { .. } | DenseLayer::LayerNorm { .. } => inputs,
        _ => 0,
    }
}
