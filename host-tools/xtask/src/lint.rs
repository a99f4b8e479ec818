//! Formatting, clippy and documentation.

use xshell::{Shell, cmd};

/// Fails on anything that is not formatted, warned about or documented wrongly, in all workspaces.
pub fn run(shell: &Shell) -> anyhow::Result<()> {
    cmd!(shell, "cargo fmt --all --check").run()?;
    cmd!(shell, "cargo clippy --workspace --all-targets --quiet -- --deny warnings").run()?;
    let _documentation = shell.push_env("RUSTDOCFLAGS", "--deny warnings");
    cmd!(shell, "cargo doc --workspace --lib --no-deps --quiet").run()?;
    for workspace in ["firmware/cortex-m", "benchmarks/engines"] {
        let _workspace = shell.push_dir(workspace);
        cmd!(shell, "cargo fmt --all --check").run()?;
    }
    Ok(())
}
