//! Boards: builds their images, runs blobs on them, emulated or native, and brings back what they report.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use dunlin_device::{Board, Request, run};
//!
//! let board = Board::named("mps2-an386")?;
//! let sample = vec![0u8; 64]; // all inputs of the model, in the order of the program
//! let report = run(board, &std::fs::read("model.dnl")?, &[sample], &Request::default())?;
//! println!("{} in {}: {:?}", report.family.name(), report.run, report.outputs[0]);
//! # Ok(())
//! # }
//! ```

mod board;
mod build;
mod counter;
mod data_flash;
mod emulator;
mod error;
mod log;
mod process;
mod report;
mod run;
mod selection;
mod sizes;

pub use board::{BOARDS, Board, Subject};
pub use build::{build, build_device, build_program, build_selected, runtime_flash};
pub use counter::{Count, Counts};
pub use data_flash::{SLOT_BYTES, has_flash, write_flash};
pub use dunlin_harness::Options;
pub use emulator::{Emulation, Emulator, Time};
pub use error::DeviceError;
pub use report::{Arena, Cost, RunReport, StackUse, StepCost, StepHash};
pub use run::{Request, run};
pub use selection::Selection;
pub use sizes::{Sizes, sizes};
