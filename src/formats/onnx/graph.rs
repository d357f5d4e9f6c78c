//! The graph of an ONNX file as a chain of layers, computed node by node: a value is a constant, or a chain that was
//! applied to the input.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    rc::Rc,
    string::String,
    vec::Vec,
};

use super::{
    External, OnnxError,
    node::{Reader, fail},
    proto::{Graph, Node},
    simplify,
    tensor::{self, Tensor, type_name},
    value::{Base, Dynamic, Value},
};
use crate::formats::dense::DenseNetwork;

/// The oldest and newest operator sets whose operators were compared with their documentation.
const OLDEST: i64 = 7;
const NEWEST: i64 = 26;

/// All values of a graph together hold at most `COPIES` numbers for each number that the file stores, and `SPARE` more: the
/// memory is proportional to the size of the file, even if many nodes use the same constant.
const COPIES: usize = 16;
const SPARE: usize = 4096;

/// Reads a graph.
pub(super) fn read(
    graph: &Graph,
    version: i64,
    output: Option<&str>,
    external: &mut External<'_>,
) -> Result<DenseNetwork, OnnxError> {
    if !(OLDEST..=NEWEST).contains(&version) {
        return Err(OnnxError::Graph(format!(
            "the file uses operator set {version}, expected {OLDEST} to {NEWEST}: export it with `opset_version={NEWEST}`"
        )));
    }
    let output = the_output(graph, output)?;
    let nodes = needed(graph, output)?;
    let quantized = ["QuantizeLinear", "DequantizeLinear", "QGemm", "QLinearMatMul"];
    if nodes.iter().any(|node| quantized.contains(&&*node.op)) {
        return Err(OnnxError::Quantized);
    }
    let used: BTreeSet<&str> = nodes.iter().flat_map(|node| &node.inputs).map(String::as_str).collect();

    let mut values = BTreeMap::<&str, Value>::new();
    let mut budget = SPARE;
    for message in graph.initializers.iter().filter(|message| used.contains(&*message.name)) {
        let constant = Tensor::read(message, &message.name, external)?;
        budget += COPIES * constant.values.len();
        values.insert(&message.name, Value::Constant(Rc::new(constant)));
    }
    let input = the_input(graph, &values, &used)?;
    values.insert(input.name, Value::Dynamic(Dynamic::new(Base::Input, input.width, input.rank)));

    for node in nodes {
        let Input { element, batch, .. } = input;
        let mut reader = Reader { node, version, element, batch, values: &values, external: &mut *external };
        let value = reader.value()?;
        if let ("Constant", Value::Constant(constant)) = (&*node.op, &value) {
            budget += COPIES * constant.values.len();
        }
        let from = node.inputs.iter().filter_map(|name| values.get(&**name));
        budget = match budget.checked_sub(value.new_numbers(from)) {
            Some(budget) => budget,
            None => return Err(fail(node, "the same constants are used by too many nodes")),
        };
        if let Some(name) = node.outputs.first() {
            values.insert(name, value);
        }
    }
    match values.get(output) {
        Some(Value::Dynamic(value)) => simplify::network(value, input.element == tensor::DOUBLE),
        _ => {
            let input = input.name;
            Err(OnnxError::Graph(format!("the output `{output}` does not depend on the input `{input}`")))
        }
    }
}

