//! conv2d: convolution, also 1-D and grouped.

use super::Memory;
use super::arch::{self, Gemm, Kernels, OutputQuantization, Rounding};
use super::convolution::{verify_channels, verify_geometry, verify_offsets, windows};
use super::memory::Separate;
use super::parts::parts;
use super::window::Window;
use crate::error::Defect;
use crate::family::Family;
use crate::format::attributes::Convolution;
use crate::format::{
    ChannelBlock, DataType, FloatChannelBlock, FloatRow, LANES, TensorRecord, WeightCell, convolution_cells,
};
use crate::program::Operation;

/// Sizes that follow from the attributes and shapes.
struct Layout {
    groups: usize,
    /// Input channels of a group.
    channels_in: usize,
    /// Output channels of a group.
    channels_out: usize,
    /// Blocks of 8 output channels of a group.
    blocks: usize,
    /// Cells of one kernel row.
    row_cells: usize,
    /// Cells along K.
    cells: usize,
}

fn layout(operation: &Operation<'_>, attributes: &Convolution) -> Result<Layout, Defect> {
    let (input, output) = (operation.input(0)?, operation.output());
    let groups = attributes.groups.max(1);
    let (channels_in, channels_out) = (input.dims[3] / groups, output.dims[3] / groups);
    let row_cells = convolution_cells(1, attributes.kernel_w, channels_in).ok_or(Defect::Shapes)?;
    let cells =
        convolution_cells(attributes.kernel_h, attributes.kernel_w, channels_in).ok_or(Defect::Shapes)?;
    Ok(Layout {
        groups: groups as usize,
        channels_in: channels_in as usize,
        channels_out: channels_out as usize,
        blocks: channels_out.div_ceil(LANES as u32) as usize,
        row_cells: row_cells as usize,
        cells: cells as usize,
    })
}

fn product(factors: &[usize]) -> Result<usize, Defect> {
    let product = factors.iter().try_fold(1usize, |product, &factor| product.checked_mul(factor));
    product.filter(|&product| product <= u32::MAX as usize).ok_or(Defect::Shapes)
}

/// Whether the input itself is the matrix of columns: a 1 × 1 kernel that sees every pixel, with whole cells.
fn is_direct(operation: &Operation<'_>, attributes: &Convolution) -> Result<bool, Defect> {
    let (input, output) = (operation.input(0)?, operation.output());
    Ok(attributes.kernel_h == 1
        && attributes.kernel_w == 1
        && attributes.groups == 1
        && attributes.padding_top == 0
        && attributes.padding_left == 0
        && input.dims[1] == output.dims[1]
        && input.dims[2] == output.dims[2]
        && input.dims[3].is_multiple_of(4)
        && (attributes.stride_h == 1 || output.dims[1] == 1)
        && (attributes.stride_w == 1 || output.dims[2] == 1))
}

pub(crate) fn scratch_bytes(operation: &Operation<'_>, family: Family) -> Result<u32, Defect> {
    let attributes: &Convolution = operation.attributes()?;
    if operation.data_type()? != DataType::Int8 || is_direct(operation, attributes)? {
        return Ok(0);
    }
    let bytes = product(&[arch::columns(family), layout(operation, attributes)?.cells, 4])?;
    u32::try_from(bytes).map_err(|_| Defect::Shapes)
}

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Convolution = operation.attributes()?;
    verify_geometry(operation, attributes)?;
    verify_offsets(attributes.weights_offset, attributes.channels_offset)?;
    let layout = layout(operation, attributes)?;
    let blocks = product(&[layout.groups, layout.blocks])?;
    match operation.data_type()? {
        DataType::Int8 => {
            operation.weights::<WeightCell>(attributes.weights_offset, product(&[blocks, layout.cells])?)?;
            verify_channels(operation, attributes.channels_offset, blocks)
        }
        DataType::Float32 => {
            let taps = product(&[attributes.kernel_h as usize, attributes.kernel_w as usize])?;
            let rows = product(&[blocks, taps, layout.channels_in])?;
            operation.weights::<FloatRow>(attributes.weights_offset, rows)?;
            operation.weights::<FloatChannelBlock>(attributes.channels_offset, blocks).map(|_| ())
        }
        DataType::Int32 => Err(Defect::DataTypes),
    }
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

