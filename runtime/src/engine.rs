//! From a step to its kernel.

use crate::error::Defect;
use crate::family::Family;
use crate::feature::Features;
use crate::format::{DataType, Operator};
use crate::kernels::{self, Memory, Needs, Overlap};
use crate::program::Operation;

/// Checks everything that an operator's kernels rely on: operands, attributes, shapes, weights, placement.
type Verify = fn(&Operation<'_>) -> Result<(), Defect>;

/// Runs an operator.
type Execute = fn(&Operation<'_>, &mut Memory<'_>, Family) -> Result<(), Defect>;

/// What there is of an operator in this build.
struct Kernel {
    verify: Verify,
    execute: Execute,
}

/// The kernel of an operator that this build leaves out.
const NOT_BUILT: &Kernel = &Kernel { verify: not_built, execute: |operation, _, _| not_built(operation) };

/// The kernel of an operator that has a feature of its own: a build without the feature contains nothing of it.
macro_rules! built {
    ($feature:tt, $verify:expr, $execute:expr) => {
        if cfg!(feature = $feature) {
            const { &Kernel { verify: $verify, execute: $execute } }
        } else {
            NOT_BUILT
        }
    };
}

/// The kernel of an operator. Pointers keep the compiler from merging all kernels into one function, whose stack frame would
/// be as large as theirs together.
fn kernel(operator: Operator) -> &'static Kernel {
    match operator {
        Operator::Conv2d => built!("conv2d", kernels::conv2d::verify, kernels::conv2d::execute),
        Operator::DepthwiseConv2d => {
            built!("depthwise_conv2d", kernels::depthwise_conv2d::verify, kernels::depthwise_conv2d::execute)
        }
        Operator::FullyConnected => {
            built!("fully_connected", kernels::fully_connected::verify, kernels::fully_connected::execute)
        }
        Operator::Add => {
            built!("add", kernels::addition::verify, |operation, memory, family| {
                kernels::addition::execute(operation, memory, family, false)
            })
        }
        Operator::Sub => {
            built!("sub", kernels::addition::verify, |operation, memory, family| {
                kernels::addition::execute(operation, memory, family, true)
            })
        }
        Operator::Mul => built!("mul", kernels::multiplication::verify, |operation, memory, _| {
            kernels::multiplication::execute(operation, memory)
        }),
        Operator::AveragePool2d => {
            built!("average_pool2d", kernels::pool::verify, |operation, memory, _| {
                kernels::average_pool2d::execute(operation, memory)
            })
        }
        Operator::MaxPool2d => built!("max_pool2d", kernels::pool::verify, |operation, memory, _| {
            kernels::max_pool2d::execute(operation, memory)
        }),
        Operator::Concat => {
            built!("concat", kernels::concat::verify, |operation, memory, _| kernels::concat::execute(
                operation, memory
            ))
        }
        Operator::Pad => built!("pad", kernels::pad::verify, |operation, memory, _| kernels::pad::execute(
            operation, memory
        )),
        Operator::Softmax => {
            built!("softmax", kernels::softmax::verify, |operation, memory, _| kernels::softmax::execute(
                operation, memory
            ))
        }
        Operator::Lookup => {
            built!("lookup", kernels::lookup::verify, |operation, memory, _| kernels::lookup::execute(
                operation, memory
            ))
        }
        // There is nothing but float32 that it computes on.
        Operator::Unary if cfg!(not(feature = "float32")) => NOT_BUILT,
        Operator::Unary => {
            built!("unary", kernels::unary::verify, |operation, memory, _| kernels::unary::execute(
                operation, memory
            ))
        }
        Operator::Mean => {
            built!("mean", kernels::reduction::verify, |operation, memory, _| kernels::reduction::execute(
                operation, memory, true
            ))
        }
        Operator::Sum => {
            built!("sum", kernels::reduction::verify, |operation, memory, _| kernels::reduction::execute(
                operation, memory, false
            ))
        }
        Operator::ResizeNearest => {
            built!("resize_nearest", kernels::resize_nearest::verify, |operation, memory, _| {
                kernels::resize_nearest::execute(operation, memory)
            })
        }
        Operator::Slice => {
            built!("slice", kernels::slice::verify, |operation, memory, _| kernels::slice::execute(
                operation, memory
            ))
        }
        Operator::Transpose => built!("transpose", kernels::transpose::verify, |operation, memory, _| {
            kernels::transpose::execute(operation, memory)
        }),
        Operator::Quantize => {
            built!("quantize", kernels::quantize::verify, |operation, memory, _| kernels::quantize::execute(
                operation, memory
            ))
        }
        Operator::Dequantize => built!("dequantize", kernels::dequantize::verify, |operation, memory, _| {
            kernels::dequantize::execute(operation, memory)
        }),
        Operator::Copy => {
            built!("copy", kernels::copy::verify, |operation, memory, _| kernels::copy::execute(
                operation, memory
            ))
        }
    }
}

