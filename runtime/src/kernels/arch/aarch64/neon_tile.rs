//! The inner loop of [`super::neon`] for four columns and 16 channels, which needs every register that there is.
//!
//! A cell is 256 products: 4 TBL, 32 multiplications, 16 SADALP, and 6 vectors are loaded. A Cortex-A72 has one pipe that multiplies, F0; the
//! other one, F1, has time for all the rest, so that the cell takes 32 cycles. A Cortex-A53 executes its 52 vector instructions one
//! after the other, as they are written, and each vector that is loaded holds it up for two more cycles; it hardly waits for a
//! result, as no instruction uses that of one of the three before it.

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

/// Multiplies a column, whose values of the cell are in `$values`, with four quads. Meanwhile the finished products of the column before
/// are added to its sums, the four registers in the list: a multiplication alternates with an addition. `$next` is what the next column
/// needs, and `$second` the other half of the quads.
macro_rules! column {
    ($values:literal, [$a:literal, $b:literal, $c:literal, $d:literal], $next:expr, $second:expr) => {
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
            $next,
            $second,
        )
    };
    ($values:literal, [], $next:expr, $second:expr) => {
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
            $next,
            $second,
        )
    };
}

/// The other half of the quads. The last column of a cell loads the quads of the next one, at `$weights`, into registers that are done
/// with.
macro_rules! second {
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
    ($values:literal, $weights:literal) => {
        concat!(
            "smlal2 v24.8h, v20.16b, ",
            $values,
            ".16b\n",
            "smlal2 v25.8h, v21.16b, ",
            $values,
            ".16b\n",
            "ldp q20, q21, [{weights}, #",
            $weights,
            "]\n",
            "smlal2 v26.8h, v22.16b, ",
            $values,
            ".16b\n",
            "smlal2 v27.8h, v23.16b, ",
            $values,
            ".16b\n",
            "ldp q22, q23, [{weights}, #",
            $weights,
            " + 32]\n",
        )
    };
}

/// Picks the values of a cell, in the way that the table in v30 says.
macro_rules! pick {
    ($values:literal, $column:literal) => {
        concat!("tbl ", $values, ".16b, {{", $column, ".16b}}, v30.16b\n")
    };
}

/// The first three columns of a cell, behind what `$sums` says. `$table` loads the table of the next cell.
macro_rules! columns {
    ($sums:tt, $table:expr) => {
        concat!(
            column!("v28", $sums, pick!("v29", "v17"), second!("v28")),
            column!("v29", ["v0", "v1", "v2", "v3"], pick!("v28", "v18"), second!("v29")),
            column!("v28", ["v4", "v5", "v6", "v7"], concat!(pick!("v29", "v19"), $table), second!("v28")),
        )
    };
}

/// A cell, behind what `$sums` says, that prepares the next one: its table and its weights.
macro_rules! cell {
    ($sums:tt, $table:literal, $weights:literal) => {
        concat!(
            columns!($sums, concat!("ldr q30, [{repeat}, #", $table, "]\n")),
            column!("v29", ["v8", "v9", "v10", "v11"], pick!("v28", "v16"), second!("v29", $weights)),
        )
    };
}

/// The last of four cells.
macro_rules! last_cell {
    ($sums:tt) => {
        concat!(columns!($sums, ""), column!("v29", ["v8", "v9", "v10", "v11"], "", second!("v29")))
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
            pick!("v28", "v16"),
            cell!([], "16", "64"),
            cell!(["v12", "v13", "v14", "v15"], "32", "128"),
            cell!(["v12", "v13", "v14", "v15"], "48", "192"),
            last_cell!(["v12", "v13", "v14", "v15"]),
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
