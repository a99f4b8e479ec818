//! How each TFLite operator becomes nodes of the graph, one file for each group.

mod activation;
mod arithmetic;
mod concatenation;
mod convolution;
mod fully_connected;
mod pad;
mod pooling;
mod quantization;
mod reduction;
mod resize;
mod shape;
mod slice;
mod softmax;

use super::flatbuffer::Field;
use super::lowering::{Call, Lowering, Refusal, positive};
use crate::graph::{Activation, Padding, UnaryFunction};

/// Appends what an operator computes to the graph.
///
/// # Errors
/// If the operator is malformed, or not what Dunlin converts.
pub fn lower(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    use crate::graph::BinaryFunction::{Add, Mul, Sub};
    match call.operator {
        "ADD" | "SUB" => arithmetic::lower(lowering, call, if call.operator == "ADD" { Add } else { Sub }),
        "MUL" => arithmetic::lower(lowering, call, Mul),
        "CONV_2D" => convolution::lower(lowering, call),
        "DEPTHWISE_CONV_2D" => convolution::lower_depthwise(lowering, call),
        "FULLY_CONNECTED" => fully_connected::lower(lowering, call),
        "AVERAGE_POOL_2D" => pooling::lower_average(lowering, call),
        "MAX_POOL_2D" => pooling::lower_max(lowering, call),
        "SOFTMAX" => softmax::lower(lowering, call),
        "CONCATENATION" => concatenation::lower(lowering, call),
        "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS" => shape::lower_reshape(lowering, call),
        "TRANSPOSE" => shape::lower_transpose(lowering, call),
        "SLICE" => slice::lower(lowering, call),
        "STRIDED_SLICE" => slice::lower_strided(lowering, call),
        "SPLIT" => slice::lower_split(lowering, call, 0, 1),
        "SPLIT_V" => slice::lower_split(lowering, call, 2, 0),
        "PAD" | "PADV2" => pad::lower(lowering, call),
        "MEAN" => reduction::lower_mean(lowering, call),
        "SUM" => reduction::lower_sum(lowering, call),
        "RESIZE_NEAREST_NEIGHBOR" => resize::lower_nearest(lowering, call),
        "RELU" => activation::lower(lowering, call, UnaryFunction::Relu),
        "RELU6" => activation::lower(lowering, call, UnaryFunction::Clip { min: 0.0, max: 6.0 }),
        "RELU_N1_TO_1" => activation::lower(lowering, call, UnaryFunction::Clip { min: -1.0, max: 1.0 }),
        "RELU_0_TO_1" => activation::lower(lowering, call, UnaryFunction::Clip { min: 0.0, max: 1.0 }),
        "LEAKY_RELU" => activation::lower_leaky(lowering, call),
        "LOGISTIC" => activation::lower(lowering, call, UnaryFunction::Sigmoid),
        "TANH" => activation::lower(lowering, call, UnaryFunction::Tanh),
        "HARD_SWISH" => activation::lower(lowering, call, UnaryFunction::HardSwish),
        "QUANTIZE" => quantization::lower_quantize(lowering, call),
        "DEQUANTIZE" => quantization::lower_dequantize(lowering, call),
        _ => Err(Refusal::unsupported(
            "Dunlin does not have this operator",
            "replace it in the model, or leave it out of the model and compute it in the application",
        )),
    }
}

/// The activation that an operator's options ask for (`ActivationFunctionType` of the schema).
fn fused_activation(call: &Call, field: Field) -> Result<Activation, Refusal> {
    match call.options.i8(field)? {
        0 => Ok(Activation::None),
        1 => Ok(Activation::Relu),
        2 => Ok(Activation::Clip { min: -1.0, max: 1.0 }),
        3 => Ok(Activation::Relu6),
        4 | 5 => Err(Refusal::unsupported(
            "its fused activation is tanh or the sign bit",
            "let the activation be an operator of its own",
        )),
        other => Err(Refusal::malformed(format!("activation number {other}"))),
    }
}

/// Which settings of an operator say how a window slides over an image. Fields named `h` and `w` in the schema; a
/// convolution takes its kernel from the weights, a pool has no dilation.
struct WindowFields {
    padding: Field,
    stride: [Field; 2],
}

/// How a window slides over an image.
struct Window {
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: Padding,
}

impl Window {
    /// The window of an operator on an image \[n, h, w, c\]. SAME adds as much as it takes for ceil(extent / stride)
    /// windows, the odd pixel at the end.
    fn new(
        call: &Call,
        fields: &WindowFields,
        image: &[usize],
        kernel: [usize; 2],
        dilation: [usize; 2],
    ) -> Result<Self, Refusal> {
        let &[_, height, width, _] = image else {
            return Err(Refusal::malformed(format!("an image of shape {image:?}")));
        };
        let stride = [
            positive(call.options.i32(fields.stride[0], 0)?, "a stride")?,
            positive(call.options.i32(fields.stride[1], 0)?, "a stride")?,
        ];
        let padding = match call.options.i8(fields.padding)? {
            0 => {
                let total = |axis: usize, extent: usize| {
                    let reach = (extent.div_ceil(stride[axis]) - 1) * stride[axis]
                        + (kernel[axis] - 1) * dilation[axis]
                        + 1;
                    reach.saturating_sub(extent)
                };
                let (rows, columns) = (total(0, height), total(1, width));
                Padding {
                    top: rows / 2,
                    bottom: rows - rows / 2,
                    left: columns / 2,
                    right: columns - columns / 2,
                }
            }
            1 => Padding::default(),
            other => return Err(Refusal::malformed(format!("padding number {other}"))),
        };
        Ok(Self { stride, dilation, padding })
    }
}
