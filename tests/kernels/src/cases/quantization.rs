//! Cases of quantize and dequantize.

use dunlin_runtime::format::{DataType, Operator};

use super::values::{input, output};
use crate::case::{Attributes, Case, Input, Output, Values};
use crate::random::Random;

pub fn quantize(random: &mut Random) -> Case {
    let dims = [1, 2, 3, 1 + random.below(40) as u32];
    let mut input = input(random, DataType::Float32, dims);
    let output = output(random, DataType::Int8, dims);
    if let Values::Float32(values) = &mut input.values {
        let specials = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, -0.0];
        for (value, special) in values.iter_mut().zip(specials) {
            *value = special;
        }
        // Ties, as far as a float hits them.
        for value in values.iter_mut().skip(specials.len()).step_by(2) {
            *value = ((*value).floor() + 0.5) * output.quantization.scale;
        }
    }
    case(Operator::Quantize, input, output)
}

pub fn dequantize(random: &mut Random) -> Case {
    let dims = [1, 2, 3, 1 + random.below(40) as u32];
    let input = input(random, DataType::Int8, dims);
    let output = output(random, DataType::Float32, dims);
    case(Operator::Dequantize, input, output)
}

fn case(operator: Operator, input: Input, output: Output) -> Case {
    Case { operator, inputs: vec![input], output, attributes: Attributes::None, in_place: false }
}
