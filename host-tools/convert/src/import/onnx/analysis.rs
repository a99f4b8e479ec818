//! Shapes, element types and known values of everything in an ONNX graph, found by tract.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{GraphProto, ModelProto, TensorProto, tensor_proto, type_proto};
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::*;

use crate::error::ImportError;

/// What is known about one value of the ONNX graph.
#[derive(Debug, Clone, Default)]
pub struct Value {
    /// The extents, if all are known.
    pub shape: Option<Vec<usize>>,
    /// The element type.
    pub datum_type: Option<DatumType>,
    /// The elements, if they do not depend on the model's inputs.
    pub constant: Option<Arc<Tensor>>,
}

/// Everything known about the values of an ONNX graph, by name.
#[derive(Debug)]
pub struct Analysis {
    /// The values by name.
    pub values: HashMap<String, Value>,
    /// Why the analysis stopped at some node, if it did.
    pub failure: Option<String>,
}

/// Finds out shapes, types and constants.
///
/// # Errors
/// [`ImportError::Malformed`] with tract's words if tract cannot read the model. A node that tract cannot analyse is
/// no error: the facts of what it computes stay unknown.
pub fn analyse(proto: &ModelProto, directory: Option<&Path>) -> Result<Analysis, ImportError> {
    let directory = directory.and_then(Path::to_str);
    // tract takes well-formedness for granted in places; a broken file must stay an error.
    let outcome = catch_unwind(AssertUnwindSafe(|| -> TractResult<Analysis> {
        let framework = tract_onnx::onnx().with_ignore_value_info(true);
        let parsed = framework.parse(proto, directory)?;
        let mut model = parsed.model;
        // The facts of all nodes that the failing one does not matter for are there even after a failure.
        let failure = model.analyse(true).err().map(|error| format!("{error:#}"));
        let mut analysis = Analysis { values: HashMap::new(), failure };
        let mut folded: HashMap<OutletId, Arc<Tensor>> = HashMap::new();
        for node in model.eval_order()? {
            fold_beyond_budget(&model, node, &mut folded);
        }
        for (name, outlet) in &parsed.outlets_by_name {
            let fact = model.outlet_fact(*outlet)?;
            let constant = fact.value.concretize().or_else(|| folded.get(outlet).cloned());
            let shape = match &constant {
                Some(tensor) => Some(tensor.shape().to_vec()),
                None => fact.shape.concretize().and_then(|dims| {
                    dims.iter().map(|dim| dim.to_usize().ok()).collect::<Option<Vec<usize>>>()
                }),
            };
            let datum_type =
                constant.as_ref().map(|tensor| tensor.datum_type()).or(fact.datum_type.concretize());
            analysis.values.insert(name.clone(), Value { shape, datum_type, constant });
        }
        Ok(analysis)
    }));
    let malformed = |problem: String| ImportError::Malformed { location: "ONNX graph".into(), problem };
    match outcome {
        Ok(result) => result.map_err(|error| malformed(format!("{error:#}"))),
        Err(_) => Err(malformed("the graph contradicts itself so badly that its analysis broke off".into())),
    }
}

/// tract itself computes constants only up to a few megabytes during analysis; weights may be larger.
fn fold_beyond_budget(model: &InferenceModel, node: usize, folded: &mut HashMap<OutletId, Arc<Tensor>>) {
    let node = model.node(node);
    let known = |outlet: &OutletId| {
        folded.get(outlet).cloned().or_else(|| model.outlet_fact(*outlet).ok()?.value.concretize())
    };
    if node.inputs.is_empty() || node.outputs.iter().all(|output| output.fact.value.is_concrete()) {
        return;
    }
    let Some(inputs) = node.inputs.iter().map(known).collect::<Option<Vec<_>>>() else { return };
    let inputs = inputs.into_iter().map(IntoTValue::into_tvalue).collect();
    if let Ok(Some(outputs)) = node.op.eval_out_of_plan(inputs) {
        for (slot, output) in outputs.into_iter().enumerate() {
            folded.insert(OutletId::new(node.id, slot), output.into_arc_tensor());
        }
    }
}

