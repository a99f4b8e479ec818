//! quantize and dequantize.

use super::Approximation;
use crate::case::Case;

pub fn quantize(case: &Case) -> Vec<i8> {
    let quantization = case.output.quantization;
    let convert = |&value: &f32| {
        // The division is one in float32, the rounding is exact.
        let steps = f64::from(value / quantization.scale);
        let rounded = if steps.is_nan() { 0.0 } else { steps.signum() * (steps.abs() + 0.5).floor() };
        (rounded + f64::from(quantization.zero_point)).clamp(-128.0, 127.0) as i8
    };
    case.inputs[0].values.float32().iter().map(convert).collect()
}

pub fn dequantize(case: &Case) -> Vec<Approximation> {
    let input = &case.inputs[0];
    let convert = |&value: &i8| {
        let steps = i32::from(value) - input.quantization.zero_point;
        // One multiplication in float32: exactly the rounded product.
        let value = (f64::from(steps) * f64::from(input.quantization.scale)) as f32;
        Approximation { value: value.into(), tolerance: 0.0 }
    };
    input.values.int8().iter().map(convert).collect()
}
