//! An emulated Cortex-M4 as a device: programmed by `dunlin flash`, updated over the air, killed on the way.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use bytemuck::{bytes_of, cast_slice};
use dunlin_kernel_tests::aligned_bytes::AlignedBytes;
use dunlin_kernel_tests::blob_builder::{BlobBuilder, golden_header, seal};
use dunlin_kernel_tests::case::Quantization;
use dunlin_runtime::format::attributes::Lookup;
use dunlin_runtime::format::{DataType, GOLDEN_SYNTHETIC, Operator, VectorHeader};
use dunlin_runtime::{Family, Model, Session, Trace, synthesize};
use dunlin_test_broker::wait_for;

use crate::field::Field;
use crate::updates::{blocks_sent, renamed};

/// Blocks of 1 KiB that fill the long model.
const BALLAST: usize = 256;

/// An emulated board and the `dunlin flash` that watches it.
struct Board {
    watcher: Child,
    emulator: String,
}

impl Board {
    /// Whether the emulator is installed.
    fn is_there() -> bool {
        let found = Command::new("qemu-system-arm").arg("--version").stdout(Stdio::null()).status().is_ok();
        if !found {
            eprintln!(
                "skipped: qemu-system-arm is not installed; `apt-get install qemu-system-arm` brings it"
            );
        }
        found
    }

    /// Starts `dunlin flash`, and waits until the emulator runs.
    fn start(field: &Field, words: &[&str]) -> Board {
        let log = field.path("board.log");
        let output = File::create(&log).unwrap();
        let mut watcher = Command::new(env!("CARGO_BIN_EXE_dunlin"))
            .args(["flash", "--board", "mps2-an386", "--folder", "board", "--samples", "samples.csv"])
            .args(["--period", "50"])
            .args(words)
            .current_dir(field.path(""))
            .stderr(output.try_clone().unwrap())
            .stdout(output)
            .spawn()
            .unwrap();
        let text = || fs::read_to_string(&log).unwrap();
        let emulator = wait_for("the emulator", || {
            if let Some(status) = watcher.try_wait().unwrap() {
                panic!("dunlin flash ended with {status}: {}", text());
            }
            let text = text();
            let (_, number) = text.split_once(", process ")?;
            number.contains('\n').then(|| number.lines().next().unwrap_or_default().to_owned())
        });
        Board { watcher, emulator }
    }

    /// Ends the emulator as a power cut ends a device.
    fn cut(mut self) {
        assert!(Command::new("kill").args(["-9", &self.emulator]).status().unwrap().success());
        assert_eq!(self.watcher.wait().unwrap().code(), Some(1), "it says that the emulator is gone");
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        if let Ok(None) = self.watcher.try_wait() {
            // It ends the emulator before itself.
            let _ = Command::new("kill").args(["-INT", &self.watcher.id().to_string()]).status();
            let _ = self.watcher.wait();
        }
    }
}

/// What the device has logged.
fn log(field: &Field) -> String {
    String::from_utf8_lossy(&field.read("board.log")).into_owned()
}

#[test]
fn boards_without_an_image_of_a_device_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |board: &str, reason: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_dunlin"))
            .args(["flash", "--board", board])
            .current_dir(&folder)
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{board}: {errors}");
        assert!(errors.contains(reason), "{board}: {errors}");
    };
    refused("nucleo", "the boards are mps2-an386, microbit");
    refused("microbit", "`dunlin device run` runs blobs on it");
    refused("raspberry-pi", "the daemon `dunlind` is the device");
    refused("rp2040", "knows its budget only");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn an_emulated_board_serves_reports_and_takes_a_model_over_the_air() {
    if !Board::is_there() {
        return;
    }
    let Some(mut field) = Field::new() else { return };
    field.watch();
    // A model that the device would refuse is not written.
    field.write("unsigned.dnl", &renamed(&field.read("digits.dnl")));
    let refused = field.run(&[
        "flash",
        "--board",
        "mps2-an386",
        "--folder",
        "board",
        "--provision",
        "device.toml",
        "--model",
        "unsigned.dnl",
    ]);
    assert_eq!(refused.code, 1, "{}{}", refused.output, refused.errors);
    assert!(refused.errors.contains("not signed by a content key"), "{}", refused.errors);

    let board = Board::start(&field, &["--provision", "device.toml", "--model", "digits.dnl"]);
    let birth = field.wait_to_see("birth", |birth| birth["board"] == "mps2-an386");
    assert_eq!(birth["message"]["last_reset"], "PowerOn", "{birth}");
    field.wait_to_see("report", |report| report["inferences"].as_u64() > Some(20));

    field.write("second.dnl", &renamed(&field.read("digits.dnl")));
    field.succeed(&["sign", "second.dnl", "--key", "content.key"]);
    let outcome = field.push("second.dnl", &["--device", "pump-1"]);
    assert_eq!(outcome.code, 0, "{}{}{}", outcome.output, outcome.errors, log(&field));
    let sent = blocks_sent(&field);
    assert!((1..=3).contains(&sent), "{sent} blocks were sent, the others are in the slot that was flashed");
    field.wait_to_see("event", |event| event["what"]["Update"]["state"] == "Confirmed");
    let first = field.seen("report").swap_remove(0);
    let report = field.wait_to_see("report", |report| report["model"] != first["message"]["model"]);
    assert_eq!(report["message"]["errors"], 0, "{report}");
    println!("{}{}", log(&field), report["message"]);
    drop(board);
}

