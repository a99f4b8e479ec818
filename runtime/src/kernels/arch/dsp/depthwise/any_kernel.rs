//! Every kernel, stride and dilation: one output pixel and four channels at a time.

use core::arch::naked_asm;
use core::ops::Range;

use crate::feature::Feature;
use crate::format::{ChannelBlock, LANES};
use crate::kernels::arch::dsp::copy::copy_few;
use crate::kernels::arch::dsp::requantize::requantize;
use crate::kernels::arch::{Band, Depthwise};
use crate::kernels::window::Window;

/// Taps that lie in the input, on one dimension, and where the first of them lies.
struct Inside {
    taps: Range<usize>,
    start: usize,
}

impl Inside {
    #[inline(never)]
    fn of(window: &Window, output: usize, inputs: usize) -> Inside {
        let origin = window.origin(output as u32);
        let taps = window.inside(origin, inputs);
        let start = taps.start.wrapping_mul(window.dilation as usize).wrapping_add(origin as usize);
        Inside { taps, start }
    }
}

/// A rectangle of taps and the values that they see. The order of the fields is that of the registers.
#[derive(Clone, Copy)]
#[repr(C)]
struct Rectangle {
    /// Weights of the first tap, those of the next one 8 bytes behind.
    lines: *const i8,
    values: *const i8,
    /// From one tap to the next, in bytes of values.
    step: usize,
    rows: usize,
    taps: usize,
    /// From the end of a row to the start of the next one, in bytes of weights and of values.
    lines_step: usize,
    row_step: usize,
}

/// The kernel of a layer, as it lies on memory.
#[derive(Clone, Copy)]
struct Kernel {
    columns: usize,
    lines: *const i8,
    step: usize,
    row_step: usize,
}

impl Kernel {
    /// The taps of some rows and columns, which see `values`, all the same if these are padding.
    fn rectangle(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        values: *const i8,
        is_padding: bool,
    ) -> Rectangle {
        let (taps, rows, first) =
            (columns.len(), rows.len(), rows.start.wrapping_mul(self.columns).wrapping_add(columns.start));
        let [step, row_step] = if is_padding { [0, 0] } else { [self.step, self.row_step] };
        Rectangle {
            lines: self.lines.wrapping_add(LANES.wrapping_mul(first)),
            values,
            step,
            rows: if taps == 0 { 0 } else { rows },
            taps,
            lines_step: LANES.wrapping_mul(self.columns.wrapping_sub(taps)),
            row_step: row_step.wrapping_sub(step.wrapping_mul(taps)),
        }
    }
}

/// Writes the rows of a band. Weights, channels and output must be complete.
#[inline(never)]
pub(super) fn depthwise_conv2d(job: &Depthwise<'_>, band: &mut Band<'_>, is_raw: bool) {
    let shape = &job.shape;
    let [h, w, c] = shape.input;
    let (rows, columns) = (shape.rows.kernel as usize, shape.columns.kernel as usize);
    let padding = [job.quantization.input_zero_point as i8; 4];
    let kernel = Kernel {
        columns,
        lines: job.weights.as_ptr().cast(),
        step: c.wrapping_mul(shape.columns.dilation as usize),
        row_step: w.wrapping_mul(c).wrapping_mul(shape.rows.dilation as usize),
    };
    let rounding = job.quantization.output_zero_point.wrapping_mul(2).wrapping_add(1);
    let mut target = band.output.as_mut_ptr();
    for y in band.rows.clone() {
        let vertical = Inside::of(&shape.rows, y, h);
        for x in 0..shape.output[1] {
            let horizontal = Inside::of(&shape.columns, x, w);
            let row = vertical.start.wrapping_sub(band.first_input_row).wrapping_mul(w);
            let start = row.wrapping_add(horizontal.start).wrapping_mul(c);
            let values = band.input.as_ptr().wrapping_add(start);
            let (inner_y, inner_x) = (vertical.taps.clone(), horizontal.taps.clone());
            let outside = |rows, columns| kernel.rectangle(rows, columns, padding.as_ptr(), true);
            // The taps that lie in the image first.
            let mut rectangles = [
                kernel.rectangle(inner_y.clone(), inner_x.clone(), values, false),
                outside(0..inner_y.start, 0..columns),
                outside(inner_y.end..rows, 0..columns),
                outside(inner_y.clone(), 0..inner_x.start),
                outside(inner_y.clone(), inner_x.end..columns),
            ];
            let sees_padding = inner_y.len() != rows || inner_x.len() != columns;
            let rectangles = rectangles.get_mut(..if sees_padding { 5 } else { 1 }).unwrap_or_default();
            let last = start
                .wrapping_add(inner_y.len().wrapping_sub(1).wrapping_mul(kernel.row_step))
                .wrapping_add(inner_x.len().wrapping_sub(1).wrapping_mul(kernel.step));
            let mut lines_step = 4;
            for channel in (0..c).step_by(4) {
                let (block, half) = (channel / LANES, channel % LANES);
                let Some(channels) = job.channels.get(block) else { return };
                let lanes = (c - channel).min(4);
                let mut sums = [0; 4];
                // SAFETY: the taps are those of the block, and see values in the input or the padding; behind the last value nothing
                // is read. The outputs of this pixel are in the band's output.
                unsafe {
                    let mut rest = rectangles.iter();
                    if lanes < 4 && last.wrapping_add(channel + 4) > band.input.len() {
                        if let Some(rectangle) = rest.next() {
                            add_single(rectangle, lanes, &mut sums);
                        }
                    }
                    for rectangle in rest {
                        if rectangle.rows != 0 {
                            add_products(rectangle, &mut sums);
                        }
                    }
                    let mut values = [0i8; 4];
                    if is_raw && Feature::AnyRequantization.is_built() {
                        for (lane, (value, sum)) in values.iter_mut().zip(sums).enumerate() {
                            *value = requantize(&job.quantization, sum, channels, half + lane);
                        }
                    } else {
                        let channels = core::ptr::from_ref(channels).wrapping_byte_add(4 * half);
                        scale(&sums, channels, rounding, &mut values);
                    }
                    copy_few(values.as_ptr(), target, lanes);
                }
                target = target.wrapping_add(lanes);
                for rectangle in &mut *rectangles {
                    rectangle.lines = rectangle.lines.wrapping_add(lines_step);
                    if rectangle.values != padding.as_ptr() {
                        rectangle.values = rectangle.values.wrapping_add(4);
                    }
                }
                // To the other half of a block, or to the next one.
                lines_step = (LANES * rows).wrapping_mul(columns).wrapping_sub(lines_step);
            }
        }
    }
}

