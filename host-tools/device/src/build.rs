//! Building the program that runs on a board.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::board::{Board, Subject};
use crate::error::DeviceError;
use crate::process::output;
use crate::selection::Selection;
use crate::sizes::sizes;

/// Variables that are meant for the build of another program, and would win over the workspace's configuration.
const FOREIGN: [&str; 3] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"];
/// The package that calls the runtime and does nothing else.
const RUNTIME_ALONE: &str = "flash-size";
/// Its feature that leaves the runtime out.
const EMPTY: &str = "empty";
/// How Rust is installed.
const CARGO: &str = "curl https://sh.rustup.rs -sSf | sh";
/// The plugin of the emulator, as cargo names it.
const PLUGIN: &str = "libdunlin_emulator_plugin.so";
/// The target whose kernels are plain Rust: compiled for size, as those around assembly are, they would take four fifths more instructions.
const PLAIN_RUST: &str = "thumbv6m-none-eabi";
/// Compiles the runtime for speed.
const FAST: &str = "profile.release.package.dunlin-runtime.opt-level=3";
/// Lets functions of the runner have fixed addresses, and makes it a program that needs nothing beside itself.
const STATIC: &str = r#"target.aarch64-unknown-linux-gnu.rustflags=["-Crelocation-model=static", "-Ctarget-feature=+crt-static"]"#;
/// Links for 64-bit Arm Linux.
const LINKER_AARCH64: &str = "aarch64-linux-gnu-gcc";

/// Builds the image or runner of `board`, or finds that the one from last time is fresh, and returns where it is.
///
/// # Errors
/// [`DeviceError::BudgetOnly`], [`DeviceError::NoSources`], [`DeviceError::MissingTarget`], [`DeviceError::MissingTool`] or
/// [`DeviceError::Build`].
pub fn build(board: &Board) -> Result<PathBuf, DeviceError> {
    build_selected(board, &Selection::Everything)
}

/// As [`build`], with a part of the runtime. Runners on Linux always have all of it.
///
/// # Errors
/// As [`build`].
pub fn build_selected(board: &Board, selection: &Selection) -> Result<PathBuf, DeviceError> {
    build_package(board, board.name, selection)
}

/// What the runtime takes of the flash of a bare-metal board, in bytes: code and constants, without start-up, logging, files, blob.
///
/// # Errors
/// As [`build`], and [`DeviceError::BudgetOnly`] for boards without a bare-metal image.
pub fn runtime_flash(board: &Board, selection: &Selection) -> Result<u64, DeviceError> {
    if !matches!(board.subject()?, Subject::Machine { .. }) {
        return Err(DeviceError::BudgetOnly { board: board.name });
    }
    let whole = sizes(&build_package(board, RUNTIME_ALONE, selection)?)?.flash;
    let empty = Selection::Only([EMPTY].into());
    Ok(whole.saturating_sub(sizes(&build_package(board, RUNTIME_ALONE, &empty)?)?.flash))
}

/// Builds another program of a bare-metal board than the image that exercises: a binary of the board's package, with these features
/// and without the default ones. Returns where it is.
///
/// # Errors
/// As [`build`], and [`DeviceError::BudgetOnly`] for boards without a bare-metal image.
pub fn build_program(board: &Board, name: &str, features: &[&str]) -> Result<PathBuf, DeviceError> {
    let Subject::Machine { target, .. } = board.subject()? else {
        return Err(DeviceError::BudgetOnly { board: board.name });
    };
    let workspace = sources()?.join("firmware/cortex-m");
    let target_dir = workspace.join("target/programs");
    require_target(&workspace, target)?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&workspace).args(["build", "--release", "--package", board.name, "--bin", name]);
    cargo.args(["--no-default-features", "--features", &features.join(","), "--target", target]);
    cargo.arg("--target-dir").arg(&target_dir);
    finish(board, &mut cargo)?;
    Ok(target_dir.join(target).join("release").join(name))
}

/// Builds the image of a device: one that serves, reports about it and takes updates over the air. Returns where it is.
///
/// # Errors
/// As [`build`], and [`DeviceError::NoDeviceImage`].
pub fn build_device(board: &Board) -> Result<PathBuf, DeviceError> {
    let instead = match board.name {
        "mps2-an386" => return build_program(board, "device", &["device", "dunlin-runtime/default"]),
        "raspberry-pi" | "aarch64" | "host" => {
            "on Linux the daemon `dunlind` is the device; copy it and its configuration there, `firmware/linux` says how"
        }
        "microbit" => "`dunlin device run` runs blobs on it",
        _ => "Dunlin knows its budget only",
    };
    Err(DeviceError::NoDeviceImage { board: board.name, instead })
}

