//! The parts of mps2-an386 that a device in the field needs, each by itself in the emulator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dunlin_device::{Board, Emulation, Emulator, Time, build_program};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(120);
const SECTOR: usize = 4096;

/// The program that shows the parts; `None` without an emulator.
fn program() -> Option<PathBuf> {
    let found = Command::new("qemu-system-arm").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        println!("skipped: qemu-system-arm is not installed");
        return None;
    }
    Some(build_program(board(), "parts", &["device"]).unwrap_or_else(|error| panic!("{error}")))
}

fn board() -> &'static Board {
    Board::named("mps2-an386").expect("it is known")
}

fn start(program: &Path, folder: &Path, part: &str, time: Time) -> Emulator {
    let emulation = Emulation { board: board(), program, folder, words: &[part], network: false, time };
    Emulator::start(&emulation).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a part to its end, and returns what it logged.
fn run(program: &Path, folder: &Path, part: &str, time: Time) -> Vec<String> {
    let mut emulator = start(program, folder, part, time);
    let status = emulator.wait(LIMIT);
    let log = emulator.log().expect("there is a log");
    let status = status.unwrap_or_else(|error| panic!("{error}: {log:#?}"));
    assert!(status.success(), "{part}: {status}, {log:#?}");
    log
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

#[test]
fn tasks_wake_in_time_when_the_counter_wraps() {
    let Some(program) = program() else { return };
    let log = run(&program, folder().path(), "time", Time::Skipping);
    println!("{log:?}");
}

#[test]
fn flash_keeps_its_rules_and_outlives_the_emulator() {
    let Some(program) = program() else { return };
    let folder = folder();
    // The second run finds what the first one left.
    for _ in 0..2 {
        run(&program, folder.path(), "flash", Time::Real);
        let mut expected = vec![0xFF; 256 << 10];
        expected[8..16].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        expected[16..24].fill(9);
        expected[SECTOR + 16..SECTOR + 24].fill(7);
        assert!(fs::read(folder.path().join("flash.bin")).expect("it is there") == expected);
    }
    // A flash that was made by something longer is not cut.
    fs::write(folder.path().join("flash.bin"), vec![0; 300 << 10]).expect("it can be written");
    let mut emulator = start(&program, folder.path(), "flash", Time::Real);
    assert_eq!(emulator.wait(LIMIT).expect("it ends").code(), Some(1));
    assert!(emulator.log().expect("there is a log").iter().any(|line| line.contains("more than the flash")));
}

/// What a sector holds.
#[derive(Debug, PartialEq)]
enum Sector {
    Whole,
    TornWrite(usize),
    TornErase(usize),
}

/// What the program `fill`, killed at any moment, may leave in a sector; anything else is a panic.
fn inspect(sector: &[u8]) -> Sector {
    let change = sector.iter().position(|byte| *byte != sector[0]);
    let Some(change) = change else { return Sector::Whole };
    let (head, tail) = sector.split_at(change);
    assert!(tail.iter().all(|byte| *byte == tail[0]), "two changes in one sector");
    match (head[0], tail[0]) {
        (0xFF, _) => Sector::TornErase(change),
        (_, 0xFF) => Sector::TornWrite(change),
        (old, new) => panic!("{old} and {new} in one sector"),
    }
}

#[test]
fn a_killed_emulator_leaves_torn_writes() {
    let Some(program) = program() else { return };
    let folder = folder();
    let path = folder.path().join("flash.bin");
    let (mut writes, mut erasures) = (Vec::new(), Vec::new());
    for kill in 0..40 {
        let before = vec![0x55; 256 << 10];
        fs::write(&path, &before).expect("it can be written");
        let mut emulator = start(&program, folder.path(), "fill", Time::Real);
        let started = Instant::now();
        // Past the start, when something is written; a little later each time.
        while fs::read(&path).unwrap_or_default() == before {
            assert!(started.elapsed() < LIMIT, "nothing is written");
        }
        sleep(Duration::from_micros(kill * 731));
        emulator.kill().expect("it can be killed");
        let flash = fs::read(&path).expect("it is there");
        let torn: Vec<Sector> =
            flash.chunks(SECTOR).map(inspect).filter(|sector| *sector != Sector::Whole).collect();
        assert!(torn.len() <= 1, "{torn:?}");
        match torn.first() {
            Some(Sector::TornWrite(bytes)) => writes.push(*bytes),
            Some(Sector::TornErase(bytes)) => erasures.push(*bytes),
            _ => {}
        }
    }
    println!(
        "40 kills: {} torn writes at {writes:?}, {} torn erasures at {erasures:?}",
        writes.len(),
        erasures.len()
    );
    assert!(writes.len() >= 10, "kills land within writes: {writes:?}");
}

#[test]
fn the_cause_of_every_reset_is_known() {
    let Some(program) = program() else { return };
    let log = run(&program, folder().path(), "watchdog", Time::Real).join("\n");
    for cause in
        ["reset 0: PowerOn", "reset 1: Software", "reset 2: Panic", "reset 3: HardFault", "reset 4: Watchdog"]
    {
        assert!(log.contains(cause), "{cause} is missing in:\n{log}");
    }
}

#[test]
fn a_sensor_replays_a_file() {
    let Some(program) = program() else { return };
    let folder = folder();
    let samples: Vec<u8> = (0..5 * 490u32).map(|index| ((index * index) >> 3) as u8).collect();
    fs::write(folder.path().join("samples.bin"), &samples).expect("it can be written");
    run(&program, folder.path(), "sensor", Time::Real);
    let expected: Vec<u8> = samples.iter().chain(&samples[..2 * 490]).copied().collect();
    assert!(fs::read(folder.path().join("output.bin")).expect("it is there") == expected);
}
