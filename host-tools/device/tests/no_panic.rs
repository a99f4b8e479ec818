//! The linker's proof that no panic can be reached from the runtime, the symbols' that none can be from a device, and that both
//! would notice one.

use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object, ObjectSymbol};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../firmware/cortex-m")
}

/// Links a package for `target`; what cargo printed if that failed.
fn link(package: &str, target: &str, features: &[&str]) -> Result<(), String> {
    let output = Command::new("cargo")
        .current_dir(workspace())
        .args(["build", "--release", "--package", package, "--target", target])
        .args(features)
        .output()
        .expect("cargo starts");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn prove(target: &str) {
    if let Err(output) = link("no-panic", target, &[]) {
        panic!("{output}");
    }
    let output = link("no-panic", target, &["--features", "prove"]).expect_err("a panic is linked");
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

/// The panics of `core` that the linked device contains.
fn panics_of_a_device(features: &[&str]) -> Vec<String> {
    let target = "thumbv7em-none-eabihf";
    link("no-panic-device", target, features).unwrap_or_else(|output| panic!("{output}"));
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or(workspace().join("target"), PathBuf::from);
    let bytes = std::fs::read(folder.join(target).join("release/no-panic-device")).unwrap();
    let elf = object::File::parse(&*bytes).unwrap();
    let names = elf.symbols().filter_map(|symbol| symbol.name().ok().map(str::to_owned));
    names.filter(|name| name.contains("9panicking") || name.contains("13unwrap_failed")).collect()
}

#[test]
fn a_device_reaches_no_panic_but_that_of_a_future_polled_after_its_end() {
    let allowed = |name: &String| {
        ["9panicking9panic_fmt", "28panic_const_async_fn_resumed"].iter().any(|part| name.contains(part))
    };
    let panics = panics_of_a_device(&[]);
    assert!(panics.iter().all(allowed), "{panics:#?}");
    assert!(panics.len() == 2, "the symbols are read: {panics:#?}");
    let proof = panics_of_a_device(&["--features", "prove"]);
    assert!(!proof.iter().all(allowed), "a panic is noticed: {proof:#?}");
}
