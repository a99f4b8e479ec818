//! Two columns times any number of channels, four at a time.
//!
//! A word of weights has two channels in each halfword, see [`WeightCell`]. SMLAD with the word as it is sums 256 · odd + even; with the
//! word after SXTB16, even alone. So four channels and two columns take eight sums, which live in registers for the whole of K, and
//! half as many sign extensions as there are words.

use core::arch::naked_asm;

pub(super) use super::scaling::Sums;
use crate::format::{ChannelBlock, WeightCell};

/// Cells after which the sums of two channels that share a word must be told apart: 512 products of at most 2¹⁴ stay below 2²³.
const SEGMENT: usize = 128;

/// Cells that the loop handles before it looks whether it is done.
const UNROLLED: usize = 8;

/// Bytes of the instructions of one cell.
const CELL_CODE: usize = 104;

/// Bytes of two widened columns for each cell.
const CELL_BYTES: usize = 16;

/// Two columns and the channels to multiply them with. The order of the fields is that of the stack frame.
#[repr(C)]
pub(super) struct Tile {
    /// For each cell four words: values 0 and 2 of the first column and of the second, values 1 and 3 likewise.
    columns: *const u32,
    entry: usize,
    segment_end: *const u32,
    channels: *const ChannelBlock,
    /// 2 · zero point of the output + 1.
    rounding: i32,
    weights: *const WeightCell,
    quads: usize,
    /// Outputs of the two columns, or only the first, for eight raw sums.
    outputs: [*mut i8; 2],
    columns_end: *const u32,
    sums: Sums,
    quads_behind: usize,
}

impl Tile {
    /// A tile of two columns of `cells` cells (at least 1).
    ///
    /// # Safety
    ///
    /// `columns` must point to `cells` times four words.
    pub unsafe fn new(columns: *const u32, cells: usize, zero_point: i32, sums: Sums) -> Tile {
        let first = cells.wrapping_sub(1) % UNROLLED + 1;
        let segment = cells.wrapping_sub(1) % SEGMENT + 1;
        Tile {
            columns,
            entry: (UNROLLED - first) * CELL_CODE,
            segment_end: columns.wrapping_add(4 * segment),
            channels: core::ptr::null(),
            rounding: zero_point.wrapping_mul(2).wrapping_add(1),
            weights: core::ptr::null(),
            quads: 0,
            outputs: [core::ptr::null_mut(); 2],
            columns_end: columns.wrapping_add(cells.wrapping_mul(4)),
            sums,
            quads_behind: 0,
        }
    }

    /// Multiplies the columns with `quads` times four channels from `weights` on.
    ///
    /// # Safety
    ///
    /// The columns must be there still, at an address of words. `weights` must point, at such an address, to the first channels of a
    /// block (or, for one quad alone, to either half of one), `channels` to the channel block (or the same half); both to as many as
    /// the quads need. Both outputs must have
    /// room for `4 · quads` values, or the first one, aligned for words, for eight sums if the sums are raw; then there is one quad.
    pub unsafe fn multiply(
        &mut self,
        weights: *const WeightCell,
        channels: *const ChannelBlock,
        outputs: [*mut i8; 2],
        quads: usize,
    ) {
        self.weights = weights;
        self.channels = channels;
        self.outputs = outputs;
        self.quads = quads.div_ceil(2);
        self.quads_behind = quads / 2;
        // SAFETY: the tile is complete, and the caller vouches for what it points to.
        unsafe { multiply(self) }
    }
}

/// One cell: r0 columns, r1 weights; r4 to r7 both channels, r8 to r11 even channels, of the first pair and first column, first pair
/// and second column, and so on. Four LDRs in a row take a cycle less than two LDRDs; half and half, for what reads the code counts too.
macro_rules! cell {
    () => {
        concat!(
            half!("ldr.w r2, [r0], #4\nldr.w r3, [r0], #4\nldr.w r12, [r1], #4\nldr.w lr, [r1], #4\n"),
            half!("ldrd r2, r3, [r0], #8\nldrd r12, lr, [r1], #24\n"),
        )
    };
}

