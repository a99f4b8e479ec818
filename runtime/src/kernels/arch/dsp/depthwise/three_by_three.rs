//! Kernels of 3 × 3, stride 1 (two output rows at a time) or 2.

use core::arch::naked_asm;

use crate::feature::Feature;
use crate::format::ChannelBlock;
use crate::kernels::arch::dsp::copy::copy_few;
use crate::kernels::arch::dsp::layout::{self, SLOT};
use crate::kernels::arch::{Band, Depthwise};

/// What one pass of a quad of channels works on. The order of the fields is that of the registers of `scale`.
#[repr(C)]
struct Quad {
    /// The words of the first channel at the first column.
    slots: *mut u32,
    /// The first channel of a channel block, or its fifth.
    channels: *const ChannelBlock,
    /// 2 · zero point of the output + 1.
    rounding: i32,
    /// Where the outputs begin.
    output: *mut i8,
    /// Bytes from there to the second row, or to the second column of a single one.
    second: usize,
    /// Bytes from one output to the next.
    step: usize,
    /// Bytes of the slots that give two outputs.
    full: usize,
    /// Weights of the first channel; those of the next tap are 8 bytes behind.
    lines: *const i8,
    /// Number of channels, 1 to 4.
    lanes: usize,
    /// Bytes of the slots of the output columns, or of half of them, rounded up.
    span: usize,
}

/// Writes the rows of a band. The sums must allow scaling by SMMLAR, and channels and output be complete.
#[inline(never)]
pub(super) fn depthwise_conv2d(job: &Depthwise<'_>, band: &mut Band<'_>, scratch: &mut [u8]) {
    let shape = &job.shape;
    let [_, w, c] = shape.input;
    let width = shape.output[1];
    let layout::Pass { columns, slots } = layout::Pass::of(shape);
    let scratch: &mut [u32] = bytemuck::try_cast_slice_mut(scratch).unwrap_or_default();
    let Some(scratch) = scratch.get_mut(..slots.wrapping_mul(SLOT / 4)) else { return };
    let scratch = scratch.as_mut_ptr();
    // Two rows of one column at a time, or one row of two columns.
    let (compute, rows_at_once, halvings): (unsafe extern "C" fn(&Quad), usize, usize) =
        if shape.columns.stride == 1 || !Feature::DepthwiseStrideTwo.is_built() {
            (stride_one, 2, 0)
        } else {
            (stride_two, 1, 1)
        };
    let padding = [job.quantization.input_zero_point as i8; 4];
    let mut target = band.output.as_mut_ptr();
    let mut y = band.rows.start;
    while y < band.rows.end {
        let top = shape.rows.origin(y as u32);
        let rows = [0, 1, 2, 3].map(|ky| row_start(job, band, top, ky));
        let next_row = width.wrapping_mul(c);
        let second = match (halvings, y + 1 < band.rows.end) {
            (0, true) => next_row,
            (0, false) => 0,
            _ => c,
        };
        let mut first = 0;
        while first < width {
            let count = columns.min(width - first);
            let origin = shape.columns.origin(first as u32);
            let left = (-origin).max(0) as usize;
            let start = origin.max(0) as usize;
            let seen = slots.wrapping_sub(left).min(w.wrapping_sub(start));
            let right = slots.wrapping_sub(left).wrapping_sub(seen);
            let mut sources = rows.map(|row| match row {
                Some(row) => {
                    let values = band.input.as_ptr().wrapping_add(row).wrapping_add(start.wrapping_mul(c));
                    Source { values, step: c, quad: 4 }
                }
                None => Source { values: padding.as_ptr(), step: 0, quad: 0 },
            });
            let mut quad = Quad {
                slots: scratch,
                lines: job.weights.as_ptr().cast(),
                channels: job.channels.as_ptr(),
                output: target.wrapping_add(first * c),
                second,
                step: c << halvings,
                rounding: job.quantization.output_zero_point.wrapping_mul(2).wrapping_add(1),
                lanes: 4,
                span: ((count + halvings) >> halvings) * SLOT,
                full: (count >> halvings) * SLOT,
            };
            let mut channels_left = c;
            // Sums replace the values of neither the first slot nor the last.
            let (mut is_filled, stays_filled) = (false, left <= 1 && right <= 1);
            for index in 0..c.div_ceil(4) {
                // SAFETY: `scratch` has `slots` slots: those at the edges and those seen, of which there are words, except for the
                // last few of a row where the last quad is not whole. The channels and the outputs of these rows and columns are
                // complete, as the caller has checked.
                unsafe {
                    if !is_filled {
                        is_filled = stays_filled;
                        fill(scratch, left, &padding);
                        fill(scratch.add((left + seen) * SLOT / 4), right, &padding);
                    }
                    let values = scratch.add(left * SLOT / 4);
                    let mut whole = seen;
                    if channels_left < 4 && Feature::AnyChannels.is_built() {
                        quad.lanes = channels_left;
                        whole = widen_last(&sources, channels_left, values, seen, band.input);
                    }
                    if whole != 0 {
                        widen(&mut sources, values, whole);
                    }
                    compute(&quad);
                }
                channels_left = channels_left.wrapping_sub(4);
                quad.output = quad.output.wrapping_add(4);
                // The other half of a block, or the next one.
                let is_whole = index % 2 == 1;
                quad.lines = quad.lines.wrapping_add(if is_whole { 8 * 9 - 4 } else { 4 });
                quad.channels = quad.channels.wrapping_byte_add(if is_whole { 128 - 16 } else { 16 });
            }
            first += count.max(1);
        }
        target = target.wrapping_add(rows_at_once * next_row);
        y += rows_at_once;
    }
}

