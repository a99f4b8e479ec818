//! Cases of mean and sum.

use dunlin_runtime::format::attributes::Reduction;
use dunlin_runtime::format::{DataType, Operator};

use super::values::{input, output, requantization};
use crate::case::{Attributes, Case};
use crate::random::Random;

pub fn reduction(operator: Operator, data_type: DataType, random: &mut Random) -> Case {
    let dims = [2, 5, 6, 12].map(|bound| 1 + random.below(bound) as u32);
    let axes = random.below(16) as u32;
    let mut kept = dims;
    let mut reduced = 1;
    for (index, dim) in kept.iter_mut().enumerate() {
        if axes >> index & 1 == 1 {
            reduced *= *dim;
            *dim = 1;
        }
    }
    let (multiplier, shift) = match data_type {
        DataType::Int8 => requantization(random, f64::from(reduced) * 128.0),
        _ => (0, 0),
    };
    Case {
        operator,
        inputs: vec![input(random, data_type, dims)],
        output: output(random, data_type, kept),
        attributes: Attributes::Reduction(Reduction { axes, multiplier, shift }),
        in_place: false,
    }
}
