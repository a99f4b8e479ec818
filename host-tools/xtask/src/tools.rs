//! What the chores need beside Rust, and how it is installed.

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

/// A program and the Debian packages that bring it.
pub struct Tool {
    program: &'static str,
    packages: &'static [&'static str],
}

/// Cross compiler and user-mode emulator for 64-bit Raspberry Pis.
pub const AARCH64: &[Tool] = &[
    Tool { program: "aarch64-linux-gnu-gcc", packages: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"] },
    Tool { program: "qemu-aarch64", packages: &["qemu-user"] },
];

/// Emulator of the Cortex-M boards.
pub const CORTEX_M: &[Tool] = &[Tool { program: "qemu-system-arm", packages: &["qemu-system-arm"] }];

/// Broker that devices are tested against, and its command-line clients.
pub const MQTT: &[Tool] = &[
    Tool { program: "mosquitto", packages: &["mosquitto"] },
    Tool { program: "mosquitto_sub", packages: &["mosquitto-clients"] },
];

/// Installs the tools that are missing.
///
/// # Errors
/// Says what to install if that is not possible here: no apt, or no right to use it.
pub fn require(shell: &Shell, tools: &[Tool]) -> anyhow::Result<()> {
    let missing: Vec<&str> = tools
        .iter()
        .filter(|tool| !is_installed(tool.program))
        .flat_map(|tool| tool.packages)
        .copied()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!("install them with: apt-get install {}", missing.join(" "));
    let is_root = cmd!(shell, "id -u").quiet().read().is_ok_and(|id| id == "0");
    if !is_installed("apt-get") || !is_root {
        bail!("packages are missing: {}; {by_hand}", missing.join(" "));
    }
    println!("installing {}", missing.join(" "));
    let _quiet = shell.push_env("DEBIAN_FRONTEND", "noninteractive");
    cmd!(shell, "apt-get update -qq").ignore_stdout().run().context(by_hand.clone())?;
    cmd!(shell, "apt-get install -qq -y --no-install-recommends {missing...}")
        .ignore_stdout()
        .run()
        .context(by_hand)
}

/// Adds a compilation target to the toolchain.
///
/// # Errors
/// Says what to do if rustup cannot.
pub fn require_target(shell: &Shell, target: &str) -> anyhow::Result<()> {
    let sysroot = cmd!(shell, "rustc --print sysroot").quiet().read()?;
    if std::path::Path::new(&sysroot).join("lib/rustlib").join(target).join("lib").exists() {
        return Ok(());
    }
    cmd!(shell, "rustup target add {target}").run().with_context(|| {
        format!("the standard library for {target} is missing; rustup target add {target} brings it")
    })
}

fn is_installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|directory| directory.join(program).is_file())
}