#[inline(never)]
fn execute_int8(operation: &Operation<'_>, memory: &mut Memory<'_>, family: Family) -> Result<(), Defect> {
    let kernels = arch::kernels(family);
    let attributes: &Convolution = operation.attributes()?;
    let layout = layout(operation, attributes)?;
    let (input, output) = (operation.input(0)?, operation.output());
    let blocks = product(&[layout.groups, layout.blocks])?;
    let weights: &[WeightCell] =
        operation.weights(attributes.weights_offset, product(&[blocks, layout.cells])?)?;
    let channels: &[ChannelBlock] = operation.weights(attributes.channels_offset, blocks)?;
    let (low, high) = attributes.clamp.as_int8();
    let quantization = OutputQuantization {
        rounding: Rounding::Twice,
        input_zero_point: input.zero_point,
        output_zero_point: output.zero_point,
        low,
        high,
    };
    let memory = memory.separate::<i8, i8>(input, output)?;
    let out_channels = output.dims[3] as usize;
    if is_direct(operation, attributes)? {
        let job = Gemm {
            weights,
            channels,
            cells: layout.cells,
            columns: memory.input,
            column_stride: input.dims[3] as usize,
            count: product(&[output.dims[0] as usize, output.dims[1] as usize, output.dims[2] as usize])?,
            output_channels: out_channels,
            output_stride: out_channels,
            quantization,
        };
        kernels.gemm(&job, memory.output);
        return Ok(());
    }
    let group_weights = product(&[layout.blocks, layout.cells])?;
    let groups = parts(weights, group_weights).zip(parts(channels, layout.blocks));
    let Separate { input: pixels, output: outputs, scratch } = memory;
    for (group, (weights, channels)) in groups.enumerate() {
        let job = Gemm {
            weights,
            channels,
            cells: layout.cells,
            columns: &[],
            column_stride: layout.cells * 4,
            count: 0,
            output_channels: layout.channels_out,
            output_stride: out_channels,
            quantization,
        };
        let columns = Columns { attributes, at_once: arch::columns(family), input, layout: &layout, group };
        let outputs = outputs.get_mut(group * layout.channels_out..).ok_or(Defect::Placement)?;
        columns.multiply(pixels, output, &job, kernels, scratch, outputs)?;
    }
    Ok(())
}

/// The columns of one group, prepared in scratch a few at a time.
struct Columns<'a> {
    /// How many are prepared for one product.
    at_once: usize,
    attributes: &'a Convolution,
    input: &'a TensorRecord,
    layout: &'a Layout,
    group: usize,
}

impl Columns<'_> {
    fn multiply(
        &self,
        pixels: &[i8],
        output: &TensorRecord,
        job: &Gemm<'_>,
        kernels: &dyn Kernels,
        scratch: &mut [u8],
        outputs: &mut [i8],
    ) -> Result<(), Defect> {
        let [batch, out_h, out_w, _] = output.dims;
        let at_once = (self.at_once as u32).max(1);
        let scratch: &mut [i8] = bytemuck::try_cast_slice_mut(scratch).map_err(|_| Defect::Scratch)?;
        let mut outputs = outputs;
        for n in 0..batch {
            let image = product(&[n as usize, self.input.dims[1] as usize, self.input.dims[2] as usize])?;
            let image = pixels.get(image * self.input.dims[3] as usize..).ok_or(Defect::Placement)?;
            for y in 0..out_h {
                let mut x = 0;
                while x < out_w {
                    let count = at_once.min(out_w - x);
                    let columns = scratch.chunks_exact_mut(job.column_stride.max(1));
                    for (column, x) in columns.zip(x..x + count) {
                        self.gather(image, y, x, column);
                    }
                    let columns = &*scratch;
                    kernels.gemm(&Gemm { columns, count: count as usize, ..*job }, outputs);
                    let written = (count as usize).saturating_mul(job.output_stride).min(outputs.len());
                    outputs = outputs.get_mut(written..).ok_or(Defect::Placement)?;
                    x += count;
                }
            }
        }
        Ok(())
    }

    /// Copies what one output pixel sees into a column, the zero point where it sees padding.
    fn gather(&self, image: &[i8], y: u32, x: u32, column: &mut [i8]) {
        let [_, h, w, c] = self.input.dims;
        let [rows, columns] = windows(self.attributes);
        let (origin_y, origin_x) = (rows.origin(y), columns.origin(x));
        let zero_point = self.input.zero_point as i8;
        let cells = column.chunks_exact_mut((self.layout.row_cells * 4).max(1));
        for (ky, row) in (0..self.attributes.kernel_h).zip(cells) {
            let Some(source_y) = rows.tap(origin_y, ky, h) else {
                row.fill(zero_point);
                continue;
            };
            let line = image.get(source_y as usize * w as usize * c as usize..).unwrap_or_default();
            self.gather_row(line, columns, origin_x, zero_point, row);
        }
    }

    fn gather_row(&self, line: &[i8], columns: Window, origin: i32, zero_point: i8, row: &mut [i8]) {
        let [_, _, w, c] = self.input.dims;
        let per_tap = self.layout.channels_in;
        let first = self.group * per_tap;
        let last = origin.wrapping_add(columns.kernel as i32);
        // Weights of the tail are zero in a well-made blob; in any other one the tail must still be the same for all families.
        let tail = row.get_mut(per_tap.wrapping_mul(columns.kernel as usize)..).unwrap_or_default();
        tail.fill(0);
        if columns.dilation == 1 && self.layout.groups == 1 && origin >= 0 && last <= w as i32 {
            let start = origin as usize * c as usize;
            let source = line.get(start..).unwrap_or_default().iter();
            for (value, source) in row.iter_mut().take(per_tap * columns.kernel as usize).zip(source) {
                *value = *source;
            }
            return;
        }
        for (tap, values) in (0..columns.kernel).zip(row.chunks_mut(per_tap.max(1))) {
            match columns.tap(origin, tap, w) {
                None => values.fill(zero_point),
                Some(source) => {
                    let start = source as usize * c as usize + first;
                    let source = line.get(start..).unwrap_or_default().iter();
                    for (value, source) in values.iter_mut().zip(source) {
                        *value = *source;
                    }
                }
            }
        }
    }
}

