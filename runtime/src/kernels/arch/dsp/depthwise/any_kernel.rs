//! Every kernel, stride and dilation: one output pixel and four channels at a time.

use core::arch::naked_asm;
use core::ops::Range;

use crate::format::LANES;
use crate::kernels::arch::{Band, Depthwise};
use crate::kernels::window::Window;

/// Taps of `window` on one dimension that lie in the input.
fn inside(window: &Window, origin: i32, inputs: usize) -> Range<u32> {
    let is_inside = |&tap: &u32| window.tap(origin, tap, inputs as u32).is_some();
    let first = (0..window.kernel).find(is_inside).unwrap_or(window.kernel);
    let end = (first..window.kernel).find(|tap| !is_inside(tap)).unwrap_or(window.kernel);
    first..end
}

/// A rectangle of taps and the values that they see.
#[repr(C)]
struct Rectangle {
    /// Weights of the first tap, those of the next 8 bytes behind.
    lines: *const i8,
    values: *const i8,
    /// From one tap to the next, in values.
    step: usize,
    /// From the last tap of a row to the first of the next one, in weights and values.
    lines_step: usize,
    row_step: usize,
    taps: usize,
    rows: usize,
}

/// Writes the rows of a band.
pub(super) fn depthwise_conv2d(job: &Depthwise<'_>, band: &mut Band<'_>) {
    let shape = &job.shape;
    let [h, w, c] = shape.input;
    let width = shape.output[1];
    let (rows, columns) = (&shape.rows, &shape.columns);
    let taps = shape.taps();
    let padding = [job.quantization.input_zero_point as i8; 4];
    let mut pixels = band.output.chunks_exact_mut(c);
    for y in band.rows.clone() {
        let origin_y = rows.origin(y as u32);
        let inside_y = inside(rows, origin_y, h);
        let top = rows.tap(origin_y, inside_y.start, h as u32).unwrap_or(0) as usize;
        let line = top.wrapping_sub(band.first_input_row).wrapping_mul(w);
        for x in 0..width {
            let origin_x = columns.origin(x as u32);
            let inside_x = inside(columns, origin_x, w);
            let left = columns.tap(origin_x, inside_x.start, w as u32).unwrap_or(0) as usize;
            let start = line.wrapping_add(left).wrapping_mul(c);
            let (step, row_step) =
                (columns.dilation as usize * c, (rows.dilation as usize * w).wrapping_mul(c));
            let last = start
                .wrapping_add((inside_y.len().wrapping_sub(1)).wrapping_mul(row_step))
                .wrapping_add((inside_x.len().wrapping_sub(1)).wrapping_mul(step));
            let Some(outputs) = pixels.next() else { return };
            for (quad, outputs) in outputs.chunks_mut(4).enumerate() {
                let channel = 4 * quad;
                let (block, half) = (quad / 2, quad % 2);
                let (Some(lines), Some(channels)) =
                    (job.weights.get(block * taps..block * taps + taps), job.channels.get(block))
                else {
                    return;
                };
                let mut sums = [0; 4];
                let lines = lines.as_ptr().cast::<i8>().wrapping_add(4 * half);
                let mut add =
                    |ky: Range<u32>, kx: Range<u32>, values: *const i8, step: usize, row_step: usize| {
                        if ky.is_empty() || kx.is_empty() {
                            return;
                        }
                        let tap = (ky.start * columns.kernel + kx.start) as usize;
                        let count = kx.len();
                        let rectangle = Rectangle {
                            lines: lines.wrapping_add(LANES * tap),
                            values,
                            step,
                            lines_step: LANES * (columns.kernel as usize - count),
                            row_step: row_step.wrapping_sub(step.wrapping_mul(count)),
                            taps: count,
                            rows: ky.len(),
                        };
                        // SAFETY: the taps are in the block's lines; the values are those of the taps.
                        unsafe { add_products(&rectangle, &mut sums) };
                    };
                let zero = padding.as_ptr();
                add(0..inside_y.start, 0..columns.kernel, zero, 0, 0);
                add(inside_y.end..rows.kernel, 0..columns.kernel, zero, 0, 0);
                add(inside_y.clone(), 0..inside_x.start, zero, 0, 0);
                add(inside_y.clone(), inside_x.end..columns.kernel, zero, 0, 0);
                if !inside_y.is_empty() && !inside_x.is_empty() {
                    if last.wrapping_add(channel).wrapping_add(4) <= band.input.len() {
                        let values = band.input.as_ptr().wrapping_add(start.wrapping_add(channel));
                        add(inside_y.clone(), inside_x.clone(), values, step, row_step);
                    } else {
                        // The last taps have no whole word before the end of the input.
                        for ky in inside_y.clone() {
                            for kx in inside_x.clone() {
                                let row = start.wrapping_add((ky - inside_y.start) as usize * row_step);
                                let tap = row
                                    .wrapping_add((kx - inside_x.start) as usize * step)
                                    .wrapping_add(channel);
                                let mut word = [0; 4];
                                for (slot, &value) in
                                    word.iter_mut().zip(band.input.get(tap..).unwrap_or_default())
                                {
                                    *slot = value;
                                }
                                add(ky..ky + 1, kx..kx + 1, word.as_ptr(), 0, 0);
                            }
                        }
                    }
                }
                for (lane, (output, sum)) in outputs.iter_mut().zip(sums).enumerate() {
                    *output = job.quantization.requantize(sum, channels, 4 * half + lane);
                }
            }
        }
    }
}

/// Adds the products of the taps of a rectangle for four channels.
///
/// # Safety
///
/// The rectangle must not be empty, and its weights and values be there.
#[unsafe(naked)]
unsafe extern "C" fn add_products(rectangle: &Rectangle, sums: &mut [i32; 4]) {
    // r0 rectangle, r1 taps left, r2 weights, r3 values, r8 step, r9 rows left, r12 to r6.
    naked_asm!(
        "push {{r1, r4-r11, lr}}",
        "ldm r1, {{r4-r7}}",
        "ldr r2, [r0]",
        "ldr r3, [r0, #4]",
        "ldr.w r8, [r0, #8]",
        "ldr.w r9, [r0, #24]",
        "2:",
        "ldr r1, [r0, #20]",
        "3:",
        "ldr.w r10, [r3]",
        "ldr.w r11, [r2], #8",
        "add r3, r8",
        "sxtb16 r12, r10",
        "sxtb16 lr, r11",
        "sxtb16 r10, r10, ror #8",
        "sxtb16 r11, r11, ror #8",
        "smlabb r4, r12, lr, r4",
        "smlatt r6, r12, lr, r6",
        "smlabb r5, r10, r11, r5",
        "smlatt r7, r10, r11, r7",
        "subs r1, #1",
        "bne 3b",
        "ldr r1, [r0, #12]",
        "ldr.w r10, [r0, #16]",
        "add r2, r1",
        "add r3, r10",
        "subs.w r9, r9, #1",
        "bne 2b",
        "pop {{r1}}",
        "stm r1, {{r4-r7}}",
        "pop {{r4-r11, pc}}",
    )
}
