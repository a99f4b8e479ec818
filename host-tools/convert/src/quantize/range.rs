//! From a range of real values to a scale and zero point.

use crate::graph::Quantization;

/// Scale and zero point of int8 for real values in `low` to `high`: asymmetric, with an exact zero.
///
/// The range is widened to contain zero. A range without width gets a scale that holds its one value.
pub fn asymmetric(low: f32, high: f32) -> Quantization {
    let (low, high) = (f64::from(low.min(0.0)), f64::from(high.max(0.0)));
    let width = high - low;
    if width <= f64::from(f32::MIN_POSITIVE) * 256.0 {
        return per_tensor(1.0, 0);
    }
    let scale = (width / 255.0) as f32;
    let zero_point = (-128.0 - low / f64::from(scale)).round().clamp(-128.0, 127.0);
    per_tensor(scale, zero_point as i32)
}

/// One scale and zero point for a whole tensor.
pub fn per_tensor(scale: f32, zero_point: i32) -> Quantization {
    Quantization { scales: vec![scale], zero_points: vec![zero_point], axis: None }
}

/// The int8 for `value`, rounded half away from zero and brought into the range of int8.
pub fn to_int8(value: f32, quantization: &Quantization) -> i8 {
    let steps = (f64::from(value) / f64::from(quantization.scales[0])).round();
    (steps + f64::from(quantization.zero_points[0])).clamp(-128.0, 127.0) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_exact_and_ends_are_within_half_a_step() {
        for (low, high) in [(-1.0, 3.0), (0.0, 6.0), (-5.0, -1.0), (2.0, 9.0), (-1e-3, 1e-3), (0.0, 0.0)] {
            let quantization = asymmetric(low, high);
            let (scale, zero_point) = (quantization.scales[0], quantization.zero_points[0]);
            assert!((-128..=127).contains(&zero_point));
            assert_eq!(i32::from(to_int8(0.0, &quantization)), zero_point);
            for value in [low, high] {
                let back = (i32::from(to_int8(value, &quantization)) - zero_point) as f32 * scale;
                assert!((back - value).abs() <= scale * 1.001, "{low}..{high}: {value} became {back}");
            }
        }
    }
}
