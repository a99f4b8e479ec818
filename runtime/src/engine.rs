//! From a step to its kernel.

use crate::error::Defect;
use crate::family::Family;
use crate::format::{DataType, Operator};
use crate::kernels::{self, Memory, Needs, Overlap};
use crate::program::Operation;

/// Checks everything that the operator's kernels rely on: operands, attributes, shapes, weights, placement.
pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    match operator(operation)? {
        Operator::Conv2d => kernels::conv2d::verify(operation),
        Operator::DepthwiseConv2d => kernels::depthwise_conv2d::verify(operation),
        Operator::FullyConnected => kernels::fully_connected::verify(operation),
        Operator::Add | Operator::Sub => kernels::addition::verify(operation),
        Operator::Mul => kernels::multiplication::verify(operation),
        Operator::AveragePool2d => kernels::average_pool2d::verify(operation),
        Operator::MaxPool2d => kernels::max_pool2d::verify(operation),
        Operator::Concat => kernels::concat::verify(operation),
        Operator::Pad => kernels::pad::verify(operation),
        Operator::Softmax => kernels::softmax::verify(operation),
        Operator::Lookup => kernels::lookup::verify(operation),
        Operator::Unary => kernels::unary::verify(operation),
        Operator::Mean | Operator::Sum => kernels::reduction::verify(operation),
        Operator::ResizeNearest => kernels::resize_nearest::verify(operation),
        Operator::Slice => kernels::slice::verify(operation),
        Operator::Transpose => kernels::transpose::verify(operation),
        Operator::Quantize => kernels::quantize::verify(operation),
        Operator::Dequantize => kernels::dequantize::verify(operation),
        Operator::Copy => kernels::copy::verify(operation),
    }
}

/// Runs an operator.
type Execute = fn(&Operation<'_>, &mut Memory<'_>, Family) -> Result<(), Defect>;

/// The kernel of an operator. A pointer keeps the compiler from merging all kernels into one function, whose stack frame would
/// be as large as theirs together.
fn kernel(operator: Operator) -> Execute {
    match operator {
        Operator::Conv2d => kernels::conv2d::execute,
        Operator::DepthwiseConv2d => kernels::depthwise_conv2d::execute,
        Operator::FullyConnected => kernels::fully_connected::execute,
        Operator::Add => |operation, memory, _| kernels::addition::execute(operation, memory, false),
        Operator::Sub => |operation, memory, _| kernels::addition::execute(operation, memory, true),
        Operator::Mul => |operation, memory, _| kernels::multiplication::execute(operation, memory),
        Operator::AveragePool2d => |operation, memory, _| kernels::average_pool2d::execute(operation, memory),
        Operator::MaxPool2d => |operation, memory, _| kernels::max_pool2d::execute(operation, memory),
        Operator::Concat => |operation, memory, _| kernels::concat::execute(operation, memory),
        Operator::Pad => |operation, memory, _| kernels::pad::execute(operation, memory),
        Operator::Softmax => |operation, memory, _| kernels::softmax::execute(operation, memory),
        Operator::Lookup => |operation, memory, _| kernels::lookup::execute(operation, memory),
        Operator::Unary => |operation, memory, _| kernels::unary::execute(operation, memory),
        Operator::Mean => |operation, memory, _| kernels::reduction::execute(operation, memory, true),
        Operator::Sum => |operation, memory, _| kernels::reduction::execute(operation, memory, false),
        Operator::ResizeNearest => |operation, memory, _| kernels::resize_nearest::execute(operation, memory),
        Operator::Slice => |operation, memory, _| kernels::slice::execute(operation, memory),
        Operator::Transpose => |operation, memory, _| kernels::transpose::execute(operation, memory),
        Operator::Quantize => |operation, memory, _| kernels::quantize::execute(operation, memory),
        Operator::Dequantize => |operation, memory, _| kernels::dequantize::execute(operation, memory),
        Operator::Copy => |operation, memory, _| kernels::copy::execute(operation, memory),
    }
}

/// Runs a verified step.
pub(crate) fn execute(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    family: Family,
) -> Result<(), Defect> {
    kernel(operator(operation)?)(operation, memory, family)
}

/// Bytes of the arena that a step needs beside its operands with the kernels of `family`, multiples of 16.
///
/// # Errors
/// What [`Model::open`](crate::Model::open) would say of the step.
pub fn needs(operation: &Operation<'_>, family: Family) -> Result<Needs, Defect> {
    let Needs { scratch, prepared } = match operator(operation)? {
        Operator::Conv2d => kernels::conv2d::needs(operation, family)?,
        Operator::DepthwiseConv2d => kernels::depthwise_conv2d::needs(operation, family)?,
        Operator::FullyConnected => kernels::fully_connected::needs(operation, family)?,
        _ => Needs::default(),
    };
    let round = |bytes: usize| bytes.checked_next_multiple_of(16).ok_or(Defect::Shapes);
    Ok(Needs { scratch: round(scratch)?, prepared: round(prepared)? })
}

/// The distances at which the output of a step may share memory with its first input. `None` where they lie apart, or at the same place.
///
/// # Errors
/// What [`Model::open`](crate::Model::open) would say of the step.
pub fn overlap(operation: &Operation<'_>) -> Result<Option<Overlap>, Defect> {
    if operation.data_type()? != DataType::Int8 {
        return Ok(None);
    }
    match operator(operation)? {
        Operator::Conv2d => kernels::conv2d::overlap(operation),
        Operator::DepthwiseConv2d => kernels::depthwise_conv2d::overlap(operation),
        _ => Ok(None),
    }
}

/// Lets the kernels of `family` prepare a step.
pub(crate) fn prepare(operation: &Operation<'_>, family: Family, prepared: &mut [u8]) -> Result<(), Defect> {
    match operator(operation)? {
        Operator::Conv2d => kernels::conv2d::prepare(operation, family, prepared),
        Operator::DepthwiseConv2d => kernels::depthwise_conv2d::prepare(operation, family, prepared),
        Operator::FullyConnected => kernels::fully_connected::prepare(operation, family, prepared),
        _ => Ok(()),
    }
}

/// The families that a build for this target can run.
pub(crate) const BUILT: &[Family] = if cfg!(target_arch = "x86_64") {
    &[Family::Portable, Family::Avx2, Family::Vnni]
} else if cfg!(target_arch = "aarch64") {
    &[Family::Portable, Family::Neon, Family::NeonDot]
} else if cfg!(dunlin_dsp) {
    &[Family::Portable, Family::Dsp]
} else {
    &[Family::Portable]
};

fn operator(operation: &Operation<'_>) -> Result<Operator, Defect> {
    operation.operator().ok_or(Defect::UnknownOperator(operation.number()))
}
