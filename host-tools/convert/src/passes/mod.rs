//! Rewrites of the float graph, each in a file of its own. None changes what the graph computes, apart from float
//! rounding.

pub mod affine_to_depthwise;
pub mod fold_affine_backward;
pub mod fold_affine_forward;
pub mod fold_constants;
pub mod fuse_activation;
pub mod fuse_padding;
pub mod hard_swish;
pub mod layout;
pub mod mean_to_pool;
pub mod merge_affine;
pub mod merge_reshapes;
pub mod remove_identities;

use std::collections::HashSet;

use crate::error::GraphError;
use crate::graph::{Graph, TensorId};

/// What a pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassReport {
    /// The name of the pass, which is that of its file.
    pub name: &'static str,
    /// How many rewrites it made, over all rounds.
    pub rewrites: usize,
}

/// A rewrite of a float graph; it returns how many rewrites it made.
pub type Pass = fn(&mut Graph) -> usize;

/// The passes of one round, by name. Constants come first, as all others look for them; patterns of several operators are
/// recognised before their parts are folded into something else.
pub const PASSES: [(&str, Pass); 13] = [
    ("fold_constants", fold_constants::run),
    ("remove_identities", remove_identities::run),
    ("layout", layout::run),
    ("merge_reshapes", merge_reshapes::run),
    ("hard_swish", hard_swish::run),
    ("merge_affine", merge_affine::run),
    ("fold_affine_backward", fold_affine_backward::run),
    ("fold_affine_forward", fold_affine_forward::run),
    ("affine_to_depthwise", affine_to_depthwise::run),
    ("fuse_activation", fuse_activation::run),
    ("fuse_padding", fuse_padding::run),
    ("mean_to_pool", mean_to_pool::run),
    ("remove_dead", Graph::remove_dead),
];

/// Runs all passes on a float graph, round after round, until none finds anything more to do.
///
/// # Errors
/// If a pass leaves a graph that contradicts itself, which is a defect of that pass.
pub fn simplify(graph: &mut Graph) -> Result<Vec<PassReport>, GraphError> {
    // Each round makes the graph smaller or simpler; the limit only guards against two passes that undo each other.
    const MOST_ROUNDS: usize = 20;
    let output_names: Vec<String> = graph.outputs.iter().map(|&id| graph.tensor(id).name.clone()).collect();
    let mut reports = PASSES.map(|(name, _)| PassReport { name, rewrites: 0 });
    for _ in 0..MOST_ROUNDS {
        let mut rewrites = 0;
        for (report, (name, pass)) in reports.iter_mut().zip(PASSES) {
            let count = pass(graph);
            report.rewrites += count;
            rewrites += count;
            graph.validate().map_err(|error| GraphError {
                problem: format!("after the pass {name}: {}", error.problem),
                ..error
            })?;
        }
        if rewrites == 0 {
            break;
        }
    }
    for (position, name) in output_names.into_iter().enumerate() {
        let id = graph.outputs[position];
        if !graph.inputs.contains(&id) {
            graph.tensor_mut(id).name = name;
        }
    }
    name_nodes_apart(graph);
    Ok(reports.to_vec())
}

/// Gives nodes of equal names numbers, as reports tell nodes apart by name.
fn name_nodes_apart(graph: &mut Graph) {
    let mut taken: HashSet<String> = graph.nodes.iter().map(|node| node.name.clone()).collect();
    let mut seen = HashSet::new();
    for node in &mut graph.nodes {
        if !seen.insert(node.name.clone()) {
            let numbered = (2..).map(|number| format!("{}.{number}", node.name));
            if let Some(free) = numbered.into_iter().find(|name| !taken.contains(name)) {
                taken.insert(free.clone());
                node.name = free;
            }
        }
    }
}

/// A float constant that varies along the last axis at most, as one value for each of `channels`.
fn channel_constant(graph: &Graph, id: TensorId, channels: usize) -> Option<Vec<f64>> {
    let values = graph.float_constant(id)?;
    let shape = graph.shape(id);
    if let Some(value) = graph.uniform_constant(id) {
        return Some(vec![f64::from(value); channels]);
    }
    (values.len() == channels && shape.last() == Some(&channels))
        .then(|| values.iter().map(|&value| f64::from(value)).collect())
}

/// The number of output channels of a layer with weights, and whether they are float constants that may be rewritten.
fn weight_layer_channels(graph: &Graph, index: usize) -> Option<usize> {
    use crate::graph::Operator;
    let node = &graph.nodes[index];
    let is_layer = matches!(
        node.operator,
        Operator::Conv2d { .. } | Operator::DepthwiseConv2d { .. } | Operator::FullyConnected { .. }
    );
    if !is_layer || graph.float_constant(node.inputs[1]).is_none() {
        return None;
    }
    graph.float_constant(node.inputs[2]).map(<[f32]>::len)
}

#[cfg(test)]
pub(crate) mod fixture {
    //! Small graphs for the tests of the passes.

    use crate::graph::{Activation, BinaryFunction, DataType, Graph, Operator, Padding, Tensor, TensorId};

    /// A graph with one float input.
    pub fn graph_with_input(shape: &[usize]) -> (Graph, TensorId) {
        let mut graph = Graph::default();
        let input = graph.add_tensor(Tensor::activation("input", shape.to_vec(), DataType::F32));
        graph.inputs.push(input);
        (graph, input)
    }

    /// Appends a node; reshapes and slices are added with [`Graph::add_node`] instead.
    pub fn append(graph: &mut Graph, operator: Operator, inputs: &[TensorId]) -> TensorId {
        let name = format!("{operator}{}", graph.nodes.len());
        let output = graph.add_node(name, operator, inputs.to_vec(), Vec::new());
        let shape = graph.output_shape(graph.nodes.last().unwrap()).unwrap().unwrap();
        graph.tensor_mut(output).shape = shape;
        output
    }

    /// Appends a convolution with the given kernel, stride 1, weights 0, 1, 2, … and biases 0.5, 1.5, ….
    pub fn append_conv(
        graph: &mut Graph,
        x: TensorId,
        cout: usize,
        kernel: [usize; 2],
        padding: Padding,
    ) -> TensorId {
        let cin = graph.shape(x)[3];
        let count = cout * kernel[0] * kernel[1] * cin;
        let weights = (0..count).map(|index| index as f32).collect();
        let weights = graph.add_constant("weights", vec![cout, kernel[0], kernel[1], cin], weights);
        let bias =
            graph.add_constant("bias", vec![cout], (0..cout).map(|index| index as f32 + 0.5).collect());
        let operator = Operator::Conv2d {
            stride: [1, 1],
            dilation: [1, 1],
            padding,
            groups: 1,
            activation: Activation::None,
        };
        append(graph, operator, &[x, weights, bias])
    }

    /// Appends a function of a tensor and a constant.
    pub fn append_binary(
        graph: &mut Graph,
        function: BinaryFunction,
        x: TensorId,
        shape: &[usize],
        values: &[f32],
    ) -> TensorId {
        let constant = graph.add_constant("constant", shape.to_vec(), values.to_vec());
        append(graph, Operator::Binary { function, activation: Activation::None }, &[x, constant])
    }

    /// The kinds of all nodes.
    pub fn kinds(graph: &Graph) -> Vec<&'static str> {
        graph.nodes.iter().map(|node| node.operator.kind()).collect()
    }
}