/// Where the input row of a kernel row begins; nowhere for one in the padding, or one that no output of this pass sees.
#[inline(never)]
fn row_start(job: &Depthwise<'_>, band: &Band<'_>, origin: i32, ky: u32) -> Option<usize> {
    let [h, w, c] = job.shape.input;
    let row = job.shape.rows.tap(origin, ky, h as u32)? as usize;
    let start = row.checked_sub(band.first_input_row)?.checked_mul(w.wrapping_mul(c))?;
    (start.checked_add(w.wrapping_mul(c))? <= band.input.len()).then_some(start)
}

/// Four channels of consecutive pixels of a row.
#[derive(Clone, Copy)]
#[repr(C)]
struct Source {
    values: *const i8,
    /// Bytes from one pixel to the next.
    step: usize,
    /// Bytes from four channels to the next four.
    quad: usize,
}

/// Writes the words of `value` to `count` slots.
///
/// # Safety
///
/// `target` must point to as many.
#[inline(never)]
unsafe fn fill(target: *mut u32, count: usize, padding: &[i8; 4]) {
    if count != 0 {
        // SAFETY: steps of 0 read one word.
        unsafe { widen(&mut [Source { values: padding.as_ptr(), step: 0, quad: 0 }; 4], target, count) };
    }
}

/// Widens the last pixels of less than four channels whose words would end behind the input, and returns how many are left.
///
/// # Safety
///
/// As for [`widen`], with `channels` for four values.
#[inline(never)]
unsafe fn widen_last(
    sources: &[Source; 4],
    channels: usize,
    target: *mut u32,
    count: usize,
    input: &[i8],
) -> usize {
    let end = input.as_ptr_range().end.addr();
    let mut left = count;
    while left > 0 {
        let pixel = left - 1;
        let mut words = [[0; 4]; 4];
        let mut of_pixel = *sources;
        let mut is_inside = true;
        for (word, source) in words.iter_mut().zip(&mut of_pixel) {
            let values = source.values.wrapping_add(pixel * source.step);
            is_inside &= source.step == 0 || values.addr() + 4 <= end;
            // SAFETY: as many channels are there.
            unsafe { copy_few(values, word.as_mut_ptr(), channels) };
            source.values = word.as_ptr();
        }
        if is_inside {
            break;
        }
        // SAFETY: one word each, and one slot.
        unsafe { widen(&mut of_pixel, target.add(pixel * SLOT / 4), 1) };
        left = pixel;
    }
    left
}

/// Widens four values of each of `count` pixels of four rows to the words of a slot: the first row with the second in the upper halves,
/// the third with the fourth. The sources move on to the next four channels.
///
/// # Safety
///
/// The pixels must be there, at any address, `count` not be 0, and `target` point to `count` slots, at an address of 8 bytes.
#[unsafe(naked)]
unsafe extern "C" fn widen(sources: &mut [Source; 4], target: *mut u32, count: usize) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "2:",
        "ldr r3, [r0]",
        "ldr r5, [r0, #12]",
        "ldr r4, [r0, #4]",
        "ldr r6, [r0, #16]",
        "ldr.w r8, [r0, #8]",
        "ldr.w r9, [r0, #20]",
        "mov r7, r1",
        "mov r12, r2",
        "add r8, r3",
        "add r9, r5",
        "str.w r8, [r0], #12",
        "str.w r9, [r0], #12",
        "3:",
        "ldr.w r8, [r3]",
        "ldr.w r9, [r5]",
        "add r3, r4",
        "add r5, r6",
        "sxtb16 r10, r8",
        "sxtb16 r11, r9",
        "sxtb16 r8, r8, ror #8",
        "sxtb16 r9, r9, ror #8",
        "pkhbt lr, r10, r11, lsl #16",
        "pkhtb r10, r11, r10, asr #16",
        "pkhbt r11, r8, r9, lsl #16",
        "pkhtb r8, r9, r8, asr #16",
        "str.w r11, [r7, #8]",
        "str.w r10, [r7, #16]",
        "str.w r8, [r7, #24]",
        "str lr, [r7], #32",
        "subs.w r12, r12, #1",
        "bne 3b",
        // The second words of the slots, if these were the first.
        "adds r1, #4",
        "lsls r3, r1, #29",
        "bmi 2b",
        "pop {{r4-r11, pc}}",
    )
}

