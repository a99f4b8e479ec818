//! Two columns times any number of channels, four at a time.
//!
//! A word of weights has two channels in each halfword, see [`WeightCell`]. SMLAD with the word as it is sums 256 · odd + even; with the
//! word after SXTB16, even alone. So four channels and two columns take eight sums, which live in registers for the whole of K, and
//! half as many sign extensions as there are words.

use core::arch::naked_asm;

use crate::format::{ChannelBlock, WeightCell};
use crate::kernels::arch::Sums;

/// Cells after which the sums of two channels that share a word must be told apart: 512 products of at most 2¹⁴ stay below 2²³.
const SEGMENT: usize = 128;

/// Cells that the loop handles before it looks whether it is done.
const UNROLLED: usize = 8;

/// Bytes of the instructions of one cell.
const CELL_CODE: usize = 96;

/// Bytes of two widened columns for each cell.
const CELL_BYTES: usize = 16;

/// Two columns and the channels to multiply them with. The order of the fields is that of the stack frame.
#[repr(C)]
pub(super) struct Tile {
    /// For each cell four words: values 0 and 2 of the first column and of the second, values 1 and 3 likewise.
    columns: *const u32,
    weights: *const WeightCell,
    /// Bytes of the loop that are left out when it is entered.
    entry: usize,
    segment_end: *const u32,
    channels: *const ChannelBlock,
    /// 2 · zero point of the output + 1.
    rounding: i32,
    /// Behind the last block whose first half is multiplied.
    channels_end: *const ChannelBlock,
    /// Outputs of the two columns, or only the first, for eight raw sums: four of the first column, four of the second.
    outputs: [*mut i8; 2],
    /// Whether odd channels take their bias along, and whether sums are scaled.
    sums: Sums,
    columns_end: *const u32,
    /// The second half of the block behind the last whose second half is multiplied; null if there is none.
    second_end: *const ChannelBlock,
}

impl Tile {
    /// Two columns of `cells` cells (at least 1) and `quads` times four channels.
    pub fn new(
        columns: *const u32,
        cells: usize,
        zero_point: i32,
        sums: Sums,
        weights: *const WeightCell,
        channels: *const ChannelBlock,
        quads: usize,
    ) -> Tile {
        let first = cells.wrapping_sub(1) % UNROLLED + 1;
        let segment = cells.wrapping_sub(1) % SEGMENT + 1;
        let second_end = channels.wrapping_byte_add(16).wrapping_add(quads / 2);
        Tile {
            columns,
            weights,
            entry: (UNROLLED - first) * CELL_CODE,
            segment_end: columns.wrapping_add(4 * segment),
            channels,
            rounding: zero_point.wrapping_mul(2).wrapping_add(1),
            channels_end: channels.wrapping_add(quads.div_ceil(2)),
            outputs: [core::ptr::null_mut(); 2],
            sums,
            columns_end: columns.wrapping_add(cells.wrapping_mul(4)),
            second_end: if quads < 2 { core::ptr::null() } else { second_end },
        }
    }

    /// Multiplies the columns with the channels.
    ///
    /// # Safety
    ///
    /// The tile must have columns of as many cells, times four words, and at least one quad. Its weights must be, at an address of words,
    /// the first channels of a block (or, for one quad alone, either half of one), its channels the channel block (or the same half); both
    /// as many as the quads need. Both outputs must have room for `4 · quads` values, or the first one, aligned for words, for eight sums
    /// if the sums are raw; then there is one quad.
    pub unsafe fn multiply(&mut self, outputs: [*mut i8; 2]) {
        self.outputs = outputs;
        // SAFETY: the caller vouches for what the tile points to.
        unsafe { multiply(self) }
    }
}

/// One cell: r0 columns, r1 weights; r4 to r7 both channels, r8 to r11 even channels, of the first pair and first column, first pair
/// and second column, and so on.
macro_rules! cell {
    () => {
        concat!(half!("8"), half!("24"))
    };
}

