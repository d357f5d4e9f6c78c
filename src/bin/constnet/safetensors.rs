//! Networks from safetensors files, which hold tensors, but not always layers.

use std::collections::BTreeMap;

use constnet::formats::{
    DenseActivation, DenseInt8, DenseLayer, DenseNetwork, Safetensors, StoredTensor, StoredTensors,
};

use crate::{
    arguments::Arguments,
    read::{File, Net},
};

/// The tensors of a layer with parameters.
struct Group<'t> {
    name: &'t str,
    /// `weight`, or the `mean` of a standardisation.
    weight: &'t StoredTensor,
    /// `bias`, or the `deviation` of a standardisation.
    bias: Option<&'t StoredTensor>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Linear,
    LayerNorm,
    Standardize,
}

pub(crate) fn read(arguments: &Arguments, bytes: &[u8]) -> Result<File, String> {
    let all = Safetensors::new().tensors(bytes).map_err(|error| error.to_string())?;
    if all.layers.as_ref().is_some_and(|layers| layers.starts_with("Quantized<")) {
        let net = DenseInt8::from_safetensors(bytes).map_err(|error| error.to_string())?;
        return Ok(File { format: "safetensors", net: Ok(Net::Int8(net)), unused: Vec::new() });
    }
    let mut unused = Vec::new();
    let mut stored = StoredTensors::default();
    stored.layers = all.layers;
    for mut tensor in all.tensors {
        match tensor.name.strip_prefix(&*arguments.prefix) {
            Some(name) => {
                tensor.name = name.into();
                stored.tensors.push(tensor);
            }
            None => {
                let why = format!("its name does not start with `{}`", arguments.prefix);
                unused.push((describe(&tensor), why));
            }
        }
    }
    let groups = groups(&stored, &mut unused);
    let has_batch_norm = stored.tensors.iter().any(|tensor| tensor.name.ends_with("running_mean"));
    let net = if has_batch_norm {
        Err("the file has batch normalisation: export the model to ONNX, where it is folded, or load the file in a \
             program by `Safetensors::fold_batch_norm`"
            .into())
    } else {
        network(arguments, groups, stored.layers.as_deref(), &mut unused).map(Net::Dense)
    };
    Ok(File { format: "safetensors", net, unused })
}

fn describe(tensor: &StoredTensor) -> String {
    format!("`{}` {:?} {}", tensor.name, tensor.shape, tensor.dtype)
}

/// The tensors of each layer, and the reasons why the others are not used.
fn groups<'t>(stored: &'t StoredTensors, unused: &mut Vec<(String, String)>) -> Vec<Group<'t>> {
    let find = |name: &str| stored.tensors.iter().find(|tensor| tensor.name == name);
    let mut groups = Vec::new();
    for tensor in &stored.tensors {
        let Some((name, end)) = tensor.name.rsplit_once('.').or(Some(("", &*tensor.name))) else { continue };
        let dot = if name.is_empty() { "" } else { "." };
        let other = |end: &str| find(&format!("{name}{dot}{end}"));
        let mut add = |bias, kind| groups.push(Group { name, weight: tensor, bias, kind });
        let why = match (end, tensor.shape.len()) {
            _ if other("running_mean").is_some() => "it is part of a batch normalisation",
            _ if tensor.values.is_none() => "its numbers are not floating-point numbers",
            ("weight", 2) => {
                add(other("bias"), Kind::Linear);
                continue;
            }
            ("weight", 1) if other("bias").is_some() => {
                add(other("bias"), Kind::LayerNorm);
                continue;
            }
            ("mean", 1) if other("deviation").is_some() => {
                add(other("deviation"), Kind::Standardize);
                continue;
            }
            ("deviation", _) if other("mean").is_some() => continue,
            ("bias", _) if other("weight").is_some() => continue,
            ("weight", 1) => "a weight of 1 dimension without a bias is not that of a layer normalisation",
            ("weight", _) => {
                "only weights of linear layers (2 dimensions) and layer normalisations (1) are read"
            }
            _ => {
                "only tensors with names that end with `weight` or `bias`, or `mean` and `deviation`, are read"
            }
        };
        unused.push((describe(tensor), why.into()));
    }
    groups
}

/// The network of these layers.
fn network(
    arguments: &Arguments,
    mut groups: Vec<Group<'_>>,
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
    let mut reader = Reader { width: None, inputs: 0 };
    let layers = match record {
        Some(record) if arguments.names.is_none() && arguments.activations.is_none() => {
            recorded(&mut reader, &groups, record)?
        }
        _ => given(&mut reader, &groups, arguments.activations.as_deref())?,
    };
    let double = groups.iter().any(|group| group.weight.dtype == "F64");
    Ok(DenseNetwork::new(reader.inputs, layers, double))
}

