//! What conv2d and depthwise_conv2d share: geometry, its checks, and the walk over images and bands.

use core::ops::Range;

use super::Memory;
use super::arch::needs::Needs;
use super::arch::{self, Band, ConvolutionShape, OutputQuantization, Rounding, Workspace};
use super::bands::{Bands, Overlap};
use super::memory::Separate;
use super::parts::{parts, parts_mut};
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

/// Computes a part of a step.
type Run<'k> = &'k mut dyn FnMut(Band<'_>, Workspace<'_>);

/// Calls `run` with every image of a step; with one band after the other where input and output share memory and the kernels of `family`
/// can do with bands.
pub(super) fn for_each_part(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    family: Family,
    bands: Option<Bands>,
    run: Run<'_>,
) -> Result<(), Defect> {
    let shares_memory = operation.shares_memory()?;
    if shares_memory && !arch::takes_whole_images(family) {
        return for_each_band(operation, memory, &bands.ok_or(Defect::Placement)?, run);
    }
    let (input, output) = (operation.input(0)?, operation.output());
    let prepared = memory.prepared();
    let separate = if shares_memory {
        memory.copied(input, output)?
    } else {
        memory.separate::<i8, i8>(input, output)?
    };
    let [_, rows, width, channels] = output.dims.map(|dim| dim as usize);
    let [_, h, w, c] = input.dims.map(|dim| dim as usize);
    let inputs = parts(separate.input, product([h, w, c])?);
    for (input, output) in inputs.zip(parts_mut(separate.output, product([rows, width, channels])?)) {
        let workspace = Workspace { scratch: &mut *separate.scratch, prepared };
        run(Band { rows: 0..rows, first_input_row: 0, input, output }, workspace);
    }
    Ok(())
}

/// Calls `run` with the bands of a step, in the order in which none overwrites what it or a later one sees.
fn for_each_band(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    bands: &Bands,
    run: Run<'_>,
) -> Result<(), Defect> {
    let (input, output) = (operation.input(0)?.offset as usize, operation.output().offset as usize);
    let bytes = |start: usize, rows: &Range<usize>, row: usize| {
        let at = |index: usize| start.saturating_add(index.saturating_mul(row));
        at(rows.start)..at(rows.end)
    };
    let prepared = memory.prepared();
    for index in 0..bands.count() {
        let index = if output <= input { index } else { bands.count() - 1 - index };
        let rows = bands.band(index);
        let seen = bands.seen(&rows);
        let input = bytes(input, &seen, bands.input_row_bytes);
        let output = bytes(output, &rows, bands.output_row_bytes);
        let Separate { input, output, scratch } = memory.ranges(input, output)?;
        run(Band { rows, first_input_row: seen.start, input, output }, Workspace { scratch, prepared });
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
