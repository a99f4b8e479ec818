//! Reads ONNX models.
//!
//! tract parses the file, infers shapes and computes what is constant; the nodes themselves are taken from the file
//! one by one, so that names and attributes are those that the model's owner knows, and so that everything unsupported
//! is found in one go.

pub mod analysis;
pub mod attributes;
mod file_buffer;
pub mod lowering;
pub mod operators;
pub mod weights;

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

use prost::Message;
use prost::bytes::Buf;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};

use crate::error::{ImportError, UnsupportedNode};
use crate::graph::Graph;
use file_buffer::FileBuffer;
use lowering::{Lowering, Refusal, node_name};
use weights::Weights;

/// Reads an ONNX model that holds its weights itself.
///
/// # Errors
/// [`ImportError::Malformed`] for what is no ONNX model, [`ImportError::Unsupported`] with all nodes that cannot be
/// converted.
pub fn import(bytes: &[u8]) -> Result<Graph, ImportError> {
    import_model(decode(bytes)?, None)
}

/// Reads an ONNX file, whose weights may lie in other files beside it.
///
/// # Errors
/// As [`import`], and [`ImportError::Io`].
pub fn import_file(path: &Path) -> Result<Graph, ImportError> {
    let io = |source| ImportError::Io { path: path.into(), source };
    let mut file = File::open(path).and_then(FileBuffer::new).map_err(io)?;
    let model = decode(&mut file);
    file.finish().map_err(io)?;
    import_model(model?, path.parent())
}

fn malformed(problem: String) -> ImportError {
    ImportError::Malformed { location: "ONNX file".into(), problem }
}

fn decode(content: impl Buf) -> Result<ModelProto, ImportError> {
    ModelProto::decode(content).map_err(|error| malformed(format!("not an ONNX model: {error:#}")))
}

fn import_model(mut proto: ModelProto, directory: Option<&Path>) -> Result<Graph, ImportError> {
    let opset = proto.opset_import.iter().find(|set| matches!(set.domain.as_str(), "" | "ai.onnx"));
    let opset = opset.map_or(0, |set| set.version);
    let graph = proto.graph.as_mut().ok_or_else(|| malformed("the file holds no graph".into()))?;
    analysis::check_structure(graph)?;
    keep_needed(graph);
    let open = analysis::fix_batch(graph);
    let refused: Vec<UnsupportedNode> = open
        .into_iter()
        .map(|(node, reason)| UnsupportedNode {
            node,
            operator: "graph input".into(),
            reason,
            advice: "export the model with fixed shapes; only the batch axis may be open".into(),
        })
        .collect();
    if !refused.is_empty() {
        let nodes = &proto.graph.as_ref().map(|graph| graph.node.as_slice()).unwrap_or_default();
        return Err(ImportError::Unsupported([refused, surely_unsupported(nodes)].concat()));
    }
    let (analysis, weights) = match analyse(&mut proto, directory) {
        Ok(found) => found,
        Err(error) => {
            let nodes = &proto.graph.as_ref().map(|graph| graph.node.as_slice()).unwrap_or_default();
            let refused = surely_unsupported(nodes);
            return Err(if refused.is_empty() { error } else { ImportError::Unsupported(refused) });
        }
    };
    let graph = proto.graph.as_mut().ok_or_else(|| malformed("the file holds no graph".into()))?;
    for tensor in &mut graph.initializer {
        // The analysis has the values.
        *tensor = TensorProto { name: std::mem::take(&mut tensor.name), ..TensorProto::default() };
    }
    let graph = lower_graph(graph, opset, analysis, weights)?;
    graph.validate()?;
    Ok(graph)
}

/// Analyses the graph without its large weights; with them if that does not succeed.
fn analyse(
    proto: &mut ModelProto,
    directory: Option<&Path>,
) -> Result<(analysis::Analysis, Weights), ImportError> {
    let weights = proto.graph.as_mut().map(Weights::set_aside).unwrap_or_default();
    let analysis = analysis::analyse(proto, directory);
    let Some(graph) = proto.graph.as_mut() else { return Ok((analysis?, weights)) };
    if let Ok(analysis) = analysis
        && analysis.failure.is_none()
    {
        weights.withdraw_inputs(graph);
        return Ok((analysis, weights));
    }
    weights.put_back(graph);
    Ok((analysis::analyse(proto, directory)?, Weights::default()))
}

