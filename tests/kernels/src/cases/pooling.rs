//! Cases of average_pool2d and max_pool2d.

use dunlin_runtime::format::attributes::Pool;
use dunlin_runtime::format::{DataType, Operator};

use super::values::{choose, clamp, input, once_in};
use crate::case::{Attributes, Case, Output};
use crate::random::Random;

pub fn pool(operator: Operator, data_type: DataType, random: &mut Random) -> Case {
    let mut along = || {
        let kernel = choose(random, &[1, 2, 3, 5, 7]);
        let (stride, inputs) = (1 + random.below(3) as u32, 1 + random.below(9) as u32);
        let padding = random.below(kernel as usize) as u32;
        let most = (inputs + padding).div_ceil(stride);
        (kernel, stride, padding, inputs, 1 + random.below(most as usize) as u32)
    };
    let (rows, columns) = (along(), along());
    let (batch, channels) = (choose(random, &[1, 1, 2]), 1 + random.below(18) as u32);
    let average = operator == Operator::AveragePool2d;
    let attributes = Pool {
        kernel_h: rows.0,
        kernel_w: columns.0,
        stride_h: rows.1,
        stride_w: columns.1,
        padding_top: rows.2,
        padding_left: columns.2,
        clamp: clamp(random, data_type),
        count_padding: u32::from(average && once_in(random, 3)),
    };
    let input = input(random, data_type, [batch, rows.3, columns.3, channels]);
    let output =
        Output { dims: [batch, rows.4, columns.4, channels], quantization: input.quantization, data_type };
    Case { operator, inputs: vec![input], output, attributes: Attributes::Pool(attributes), in_place: false }
}
