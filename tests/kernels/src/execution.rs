//! Runs cases on a kernel family of this machine.

use dunlin_runtime::{Family, Model, Session};

use crate::aligned_bytes::AlignedBytes;
use crate::case::Case;
use crate::program::blob;

/// The bytes of the output of every case.
///
/// The arena is filled with `paint` before: what a kernel does not write, or reads without having written it, then shows.
///
/// # Panics
/// If the blob of the cases does not run, or another family runs than the one asked for.
pub fn outputs(cases: &[Case], family: Family, paint: u8) -> Vec<Vec<u8>> {
    run(&blob(cases), cases, family, paint)
}

/// As [`outputs`], with a blob that was made for the cases.
///
/// # Panics
/// As [`outputs`].
pub fn run(blob: &AlignedBytes, cases: &[Case], family: Family, paint: u8) -> Vec<Vec<u8>> {
    let model = Model::open(blob).unwrap_or_else(|error| panic!("{error}"));
    let mut arena = AlignedBytes::filled(model.arena_bytes(family), paint);
    let mut session =
        Session::with_family(&model, &mut arena, family).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(session.family(), family);
    for (index, bytes) in inputs(cases).enumerate() {
        session.input_bytes(index).expect("each case states its inputs").copy_from_slice(bytes);
    }
    session.run().unwrap_or_else(|error| panic!("{error}"));
    (0..cases.len())
        .map(|index| session.output_bytes(index).expect("each case has an output").to_vec())
        .collect()
}

/// The bytes of all inputs of the model that runs `cases`, in order.
pub fn inputs(cases: &[Case]) -> impl Iterator<Item = &[u8]> {
    cases
        .iter()
        .flat_map(|case| &case.inputs)
        .filter(|input| !input.constant)
        .map(|input| input.values.bytes())
}
