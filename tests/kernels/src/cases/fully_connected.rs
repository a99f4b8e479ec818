//! Cases of fully_connected.

use dunlin_runtime::format::attributes::FullyConnected;
use dunlin_runtime::format::{DataType, Operator};

use super::convolution::filter;
use super::values::{choose, clamp, input, output};
use crate::case::{Attributes, Case};
use crate::random::Random;

pub fn fully_connected(data_type: DataType, random: &mut Random) -> Case {
    let leading = choose(random, &[[1, 1, 1], [1, 1, 1], [2, 1, 1], [3, 1, 2], [1, 2, 5]]);
    let with = |channels| [leading[0], leading[1], leading[2], channels];
    let inputs = choose(random, &[1, 2, 3, 4, 5, 8, 15, 16, 17, 36, 64, 130, 300]);
    let outputs = choose(random, &[1, 2, 3, 4, 7, 8, 9, 10, 16, 23, 33, 40, 113, 250]);
    let attributes =
        FullyConnected { clamp: clamp(random, data_type), weights_offset: 0, channels_offset: 0 };
    Case {
        operator: Operator::FullyConnected,
        inputs: vec![input(random, data_type, with(inputs))],
        output: output(random, data_type, with(outputs)),
        attributes: Attributes::FullyConnected(
            attributes,
            filter(random, data_type, outputs as usize, inputs as usize),
        ),
        in_place: false,
    }
}
