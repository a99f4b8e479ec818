//! concat, pad, resize_nearest, slice, transpose and copy: every element of the output is one of an input, or a constant.

use super::{element, indices};
use crate::case::{Attributes, Case};

/// The bytes of the output.
pub fn bytes(case: &Case) -> Vec<u8> {
    indices(case.output.dims).flat_map(|index| source(case, index)).collect()
}

/// The bytes of one element of the output.
fn source(case: &Case, index: [u32; 4]) -> Vec<u8> {
    let size = case.output.data_type.size();
    let of_input = |input: usize, index: [u32; 4]| {
        let input = &case.inputs[input];
        input.values.bytes()[element(input.dims, index) * size..][..size].to_vec()
    };
    let [n, y, x, channel] = index;
    match &case.attributes {
        Attributes::Concat(record) => {
            let (axis, mut inner) = (record.axis as usize, index);
            let mut input = 0;
            while inner[axis] >= case.inputs[input].dims[axis] {
                inner[axis] -= case.inputs[input].dims[axis];
                input += 1;
            }
            of_input(input, inner)
        }
        Attributes::Pad(record) => {
            let mut inner = index;
            for (axis, inner) in inner.iter_mut().enumerate() {
                let place = inner.checked_sub(record.before[axis]);
                match place.filter(|&place| place < case.inputs[0].dims[axis]) {
                    Some(place) => *inner = place,
                    None => return record.value.to_le_bytes()[..size].to_vec(),
                }
            }
            of_input(0, inner)
        }
        Attributes::ResizeNearest(rows, columns) => {
            of_input(0, [n, rows[y as usize].into(), columns[x as usize].into(), channel])
        }
        Attributes::Slice(record) => {
            let mut inner = index;
            for (axis, inner) in inner.iter_mut().enumerate() {
                *inner = record.starts[axis] + *inner * record.strides[axis];
            }
            of_input(0, inner)
        }
        Attributes::Transpose(record) => {
            let mut inner = [0; 4];
            for (&axis, index) in record.permutation.iter().zip(index) {
                inner[axis as usize] = index;
            }
            of_input(0, inner)
        }
        Attributes::None => {
            let place = element(case.output.dims, index) * size;
            case.inputs[0].values.bytes()[place..][..size].to_vec()
        }
        _ => panic!("{} computes", case.operator.name()),
    }
}
