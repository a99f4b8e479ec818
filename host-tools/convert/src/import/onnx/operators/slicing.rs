//! Operators that take a part of a tensor: `Slice`, `Split`, `Gather` with constant neighbouring indices.

use tract_onnx::pb::NodeProto;

use crate::graph::{Operator, TensorId};
use crate::import::onnx::attributes::Attributes;
use crate::import::onnx::lowering::{Lowering, Refusal, axis_of_rank, node_name};

/// Lowers `Slice`; starts, ends, axes and steps are attributes before operator set 10 and inputs from then on.
///
/// # Errors
/// If a bound is computed or a step is negative.
pub fn lower_slice(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let shape = lowering.shape(x);
    let list = |index: usize, attribute: &str| match lowering.optional_input(node, index) {
        Some(name) => lowering.integers(name).map(Some),
        None => node.integer_list(attribute),
    };
    let begins = list(1, "starts")?.ok_or_else(|| Refusal::malformed("starts are missing"))?;
    let ends = list(2, "ends")?.ok_or_else(|| Refusal::malformed("ends are missing"))?;
    let axes = list(3, "axes")?.unwrap_or_else(|| (0..begins.len() as i64).collect());
    let steps = list(4, "steps")?.unwrap_or_else(|| vec![1; begins.len()]);
    if [ends.len(), axes.len(), steps.len()].iter().any(|&length| length != begins.len()) {
        return Err(Refusal::malformed("starts, ends, axes and steps differ in length"));
    }
    let (mut starts, mut strides, mut extents) = (vec![0; shape.len()], vec![1; shape.len()], shape.clone());
    for index in 0..begins.len() {
        let axis = axis_of_rank(axes[index], shape.len())?;
        let extent = shape[axis] as i64;
        let clamp =
            |bound: i64| (if bound < 0 { bound.saturating_add(extent) } else { bound }).clamp(0, extent);
        let (begin, end, step) = (clamp(begins[index]), clamp(ends[index]), steps[index]);
        if step < 1 {
            return Err(Refusal::unsupported(format!("step {step} goes backwards"), "use positive steps"));
        }
        if begin >= end {
            return Err(Refusal::malformed(format!("nothing of axis {axis} is left")));
        }
        starts[axis] = begin as usize;
        strides[axis] = step as usize;
        extents[axis] = ((end - begin) as usize).div_ceil(step as usize);
    }
    let result = emit(lowering, &node_name(node), x, starts, strides, extents);
    lowering.bind_output(node, result);
    Ok(())
}

/// Lowers `Split` as one slice for each output.
///
/// # Errors
/// If the parts are not known.
pub fn lower_split(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let name = node_name(node);
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let shape = lowering.shape(x);
    let axis = axis_of_rank(node.integer("axis")?.unwrap_or(0), shape.len())?;
    let mut offset = 0;
    for (index, output) in node.output.iter().enumerate() {
        let extents = lowering.shape_of(output)?;
        let mut starts = vec![0; shape.len()];
        starts[axis] = offset;
        offset += extents.get(axis).copied().unwrap_or(0);
        if offset > shape[axis] {
            return Err(Refusal::malformed(format!("the parts exceed axis {axis} of {shape:?}")));
        }
        let part = emit(lowering, &format!("{name}.{index}"), x, starts, vec![1; shape.len()], extents);
        lowering.bind(output, part);
    }
    Ok(())
}

/// Lowers `Gather` where the indices are constant and evenly spaced: a slice.
///
/// # Errors
/// If the indices are computed (a table lookup) or unevenly spaced.
pub fn lower_gather(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let name = node_name(node);
    let indices_name = lowering.input(node, 1)?;
    let Some(indices) = lowering.constant(indices_name) else {
        return Err(Refusal::unsupported(
            format!("the indices `{indices_name}` are computed: this is a table lookup (embedding)"),
            "do the lookup in the code around the model and feed it the looked-up rows",
        ));
    };
    let index_rank = indices.rank();
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let shape = lowering.shape(x);
    let axis = axis_of_rank(node.integer("axis")?.unwrap_or(0), shape.len())?;
    let indices = lowering.integers(indices_name)?;
    let indices =
        indices.iter().map(|&index| axis_of_rank(index, shape[axis])).collect::<Result<Vec<_>, _>>()?;
    let stride = match indices[..] {
        [first, second, ..] => second.saturating_sub(first),
        _ => 1,
    };
    let even = indices.windows(2).all(|pair| pair[1] == pair[0] + stride) && stride > 0;
    if !even || index_rank > 1 || indices.is_empty() {
        return Err(Refusal::unsupported(
            "the indices are not evenly spaced",
            "reorder the features before they enter the model",
        ));
    }
    let (mut starts, mut strides, mut extents) = (vec![0; shape.len()], vec![1; shape.len()], shape.clone());
    starts[axis] = indices[0];
    strides[axis] = stride;
    extents[axis] = indices.len();
    let part = emit(lowering, &name, x, starts, strides, extents);
    let output = lowering.shape_of(&node.output[0])?;
    let result = lowering.emit_reshape(&format!("{name}.squeeze"), part, output)?;
    lowering.bind_output(node, result);
    Ok(())
}

fn emit(
    lowering: &mut Lowering,
    name: &str,
    x: TensorId,
    starts: Vec<usize>,
    strides: Vec<usize>,
    extents: Vec<usize>,
) -> TensorId {
    if lowering.shape(x) == extents && strides.iter().all(|&stride| stride == 1) {
        return x;
    }
    lowering.graph.add_node(name, Operator::Slice { starts, strides }, vec![x], extents)
}
