//! Cases of softmax.

use dunlin_runtime::format::attributes::Softmax;
use dunlin_runtime::format::{DataType, Operator};

use super::values::{input, once_in};
use crate::case::{Attributes, Case, Output, Quantization};
use crate::random::Random;

pub fn softmax(data_type: DataType, random: &mut Random) -> Case {
    let dims = [2, 2, 3, 40].map(|bound| 1 + random.below(bound) as u32);
    let input = input(random, data_type, dims);
    let (attributes, zero_point) = match data_type {
        DataType::Int8 => (parameters(f64::from(random.between(0.002, 0.5))), -128),
        _ => (Softmax { multiplier: 0, shift: 0, lowest_difference: 0 }, 0),
    };
    let scale = if data_type == DataType::Int8 { 1.0 / 256.0 } else { 1.0 };
    Case {
        operator: Operator::Softmax,
        inputs: vec![input],
        output: Output { dims, quantization: Quantization { scale, zero_point }, data_type },
        attributes: Attributes::Softmax(attributes),
        in_place: once_in(random, 2),
    }
}

/// The attributes for an input scale, as `docs/numerics.md` derives them.
fn parameters(scale: f64) -> Softmax {
    let real = (scale * f64::from(1 << 26)).min(f64::from(i32::MAX));
    let exponent = real.log2().floor() as i32 + 1;
    let mut multiplier = (real / f64::from(exponent).exp2() * f64::from(1u32 << 31)).round() as i64;
    let mut shift = exponent;
    if multiplier == 1 << 31 {
        multiplier /= 2;
        shift += 1;
    }
    let lowest = -(31.0 * f64::from(1 << 26) / f64::from(shift).exp2()).floor() as i32;
    Softmax { multiplier: multiplier as i32, shift, lowest_difference: lowest }
}
