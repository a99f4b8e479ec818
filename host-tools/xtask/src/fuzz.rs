//! Fuzzing of the blob reader, verifier and engine.

use std::path::Path;

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

/// Fuzzes for `seconds`, starting from the sample models' blobs. Fails on the first finding and leaves it in
/// `tests/fuzz/artifacts`.
pub fn run(shell: &Shell, seconds: u64) -> anyhow::Result<()> {
    if !is_available(shell) {
        bail!(
            "fuzzing needs a nightly toolchain and cargo-fuzz:\n  rustup toolchain install nightly\n  cargo install cargo-fuzz"
        );
    }
    let corpus = "tests/fuzz/corpus/open_and_run";
    shell.create_dir(corpus)?;
    seed(shell, Path::new(corpus)).context("cannot make the blobs that fuzzing starts from")?;
    let limit = format!("-max_total_time={seconds}");
    let _directory = shell.push_dir("tests/fuzz");
    cmd!(
        shell,
        "cargo +nightly fuzz run --fuzz-dir . open_and_run -- {limit} -max_len=65536 -timeout=20 -print_final_stats=1 -verbosity=0"
    )
    .env_remove("RUSTUP_TOOLCHAIN")
    .env_remove("CARGO")
    .run()?;
    Ok(())
}

/// Whether a nightly toolchain and cargo-fuzz are installed.
pub fn is_available(shell: &Shell) -> bool {
    cmd!(shell, "cargo +nightly fuzz --version")
        .env_remove("RUSTUP_TOOLCHAIN")
        .quiet()
        .ignore_stderr()
        .read()
        .is_ok()
}

/// Writes blobs of every operator and of the sample models, in both schemes.
fn seed(shell: &Shell, corpus: &Path) -> anyhow::Result<()> {
    cmd!(shell, "cargo run --quiet --package dunlin-tests --example corpus -- {corpus}").run()?;
    for name in ["digits", "house_price"] {
        for scheme in ["int8", "float32"] {
            let model = format!("models/pretrained/{name}/{name}.onnx");
            let calibration = format!("models/pretrained/{name}/calibration.npz:x");
            let blob = corpus.join(format!("{name}-{scheme}.dnl"));
            let calibrate: &[&str] = if scheme == "int8" { &["--calibrate", &calibration] } else { &[] };
            cmd!(
                shell,
                "cargo run --quiet --release -- convert {model} --scheme {scheme} {calibrate...} -o {blob}"
            )
            .ignore_stdout()
            .run()?;
        }
    }
    Ok(())
}
