//! The memory protection unit (Armv7-M architecture reference manual, B3.5).

use cortex_m::peripheral::{MPU, SCB, scb::Exception};
use cortex_m_rt::exception;
use dunlin_image::exit;

use crate::psram;

/// ENABLE and PRIVDEFENA: what no region covers stays as it is without the unit.
const CONTROL: u32 = 0b101;
/// XN, AP = 0b110: nobody writes, nobody executes; normal memory (TEX, S, C, B), enabled, of 2^(SIZE + 1) bytes.
const READ_ONLY: u32 = 1 << 28 | 0b110 << 24 | 0b000_010 << 16 | (psram::LEN.ilog2() - 1) << 1 | 1;

/// Makes the PSRAM read-only from here on.
pub fn make_read_only(mpu: MPU, mut scb: SCB) {
    scb.enable(Exception::MemoryManagement);
    // SAFETY: the region only takes rights away, from memory that is not written to any more.
    unsafe {
        mpu.rnr.write(0);
        mpu.rbar.write(psram::START as u32);
        mpu.rasr.write(READ_ONLY);
        mpu.ctrl.write(CONTROL);
    }
    cortex_m::asm::dsb();
    cortex_m::asm::isb();
}

#[exception]
fn MemoryManagement() -> ! {
    /// MMFAR, the address that the processor was refused (Armv7-M architecture reference manual, B3.2.15).
    const FAULT_ADDRESS: *const u32 = 0xE000_ED34 as *const u32;
    // SAFETY: the register can be read at any time.
    let address = unsafe { FAULT_ADDRESS.read_volatile() };
    defmt::error!("memory protection refused an access to {=u32:#010x}", address);
    exit::with(exit::MEMORY_FAULT)
}