/// Loads the nine weights of a channel to r2 to r10. r0: pass, r1: number of channels done; both stay.
macro_rules! load_weights {
    () => {
        concat!(
            "ldr r2, [r0, #28]\n",
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
#[rustfmt::skip]
macro_rules! two_outputs {
    ($a:literal, $b:literal, $c:literal, $d:literal, $e:literal, $f:literal, $load:literal, $store:literal, $store_lower:literal) => {
        concat!(
            "ldrd ", $e, ", ", $f, ", [r0, #", $load, "]\n",
            "smuad r1, ", $a, ", r2\n",
            "smlad r1, ", $c, ", r3, r1\n",
            "smlad r1, ", $e, ", r4, r1\n",
            "smlabt r1, ", $b, ", r5, r1\n",
            "smlabt r1, ", $d, ", r6, r1\n",
            "smlabt r1, ", $f, ", r7, r1\n",
            "str r1, [r0, #", $store, "]\n",
            "smuad r1, ", $b, ", r5\n",
            "smlad r1, ", $d, ", r6, r1\n",
            "smlad r1, ", $f, ", r7, r1\n",
            "smlatb r1, ", $a, ", r2, r1\n",
            "smlatb r1, ", $c, ", r3, r1\n",
            "smlatb r1, ", $e, ", r4, r1\n",
            "str r1, [r0, #", $store_lower, "]\n",
        )
    };
}

/// One output of a column of stride 2. The windows are registers of (upper, lower) words; two are loaded from `$load` on.
#[rustfmt::skip]
macro_rules! one_output {
    ($a:literal, $b:literal, $c:literal, $d:literal, $e:literal, $f:literal, $load:literal, $store:literal) => {
        concat!(
            "ldr.w ", $c, ", [r0, #", $load, "]\n",
            "ldr.w ", $d, ", [r0, #", $load, "+4]\n",
            "ldr.w ", $e, ", [r0, #", $load, "+32]\n",
            "ldr.w ", $f, ", [r0, #", $load, "+36]\n",
            "smuad r1, ", $a, ", r2\n",
            "smlad r1, ", $c, ", r3, r1\n",
            "smlad r1, ", $e, ", r4, r1\n",
            "smlabb r1, ", $b, ", r5, r1\n",
            "smlabt r1, ", $d, ", r5, r1\n",
            "smlabb r1, ", $f, ", r6, r1\n",
            $store,
        )
    };
}

/// Scales the sums of a channel and writes them; then the next channel, or the end. The stack has the pass at 0 and the number of
/// channels done at 4.
macro_rules! scale {
    ($skip:literal) => {
        concat!(
            "ldrd lr, r12, [sp, #0]\n",
            "ldm.w lr, {{r0, r1, r5, r6, r7, r8, r9}}\n",
            "add.w r0, r0, r12, lsl #3\n",
            "adds r0, #32\n",
            "add.w r1, r1, r12, lsl #2\n",
            "ldr r2, [r1]\n",
            "ldr r3, [r1, #64]\n",
            "ldr r4, [r1, #96]\n",
            "add.w r1, r9, r0\n",
            "lsls r2, r2, #1\n",
            "mvns r4, r4\n",
            "lsls r5, r4\n",
            "add r6, r12\n",
            $skip,
            "10:\n",
            "ldrd r9, r10, [r0], #32\n",
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
            "strb.w r10, [r6, r7]\n",
            "strb.w r9, [r6]\n",
            "add r6, r8\n",
            "cmp r0, r1\n",
            "bne 10b\n",
            "11:\n",
        )
    };
}

/// The end of a channel: lr and r12 are still what the scaling has loaded.
macro_rules! next_channel {
    ($stack:literal) => {
        concat!(
            "ldr.w r2, [lr, #32]\n",
            "add.w r1, r12, #1\n",
            "mov r0, lr\n",
            "str r1, [sp, #4]\n",
            "cmp r1, r2\n",
            "bne.w 2b\n",
            "add sp, #",
            $stack,
            "\n",
            "pop {{r4-r11, pc}}\n",
        )
    };
}

/// # Safety
///
/// The pass must be complete and what it points to be there.
#[unsafe(naked)]
unsafe extern "C" fn stride_one(pass: &Quad) {
    // Three columns a time; the first time as many as bring the rest to a multiple of three: the stack has at 12 where the loop is entered.
    naked_asm!(
        "push {{r4-r11, lr}}",
        "sub sp, #16",
        "movs r1, #0",
        "str r0, [sp, #0]",
        "str r1, [sp, #4]",
        "ldr r2, [r0, #36]",
        "movw r3, #21846",
        "lsrs r2, r2, #5",
        "mul r3, r3, r2",
        "lsrs r3, r3, #16",
        "add.w r3, r3, r3, lsl #1",
        "subs r2, r2, r3",
        "adr.w r3, 3f",
        "beq 1f",
        "adr.w r3, 4f",
        "subs r2, #1",
        "beq 1f",
        "adr.w r3, 5f",
        "1:",
        "adds r3, #1",
        "str r3, [sp, #12]",
        "2:",
        load_weights!(),
        "pkhbt r2, r2, r5, lsl #16",
        "pkhbt r5, r5, r8, lsl #16",
        "pkhbt r3, r3, r6, lsl #16",
        "pkhbt r6, r6, r9, lsl #16",
        "pkhbt r4, r4, r7, lsl #16",
        "pkhbt r7, r7, r10, lsl #16",
        "ldr.w r8, [r0]",
        "ldr.w r9, [r0, #36]",
        "add.w r0, r8, r1, lsl #3",
        "add.w r1, r0, r9",
        "str r1, [sp, #8]",
        "ldr.w pc, [sp, #12]",
        ".p2align 2",
        "3:",
        "ldrd r8, r9, [r0]",
        "ldrd r10, r11, [r0, #32]",
        "b 6f",
        ".p2align 2",
        "4:",
        "subs r0, #64",
        "ldrd r12, lr, [r0, #64]",
        "ldrd r8, r9, [r0, #96]",
        "b.w 8f",
        ".p2align 2",
        "5:",
        "subs r0, #32",
        "ldrd r10, r11, [r0, #32]",
        "ldrd r12, lr, [r0, #64]",
        "b 7f",
        "6:",
        two_outputs!("r8", "r9", "r10", "r11", "r12", "lr", "64", "32", "36"),
        "7:",
        two_outputs!("r10", "r11", "r12", "lr", "r8", "r9", "96", "64", "68"),
        "8:",
        two_outputs!("r12", "lr", "r8", "r9", "r10", "r11", "128", "96", "100"),
        "adds r0, #96",
        "ldr r1, [sp, #8]",
        "cmp r0, r1",
        "bne.w 6b",
        scale!(""),
        next_channel!("16"),
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
        "str r1, [sp, #4]",
        "2:",
        load_weights!(),
        "pkhbt r2, r2, r5, lsl #16",
        "pkhbt r3, r3, r6, lsl #16",
        "pkhbt r4, r4, r7, lsl #16",
        "pkhbt r5, r8, r9, lsl #16",
        "mov r6, r10",
        "ldr.w r8, [r0]",
        "ldr.w r9, [r0, #36]",
        "add.w r0, r8, r1, lsl #3",
        "add.w r7, r0, #32",
        "add.w r9, r9, r7",
        "str.w r9, [sp, #8]",
        "ldr.w r8, [r0]",
        "ldr.w r9, [r0, #4]",
        "5:",
        one_output!("r8", "r9", "r10", "r11", "r12", "lr", "32", "str r1, [r7], #4\n"),
        one_output!("r12", "lr", "r10", "r11", "r8", "r9", "96", "str r1, [r7], #28\n"),
        "adds r0, #128",
        "ldr r1, [sp, #8]",
        "cmp r7, r1",
        "bne 5b",
        // There may be none but that last one below.
        scale!("cmp r0, r1\nbeq 11f\n"),
        // The last of an odd number of columns.
        "ldr.w r1, [lr, #36]",
        "ldr.w r11, [lr, #24]",
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
        next_channel!("12"),
    )
}
