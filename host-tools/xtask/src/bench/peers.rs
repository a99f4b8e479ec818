//! Engines of others, from their registries.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use xshell::{Shell, cmd};

/// Where Python packages are installed, apart from everything else.
const ENVIRONMENT: &str = "target/bench/venv";
/// Where the Rust engines are built, apart from everything else.
const ENGINES: &str = "target/bench/engines";
/// The two packages that are measured, and what the measurement needs beside.
const PACKAGES: [&str; 4] = ["ai-edge-litert==2.3.0", "onnxruntime==1.31.1", "onnx==1.23.2", "numpy==2.4.6"];
/// The engine in Rust, as its lockfile pins it.
pub const TRACT: &str = "tract-onnx 0.23.9";

/// The engines of others, in words.
pub fn versions() -> String {
    let [litert, onnxruntime, ..] = PACKAGES.map(|package| package.replace("==", " "));
    format!("{litert}, {onnxruntime}, {TRACT}")
}

/// Python with the packages of the peers.
///
/// # Errors
/// Says what is missing: Python, its module venv, or a registry that has the packages.
pub fn python(shell: &Shell) -> anyhow::Result<PathBuf> {
    let python = shell.current_dir().join(ENVIRONMENT).join("bin/python");
    let marker = shell.current_dir().join(ENVIRONMENT).join("packages.txt");
    let packages = PACKAGES.join("\n");
    if python.exists() && shell.read_file(&marker).is_ok_and(|installed| installed == packages) {
        return Ok(python);
    }
    println!("installing {} in {ENVIRONMENT}", PACKAGES.join(", "));
    cmd!(shell, "python3 -m venv {ENVIRONMENT}")
        .quiet()
        .run()
        .context("Python 3 with its module venv is missing; apt-get install python3-venv brings both")?;
    cmd!(shell, "{python} -m pip install --quiet --disable-pip-version-check {PACKAGES...}")
        .quiet()
        .run()
        .context("the packages of the peers could not be installed: no registry that pip knows has them for this Python")?;
    shell.write_file(marker, packages)?;
    Ok(python)
}

/// Builds the Rust engines and returns where one of them is.
pub fn rust_engine(shell: &Shell, name: &str) -> anyhow::Result<PathBuf> {
    let target = shell.current_dir().join(ENGINES);
    let _folder = shell.push_dir("benchmarks/engines");
    // All of them at once: alone, each would have its dependencies built with other features.
    cmd!(shell, "cargo build --quiet --release --locked --workspace --target-dir {target}")
        .quiet()
        .run()
        .with_context(|| format!("building {name}"))?;
    Ok(target.join("release").join(name))
}

/// A command that stays on the last processor of this machine, if the system can make it.
pub fn pinned(shell: &Shell, program: &std::path::Path) -> Command {
    let last = std::thread::available_parallelism().map_or(0, |count| count.get() - 1).to_string();
    if cmd!(shell, "taskset --cpu-list {last} true").quiet().ignore_stderr().run().is_err() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &last]).arg(program);
    command
}
