//! The cases of `dunlin-kernel-tests` on an emulated Cortex-M4: what the naive evaluation says, many cases to a blob. In whole images, and
//! in those that leave out what the cases do not need.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use dunlin_device::{Board, DeviceError, Options, Request, RunReport, Selection};
use dunlin_kernel_tests::blob_builder::seal;
use dunlin_kernel_tests::case::Case;
use dunlin_kernel_tests::{cases, execution, program, reference};
use dunlin_runtime::format::Operator;
use dunlin_runtime::{Family, Feature, Model};

/// Cases of an operator.
const COUNT: usize = 96;
/// Cases that share a blob: a program has at most 255 inputs, and each blob is one start of the emulator.
const TOGETHER: usize = 48;

/// Cases that an image has to refuse, for each part that it lacks; each is one start of the emulator.
const REFUSED: usize = 24;
/// The operators whose kernels have parts that an image may leave out.
const OPERATORS: [Operator; 3] = [Operator::Conv2d, Operator::DepthwiseConv2d, Operator::FullyConnected];

/// Runs cases with the DSP kernels of an image that has `selection`.
fn run(cases: &[Case], selection: &Selection) -> Result<RunReport, DeviceError> {
    let board = Board::named("mps2-an386").expect("the board is in the table");
    let options = Options { family: Some(Family::Dsp), ..Options::default() };
    let request = Request { options, selection: selection.clone(), ..Request::default() };
    let mut blob = program::blob(cases);
    seal(&mut blob);
    let sample = execution::inputs(cases).collect::<Vec<_>>().concat();
    dunlin_device::run(board, &blob, &[sample], &request)
}

/// Runs cases and compares their outputs with the naive evaluation.
fn check(cases: &[Case], selection: &Selection) {
    for cases in cases.chunks(TOGETHER) {
        let report = run(cases, selection).unwrap_or_else(|error| panic!("{error}"));
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

fn is_installed() -> bool {
    let found = Command::new("qemu-system-arm").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        println!("skipped: qemu-system-arm is not installed");
    }
    found
}

#[test]
fn dsp_kernels_compute_what_is_specified_on_a_cortex_m4() {
    if !is_installed() {
        return;
    }
    for operator in OPERATORS {
        check(&cases::int8(operator, COUNT), &Selection::Everything);
    }
    check(&cases::sums(Operator::Conv2d, COUNT), &Selection::Everything);
    check(&cases::sums(Operator::FullyConnected, COUNT), &Selection::Everything);
}

/// The parts that a case needs beside its operator, as the builder of an image sees it.
fn parts(case: &Case) -> BTreeSet<&'static str> {
    let blob = program::blob(std::slice::from_ref(case));
    let Selection::Only(mut features) = Selection::of([Model::open(&blob).expect("the case is well formed")])
    else {
        panic!("a selection of models is a part");
    };
    assert!(features.remove(case.operator.name()));
    features
}

/// An image with some parts computes what needs no others, and refuses, by name, what does: what the builder on the host sees and
/// what the verifier on the device sees is the same.
#[test]
fn images_run_what_they_were_selected_for_and_refuse_the_rest() {
    if !is_installed() {
        return;
    }
    let cases: Vec<Case> = OPERATORS.iter().flat_map(|&operator| cases::int8(operator, 2 * COUNT)).collect();
    let needing = |parts_needed: &BTreeSet<_>| {
        cases.iter().filter(|case| parts(case) == *parts_needed).cloned().collect::<Vec<_>>()
    };
    let image = |parts: &BTreeSet<&'static str>| {
        Selection::Only(
            OPERATORS.iter().map(|operator| operator.name()).chain(parts.iter().copied()).collect(),
        )
    };
    let bare = image(&BTreeSet::new());
    let plain = needing(&BTreeSet::new());
    assert!(plain.len() > COUNT / 4, "{}", plain.len());
    check(&plain, &bare);
    for part in Feature::ALL {
        let part = BTreeSet::from([part.name()]);
        let cases = needing(&part);
        assert!(!cases.is_empty(), "{part:?}");
        check(&cases, &image(&part));
        for case in cases.iter().take(REFUSED) {
            let refused = run(std::slice::from_ref(case), &bare).expect_err("a part is missing").to_string();
            let name = part.first().expect("there is one");
            assert!(refused.contains("left out of this build") && refused.contains(name), "{refused}");
        }
    }
}
