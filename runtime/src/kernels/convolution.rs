//! What conv2d and depthwise_conv2d share: geometry, its checks, and the walk over images and bands.

use bytemuck::Pod;

use super::Memory;
use super::arch::needs::Needs;
use super::arch::{self, Band, ConvolutionShape, Layer, OutputQuantization, Rounding, Sums, Workspace};
use super::bands::{Bands, Overlap, bytes};
use super::memory::Separate;
use super::window::Window;
use crate::error::Defect;
use crate::family::Family;
use crate::fixed_point::is_requantization;
use crate::format::attributes::{Clamp, Convolution};
use crate::format::{ChannelBlock, TensorRecord};
use crate::program::Operation;

/// Kernel and image of a step.
#[inline(never)]
pub(super) fn shape(operation: &Operation<'_>, attributes: &Convolution) -> ConvolutionShape {
    let [rows, columns] = windows(attributes);
    let image = |tensor: &TensorRecord| {
        let [_, h, w, c] = tensor.dims;
        [h as usize, w as usize, c as usize]
    };
    ConvolutionShape {
        rows,
        columns,
        input: image(operation.first_input()),
        output: image(operation.output()),
        groups: attributes.groups as usize,
    }
}

/// Zero points and activation of a step.
#[inline(never)]
pub(super) fn quantization(
    operation: &Operation<'_>,
    rounding: Rounding,
    clamp: &Clamp,
) -> OutputQuantization {
    let (low, high) = clamp.as_int8();
    OutputQuantization {
        rounding,
        input_zero_point: operation.first_input().zero_point,
        output_zero_point: operation.output().zero_point,
        low,
        high,
    }
}

/// How many channel blocks and records of weights a convolution has; so many that no section has them, if they overflow.
type Counts = fn(&ConvolutionShape) -> [usize; 2];

/// What the kernels get to see of a step in int8.
#[inline(always)]
pub(super) fn layer<'a, W: Pod>(operation: &Operation<'a>, counts: Counts) -> Result<Layer<'a, W>, Defect> {
    let attributes: &Convolution = operation.attributes()?;
    let [blocks, weights] = counts(&shape(operation, attributes));
    let weights = operation.weights(attributes.weights_offset, weights)?;
    let channels = operation.weights(attributes.channels_offset, blocks)?;
    let quantization = quantization(operation, Rounding::Twice, &attributes.clamp);
    // The shape again: copied from the records, it does not have to be kept.
    Ok(Layer { weights, channels, shape: shape(operation, attributes), quantization, sums: Sums::Raw })
}

/// The rows of an image in bands of `at_once`.
pub(super) fn bands(shape: &ConvolutionShape, at_once: usize) -> Bands {
    let ([h, w, c], [out_h, out_w, out_c]) = (shape.input, shape.output);
    Bands {
        window: shape.rows,
        input_rows: h,
        input_row_bytes: w.wrapping_mul(c),
        output_rows: out_h,
        output_row_bytes: out_w.wrapping_mul(out_c),
        at_once,
    }
}

/// The distances at which input and output may share memory. `None` if there are several images: they have to lie apart.
pub(super) fn overlap(operation: &Operation<'_>, bands: &Bands) -> Option<Overlap> {
    (operation.output().dims[0] == 1).then(|| bands.overlap())
}

/// Checks that input and output are as far apart as they have to be, if they share memory.
pub(super) fn verify_overlap(operation: &Operation<'_>, bands: &Bands) -> Result<(), Defect> {
    if !operation.shares_memory() {
        return Ok(());
    }
    let (input, output) = (operation.first_input().offset as usize, operation.output().offset as usize);
    if operation.output().dims[0] == 1 && bands.are_safe(input, output) {
        Ok(())
    } else {
        Err(Defect::Placement)
    }
}

