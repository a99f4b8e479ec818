//! Kernels of 3 × 3, stride 1 (two output rows at a time) or 2.

use core::arch::naked_asm;

use crate::format::ChannelBlock;
use crate::kernels::arch::dsp::layout::{self, SLOT};
use crate::kernels::arch::{Band, Depthwise};

/// What one pass of a quad of channels works on.
#[repr(C)]
struct Quad {
    /// The words of the first channel at the first column.
    slots: *mut u32,
    /// Weights of the first channel; those of the next tap are 8 bytes behind.
    lines: *const i8,
    /// The first channel of a channel block, or its fifth.
    channels: *const ChannelBlock,
    /// Where the outputs begin: two rows, or the even and odd columns of one.
    outputs: [*mut i8; 2],
    /// Bytes from one output to the next.
    step: usize,
    /// 2 · zero point of the output + 1.
    rounding: i32,
    /// Number of channels, 1 to 4.
    lanes: usize,
    /// Bytes of the slots of the output columns, or of half of them, rounded up.
    span: usize,
    /// Bytes of the slots that give two outputs.
    full: usize,
}

/// Writes the rows of a band. The sums must allow scaling by SMMLAR.
pub(super) fn depthwise_conv2d(job: &Depthwise<'_>, band: &mut Band<'_>, scratch: &mut [u8]) {
    let shape = &job.shape;
    let [h, w, c] = shape.input;
    let width = shape.output[1];
    let layout::Pass { columns, slots } = layout::Pass::of(shape);
    let scratch: &mut [u32] = bytemuck::try_cast_slice_mut(scratch).unwrap_or_default();
    let Some(scratch) = scratch.get_mut(..slots.wrapping_mul(SLOT / 4)) else { return };
    let scratch = scratch.as_mut_ptr();
    let is_single = shape.columns.stride == 1;
    let padding = [job.quantization.input_zero_point as i8; 4];
    let (first_row, rows_at_once) = (band.rows.start, if is_single { 2 } else { 1 });
    let output = band.output.as_mut_ptr();
    let row_bytes = w.wrapping_mul(c);
    for y in band.rows.clone().step_by(rows_at_once) {
        // Input rows; the zero point for those in the padding, and for those that no output of this pass sees.
        let top = shape.rows.origin(y as u32);
        let rows = [0, 1, 2, 3].map(|ky| {
            let row = shape.rows.tap(top, ky, h as u32)? as usize;
            let start = row.checked_sub(band.first_input_row)?.checked_mul(row_bytes)?;
            band.input.get(start..start.checked_add(row_bytes)?)
        });
        for first in (0..width).step_by(columns) {
            let count = columns.min(width - first);
            let origin = shape.columns.origin(first as u32);
            let left = (-origin).max(0) as usize;
            let start = origin.max(0) as usize;
            let seen = slots.wrapping_sub(left).min(w.wrapping_sub(start));
            let right = slots.wrapping_sub(left).wrapping_sub(seen);
            let row = (y - first_row).wrapping_mul(width).wrapping_add(first).wrapping_mul(c);
            let has_second = is_single && y + 1 < band.rows.end;
            for quad in 0..c.div_ceil(4) {
                let channel = 4 * quad;
                // SAFETY: `scratch` has `slots` slots, which are those at the edges and those seen.
                unsafe {
                    // Sums replace the values of neither the first slot nor the last.
                    if quad == 0 || left > 1 || right > 1 {
                        fill(scratch, left, padding);
                        fill(scratch.add((left + seen) * SLOT / 4), right, padding);
                    }
                    let target = scratch.add(left * SLOT / 4);
                    let [a, b, c, d] = rows.map(|row| match row {
                        Some(row) => Source::new(row, start.wrapping_mul(c).wrapping_add(channel), c),
                        None => Source::new(&padding, 0, 0),
                    });
                    a.widen_with(&b, target, seen);
                    c.widen_with(&d, target.add(1), seen);
                }
                let (block, half) = (quad / 2, quad % 2);
                let (Some(lines), Some(channels)) = (job.weights.get(9 * block), job.channels.get(block))
                else {
                    return;
                };
                let target = output.wrapping_add(row + channel);
                let step = if is_single { c } else { 2 * c };
                let pass = Quad {
                    slots: scratch,
                    lines: lines.as_ptr().wrapping_add(4 * half),
                    channels: core::ptr::from_ref(channels).wrapping_byte_add(16 * half),
                    outputs: [
                        target,
                        match (is_single, has_second) {
                            (true, true) => target.wrapping_add(width * c),
                            (true, false) => target,
                            (false, _) => target.wrapping_add(c),
                        },
                    ],
                    step,
                    rounding: job.quantization.output_zero_point.wrapping_mul(2).wrapping_add(1),
                    lanes: (c - channel).min(4),
                    span: if is_single { count } else { count.div_ceil(2) } * SLOT,
                    full: if is_single { count } else { count / 2 } * SLOT,
                };
                // SAFETY: the slots hold what `count` columns see, the block has nine lines, and the outputs of these rows, columns, and
                // channels are in the band's output, as the caller has checked.
                unsafe { if is_single { stride_one(&pass) } else { stride_two(&pass) } }
            }
        }
    }
}

