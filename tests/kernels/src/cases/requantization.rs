//! Cases of conv2d and fully_connected whose sums are biases alone, so that any sum can be brought about.

use dunlin_runtime::format::attributes::{Clamp, Convolution, FullyConnected};
use dunlin_runtime::format::{DataType, Operator};

use super::values::{choose, input, once_in, output, requantization};
use crate::case::{Attributes, Case, Filter};
use crate::random::Random;

/// Output channels: five blocks.
const OUTPUTS: u32 = 40;
/// Largest magnitude of sums that leaves room for rounding, also where a family bounds them by all bits that any of them has.
const TAME: i32 = (1 << 29) - 1;

/// `count` cases of `operator`, which is conv2d or fully_connected: sums at and around ties of the rounding, at the ends of their range, and
/// random ones.
pub fn sums(operator: Operator, count: usize) -> Vec<Case> {
    let mut random = Random::new(0x5c41e + operator as u64);
    (0..count).map(|_| case(operator, &mut random)).collect()
}

fn case(operator: Operator, random: &mut Random) -> Case {
    let (multiplier, mut shift): (Vec<i32>, Vec<i32>) =
        (0..OUTPUTS).map(|_| requantization(random, 1e6)).unzip();
    // Where no sum can overflow, families have a shorter way.
    let is_tame = once_in(random, 2);
    if is_tame {
        shift.iter_mut().for_each(|shift| *shift = (*shift).clamp(-20, -1));
    }
    let bias = multiplier.iter().zip(&shift).map(|(&multiplier, &shift)| {
        let sum = sum(random, multiplier, shift);
        if is_tame { sum.clamp(-TAME, TAME) } else { sum }
    });
    let bias = bias.collect();
    let filter = Filter::Int8 { weights: vec![0; OUTPUTS as usize], bias, multiplier, shift };
    let clamp = Clamp::int8(-128, 127);
    let attributes = if operator == Operator::FullyConnected {
        let record = FullyConnected { clamp, weights_offset: 0, channels_offset: 0 };
        Attributes::FullyConnected(record, filter)
    } else {
        let record = Convolution {
            kernel_h: 1,
            kernel_w: 1,
            stride_h: 1,
            stride_w: 1,
            dilation_h: 1,
            dilation_w: 1,
            padding_top: 0,
            padding_left: 0,
            groups: 1,
            clamp,
            weights_offset: 0,
            channels_offset: 0,
        };
        Attributes::Convolution(record, filter)
    };
    // As many columns as make a tile, and one more.
    let columns = choose(random, &[1, 5, 13]);
    Case {
        operator,
        inputs: vec![input(random, DataType::Int8, [1, 1, columns, 1])],
        output: output(random, DataType::Int8, [1, 1, columns, OUTPUTS]),
        attributes,
        in_place: false,
    }
}

fn sum(random: &mut Random, multiplier: i32, shift: i32) -> i32 {
    match random.below(8) {
        0 => choose(random, &[i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX - 1, i32::MAX]),
        1 => random.bits() as i32,
        2 => 1i32.wrapping_shl(random.below(32) as u32).wrapping_add(random.below(3) as i32 - 1),
        _ => {
            // Half way between two outputs, or as near as an integer comes.
            let output = random.below(256) as f64 - 128.0 + 0.5;
            let scale = f64::from(multiplier) * f64::from(shift - 31).exp2();
            ((output / scale) as i32).wrapping_add(random.below(3) as i32 - 1)
        }
    }
}
