//! Moving elements without computing: what pad, concat, slice and transpose share.

use crate::error::Defect;
use crate::format::DataType;
use crate::program::Operation;

/// Distance of consecutive elements along each dimension.
pub(super) fn strides(dims: [u32; 4]) -> [usize; 4] {
    let [_, h, w, c] = dims.map(|dim| dim as usize);
    [h.wrapping_mul(w).wrapping_mul(c), w.wrapping_mul(c), c, 1]
}

/// A walk over all elements of `dims` in order, in a tensor where they lie `strides` apart, from `offset` on.
#[derive(Clone, Copy)]
pub(super) struct Walk {
    pub dims: [u32; 4],
    pub offset: usize,
    pub strides: [usize; 4],
}

impl Walk {
    /// Calls `visit` with the index of the first element of every row along the last dimension.
    fn for_each_row(&self, mut visit: impl FnMut(usize)) {
        let [n, h, w, _] = self.dims.map(|dim| dim as usize);
        for n in 0..n {
            for y in 0..h {
                for x in 0..w {
                    let along = |index: usize, dimension: usize| index.wrapping_mul(self.strides[dimension]);
                    let start = self.offset.wrapping_add(along(n, 0)).wrapping_add(along(y, 1));
                    visit(start.wrapping_add(along(x, 2)));
                }
            }
        }
    }

    /// Copies elements from where they lie apart into consecutive ones.
    pub fn gather<T: Copy>(&self, input: &[T], output: &mut [T]) {
        let mut rows = output.chunks_exact_mut((self.dims[3] as usize).max(1));
        self.for_each_row(|start| {
            let source = input.get(start..).unwrap_or_default().iter().step_by(self.strides[3].max(1));
            for (output, input) in rows.next().unwrap_or_default().iter_mut().zip(source) {
                *output = *input;
            }
        });
    }

    /// Copies consecutive elements to where they lie apart.
    pub fn scatter<T: Copy>(&self, input: &[T], output: &mut [T]) {
        let mut rows = input.chunks_exact((self.dims[3] as usize).max(1));
        self.for_each_row(|start| {
            let target = output.get_mut(start..).unwrap_or_default().iter_mut();
            for (output, input) in target.step_by(self.strides[3].max(1)).zip(rows.next().unwrap_or_default())
            {
                *output = *input;
            }
        });
    }
}

/// Checks an operator that moves elements of int8 or float32 without changing their quantization.
pub(super) fn verify(operation: &Operation<'_>, inputs: usize) -> Result<(), Defect> {
    let data_type = operation.data_type()?;
    operation.require(inputs, data_type)?;
    operation.require_placement(false)?;
    if data_type == DataType::Int32 { Err(Defect::DataTypes) } else { Ok(()) }
}

/// Runs `$body` with `$element` being a type of the size of the operation's elements.
macro_rules! with_element {
    ($operation:expr, $element:ident => $body:expr) => {
        if $operation.data_type()?.size() == 1 {
            type $element = u8;
            $body
        } else {
            type $element = u32;
            $body
        }
    };
}
pub(super) use with_element;
