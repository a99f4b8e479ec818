//! What conv2d and depthwise_conv2d share: geometry and its checks.

use super::window::Window;
use crate::error::Defect;
use crate::fixed_point::is_requantization;
use crate::format::ChannelBlock;
use crate::format::attributes::Convolution;
use crate::program::Operation;

/// Kernel, stride, dilation and padding of both dimensions.
pub(super) fn windows(attributes: &Convolution) -> [Window; 2] {
    [
        Window {
            kernel: attributes.kernel_h,
            stride: attributes.stride_h,
            dilation: attributes.dilation_h,
            padding: attributes.padding_top,
        },
        Window {
            kernel: attributes.kernel_w,
            stride: attributes.stride_w,
            dilation: attributes.dilation_w,
            padding: attributes.padding_left,
        },
    ]
}

/// Checks operands, placement, batch, windows and groups.
pub(super) fn verify_geometry(operation: &Operation<'_>, attributes: &Convolution) -> Result<(), Defect> {
    operation.require(1, operation.data_type()?)?;
    operation.require_placement(false)?;
    operation.require_variable(0)?;
    let ([n, h, w, c], [out_n, out_h, out_w, out_c]) = (operation.input(0)?.dims, operation.output().dims);
    let [rows, columns] = windows(attributes);
    let groups = attributes.groups;
    if n == out_n
        && rows.fits(h, out_h)
        && columns.fits(w, out_w)
        && groups != 0
        && c.is_multiple_of(groups)
        && out_c.is_multiple_of(groups)
    {
        Ok(())
    } else {
        Err(Defect::Shapes)
    }
}

/// Checks that weights and channel blocks start at a multiple of 16: kernels may load whole vectors, or pairs of words.
pub(super) fn verify_offsets(weights: u32, channels: u32) -> Result<(), Defect> {
    if weights.is_multiple_of(16) && channels.is_multiple_of(16) { Ok(()) } else { Err(Defect::Weights) }
}

/// Reads `count` channel blocks and checks their multipliers and shifts.
pub(super) fn verify_channels(operation: &Operation<'_>, offset: u32, count: usize) -> Result<(), Defect> {
    let blocks: &[ChannelBlock] = operation.weights(offset, count)?;
    let valid = |block: &ChannelBlock| {
        block
            .multiplier
            .iter()
            .zip(block.shift)
            .all(|(&multiplier, shift)| is_requantization(multiplier, shift))
    };
    if blocks.iter().all(valid) { Ok(()) } else { Err(Defect::Requantization) }
}
