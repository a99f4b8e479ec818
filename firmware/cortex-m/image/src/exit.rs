//! How a program ends: a code that the emulator passes on as its own.

/// All samples have run.
pub const DONE: u8 = 0;
/// The model was refused or a run failed; the report says why.
pub const FAILED: u8 = 1;
/// The command line or a file of the host is not as it should be.
pub const USAGE: u8 = 2;
/// Memory protection refused an access.
pub const MEMORY_FAULT: u8 = 100;
/// The program panicked.
pub const PANIC: u8 = 101;
/// Any other fault.
pub const HARD_FAULT: u8 = 102;

/// Ends the program.
pub fn with(code: u8) -> ! {
    semihosting::process::exit(code.into())
}