/// Two values of K, whose words `$load` loads.
macro_rules! half {
    ($load:literal) => {
        concat!(
            $load,
            "smlad r4, r12, r2, r4\n",
            "smlad r5, r12, r3, r5\n",
            "smlad r6, lr, r2, r6\n",
            "smlad r7, lr, r3, r7\n",
            "sxtb16 r12, r12\n",
            "sxtb16 lr, lr\n",
            "smlad r8, r12, r2, r8\n",
            "smlad r9, r12, r3, r9\n",
            "smlad r10, lr, r2, r10\n",
            "smlad r11, lr, r3, r11\n",
        )
    };
}

/// Scales the sums of one channel, doubled or (`$double`) not, for both columns. r0: channel block, r1: rounding.
macro_rules! scale {
    ($double:literal, $x:literal, $y:literal, $multiplier:literal, $shift:literal) => {
        concat!(
            "ldr r2, [r0, #",
            $multiplier,
            "]\n",
            "ldr r3, [r0, #",
            $shift,
            "]\n",
            "mvns r3, r3\n",
            "lsl.w r12, r1, r3\n",
            "add.w lr, r12, ",
            $x,
            ", asr #31\n",
            "add.w r12, r12, ",
            $y,
            ", asr #31\n",
            $double,
            "smmlar ",
            $x,
            ", ",
            $x,
            ", r2, lr\n",
            "smmlar ",
            $y,
            ", ",
            $y,
            ", r2, r12\n",
            "asr.w ",
            $x,
            ", ",
            $x,
            ", r3\n",
            "asr.w ",
            $y,
            ", ",
            $y,
            ", r3\n",
            "ssat ",
            $x,
            ", #8, ",
            $x,
            ", asr #1\n",
            "ssat ",
            $y,
            ", #8, ",
            $y,
            ", asr #1\n",
        )
    };
}

/// Adds what the odd channel of a pair has gained since `$even` was copied to `$both`, and copies it again.
macro_rules! fold {
    ($both:literal, $even:literal, $at:literal) => {
        concat!(
            "ldr r2, [sp, #",
            $at,
            "]\n",
            "sub.w ",
            $both,
            ", ",
            $both,
            ", ",
            $even,
            "\n",
            "add.w r2, r2, ",
            $both,
            ", asr #8\n",
            "str r2, [sp, #",
            $at,
            "]\n",
            "mov ",
            $both,
            ", ",
            $even,
            "\n",
        )
    };
}