/// The layers that the file records as `Sequential![Linear<5, 64>, Relu<64>, …]`.
fn recorded(reader: &mut Reader, groups: &[Group<'_>], record: &str) -> Result<Vec<DenseLayer>, String> {
    let by_number: BTreeMap<&str, &Group<'_>> = groups.iter().map(|group| (group.name, group)).collect();
    let types = record.trim_start_matches("Sequential![").trim_end_matches(']');
    let mut layers = Vec::new();
    for (number, ty) in types.split(">,").map(str::trim).enumerate() {
        let (name, rest) = ty.split_once('<').unwrap_or((ty, ""));
        let arguments: Vec<_> = rest.trim_end_matches('>').split(", ").collect();
        let number_at =
            |at: usize| arguments.get(at).and_then(|argument: &&str| argument.parse::<usize>().ok());
        let group = || {
            let missing =
                || format!("the file records the layer {number}, `{name}`, but has no tensors of it");
            by_number.get(&*number.to_string()).copied().ok_or_else(missing)
        };
        let mut layer = match name {
            "Linear" | "LayerNorm" | "Standardize" => reader.layer(group()?)?,
            _ => DenseLayer::Activation(DenseActivation::from_name(name).ok_or_else(|| {
                format!("the file records the layer `{name}`, which is not supported here: load the file in a program")
            })?),
        };
        match &mut layer {
            DenseLayer::LayerNorm { exponent, .. } => *exponent = number_at(2).unwrap_or(*exponent),
            DenseLayer::Activation(DenseActivation::LeakyRelu(percent)) => {
                *percent = number_at(1).unwrap_or(*percent);
            }
            _ => {}
        }
        layers.push(layer);
    }
    Ok(layers)
}

/// The layers with these activations: one for all, or one for each linear layer.
fn given(
    reader: &mut Reader,
    groups: &[Group<'_>],
    activations: Option<&[Option<DenseActivation>]>,
) -> Result<Vec<DenseLayer>, String> {
    let linear = groups.iter().filter(|group| group.kind == Kind::Linear).count();
    let activation_after = |number: usize| match activations {
        Some([one]) => Ok(if number + 1 < linear { *one } else { None }),
        Some(each) if each.len() == linear || each.len() + 1 == linear => {
            Ok(each.get(number).copied().flatten())
        }
        Some(each) => {
            Err(format!("--activation has {} names, but the file has {linear} linear layers", each.len()))
        }
        None if number + 1 < linear => Err(
            "the file does not record the activations: give them, for example by `--activation Relu`, or \
                 `--activation Elu,Elu,Tanh` with one for each linear layer"
                .into(),
        ),
        None => Ok(None),
    };
    let mut layers = Vec::new();
    let mut pending = None;
    let mut number = 0;
    for (at, group) in groups.iter().enumerate() {
        layers.push(reader.layer(group)?);
        if group.kind == Kind::Linear {
            pending = activation_after(number)?;
            number += 1;
        }
        // An activation has no tensors, but it has a number in PyTorch: between `0.weight` and `2.weight` there is one.
        // Without such a gap it stands before the next linear layer.
        let next = groups.get(at + 1);
        let numbers =
            [Some(group), next].map(|group| group.and_then(|group| group.name.parse::<usize>().ok()));
        let is_gap = matches!(numbers, [Some(this), Some(next)] if next > this + 1);
        if is_gap || next.is_none_or(|next| next.kind == Kind::Linear) {
            layers.extend(pending.take().map(DenseLayer::Activation));
        }
    }
    Ok(layers)
}

/// Reads layers, each of which has as many inputs as the one before has outputs.
struct Reader {
    inputs: usize,
    width: Option<usize>,
}

impl Reader {
    fn layer(&mut self, group: &Group<'_>) -> Result<DenseLayer, String> {
        let (name, shape) = (&group.weight.name, &group.weight.shape);
        let (outputs, inputs) = match shape[..] {
            [outputs, inputs] => (outputs, inputs),
            [features] => (features, features),
            _ => return Err(format!("tensor `{name}` has the shape {shape:?}")),
        };
        if self.width.is_some_and(|width| width != inputs) || outputs == 0 || inputs == 0 {
            return Err(format!(
                "tensor `{name}` has the shape {shape:?}, expected {} inputs, as many as the layer before it has outputs",
                self.width.map_or_else(|| "some".into(), |width| width.to_string())
            ));
        }
        if self.width.is_none() {
            self.inputs = inputs;
        }
        self.width = Some(outputs);
        let weight = values(group.weight)?;
        let bias = match group.bias {
            Some(bias) if bias.shape == [outputs] => values(bias)?,
            Some(bias) => {
                return Err(format!(
                    "tensor `{}` has the shape {:?}, expected [{outputs}]",
                    bias.name, bias.shape
                ));
            }
            None => vec![0.0; outputs],
        };
        Ok(match group.kind {
            Kind::Linear => DenseLayer::Linear { weight, bias },
            Kind::LayerNorm => DenseLayer::LayerNorm { weight, bias, exponent: 5 },
            Kind::Standardize => DenseLayer::Standardize { mean: weight, deviation: bias },
        })
    }
}

fn values(tensor: &StoredTensor) -> Result<Vec<f64>, String> {
    tensor.values.clone().ok_or_else(|| {
        format!(
            "tensor `{}` has the element type {}, expected F64, F32, F16 or BF16",
            tensor.name, tensor.dtype
        )
    })
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
        None if names.contains(&"") => {
            "the file has one layer without a name, `weight`: name it, as `0.weight`".into()
        }
        None => format!("the names of the layers have no order: give it by `--names {}`", names.join(",")),
    }
}