/// Four channels of consecutive pixels.
struct Source<'a> {
    values: &'a [i8],
    /// From one pixel to the next.
    step: usize,
}

impl<'a> Source<'a> {
    #[inline(always)]
    fn new(row: &'a [i8], start: usize, step: usize) -> Source<'a> {
        Source { values: row.get(start..).unwrap_or_default(), step }
    }

    /// The pixels that can be read by words.
    #[inline(always)]
    fn whole(&self, count: usize) -> usize {
        let (len, step) = (self.values.len(), self.step);
        let mut whole = count;
        // Only the last few of a row, where the channels are not a multiple of four.
        while whole > 0 && (whole - 1).wrapping_mul(step).wrapping_add(4) > len {
            whole -= 1;
        }
        whole
    }

    fn word(&self, pixel: usize) -> [i8; 4] {
        let mut word = [0; 4];
        for (slot, &value) in
            word.iter_mut().zip(self.values.get(pixel.wrapping_mul(self.step)..).unwrap_or_default())
        {
            *slot = value;
        }
        word
    }

    /// Widens `count` pixels, with those of the row below in the upper halves, to one word each of the four channels of a slot.
    ///
    /// # Safety
    ///
    /// `target` must point to the first or second word of as many slots.
    #[inline(always)]
    unsafe fn widen_with(&self, below: &Source<'_>, target: *mut u32, count: usize) {
        let whole = below.whole(self.whole(count));
        // SAFETY: `whole` words are there, and those of single pixels; as many slots.
        unsafe {
            if whole != 0 {
                widen(self.values.as_ptr(), self.step, below.values.as_ptr(), below.step, target, whole);
            }
            for pixel in whole..count {
                let (above, below) = (self.word(pixel), below.word(pixel));
                widen(above.as_ptr(), 0, below.as_ptr(), 0, target.add(pixel * SLOT / 4), 1);
            }
        }
    }
}

/// Writes the words of `value` to `count` slots.
///
/// # Safety
///
/// `target` must point to as many.
unsafe fn fill(target: *mut u32, count: usize, padding: [i8; 4]) {
    if count != 0 {
        // SAFETY: steps of 0 read one word.
        unsafe {
            widen(padding.as_ptr(), 0, padding.as_ptr(), 0, target, count);
            widen(padding.as_ptr(), 0, padding.as_ptr(), 0, target.add(1), count);
        }
    }
}

/// Widens four values of each of `count` pixels from `above`, and from `below` to the upper halves, to every other word of a slot.
///
/// # Safety
///
/// The pixels must be there, at any address, `count` not be 0, and `target` point to the first or second word of `count` slots.
#[unsafe(naked)]
unsafe extern "C" fn widen(
    above: *const i8,
    above_step: usize,
    below: *const i8,
    below_step: usize,
    target: *mut u32,
    count: usize,
) {
    naked_asm!(
        "push {{r4-r10, lr}}",
        "ldr.w r12, [sp, #32]",
        "ldr.w lr, [sp, #36]",
        "2:",
        "ldr r4, [r0]",
        "ldr r5, [r2]",
        "add r0, r1",
        "add r2, r3",
        "sxtb16 r6, r4",
        "sxtb16 r7, r5",
        "pkhbt r8, r6, r7, lsl #16",
        "pkhtb r9, r7, r6, asr #16",
        "sxtb16 r6, r4, ror #8",
        "sxtb16 r7, r5, ror #8",
        "pkhbt r10, r6, r7, lsl #16",
        "pkhtb r6, r7, r6, asr #16",
        "str.w r10, [r12, #8]",
        "str.w r9, [r12, #16]",
        "str.w r6, [r12, #24]",
        "str r8, [r12], #32",
        "subs.w lr, lr, #1",
        "bne 2b",
        "pop {{r4-r10, pc}}",
    )
}

/// Starts a channel: r0 pass, r1 number of channels done. Loads its weights: rows 0 and 1 in r2 to r4, rows 1 and 2 in r5 to r7. Leaves
/// the slots in r0, and on the stack, at 4, the end of those of the output columns.
macro_rules! load_weights {
    () => {
        concat!(
            "ldr r2, [r0, #4]\n",
            "add r2, r1\n",
            "ldrsb r3, [r2, #8]\n",
            "ldrsb r4, [r2, #16]\n",
            "ldrsb r5, [r2, #24]\n",
            "ldrsb r6, [r2, #32]\n",
            "ldrsb r7, [r2, #40]\n",
            "ldrsb r8, [r2, #48]\n",
            "ldrsb r9, [r2, #56]\n",
            "ldrsb r10, [r2, #64]\n",
            "ldrsb r2, [r2]\n",
        )
    };
}

/// Two outputs of a column. The windows are registers of (upper, lower) words; the third is loaded from `$load`.
macro_rules! column {
    ($a:literal, $b:literal, $c:literal, $d:literal, $e:literal, $f:literal, $load:literal, $load_lower:literal, $store:literal, $store_lower:literal) => {
        concat!(
            "ldr.w ",
            $e,
            ", [r0, #",
            $load,
            "]\n",
            "ldr.w ",
            $f,
            ", [r0, #",
            $load_lower,
            "]\n",
            "smuad r1, ",
            $a,
            ", r2\n",
            "smlad r1, ",
            $c,
            ", r3, r1\n",
            "smlad r1, ",
            $e,
            ", r4, r1\n",
            "smlabt r1, ",
            $b,
            ", r5, r1\n",
            "smlabt r1, ",
            $d,
            ", r6, r1\n",
            "smlabt r1, ",
            $f,
            ", r7, r1\n",
            "str r1, [r0, #",
            $store,
            "]\n",
            "smuad r1, ",
            $b,
            ", r5\n",
            "smlad r1, ",
            $d,
            ", r6, r1\n",
            "smlad r1, ",
            $f,
            ", r7, r1\n",
            "smlatb r1, ",
            $a,
            ", r2, r1\n",
            "smlatb r1, ",
            $c,
            ", r3, r1\n",
            "smlatb r1, ",
            $e,
            ", r4, r1\n",
            "str r1, [r0, #",
            $store_lower,
            "]\n",
        )
    };
}

/// One output of a column of stride 2. The windows are registers of (upper, lower) words; two are loaded from `$load` on.
macro_rules! column_of_two {
    ($a:literal, $b:literal, $c:literal, $d:literal, $e:literal, $f:literal, $load:literal, $store:literal) => {
        concat!(
            "ldr.w ",
            $c,
            ", [r0, #",
            $load,
            "]\n",
            "ldr.w ",
            $d,
            ", [r0, #",
            $load,
            "+4]\n",
            "ldr.w ",
            $e,
            ", [r0, #",
            $load,
            "+32]\n",
            "ldr.w ",
            $f,
            ", [r0, #",
            $load,
            "+36]\n",
            "smuad r1, ",
            $a,
            ", r2\n",
            "smlad r1, ",
            $c,
            ", r3, r1\n",
            "smlad r1, ",
            $e,
            ", r4, r1\n",
            "smlabb r1, ",
            $b,
            ", r5, r1\n",
            "smlabt r1, ",
            $d,
            ", r5, r1\n",
            "smlabb r1, ",
            $f,
            ", r6, r1\n",
            $store,
        )
    };
}

/// Scales the sums of a channel and writes them; then the next channel, or the end. The stack has the pass at 0 and the number of
/// channels done at 8.
macro_rules! scale {
    () => {
        concat!(
            "ldr.w lr, [sp, #0]\n",
            "ldr.w r12, [sp, #8]\n",
            "ldrd r0, r1, [lr]\n",
            "add.w r0, r0, r12, lsl #3\n",
            "adds r0, #32\n",
            "ldr.w r1, [lr, #8]\n",
            "add.w r1, r1, r12, lsl #2\n",
            "ldr r2, [r1]\n",
            "ldr r3, [r1, #64]\n",
            "ldr r4, [r1, #96]\n",
            "ldr.w r5, [lr, #24]\n",
            "ldr.w r6, [lr, #12]\n",
            "ldr.w r7, [lr, #16]\n",
            "ldr.w r8, [lr, #20]\n",
            "ldr.w r1, [lr, #36]\n",
            "lsls r2, r2, #1\n",
            "mvns r4, r4\n",
            "lsls r5, r4\n",
            "add r6, r12\n",
            "add r7, r12\n",
            "adds.w r1, r1, r0\n",
            "cmp r0, r1\n",
            "beq 7f\n",
            "6:\n",
            "ldr r9, [r0], #4\n",
            "ldr r10, [r0], #28\n",
            "add.w r9, r2, r9, lsl #1\n",
            "add.w r10, r2, r10, lsl #1\n",
            "add.w r11, r5, r9, asr #31\n",
            "smmlar r9, r9, r3, r11\n",
            "add.w r11, r5, r10, asr #31\n",
            "smmlar r10, r10, r3, r11\n",
            "asr.w r9, r9, r4\n",
            "asr.w r10, r10, r4\n",
            "ssat r9, #8, r9, asr #1\n",
            "ssat r10, #8, r10, asr #1\n",
            // The second row first: where there is none, the first one stands in for it.
            "strb.w r10, [r7]\n",
            "strb.w r9, [r6]\n",
            "add r7, r8\n",
            "add r6, r8\n",
            "cmp r0, r1\n",
            "bne 6b\n",
            "7:\n",
        )
    };
}

/// The end of a channel.
macro_rules! next_channel {
    () => {
        concat!(
            "ldr r0, [sp, #0]\n",
            "ldr r1, [sp, #8]\n",
            "ldr r2, [r0, #28]\n",
            "adds r1, #1\n",
            "str r1, [sp, #8]\n",
            "cmp r1, r2\n",
            "bne.w 2b\n",
            "add sp, #12\n",
            "pop {{r4-r11, pc}}\n",
        )
    };
}

/// # Safety
///
/// The pass must be complete and what it points to be there.
#[unsafe(naked)]
unsafe extern "C" fn stride_one(pass: &Quad) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "sub sp, #12",
        "movs r1, #0",
        "str r0, [sp, #0]",
        "str r1, [sp, #8]",
        "2:",
        load_weights!(),
        "pkhbt r2, r2, r5, lsl #16",
        "pkhbt r5, r5, r8, lsl #16",
        "pkhbt r3, r3, r6, lsl #16",
        "pkhbt r6, r6, r9, lsl #16",
        "pkhbt r4, r4, r7, lsl #16",
        "pkhbt r7, r7, r10, lsl #16",
        "ldr.w r8, [r0]",
        "ldr.w r9, [r0, #32]",
        "add.w r0, r8, r1, lsl #3",
        "add.w r1, r0, r9",
        "str r1, [sp, #4]",
        // Three columns a time; the first time as many as bring the rest to a multiple of three.
        "lsr.w r1, r9, #5",
        "movw r12, #21846",
        "mul r12, r12, r1",
        "lsr.w r12, r12, #16",
        "add.w r12, r12, r12, lsl #1",
        "subs.w r1, r1, r12",
        "beq 3f",
        "cmp r1, #1",
        "beq 4f",
        "subs r0, #32",
        "ldr.w r10, [r0, #32]",
        "ldr.w r11, [r0, #36]",
        "ldr.w r12, [r0, #64]",
        "ldr.w lr, [r0, #68]",
        "b 6f",
        "4:",
        "subs r0, #64",
        "ldr.w r12, [r0, #64]",
        "ldr.w lr, [r0, #68]",
        "ldr.w r8, [r0, #96]",
        "ldr.w r9, [r0, #100]",
        "b 7f",
        "3:",
        "ldr.w r8, [r0]",
        "ldr.w r9, [r0, #4]",
        "ldr.w r10, [r0, #32]",
        "ldr.w r11, [r0, #36]",
        "5:",
        column!("r8", "r9", "r10", "r11", "r12", "lr", "64", "68", "32", "36"),
        "6:",
        column!("r10", "r11", "r12", "lr", "r8", "r9", "96", "100", "64", "68"),
        "7:",
        column!("r12", "lr", "r8", "r9", "r10", "r11", "128", "132", "96", "100"),
        "adds r0, #96",
        "ldr r1, [sp, #4]",
        "cmp r0, r1",
        "bne 5b",
        scale!(),
        next_channel!(),
    )
}

