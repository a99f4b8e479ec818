//! CONV_2D and DEPTHWISE_CONV_2D.

use super::{Window, WindowFields, fused_activation};
use crate::graph::{Constant, Operator, Quantization, Tensor, TensorId};
use crate::import::tflite::flatbuffer::Field;
use crate::import::tflite::lowering::{Call, Lowering, Refusal, positive};

const CONV_WINDOW: WindowFields = WindowFields {
    padding: Field::new(0, "Conv2DOptions.padding"),
    stride: [Field::new(2, "Conv2DOptions.stride_h"), Field::new(1, "Conv2DOptions.stride_w")],
};
const CONV_ACTIVATION: Field = Field::new(3, "Conv2DOptions.fused_activation_function");
const CONV_DILATION: [Field; 2] =
    [Field::new(5, "Conv2DOptions.dilation_h_factor"), Field::new(4, "Conv2DOptions.dilation_w_factor")];

const DEPTHWISE_WINDOW: WindowFields = WindowFields {
    padding: Field::new(0, "DepthwiseConv2DOptions.padding"),
    stride: [
        Field::new(2, "DepthwiseConv2DOptions.stride_h"),
        Field::new(1, "DepthwiseConv2DOptions.stride_w"),
    ],
};
const DEPTHWISE_ACTIVATION: Field = Field::new(4, "DepthwiseConv2DOptions.fused_activation_function");
const DEPTHWISE_DILATION: [Field; 2] = [
    Field::new(6, "DepthwiseConv2DOptions.dilation_h_factor"),
    Field::new(5, "DepthwiseConv2DOptions.dilation_w_factor"),
];

/// CONV_2D: x \[n, h, w, cin\], weights \[cout, kh, kw, cin / groups\], bias \[cout\]. The number of groups follows
/// from the shapes.
pub fn lower(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    let (x, weights, output) = operands(lowering, call)?;
    let (&[.., channels], &[out_channels, rows, columns, group_channels]) =
        (lowering.graph.shape(x), lowering.graph.shape(weights))
    else {
        return Err(Refusal::malformed("the weights do not have rank 4"));
    };
    let window = Window::new(
        call,
        &CONV_WINDOW,
        lowering.graph.shape(x),
        [rows, columns],
        dilation(call, CONV_DILATION)?,
    )?;
    let operator = Operator::Conv2d {
        stride: window.stride,
        dilation: window.dilation,
        padding: window.padding,
        groups: channels / group_channels,
        activation: fused_activation(call, CONV_ACTIVATION)?,
    };
    check_axis(lowering, weights, 0)?;
    let bias = lowering.bias(call, weights, out_channels)?;
    lowering.emit(&call.name, operator, vec![x, weights, bias], output)
}

/// DEPTHWISE_CONV_2D: x \[n, h, w, c\], weights \[1, kh, kw, c · multiplier\], bias \[c · multiplier\]. Output channel i
/// is made from channel i / multiplier of x.
pub fn lower_depthwise(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    let (x, weights, output) = operands(lowering, call)?;
    let (&[.., channels], &[1, rows, columns, out_channels]) =
        (lowering.graph.shape(x), lowering.graph.shape(weights))
    else {
        return Err(Refusal::malformed("the weights do not have the shape [1, rows, columns, channels]"));
    };
    let kernel = [rows, columns];
    let window = Window::new(
        call,
        &DEPTHWISE_WINDOW,
        lowering.graph.shape(x),
        kernel,
        dilation(call, DEPTHWISE_DILATION)?,
    )?;
    let activation = fused_activation(call, DEPTHWISE_ACTIVATION)?;
    let Window { stride, dilation, padding } = window;
    check_axis(lowering, weights, 3)?;
    let bias = lowering.bias(call, weights, out_channels)?;
    if out_channels == channels {
        let operator = Operator::DepthwiseConv2d { stride, dilation, padding, activation };
        return lowering.emit(&call.name, operator, vec![x, weights, bias], output);
    }
    let weights = channels_first(lowering.graph.tensor(weights), kernel, out_channels);
    let weights = lowering.derived_constant(weights)?;
    let operator = Operator::Conv2d { stride, dilation, padding, groups: channels, activation };
    lowering.emit(&call.name, operator, vec![x, weights, bias], output)
}

fn operands(lowering: &mut Lowering, call: &Call) -> Result<(TensorId, TensorId, TensorId), Refusal> {
    let (x, output) = (lowering.input(call, 0)?, lowering.output(call)?);
    let activations = lowering.same_type(&[x, output])?;
    Ok((x, lowering.weights(call, 1, activations)?, output))
}

fn dilation(call: &Call, fields: [Field; 2]) -> Result<[usize; 2], Refusal> {
    Ok([
        positive(call.options.i32(fields[0], 1)?, "a dilation")?,
        positive(call.options.i32(fields[1], 1)?, "a dilation")?,
    ])
}

/// Scales per channel must belong to the axis of the output channels.
fn check_axis(lowering: &Lowering, weights: TensorId, axis: usize) -> Result<(), Refusal> {
    let quantization = lowering.graph.tensor(weights).quantization.as_ref();
    match quantization.and_then(|quantization| quantization.axis) {
        Some(other) if other != axis => Err(Refusal::malformed(format!(
            "the weights have a scale for each index of axis {other}, not {axis}"
        ))),
        _ => Ok(()),
    }
}

/// Depthwise weights \[1, kh, kw, c\] as those of a grouped convolution with one input channel per group,
/// \[c, kh, kw, 1\].
fn channels_first(weights: &Tensor, kernel: [usize; 2], channels: usize) -> Tensor {
    fn gather<T: Copy>(values: &[T], channels: usize) -> Vec<T> {
        (0..channels).flat_map(|channel| values.iter().skip(channel).step_by(channels).copied()).collect()
    }
    let constant = weights.constant.as_ref().map(|constant| match constant {
        Constant::F32(values) => Constant::floats(gather(values, channels)),
        Constant::I8(values) => Constant::I8(gather(values, channels)),
        Constant::I32(values) => Constant::I32(gather(values, channels)),
    });
    let quantization = weights
        .quantization
        .clone()
        .map(|quantization| Quantization { axis: quantization.axis.map(|_| 0), ..quantization });
    Tensor {
        name: format!("{}/channels_first", weights.name),
        shape: vec![channels, kernel[0], kernel[1], 1],
        constant,
        quantization,
        ..*weights
    }
}