/// The name of the output.
pub(super) fn the_output<'g>(graph: &'g Graph, wanted: Option<&str>) -> Result<&'g str, OnnxError> {
    let names: Vec<&str> = graph.outputs.iter().map(|output| &*output.name).collect();
    match (wanted, &names[..]) {
        (None, [name]) => Ok(name),
        (None, []) => Err(OnnxError::Graph("the graph has no output".into())),
        (None, [first, ..]) => Err(OnnxError::Graph(format!(
            "the graph has the outputs {}, expected one: choose it by `.output(\"{first}\")`, or `--output {first}`",
            quoted(&names)
        ))),
        // Also the output of a node within the graph.
        (Some(wanted), names) => {
            let of_nodes = graph.nodes.iter().flat_map(|node| &node.outputs).map(String::as_str);
            let found = names.iter().copied().chain(of_nodes).find(|name| *name == wanted);
            found.ok_or_else(|| {
                OnnxError::Graph(format!("the graph has no output `{wanted}`, but {}", quoted(names)))
            })
        }
    }
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The input of a graph that is not a constant.
#[derive(Clone, Copy)]
struct Input<'g> {
    name: &'g str,
    element: i32,
    /// The number of features, if it is known.
    width: Option<usize>,
    /// The number of sizes, if it is known.
    rank: Option<usize>,
    /// The number of samples, if it is fixed.
    batch: Option<usize>,
}

fn the_input<'g>(
    graph: &'g Graph,
    values: &BTreeMap<&str, Value>,
    used: &BTreeSet<&str>,
) -> Result<Input<'g>, OnnxError> {
    let inputs: Vec<_> = graph
        .inputs
        .iter()
        .filter(|input| used.contains(&*input.name) && !values.contains_key(&*input.name))
        .collect();
    let [input] = inputs[..] else {
        let names: Vec<_> = inputs.iter().map(|input| &*input.name).collect();
        return Err(OnnxError::Graph(match &names[..] {
            [] => "the output of the graph does not depend on an input".into(),
            names => format!("the graph has the inputs {}, expected one", quoted(names)),
        }));
    };
    let Some(kind) = input.kind.as_ref().and_then(|kind| kind.tensor.as_ref()) else {
        return Err(OnnxError::Graph(format!("the input `{}` is not a tensor", input.name)));
    };
    if !matches!(kind.element, tensor::FLOAT | tensor::DOUBLE | tensor::FLOAT16 | tensor::BFLOAT16) {
        return Err(OnnxError::Graph(format!(
            "the input `{}` has the element type {}, expected FLOAT or DOUBLE",
            input.name,
            type_name(kind.element)
        )));
    }
    let Some(shape) = &kind.shape else {
        return Ok(Input { name: &input.name, element: kind.element, width: None, rank: None, batch: None });
    };
    let sizes = || shape.dims.iter().map(|dim| usize::try_from(dim.size).ok().filter(|size| *size > 0));
    let rank = shape.dims.len();
    // The first size is that of the batch. With more than two sizes, the graph has to flatten the others.
    let width =
        sizes().skip(usize::from(rank > 1)).try_fold(1_usize, |product, size| product.checked_mul(size?));
    let batch = if rank > 1 { sizes().next().flatten() } else { Some(1) };
    Ok(Input { name: &input.name, element: kind.element, width, rank: Some(rank), batch })
}

/// The nodes on which the output depends, in the order of the file.
pub(super) fn needed<'g>(graph: &'g Graph, output: &str) -> Result<Vec<&'g Node>, OnnxError> {
    let mut producers = BTreeMap::<&str, usize>::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            producers.insert(name, index);
        }
    }
    let mut is_needed = alloc::vec![false; graph.nodes.len()];
    let mut names = alloc::vec![output];
    while let Some(name) = names.pop() {
        let Some(index) = producers.get(name).copied().filter(|index| !is_needed[*index]) else { continue };
        is_needed[index] = true;
        names.extend(graph.nodes[index].inputs.iter().map(String::as_str));
    }
    let mut nodes = Vec::new();
    let mut known = BTreeSet::new();
    for (node, _) in graph.nodes.iter().zip(is_needed).filter(|(_, needed)| *needed) {
        for name in &node.inputs {
            if producers.contains_key(&**name) && !known.contains(&**name) {
                let reason = format!(
                    "its input `{name}` is computed by a later node: the graph has a cycle, or is not sorted"
                );
                return Err(fail(node, reason));
            }
        }
        known.extend(node.outputs.iter().map(String::as_str));
        nodes.push(node);
    }
    Ok(nodes)
}