#[inline(never)]
fn execute_float32(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes: &Convolution = operation.attributes()?;
    let layout = layout(operation, attributes)?;
    let (input, output) = (operation.input(0)?, operation.output());
    let blocks = product(&[layout.groups, layout.blocks])?;
    let row_length = product(&[attributes.kernel_w as usize, layout.channels_in])?;
    let block_length = product(&[attributes.kernel_h as usize, row_length])?;
    let weights: &[FloatRow] =
        operation.weights(attributes.weights_offset, product(&[blocks, block_length])?)?;
    let channels: &[FloatChannelBlock] = operation.weights(attributes.channels_offset, blocks)?;
    let (low, high) = attributes.clamp.as_float32();
    let [rows, columns] = windows(attributes);
    let [batch, h, w, c] = input.dims;
    let [_, out_h, out_w, out_c] = output.dims;
    let memory = memory.separate::<f32, f32>(input, output)?;
    let image_length = product(&[h as usize, w as usize, c as usize])?;
    let mut outputs = memory.output.chunks_exact_mut((out_c as usize).max(1));
    for image in memory.input.chunks_exact(image_length.max(1)).take(batch as usize) {
        for y in 0..out_h {
            for x in 0..out_w {
                let Some(pixel) = outputs.next() else { return Err(Defect::Placement) };
                let (origin_y, origin_x) = (rows.origin(y), columns.origin(x));
                let groups = pixel.chunks_exact_mut(layout.channels_out.max(1)).enumerate();
                let group_blocks =
                    parts(weights, layout.blocks * block_length).zip(parts(channels, layout.blocks));
                for ((group, outputs), (weights, channels)) in groups.zip(group_blocks) {
                    let lanes = outputs.chunks_mut(LANES);
                    let blocks = weights.chunks_exact(block_length.max(1)).zip(channels);
                    for (outputs, (weights, channels)) in lanes.zip(blocks) {
                        let mut sums = [0f32; LANES];
                        let kernel_rows = weights.chunks_exact(row_length.max(1));
                        for (ky, weights) in (0..rows.kernel).zip(kernel_rows) {
                            let Some(source_y) = rows.tap(origin_y, ky, h) else { continue };
                            for (kx, weights) in
                                (0..columns.kernel).zip(weights.chunks_exact(layout.channels_in.max(1)))
                            {
                                let Some(source_x) = columns.tap(origin_x, kx, w) else { continue };
                                let pixel = source_y as usize * w as usize + source_x as usize;
                                let start = pixel * c as usize + group * layout.channels_in;
                                let values = image.get(start..).unwrap_or_default();
                                accumulate(&mut sums, weights, values);
                            }
                        }
                        for ((output, sum), bias) in outputs.iter_mut().zip(sums).zip(channels.bias) {
                            *output = (sum + bias).max(low).min(high);
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// Adds `weights · values` to eight sums, one value after the other: the order is part of the result.
#[inline(always)]
pub(super) fn accumulate(sums: &mut [f32; LANES], weights: &[FloatRow], values: &[f32]) {
    for (row, &value) in weights.iter().zip(values) {
        for (sum, &weight) in sums.iter_mut().zip(row) {
            *sum += weight * value;
        }
    }
}
