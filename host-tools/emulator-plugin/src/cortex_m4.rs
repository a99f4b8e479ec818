//! How long instructions take on a Cortex-M4 whose memory has no wait states (Arm DDI 0439, tables 3-1 and 7-1).
//!
//! | instruction | cycles |
//! |---|---|
//! | arithmetic, multiplication of any kind, SMLAD and its like | 1 |
//! | single load | 2; 1 right behind another single load that does not load its base register |
//! | single store | 1; 2 with an offset in a register |
//! | LDM, STM, PUSH, POP | 1 + registers |
//! | LDRD, STRD, and exclusive accesses | 3 |
//! | SDIV, UDIV | 6, of 2 to 12 |
//! | branch that is taken | 2 more |
//! | VLDR, VSTR | 2 |
//! | VLDM, VSTM | 1 + words |
//! | VDIV, VSQRT | 14 |
//! | other VFP | 1 |
//!
//! Encodings are those of the Armv7-M architecture reference manual (DDI 0403), chapters A5 and A6.

use crate::count::{Instruction, Kind};

/// Cycles that a taken branch adds.
pub const TAKEN_BRANCH: u64 = 2;

const STACK_POINTER: u8 = 13;
const PROGRAM_COUNTER: u8 = 15;

/// Decodes the Thumb instruction that starts with the halfword `first`; `second` is its other half if it has one.
pub fn decode(address: u64, first: u16, second: Option<u16>) -> Instruction {
    let (kind, cycles) = match second {
        None => narrow(first),
        Some(second) => wide(first, second),
    };
    let bytes = if second.is_some() { 4 } else { 2 };
    Instruction { address, bytes, kind, cycles }
}

/// Whether an instruction that starts with this halfword has another one (Armv7-M architecture reference manual, A5.1).
pub const fn is_wide(first: u16) -> bool {
    bits(first, 11, 5) >= 0b11101
}

/// Bits `low` to `low + count - 1` of a halfword.
const fn bits(halfword: u16, low: u32, count: u32) -> u8 {
    (halfword >> low & ((1 << count) - 1)) as u8
}

const OTHER: (Kind, u8) = (Kind::Other, 1);

const fn load(target: u8, base: u8) -> (Kind, u8) {
    (Kind::Load { target, base }, 2)
}

const fn store(register_offset: bool) -> (Kind, u8) {
    (Kind::Store, 1 + register_offset as u8)
}

const fn multiple(registers: u32) -> (Kind, u8) {
    (Kind::Multiple, 1 + registers as u8)
}

/// Instructions of 16 bits.
fn narrow(word: u16) -> (Kind, u8) {
    let (is_load, target, base) = (bits(word, 11, 1) == 1, bits(word, 0, 3), bits(word, 3, 3));
    match bits(word, 12, 4) {
        // 01001: LDR from the literal pool; 01000 calculates and branches.
        0b0100 if is_load => load(bits(word, 8, 3), PROGRAM_COUNTER),
        // Offset in a register: STR, STRH and STRB come before LDRSB and the other loads.
        0b0101 if bits(word, 9, 3) < 3 => store(true),
        0b0101 => load(target, base),
        // Offset in the instruction: words, bytes, halfwords.
        0b0110..=0b1000 if is_load => load(target, base),
        0b1001 if is_load => load(bits(word, 8, 3), STACK_POINTER),
        0b0110..=0b1001 => store(false),
        // PUSH and POP, whose ninth bit is the link register or the program counter.
        0b1011 if bits(word, 9, 2) == 0b10 => multiple((word & 0x1FF).count_ones()),
        0b1100 => multiple((word & 0xFF).count_ones()),
        _ => OTHER,
    }
}

/// Instructions of 32 bits.
fn wide(first: u16, second: u16) -> (Kind, u8) {
    let is_load = bits(first, 4, 1) == 1;
    match bits(first, 9, 7) {
        0b111_0100 if bits(first, 6, 1) == 0 => multiple(second.count_ones()),
        // TBB and TBH are encoded amid the dual and exclusive accesses.
        0b111_0100 if first & 0xFFF0 == 0xE8D0 && second & 0xFFE0 == 0xF000 => OTHER,
        0b111_0100 => (Kind::Multiple, 3),
        0b111_1100 if is_load => load(bits(second, 12, 4), bits(first, 0, 4)),
        0b111_1100 => store(bits(first, 7, 1) == 0 && bits(second, 11, 1) == 0),
        0b111_1101 if matches!(first & 0xFFF0, 0xFB90 | 0xFBB0) => (Kind::Division, 6),
        0b111_0110 => float_memory(first, second),
        0b111_0111 if is_float_division(first, second) => (Kind::Division, 14),
        _ => OTHER,
    }
}

