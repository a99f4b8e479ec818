//! The image for Arm's MPS2 board with the image AN386 (Cortex-M4F).
//!
//! The blob goes from the host into the PSRAM, which the memory protection unit then makes read-only.
#![no_std]
#![no_main]

mod protection;
mod psram;
mod timer;

use cortex_m_rt::entry;
use dunlin_image::{exercise, exit, files, options, read_file};

#[entry]
fn main() -> ! {
    let options = options();
    let Some(core) = cortex_m::Peripherals::take() else { exit::with(exit::USAGE) };
    timer::start();
    let Ok(blob) = read_file(files::BLOB, psram::take()) else {
        defmt::error!("the blob cannot be read, or is longer than the PSRAM");
        exit::with(exit::USAGE)
    };
    protection::make_read_only(core.MPU, core.SCB);
    defmt::info!("blob of {=usize} bytes at {=usize:#x}, read-only", blob.len(), blob.as_ptr().addr());
    if options.write_blob {
        blob.fill(0);
    }
    exercise(blob, &options, timer::ticks)
}