/// Sets the batch axis of every graph input to 1 where the file leaves it open, and names the axes that stay open.
pub fn fix_batch(graph: &mut GraphProto) -> Vec<(String, String)> {
    let initializers: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut open = Vec::new();
    let mut batch_symbols = HashSet::new();
    let inputs = graph.input.iter_mut().filter(|input| !initializers.contains(input.name.as_str()));
    for input in inputs {
        let Some(type_proto::Value::TensorType(tensor)) =
            input.r#type.as_mut().and_then(|declared| declared.value.as_mut())
        else {
            continue;
        };
        let Some(shape) = &mut tensor.shape else {
            open.push((input.name.clone(), "the shape is not declared".into()));
            continue;
        };
        for (axis, extent) in shape.dim.iter_mut().enumerate() {
            let symbol = match &extent.value {
                Some(dimension::Value::DimValue(value)) if *value > 0 => continue,
                Some(dimension::Value::DimParam(symbol)) => symbol.clone(),
                _ => String::new(),
            };
            if axis == 0 || batch_symbols.contains(&symbol) {
                *extent = Dimension { value: Some(dimension::Value::DimValue(1)), ..Dimension::default() };
                if !symbol.is_empty() {
                    batch_symbols.insert(symbol);
                }
            } else {
                open.push((input.name.clone(), format!("axis {axis} ({symbol}) is not a number")));
            }
        }
    }
    open
}

/// Checks what tract takes for granted: names that resolve, nodes in order, tensors with as much data as they claim.
///
/// # Errors
/// [`ImportError::Malformed`] with the first offence.
pub fn check_structure(graph: &GraphProto) -> Result<(), ImportError> {
    let malformed = |location: &str, problem: String| {
        Err(ImportError::Malformed { location: format!("`{location}`"), problem })
    };
    for tensor in &graph.initializer {
        if let Err(problem) = check_tensor(tensor) {
            return malformed(&tensor.name, problem);
        }
    }
    let inputs = graph.input.iter().map(|input| input.name.as_str());
    let mut defined: HashSet<&str> =
        inputs.chain(graph.initializer.iter().map(|tensor| tensor.name.as_str())).collect();
    for node in &graph.node {
        let location = if node.name.is_empty() { node.output.first() } else { Some(&node.name) };
        let location = location.map_or("", String::as_str);
        for input in node.input.iter().filter(|input| !input.is_empty()) {
            if !defined.contains(input.as_str()) {
                return malformed(location, format!("reads `{input}`, which no earlier node computes"));
            }
        }
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            if !defined.insert(output) {
                return malformed(location, format!("computes `{output}`, which exists already"));
            }
        }
        for tensor in node.attribute.iter().filter_map(|attribute| attribute.t.as_ref()) {
            if let Err(problem) = check_tensor(tensor) {
                return malformed(location, problem);
            }
        }
    }
    if graph.output.is_empty() {
        return malformed(&graph.name, "the graph has no outputs".into());
    }
    for output in &graph.output {
        if !defined.contains(output.name.as_str()) {
            return malformed(&output.name, "graph output that no node computes".into());
        }
    }
    Ok(())
}

fn check_tensor(tensor: &TensorProto) -> Result<(), String> {
    use tensor_proto::DataType;
    let count = tensor.dims.iter().try_fold(1usize, |product, &extent| {
        usize::try_from(extent).ok().and_then(|extent| product.checked_mul(extent))
    });
    let count = count.ok_or_else(|| format!("impossible shape {:?}", tensor.dims))?;
    if tensor.data_location == Some(tensor_proto::DataLocation::External as i32) {
        return Ok(());
    }
    let size = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Bool | DataType::Uint8 | DataType::Int8) => 1,
        Ok(DataType::Uint16 | DataType::Int16 | DataType::Float16 | DataType::Bfloat16) => 2,
        Ok(DataType::Uint32 | DataType::Int32 | DataType::Float) => 4,
        Ok(DataType::Uint64 | DataType::Int64 | DataType::Double) => 8,
        Ok(DataType::String) => return Ok(()),
        _ => return Err(format!("element type {} is not known", tensor.data_type)),
    };
    let fields = [
        tensor.float_data.len(),
        tensor.int32_data.len(),
        tensor.int64_data.len(),
        tensor.double_data.len(),
        tensor.uint64_data.len(),
    ];
    let fits = count.checked_mul(size) == Some(tensor.raw_data.len())
        || (tensor.raw_data.is_empty() && fields.contains(&count));
    if fits { Ok(()) } else { Err(format!("shape {:?} does not fit the data", tensor.dims)) }
}
