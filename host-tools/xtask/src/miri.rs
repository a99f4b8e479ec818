//! The runtime's tests in an interpreter that finds undefined behaviour.

use anyhow::bail;
use xshell::{Shell, cmd};

/// Runs the runtime's and the kernel suites' tests under Miri, with fewer cases.
pub fn run(shell: &Shell) -> anyhow::Result<()> {
    if !is_available(shell) {
        bail!("Miri is missing:\n  rustup +nightly component add miri rust-src");
    }
    cmd!(shell, "cargo +nightly miri test --quiet --package dunlin-runtime --package dunlin-kernel-tests --lib --tests")
        .env_remove("RUSTUP_TOOLCHAIN")
        .run()?;
    Ok(())
}

/// Whether the nightly toolchain has Miri.
pub fn is_available(shell: &Shell) -> bool {
    cmd!(shell, "cargo +nightly miri --version")
        .env_remove("RUSTUP_TOOLCHAIN")
        .quiet()
        .ignore_stderr()
        .read()
        .is_ok()
}
