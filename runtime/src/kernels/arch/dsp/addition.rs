//! Addition of int8 tensors, four elements at a time.

use core::arch::naked_asm;
use core::cell::Cell;

use crate::kernels::arch::addition::{Addition, HEADROOM_BITS, Scale};
use crate::kernels::memory::Operand;

/// The multiplier that halves, which is what the term of the larger scale is multiplied with.
const HALF: i32 = 1 << 30;

/// What the loop holds in registers. The order of the fields is that of the registers.
#[repr(C)]
struct Constants {
    /// Zero point of the term that is scaled, doubled and shifted like its values.
    zero_point: i32,
    rounding: i32,
    multiplier: i32,
    exponent: i32,
    /// Zero point of the halved term, doubled and shifted like the sum.
    halved_zero_point: i32,
    output_rounding: i32,
    output_multiplier: i32,
    /// Less one.
    output_exponent: i32,
}

/// How the loop adds, and whether the terms change places. `None` if it would not be exact: it wants the addition of a term that is
/// halved and one that is shifted to the right, and an output that is, by at most 22 bits, as `requantize` says.
fn constants(job: &Addition) -> Option<(Constants, bool)> {
    let is_halved = |scale: &Scale| scale.multiplier == HALF && scale.shift == 0;
    let is_swapped = !is_halved(&job.left);
    let (halved, other) = if is_swapped { (&job.right, &job.left) } else { (&job.left, &job.right) };
    let is_exact = is_halved(halved)
        && (-31..0).contains(&other.shift)
        && (-22..0).contains(&job.output.shift)
        && [halved, other, &job.output].iter().all(|scale| (-128..128).contains(&scale.zero_point))
        && !job.subtract;
    is_exact.then(|| {
        let rounding = job.output.zero_point.wrapping_mul(2).wrapping_add(1);
        let constants = Constants {
            zero_point: other.zero_point << (HEADROOM_BITS + 1),
            rounding: 1 << (-1 - other.shift),
            multiplier: other.multiplier,
            exponent: -other.shift,
            halved_zero_point: halved.zero_point << HEADROOM_BITS,
            output_rounding: rounding << (-1 - job.output.shift),
            output_multiplier: job.output.multiplier,
            output_exponent: -1 - job.output.shift,
        };
        (constants, is_swapped)
    })
}

/// Adds as many elements as it can, from the first one on, and returns their number. The output may be one of the terms.
pub(crate) fn add(job: &Addition, left: Operand<'_>, right: Operand<'_>, output: &[Cell<u8>]) -> usize {
    let count = output.len().min(left.len()).min(right.len()) & !3;
    let Some((constants, is_swapped)) = constants(job) else { return 0 };
    if count == 0 {
        return 0;
    }
    let (left, right) = (left.as_ptr().cast(), right.as_ptr().cast());
    let (halved, other) = if is_swapped { (right, left) } else { (left, right) };
    let target = output.as_ptr().cast::<i8>().cast_mut();
    // SAFETY: all three have `count` bytes. Cells may be written through a shared reference, and be read by another.
    unsafe { add_fours(halved, other, target, target.wrapping_add(count), &constants) };
    if job.low > -128 || job.high < 127 {
        for cell in output.iter().take(count) {
            cell.set(i32::from(cell.get() as i8).max(job.low).min(job.high) as u8);
        }
    }
    count
}

/// One element: r0 halved term, r1 other term, r2 output, constants in r4 to r11.
macro_rules! element {
    () => {
        concat!(
            "ldrsb r12, [r0], #1\n",
            "ldrsb lr, [r1], #1\n",
            "rsb.w lr, r4, lr, lsl #21\n",
            "add.w r3, r5, lr, asr #31\n",
            "smmlar r3, lr, r6, r3\n",
            "asr.w r3, r3, r7\n",
            "add.w r3, r3, r12, lsl #19\n",
            "rsb.w r3, r8, r3, lsl #1\n",
            "add.w r12, r9, r3, asr #31\n",
            "smmlar r3, r3, r10, r12\n",
            "asr.w r3, r3, r11\n",
            "ssat r3, #8, r3, asr #1\n",
            "strb r3, [r2], #1\n",
        )
    };
}

/// # Safety
///
/// `output` to `end` must be a multiple of four elements, at least four, and both terms as long.
#[unsafe(naked)]
unsafe extern "C" fn add_fours(
    halved: *const i8,
    other: *const i8,
    output: *mut i8,
    end: *mut i8,
    constants: &Constants,
) {
    naked_asm!(
        "push {{r3-r11, lr}}",
        "ldr.w r12, [sp, #40]",
        "ldm.w r12, {{r4-r11}}",
        "2:",
        element!(),
        element!(),
        element!(),
        element!(),
        "ldr r3, [sp]",
        "cmp r2, r3",
        "bne 2b",
        "pop {{r3-r11, pc}}",
    )
}