/// As [`add_products`] for less than four channels: nothing behind them is read.
///
/// # Safety
///
/// As for [`add_products`], with `lanes` for four values.
#[inline(never)]
unsafe fn add_single(rectangle: &Rectangle, lanes: usize, sums: &mut [i32; 4]) {
    let (mut lines, mut values) = (rectangle.lines, rectangle.values);
    for _ in 0..rectangle.rows {
        for _ in 0..rectangle.taps {
            for (lane, sum) in sums.iter_mut().enumerate().take(lanes) {
                // SAFETY: a tap of the rectangle and one of `lanes` channels.
                *sum += unsafe { i32::from(lines.add(lane).read()) * i32::from(values.add(lane).read()) };
            }
            lines = lines.wrapping_add(LANES);
            values = values.wrapping_add(rectangle.step);
        }
        lines = lines.wrapping_add(rectangle.lines_step);
        values = values.wrapping_add(rectangle.row_step);
    }
}

/// One tap: r2 weights, r3 values, r8 step, sums in r4 to r7.
macro_rules! tap {
    () => {
        concat!(
            "ldr.w r10, [r3]\n",
            "ldr.w r11, [r2], #8\n",
            "add r3, r8\n",
            "sxtb16 r12, r10\n",
            "sxtb16 lr, r11\n",
            "sxtb16 r10, r10, ror #8\n",
            "sxtb16 r11, r11, ror #8\n",
            "smlabb r4, r12, lr, r4\n",
            "smlatt r6, r12, lr, r6\n",
            "smlabb r5, r10, r11, r5\n",
            "smlatt r7, r10, r11, r7\n",
        )
    };
}

/// Adds the products of the taps of a rectangle for four channels.
///
/// # Safety
///
/// The rectangle must not be empty, and its weights and values be there, the values at any address.
#[unsafe(naked)]
unsafe extern "C" fn add_products(rectangle: &Rectangle, sums: &mut [i32; 4]) {
    naked_asm!(
        "push {{r0, r1, r4-r11, lr}}",
        "ldm r1, {{r4-r7}}",
        "ldr r2, [r0]",
        "ldr r3, [r0, #4]",
        "ldr.w r8, [r0, #8]",
        "ldr.w r9, [r0, #12]",
        "2:",
        "ldr r1, [r0, #16]",
        "lsrs r1, r1, #1",
        "bcc 3f",
        tap!(),
        "cbz r1, 4f",
        "3:",
        tap!(),
        tap!(),
        "subs r1, #1",
        "bne 3b",
        "4:",
        "ldr r1, [r0, #20]",
        "ldr.w r10, [r0, #24]",
        "add r2, r1",
        "add r3, r10",
        "subs.w r9, r9, #1",
        "bne 2b",
        "pop {{r0, r1}}",
        "stm r1, {{r4-r7}}",
        "pop {{r4-r11, pc}}",
    )
}

/// Scales four sums of products. `channels` is a block, or its second half; `rounding` is 2 · zero point + 1.
///
/// # Safety
///
/// The channels must be there, and their sums of a kind that can be scaled by SMMLAR.
#[unsafe(naked)]
unsafe extern "C" fn scale(
    sums: &[i32; 4],
    channels: *const ChannelBlock,
    rounding: i32,
    values: &mut [i8; 4],
) {
    naked_asm!(
        "push {{r4-r8, lr}}",
        "movs r4, #4",
        "2:",
        "ldr r5, [r0], #4",
        "ldr r6, [r1]",
        "ldr r7, [r1, #64]",
        "ldr.w r8, [r1, #96]",
        "adds r1, #4",
        "add r5, r6",
        "mvn r8, r8",
        "lsl.w r12, r2, r8",
        "add.w r12, r12, r5, asr #31",
        "lsls r5, r5, #1",
        "smmlar r5, r5, r7, r12",
        "asr.w r5, r5, r8",
        "ssat r5, #8, r5, asr #1",
        "strb r5, [r3], #1",
        "subs r4, #1",
        "bne 2b",
        "pop {{r4-r8, pc}}",
    )
}