fn not_built(operation: &Operation<'_>) -> Result<(), Defect> {
    Err(Defect::OperatorNotBuilt(operation.number()))
}

/// Checks a step.
pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let operator = operator(operation)?;
    let converts = matches!(operator, Operator::Quantize | Operator::Dequantize);
    if cfg!(not(feature = "float32")) && !converts && operation.output().is(DataType::Float32) {
        return Err(Defect::DataTypeNotBuilt(DataType::Float32));
    }
    (kernel(operator).verify)(operation)
}

/// Runs a verified step.
pub(crate) fn execute(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    family: Family,
) -> Result<(), Defect> {
    (kernel(operator(operation)?).execute)(operation, memory, family)
}

/// Bytes of the arena that a step needs beside its operands with the kernels of `family`, multiples of 16.
///
/// # Errors
/// What [`Model::open`](crate::Model::open) would say of the step.
pub fn needs(operation: &Operation<'_>, family: Family) -> Result<Needs, Defect> {
    let Needs { scratch, prepared } = match operator(operation)? {
        Operator::Conv2d if cfg!(feature = "conv2d") => kernels::conv2d::needs(operation, family)?,
        Operator::DepthwiseConv2d if cfg!(feature = "depthwise_conv2d") => {
            kernels::depthwise_conv2d::needs(operation, family)?
        }
        Operator::FullyConnected if cfg!(feature = "fully_connected") => {
            kernels::fully_connected::needs(operation, family)?
        }
        _ => Needs::default(),
    };
    let round = |bytes: usize| bytes.checked_next_multiple_of(16).ok_or(Defect::Shapes);
    Ok(Needs { scratch: round(scratch)?, prepared: if kernels::PREPARES { round(prepared)? } else { 0 } })
}

/// The parts of a Cortex-M4's kernels that a step needs beside its operator, of those that an image may leave out. On a microcontroller,
/// only those that its build does not have.
///
/// # Errors
/// What [`Model::open`](crate::Model::open) would say of the step.
pub fn features(operation: &Operation<'_>) -> Result<Features, Defect> {
    if operation.data_type()? != DataType::Int8 {
        return Ok(Features::default());
    }
    match operator(operation)? {
        Operator::Conv2d if cfg!(feature = "conv2d") => kernels::conv2d::features(operation),
        Operator::DepthwiseConv2d if cfg!(feature = "depthwise_conv2d") => {
            kernels::depthwise_conv2d::features(operation)
        }
        Operator::FullyConnected if cfg!(feature = "fully_connected") => {
            kernels::fully_connected::features(operation)
        }
        _ => Ok(Features::default()),
    }
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
        Operator::Conv2d if cfg!(feature = "conv2d") => kernels::conv2d::overlap(operation),
        Operator::DepthwiseConv2d if cfg!(feature = "depthwise_conv2d") => {
            kernels::depthwise_conv2d::overlap(operation)
        }
        _ => Ok(None),
    }
}

/// Lets the kernels of `family` prepare a step.
pub(crate) fn prepare(operation: &Operation<'_>, family: Family, prepared: &mut [u8]) -> Result<(), Defect> {
    match operator(operation)? {
        Operator::Conv2d if cfg!(feature = "conv2d") => kernels::conv2d::prepare(operation, family, prepared),
        Operator::DepthwiseConv2d if cfg!(feature = "depthwise_conv2d") => {
            kernels::depthwise_conv2d::prepare(operation, family, prepared)
        }
        Operator::FullyConnected if cfg!(feature = "fully_connected") => {
            kernels::fully_connected::prepare(operation, family, prepared)
        }
        _ => Ok(()),
    }
}

/// The families that a build for this target can run.
pub(crate) const BUILT: &[Family] = if cfg!(target_arch = "x86_64") {
    &[Family::Portable, Family::Avx2, Family::Vnni]
} else if cfg!(target_arch = "aarch64") {
    &[Family::Portable, Family::Neon, Family::NeonDot]
} else if cfg!(all(dunlin_dsp, feature = "portable")) {
    &[Family::Portable, Family::Dsp]
} else if cfg!(dunlin_dsp) {
    &[Family::Dsp]
} else {
    &[Family::Portable]
};

fn operator(operation: &Operation<'_>) -> Result<Operator, Defect> {
    operation.operator().ok_or(Defect::UnknownOperator(operation.number()))
}
