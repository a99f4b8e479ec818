//! Other targets than the host.

use xshell::{Shell, cmd};

use crate::tools;

/// Targets that runtime and protocol must build for: no atomics, no unaligned access, no operating system may be assumed.
const BARE_METAL: [&str; 3] = ["thumbv6m-none-eabi", "thumbv7em-none-eabihf", "riscv32imac-unknown-none-elf"];

/// An aarch64 processor without and one with the dot product, by QEMU's names.
const AARCH64_PROCESSORS: [&str; 2] = ["cortex-a72", "cortex-a76"];

/// Builds runtime and protocol for every bare-metal target and runs the kernel suites on both kinds of aarch64.
pub fn run(shell: &Shell) -> anyhow::Result<()> {
    tools::require(shell, tools::AARCH64)?;
    for target in BARE_METAL {
        tools::require_target(shell, target)?;
        for features in ["", "manifest", "digest,manifest"] {
            cmd!(
                shell,
                "cargo build --quiet --package dunlin-runtime --target {target} --features {features}"
            )
            .run()?;
        }
        for features in ["", "verify"] {
            cmd!(
                shell,
                "cargo build --quiet --package dunlin-protocol --target {target} --features {features}"
            )
            .run()?;
        }
    }
    tools::require_target(shell, "aarch64-unknown-linux-gnu")?;
    for processor in AARCH64_PROCESSORS {
        println!("kernel suites on {processor}");
        let _processor = shell.push_env("QEMU_CPU", processor);
        cmd!(
            shell,
            "cargo test --quiet --target aarch64-unknown-linux-gnu --package dunlin-runtime --package dunlin-kernel-tests"
        )
        .run()?;
    }
    Ok(())
}
