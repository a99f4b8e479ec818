//! A device: serves the model of its active slot, reports about it, and takes releases over the air.
//!
//! Its flash is the file `flash.bin`, whose last sector holds the provisioning. The command line says what the sensor replays:
//! `sample=1024` for samples of 1,024 bytes in the file `samples.bin`, `period=100` for one every 100 ms.
#![no_std]
#![no_main]

mod application;
mod network;
mod platform;
mod queues;
mod service;
mod start;
mod supervision;

use cortex_m_rt::entry;
use dunlin_image::{exit, for_each_word, on_fault, paint_stack};
use embassy_executor::{SpawnError, SpawnToken, Spawner};
use embassy_time::Duration;
use mps2_an386::{clock, executor, reset};

/// What the command line says.
#[derive(Clone, Copy)]
struct Options {
    /// Length of a sample in bytes; 0 without a sensor.
    sample_bytes: u32,
    /// Time between two samples.
    period: Duration,
}

#[entry]
fn main() -> ! {
    let mut options = Options { sample_bytes: 0, period: Duration::from_millis(100) };
    for_each_word(|word| {
        let number = |name| word.strip_prefix(name).and_then(|number| number.parse::<u32>().ok());
        if let Some(bytes) = number("sample=") {
            options.sample_bytes = bytes;
        } else if let Some(milliseconds) = number("period=") {
            options.period = Duration::from_millis(milliseconds.max(1).into());
        } else {
            return false;
        }
        true
    });
    clock::start();
    paint_stack();
    on_fault(reset::after_fault);
    executor::run(|spawner| spawn(spawner, service::run(spawner, options)))
}

/// Starts a task; each has room for one.
fn spawn<S>(spawner: Spawner, task: Result<SpawnToken<S>, SpawnError>) {
    match task {
        Ok(task) => spawner.spawn(task),
        Err(_) => exit::with(exit::FAILED),
    }
}