/// Runs cargo, undisturbed by variables that are meant for another build.
fn finish(board: &Board, cargo: &mut Command) -> Result<(), DeviceError> {
    for variable in FOREIGN {
        cargo.env_remove(variable);
    }
    let built = output(cargo, "cargo", CARGO)?;
    if built.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&built.stderr).into_owned();
    Err(DeviceError::Build { board: board.name, output })
}

fn build_package(
    board: &Board,
    bare_metal: &'static str,
    selection: &Selection,
) -> Result<PathBuf, DeviceError> {
    let sources = sources()?;
    let (workspace, package, target, target_dir) = match board.subject()? {
        Subject::Machine { target, .. } => {
            let workspace = sources.join("firmware/cortex-m");
            let target_dir = selection.folder().map_or("target".into(), |folder| format!("target/{folder}"));
            let target_dir = workspace.join(target_dir);
            (workspace, bare_metal, Some(target), target_dir)
        }
        Subject::Emulated { target, .. } => {
            require_linker()?;
            (sources.clone(), "dunlin-runner", Some(target), sources.join("target/runner"))
        }
        Subject::Native => (sources.clone(), "dunlin-runner", None, sources.join("target/runner")),
    };
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&workspace).args(["build", "--release", "--package", package]);
    if matches!(board.subject()?, Subject::Machine { .. }) {
        cargo.args(selection.arguments());
    }
    cargo
        .arg("--target-dir")
        .arg(&target_dir)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER_AARCH64);
    let mut folder = target_dir;
    if let Some(target) = target {
        require_target(&workspace, target)?;
        cargo.args(["--target", target, "--config", STATIC]);
        if target == PLAIN_RUST {
            cargo.args(["--config", FAST]);
        }
        folder.push(target);
    }
    finish(board, &mut cargo)?;
    folder.push("release");
    folder.push(package);
    Ok(folder)
}

/// Builds the plugin that counts what an emulated program executes, and returns where it is.
///
/// # Errors
/// [`DeviceError::NoSources`], [`DeviceError::MissingTool`] or [`DeviceError::BuildPlugin`].
pub(crate) fn build_plugin() -> Result<PathBuf, DeviceError> {
    let sources = sources()?;
    let target_dir = sources.join("target/runner");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&sources).args(["build", "--release", "--package", "dunlin-emulator-plugin"]);
    cargo.arg("--target-dir").arg(&target_dir);
    for variable in FOREIGN {
        cargo.env_remove(variable);
    }
    let built = output(&mut cargo, "cargo", CARGO)?;
    if !built.status.success() {
        let output = String::from_utf8_lossy(&built.stderr).into_owned();
        return Err(DeviceError::BuildPlugin { output });
    }
    Ok(target_dir.join("release").join(PLUGIN))
}

/// The checkout that holds the sources of the images.
fn sources() -> Result<PathBuf, DeviceError> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = std::env::var_os("DUNLIN_SOURCES").map_or(built_from, PathBuf::from);
    path.join("firmware/cortex-m/Cargo.toml")
        .canonicalize()
        .ok()
        .and_then(|manifest| manifest.ancestors().nth(3).map(Path::to_owned))
        .ok_or(DeviceError::NoSources { path })
}

/// Checks that the toolchain of `workspace` has the standard library of `target`.
fn require_target(workspace: &Path, target: &'static str) -> Result<(), DeviceError> {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(workspace).args(["--print", "target-libdir", "--target", target]);
    let printed = output(&mut rustc, "rustc", CARGO)?;
    let folder = String::from_utf8_lossy(&printed.stdout).trim().to_owned();
    if printed.status.success() && Path::new(&folder).is_dir() {
        Ok(())
    } else {
        Err(DeviceError::MissingTarget { target })
    }
}

fn require_linker() -> Result<(), DeviceError> {
    let mut linker = Command::new(LINKER_AARCH64);
    let install = "apt-get install gcc-aarch64-linux-gnu";
    output(linker.arg("--version"), LINKER_AARCH64, install).map(|_| ())
}
