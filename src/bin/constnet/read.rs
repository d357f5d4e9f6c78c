//! Networks from files of both formats.

use std::{fs, io::Read as _};

use constnet::formats::{DenseActivation, DenseLayer, DenseNetwork, Onnx, Safetensors, StoredTensor};

use crate::arguments::Arguments;

/// The content of a file.
pub(crate) struct File {
    /// `"safetensors"` or `"ONNX"`.
    pub(crate) format: &'static str,
    /// The network, or the reason why there is none.
    pub(crate) net: Result<DenseNetwork, String>,
    /// What of the file is not part of the network, and why.
    pub(crate) unused: Vec<(String, String)>,
}

/// Reads a file. The error names it.
pub(crate) fn read(arguments: &Arguments) -> Result<File, String> {
    let path = &arguments.file;
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut start = Vec::new();
    let mut file = fs::File::open(path).map_err(|error| failed(&error))?;
    (&mut file).take(9).read_to_end(&mut start).map_err(|error| failed(&error))?;
    // A safetensors file starts with the length of the header, in eight bytes, and `{`.
    let mut read = if start.get(8) == Some(&b'{') || start.starts_with(b"PK") || start.starts_with(b"\x89HDF")
    {
        let bytes = fs::read(path).map_err(|error| failed(&error))?;
        of_safetensors(arguments, &bytes).map_err(|error| failed(&error))?
    } else {
        let onnx = arguments.output.as_deref().map_or(Onnx::new(), |output| Onnx::new().output(output));
        let net = onnx.read_file(path).map_err(|error| failed(&error))?;
        File { format: "ONNX", net: Ok(net), unused: Vec::new() }
    };
    read.net = read.net.map_err(|error| failed(&error)).map(|net| with_type(net, arguments.double));
    if let Ok(net) = &read.net {
        let finite = |x: &f64| x.is_finite() && (net.double || (*x as f32).is_finite());
        for (number, layer) in net.layers.iter().enumerate() {
            for (name, values) in layer.tensors() {
                if let Some(value) = values.iter().find(|x| !finite(x)) {
                    let element = if net.double { "f64" } else { "f32" };
                    let text = format!("{name} of layer {number} has {value}, expected a finite {element}");
                    read.net = Err(failed(&text));
                    return Ok(read);
                }
            }
        }
    }
    Ok(read)
}

fn with_type(mut net: DenseNetwork, double: Option<bool>) -> DenseNetwork {
    net.double = double.unwrap_or(net.double);
    net
}

/// A linear layer or a layer normalisation of a safetensors file.
struct Group<'t> {
    name: &'t str,
    weight: &'t StoredTensor,
    bias: Option<&'t StoredTensor>,
}

fn of_safetensors(arguments: &Arguments, bytes: &[u8]) -> Result<File, String> {
    let stored =
        Safetensors::new().prefix(&arguments.prefix).tensors(bytes).map_err(|error| error.to_string())?;
    let find = |name: &str| stored.tensors.iter().find(|tensor| tensor.name == name);
    let mut unused = Vec::new();
    let mut groups = Vec::new();
    for tensor in &stored.tensors {
        let Some((name, end)) = tensor.name.rsplit_once('.').or(Some(("", &*tensor.name))) else { continue };
        let dot = if name.is_empty() { "" } else { "." };
        let why = match end {
            _ if find(&format!("{name}{dot}running_mean")).is_some() => "it is part of a batch normalisation",
            _ if tensor.values.is_none() => "its numbers are not floating-point numbers",
            "weight" if matches!(tensor.shape.len(), 1 | 2) => {
                groups.push(Group { name, weight: tensor, bias: find(&format!("{name}{dot}bias")) });
                continue;
            }
            "weight" => "only weights of linear layers (2 dimensions) and layer normalisations (1) are read",
            "bias" if find(&format!("{name}{dot}weight")).is_some() => continue,
            _ => "only tensors with names that end with `weight` or `bias` are read",
        };
        unused.push((format!("`{}` {:?} {}", tensor.name, tensor.shape, tensor.dtype), why.into()));
    }
    let has_batch_norm = stored.tensors.iter().any(|tensor| tensor.name.ends_with("running_mean"));
    let net = if has_batch_norm {
        Err("the file has batch normalisation: export the model to ONNX, where it is folded, or load the file in a \
             program by `Safetensors::fold_batch_norm`"
            .into())
    } else {
        network(arguments, groups, stored.layers.as_deref(), &mut unused)
    };
    Ok(File { format: "safetensors", net, unused })
}

