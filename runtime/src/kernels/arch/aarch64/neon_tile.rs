//! The inner loop of [`super::neon`] for four columns and 16 channels, which needs every register that there is.

use core::arch::aarch64::int32x4_t;
use core::arch::asm;

/// For each of the four cells of 16 values: the first two values of the cell four times, then the other two. One TBL with it is
/// worth two DUPs.
pub(super) static REPEAT: [[u8; 16]; 4] = {
    let mut indices = [[0; 16]; 4];
    let mut cell = 0;
    while cell < 4 {
        let mut lane = 0;
        while lane < 16 {
            indices[cell][lane] = (4 * cell + lane / 8 * 2 + lane % 2) as u8;
            lane += 1;
        }
        cell += 1;
    }
    indices
};

/// Multiplies the values in `$values` with the first half of a cell's four quads, while the finished products of the column before,
/// if there is one, are added to its sums: then a multiplication (one pipe of a Cortex-A72) alternates with an addition (the other
/// one), and each result is four instructions old when it is used, as the in-order Cortex-A53 likes it.
macro_rules! column {
    ($values:literal) => {
        concat!(
            "smull v24.8h, v20.8b, ",
            $values,
            ".8b\n",
            "smull v25.8h, v21.8b, ",
            $values,
            ".8b\n",
            "smull v26.8h, v22.8b, ",
            $values,
            ".8b\n",
            "smull v27.8h, v23.8b, ",
            $values,
            ".8b\n",
            second_half!($values)
        )
    };
    ($values:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "sadalp ",
            $a,
            ".4s, v24.8h\n",
            "smull v24.8h, v20.8b, ",
            $values,
            ".8b\n",
            "sadalp ",
            $b,
            ".4s, v25.8h\n",
            "smull v25.8h, v21.8b, ",
            $values,
            ".8b\n",
            "sadalp ",
            $c,
            ".4s, v26.8h\n",
            "smull v26.8h, v22.8b, ",
            $values,
            ".8b\n",
            "sadalp ",
            $d,
            ".4s, v27.8h\n",
            "smull v27.8h, v23.8b, ",
            $values,
            ".8b\n",
            second_half!($values)
        )
    };
}

/// The other half of the quads.
macro_rules! second_half {
    ($values:literal) => {
        concat!(
            "smlal2 v24.8h, v20.16b, ",
            $values,
            ".16b\n",
            "smlal2 v25.8h, v21.16b, ",
            $values,
            ".16b\n",
            "smlal2 v26.8h, v22.16b, ",
            $values,
            ".16b\n",
            "smlal2 v27.8h, v23.16b, ",
            $values,
            ".16b\n",
        )
    };
}

/// Loads the weights of a cell and the table that picks its values. The instructions behind it wait the least for the loads if they
/// are additions of the last column.
macro_rules! load {
    ($table:literal, $weights:literal) => {
        concat!(
            "ldp q20, q21, [{weights}, #",
            $weights,
            "]\n",
            "ldr q30, [{repeat}, #",
            $table,
            "]\n",
            "ldp q22, q23, [{weights}, #",
            $weights,
            " + 32]\n",
        )
    };
}

/// Columns 1 to 3 of a cell, the first of which is done.
macro_rules! columns {
    () => {
        concat!(
            "tbl v29.16b, {{v17.16b}}, v30.16b\n",
            column!("v29", "v0", "v1", "v2", "v3"),
            "tbl v28.16b, {{v18.16b}}, v30.16b\n",
            column!("v28", "v4", "v5", "v6", "v7"),
            "tbl v29.16b, {{v19.16b}}, v30.16b\n",
            column!("v29", "v8", "v9", "v10", "v11"),
        )
    };
}

/// A cell that is not the first of four.
macro_rules! cell {
    ($table:literal, $weights:literal) => {
        concat!(
            load!($table, $weights),
            "tbl v28.16b, {{v16.16b}}, v30.16b\n",
            column!("v28", "v12", "v13", "v14", "v15"),
            columns!(),
        )
    };
}

/// Adds the products of `spans` times four cells and moves all pointers behind what is read.
///
/// # Safety
/// `spans` is not 0; from `weights` on 256, from each of `columns` on 16 bytes can be read for each span.
#[inline(always)]
pub(super) unsafe fn multiply(
    spans: usize,
    weights: &mut *const i8,
    columns: &mut [*const i8; 4],
    sums: &mut [[int32x4_t; 4]; 4],
) {
    let [column0, column1, column2, column3] = columns;
    let [[s0, s1, s2, s3], [s4, s5, s6, s7], [s8, s9, s10, s11], [s12, s13, s14, s15]] = sums;
    // SAFETY: reads what the caller promises, and the table.
    unsafe {
        asm!(
            "2:",
            "ldr q16, [{column0}], #16",
            "ldp q20, q21, [{weights}]",
            "ldr q30, [{repeat}]",
            "ldr q17, [{column1}], #16",
            "ldp q22, q23, [{weights}, #32]",
            "ldr q18, [{column2}], #16",
            "ldr q19, [{column3}], #16",
            "tbl v28.16b, {{v16.16b}}, v30.16b",
            column!("v28"),
            columns!(),
            cell!("16", "64"),
            cell!("32", "128"),
            cell!("48", "192"),
            "add {weights}, {weights}, #256",
            "subs {spans}, {spans}, #1",
            "sadalp v12.4s, v24.8h",
            "sadalp v13.4s, v25.8h",
            "sadalp v14.4s, v26.8h",
            "sadalp v15.4s, v27.8h",
            "b.ne 2b",
            spans = inout(reg) spans => _,
            weights = inout(reg) *weights,
            repeat = in(reg) REPEAT.as_ptr(),
            column0 = inout(reg) *column0,
            column1 = inout(reg) *column1,
            column2 = inout(reg) *column2,
            column3 = inout(reg) *column3,
            inout("v0") *s0, inout("v1") *s1, inout("v2") *s2, inout("v3") *s3,
            inout("v4") *s4, inout("v5") *s5, inout("v6") *s6, inout("v7") *s7,
            inout("v8") *s8, inout("v9") *s9, inout("v10") *s10, inout("v11") *s11,
            inout("v12") *s12, inout("v13") *s13, inout("v14") *s14, inout("v15") *s15,
            out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _,
            out("v23") _, out("v24") _, out("v25") _, out("v26") _, out("v27") _, out("v28") _, out("v29") _,
            out("v30") _,
            options(readonly, nostack)
        );
    }
}
