//! A runner with one kernel constant changed fails the golden vectors of a blob; the same runner as it should be passes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dunlin_convert::pack::AlignedBytes;
use dunlin_device::Board;
use dunlin_runtime::{Family, Model};

/// Builds the runner with a compiler flag, in a target folder of its own.
fn build_runner(flag: &str) -> PathBuf {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broken-kernel");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(project).args(["build", "--release", "--quiet", "--package", "dunlin-runner"]);
    cargo.arg("--target-dir").arg(&target).env("RUSTFLAGS", flag);
    cargo.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
    let built = cargo.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    target.join("release/dunlin-runner")
}

/// Runs the shipped digits model on a blank image; `Err` with what the runner has to say if it refuses.
fn run(runner: &Path, family: Family) -> Result<(), String> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/pretrained/digits/digits.dnl");
    let bytes = fs::read(shipped).unwrap();
    let mut blob = AlignedBytes::zeroed(bytes.len());
    blob.as_mut_slice().copy_from_slice(&bytes);
    let input = Model::open(blob.as_slice()).unwrap().program().input(0).unwrap().bytes().unwrap();

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden-vectors").join(family.name());
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("model.dnl"), &bytes).unwrap();
    fs::write(folder.join("inputs.bin"), vec![0x80; input]).unwrap();
    let word = format!("family={}", family.name());
    let ran = Command::new(runner).arg(word).current_dir(&folder).output().unwrap();
    if ran.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ran.stderr).into_owned()) }
}

#[test]
fn a_changed_kernel_constant_is_noticed() {
    let sound = dunlin_device::build(Board::named("host").unwrap()).unwrap();
    let broken = build_runner("--cfg dunlin_broken_kernel");
    for family in Family::ALL.into_iter().filter(|family| family.is_available()) {
        assert_eq!(run(&sound, family), Ok(()), "{}", family.name());
        let reason = run(&broken, family).expect_err(family.name());
        assert!(reason.contains("golden vector"), "{}: {reason}", family.name());
    }
}
