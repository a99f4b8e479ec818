//! What conv2d and depthwise_conv2d share: geometry, its checks, and the walk over images and bands.

use super::Memory;
use super::arch::needs::Needs;
use super::arch::{self, Band, ConvolutionShape, OutputQuantization, Rounding, Workspace};
use super::bands::{Bands, Overlap};
use super::window::Window;
use crate::error::Defect;
use crate::family::Family;
use crate::fixed_point::is_requantization;
use crate::format::ChannelBlock;
use crate::format::attributes::Convolution;
use crate::program::Operation;

/// Kernel and image of a step.
pub(super) fn shape(operation: &Operation<'_>) -> Result<ConvolutionShape, Defect> {
    let attributes: &Convolution = operation.attributes()?;
    let [rows, columns] = windows(attributes);
    let image = |[_, h, w, c]: [u32; 4]| [h as usize, w as usize, c as usize];
    Ok(ConvolutionShape {
        rows,
        columns,
        input: image(operation.input(0)?.dims),
        output: image(operation.output().dims),
        groups: attributes.groups.max(1) as usize,
    })
}

/// Zero points and activation of a step.
pub(super) fn quantization(
    operation: &Operation<'_>,
    attributes: &Convolution,
) -> Result<OutputQuantization, Defect> {
    let (low, high) = attributes.clamp.as_int8();
    Ok(OutputQuantization {
        rounding: Rounding::Twice,
        input_zero_point: operation.input(0)?.zero_point,
        output_zero_point: operation.output().zero_point,
        low,
        high,
    })
}

fn product<const N: usize>(factors: [usize; N]) -> Result<usize, Defect> {
    let product = factors.iter().try_fold(1usize, |product, &factor| product.checked_mul(factor));
    product.filter(|&product| product <= u32::MAX as usize).ok_or(Defect::Shapes)
}

/// The rows of a step in bands of `at_once`. `None` if there are several images: they have to lie apart.
pub(super) fn bands(
    operation: &Operation<'_>,
    shape: &ConvolutionShape,
    at_once: usize,
) -> Result<Option<Bands>, Defect> {
    let ([h, w, c], [out_h, out_w, out_c]) = (shape.input, shape.output);
    Ok((operation.output().dims[0] == 1).then_some(Bands {
        window: shape.rows,
        input_rows: h,
        input_row_bytes: product([w, c])?,
        output_rows: out_h,
        output_row_bytes: product([out_w, out_c])?,
        at_once,
    }))
}

/// Checks that input and output, which share memory, are as far apart as they have to be.
pub(super) fn verify_overlap(operation: &Operation<'_>, overlap: Option<Overlap>) -> Result<(), Defect> {
    let overlap = overlap.ok_or(Defect::Placement)?;
    let (input, output) = (operation.input(0)?.offset as usize, operation.output().offset as usize);
    let is_below = output.checked_add(overlap.below).is_some_and(|end| end <= input);
    let is_above = input.checked_add(overlap.above).is_some_and(|end| end <= output);
    if is_below || is_above { Ok(()) } else { Err(Defect::Placement) }
}

/// What a step needs when a family that takes whole images has to copy the input away.
pub(super) fn with_copy(operation: &Operation<'_>, family: Family, needs: Needs) -> Result<Needs, Defect> {
    if !arch::takes_whole_images(family) || !operation.shares_memory()? {
        return Ok(needs);
    }
    let copy = operation.input(0)?.bytes().ok_or(Defect::Shapes)?.next_multiple_of(16);
    Ok(Needs { scratch: needs.scratch.checked_add(copy).ok_or(Defect::Shapes)?, ..needs })
}

/// Calls `kernel` with every image of a step whose input and output lie apart, or whose input is to be copied to scratch.
pub(super) fn for_each_image(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    mut kernel: impl FnMut(Band<'_>, Workspace<'_>),
) -> Result<(), Defect> {
    let (input, output) = (operation.input(0)?, operation.output());
    let prepared = memory.prepared();
    let separate = if operation.shares_memory()? {
        memory.copied(input, output)?
    } else {
        memory.separate::<i8, i8>(input, output)?
    };
    let [images, rows, width, channels] = output.dims.map(|dim| dim as usize);
    let image = product([rows, width, channels])?.max(1);
    let [_, h, w, c] = input.dims.map(|dim| dim as usize);
    let inputs = separate.input.chunks_exact(product([h, w, c])?.max(1));
    for (input, output) in inputs.zip(separate.output.chunks_exact_mut(image)).take(images) {
        let workspace = Workspace { scratch: &mut *separate.scratch, prepared };
        kernel(Band { rows: 0..rows, first_input_row: 0, input, output }, workspace);
    }
    Ok(())
}

/// Calls `kernel` with the bands of a step whose input and output share memory, in the order in which none overwrites what it or a
/// later one sees.
pub(super) fn for_each_band(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    bands: &Bands,
    mut kernel: impl FnMut(Band<'_>, Workspace<'_>),
) -> Result<(), Defect> {
    let (input, output) = (operation.input(0)?.offset as usize, operation.output().offset as usize);
    let mut run = |rows: core::ops::Range<usize>| {
        let seen = bands.seen(&rows);
        let bytes = |start: usize, rows: &core::ops::Range<usize>, row: usize| {
            start.saturating_add(rows.start.saturating_mul(row))
                ..start.saturating_add(rows.end.saturating_mul(row))
        };
        let input = bytes(input, &seen, bands.input_row_bytes);
        let output = bytes(output, &rows, bands.output_row_bytes);
        let prepared = memory.prepared();
        let separate = memory.ranges(input, output)?;
        let band = Band { rows, first_input_row: seen.start, input: separate.input, output: separate.output };
        kernel(band, Workspace { scratch: separate.scratch, prepared });
        Ok(())
    };
    if output <= input { bands.forward().try_for_each(run) } else { bands.backward().try_for_each(&mut run) }
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

/// Checks operands, placement, batch, windows and groups.
pub(super) fn verify_geometry(operation: &Operation<'_>, attributes: &Convolution) -> Result<(), Defect> {
    operation.require(1, operation.data_type()?)?;
    operation.require_arena_output()?;
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
