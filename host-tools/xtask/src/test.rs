//! Everything that must pass before a change lands.

use anyhow::Context;
use xshell::{Shell, cmd};

use crate::{bench, cross, fuzz, lint, size, tools};

/// How long the fuzzer runs as a part of the tests, in seconds: long enough to notice that it is broken.
const FUZZ_SECONDS: u64 = 30;

/// Runs all checks, the quick ones first.
pub fn run(shell: &Shell, host_only: bool) -> anyhow::Result<()> {
    lint::run(shell)?;
    if !host_only {
        tools::require(shell, tools::CORTEX_M)?;
        tools::require(shell, tools::AARCH64)?;
        tools::require(shell, tools::MQTT)?;
        for target in ["thumbv7em-none-eabihf", "thumbv6m-none-eabi", "aarch64-unknown-linux-gnu"] {
            tools::require_target(shell, target)?;
        }
    }
    cmd!(shell, "cargo test --workspace --quiet").run()?;
    if host_only {
        println!("left out: emulated targets, firmware, sizes, benchmarks, fuzzing (--host-only)");
        return Ok(());
    }
    drivers(shell)?;
    cross::run(shell)?;
    size::run(shell)?;
    bench::check(shell)?;
    if fuzz::is_available(shell) {
        fuzz::run(shell, FUZZ_SECONDS)?;
    } else {
        println!("left out: fuzzing, which needs a nightly toolchain and cargo-fuzz (see cargo xtask fuzz)");
    }
    Ok(())
}

/// Tests the drivers of the bare-metal workspace here, against simulated chips.
fn drivers(shell: &Shell) -> anyhow::Result<()> {
    let version = cmd!(shell, "rustc --version --verbose").read()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say what it runs on")?;
    let _workspace = shell.push_dir("firmware/cortex-m");
    cmd!(shell, "cargo test --quiet --package lan9118 --target {host}").run()?;
    Ok(())
}
