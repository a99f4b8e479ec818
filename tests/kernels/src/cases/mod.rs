//! Random cases of every operator, the same ones on every machine.

mod convolution;
mod elementwise;
mod fully_connected;
mod movement;
mod pooling;
mod quantization;
mod reduction;
mod requantization;
mod softmax;
mod values;

use dunlin_runtime::format::{DataType, Operator};

use crate::case::Case;
use crate::random::Random;

pub use requantization::sums;

/// `count` random cases of `operator` with int8 output; none if it does not exist for int8.
pub fn int8(operator: Operator, count: usize) -> Vec<Case> {
    of_type(operator, DataType::Int8, count)
}

/// `count` random cases of `operator` with float32 output; none if it does not exist for float32.
pub fn float32(operator: Operator, count: usize) -> Vec<Case> {
    of_type(operator, DataType::Float32, count)
}

fn of_type(operator: Operator, data_type: DataType, count: usize) -> Vec<Case> {
    // Each operator has its own sequence, so that one more case of one changes none of another.
    let mut random = Random::new((operator as u64) << 8 | data_type as u64);
    (0..count).filter_map(|_| case(operator, data_type, &mut random)).collect()
}

fn case(operator: Operator, data_type: DataType, random: &mut Random) -> Option<Case> {
    Some(match operator {
        Operator::Conv2d => convolution::conv2d(data_type, random),
        Operator::DepthwiseConv2d => convolution::depthwise_conv2d(data_type, random),
        Operator::FullyConnected => fully_connected::fully_connected(data_type, random),
        Operator::Add | Operator::Sub => elementwise::addition(operator, data_type, random),
        Operator::Mul => elementwise::multiplication(data_type, random),
        Operator::AveragePool2d | Operator::MaxPool2d => pooling::pool(operator, data_type, random),
        Operator::Concat => movement::concat(data_type, random),
        Operator::Pad => movement::pad(data_type, random),
        Operator::Softmax => softmax::softmax(data_type, random),
        Operator::Lookup if data_type == DataType::Int8 => elementwise::lookup(random),
        Operator::Unary if data_type == DataType::Float32 => elementwise::unary(random),
        Operator::Lookup | Operator::Unary => return None,
        Operator::Mean | Operator::Sum => reduction::reduction(operator, data_type, random),
        Operator::ResizeNearest => movement::resize_nearest(data_type, random),
        Operator::Slice => movement::slice(data_type, random),
        Operator::Transpose => movement::transpose(data_type, random),
        Operator::Quantize if data_type == DataType::Int8 => quantization::quantize(random),
        Operator::Dequantize if data_type == DataType::Float32 => quantization::dequantize(random),
        Operator::Quantize | Operator::Dequantize => return None,
        Operator::Copy => movement::copy(data_type, random),
    })
}
