//! Fused activations as bounds of the output.

use dunlin_runtime::format::attributes::Clamp;

use super::view::Affine;
use crate::graph::Activation;

/// `value` in the integers of a tensor, not clamped: division and rounding in f32, half away from zero.
pub(super) fn quantize_bound(value: f32, quantization: Affine) -> i32 {
    ((value / quantization.scale).round() as i32).saturating_add(quantization.zero_point)
}

/// The least and greatest integer of an int8 output between two real bounds.
pub(super) fn bounds_int8((low, high): (f32, f32), output: Affine) -> (i32, i32) {
    let low = if low == f32::NEG_INFINITY { -128 } else { quantize_bound(low, output).clamp(-128, 127) };
    let high = if high == f32::INFINITY { 127 } else { quantize_bound(high, output).clamp(-128, 127) };
    (low, high.max(low))
}

/// The clamp of an operator's attributes. `output` is the quantization of an int8 output, `None` for float32.
pub(super) fn clamp(activation: Activation, output: Option<Affine>) -> Clamp {
    let (low, high) = activation.bounds();
    match output {
        Some(output) => {
            let (low, high) = bounds_int8((low, high), output);
            Clamp::int8(low, high)
        }
        None => Clamp::float32(low, high),
    }
}
