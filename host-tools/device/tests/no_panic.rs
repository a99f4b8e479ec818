//! The linker's proof that no panic can be reached from the runtime, and that it would notice one.

use std::path::Path;
use std::process::Command;

/// Links the proof for `target`; what cargo printed if that failed.
fn link(target: &str, features: &[&str]) -> Result<(), String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../firmware/cortex-m");
    let output = Command::new("cargo")
        .current_dir(workspace)
        .args(["build", "--release", "--package", "no-panic", "--target", target])
        .args(features)
        .output()
        .expect("cargo starts");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn prove(target: &str) {
    if let Err(output) = link(target, &[]) {
        panic!("{output}");
    }
    let output = link(target, &["--features", "prove"]).expect_err("a panic is linked");
    assert!(output.contains("undefined symbol: a_panic_can_be_reached"), "{output}");
}

#[test]
fn no_panic_can_be_reached_on_cortex_m4() {
    prove("thumbv7em-none-eabihf");
}

#[test]
fn no_panic_can_be_reached_on_cortex_m0() {
    prove("thumbv6m-none-eabi");
}
