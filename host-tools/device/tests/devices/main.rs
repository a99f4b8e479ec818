//! One blob on every board: the same bytes after every operator, and reports that hold what they promise.

mod blob;

use std::process::{Command, Stdio};

use blob::{OUTPUT_BYTES, Random, blob, run as run_here};
use dunlin_device::{Board, Cost, DeviceError, Options, Request, RunReport, Selection, run, runtime_flash};
use dunlin_runtime::Family;

/// Samples of random bytes, and of both extremes.
fn samples() -> Vec<Vec<u8>> {
    let mut random = Random(99);
    let mut samples: Vec<_> = (0..6).map(|_| random.sample()).collect();
    samples.push(vec![0x80; blob::SAMPLE_BYTES]);
    samples.push(vec![0x7f; blob::SAMPLE_BYTES]);
    samples
}

fn request(options: Options) -> Request {
    Request { options, ..Request::default() }
}

fn is_installed(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        println!("skipped: {tool} is not installed");
    }
    found
}

/// Runs the samples with profile and trace, checks what every board must hold, and compares outputs with those of this process.
fn check(board: &str, request: &Request) -> RunReport {
    let board = Board::named(board).expect("the board is known");
    let (blob, samples) = (blob(), samples());
    let report = run(board, &blob, &samples, request).unwrap_or_else(|error| panic!("{error}"));
    for (sample, output) in samples.iter().zip(&report.outputs) {
        let (expected, _) = run_here(&blob, |_, input| input.copy_from_slice(sample));
        assert_eq!(*output, expected);
    }
    assert_eq!(report.outputs.len(), samples.len());
    assert_eq!(report.blob_bytes as usize, blob.len());
    assert_eq!(report.golden_vectors, 1);
    assert!(report.arena.guards_intact && report.arena.shorter_refused, "{:?}", report.arena);
    assert!(report.arena.high_water <= report.arena.planned);
    // Scratch is rounded up to multiples of 16, and need not be touched to its last bytes.
    assert!(report.arena.planned - report.arena.high_water < 32, "{:?}", report.arena);
    report
}

fn traced() -> Options {
    Options { trace: true, profile: true, ..Options::default() }
}

#[test]
fn every_board_computes_the_same_after_every_operator() {
    let host = check("host", &request(Options { family: Some(Family::Portable), ..traced() }));
    assert_eq!(host.family, Family::Portable);
    assert_eq!(host.trace.len(), 4 * samples().len());
    assert_eq!(host.outputs[0].len(), OUTPUT_BYTES);
    for family in Family::ALL.into_iter().filter(|family| family.is_available()) {
        let report = check("host", &request(Options { family: Some(family), ..traced() }));
        assert_eq!((report.family, &report.trace), (family, &host.trace));
    }
    if is_installed("qemu-aarch64") {
        for (processor, family) in
            [("cortex-a72", Family::Portable), ("cortex-a72", Family::Neon), ("cortex-a76", Family::NeonDot)]
        {
            let options = Options { family: Some(family), ..traced() };
            let request = Request { processor: Some(processor.to_owned()), ..request(options) };
            let report = check("aarch64", &request);
            assert_eq!((report.family, &report.trace), (family, &host.trace));
        }
    }
    if is_installed("qemu-system-arm") {
        for board in ["mps2-an386", "microbit"] {
            let report = check(board, &request(traced()));
            assert_eq!(report.trace, host.trace, "{board}");
            assert_eq!(report.family, Board::named(board).expect("it is known").families[0]);
            let whole = instructions(report.run);
            let steps: u64 = report.profile.iter().map(|step| instructions(step.cost)).sum();
            assert_eq!(report.profile.len(), 4);
            // The compiler makes two functions of an observed run and another one.
            assert!(steps.abs_diff(whole) < whole / 100, "{board}: {steps} of {whole}");
            let stack = report.stack.expect("bare metal sees its stack");
            assert!((64..4096).contains(&stack.run) && (64..4096).contains(&stack.open), "{stack:?}");
            assert!(report.sizes.expect("there is an image").flash > 10_000);
            assert!(report.log.iter().any(|line| line.contains("all samples have run")), "{:?}", report.log);
            println!("{board}: {} {:?} {:?} {:?}", report.run, report.arena, report.stack, report.sizes);
        }
    }
}

fn instructions(cost: Cost) -> u64 {
    match cost {
        Cost::Instructions(count) => count,
        Cost::Nanoseconds(_) => panic!("bare metal counts instructions"),
    }
}

#[test]
fn instructions_are_the_same_in_every_run() {
    if !is_installed("qemu-system-arm") {
        return;
    }
    let first = check("mps2-an386", &request(traced()));
    let second = check("mps2-an386", &request(traced()));
    assert_eq!((first.run, first.profile), (second.run, second.profile));
}

