//! Any bytes: opening them must give a verdict, and what opens must run inside of its arena with every kernel family.
#![no_main]

use dunlin_runtime::format::{HEADER_BYTES, Header, Operator, attributes};
use dunlin_runtime::{Family, Model, Program, Session};
use libfuzzer_sys::fuzz_target;

/// Largest arena, in bytes, and largest number of multiplications of a program that is run: more only makes the fuzzer slow.
const LARGEST_ARENA: usize = 1 << 20;
const MOST_WORK: u64 = 1 << 22;

fuzz_target!(|data: &[u8]| {
    let mut words = vec![0u128; data.len().div_ceil(16)];
    let blob: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut words)[..data.len()];
    blob.copy_from_slice(data);
    make_digest_valid(blob);
    let Ok(model) = Model::open(blob) else { return };
    assert!(model.check_digest().is_ok(), "the digest was just made valid");
    let _ = model.manifest();
    if work(&model.program()).is_none_or(|work| work > MOST_WORK) {
        return;
    }
    let mut reference = None;
    for family in Family::ALL.into_iter().filter(|family| family.is_available()) {
        let needed = model.arena_bytes(family);
        if needed > LARGEST_ARENA {
            return;
        }
        let mut arena = vec![0u128; needed.div_ceil(16)];
        let arena: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut arena)[..needed];
        let mut session = Session::with_family(&model, arena, family).expect("the arena is as large as stated");
        let _ = session.self_test();
        for index in 0..model.program().header().input_count.into() {
            let input = session.input_bytes(index).expect("a verified model has its inputs");
            input.iter_mut().zip(0u32..).for_each(|(byte, i)| *byte = (i.wrapping_mul(37) + 11) as u8);
        }
        session.run().expect("a verified model runs");
        let outputs = session.output_bytes(0).expect("a verified model has an output").to_vec();
        if all_integers(&model.program()) && needed == model.arena_bytes(Family::Portable) {
            let reference = reference.get_or_insert_with(|| outputs.clone());
            assert_eq!(*reference, outputs, "family {} computes something else", family.name());
        }
    }
});

/// Lets mutations of real blobs reach what is behind the digest.
fn make_digest_valid(blob: &mut [u8]) {
    let Some(total) = blob.get(8..12) else { return };
    let total = u32::from_le_bytes([total[0], total[1], total[2], total[3]]) as usize;
    if total < HEADER_BYTES || total > blob.len() {
        return;
    }
    let digest = dunlin_runtime::content_digest(&blob[..total]);
    blob[Header::DIGEST_OFFSET..Header::SIGNATURE_OFFSET].copy_from_slice(&digest);
}

fn all_integers(program: &Program<'_>) -> bool {
    program.tensors().iter().all(|tensor| tensor.data_type == 0)
}

/// Multiplications, or comparable steps, of one run.
fn work(program: &Program<'_>) -> Option<u64> {
    let mut work = 0u64;
    for index in 0..program.steps().len() {
        let operation = program.operation(index)?;
        let outputs = operation.output().elements()? as u64;
        let inputs = operation.input(0).ok()?;
        let per_output = match operation.operator()? {
            Operator::Conv2d | Operator::DepthwiseConv2d => {
                let attributes: &attributes::Convolution = operation.attributes().ok()?;
                let taps = u64::from(attributes.kernel_h).checked_mul(attributes.kernel_w.into())?;
                taps.checked_mul(inputs.dims[3].into())?
            }
            Operator::FullyConnected => inputs.dims[3].into(),
            Operator::AveragePool2d | Operator::MaxPool2d => {
                let attributes: &attributes::Pool = operation.attributes().ok()?;
                u64::from(attributes.kernel_h).checked_mul(attributes.kernel_w.into())?
            }
            Operator::Mean | Operator::Sum => inputs.elements()? as u64,
            _ => 1,
        };
        work = work.checked_add(outputs.checked_mul(per_output)?.checked_add(inputs.elements()? as u64)?)?;
    }
    Some(work)
}
