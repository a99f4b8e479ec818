//! What two output pixels see, widened to 16 bits and interleaved for [`super::gemm`].

use core::arch::naked_asm;

use crate::feature::Feature;
use crate::kernels::arch::{Band, Convolution, ConvolutionShape};

/// The input of a band and how a kernel lies on it.
pub(super) struct Gather<'a> {
    shape: &'a ConvolutionShape,
    input: &'a [i8],
    first_input_row: usize,
    /// First input channel of the group.
    first_channel: usize,
    zero_point: i8,
    /// The zero point, twice in 16 bits.
    padding: u32,
    row_cells: usize,
    /// Bytes from one kernel row to the next.
    row_step: usize,
    /// Bytes from what one output pixel sees to what the next one does.
    pixel_step: usize,
    /// Whether the taps of a kernel row lie side by side.
    is_contiguous: bool,
    /// The first output column that sees no padding, and the number of them. Those of kernel rows that do not lie side by side do not
    /// count.
    whole: [usize; 2],
}

/// The kernel rows of an output row.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    above: usize,
    inside: usize,
    below: usize,
    /// Where the first one inside begins in the input: for output column 0, less its padding.
    start: usize,
    /// Bytes from there to the end of the last one's last cell.
    reach: usize,
}

impl<'a> Gather<'a> {
    #[inline(never)]
    pub fn new(job: &'a Convolution<'_>, band: &Band<'a>, group: usize) -> Gather<'a> {
        let shape = &job.shape;
        let [_, w, c] = shape.input;
        let window = &shape.columns;
        let is_contiguous = !Feature::Conv2dDilationGroups.is_built()
            || window.kernel == 1
            || shape.groups == 1 && window.dilation == 1;
        let zero_point = job.quantization.input_zero_point as i8;
        let columns = if is_contiguous { shape.output[1] } else { 0 };
        // Those before see padding, and those behind, where less than a window is left.
        let stride = window.stride.max(1) as usize;
        let (padding, reach) =
            (window.padding as usize, (window.kernel.wrapping_sub(1)).wrapping_mul(window.dilation) as usize);
        let first = padding.div_ceil(stride).min(columns);
        let end = w.wrapping_add(padding).saturating_sub(reach).div_ceil(stride).min(columns).max(first);
        Gather {
            shape,
            input: band.input,
            first_input_row: band.first_input_row,
            first_channel: group.wrapping_mul(shape.channels_in()),
            zero_point,
            padding: u32::from(zero_point as u16) * 0x1_0001,
            row_cells: shape.row_cells(),
            row_step: w.wrapping_mul(c).wrapping_mul(shape.rows.dilation as usize),
            pixel_step: c.wrapping_mul(window.stride as usize),
            is_contiguous,
            whole: [first, end - first],
        }
    }

    /// The kernel rows of output row `y`.
    #[inline(never)]
    pub fn rows(&self, y: usize) -> Rows {
        let [h, w, c] = self.shape.input;
        let window = &self.shape.rows;
        let origin = window.origin(y as u32);
        let taps = window.inside(origin, h);
        let first = (taps.start.wrapping_mul(window.dilation as usize)).wrapping_add(origin as usize);
        let row = first.wrapping_sub(self.first_input_row).wrapping_mul(w.wrapping_mul(c));
        let inside = taps.len();
        Rows {
            above: taps.start,
            inside,
            below: (window.kernel as usize).wrapping_sub(taps.end),
            start: row
                .wrapping_add(self.first_channel)
                .wrapping_sub((self.shape.columns.padding as usize).wrapping_mul(c)),
            reach: inside
                .wrapping_sub(1)
                .wrapping_mul(self.row_step)
                .wrapping_add(self.row_cells.wrapping_mul(4)),
        }
    }

    /// Widens what output pixel `x` of the row with the kernel rows `rows` sees: words 0 and 2 of each cell from `target` on.
    ///
    /// # Safety
    ///
    /// `target` must point to word 0 or 1 of as many cells of four words as the shape has.
    #[inline(always)]
    pub unsafe fn column(&self, rows: &Rows, x: usize, target: *mut u32) {
        let row_words = self.row_cells.wrapping_mul(4);
        let inside = target.wrapping_add(rows.above.wrapping_mul(row_words));
        let start = rows.start.wrapping_add(x.wrapping_mul(self.pixel_step));
        let [first, count] = self.whole;
        // SAFETY: the rows above, inside and below are those of the kernel. Values that lie behind a row, and meet weights of zero,
        // are read only if they lie in the input.
        unsafe {
            if rows.above | rows.below != 0 {
                fill(target, rows.above.wrapping_mul(self.row_cells), self.padding);
                let below = inside.wrapping_add(rows.inside.wrapping_mul(row_words));
                fill(below, rows.below.wrapping_mul(self.row_cells), self.padding);
                if rows.inside == 0 {
                    return;
                }
            }
            // The start cannot wrap where no padding is seen.
            if x.wrapping_sub(first) < count && start.wrapping_add(rows.reach) <= self.input.len() {
                widen(self.input.as_ptr().add(start), inside, self.row_cells, rows.inside, self.row_step);
            } else {
                self.partial(rows, x, start, inside);
            }
        }
    }

    /// Widens what output pixels `x` and `x + 1` see, if neither sees padding, to both columns. Returns whether it did.
    ///
    /// # Safety
    ///
    /// `target` must point to as many cells of four words as the shape has.
    #[inline(always)]
    pub unsafe fn pair(&self, rows: &Rows, x: usize, target: *mut u32) -> bool {
        let start = rows.start.wrapping_add(x.wrapping_mul(self.pixel_step));
        let [first, count] = self.whole;
        let is_whole = x.wrapping_sub(first) < count && x.wrapping_sub(first) + 1 < count;
        let end = start.wrapping_add(self.pixel_step).wrapping_add(rows.reach);
        if rows.above | rows.below != 0 || !is_whole || end > self.input.len() {
            return false;
        }
        // SAFETY: the rows inside are all rows of the kernel, and what the second pixel sees lies in the input.
        unsafe {
            let source = self.input.as_ptr().add(start);
            widen_pair(source, target, self.row_cells, rows.inside, self.row_step, self.pixel_step);
        }
        true
    }

    /// As [`Gather::column`], for the rows inside: of a pixel that sees padding or the end of the input, or taps that lie apart.
    ///
    /// # Safety
    ///
    /// As for [`Gather::column`].
    #[inline(never)]
    unsafe fn partial(&self, rows: &Rows, x: usize, start: usize, mut target: *mut u32) {
        let [_, w, c] = self.shape.input;
        let origin = self.shape.columns.origin(x as u32);
        if self.is_contiguous || !Feature::Conv2dDilationGroups.is_built() {
            let channels = self.shape.channels_in();
            // Of a kernel row: values of padding before the image, and where it ends.
            let before = (-origin).max(0) as usize * channels;
            let end = (w as i32).wrapping_sub(origin).max(0) as usize;
            let end = end.min(self.shape.columns.kernel as usize).wrapping_mul(channels).max(before);
            // SAFETY: as the caller vouches for.
            unsafe { self.edges(rows.inside, start, before, end, target) };
            return;
        }
        for row in 0..rows.inside {
            let line = start
                .wrapping_add(row.wrapping_mul(self.row_step))
                .wrapping_sub((origin as usize).wrapping_mul(c))
                .wrapping_sub(self.first_channel);
            // SAFETY: one kernel row after the other.
            unsafe { self.taps(self.input.get(line..).unwrap_or_default(), origin, target) };
            target = target.wrapping_add(4 * self.row_cells);
        }
    }

    /// Kernel rows of which the values from `before` to `end` lie in the image; `start` is where the first one lies, or would.
    ///
    /// # Safety
    ///
    /// As for [`Gather::column`], for so many kernel rows.
    #[inline(always)]
    unsafe fn edges(&self, rows: usize, start: usize, before: usize, end: usize, mut target: *mut u32) {
        let whole = before.div_ceil(4)..(end / 4).max(before.div_ceil(4));
        let mut behind = whole.end;
        // SAFETY: whole cells of the image, and cells that lie in it partly, as many as the rows have.
        unsafe {
            if before % 4 != 0 {
                let first = before & !3;
                let behind = if end - first < 4 { u32::MAX << (8 * (end % 4)) } else { 0 };
                let seen = (u32::MAX << (8 * (before % 4))) & !behind;
                self.cells(rows, start.wrapping_add(first), seen, target.wrapping_add(first));
            }
            if behind < self.row_cells && end > 4 * behind {
                // One to three values.
                let (first, seen) = (4 * behind, !(u32::MAX << (8 * (end % 4))));
                self.cells(rows, start.wrapping_add(first), seen, target.wrapping_add(first));
                behind += 1;
            }
            let behind = behind..self.row_cells;
            if before < 4 && whole.is_empty() && behind.is_empty() {
                return;
            }
            for row in 0..rows {
                fill(target, before / 4, self.padding);
                let first = start.wrapping_add(row.wrapping_mul(self.row_step)).wrapping_add(4 * whole.start);
                if let (false, Some(values)) = (whole.is_empty(), self.input.get(first..)) {
                    let cells = whole.len().min(values.len() / 4);
                    widen(values.as_ptr(), target.add(4 * whole.start), cells, 1, 0);
                }
                fill(target.wrapping_add(4 * behind.start), behind.len(), self.padding);
                target = target.wrapping_add(4 * self.row_cells);
            }
        }
    }

    /// A cell of kernel rows that lies partly outside of the image: the values from `at` on whose bits are set in `seen`, and padding.
    ///
    /// # Safety
    ///
    /// `target` must point to word 0 or 1 of the cell in the first of so many kernel rows.
    #[inline(never)]
    unsafe fn cells(&self, rows: usize, mut at: usize, seen: u32, mut target: *mut u32) {
        let padding = u32::from(self.zero_point as u8) * 0x0101_0101 & !seen;
        let row_bytes = 16 * self.row_cells;
        let mut left = rows;
        while left > 0 {
            // The words of the first row may begin before the input, and those of the last ones end behind it.
            let last = left.wrapping_sub(1).wrapping_mul(self.row_step);
            let is_inside = |at: usize| at < self.input.len() && self.input.len() - at >= 4;
            let count = if is_inside(at) && is_inside(at.wrapping_add(last)) { left } else { 1 };
            let word;
            let source = if is_inside(at) {
                self.input.as_ptr().wrapping_add(at)
            } else {
                word = self.word(at);
                word.as_ptr()
            };
            // SAFETY: as many words, and one cell of as many rows.
            unsafe { widen_masked(source, target, count, self.row_step, row_bytes, &[seen, padding]) };
            at = at.wrapping_add(self.row_step);
            target = target.wrapping_byte_add(row_bytes);
            left -= count;
        }
    }
    /// The four values from `at` on, zeros where the input has none.
    #[cold]
    #[inline(never)]
    fn word(&self, at: usize) -> [i8; 4] {
        let mut word = [0; 4];
        for (k, value) in word.iter_mut().enumerate() {
            *value = self.input.get(at.wrapping_add(k)).copied().unwrap_or_default();
        }
        word
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
                        None => fill(target, channels / 4, self.padding),
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

/// Writes `value`, twice 16 bits, to both words of a column in each of `cells` cells.
///
/// # Safety
///
/// `target` must point to word 0 or 1 of as many cells.
#[inline(always)]
unsafe fn fill(target: *mut u32, cells: usize, value: u32) {
    if cells != 0 {
        // SAFETY: as the caller vouches for.
        unsafe { fill_some(target, cells, value) };
    }
}

/// # Safety
///
/// As for [`fill`], with at least one cell.
#[unsafe(naked)]
unsafe extern "C" fn fill_some(target: *mut u32, cells: usize, value: u32) {
    naked_asm!("2:", "str r2, [r0, #8]", "str r2, [r0], #16", "subs r1, #1", "bne 2b", "bx lr")
}

/// One cell of one column.
macro_rules! widen_one {
    () => {
        concat!(
            "ldr r5, [r0], #4\n",
            "sxtb16 r6, r5\n",
            "sxtb16 r5, r5, ror #8\n",
            "str r5, [r1, #8]\n",
            "str r6, [r1], #16\n",
        )
    };
}

/// Widens `cells` times four values of each of `rows` rows, one `step` bytes behind the other, to words 0 and 2 of a cell each.
///
/// # Safety
///
/// There must be as many values, at any address, `rows` and `cells` not be 0, and `target` point to word 0 or 1 of `cells · rows` cells.
#[unsafe(naked)]
unsafe extern "C" fn widen(source: *const i8, target: *mut u32, cells: usize, rows: usize, step: usize) {
    naked_asm!(
        "push {{r4-r6, lr}}",
        "ldr r4, [sp, #16]",
        "sub.w r4, r4, r2, lsl #2",
        "1:",
        "lsrs.w r12, r2, #1",
        "bcc 2f",
        widen_one!(),
        "beq 3f",
        "2:",
        widen_one!(),
        widen_one!(),
        "subs.w r12, r12, #1",
        "bne 2b",
        "3:",
        "add r0, r4",
        "subs r3, #1",
        "bne 1b",
        "pop {{r4-r6, pc}}",
    )
}

/// Widens the word at the start of each of `rows` rows, one `step` bytes behind the other, to a cell each, `target_step` bytes apart: its
/// bits in `masks[0]`, and those of `masks[1]` instead of the others.
///
/// # Safety
///
/// There must be as many words, at any address, `rows` not be 0, and `target` point to word 0 or 1 of as many cells.
#[unsafe(naked)]
unsafe extern "C" fn widen_masked(
    source: *const i8,
    target: *mut u32,
    rows: usize,
    step: usize,
    target_step: usize,
    masks: &[u32; 2],
) {
    naked_asm!(
        "push {{r4-r6, lr}}",
        "ldrd r4, r5, [sp, #16]",
        "ldrd r5, r6, [r5]",
        "2:",
        "ldr.w r12, [r0]",
        "add r0, r3",
        "and.w r12, r12, r5",
        "orr.w r12, r12, r6",
        "sxtb16 lr, r12",
        "sxtb16 r12, r12, ror #8",
        "str.w r12, [r1, #8]",
        "str.w lr, [r1]",
        "add r1, r4",
        "subs r2, #1",
        "bne 2b",
        "pop {{r4-r6, pc}}",
    )
}

/// One cell of two columns.
macro_rules! widen_two {
    () => {
        concat!(
            "ldr r6, [r0], #4\n",
            "ldr r7, [r5], #4\n",
            "sxtb16 r8, r6\n",
            "sxtb16 r9, r7\n",
            "sxtb16 r10, r6, ror #8\n",
            "sxtb16 r11, r7, ror #8\n",
            "stm r1!, {{r8-r11}}\n",
        )
    };
}

/// As [`widen`], for two columns, of which the second begins `second` bytes behind the first.
///
/// # Safety
///
/// As for [`widen`], for both; `target` must point to whole cells.
#[unsafe(naked)]
unsafe extern "C" fn widen_pair(
    source: *const i8,
    target: *mut u32,
    cells: usize,
    rows: usize,
    step: usize,
    second: usize,
) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "ldrd r4, r5, [sp, #36]",
        "add r5, r0",
        "sub.w r4, r4, r2, lsl #2",
        "1:",
        "lsrs.w r12, r2, #1",
        "bcc 2f",
        widen_two!(),
        "beq 3f",
        "2:",
        widen_two!(),
        widen_two!(),
        "subs.w r12, r12, #1",
        "bne 2b",
        "3:",
        "add r0, r4",
        "add r5, r4",
        "subs r3, #1",
        "bne 1b",
        "pop {{r4-r11, pc}}",
    )
}