/// # Safety
///
/// The pass must be complete and what it points to be there.
#[unsafe(naked)]
unsafe extern "C" fn stride_two(pass: &Quad) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "sub sp, #12",
        "movs r1, #0",
        "str r0, [sp, #0]",
        "str r1, [sp, #8]",
        "2:",
        load_weights!(),
        "pkhbt r2, r2, r5, lsl #16",
        "pkhbt r3, r3, r6, lsl #16",
        "pkhbt r4, r4, r7, lsl #16",
        "pkhbt r5, r8, r9, lsl #16",
        "mov r6, r10",
        "ldr.w r8, [r0]",
        "ldr.w r9, [r0, #32]",
        "add.w r0, r8, r1, lsl #3",
        "add.w r7, r0, #32",
        "add.w r9, r9, r7",
        "str.w r9, [sp, #4]",
        "ldr.w r8, [r0]",
        "ldr.w r9, [r0, #4]",
        "5:",
        column_of_two!("r8", "r9", "r10", "r11", "r12", "lr", "32", "str r1, [r7], #4\n"),
        column_of_two!("r12", "lr", "r10", "r11", "r8", "r9", "96", "str r1, [r7], #28\n"),
        "adds r0, #128",
        "ldr r1, [sp, #4]",
        "cmp r7, r1",
        "bne 5b",
        scale!(),
        // The last of an odd number of columns.
        "ldr.w lr, [sp, #0]",
        "ldr.w r1, [lr, #32]",
        "ldr.w r11, [lr, #36]",
        "cmp r1, r11",
        "beq 8f",
        "ldr r9, [r0]",
        "add.w r9, r2, r9, lsl #1",
        "add.w r11, r5, r9, asr #31",
        "smmlar r9, r9, r3, r11",
        "asr.w r9, r9, r4",
        "ssat r9, #8, r9, asr #1",
        "strb.w r9, [r6]",
        "8:",
        next_channel!(),
    )
}
