//! What a file holds, and what its network needs.

use std::io::{self, IsTerminal as _, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};
use constnet::{
    formats::{DenseActivation, DenseInt8, DenseInt8Kind, DenseLayer, DenseNetwork},
    quantized::QuantParams,
};

use crate::{
    Failure,
    arguments::{Arguments, Optimizer},
    read::{self, Net},
};

const HEADING: Style = Style::new().bold();
const TYPE: Style = AnsiColor::Green.on_default();
const NOT_USED: Style = AnsiColor::Yellow.on_default();

/// Prints a file.
pub(crate) fn inspect(arguments: &Arguments) -> Result<(), Failure> {
    let file = read::read(arguments)?;
    // Removes the colours unless the output is a terminal. A closed pipe, as of `head`, is no error.
    let _ = print(&mut anstream::stdout(), &file, arguments);
    file.net?;
    Ok(())
}

fn print(to: &mut impl Write, file: &read::File, arguments: &Arguments) -> io::Result<()> {
    let (path, format) = (arguments.file.display(), file.format);
    match &file.net {
        Ok(Net::Dense(net)) => {
            let element = if net.double { "f64" } else { "f32" };
            writeln!(to, "{path}: {format}, {element}\n\n{}\n", layers(net))?;
            writeln!(to, "{HEADING}needs{HEADING:#}\n{}\n", needs(net, arguments))?;
            writeln!(to, "{HEADING}Rust type{HEADING:#}\n  {TYPE}{net}{TYPE:#}")?;
        }
        Ok(Net::Int8(net)) => {
            writeln!(to, "{path}: {format}, 8-bit integers\n\n{}\n", int8_layers(net))?;
            writeln!(to, "{HEADING}real numbers of bytes{HEADING:#}\n{}\n", int8_params(net))?;
            writeln!(to, "{HEADING}Rust type{HEADING:#}\n  {TYPE}Quantized<{net}>{TYPE:#}")?;
        }
        Err(_) => {}
    }
    if !file.unused.is_empty() {
        writeln!(to, "\n{HEADING}not used{HEADING:#}")?;
        for (what, why) in &file.unused {
            writeln!(to, "  {NOT_USED}{what}{NOT_USED:#}: {why}")?;
        }
    }
    Ok(())
}

/// The types of all layers, and their bytes in flash; of those on bytes also those of their outputs in RAM, the zero points and
/// the multipliers. The sums are those of `Quantized::MEMORY`.
fn int8_layers(net: &DenseInt8) -> Table {
    let row = |name: &str, [flash, ram]: [usize; 2], zero_points: String, multipliers: String| {
        vec![name.into(), flash.to_string(), ram.to_string(), zero_points, multipliers]
    };
    // A scale and a zero point each, and whether the last layer is a ReLU.
    let ends = [20, net.inputs() + net.outputs()];
    let (mut all, mut width) = (ends, net.inputs());
    let mut rows = Vec::new();
    for (index, name) in net.types().iter().enumerate() {
        let kind = net.layers().iter().find(|layer| layer.index == index).map(|layer| &layer.kind);
        let (bytes, zero_points, multipliers) = match kind {
            Some(DenseInt8Kind::Linear { weight, bias, multiplier, zero_points: [x, y] }) => {
                let smallest = multiplier.iter().copied().fold(f32::INFINITY, f32::min);
                let largest = multiplier.iter().copied().fold(0.0, f32::max);
                width = bias.len();
                // The weights and the two zero points are aligned to 4 bytes.
                let flash = weight.len().next_multiple_of(4) + 4 * (bias.len() + multiplier.len()) + 4;
                ([flash, width], format!("{x} → {y}"), format!("{smallest:.3e} to {largest:.3e}"))
            }
            Some(DenseInt8Kind::Table(_)) => ([256, width], String::new(), String::new()),
            _ if name.starts_with("Standardize<") => ([8 * width, 0], String::new(), String::new()),
            _ => ([0, 0], String::new(), String::new()),
        };
        all = [all[0] + bytes[0], all[1] + bytes[1]];
        rows.push(row(name, bytes, zero_points, multipliers));
    }
    rows.push(row("input and output", ends, String::new(), String::new()));
    rows.push(row("all", all, String::new(), String::new()));
    table(["layer", "bytes of flash", "bytes of RAM", "zero points", "multipliers"], rows)
}

/// The scale and the zero point of the input and the output, and the numbers of the smallest and the largest byte.
fn int8_params(net: &DenseInt8) -> Table {
    let row = |(name, params): (&str, QuantParams)| {
        let [smallest, largest] = [0, 255].map(|byte| params.dequantize(byte));
        let range = format!("{smallest:.3e} to {largest:.3e}");
        vec![name.into(), format!("{:e}", params.scale), params.zero_point.to_string(), range]
    };
    let rows = [("input", net.input_params()), ("output", net.output_params())].map(row);
    table(["values", "scale", "zero point", "range"], rows.into())
}

fn parameters(net: &DenseNetwork) -> usize {
    net.layers.iter().map(DenseLayer::parameters).sum()
}

/// A table of numbers, with lines on a terminal, else without.
fn table<const N: usize>(header: [&str; N], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    let lines = io::stdout().is_terminal();
    table.load_style(if lines { presets::UTF8_FULL_CONDENSED } else { presets::NOTHING });
    table.set_header(header).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn layers(net: &DenseNetwork) -> Table {
    let row = |name: String, inputs: usize, outputs: usize, parameters: usize| {
        vec![name, inputs.to_string(), outputs.to_string(), parameters.to_string()]
    };
    let mut rows = Vec::new();
    for (inputs, layer) in net.with_inputs() {
        let name = layer.type_name(inputs, net.double);
        rows.push(row(name, inputs, layer.outputs(inputs), layer.parameters()));
    }
    rows.push(row("all".into(), net.inputs, net.outputs(), parameters(net)));
    table(["layer", "inputs", "outputs", "parameters"], rows)
}

/// The memory on a 32-bit device, and the multiply-adds.
fn needs(net: &DenseNetwork, arguments: &Arguments) -> Table {
    let Optimizer(optimizer, slots, own) = arguments.optimizer;
    let (batch, bytes) = (arguments.batch, if net.double { 8 } else { 4 });
    let parameters = parameters(net);
    let cached: usize =
        net.with_inputs().map(|(inputs, layer)| cached(inputs, layer)).sum::<usize>() + net.outputs();
    let each = |trained: bool| {
        let layers = net.with_inputs().filter(move |(_, layer)| !trained || is_trained(layer));
        layers.map(|(inputs, layer)| products(inputs, layer))
    };
    // The forward pass, the gradients of the weights, and those of the inputs of all trained layers but the first.
    let products: usize = each(false).sum();
    let step = products + 2 * each(true).sum::<usize>() - each(true).next().unwrap_or(0);
    let training = bytes * (parameters * (1 + slots) + batch * cached + own) + 8;
    let rows = vec![
        vec![
            "inference".into(),
            (bytes * parameters).to_string(),
            (bytes * cached).to_string(),
            products.to_string(),
        ],
        vec![
            format!("a step with {optimizer} and batches of {batch}"),
            "0".into(),
            training.to_string(),
            (batch * step).to_string(),
        ],
    ];
    table(["for", "bytes of flash", "bytes of RAM", "multiply-adds"], rows)
}

/// Whether the layer has parameters that a step changes.
fn is_trained(layer: &DenseLayer) -> bool {
    matches!(layer, DenseLayer::Linear { .. } | DenseLayer::LayerNorm { .. })
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
