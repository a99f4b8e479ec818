//! The device at work: its agent and its application take turns with what comes from the broker.

use dunlin_agent::Next;
use dunlin_image::exit;
use embassy_executor::Spawner;
use embassy_futures::select::{Either, select};
use embassy_futures::yield_now;
use embassy_time::{Duration, Instant, Timer};
use mps2_an386::emulated_sensor::EmulatedSensor;
use mps2_an386::network;
use mps2_an386::sensor::Sensor;

use crate::application::Application;
use crate::platform::Board;
use crate::queues::{self, Happening};
use crate::start::{self, NotStarted};
use crate::supervision::{self, Progress};
use crate::{Options, network as broker, spawn};

/// The application looks for a sample at least so often, so that the watchdog sees that it does.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The task of the device.
#[embassy_executor::task]
pub async fn run(spawner: Spawner, options: Options) {
    // From here on a start that hangs is a reset.
    spawn(spawner, supervision::run());
    let Err(error) = serve(spawner, options).await;
    defmt::error!("{}", defmt::Display2Format(&error));
    exit::with(exit::FAILED)
}

async fn serve(spawner: Spawner, options: Options) -> Result<core::convert::Infallible, NotStarted> {
    let ground = start::open()?;
    let provisioning = ground.provisioning;
    let (ours, network_ends) = queues::take();
    let (mut incoming, board) = (ours.incoming, Board::new(ours.wish, ours.outgoing));
    let sample_bytes = options.sample_bytes as usize;
    let (device, sample) = start::device(ground, board, sample_bytes).await?;

    // A model is served without a network, too. Its port numbers begin elsewhere after each start.
    let seed = start::seed(&provisioning.nonce, device.store().state().boots());
    match network::start(spawner, Some(broker::hardware_address(&provisioning.nonce)), seed) {
        Ok(stack) => spawn(spawner, broker::run(stack, provisioning, network_ends)),
        Err(error) => defmt::error!("{}", defmt::Display2Format(&error)),
    }
    let mut application = sensor(options).map(|sensor| Application::new(sensor, sample));
    let pause = (options.period / 4).max(Duration::from_millis(1)).min(LONGEST_PAUSE);
    loop {
        let next = device.poll(uptime()).await;
        supervision::note(Progress::Agent);
        if let Some(application) = &mut application {
            application.turn(device, uptime());
        }
        supervision::note(Progress::Application);
        let rest = async {
            match next {
                Next::Now => yield_now().await,
                Next::At(time) => {
                    let latest = Instant::now() + pause;
                    Timer::at(Instant::from_millis(time).min(latest)).await;
                }
            }
        };
        let Either::First(item) = select(incoming.receive(), rest).await else { continue };
        if item.connection == device.platform().connection() {
            let now = uptime();
            match item.happening {
                Happening::Connected => device.connected(now),
                Happening::Disconnected => device.disconnected(now),
                Happening::Received => {
                    device.received(item.kind, &item.payload, now).await;
                }
            }
        }
        incoming.receive_done();
    }
}

/// The sensor, if there is one.
fn sensor(options: Options) -> Option<Sensor<EmulatedSensor>> {
    if options.sample_bytes == 0 {
        return None;
    }
    let bus = match EmulatedSensor::open(c"samples.bin", options.sample_bytes, options.period) {
        Ok(bus) => bus,
        Err(error) => {
            defmt::error!("{}", defmt::Display2Format(&error));
            return None;
        }
    };
    match Sensor::new(bus) {
        Ok(sensor) => Some(sensor),
        Err(error) => {
            defmt::error!("{}", defmt::Display2Format(&error));
            None
        }
    }
}

fn uptime() -> u64 {
    Instant::now().as_millis()
}
