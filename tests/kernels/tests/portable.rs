//! The portable kernels against naive evaluations of what `docs/numerics.md` says.

use dunlin_kernel_tests::case::Case;
use dunlin_kernel_tests::{cases, execution, reference};
use dunlin_runtime::Family;
use dunlin_runtime::format::Operator;

/// Cases of an operator and type.
const COUNT: usize = if cfg!(miri) { 2 } else { 200 };
/// Cases that share a blob.
const TOGETHER: usize = 8;

fn check(cases: &[Case]) {
    for cases in cases.chunks(TOGETHER) {
        for (case, found) in cases.iter().zip(execution::outputs(cases, Family::Portable, 0xa5)) {
            if let Some(difference) = reference::evaluate(case).difference(&found) {
                panic!("{difference}: {}", case.describe());
            }
        }
    }
}

#[test]
fn int8_operators_compute_what_is_specified() {
    for &operator in Operator::ALL {
        check(&cases::int8(operator, COUNT));
    }
}

#[test]
fn sums_are_rounded_as_specified() {
    for operator in [Operator::Conv2d, Operator::FullyConnected] {
        check(&cases::sums(operator, COUNT));
    }
}

#[test]
fn float32_operators_are_within_the_bounds_of_their_roundings() {
    for &operator in Operator::ALL {
        check(&cases::float32(operator, COUNT));
    }
}
