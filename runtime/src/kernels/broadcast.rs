//! Walking two operands of an element-wise operator that are stretched to the shape of the output.

use core::cell::Cell;

use super::memory::{Element, Memory, Operand};
use crate::error::Defect;
use crate::format::TensorRecord;
use crate::program::Operation;

/// Checks that both inputs stretch to the output: every dimension is that of the output, or 1.
pub(super) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    operation.require_elements(2)?;
    operation.require_placement(true)?;
    let output = operation.output();
    for index in 0..2 {
        let input = operation.input(index)?;
        let stretches =
            input.dims.iter().zip(&output.dims).all(|(&input, &output)| input == output || input == 1);
        if !stretches {
            return Err(Defect::Shapes);
        }
    }
    Ok(())
}

/// Distance of consecutive elements along each dimension, 0 where the operand is stretched.
fn strides(input: &TensorRecord, output: &TensorRecord) -> [usize; 4] {
    let [_, h, w, c] = input.dims.map(|dim| dim as usize);
    let full = [h.wrapping_mul(w).wrapping_mul(c), w.wrapping_mul(c), c, 1];
    let mut strides = [0; 4];
    for ((stride, full), (input, output)) in
        strides.iter_mut().zip(full).zip(input.dims.iter().zip(output.dims))
    {
        *stride = if *input == output { full } else { 0 };
    }
    strides
}

/// Writes `function(left, right)` for every element of the output from `written` on, which is 0 where an operand is stretched. The output may
/// lie over an input of its own shape.
pub(super) fn execute<T: Element>(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    written: usize,
    function: impl Fn(T, T) -> T,
) -> Result<(), Defect> {
    let (left, right, output) = (operation.first_input(), operation.input(1)?, operation.output());
    let cells = memory.cells();
    let walk = Walk { left: cells.input(left)?, right: cells.input(right)?, output: cells.output(output)? };
    let elements = output.elements().ok_or(Defect::Shapes)?;
    let is_plain = is_plain(operation)?;
    // With steps that the compiler knows; a microcontroller has one copy of the function.
    if is_plain && cfg!(not(target_os = "none")) {
        walk.run(written..elements, written, 1, written, 1, &function);
        return Ok(());
    }
    let ([n, h, w, c], left, right) = if is_plain {
        ([1, 1, 1, elements.wrapping_sub(written)], [0, 0, 0, 1], [0, 0, 0, 1])
    } else {
        (output.dims.map(|dim| dim as usize), strides(left, output), strides(right, output))
    };
    let at = |strides: [usize; 4], n: usize, y: usize, x: usize| {
        let row = n.wrapping_mul(strides[0]).wrapping_add(y.wrapping_mul(strides[1]));
        row.wrapping_add(x.wrapping_mul(strides[2])).wrapping_add(written)
    };
    let mut start = written;
    for n in 0..n {
        for y in 0..h {
            for x in 0..w {
                let end = start.wrapping_add(c);
                walk.run(start..end, at(left, n, y, x), left[3], at(right, n, y, x), right[3], &function);
                start = end;
            }
        }
    }
    Ok(())
}

/// Whether neither operand is stretched.
pub(super) fn is_plain(operation: &Operation<'_>) -> Result<bool, Defect> {
    let output = operation.output();
    Ok(operation.first_input().has_shape_of(output) && operation.input(1)?.has_shape_of(output))
}

struct Walk<'c> {
    left: Operand<'c>,
    right: Operand<'c>,
    output: &'c [Cell<u8>],
}

impl Walk<'_> {
    #[inline(always)]
    fn run<T: Element>(
        &self,
        outputs: core::ops::Range<usize>,
        mut left: usize,
        left_step: usize,
        mut right: usize,
        right_step: usize,
        function: &impl Fn(T, T) -> T,
    ) {
        for index in outputs {
            let value = function(T::read(self.left, left), T::read(self.right, right));
            T::write(self.output, index, value);
            left = left.wrapping_add(left_step);
            right = right.wrapping_add(right_step);
        }
    }
}
