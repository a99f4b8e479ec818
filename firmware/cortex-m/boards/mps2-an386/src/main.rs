//! The image that exercises blobs.
//!
//! The blob goes from the host into the PSRAM, which the memory protection unit then makes read-only.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use dunlin_image::{exercise, exit, files, options, read_file};
use mps2_an386::{protection, psram, timer};

#[entry]
fn main() -> ! {
    let options = options();
    let (Some(core), Some(psram)) = (cortex_m::Peripherals::take(), psram::take()) else {
        exit::with(exit::USAGE)
    };
    timer::start();
    let Ok(blob) = read_file(files::BLOB, psram) else {
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
