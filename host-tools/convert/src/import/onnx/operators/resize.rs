//! `Resize` and `Upsample` by nearest neighbour: the source pixel of every output pixel is found at conversion.

use tract_onnx::pb::NodeProto;

use crate::graph::Operator;
use crate::import::onnx::attributes::Attributes;
use crate::import::onnx::lowering::{Lowering, Refusal, axis_of_rank, node_name};

/// Lowers `Resize` and `Upsample` of an NCHW image.
///
/// # Errors
/// If the mode is not nearest, or batch or channels are resized.
pub fn lower(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let name = node_name(node);
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let shape = lowering.shape(x);
    let mode = node.string("mode")?.unwrap_or_else(|| "nearest".into());
    if mode != "nearest" {
        return Err(Refusal::unsupported(format!("the mode is `{mode}`"), "use mode `nearest`"));
    }
    let output = lowering.shape_of(&node.output[0])?;
    if shape.len() != 4 || output.len() != 4 || output[..2] != shape[..2] {
        return Err(Refusal::unsupported(
            format!("{shape:?} is resized to {output:?}"),
            "resize only rows and columns of an NCHW image",
        ));
    }
    // Upsample and operator set 10 know one mode: asymmetric coordinates, rounded down.
    let old = node.op_type == "Upsample" || lowering.opset < 11;
    let text = |attribute: &str, default: &str, old_value: &str| -> Result<String, Refusal> {
        let given = node.string(attribute)?.unwrap_or_else(|| default.into());
        Ok(if old { old_value.into() } else { given })
    };
    let transformation = text("coordinate_transformation_mode", "half_pixel", "asymmetric")?;
    let rounding = text("nearest_mode", "round_prefer_floor", "floor")?;
    let scales = scales(lowering, node, &shape, &output)?;
    let map = |axis: usize| {
        (0..output[axis])
            .map(|pixel| {
                source(pixel, shape[axis], output[axis], scales[axis - 2], &transformation, &rounding)
            })
            .collect::<Result<Vec<usize>, Refusal>>()
    };
    let operator = Operator::ResizeNearest { source_rows: map(2)?, source_columns: map(3)? };
    let image = lowering.channels_last(&name, x)?;
    let result = lowering.emit(&name, operator, vec![image])?;
    let result = lowering.channels_first(&name, result, 4)?;
    lowering.bind_output(node, result);
    Ok(())
}

/// The scales of rows and columns: those of the file where it names them, else the ratio of the extents.
fn scales(
    lowering: &Lowering,
    node: &NodeProto,
    shape: &[usize],
    output: &[usize],
) -> Result<[f64; 2], Refusal> {
    let ratio = |axis: usize| output[axis] as f64 / shape[axis] as f64;
    let index = if lowering.opset >= 11 && node.op_type == "Resize" { 2 } else { 1 };
    if let Some(name) = lowering.optional_input(node, index) {
        // From operator set 18 on, only the scales of some axes may be listed.
        let axes = node.integer_list("axes")?.unwrap_or_else(|| (0..4).collect());
        let (values, _) = lowering.floats(name)?;
        if values.len() == axes.len() {
            let scale = |axis: usize| {
                let listed = |&listed: &i64| axis_of_rank(listed, 4).ok() == Some(axis);
                axes.iter().position(listed).map_or(1.0, |index| f64::from(values[index]))
            };
            return Ok([scale(2), scale(3)]);
        }
    }
    Ok([ratio(2), ratio(3)])
}

/// The source pixel of an output pixel, by the formulas of ONNX's Resize.
fn source(
    pixel: usize,
    input: usize,
    output: usize,
    scale: f64,
    transformation: &str,
    rounding: &str,
) -> Result<usize, Refusal> {
    let (pixel, extent) = (pixel as f64, output as f64);
    let position = match transformation {
        "asymmetric" => pixel / scale,
        "half_pixel" => (pixel + 0.5) / scale - 0.5,
        "pytorch_half_pixel" if output == 1 => 0.0,
        "pytorch_half_pixel" => (pixel + 0.5) / scale - 0.5,
        "align_corners" if output == 1 => 0.0,
        "align_corners" => pixel * (input as f64 - 1.0) / (extent - 1.0),
        other => {
            return Err(Refusal::unsupported(
                format!("the coordinate transformation is `{other}`"),
                "use `asymmetric`, `half_pixel` or `align_corners`",
            ));
        }
    };
    let rounded = match rounding {
        "floor" => position.floor(),
        "ceil" => position.ceil(),
        "round_prefer_floor" => (position - 0.5).ceil(),
        "round_prefer_ceil" => (position + 0.5).floor(),
        other => return Err(Refusal::malformed(format!("nearest_mode `{other}`"))),
    };
    Ok((rounded.max(0.0) as usize).min(input - 1))
}

#[cfg(test)]
mod tests {
    use super::source;

    #[test]
    fn doubling_repeats_each_pixel() {
        for (transformation, rounding) in [
            ("asymmetric", "floor"),
            ("half_pixel", "round_prefer_floor"),
            ("half_pixel", "round_prefer_ceil"),
        ] {
            let map: Vec<usize> =
                (0..6).map(|pixel| source(pixel, 3, 6, 2.0, transformation, rounding).unwrap()).collect();
            assert_eq!(map, [0, 0, 1, 1, 2, 2], "{transformation} {rounding}");
        }
    }

    /// (pixel + ½) · 4 / 7 − ½ = −0.21, 0.36, 0.93, 1.5, 2.07, 2.64, 3.21; pixel · 3 / 6 = 0, ½, 1, …
    #[test]
    fn ceil_and_align_corners_follow_onnx() {
        let columns = |transformation, rounding| -> Vec<usize> {
            (0..7).map(|pixel| source(pixel, 4, 7, 7.0 / 4.0, transformation, rounding).unwrap()).collect()
        };
        assert_eq!(columns("half_pixel", "ceil"), [0, 1, 1, 2, 3, 3, 3]);
        assert_eq!(columns("align_corners", "floor"), [0, 0, 1, 1, 2, 2, 3]);
    }
}
