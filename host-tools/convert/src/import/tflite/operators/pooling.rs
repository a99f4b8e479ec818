//! AVERAGE_POOL_2D and MAX_POOL_2D.

use super::{Window, WindowFields, fused_activation};
use crate::graph::{Activation, Operator};
use crate::import::tflite::flatbuffer::Field;
use crate::import::tflite::lowering::{Call, Lowering, Refusal, positive};

const WINDOW: WindowFields = WindowFields {
    padding: Field::new(0, "Pool2DOptions.padding"),
    stride: [Field::new(2, "Pool2DOptions.stride_h"), Field::new(1, "Pool2DOptions.stride_w")],
};
const KERNEL: [Field; 2] =
    [Field::new(4, "Pool2DOptions.filter_height"), Field::new(3, "Pool2DOptions.filter_width")];
const ACTIVATION: Field = Field::new(5, "Pool2DOptions.fused_activation_function");

/// The mean of the pixels of each window that lie inside the image.
pub fn lower_average(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    lower(lowering, call, |kernel, Window { stride, padding, .. }, activation| Operator::AveragePool2d {
        kernel,
        stride,
        padding,
        count_include_pad: false,
        activation,
    })
}

/// The greatest pixel of each window.
pub fn lower_max(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    lower(lowering, call, |kernel, Window { stride, padding, .. }, activation| Operator::MaxPool2d {
        kernel,
        stride,
        padding,
        activation,
    })
}

fn lower(
    lowering: &mut Lowering,
    call: &Call,
    operator: impl FnOnce([usize; 2], Window, Activation) -> Operator,
) -> Result<(), Refusal> {
    let (x, output) = (lowering.input(call, 0)?, lowering.output(call)?);
    lowering.same_quantization(&[x, output])?;
    let kernel = [
        positive(call.options.i32(KERNEL[0], 0)?, "a window extent")?,
        positive(call.options.i32(KERNEL[1], 0)?, "a window extent")?,
    ];
    let window = Window::new(call, &WINDOW, lowering.graph.shape(x), kernel, [1, 1])?;
    let operator = operator(kernel, window, fused_activation(call, ACTIVATION)?);
    lowering.emit(&call.name, operator, vec![x], output)
}
