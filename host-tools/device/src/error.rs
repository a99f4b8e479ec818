//! Why a blob did not run on a board.

use std::path::PathBuf;
use std::time::Duration;

/// Why a blob did not run on a board.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No board has this name.
    #[error("there is no board `{name}`; the boards are {known}")]
    UnknownBoard {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// The table knows flash and RAM of the board, but nothing runs on it yet.
    #[error("board `{board}` is known by its budget only: blobs cannot be run on it yet")]
    BudgetOnly {
        /// The board.
        board: &'static str,
    },
    /// The sources of the image are not where they were when this program was built.
    #[error("the sources of the images are not at {}; set DUNLIN_SOURCES to a checkout of Dunlin", path.display())]
    NoSources {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// Rust's standard library for the target is not installed.
    #[error("Rust cannot build for {target}; run `rustup target add {target}`")]
    MissingTarget {
        /// Rust's name of the target.
        target: &'static str,
    },
    /// A program is not installed.
    #[error("`{tool}` is not installed; run `{install}`")]
    MissingTool {
        /// Its name.
        tool: &'static str,
        /// The command that installs it.
        install: &'static str,
    },
    /// Cargo could not build the image.
    #[error("the image of board `{board}` could not be built:\n{output}")]
    Build {
        /// The board.
        board: &'static str,
        /// What cargo printed.
        output: String,
    },
    /// Cargo could not build the plugin of the emulator.
    #[error("the plugin that counts instructions could not be built:\n{output}")]
    BuildPlugin {
        /// What cargo printed.
        output: String,
    },
    /// The flash of a device could not be written.
    #[error("the flash of the device could not be written: {reason}")]
    Flash {
        /// Why.
        reason: String,
    },
    /// No image of this board is a device: one that serves, reports and takes updates.
    #[error("board `{board}` has no image of a device: {instead}")]
    NoDeviceImage {
        /// The board.
        board: &'static str,
        /// What there is.
        instead: &'static str,
    },
    /// The blob is longer than the part of the board's memory that is for it.
    #[error("the blob has {bytes} bytes, board `{board}` has {room} for one")]
    BlobTooLong {
        /// The board.
        board: &'static str,
        /// Length of the blob.
        bytes: usize,
        /// What the board has for it.
        room: usize,
    },
    /// The board, or its emulator, ran longer than the request allows.
    #[error("board `{board}` did not end within {} s", limit.as_secs())]
    TimedOut {
        /// The board.
        board: &'static str,
        /// What the request allows.
        limit: Duration,
    },
    /// The board refused the model, or a run failed on it.
    #[error("board `{board}`: {reason}")]
    Refused {
        /// The board.
        board: &'static str,
        /// Why, in the board's words.
        reason: String,
    },
    /// The program on the board ended early: a fault, a panic, a wrong command line.
    #[error("board `{board}` ended early, {}:\n{log}", code.map_or("killed".to_owned(), |code| format!("code {code}")))]
    Ended {
        /// The board.
        board: &'static str,
        /// Its exit code: 100 is a fault of the memory protection, 101 a panic, 102 any other fault.
        code: Option<i32>,
        /// What it logged, and what the emulator said.
        log: String,
    },
    /// The board's report is incomplete or not understood, which is an error of Dunlin.
    #[error("the report of board `{board}` cannot be read: {what}")]
    MalformedReport {
        /// The board.
        board: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file is no ELF file.
    #[error("{} is not an ELF file: {source}", path.display())]
    NotElf {
        /// The file.
        path: PathBuf,
        /// Why.
        source: object::Error,
    },
    /// A function that marks the spans to be counted is not in the program.
    #[error("{} has no symbol `{name}`; build it without stripping it", path.display())]
    NoMark {
        /// The program.
        path: PathBuf,
        /// The function.
        name: &'static str,
    },
    /// A file could not be read or written, or a program not started.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl DeviceError {
    /// Wraps an IO error with what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> DeviceError {
        let what = what.into();
        move |source| DeviceError::Io { what, source }
    }
}
