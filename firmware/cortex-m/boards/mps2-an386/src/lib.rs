//! Arm's MPS2 board with the image AN386 (Cortex-M4F), as QEMU emulates it.
//!
//! With the feature `device` it has what a device in the field has: an executor and a clock for embassy, Ethernet, flash that
//! outlives the emulator, a watchdog, the cause of the last reset, a sensor.
#![no_std]

#[cfg(feature = "device")]
pub mod clock;
#[cfg(feature = "device")]
pub mod emulated_sensor;
#[cfg(feature = "device")]
pub mod ethernet;
#[cfg(feature = "device")]
pub mod executor;
#[cfg(feature = "device")]
pub mod flash;
#[cfg(feature = "device")]
mod interrupts;
#[cfg(feature = "device")]
pub mod network;
pub mod protection;
pub mod psram;
#[cfg(feature = "device")]
pub mod reset;
#[cfg(feature = "device")]
pub mod sensor;
pub mod timer;
#[cfg(feature = "device")]
pub mod watchdog;
