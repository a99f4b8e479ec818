//! depthwise_conv2d: convolution of each channel with its own kernel.

use super::Memory;
use super::arch::{self, Depthwise, OutputQuantization, PADDING, Rounding};
use super::convolution::{verify_channels, verify_geometry, verify_offsets, windows};
use crate::error::Defect;
use crate::family::Family;
use crate::format::attributes::Convolution;
use crate::format::{ChannelBlock, DataType, FloatChannelBlock, FloatRow, LANES};
use crate::program::Operation;

fn taps(attributes: &Convolution) -> Result<usize, Defect> {
    attributes.kernel_h.checked_mul(attributes.kernel_w).map(|taps| taps as usize).ok_or(Defect::Shapes)
}

/// Number of blocks of 8 channels, and of weight lines in all of them.
fn blocks(operation: &Operation<'_>, attributes: &Convolution) -> Result<(usize, usize), Defect> {
    let blocks = (operation.output().dims[3] as usize).div_ceil(LANES);
    Ok((blocks, blocks.checked_mul(taps(attributes)?).ok_or(Defect::Shapes)?))
}

pub(crate) fn scratch_bytes(operation: &Operation<'_>, _: Family) -> Result<u32, Defect> {
    let attributes: &Convolution = operation.attributes()?;
    if operation.data_type()? != DataType::Int8 {
        return Ok(0);
    }
    (taps(attributes)? as u32).checked_mul(4).ok_or(Defect::Shapes)
}

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Convolution = operation.attributes()?;
    verify_geometry(operation, attributes)?;
    verify_offsets(attributes.weights_offset, attributes.channels_offset)?;
    let channels = operation.input(0)?.dims[3];
    if channels != operation.output().dims[3] || attributes.groups != channels {
        return Err(Defect::Shapes);
    }
    let (blocks, lines) = blocks(operation, attributes)?;
    match operation.data_type()? {
        DataType::Int8 => {
            operation.weights::<[i8; LANES]>(attributes.weights_offset, lines)?;
            verify_channels(operation, attributes.channels_offset, blocks)
        }
        DataType::Float32 => {
            operation.weights::<FloatRow>(attributes.weights_offset, lines)?;
            operation.weights::<FloatChannelBlock>(attributes.channels_offset, blocks).map(|_| ())
        }
        DataType::Int32 => Err(Defect::DataTypes),
    }
}

/// Calls `pixel` for every output pixel with the indices of the input pixels that its taps lie on.
fn for_each_pixel(
    operation: &Operation<'_>,
    mut pixel: impl FnMut(&mut dyn Iterator<Item = i32>) -> Result<(), Defect>,
) -> Result<(), Defect> {
    let attributes: &Convolution = operation.attributes()?;
    let [rows, columns] = windows(attributes);
    let [batch, h, w, c] = operation.input(0)?.dims;
    let [_, out_h, out_w, _] = operation.output().dims;
    for n in 0..batch {
        for y in 0..out_h {
            for x in 0..out_w {
                let (origin_y, origin_x) = (rows.origin(y), columns.origin(x));
                let mut taps = (0..rows.kernel).flat_map(|ky| {
                    let source_y = rows.tap(origin_y, ky, h);
                    (0..columns.kernel).map(move |kx| match (source_y, columns.tap(origin_x, kx, w)) {
                        (Some(y), Some(x)) => {
                            let row = n.wrapping_mul(h).wrapping_add(y);
                            row.wrapping_mul(w).wrapping_add(x).wrapping_mul(c) as i32
                        }
                        _ => PADDING,
                    })
                });
                pixel(&mut taps)?;
            }
        }
    }
    Ok(())
}

pub(crate) fn execute(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    family: Family,
) -> Result<(), Defect> {
    match operation.data_type()? {
        DataType::Int8 => execute_int8(operation, memory, family),
        _ => execute_float32(operation, memory),
    }
}

fn execute_int8(operation: &Operation<'_>, memory: &mut Memory<'_>, family: Family) -> Result<(), Defect> {
    let attributes: &Convolution = operation.attributes()?;
    let (input, output) = (operation.input(0)?, operation.output());
    let (blocks, lines) = blocks(operation, attributes)?;
    let (low, high) = attributes.clamp.as_int8();
    let channel_count = output.dims[3] as usize;
    let job = Depthwise {
        weights: operation.weights(attributes.weights_offset, lines)?,
        channels: operation.weights::<ChannelBlock>(attributes.channels_offset, blocks)?,
        channel_count,
        quantization: OutputQuantization {
            rounding: Rounding::Twice,
            input_zero_point: input.zero_point,
            output_zero_point: output.zero_point,
            low,
            high,
        },
    };
    let memory = memory.separate::<i8, i8>(input, output)?;
    let scratch: &mut [i32] = bytemuck::try_cast_slice_mut(memory.scratch).map_err(|_| Defect::Scratch)?;
    let offsets = scratch.get_mut(..taps(attributes)?).ok_or(Defect::Scratch)?;
    let kernels = arch::kernels(family);
    let mut outputs = memory.output.chunks_exact_mut(channel_count.max(1));
    for_each_pixel(operation, |taps| {
        for (offset, tap) in offsets.iter_mut().zip(taps) {
            *offset = tap;
        }
        kernels.depthwise(&job, memory.input, offsets, outputs.next().ok_or(Defect::Placement)?);
        Ok(())
    })
}

fn execute_float32(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes: &Convolution = operation.attributes()?;
    let (input, output) = (operation.input(0)?, operation.output());
    let (blocks, lines) = blocks(operation, attributes)?;
    let weights: &[FloatRow] = operation.weights(attributes.weights_offset, lines)?;
    let channels: &[FloatChannelBlock] = operation.weights(attributes.channels_offset, blocks)?;
    let (low, high) = attributes.clamp.as_float32();
    let taps = taps(attributes)?;
    let memory = memory.separate::<f32, f32>(input, output)?;
    let mut outputs = memory.output.chunks_exact_mut((output.dims[3] as usize).max(1));
    for_each_pixel(operation, |offsets| {
        let pixel = outputs.next().ok_or(Defect::Placement)?;
        // One tap after the other: the output holds the sums until the last one.
        pixel.fill(0.0);
        for (tap, offset) in offsets.enumerate().filter(|(_, offset)| *offset != PADDING) {
            let values = memory.input.get(offset as usize..).unwrap_or_default().chunks(LANES);
            let lines = weights.iter().skip(tap).step_by(taps.max(1));
            for ((outputs, line), values) in pixel.chunks_mut(LANES).zip(lines).zip(values) {
                for ((output, weight), value) in outputs.iter_mut().zip(line).zip(values) {
                    *output += weight * value;
                }
            }
        }
        for (outputs, channels) in pixel.chunks_mut(LANES).zip(channels) {
            for (output, bias) in outputs.iter_mut().zip(channels.bias) {
                *output = (*output + bias).max(low).min(high);
            }
        }
        Ok(())
    })
}
