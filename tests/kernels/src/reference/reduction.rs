//! mean and sum.

use dunlin_runtime::format::Operator;

use super::{Approximation, element, fixed_point, indices};
use crate::case::{Attributes, Case};

/// Elements of the input behind every element of the output.
fn reduced(case: &Case) -> Vec<Vec<usize>> {
    let Attributes::Reduction(record) = &case.attributes else { panic!("there are axes") };
    let mut behind = vec![Vec::new(); case.output.elements()];
    for index in indices(case.inputs[0].dims) {
        let mut kept = index;
        for (axis, index) in kept.iter_mut().enumerate() {
            *index = if record.axes >> axis & 1 == 1 { 0 } else { *index };
        }
        behind[element(case.output.dims, kept)].push(element(case.inputs[0].dims, index));
    }
    behind
}

pub fn int8(case: &Case) -> Vec<i8> {
    let Attributes::Reduction(record) = &case.attributes else { panic!("there are axes") };
    let input = &case.inputs[0];
    let centered = |place: &usize| i32::from(input.values.int8()[*place]) - input.quantization.zero_point;
    reduced(case)
        .iter()
        .map(|places| {
            let sum = places.iter().map(centered).sum();
            let scaled = fixed_point::twice(sum, record.multiplier, record.shift);
            fixed_point::output(scaled, case.output.quantization.zero_point, (-128, 127))
        })
        .collect()
}

pub fn float32(case: &Case) -> Vec<Approximation> {
    let values = case.inputs[0].values.float32();
    reduced(case)
        .iter()
        .map(|places| {
            let divisor = if case.operator == Operator::Mean { places.len() as f64 } else { 1.0 };
            let sum: f64 = places.iter().map(|&place| f64::from(values[place])).sum();
            let magnitude: f64 = places.iter().map(|&place| f64::from(values[place].abs())).sum();
            Approximation::new(sum / divisor, places.len() + 1, magnitude / divisor)
        })
        .collect()
}
