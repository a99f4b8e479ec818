//! The rules of NOR flash, and writes that are cut when the emulator is killed.

use dunlin_image::exit;
use embassy_time::Instant;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use mps2_an386::flash::{Flash, FlashError, FlashMemory};
use mps2_an386::psram;

use crate::require;

const FILE: &core::ffi::CStr = c"flash.bin";
/// Length of the flash in bytes.
const BYTES: usize = 256 << 10;
const SECTOR: u32 = 4096;

fn with_flash(f: impl FnOnce(&FlashMemory<'_>, &mut Flash<'_>) -> Result<(), FlashError>) -> ! {
    let memory = psram::take().and_then(|psram| psram.get_mut(..BYTES)).unwrap_or_default();
    let result = FlashMemory::open(FILE, memory).and_then(|(memory, file)| {
        let memory = &memory;
        f(memory, &mut Flash::new(memory, file))
    });
    if let Err(error) = result {
        defmt::error!("{}", defmt::Display2Format(&error));
        exit::with(exit::FAILED)
    }
    exit::with(exit::DONE)
}

/// The rules, one after the other. The host compares the file with what is left.
pub fn run() -> ! {
    with_flash(|memory, flash| {
        let mut word = [0; 8];
        require(flash.capacity() == BYTES, "capacity");
        flash.erase(0, 2 * SECTOR)?;
        flash.write(8, &[1, 2, 3, 4, 5, 6, 7, 8])?;
        flash.read(8, &mut word)?;
        require(word == [1, 2, 3, 4, 5, 6, 7, 8], "what was written is read");
        require(flash.write(8, &[0; 8]) == Err(FlashError::NotErased(8)), "no word is written twice");
        require(flash.write(0, &[0; 16]) == Err(FlashError::NotErased(8)), "not even in part");
        require(flash.write(4, &[0; 8]) == Err(FlashError::NotAligned), "writes are aligned");
        require(flash.write(16, &[0; 12]) == Err(FlashError::NotAligned), "writes are whole units");
        require(flash.erase(0, 100) == Err(FlashError::NotAligned), "sectors are erased whole");
        require(flash.erase(SECTOR, 0) == Err(FlashError::OutOfBounds), "the end is behind the start");
        let end = BYTES as u32;
        require(flash.write(end, &[0; 8]) == Err(FlashError::OutOfBounds), "writes end with the flash");
        require(flash.read(end - 4, &mut word) == Err(FlashError::OutOfBounds), "so do reads");
        require(flash.erase(0, end + SECTOR) == Err(FlashError::OutOfBounds), "so does erasing");

        let mapped = memory.map(0, SECTOR as usize)?;
        require(mapped.bytes().get(8..16) == Some(&[1, 2, 3, 4, 5, 6, 7, 8]), "it is read in place");
        let in_use = Err(FlashError::InUse(0, SECTOR));
        require(flash.write(16, &[9; 8]) == in_use, "what is read in place is not written");
        require(flash.erase(0, 2 * SECTOR) == in_use, "nor erased");
        flash.write(SECTOR, &[9; 8])?;
        drop(mapped);
        flash.write(16, &[9; 8])?;
        flash.erase(SECTOR, 2 * SECTOR)?;
        flash.write(SECTOR + 16, &[7; 8])
    })
}

/// Erases and writes all sectors again and again, until the emulator is killed: the whole of round `n` is filled with `n`.
pub fn fill() -> ! {
    with_flash(|_, flash| {
        for round in 1..=100 {
            let started = Instant::now();
            for sector in (0..BYTES as u32).step_by(SECTOR as usize) {
                flash.erase(sector, sector + SECTOR)?;
                flash.write(sector, &[round; SECTOR as usize])?;
            }
            defmt::info!("round {=u8} took {=u64} us", round, started.elapsed().as_micros());
        }
        Ok(())
    })
}
