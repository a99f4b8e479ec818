//! The cases of `dunlin-kernel-tests` on an emulated Cortex-M4: what the naive evaluation says, many cases to a blob.

use std::process::{Command, Stdio};

use dunlin_device::{Board, Options, Request};
use dunlin_kernel_tests::blob_builder::seal;
use dunlin_kernel_tests::case::Case;
use dunlin_kernel_tests::{cases, execution, program, reference};
use dunlin_runtime::Family;
use dunlin_runtime::format::Operator;

/// Cases of an operator.
const COUNT: usize = 96;
/// Cases that share a blob: a program has at most 255 inputs, and each blob is one start of the emulator.
const TOGETHER: usize = 48;

/// Runs cases with the DSP kernels and compares their outputs with the naive evaluation.
fn check(cases: &[Case]) {
    let board = Board::named("mps2-an386").expect("the board is in the table");
    let options = Options { family: Some(Family::Dsp), ..Options::default() };
    let request = Request { options, ..Request::default() };
    for cases in cases.chunks(TOGETHER) {
        let mut blob = program::blob(cases);
        seal(&mut blob);
        let sample = execution::inputs(cases).collect::<Vec<_>>().concat();
        let report =
            dunlin_device::run(board, &blob, &[sample], &request).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(report.family, Family::Dsp);
        let [outputs] = &report.outputs[..] else { panic!("one sample has one record of outputs") };
        let mut outputs = outputs.as_slice();
        for case in cases {
            let (found, behind) = outputs.split_at(case.output.elements());
            if let Some(difference) = reference::evaluate(case).difference(found) {
                panic!("{difference}: {}", case.describe());
            }
            outputs = behind;
        }
        assert!(outputs.is_empty());
    }
}

#[test]
fn dsp_kernels_compute_what_is_specified_on_a_cortex_m4() {
    if Command::new("qemu-system-arm").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("skipped: qemu-system-arm is not installed");
        return;
    }
    for operator in [Operator::Conv2d, Operator::DepthwiseConv2d, Operator::FullyConnected] {
        check(&cases::int8(operator, COUNT));
    }
    check(&cases::sums(Operator::Conv2d, COUNT));
    check(&cases::sums(Operator::FullyConnected, COUNT));
}
