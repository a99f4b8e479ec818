//! The blob that the project ships, and the example of somebody's firmware that holds it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dunlin_convert::{Request, convert};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `models/README.md` has the command line.
#[test]
fn the_shipped_blob_is_what_conversion_makes() {
    let folder = project().join("models/pretrained/digits");
    let request = Request {
        model: folder.join("digits.onnx"),
        calibration: Some(format!("{}:x", folder.join("calibration.npz").display())),
        name: "digits".to_owned(),
        model_version: "1".to_owned(),
        labels: (0..10).map(|digit| digit.to_string()).collect(),
        ..Request::default()
    };
    let conversion = convert(&request, &mut |_, _, _| {}).unwrap();
    let shipped = fs::read(folder.join("digits.dnl")).unwrap();
    assert!(conversion.packed.blob.as_slice() == shipped, "convert digits.onnx anew, see models/README.md");
}

#[test]
fn the_example_tells_a_digit() {
    let tool = "qemu-system-arm";
    if Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("skipped: {tool} is not installed");
        return;
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--release", "--quiet"]).current_dir(project().join("firmware/example"));
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"] {
        cargo.env_remove(variable);
    }
    let run = cargo.stdin(Stdio::null()).output().unwrap();
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{printed}{}", String::from_utf8_lossy(&run.stderr));
    assert!(printed.trim_end().ends_with("is a 2"), "{printed}");
}
