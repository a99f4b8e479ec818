//! SLICE, STRIDED_SLICE, SPLIT and SPLIT_V.

use crate::graph::{Operator, Tensor};
use crate::import::tflite::flatbuffer::Field;
use crate::import::tflite::lowering::{Call, Lowering, Refusal, axis};

const BEGIN_MASK: Field = Field::new(0, "StridedSliceOptions.begin_mask");
const END_MASK: Field = Field::new(1, "StridedSliceOptions.end_mask");
const ELLIPSIS_MASK: Field = Field::new(2, "StridedSliceOptions.ellipsis_mask");
const NEW_AXIS_MASK: Field = Field::new(3, "StridedSliceOptions.new_axis_mask");
const SHRINK_AXIS_MASK: Field = Field::new(4, "StridedSliceOptions.shrink_axis_mask");
const OFFSET: Field = Field::new(5, "StridedSliceOptions.offset");

/// SLICE: from `begin` (second input), as many elements as the output has.
pub fn lower(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    let (x, output) = (lowering.input(call, 0)?, lowering.output(call)?);
    lowering.same_quantization(&[x, output])?;
    let rank = lowering.graph.shape(x).len();
    let operator = Operator::Slice { starts: lowering.extents(call, 1, rank)?, strides: vec![1; rank] };
    lowering.emit(&call.name, operator, vec![x], output)
}

/// STRIDED_SLICE: `begin`, `end` and `strides` for each axis; a bit of a mask lets the slice begin or end where the
/// axis does, or removes an axis of which one index is taken.
pub fn lower_strided(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    let (x, output) = (lowering.input(call, 0)?, lowering.output(call)?);
    lowering.same_quantization(&[x, output])?;
    if call.options.i32(ELLIPSIS_MASK, 0)? != 0
        || call.options.i32(NEW_AXIS_MASK, 0)? != 0
        || call.options.bool(OFFSET)?
    {
        return Err(Refusal::unsupported(
            "it adds axes or leaves some out",
            "write the slice with a start, an end and a stride for each axis",
        ));
    }
    let shape = lowering.graph.shape(x).to_vec();
    let rank = shape.len();
    let (begin, end) = (lowering.integers(call, 1)?, lowering.integers(call, 2)?);
    let strides = lowering.extents(call, 3, rank).ok().filter(|strides| !strides.contains(&0));
    let strides = strides.ok_or_else(|| {
        Refusal::unsupported(
            "it does not have a positive stride for each axis",
            "write it with positive strides",
        )
    })?;
    if begin.len() != rank || end.len() != rank {
        return Err(Refusal::malformed(format!("start or end do not fit rank {rank}")));
    }
    let mask = |field| call.options.i32(field, 0);
    let (from_begin, to_end, shrink) = (mask(BEGIN_MASK)?, mask(END_MASK)?, mask(SHRINK_AXIS_MASK)?);
    let (mut starts, mut sliced) = (Vec::new(), Vec::new());
    for (axis, &extent) in shape.iter().enumerate() {
        let bit = |mask: i32| mask >> axis & 1 == 1;
        let inside = |value: i64| {
            let length = extent as i64;
            (if value < 0 { value.saturating_add(length) } else { value }).clamp(0, length) as usize
        };
        let start = if bit(from_begin) { 0 } else { inside(begin[axis]) };
        let end = match (bit(shrink), bit(to_end)) {
            (true, _) => start + 1,
            (false, true) => extent,
            (false, false) => inside(end[axis]),
        };
        if start >= end {
            return Err(Refusal::malformed(format!("axis {axis} is sliced to nothing")));
        }
        starts.push(start);
        sliced.push((end - start).div_ceil(strides[axis]));
    }
    let operator = Operator::Slice { starts, strides };
    if lowering.graph.shape(output) == sliced {
        return lowering.emit(&call.name, operator, vec![x], output);
    }
    let kept = Tensor { shape: sliced, ..lowering.graph.tensor(output).clone() };
    let kept = lowering.graph.add_tensor(Tensor { name: format!("{}/axes_kept", call.name), ..kept });
    lowering.emit(&call.name, operator, vec![x], kept)?;
    lowering.emit(&format!("{}/shape", call.name), Operator::Reshape, vec![kept], output)
}

/// SPLIT and SPLIT_V, whose operands stand in different orders: one slice for each output, one after the other along
/// an axis.
pub fn lower_split(
    lowering: &mut Lowering,
    call: &Call,
    axis_input: usize,
    x_input: usize,
) -> Result<(), Refusal> {
    let x = lowering.input(call, x_input)?;
    let rank = lowering.graph.shape(x).len();
    let &[split] = &lowering.integers(call, axis_input)?[..] else {
        return Err(Refusal::malformed("the axis is not one number"));
    };
    let split = axis(split, rank)?;
    let mut start = 0;
    for &index in &call.outputs {
        let output = lowering.tensor(index)?;
        lowering.same_quantization(&[x, output])?;
        let tensor = lowering.graph.tensor(output);
        let (name, extent) = (tensor.name.clone(), tensor.shape.get(split).copied().unwrap_or(0));
        let mut starts = vec![0; rank];
        starts[split] = start;
        lowering.emit(&name, Operator::Slice { starts, strides: vec![1; rank] }, vec![x], output)?;
        start += extent;
    }
    Ok(())
}