#[test]
fn a_shorter_arena_is_refused() {
    let options = Options { arena_shortfall: 1, ..Options::default() };
    let boards: &[&str] =
        if is_installed("qemu-system-arm") { &["host", "mps2-an386", "microbit"] } else { &["host"] };
    for &name in boards {
        let board = Board::named(name).expect("it is known");
        match run(board, &blob(), &samples(), &request(options)) {
            Err(DeviceError::Refused { reason, .. }) => assert!(reason.contains("the arena has"), "{reason}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn kernels_that_the_processor_lacks_are_refused() {
    if !is_installed("qemu-aarch64") {
        return;
    }
    let board = Board::named("aarch64").expect("it is known");
    let options = Options { family: Some(Family::NeonDot), ..Options::default() };
    let request = Request { processor: Some("cortex-a72".to_owned()), ..request(options) };
    match run(board, &blob(), &samples(), &request) {
        Err(DeviceError::Refused { reason, .. }) => assert!(reason.contains("neon-dot"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_blob_of_which_one_byte_changed_is_refused() {
    let mut damaged = blob();
    damaged[300] ^= 1;
    let board = Board::named("host").expect("it is known");
    match run(board, &damaged, &samples(), &Request::default()) {
        Err(DeviceError::Refused { reason, .. }) => assert!(reason.contains("digest"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn memory_protection_stops_a_write_to_the_blob() {
    if !is_installed("qemu-system-arm") {
        return;
    }
    let board = Board::named("mps2-an386").expect("it is known");
    let options = Options { write_blob: true, ..Options::default() };
    match run(board, &blob(), &samples(), &request(options)) {
        Err(DeviceError::Ended { code: Some(100), log, .. }) => assert!(log.contains("0x21000000"), "{log}"),
        other => panic!("{other:?}"),
    }
}

/// The clock of the board and the plugin of the emulator count the same thing in different ways.
#[test]
fn the_plugin_counts_what_the_clock_counts() {
    if !is_installed("qemu-system-arm") {
        return;
    }
    let request = Request { count: true, ..request(Options { profile: true, ..Options::default() }) };
    let report = check("mps2-an386", &request);
    let counts = report.counts.expect("a count was asked for");
    assert_eq!(report.run, Cost::Instructions(counts.run.instructions));
    assert!(counts.run.cycles > counts.run.instructions);
    assert_eq!(counts.steps.len(), report.profile.len());
    for (step, profiled) in counts.steps.iter().zip(&report.profile) {
        let Cost::Instructions(clock) = profiled.cost else { panic!("the board counts instructions") };
        // The clock's span holds the end of one call of the observer and the start of another one.
        assert!(clock.abs_diff(step.instructions) < 16, "{clock} and {}", step.instructions);
    }
}

/// What is counted on a processor with user-mode emulation is the same each time.
#[test]
fn counts_in_user_mode() {
    if !is_installed("qemu-aarch64") || !is_installed("aarch64-linux-gnu-gcc") {
        return;
    }
    let request = Request { count: true, ..request(traced()) };
    let (first, second) = (check("aarch64", &request).counts, check("aarch64", &request).counts);
    let counts = first.clone().expect("a count was asked for");
    assert!(counts.run.instructions > counts.steps.iter().map(|step| step.instructions).sum::<u64>() / 2);
    assert_eq!(first, second);
}

/// Images with a part of the operators run the models that they were built for, and say what another one lacks.
#[test]
fn an_image_has_the_operators_of_its_models() {
    if !is_installed("qemu-system-arm") {
        return;
    }
    let selected = |features: &[&'static str]| Request {
        selection: Selection::Only(features.iter().copied().collect()),
        ..request(Options::default())
    };
    let needed = blob::selection();
    let board = Board::named("mps2-an386").expect("the board is known");
    let flash = |selection: &Selection| runtime_flash(board, selection).expect("it is built");
    let Selection::Only(features) = &needed else { panic!("a selection of models is a part") };
    assert_eq!(
        Vec::from_iter(features.iter().copied()),
        ["any_channels", "conv2d", "fully_connected", "max_pool2d", "softmax"]
    );
    check("mps2-an386", &Request { selection: needed.clone(), ..request(traced()) });
    assert!(flash(&needed) < flash(&Selection::Everything));
    let lacking = selected(&["any_channels", "conv2d", "fully_connected", "softmax"]);
    let refused = run(board, &blob(), &samples(), &lacking).expect_err("an operator is missing");
    assert!(refused.to_string().contains("max_pool2d was left out of this build"), "{refused}");
    let lacking = selected(&["conv2d", "fully_connected", "max_pool2d", "softmax"]);
    let refused = run(board, &blob(), &samples(), &lacking).expect_err("a part of a kernel is missing");
    assert!(refused.to_string().contains("build with the feature `any_channels`"), "{refused}");
}