/// The network of these layers.
fn network<'t>(
    arguments: &Arguments,
    mut groups: Vec<Group<'t>>,
    record: Option<&str>,
    unused: &mut Vec<(String, String)>,
) -> Result<DenseNetwork, String> {
    if let Some(names) = &arguments.names {
        let mut chosen = Vec::new();
        for name in names {
            let found = groups.iter().position(|group| group.name == name);
            let others: Vec<_> = groups.iter().map(|group| group.name).collect();
            let found = found.ok_or_else(|| {
                format!("the file has no layer `{name}` of --names, but {}", others.join(", "))
            })?;
            chosen.push(groups.swap_remove(found));
        }
        unused
            .extend(groups.iter().map(|group| (format!("`{}`", group.name), "it is not in --names".into())));
        groups = chosen;
    } else if groups.iter().all(|group| group.name.parse::<usize>().is_ok()) {
        groups.sort_by_key(|group| group.name.parse::<usize>().unwrap_or_default());
    } else {
        return Err(names_help(&groups));
    }
    if groups.is_empty() {
        let prefix = &arguments.prefix;
        return Err(format!(
            "the file has no tensor with a name like `{prefix}0.weight`; `--prefix` chooses others"
        ));
    }

    let recorded = record.map(recorded_activations).transpose()?;
    let linear = groups.iter().filter(|group| group.weight.shape.len() == 2).count();
    let mut layers = Vec::new();
    let mut inputs = None;
    let mut width = None::<usize>;
    let mut number = 0;
    for group in &groups {
        let name = &group.weight.name;
        let weight = group.weight.values.clone().unwrap_or_default();
        let (outputs, columns) = match group.weight.shape[..] {
            [outputs, columns] => (outputs, columns),
            [features] => (features, features),
            _ => return Err(format!("tensor `{name}` has the shape {:?}", group.weight.shape)),
        };
        if width.is_some_and(|width| width != columns) || outputs == 0 || columns == 0 {
            return Err(format!(
                "tensor `{name}` has the shape {:?}, expected {} inputs, as many as the layer before it has outputs",
                group.weight.shape,
                width.map_or_else(|| "some".into(), |width| width.to_string())
            ));
        }
        let bias = match group.bias {
            Some(bias) if bias.shape == [outputs] => bias.values.clone().unwrap_or_default(),
            Some(bias) => {
                return Err(format!(
                    "tensor `{}` has the shape {:?}, expected [{outputs}]",
                    bias.name, bias.shape
                ));
            }
            None => vec![0.0; outputs],
        };
        inputs = inputs.or(Some(columns));
        width = Some(outputs);
        if group.weight.shape.len() == 1 {
            layers.push(DenseLayer::LayerNorm { weight, bias, exponent: 5 });
            continue;
        }
        layers.push(DenseLayer::Linear { weight, bias });
        let activation = match (&recorded, &arguments.activations) {
            (_, Some(given)) if given.len() == 1 && number + 1 < linear => given[0],
            (_, Some(given)) if given.len() == 1 => None,
            (_, Some(given)) if given.len() == linear || given.len() + 1 == linear => {
                given.get(number).copied().flatten()
            }
            (_, Some(given)) => {
                return Err(format!(
                    "--activation has {} names, but the file has {linear} linear layers",
                    given.len()
                ));
            }
            (Some(recorded), None) => recorded.get(number).copied().flatten(),
            (None, None) if number + 1 < linear => {
                return Err("the file does not record the activations: give them, for example by `--activation Relu`, or \
                            `--activation Elu,Elu,Tanh` with one for each linear layer"
                    .into());
            }
            (None, None) => None,
        };
        layers.extend(activation.map(DenseLayer::Activation));
        number += 1;
    }
    let double = groups.iter().any(|group| group.weight.dtype == "F64");
    Ok(DenseNetwork::new(inputs.unwrap_or_default(), layers, double))
}

/// The error for names without an order, with the call that would help.
fn names_help(groups: &[Group<'_>]) -> String {
    let names: Vec<_> = groups.iter().map(|group| group.name).collect();
    // A common prefix before numbers: `actor.0`, `actor.2`.
    let prefix =
        names.iter().find_map(|name| name.rsplit_once('.').filter(|(_, end)| end.parse::<usize>().is_ok()));
    match prefix {
        Some((prefix, _)) => {
            format!("the file has the layers {}; use `--prefix {prefix}.`", names.join(", "))
        }
        None => format!("the names of the layers have no order: give it by `--names {}`", names.join(",")),
    }
}

/// The activations after each linear layer of the text `Sequential![Linear<5, 64>, Relu<64>, …]`.
fn recorded_activations(record: &str) -> Result<Vec<Option<DenseActivation>>, String> {
    let mut activations = Vec::new();
    let types = record.trim_start_matches("Sequential![").trim_end_matches(']');
    for ty in types.split(">,").map(str::trim) {
        let (name, arguments) = ty.split_once('<').unwrap_or((ty, ""));
        match name {
            "Linear" => activations.push(None),
            "LayerNorm" => {}
            _ => {
                let activation =
                    DenseActivation::ALL.into_iter().find(|activation| activation.name() == name);
                let activation = activation.ok_or_else(|| {
                    format!("the file records the layer `{name}`, which is not supported here: load the file in a program")
                })?;
                let percent = arguments
                    .split(',')
                    .nth(1)
                    .and_then(|percent| percent.trim_end_matches('>').trim().parse().ok());
                let activation = match (activation, percent) {
                    (DenseActivation::LeakyRelu(_), Some(percent)) => DenseActivation::LeakyRelu(percent),
                    _ => activation,
                };
                match activations.last_mut() {
                    Some(last) => *last = Some(activation),
                    None => return Err("the file records an activation before the first linear layer".into()),
                }
            }
        }
    }
    Ok(activations)
}
