//! What two output pixels see, widened to 16 bits and interleaved for [`super::gemm`].

use core::arch::naked_asm;

use crate::kernels::arch::{Band, Convolution, ConvolutionShape};

/// The input of a band and how a kernel lies on it.
pub(super) struct Gather<'a> {
    shape: &'a ConvolutionShape,
    input: &'a [i8],
    first_input_row: usize,
    /// First input channel of the group.
    first_channel: usize,
    zero_point: i8,
    row_cells: usize,
    /// Bytes from one kernel row to the next.
    row_step: usize,
    /// Whether the taps of a kernel row lie side by side.
    is_contiguous: bool,
}

/// The kernel rows of an output row.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    above: usize,
    inside: usize,
    below: usize,
    /// Where the first one inside begins in the input.
    start: usize,
}

impl<'a> Gather<'a> {
    pub fn new(job: &'a Convolution<'_>, band: &Band<'a>, group: usize) -> Gather<'a> {
        let shape = &job.shape;
        let [_, w, c] = shape.input;
        Gather {
            shape,
            input: band.input,
            first_input_row: band.first_input_row,
            first_channel: group.wrapping_mul(shape.channels_in()),
            zero_point: job.quantization.input_zero_point as i8,
            row_cells: shape.row_cells(),
            row_step: w.wrapping_mul(c).wrapping_mul(shape.rows.dilation as usize),
            is_contiguous: shape.columns.kernel == 1 || shape.groups == 1 && shape.columns.dilation == 1,
        }
    }

    /// The kernel rows of output row `y`.
    pub fn rows(&self, y: usize) -> Rows {
        let [h, w, c] = self.shape.input;
        let window = &self.shape.rows;
        let origin = window.origin(y as u32);
        let is_inside = |&ky: &u32| window.tap(origin, ky, h as u32).is_some();
        let above = (0..window.kernel).take_while(|ky| !is_inside(ky)).count();
        let inside = (above as u32..window.kernel).take_while(is_inside).count();
        let first = (above as i32).wrapping_mul(window.dilation as i32).wrapping_add(origin) as usize;
        Rows {
            above,
            inside,
            below: (window.kernel as usize).wrapping_sub(above).wrapping_sub(inside),
            start: first.wrapping_sub(self.first_input_row).wrapping_mul(w.wrapping_mul(c)),
        }
    }

    /// Widens what output pixel `x` of the row with the kernel rows `rows` sees: words 0 and 2 of each cell from `target` on.
    ///
    /// # Safety
    ///
    /// `target` must point to word 0 or 1 of as many cells of four words as the shape has.
    pub unsafe fn column(&self, rows: Rows, x: usize, target: *mut u32) {
        let [_, w, c] = self.shape.input;
        let row_cells = self.row_cells;
        let origin = self.shape.columns.origin(x as u32);
        let taps = self.shape.columns.kernel as usize;
        let first = origin.max(0) as usize;
        let before = (first as i32).wrapping_sub(origin) as usize;
        let behind = taps.wrapping_sub(before).saturating_sub(w.wrapping_sub(first));
        let start = first.wrapping_mul(c).wrapping_add(self.first_channel).wrapping_add(rows.start);
        let steps = rows.inside.wrapping_sub(1).wrapping_mul(self.row_step);
        let end = start.wrapping_add(steps).wrapping_add(row_cells.wrapping_mul(4));
        let row_words = row_cells.wrapping_mul(4);
        let inside = target.wrapping_add(rows.above.wrapping_mul(row_words));
        let below = inside.wrapping_add(rows.inside.wrapping_mul(row_words));
        // SAFETY: the rows above, inside and below are those of the kernel. Values that lie behind a row, and meet weights of zero,
        // are read only if they lie in the input, as `end` shows.
        unsafe {
            fill(target, rows.above.wrapping_mul(row_cells), self.zero_point);
            fill(below, rows.below.wrapping_mul(row_cells), self.zero_point);
            if rows.inside == 0 {
                return;
            }
            if self.is_contiguous && before | behind == 0 && start < end && end <= self.input.len() {
                widen(self.input.as_ptr().add(start), inside, row_cells, rows.inside, self.row_step);
                return;
            }
            for row in 0..rows.inside {
                let line = rows.start.wrapping_add(row.wrapping_mul(self.row_step));
                let target = inside.wrapping_add(row.wrapping_mul(row_words));
                let line = self.input.get(line..).unwrap_or_default();
                if self.is_contiguous {
                    self.edge(
                        line,
                        first,
                        before,
                        taps.saturating_sub(before).saturating_sub(behind),
                        target,
                    );
                } else {
                    self.taps(line, origin, target);
                }
            }
        }
    }

    /// A kernel row at an edge: `before` taps of padding, `seen` taps from pixel `first` on, and padding.
    ///
    /// # Safety
    ///
    /// As for [`Gather::column`], for one kernel row.
    unsafe fn edge(&self, line: &[i8], first: usize, before: usize, seen: usize, mut target: *mut u32) {
        let [_, _, c] = self.shape.input;
        let channels = self.shape.channels_in();
        let values = line.get(first.wrapping_mul(c).wrapping_add(self.first_channel)..).unwrap_or_default();
        let values = values.get(..seen.wrapping_mul(channels)).unwrap_or(values);
        let before = before.wrapping_mul(channels);
        let (words, skip) = ((before / 4).min(self.row_cells), before % 4);
        // SAFETY: as many cells as the row has, as `left` shows; values that are there.
        unsafe {
            fill(target, words, self.zero_point);
            target = target.wrapping_add(4 * words);
            let mut left = self.row_cells.wrapping_sub(words);
            let mut values = values;
            if skip != 0 && left != 0 {
                let word = partial(values, skip, self.zero_point);
                widen(word.as_ptr(), target, 1, 1, 0);
                target = target.wrapping_add(4);
                values = values.get(4 - skip..).unwrap_or_default();
                left -= 1;
            }
            let whole = left.min(values.len() / 4);
            if whole != 0 {
                widen(values.as_ptr(), target, whole, 1, 0);
                target = target.wrapping_add(4 * whole);
                values = values.get(4 * whole..).unwrap_or_default();
                left -= whole;
            }
            if !values.is_empty() && left != 0 {
                let word = partial(values, 0, self.zero_point);
                widen(word.as_ptr(), target, 1, 1, 0);
                target = target.wrapping_add(4);
                left -= 1;
            }
            fill(target, left, self.zero_point);
        }
    }

    /// A kernel row whose taps do not lie side by side.
    ///
    /// # Safety
    ///
    /// As for [`Gather::column`], for one kernel row.
    #[inline(never)]
    unsafe fn taps(&self, line: &[i8], origin: i32, mut target: *mut u32) {
        let [_, w, c] = self.shape.input;
        let window = &self.shape.columns;
        let channels = self.shape.channels_in();
        let values = |tap: u32| {
            let start = (window.tap(origin, tap, w as u32)? as usize).wrapping_mul(c);
            line.get(start.wrapping_add(self.first_channel)..)?.get(..channels)
        };
        let (mut word, mut filled) = ([0i8; 4], 0usize);
        for tap in 0..window.kernel {
            let values = values(tap);
            if channels.is_multiple_of(4) {
                // SAFETY: whole cells of a tap; as many values are there.
                unsafe {
                    match values {
                        Some(values) => widen(values.as_ptr(), target, channels / 4, 1, 0),
                        None => fill(target, channels / 4, self.zero_point),
                    }
                }
                target = target.wrapping_add(channels);
                continue;
            }
            for channel in 0..channels {
                let value = values.map_or(Some(&self.zero_point), |values| values.get(channel));
                if let (Some(slot), Some(&value)) = (word.get_mut(filled), value) {
                    *slot = value;
                }
                filled += 1;
                if filled == 4 || channel + 1 == channels && tap + 1 == window.kernel {
                    // SAFETY: one cell for each four values, and one for the rest.
                    unsafe { widen(word.as_ptr(), target, 1, 1, 0) };
                    target = target.wrapping_add(4);
                    filled = 0;
                }
            }
        }
    }
}

/// The first of `values` from place `skip` on, `other` around them.
#[inline(always)]
fn partial(values: &[i8], skip: usize, other: i8) -> [i8; 4] {
    let mut word = [other; 4];
    for (slot, &value) in word.iter_mut().skip(skip).zip(values) {
        *slot = value;
    }
    word
}

/// Writes `value` to both words of a column in each of `cells` cells.
///
/// # Safety
///
/// `target` must point to word 0 or 1 of as many cells.
#[inline(always)]
unsafe fn fill(target: *mut u32, cells: usize, value: i8) {
    let pair = u32::from(value as u16) * 0x1_0001;
    for word in 0..2 * cells {
        // SAFETY: two words for each cell, two words apart.
        unsafe { target.add(2 * word).write(pair) };
    }
}

/// Widens `cells` times four values of each of `rows` rows, one `step` bytes behind the other, to words 0 and 2 of a cell each.
///
/// # Safety
///
/// There must be as many values, at any address, `rows` and `cells` not be 0, and `target` point to word 0 or 1 of `cells · rows` cells.
#[unsafe(naked)]
unsafe extern "C" fn widen(source: *const i8, target: *mut u32, cells: usize, rows: usize, step: usize) {
    naked_asm!(
        "push {{r4-r8, lr}}",
        "ldr r4, [sp, #24]",
        "sub.w r4, r4, r2, lsl #2",
        "1:",
        "lsls r5, r2, #31",
        "beq 2f",
        "ldr r6, [r0], #4",
        "sxtb16 r7, r6",
        "sxtb16 r6, r6, ror #8",
        "str r6, [r1, #8]",
        "str r7, [r1], #16",
        "2:",
        "lsls r5, r2, #30",
        "bpl 3f",
        "ldr r6, [r0], #4",
        "ldr r7, [r0], #4",
        "sxtb16 r8, r6",
        "sxtb16 r6, r6, ror #8",
        "str r8, [r1]",
        "str r6, [r1, #8]",
        "sxtb16 r8, r7",
        "sxtb16 r7, r7, ror #8",
        "str.w r8, [r1, #16]",
        "str r7, [r1, #24]",
        "adds r1, #32",
        "3:",
        "lsrs r5, r2, #2",
        "beq 5f",
        "4:",
        "ldr r6, [r0], #4",
        "ldr r7, [r0], #4",
        "ldr r8, [r0], #4",
        "ldr r12, [r0], #4",
        "sxtb16 lr, r6",
        "sxtb16 r6, r6, ror #8",
        "str.w lr, [r1]",
        "str r6, [r1, #8]",
        "sxtb16 lr, r7",
        "sxtb16 r7, r7, ror #8",
        "str.w lr, [r1, #16]",
        "str r7, [r1, #24]",
        "sxtb16 lr, r8",
        "sxtb16 r8, r8, ror #8",
        "str.w lr, [r1, #32]",
        "str.w r8, [r1, #40]",
        "sxtb16 lr, r12",
        "sxtb16 r12, r12, ror #8",
        "str.w r12, [r1, #56]",
        "str.w lr, [r1, #48]",
        "adds r1, #64",
        "subs r5, #1",
        "bne 4b",
        "5:",
        "add r0, r4",
        "subs r3, #1",
        "bne 1b",
        "pop {{r4-r8, pc}}",
    )
}