#[test]
fn a_board_that_is_cut_off_in_the_middle_of_a_download_goes_on() {
    if !Board::is_there() {
        return;
    }
    let Some(mut field) = Field::new() else { return };
    field.watch();
    field.write("long.dnl", &long_model());
    field.succeed(&["sign", "long.dnl", "--key", "content.key"]);
    let board = Board::start(&field, &["--provision", "device.toml"]);
    field.wait_to_see("birth", |birth| birth["slots"][0]["state"] == "Empty");
    let sent_before = std::thread::scope(|scope| {
        let pushed = scope.spawn(|| field.push("long.dnl", &["--device", "pump-1"]));
        let sent = wait_for("some blocks", || Some(blocks_sent(&field)).filter(|sent| *sent > BALLAST / 4));
        board.cut();
        assert!(!pushed.is_finished(), "the download was over: {}", log(&field));
        // What it has is all that the file of its flash holds.
        let board = Board::start(&field, &[]);
        let outcome = pushed.join().unwrap();
        assert_eq!(outcome.code, 0, "{}{}{}", outcome.output, outcome.errors, log(&field));
        println!("{}", log(&field));
        drop(board);
        sent
    });
    let all = blocks_sent(&field);
    println!("{sent_before} blocks were sent before the cut was made, {all} altogether");
    assert!(all < BALLAST + BALLAST / 4, "{all} blocks were sent: the download began anew");
}

/// A model whose download takes a while: a table of 256 values behind ballast, for samples of 256 elements.
fn long_model() -> Vec<u8> {
    let mut builder = BlobBuilder::default();
    let quantization = Quantization { scale: 0.5, zero_point: 0 };
    let dims = [1, 1, 1, 256];
    let input = builder.tensor(DataType::Int8, dims, quantization, None);
    let output = builder.tensor(DataType::Int8, dims, quantization, None);
    // No two blocks are alike, so that none is copied.
    builder
        .weights
        .extend((0..BALLAST * 256).flat_map(|word| (word as u32).wrapping_mul(0x9E37_79B9).to_le_bytes()));
    let table: Vec<i8> = (-128..=127).collect();
    let table_offset = builder.weights(cast_slice(&table));
    builder.step(Operator::Lookup, &[input], output, bytes_of(&Lookup { table_offset }));
    (builder.inputs, builder.outputs) = (vec![input], vec![output]);
    builder.golden = Some(golden(&builder));
    let mut blob = builder.build().to_vec();
    seal(&mut blob);
    blob
}

/// A synthetic vector.
fn golden(builder: &BlobBuilder) -> Vec<u8> {
    let blob = builder.build();
    let model = Model::open(&blob).unwrap();
    let mut arena = AlignedBytes::filled(model.arena_bytes(Family::Portable), 0);
    let mut session = Session::with_family(&model, &mut arena, Family::Portable).unwrap();
    let mut section = bytes_of(&golden_header(1)).to_vec();
    synthesize(model.program().input(0).unwrap(), 5, session.input_bytes(0).unwrap());
    let mut trace = Trace::default();
    session.run_with(&mut trace).unwrap();
    section.extend(bytes_of(&VectorHeader { kind: GOLDEN_SYNTHETIC, seed: 5, trace: trace.0, reserved: 0 }));
    section.extend(session.output_bytes(0).unwrap());
    section
}