/// Loads and stores of the floating-point unit, and moves between two pairs of registers.
fn float_memory(first: u16, second: u16) -> (Kind, u8) {
    let (indexed, up, write_back) = (bits(first, 8, 1) == 1, bits(first, 7, 1) == 1, bits(first, 5, 1) == 1);
    if !indexed && !up && !write_back {
        OTHER
    } else if indexed && !write_back {
        (Kind::Other, 2)
    } else {
        (Kind::Multiple, (1 + (second & 0xFF)).min(255) as u8)
    }
}

/// VDIV, whose opcode is 1x00, or VSQRT, whose opcode is 1x11 with 0001 in the place of the first operand.
fn is_float_division(first: u16, second: u16) -> bool {
    let of_coprocessor = bits(second, 9, 3) == 0b101 && bits(second, 4, 1) == 0;
    let square_root = bits(second, 6, 2) == 0b11;
    of_coprocessor && (first & 0xFFB0 == 0xEE80 || (first & 0xFFBF == 0xEEB1 && square_root))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodings as an assembler writes them.
    #[test]
    fn decodes_every_row_of_the_table() {
        let load = |target, base| Kind::Load { target, base };
        let narrow: [(u16, Kind, u8); 12] = [
            (0x1889, Kind::Other, 1),    // adds r1, r1, r2
            (0x4348, Kind::Other, 1),    // muls r0, r1, r0
            (0x4A03, load(2, 15), 2),    // ldr r2, [pc, #12]
            (0x5888, load(0, 1), 2),     // ldr r0, [r1, r2]
            (0x5E88, load(0, 1), 2),     // ldrsh r0, [r1, r2]
            (0x5088, Kind::Store, 2),    // str r0, [r1, r2]
            (0x7848, load(0, 1), 2),     // ldrb r0, [r1, #1]
            (0x8048, Kind::Store, 1),    // strh r0, [r1, #2]
            (0x9801, load(0, 13), 2),    // ldr r0, [sp, #4]
            (0xB5F0, Kind::Multiple, 6), // push {r4-r7, lr}
            (0xBDF0, Kind::Multiple, 6), // pop {r4-r7, pc}
            (0xC907, Kind::Multiple, 4), // ldm r1!, {r0-r2}
        ];
        for (word, kind, cycles) in narrow {
            let found = decode(0, word, None);
            assert_eq!((found.kind, found.cycles, found.bytes), (kind, cycles, 2), "{word:#06x}");
        }
        let wide: [(u16, u16, Kind, u8); 17] = [
            (0xFB21, 0x0302, Kind::Other, 1),     // smlad r3, r1, r2, r0
            (0xFB80, 0x2301, Kind::Other, 1),     // smull r2, r3, r0, r1
            (0xF851, 0x0B04, load(0, 1), 2),      // ldr r0, [r1], #4
            (0xF911, 0x0002, load(0, 1), 2),      // ldrsb r0, [r1, r2]
            (0xF840, 0x1B04, Kind::Store, 1),     // str r1, [r0], #4
            (0xF800, 0x1002, Kind::Store, 2),     // strb r1, [r0, r2]
            (0xF880, 0x1020, Kind::Store, 1),     // strb r1, [r0, #32]
            (0xE92D, 0x4FF0, Kind::Multiple, 10), // push {r4-r11, lr}
            (0xE8B0, 0x001E, Kind::Multiple, 5),  // ldm r0!, {r1-r4}
            (0xE9D0, 0x1200, Kind::Multiple, 3),  // ldrd r1, r2, [r0]
            (0xE8D0, 0xF001, Kind::Other, 1),     // tbb [r0, r1]
            (0xFBB0, 0xF0F1, Kind::Division, 6),  // udiv r0, r0, r1
            (0xED90, 0x0A00, Kind::Other, 2),     // vldr s0, [r0]
            (0xECB0, 0x0A04, Kind::Multiple, 5),  // vldmia r0!, {s0-s3}
            (0xEC51, 0x0B10, Kind::Other, 1),     // vmov r0, r1, d0
            (0xEE80, 0x0A20, Kind::Division, 14), // vdiv.f32 s0, s0, s1
            (0xEEB1, 0x0AC0, Kind::Division, 14), // vsqrt.f32 s0, s0
        ];
        for (first, second, kind, cycles) in wide {
            let found = decode(0, first, Some(second));
            assert_eq!(
                (found.kind, found.cycles, found.bytes),
                (kind, cycles, 4),
                "{first:#06x} {second:#06x}"
            );
        }
        // vneg.f32 s0, s0 differs from vsqrt in one bit.
        assert_eq!(decode(0, 0xEEB1, Some(0x0A40)).cycles, 1);
    }
}