/// # Safety
///
/// See [`Tile::multiply`].
#[unsafe(naked)]
unsafe extern "C" fn multiply(tile: *const Tile) {
    // Stack: 0 columns, 4 entry, 8 end of the segment, 12 channels, 16 rounding, 20 weights, 24 quads, 28 and 32 outputs,
    // 36 end of the columns, 40 sums, 44 quads behind, 48 tile, 52 end of the first segment, 56 to 68 sums of the odd channels.
    naked_asm!(
        "push {{r4-r11, lr}}",
        "sub sp, #76",
        "mov r12, r0",
        "ldm r12!, {{r0-r7}}",
        "ldm r12!, {{r8-r11}}",
        "adr.w lr, 3f",
        "adds r1, r1, lr",
        "adds r1, #1",
        "stm sp, {{r0-r11}}",
        "sub.w r12, r12, #48",
        "str.w r12, [sp, #48]",
        "str r2, [sp, #52]",
        // Four channels.
        "2:",
        "ldr r2, [sp, #12]",
        "ldr r3, [sp, #40]",
        "ldr.w r8, [r2]",
        "ldr.w r12, [r2, #4]",
        "ldr.w r10, [r2, #8]",
        "ldr.w lr, [r2, #12]",
        "mov r9, r8",
        "mov r11, r10",
        "cbnz r3, 4f",
        "add.w r4, r8, r12, lsl #8",
        "add.w r6, r10, lr, lsl #8",
        "mov r5, r4",
        "mov r7, r6",
        "ldr r0, [sp, #0]",
        "ldr r1, [sp, #20]",
        "ldr.w pc, [sp, #4]",
        // Long sums: odd channels start at their bias on the stack.
        "4:",
        "strd r12, r12, [sp, #56]",
        "strd lr, lr, [sp, #64]",
        "ldr r2, [sp, #52]",
        "str r2, [sp, #8]",
        "mov r4, r8",
        "mov r5, r8",
        "mov r6, r10",
        "mov r7, r10",
        "ldr r0, [sp, #0]",
        "ldr r1, [sp, #20]",
        "ldr.w pc, [sp, #4]",
        ".p2align 2",
        "3:",
        cell!(),
        cell!(),
        cell!(),
        cell!(),
        cell!(),
        cell!(),
        cell!(),
        cell!(),
        "ldr.w r12, [sp, #8]",
        "cmp r0, r12",
        "bne.w 3b",
        "ldr r3, [sp, #40]",
        "cmp r3, #0",
        "bne.w 5f",
        "sub.w r4, r4, r8",
        "sub.w r5, r5, r9",
        "sub.w r6, r6, r10",
        "sub.w r7, r7, r11",
        "asr.w r4, r4, #7",
        "asr.w r5, r5, #7",
        "asr.w r6, r6, #7",
        "asr.w r7, r7, #7",
        // Doubled odd sums in r4 to r7, even ones as they are.
        "6:",
        "str r1, [sp, #20]",
        "ldr r0, [sp, #12]",
        "ldr r1, [sp, #16]",
        scale!("lsl.w r8, r8, #1\nlsl.w r9, r9, #1\n", "r8", "r9", "64", "96"),
        scale!("", "r4", "r5", "68", "100"),
        scale!("lsl.w r10, r10, #1\nlsl.w r11, r11, #1\n", "r10", "r11", "72", "104"),
        scale!("", "r6", "r7", "76", "108"),
        "adds r0, #128",
        "ldr r2, [sp, #28]",
        "ldr r3, [sp, #32]",
        "ldr r1, [sp, #24]",
        // The second column first: it may be a mere stand-in beside the last pixel.
        "strb.w r5, [r3, #1]",
        "strb.w r11, [r3, #2]",
        "strb.w r7, [r3, #3]",
        "strb.w r9, [r3], #8",
        "strb.w r4, [r2, #1]",
        "strb.w r10, [r2, #2]",
        "strb.w r6, [r2, #3]",
        "strb.w r8, [r2], #8",
        "str r0, [sp, #12]",
        "str r2, [sp, #28]",
        "str r3, [sp, #32]",
        "subs r1, #1",
        "str r1, [sp, #24]",
        "bne.w 2b",
        // The second halves of the blocks.
        "ldr r1, [sp, #44]",
        "cbz r1, 7f",
        "movs r0, #0",
        "str r1, [sp, #24]",
        "str r0, [sp, #44]",
        "ldr r0, [sp, #48]",
        "ldr r1, [r0, #12]",
        "ldr r2, [r0, #20]",
        "ldr r3, [r0, #28]",
        "ldr r4, [r0, #32]",
        "adds r1, #16",
        "adds r2, #16",
        "adds r3, #4",
        "adds r4, #4",
        "str r1, [sp, #12]",
        "str r2, [sp, #20]",
        "str r3, [sp, #28]",
        "str r4, [sp, #32]",
        "b.w 2b",
        "7:",
        "add sp, #76",
        "pop {{r4-r11, pc}}",
        // The end of a segment.
        "5:",
        fold!("r4", "r8", "56"),
        fold!("r5", "r9", "60"),
        fold!("r6", "r10", "64"),
        fold!("r7", "r11", "68"),
        "ldr r3, [sp, #36]",
        "ldr r2, [sp, #8]",
        "cmp r2, r3",
        "it ne",
        "addne.w r2, r2, #2048",
        "str r2, [sp, #8]",
        "bne.w 3b",
        "ldrd r4, r5, [sp, #56]",
        "ldrd r6, r7, [sp, #64]",
        "ldr r3, [sp, #40]",
        "cmp r3, #2",
        "beq 8f",
        "lsls r4, r4, #1",
        "lsls r5, r5, #1",
        "lsls r6, r6, #1",
        "lsls r7, r7, #1",
        "b.w 6b",
        "8:",
        "ldr r2, [sp, #28]",
        "str.w r8, [r2]",
        "str.w r4, [r2, #4]",
        "str.w r10, [r2, #8]",
        "str.w r6, [r2, #12]",
        "str.w r9, [r2, #16]",
        "str.w r5, [r2, #20]",
        "str.w r11, [r2, #24]",
        "str.w r7, [r2, #28]",
        "b 7b",
    )
}

const _: () = assert!(SEGMENT * CELL_BYTES == 2048);
