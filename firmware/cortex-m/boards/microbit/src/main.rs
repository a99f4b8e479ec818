//! The image for the BBC micro:bit (nRF51822, Cortex-M0, which traps misaligned accesses).
//!
//! The blob is used in place, in the upper half of the flash, where the host has put it.
#![no_std]
#![no_main]

mod flash;
mod timer;

use cortex_m_rt::entry;
use dunlin_image::{exercise, exit, options};

#[entry]
fn main() -> ! {
    let options = options();
    if options.write_blob {
        defmt::error!("this board has no memory protection; its flash is read-only by nature");
        exit::with(exit::USAGE)
    }
    timer::start();
    exercise(flash::blob(), &options, timer::ticks)
}