/// Two values of K. The weights behind them are `$next` bytes away.
macro_rules! half {
    ($next:literal) => {
        concat!(
            "ldrd r2, r3, [r0], #8\n",
            "ldrd r12, lr, [r1], #",
            $next,
            "\n",
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
    // Stack: 0 columns, 4 weights, 8 where the loop starts, 12 end of the segment, 16 channels, 20 rounding, 24 end of the channels, 28 and
    // 32 outputs, 36 where the loop ends, 40 end of the columns, 44 end of the second halves, 48 tile, 52 end of the first segment, 56
    // where the loop is entered, 60 sums, 64 to 76 sums of the odd channels.
    naked_asm!(
        "push {{r4-r11, lr}}",
        "sub sp, #84",
        "mov r12, r0",
        "ldm r12!, {{r0-r7}}",
        "ldm r12!, {{r8-r11}}",
        "adr.w lr, 3f",
        "adds r2, r2, lr",
        "adds r2, #1",
        "strd r3, r2, [sp, #52]",
        "str.w r9, [sp, #60]",
        "sub.w r12, r12, #48",
        "str.w r12, [sp, #48]",
        "adr.w lr, 9f",
        "cmp.w r9, #0",
        "beq 1f",
        "adr.w r2, 4f",
        "adds r2, #1",
        "adr.w lr, 5f",
        "1:",
        "add.w r9, lr, #1",
        "stm sp, {{r0-r11}}",
        // Four channels.
        "2:",
        "ldr r3, [sp, #16]",
        "ldm.w r3, {{r8-r11}}",
        "ldrd r0, r1, [sp, #0]",
        "add.w r4, r8, r9, lsl #8",
        "add.w r6, r10, r11, lsl #8",
        "mov r9, r8",
        "mov r11, r10",
        "mov r5, r4",
        "mov r7, r6",
        "ldr.w pc, [sp, #8]",
        // Long sums: odd channels start at their bias on the stack.
        ".p2align 2",
        "4:",
        "ldr.w r12, [r3, #4]",
        "ldr.w lr, [r3, #12]",
        "strd r12, r12, [sp, #64]",
        "strd lr, lr, [sp, #72]",
        "ldr r2, [sp, #52]",
        "str r2, [sp, #12]",
        "mov r4, r8",
        "mov r5, r8",
        "mov r6, r10",
        "mov r7, r10",
        "ldr.w pc, [sp, #56]",
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
        "ldr.w r12, [sp, #12]",
        "cmp.w r0, r12",
        "bne.w 3b",
        "ldr.w pc, [sp, #36]",
        "9:",
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
        "str r1, [sp, #4]",
        "ldrd r0, r1, [sp, #16]",
        scale!("lsl.w r8, r8, #1\nlsl.w r9, r9, #1\n", "r8", "r9", "64", "96"),
        scale!("", "r4", "r5", "68", "100"),
        scale!("lsl.w r10, r10, #1\nlsl.w r11, r11, #1\n", "r10", "r11", "72", "104"),
        scale!("", "r6", "r7", "76", "108"),
        "adds r0, #128",
        "ldrd r2, r3, [sp, #28]",
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
        "str r0, [sp, #16]",
        "strd r2, r3, [sp, #28]",
        "cmp r0, r1",
        "bne.w 2b",
        // The second halves of the blocks.
        "ldr r1, [sp, #44]",
        "cbz r1, 7f",
        "movs r0, #0",
        "str r1, [sp, #24]",
        "str r0, [sp, #44]",
        "ldr r0, [sp, #48]",
        "ldr r1, [r0, #16]",
        "ldr r2, [r0, #4]",
        "ldrd r3, r4, [r0, #28]",
        "adds r1, #16",
        "adds r2, #16",
        "adds r3, #4",
        "adds r4, #4",
        "str r1, [sp, #16]",
        "str r2, [sp, #4]",
        "strd r3, r4, [sp, #28]",
        "b.w 2b",
        "7:",
        "add sp, #84",
        "pop {{r4-r11, pc}}",
        // The end of a segment.
        ".p2align 2",
        "5:",
        fold!("r4", "r8", "64"),
        fold!("r5", "r9", "68"),
        fold!("r6", "r10", "72"),
        fold!("r7", "r11", "76"),
        "ldr r3, [sp, #40]",
        "ldr r2, [sp, #12]",
        "cmp r2, r3",
        "it ne",
        "addne.w r2, r2, #2048",
        "str r2, [sp, #12]",
        "bne.w 3b",
        "ldrd r4, r5, [sp, #64]",
        "ldrd r6, r7, [sp, #72]",
        "ldr r3, [sp, #60]",
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
