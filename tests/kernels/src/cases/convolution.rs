//! Cases of conv2d and depthwise_conv2d.

use dunlin_runtime::format::attributes::Convolution;
use dunlin_runtime::format::{DataType, Operator};

use super::values::{choose, clamp, float32_elements, input, int8_elements, once_in, output, requantization};
use crate::case::{Attributes, Case, Filter};
use crate::random::Random;

/// Input channels of a group: around the 4 of a cell and the 8 of a block. Miri is slow.
const CHANNELS_IN: &[u32] = if cfg!(miri) { &[3, 8] } else { &[1, 2, 3, 4, 5, 7, 8, 12, 13, 16, 20, 33] };
/// Input channels whose sums are long: around the 512 values after which kernels that sum two channels at once tell them apart.
const MANY_CHANNELS_IN: &[u32] = if cfg!(miri) { &[16] } else { &[129, 512, 513, 520, 700, 1030] };
/// Output channels of a group.
const CHANNELS_OUT: &[u32] =
    if cfg!(miri) { &[1, 8, 9] } else { &[1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 24, 31, 40, 64, 73] };
/// Channels of depthwise convolutions.
const CHANNELS: &[u32] =
    if cfg!(miri) { &[5, 9] } else { &[1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 40, 64, 72, 130] };

/// Kernel, stride, dilation, padding and both extents along one dimension.
struct Along {
    kernel: u32,
    stride: u32,
    dilation: u32,
    padding: u32,
    inputs: u32,
    outputs: u32,
}

impl Along {
    fn random(random: &mut Random, kernel: u32) -> Along {
        let (stride, dilation) = (choose(random, &[1, 1, 1, 2, 3]), choose(random, &[1, 1, 1, 2, 3]));
        let padding = random.below(((kernel - 1) * dilation) as usize + 1) as u32;
        // Sometimes more than the columns of any tile.
        let wide = !cfg!(miri) && once_in(random, 8);
        let inputs = 1 + random.below(if cfg!(miri) { 3 } else { 9 }) as u32 + if wide { 12 } else { 0 };
        // Up to the last window that starts inside of the input; the rest of it may be padding.
        let most = (inputs + padding).div_ceil(stride);
        let outputs = if once_in(random, 3) { 1 + random.below(most as usize) as u32 } else { most };
        Along { kernel, stride, dilation, padding, inputs, outputs }
    }

    /// A kernel of 3 with as many elements on both sides as it needs, as most kernels of trained models, or one more.
    fn plain(random: &mut Random, stride: u32) -> Along {
        let inputs = 1 + random.below(if cfg!(miri) { 3 } else { 9 }) as u32;
        let padding = choose(random, &[1, 1, 2]);
        let outputs = (inputs + 2 * (padding - 1)).div_ceil(stride);
        Along { kernel: 3, stride, dilation: 1, padding, inputs, outputs }
    }

    /// A kernel of 1 that sees every element.
    fn pointwise(random: &mut Random) -> Along {
        let inputs = 1 + random.below(if cfg!(miri) { 3 } else { 7 }) as u32;
        Along { kernel: 1, stride: 1, dilation: 1, padding: 0, inputs, outputs: inputs }
    }
}

pub fn conv2d(data_type: DataType, random: &mut Random) -> Case {
    if once_in(random, 8) {
        let [rows, columns] = [(); 2].map(|()| Along::pointwise(random));
        let channels = [1, choose(random, MANY_CHANNELS_IN), choose(random, &[1, 5, 8, 19])];
        return convolution(Operator::Conv2d, data_type, random, [&rows, &columns], channels);
    }
    let [rows, columns] = if once_in(random, 3) {
        [(); 2].map(|()| Along::pointwise(random))
    } else {
        [(); 2].map(|()| {
            let kernel = choose(random, &[1, 2, 3, 3, 4, 5]);
            Along::random(random, kernel)
        })
    };
    let groups = choose(random, &[1, 1, 1, 2, 3]);
    let (channels_in, channels_out) = (choose(random, CHANNELS_IN), choose(random, CHANNELS_OUT));
    convolution(Operator::Conv2d, data_type, random, [&rows, &columns], [groups, channels_in, channels_out])
}

pub fn depthwise_conv2d(data_type: DataType, random: &mut Random) -> Case {
    let is_plain = once_in(random, 3);
    let stride = choose(random, &[1, 1, 2]);
    let [rows, columns] = [(); 2].map(|()| {
        let kernel = choose(random, &[1, 2, 3, 3, 3, 4, 5]);
        if is_plain { Along::plain(random, stride) } else { Along::random(random, kernel) }
    });
    let channels = choose(random, CHANNELS);
    convolution(Operator::DepthwiseConv2d, data_type, random, [&rows, &columns], [channels, 1, 1])
}

fn convolution(
    operator: Operator,
    data_type: DataType,
    random: &mut Random,
    [rows, columns]: [&Along; 2],
    [groups, channels_in, channels_out]: [u32; 3],
) -> Case {
    let batch = choose(random, &[1, 1, 1, 2]);
    let attributes = Convolution {
        kernel_h: rows.kernel,
        kernel_w: columns.kernel,
        stride_h: rows.stride,
        stride_w: columns.stride,
        dilation_h: rows.dilation,
        dilation_w: columns.dilation,
        padding_top: rows.padding,
        padding_left: columns.padding,
        groups,
        clamp: clamp(random, data_type),
        weights_offset: 0,
        channels_offset: 0,
    };
    let values = rows.kernel * columns.kernel * channels_in;
    Case {
        operator,
        inputs: vec![input(random, data_type, [batch, rows.inputs, columns.inputs, groups * channels_in])],
        output: output(random, data_type, [batch, rows.outputs, columns.outputs, groups * channels_out]),
        attributes: Attributes::Convolution(
            attributes,
            filter(random, data_type, (groups * channels_out) as usize, values as usize),
        ),
        in_place: false,
    }
}

/// A random filter of `outputs` channels with `values` weights each.
pub fn filter(random: &mut Random, data_type: DataType, outputs: usize, values: usize) -> Filter {
    if data_type != DataType::Int8 {
        let weights = float32_elements(random, outputs * values);
        return Filter::Float32 { weights, bias: float32_elements(random, outputs) };
    }
    // A packer writes no -128.
    let weights =
        int8_elements(random, outputs * values).into_iter().map(|weight| weight.max(-127)).collect();
    // Trained models have no such bias, and no sum of theirs overflows: families have a shorter way for them, too.
    let has_extremes = once_in(random, 2);
    let bias = (0..outputs)
        .map(|_| match random.below(8) {
            0 if has_extremes => choose(random, &[i32::MIN, i32::MAX]),
            _ => (random.bits() as i32) >> 17,
        })
        .collect();
    let largest = (values as f64).sqrt() * 127.0 * 73.0;
    // Layers of trained models scale every channel down, for which families have a shorter way.
    let most = if once_in(random, 2) { -1 } else { 30 };
    let (multiplier, shift) = (0..outputs)
        .map(|_| {
            let (multiplier, shift) = requantization(random, largest);
            (multiplier, shift.clamp(if has_extremes { -31 } else { -20 }, most))
        })
        .unzip();
    Filter::Int8 { weights, bias, multiplier, shift }
}
