//! Talks to an MQTT broker on the host: answers, downloads by windows of blocks, and comes back when the broker was away.
//!
//! The command line says where the broker is: `broker=10.0.2.2:1883`.
#![no_std]
#![no_main]

mod client;
mod download;

use core::net::SocketAddrV4;
use core::time::Duration;

use cortex_m_rt::entry;
use dunlin_image::{exit, for_each_word, paint_stack, stack_used};
use embassy_executor::Spawner;
use embassy_time::Timer;
use mps2_an386::watchdog::Watchdog;
use mps2_an386::{clock, executor, network};
use semihosting::experimental::time::SystemTime;

/// Twice this time without a turn of the executor resets the board.
const WATCHDOG: Duration = Duration::from_secs(4);

#[entry]
fn main() -> ! {
    let mut broker: Option<SocketAddrV4> = None;
    for_each_word(|word| {
        broker = word.strip_prefix("broker=").and_then(|address| address.parse().ok());
        broker.is_some()
    });
    let Some(broker) = broker else {
        defmt::error!("say where the broker is: broker=10.0.2.2:1883");
        exit::with(exit::USAGE)
    };
    clock::start();
    paint_stack();
    executor::run(|spawner| {
        // There is no source of random numbers: the time of the host is another one at each start.
        let seed = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |time| u64::from(time.subsec_nanos()) ^ time.as_secs());
        let stack = match network::start(spawner, None, seed) {
            Ok(stack) => stack,
            Err(error) => {
                defmt::error!("{}", defmt::Display2Format(&error));
                exit::with(exit::FAILED)
            }
        };
        spawn(spawner, client::run(stack, broker));
        spawn(spawner, feed());
    })
}

fn spawn<S>(spawner: Spawner, task: Result<embassy_executor::SpawnToken<S>, embassy_executor::SpawnError>) {
    match task {
        Ok(task) => spawner.spawn(task),
        Err(_) => exit::with(exit::FAILED),
    }
}

#[embassy_executor::task]
async fn feed() {
    let Some(mut watchdog) = Watchdog::start(WATCHDOG) else { return };
    loop {
        watchdog.feed();
        Timer::after_secs(1).await;
    }
}

/// Ends the program and says what it took.
fn end() -> ! {
    defmt::info!("the stack grew by {=u32} bytes", stack_used());
    exit::with(exit::DONE)
}
