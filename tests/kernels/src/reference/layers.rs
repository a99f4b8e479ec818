//! conv2d, depthwise_conv2d and fully_connected.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::Clamp;

use super::{Approximation, element, fixed_point, indices, tap};
use crate::case::{Attributes, Case, Filter};

/// Weights and the elements of the input that they meet, `None` in the padding, for one element of the output.
fn terms(case: &Case, [n, y, x, channel]: [u32; 4]) -> Vec<(usize, Option<usize>)> {
    let dims = case.inputs[0].dims;
    let record = match &case.attributes {
        Attributes::Convolution(record, _) => record,
        Attributes::FullyConnected(..) => {
            let inputs = dims[3];
            return (0..inputs)
                .map(|k| ((channel * inputs + k) as usize, Some(element(dims, [n, y, x, k]))))
                .collect();
        }
        _ => panic!("{} has no weights", case.operator.name()),
    };
    let per_group_in = dims[3] / record.groups;
    let per_group_out = case.output.dims[3] / record.groups;
    let first = channel / per_group_out * per_group_in;
    let mut weight = (channel * record.kernel_h * record.kernel_w * per_group_in) as usize;
    let mut terms = Vec::new();
    for ky in 0..record.kernel_h {
        let row = tap(y, record.stride_h, ky, record.dilation_h, record.padding_top, dims[1]);
        for kx in 0..record.kernel_w {
            let column = tap(x, record.stride_w, kx, record.dilation_w, record.padding_left, dims[2]);
            for k in 0..per_group_in {
                let place = row.zip(column).map(|(row, column)| element(dims, [n, row, column, first + k]));
                terms.push((weight, place));
                weight += 1;
            }
        }
    }
    terms
}

fn parts(case: &Case) -> (Clamp, &Filter) {
    match &case.attributes {
        Attributes::Convolution(record, filter) => (record.clamp, filter),
        Attributes::FullyConnected(record, filter) => (record.clamp, filter),
        _ => panic!("{} has no weights", case.operator.name()),
    }
}

pub fn int8(case: &Case) -> Vec<i8> {
    let (clamp, Filter::Int8 { weights, bias, multiplier, shift }) = parts(case) else {
        panic!("the filter is not int8")
    };
    let input = &case.inputs[0];
    let (values, zero_point) = (input.values.int8(), i64::from(input.quantization.zero_point));
    let scale =
        if case.operator == Operator::FullyConnected { fixed_point::once } else { fixed_point::twice };
    let bounds = (clamp.low as i32, clamp.high as i32);
    indices(case.output.dims)
        .map(|index| {
            let products = terms(case, index).into_iter().filter_map(|(weight, place)| {
                Some(i64::from(weights[weight]) * (i64::from(values[place?]) - zero_point))
            });
            let channel = index[3] as usize;
            // Sums keep the low 32 bits.
            let sum = (products.sum::<i64>() + i64::from(bias[channel])) as i32;
            let scaled = scale(sum, multiplier[channel], shift[channel]);
            fixed_point::output(scaled, case.output.quantization.zero_point, bounds)
        })
        .collect()
}

pub fn float32(case: &Case) -> Vec<Approximation> {
    let (clamp, Filter::Float32 { weights, bias }) = parts(case) else { panic!("the filter is not float32") };
    let values = case.inputs[0].values.float32();
    let (low, high) = clamp.as_float32();
    indices(case.output.dims)
        .map(|index| {
            let bias = f64::from(bias[index[3] as usize]);
            let (mut sum, mut magnitude) = (bias, bias.abs());
            let terms = terms(case, index);
            for &(weight, place) in &terms {
                let product =
                    place.map_or(0.0, |place| f64::from(weights[weight]) * f64::from(values[place]));
                sum += product;
                magnitude += product.abs();
            }
            Approximation::new(sum, terms.len() + 1, magnitude).clamp(low, high)
        })
        .collect()
}
