//! average_pool2d and max_pool2d.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::Pool;

use super::{Approximation, element, fixed_point, indices, tap};
use crate::case::{Attributes, Case};

fn record(case: &Case) -> &Pool {
    let Attributes::Pool(record) = &case.attributes else { panic!("there is a window") };
    record
}

/// Elements of the input that an element of the output sees.
fn window(case: &Case, [n, y, x, channel]: [u32; 4]) -> Vec<usize> {
    let (record, dims) = (record(case), case.inputs[0].dims);
    let rows =
        (0..record.kernel_h).filter_map(|ky| tap(y, record.stride_h, ky, 1, record.padding_top, dims[1]));
    rows.flat_map(|row| {
        (0..record.kernel_w)
            .filter_map(|kx| tap(x, record.stride_w, kx, 1, record.padding_left, dims[2]))
            .map(move |column| element(dims, [n, row, column, channel]))
    })
    .collect()
}

/// Elements that an average counts.
fn count(record: &Pool, inside: usize) -> usize {
    if record.count_padding == 1 { (record.kernel_h * record.kernel_w) as usize } else { inside }
}

pub fn int8(case: &Case) -> Vec<i8> {
    let (record, values) = (record(case), case.inputs[0].values.int8());
    let bounds = (record.clamp.low as i32, record.clamp.high as i32);
    indices(case.output.dims)
        .map(|index| {
            let inside: Vec<i32> =
                window(case, index).into_iter().map(|place| values[place].into()).collect();
            let value = if case.operator == Operator::MaxPool2d {
                *inside.iter().max().expect("a window sees an element")
            } else {
                let count = count(record, inside.len()) as i32;
                let padding = (count - inside.len() as i32) * case.inputs[0].quantization.zero_point;
                let sum = inside.iter().sum::<i32>() + padding;
                // To the nearest integer, ties away from zero.
                sum.signum() * ((2 * sum.abs() + count) / (2 * count))
            };
            fixed_point::output(value, 0, bounds)
        })
        .collect()
}

pub fn float32(case: &Case) -> Vec<Approximation> {
    let (record, values) = (record(case), case.inputs[0].values.float32());
    let (low, high) = record.clamp.as_float32();
    indices(case.output.dims)
        .map(|index| {
            let inside: Vec<f64> =
                window(case, index).into_iter().map(|place| values[place].into()).collect();
            let approximation = if case.operator == Operator::MaxPool2d {
                let largest = inside.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                Approximation { value: largest, tolerance: 0.0 }
            } else {
                let count = count(record, inside.len()) as f64;
                let magnitude = inside.iter().map(|value| value.abs()).sum::<f64>();
                Approximation::new(inside.iter().sum::<f64>() / count, inside.len() + 1, magnitude / count)
            };
            approximation.clamp(low, high)
        })
        .collect()
}