/// What a step needs when a family that takes whole images has to copy the input away.
pub(super) fn with_copy(operation: &Operation<'_>, family: Family, needs: Needs) -> Result<Needs, Defect> {
    if !arch::takes_whole_images(family) || !operation.shares_memory() {
        return Ok(needs);
    }
    let copy = operation.first_input().bytes().ok_or(Defect::Shapes)?.next_multiple_of(16);
    Ok(Needs { scratch: needs.scratch.checked_add(copy).ok_or(Defect::Shapes)?, ..needs })
}

/// Calls `run` with every image of a step; with one band after the other where input and output share memory and the kernels of `family`
/// can do with bands, in the order in which none overwrites what it or a later one sees.
pub(super) fn for_each_band(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    family: Family,
    bands: &Bands,
    run: &mut dyn FnMut(Band<'_>, Workspace<'_>),
) -> Result<(), Defect> {
    let prepared = memory.prepared();
    let (input, output) = (operation.first_input(), operation.output());
    let shares_memory = operation.shares_memory();
    if shares_memory && arch::takes_whole_images(family) {
        let Separate { input, output, scratch } = memory.copied(input, output)?;
        run(
            Band { rows: 0..bands.output_rows, first_input_row: 0, input, output },
            Workspace { scratch, prepared },
        );
        return Ok(());
    }
    let count = if shares_memory { bands.count() } else { 1 };
    let is_forward = output.offset <= input.offset;
    let (mut input_start, mut output_start) = (input.offset as usize, output.offset as usize);
    for _ in 0..output.dims[0] {
        for index in 0..count {
            let (rows, seen) = if shares_memory {
                let rows = bands.band(if is_forward { index } else { count - 1 - index });
                let seen = bands.seen(&rows);
                (rows, seen)
            } else {
                (0..bands.output_rows, 0..bands.input_rows)
            };
            let input = bytes(input_start, &seen, bands.input_row_bytes);
            let output = bytes(output_start, &rows, bands.output_row_bytes);
            let Separate { input, output, scratch } = memory.ranges(input, output)?;
            run(Band { rows, first_input_row: seen.start, input, output }, Workspace { scratch, prepared });
        }
        input_start = input_start.wrapping_add(bands.input_rows.wrapping_mul(bands.input_row_bytes));
        output_start = output_start.wrapping_add(bands.output_rows.wrapping_mul(bands.output_row_bytes));
    }
    Ok(())
}

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

/// Checks operands, placement, batch, windows, groups and where weights begin; returns the attributes.
pub(super) fn verify_geometry<'a>(operation: &Operation<'a>) -> Result<&'a Convolution, Defect> {
    let attributes: &Convolution = operation.attributes()?;
    operation.require_elements(1)?;
    operation.require_arena()?;
    verify_offsets(attributes.weights_offset, attributes.channels_offset)?;
    let shape = &shape(operation, attributes);
    let ([h, w, c], [out_h, out_w, out_c]) = (shape.input, shape.output);
    if operation.first_input().dims[0] == operation.output().dims[0]
        && shape.rows.fits(h as u32, out_h as u32)
        && shape.columns.fits(w as u32, out_w as u32)
        && shape.groups != 0
        && c.is_multiple_of(shape.groups)
        && out_c.is_multiple_of(shape.groups)
    {
        Ok(attributes)
    } else {
        Err(Defect::Shapes)
    }
}

/// Checks that weights and channel blocks start at a multiple of 16: kernels may load whole vectors, or pairs of words.
pub(super) fn verify_offsets(weights: u32, channels: u32) -> Result<(), Defect> {
    if (weights | channels).is_multiple_of(16) { Ok(()) } else { Err(Defect::Weights) }
}

/// Checks multipliers and shifts.
#[inline(never)]
pub(super) fn verify_channels(blocks: &[ChannelBlock]) -> Result<(), Defect> {
    let valid = |block: &ChannelBlock| {
        let constants = block.multiplier.iter().zip(&block.shift);
        constants.into_iter().all(|(&multiplier, &shift)| is_requantization(multiplier, shift))
    };
    if blocks.iter().all(valid) { Ok(()) } else { Err(Defect::Requantization) }
}
