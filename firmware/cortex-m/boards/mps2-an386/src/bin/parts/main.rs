//! Shows each part of the board by itself; the word on the command line says which.
#![no_std]
#![no_main]

mod flash;
mod sensor;
mod time;
mod watchdog;

use cortex_m_rt::entry;
use dunlin_image::{exit, for_each_word};
use mps2_an386::clock;

/// Ends the program with an error if `held` is false.
fn require(held: bool, what: &str) {
    if !held {
        defmt::error!("{=str}", what);
        exit::with(exit::FAILED)
    }
}

#[entry]
fn main() -> ! {
    let mut part: Option<fn() -> !> = None;
    for_each_word(|word| {
        part = match word {
            "time" => Some(time::run),
            "flash" => Some(flash::run),
            "fill" => Some(flash::fill),
            "watchdog" => Some(watchdog::run),
            "sensor" => Some(sensor::run),
            _ => None,
        };
        part.is_some()
    });
    clock::start();
    match part {
        Some(run) => run(),
        None => exit::with(exit::USAGE),
    }
}
