//! Turns the safetensors file of a PyTorch `nn.Sequential` of any widths into Rust source.
//!
//!     cargo run --features safetensors --example to_rust -- model.safetensors NET > src/net.rs
//!     cargo run --features safetensors --example to_rust -- model.safetensors NET Tanh > src/net.rs
//!
//! The file holds the weights of linear layers, but does not name the activations. A gap in PyTorch's numbers, as
//! between `0.weight` and `2.weight`, is taken for an activation: `Relu`, unless the third argument names another.
//! A program that knows the network's type can do the same for all layers, by `Sequential::to_rust_source`.

use std::{collections::BTreeMap, env, error::Error, fs, process::ExitCode};

use safetensors::{Dtype, SafeTensors};

const USAGE: &str = "usage: to_rust FILE NAME [ACTIVATION]";

/// The number of values on a line of the source.
const PER_LINE: usize = 8;

fn main() -> ExitCode {
    match source() {
        Ok(source) => {
            print!("{source}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The Rust source of the network that the command line names.
fn source() -> Result<String, Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let (file, name, activation) = match &arguments[..] {
        [file, name] => (file, name, "Relu"),
        [file, name, activation] => (file, name, activation.as_str()),
        _ => return Err(USAGE.into()),
    };
    let (mut types, mut values) = (String::new(), String::new());
    let mut end = 0;
    let mut width = None;
    for (number, layer) in read(file).map_err(|error| format!("{file}: {error}"))? {
        if let Some(width) = width {
            if layer.inputs != width {
                let inputs = layer.inputs;
                return Err(format!(
                    "{number}.weight has {inputs} inputs, but the layer before it has {width} outputs"
                )
                .into());
            }
            if number > end {
                types += &format!("    constnet::{activation}<{width}{}>,\n", layer.element);
                values += &format!("    constnet::{activation}::new(),\n");
            }
        }
        types += &format!("    constnet::Linear<{}, {}{}>,\n", layer.inputs, layer.bias.len(), layer.element);
        let rows = layer.weight.chunks(layer.inputs).map(|row| format!("        [{}],\n", lines(row)));
        let rows: String = rows.collect();
        let bias = lines(&layer.bias);
        let element = if layer.element.is_empty() { ", f32" } else { layer.element };
        let ty = format!("constnet::Linear::<{}, {}{element}>", layer.inputs, layer.bias.len());
        values += &format!("    {ty}::new([\n{rows}    ], [\n        {bias},\n    ]),\n");
        (end, width) = (number + 1, Some(layer.bias.len()));
    }
    Ok(format!(
        "#[rustfmt::skip]\n\
         #[allow(clippy::approx_constant, long_running_const_eval)]\n\
         pub static {name}: constnet::Sequential![\n{types}] = constnet::sequential![\n{values}];\n"
    ))
}

/// A linear layer. Its values are the shortest decimals that are parsed to the same bits.
struct Linear {
    inputs: usize,
    weight: Vec<String>,
    bias: Vec<String>,
    element: &'static str,
}

/// The linear layers of a file, by their numbers in PyTorch's `nn.Sequential`.
fn read(path: &str) -> Result<BTreeMap<usize, Linear>, Box<dyn Error>> {
    let bytes = fs::read(path)?;
    let file = SafeTensors::deserialize(&bytes)?;
    let mut layers = BTreeMap::new();
    for name in file.names() {
        let Some(number) = name.strip_suffix(".weight") else { continue };
        let number: usize = number.parse().map_err(|_| format!("{name}: expected a name like 0.weight"))?;
        let (weight, bias) = (file.tensor(name)?, file.tensor(&format!("{number}.bias"))?);
        let &[outputs, inputs] = weight.shape() else {
            return Err(format!(
                "{name} has shape {:?}: expected (outputs, inputs), as in a linear layer",
                weight.shape()
            )
            .into());
        };
        if bias.shape() != [outputs] || inputs == 0 || bias.dtype() != weight.dtype() {
            return Err(
                format!("{name} has shape ({outputs}, {inputs}), but {number}.bias is {bias:?}").into()
            );
        }
        let element = match weight.dtype() {
            Dtype::F32 => "",
            Dtype::F64 => ", f64",
            other => return Err(format!("{name} has the element type {other:?}: expected F32 or F64").into()),
        };
        let (weight, bias) = (numbers(weight.data(), element)?, numbers(bias.data(), element)?);
        layers.insert(number, Linear { inputs, weight, bias, element });
    }
    if layers.is_empty() {
        Err("the file has no tensor with a name like 0.weight".into())
    } else {
        Ok(layers)
    }
}

fn numbers(bytes: &[u8], element: &str) -> Result<Vec<String>, String> {
    let texts: Vec<_> = if element.is_empty() {
        bytes.as_chunks().0.iter().map(|bytes| format!("{:?}", f32::from_le_bytes(*bytes))).collect()
    } else {
        bytes.as_chunks().0.iter().map(|bytes| format!("{:?}", f64::from_le_bytes(*bytes))).collect()
    };
    match texts.iter().find(|text| text.contains("NaN") || text.contains("inf")) {
        Some(text) => Err(format!("a weight or bias is {text}")),
        None => Ok(texts),
    }
}

fn lines(numbers: &[String]) -> String {
    let lines: Vec<_> = numbers.chunks(PER_LINE).map(|line| line.join(", ")).collect();
    lines.join(",\n        ")
}