fn lower_graph(
    proto: &GraphProto,
    opset: i64,
    analysis: analysis::Analysis,
    weights: Weights,
) -> Result<Graph, ImportError> {
    let mut lowering = Lowering::new(&proto.name, opset, analysis, weights);
    let mut refused = Vec::new();
    let mut first_contradiction = None;
    let mut note = |node: String, operator: &str, refusal: Refusal| match refusal {
        Refusal::Unsupported { reason, advice } => {
            refused.push(UnsupportedNode { node, operator: operator.into(), reason, advice });
        }
        Refusal::Malformed(problem) => {
            let location = format!("{operator} (node `{node}`)");
            first_contradiction.get_or_insert(ImportError::Malformed { location, problem });
        }
    };
    let initializers: HashSet<&str> = proto.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    for input in proto.input.iter().filter(|input| !initializers.contains(input.name.as_str())) {
        if let Err(refusal) = lowering.add_input(&input.name) {
            note(input.name.clone(), "graph input", refusal);
            lowering.give_up(&input.name);
        }
    }
    for node in &proto.node {
        let outputs = || node.output.iter().filter(|output| !output.is_empty());
        if outputs().all(|output| lowering.constant(output).is_some()) {
            continue;
        }
        let blind = node.input.iter().any(|input| lowering.is_unknown(input));
        if let Err(refusal) = operators::lower(&mut lowering, node) {
            // Behind a refused node, contradictions are only its consequence.
            if !blind || matches!(refusal, Refusal::Unsupported { .. }) {
                note(node_name(node), &node.op_type, refusal);
            }
            for output in outputs() {
                lowering.give_up(output);
            }
        }
    }
    if !refused.is_empty() {
        return Err(ImportError::Unsupported(refused));
    }
    if let Some(contradiction) = first_contradiction {
        return Err(contradiction);
    }
    for output in &proto.output {
        let malformed = |problem| ImportError::Malformed { location: format!("`{}`", output.name), problem };
        let id = lowering.tensor(&output.name).map_err(|refusal| match refusal {
            Refusal::Malformed(problem) => malformed(problem),
            Refusal::Unsupported { reason, .. } => malformed(reason),
        })?;
        lowering.graph.outputs.push(id);
        let tensor = lowering.graph.tensor_mut(id);
        if !tensor.is_constant() && !proto.input.iter().any(|input| input.name == tensor.name) {
            tensor.name.clone_from(&output.name);
        }
    }
    Ok(lowering.graph)
}

/// Removes the nodes that no output depends on: nobody needs them to be supported.
fn keep_needed(graph: &mut GraphProto) {
    let mut needed: HashSet<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    let mut kept = Vec::new();
    for node in std::mem::take(&mut graph.node).into_iter().rev() {
        if node.output.iter().any(|output| needed.contains(output)) {
            needed.extend(node.input.iter().cloned());
            needed.extend(names_in_subgraphs(&node));
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
}

/// What the branches and bodies of control flow read from the graph around them.
fn names_in_subgraphs(node: &NodeProto) -> Vec<String> {
    let single = node.attribute.iter().filter_map(|attribute| attribute.g.as_ref());
    let listed = node.attribute.iter().flat_map(|attribute| &attribute.graphs);
    let inner = single.chain(listed).flat_map(|graph| {
        let outputs = graph.output.iter().map(|output| output.name.clone());
        let nodes = graph.node.iter();
        outputs.chain(nodes.flat_map(|node| [node.input.clone(), names_in_subgraphs(node)].concat()))
    });
    inner.collect()
}

/// The nodes that are unsupported whatever their shapes are; for models that tract cannot analyse.
fn surely_unsupported(nodes: &[NodeProto]) -> Vec<UnsupportedNode> {
    // Exporters compute shapes with these; whether they are constant is not known without an analysis.
    const FOLDED: &[&str] =
        &["Constant", "ConstantOfShape", "Range", "Shape", "Size", "Tile", "Where", "Equal"];
    let mut refused = Vec::new();
    for node in nodes.iter().filter(|node| !operators::is_known(node) && !FOLDED.contains(&&*node.op_type)) {
        refused.push(UnsupportedNode {
            node: node_name(node),
            operator: node.op_type.clone(),
            reason: "the operator is not supported".into(),
            advice: operators::advice(&node.op_type).into(),
        });
    }
    refused
}
