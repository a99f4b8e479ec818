//! What the images of all boards share: files and logs over semihosting, marks on the stack, and what happens on a fault.
//!
//! An image that exercises contains no model. It takes its command line, blob and samples from the host that emulates or debugs it, runs
//! `dunlin_harness::exercise`, and ends with one of the codes in [`exit`].
#![no_std]

pub mod exit;
mod fault;
mod file;
mod host;
mod memory;
mod stack;

pub use dunlin_harness::{Options, files};
pub use fault::{Fault, Handler, on_fault};
pub use file::read_file;
pub use memory::free_memory;
pub use stack::{paint as paint_stack, used as stack_used};

// The logger that `defmt` looks for by its symbols.
use defmt_semihosting as _;
use host::Host;

/// Reads the options that the host passed on the command line; ends the program if there is one that it does not know.
pub fn options() -> Options {
    let mut options = Options::default();
    for_each_word(|word| options.apply(word).is_ok());
    options
}

/// Calls `apply` with each word of the command line, but for the name of the program; ends the program if one is not understood.
pub fn for_each_word(mut apply: impl FnMut(&str) -> bool) {
    /// Longest command line in bytes.
    const LONGEST: usize = 256;
    let Ok(words) = semihosting::experimental::env::args::<LONGEST>() else {
        defmt::error!("the command line cannot be read");
        exit::with(exit::USAGE)
    };
    for word in (&words).skip(1) {
        if !word.is_ok_and(&mut apply) {
            defmt::error!("{=str} is not an option of this image", word.unwrap_or("(not UTF-8)"));
            exit::with(exit::USAGE)
        }
    }
}

/// Exercises `blob` in the memory that is free, and ends the program.
///
/// `ticks` is a clock that counts up and wraps.
pub fn exercise(blob: &[u8], options: &Options, ticks: fn() -> u32) -> ! {
    let result = Host::open(ticks).map(|mut host| {
        let memory = free_memory();
        defmt::info!("{=usize} bytes are free for an arena", memory.len());
        dunlin_harness::exercise(blob, memory, options, &mut host)
    });
    match result {
        Ok(Ok(())) => {
            defmt::info!("all samples have run");
            exit::with(exit::DONE)
        }
        Ok(Err(_)) => {
            defmt::error!("the model did not run, the report says why");
            exit::with(exit::FAILED)
        }
        Err(_) => {
            defmt::error!("a file of the host cannot be opened");
            exit::with(exit::USAGE)
        }
    }
}
