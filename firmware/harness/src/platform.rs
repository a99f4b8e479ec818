//! What a device offers to the routine that exercises it.

use core::fmt::Display;

/// Names of the files through which host and device exchange data, in the working directory of the emulator or runner.
pub mod files {
    use core::ffi::CStr;

    /// The blob, on devices that read it themselves.
    pub const BLOB: &CStr = c"model.dnl";
    /// Samples behind each other, each of them all model inputs in the order of the program.
    pub const INPUTS: &CStr = c"inputs.bin";
    /// For each sample all model outputs in the order of the program.
    pub const OUTPUTS: &CStr = c"outputs.bin";
    /// [`Record`](crate::Record)s.
    pub const REPORT: &CStr = c"report.bin";
}

/// A device: its connection to the host, its clock and its stack.
pub trait Platform {
    /// Why data could not be exchanged with the host.
    type Error: Display;

    /// Length of all samples together, in bytes.
    ///
    /// # Errors
    /// The file of samples cannot be read.
    fn inputs_len(&mut self) -> Result<u32, Self::Error>;

    /// Fills `input` with what stands in the file of samples at `offset`.
    ///
    /// # Errors
    /// The file cannot be read or ends before.
    fn read_inputs(&mut self, offset: u32, input: &mut [u8]) -> Result<(), Self::Error>;

    /// Appends to the file of outputs.
    ///
    /// # Errors
    /// The file cannot be written.
    fn write_outputs(&mut self, output: &[u8]) -> Result<(), Self::Error>;

    /// Appends an encoded [`Record`](crate::Record) to the report.
    ///
    /// # Errors
    /// The file cannot be written.
    fn write_report(&mut self, frame: &[u8]) -> Result<(), Self::Error>;

    /// Ticks of a clock that counts up and wraps; the host knows how long a tick is.
    fn ticks(&mut self) -> u32;

    /// Paints the unused part of the stack. Nothing where the stack cannot be seen.
    fn paint_stack(&mut self) {}

    /// Bytes of stack used below the caller since [`Platform::paint_stack`], if the stack can be seen.
    fn stack_used(&mut self) -> Option<u32> {
        None
    }
}
