//! Every int8 operator with every kernel family, here and on emulated devices, against the portable kernels: the same bytes.

use std::process::{Command, Stdio};

use dunlin_convert::pack::{AlignedBytes, PackOptions, Packed, pack};
use dunlin_device::{Board, DeviceError, Options, Request};
use dunlin_runtime::{Family, Model, Session};
use dunlin_tests::random::Random;
use dunlin_tests::single_operator::{Scheme, graphs};

/// A packed operator and samples for it.
struct Case {
    name: String,
    packed: Packed,
    samples: Vec<Vec<u8>>,
}

/// Every operator over its shapes, with random samples, both extremes and their mixture.
fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let graphs = graphs(Scheme::Int8, &mut random);
    graphs
        .into_iter()
        .map(|graph| {
            let packed = pack(&graph, &PackOptions::default())
                .unwrap_or_else(|error| panic!("{}: {error}", graph.name));
            let bytes: usize = graph.inputs.iter().map(|&id| graph.tensor(id).element_count()).sum();
            let mut samples = vec![vec![0x80; bytes], vec![0x7f; bytes]];
            samples.push((0..bytes).map(|_| [0x80, 0x7f, 0x81][random.below(3)]).collect());
            samples.push((0..bytes).map(|_| random.below(256) as u8).collect());
            Case { name: graph.name, packed, samples }
        })
        .collect()
}

fn run(model: &Model<'_>, family: Family, sample: &[u8]) -> Vec<u8> {
    let mut arena = AlignedBytes::zeroed(model.arena_bytes(family));
    let mut session = Session::with_family(model, arena.as_mut_slice(), family).unwrap();
    assert_eq!(session.family(), family);
    let mut rest = sample;
    for index in 0..model.program().header().input_count.into() {
        let input = session.input_bytes(index).unwrap();
        let (values, behind) = rest.split_at(input.len());
        input.copy_from_slice(values);
        rest = behind;
    }
    session.run().unwrap();
    let outputs = 0..model.program().header().output_count.into();
    outputs.flat_map(|index| session.output_bytes(index).unwrap().to_vec()).collect()
}

#[test]
fn families_of_this_processor_write_the_bytes_of_the_portable_kernels() {
    let families: Vec<Family> = Family::ALL.into_iter().filter(|family| family.is_available()).collect();
    println!("families here: {families:?}");
    for seed in 0..4 {
        for case in cases(seed) {
            let model = case.packed.blob.open().unwrap();
            for sample in &case.samples {
                let expected = run(&model, Family::Portable, sample);
                for &family in &families {
                    assert_eq!(run(&model, family, sample), expected, "{}: {}", case.name, family.name());
                }
            }
        }
    }
}

/// Runs all cases on a board and returns how many it ran.
fn check_board(board: &str, processor: Option<&str>, family: Family) -> usize {
    let board = Board::named(board).unwrap();
    let options = Options { family: Some(family), ..Options::default() };
    let request = Request { options, processor: processor.map(str::to_owned), ..Request::default() };
    let mut ran = 0;
    for case in cases(7) {
        let model = case.packed.blob.open().unwrap();
        let report = match dunlin_device::run(board, case.packed.blob.as_slice(), &case.samples, &request) {
            // Some cases are larger than the smallest board.
            Err(DeviceError::BlobTooLong { .. } | DeviceError::Refused { .. }) => continue,
            result => result.unwrap_or_else(|error| panic!("{}: {error}", case.name)),
        };
        assert_eq!(report.family, family);
        for (sample, output) in case.samples.iter().zip(&report.outputs) {
            assert_eq!(*output, run(&model, Family::Portable, sample), "{}: {}", board.name, case.name);
        }
        assert_eq!(report.outputs.len(), case.samples.len());
        ran += 1;
    }
    println!("{}: {ran} operators with {}", board.name, family.name());
    ran
}

fn is_installed(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        println!("skipped: {tool} is not installed");
    }
    found
}

#[test]
fn aarch64_writes_the_bytes_of_the_portable_kernels() {
    if is_installed("qemu-aarch64") {
        assert!(check_board("aarch64", Some("cortex-a72"), Family::Neon) > 50);
        assert!(check_board("aarch64", Some("cortex-a76"), Family::NeonDot) > 50);
    }
}

#[test]
fn cortex_m_writes_the_bytes_of_the_portable_kernels() {
    if is_installed("qemu-system-arm") {
        assert!(check_board("mps2-an386", None, Family::Dsp) > 50);
        assert!(check_board("microbit", None, Family::Portable) > 50);
    }
}
