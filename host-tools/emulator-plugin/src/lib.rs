//! A plugin of QEMU (plugin interface version 1, QEMU 7.2 and up) that counts what a program executes between two functions.
//!
//! `-plugin libdunlin_emulator_plugin.so,begin=ADDRESS,end=ADDRESS,out=FILE` takes two addresses in hexadecimal digits. A span
//! reaches from the instruction at `begin` up to the instruction at `end`, which is not part of it; when the emulator ends, `FILE` holds
//! a line for each span, in the order in which they ended:
//!
//! ```text
//! instructions=7 cycles=12 loads=2 stores=0 multiple=1 divisions=0 taken=1
//! ```
//!
//! Instructions are counted on every processor. Cycles are modelled for 32-bit Arm alone, by the rules of [`cortex_m4`], and are 0
//! elsewhere: they compare programs on one scale and predict no silicon, which has flash with wait states.

pub mod cortex_m4;
pub mod count;
// Its functions are those of the emulator that loads the plugin; a test has none.
#[cfg(not(test))]
mod qemu;
