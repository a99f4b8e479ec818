//! RESIZE_NEAREST_NEIGHBOR.

use crate::graph::Operator;
use crate::import::tflite::flatbuffer::Field;
use crate::import::tflite::lowering::{Call, Lowering, Refusal};

const ALIGN_CORNERS: Field = Field::new(0, "ResizeNearestNeighborOptions.align_corners");
const HALF_PIXEL_CENTERS: Field = Field::new(1, "ResizeNearestNeighborOptions.half_pixel_centers");

/// The image in the output's extents, each pixel copied from the nearest one.
pub fn lower_nearest(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    let (x, output) = (lowering.input(call, 0)?, lowering.output(call)?);
    lowering.same_quantization(&[x, output])?;
    let align_corners = call.options.bool(ALIGN_CORNERS)?;
    let half_pixel_centers = call.options.bool(HALF_PIXEL_CENTERS)?;
    let (&[_, in_rows, in_columns, _], &[_, out_rows, out_columns, _]) =
        (lowering.graph.shape(x), lowering.graph.shape(output))
    else {
        return Err(Refusal::malformed("input or output is no image"));
    };
    if out_rows.max(out_columns) > usize::from(u16::MAX) {
        return Err(Refusal::malformed("the output has more than 65535 rows or columns"));
    }
    let sources = |input, output| sources(input, output, align_corners, half_pixel_centers);
    let operator = Operator::ResizeNearest {
        source_rows: sources(in_rows, out_rows),
        source_columns: sources(in_columns, out_columns),
    };
    lowering.emit(&call.name, operator, vec![x], output)
}

/// The input index for each output index, in single precision as LiteRT computes it.
fn sources(input: usize, output: usize, align_corners: bool, half_pixel_centers: bool) -> Vec<usize> {
    let scale = if align_corners && output > 1 {
        (input - 1) as f32 / (output - 1) as f32
    } else {
        input as f32 / output as f32
    };
    let offset = if half_pixel_centers { 0.5 } else { 0.0 };
    let source = |index: usize| {
        let position = (index as f32 + offset) * scale;
        let nearest = if align_corners { position.round() } else { position.floor() };
        (nearest as usize).min(input - 1)
    };
    (0..output).map(source).collect()
}
