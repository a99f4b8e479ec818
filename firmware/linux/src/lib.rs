//! The daemon for Linux devices.
//!
//! One thread carries everything: samples, the network and the device take turns, and no turn is long. What outlives the daemon lies in one
//! directory; when its disk is full or may only be read, models are served as before, and updates wait.

mod features;
mod input;
mod log;
mod network;
mod output;
mod platform;
mod reset_cause;
mod service;
mod settings;
mod systemd;

use std::path::Path;
use std::time::Instant;

use dunlin_agent::{Boot, Device, Memory, Profile, StartError};
use dunlin_protocol::message::BlockSize;
use dunlin_protocol::{List, Text, device_subscription};
use dunlin_provision::{Provision, ProvisionError};
use dunlin_store::{FileFlash, FileFlashError, SlotImage};
use thiserror::Error;
use tracing::{info, warn};

use network::{Identity, Network};
use platform::Linux;
use reset_cause::{End, LastRun, machine_boot};
use service::Service;
use settings::Settings;
use systemd::Systemd;

pub use service::Ending;
pub use settings::SettingsError;

/// Longest packet that the device takes: a block of 4 KiB, and room for messages of later versions.
const LARGEST_PACKET: u32 = 16 * 1024;

/// Blocks that are asked for at once.
const WINDOW: u8 = 32;

/// Why the daemon does not start.
#[derive(Debug, Error)]
pub enum RunError {
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The provisioning.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The state directory.
    #[error("the state in {directory}: {cause}")]
    State {
        /// The directory.
        directory: String,
        /// Why.
        cause: FileFlashError,
    },
    /// What the state directory holds.
    #[error("the state in {directory} cannot be used: {cause}")]
    Start {
        /// The directory.
        directory: String,
        /// Why.
        cause: String,
    },
    /// Pipe or socket.
    #[error("cannot open {what}: {cause}")]
    Open {
        /// Input or output.
        what: &'static str,
        /// Why.
        cause: std::io::Error,
    },
    /// The system.
    #[error("{what}: {cause}")]
    System {
        /// What was wanted of it.
        what: &'static str,
        /// Why.
        cause: std::io::Error,
    },
    /// How systemd says a run ended.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
}

/// Reads the settings and what they name.
///
/// # Errors
/// What is wrong with them.
pub fn check(config: &Path) -> Result<(), RunError> {
    let (_, provision) = Settings::read(config)?;
    println!("{} of fleet {}, broker {}", provision.device, provision.fleet, provision.broker.url);
    Ok(())
}

/// Notes how systemd saw the last run end: whether it was the watchdog.
///
/// # Errors
/// If the settings cannot be read.
pub fn ended(config: &Path, result: &str) -> Result<(), RunError> {
    let (settings, _) = Settings::read(config)?;
    if result == "watchdog" {
        LastRun::new(&settings.state).end(End::Watchdog);
    }
    Ok(())
}

/// Runs the daemon until it is asked to end.
///
/// # Errors
/// If it cannot start.
pub fn run(config: &Path) -> Result<Ending, RunError> {
    let (settings, provision) = Settings::read(config)?;
    let lines = log::begin(settings.level());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| RunError::System { what: "cannot wait for events", cause })?;
    let last_run = LastRun::new(&settings.state);
    let ending = runtime.block_on(serve(&settings, &provision, lines, &last_run))?;
    last_run.end(End::Stopped);
    if ending == Ending::Reboot {
        reboot(&settings.reboot);
    }
    Ok(ending)
}

async fn serve(
    settings: &Settings,
    provision: &Provision,
    lines: log::RecentLines,
    last_run: &LastRun,
) -> Result<Ending, RunError> {
    let started = Instant::now();
    let directory = settings.state.display().to_string();
    let (flash, layout) = FileFlash::open(&settings.state, settings.sizes())
        .map_err(|cause| RunError::State { directory: directory.clone(), cause })?;
    if !flash.is_writable() {
        warn!("the state in {directory} may only be read: serving what is there, without updates");
    }
    let boot = machine_boot();
    let cause = last_run.cause(&boot);
    last_run.begin(&boot);
    note_panics(last_run.clone());

    let subscription = device_subscription(&provision.fleet, &provision.device).as_str().to_owned();
    let (network, happenings) = Network::new(Identity {
        broker: provision.broker.clone(),
        client_id: provision.client_id(),
        subscription,
        largest_packet: LARGEST_PACKET,
    });
    let platform = Linux::new(network, settings.slot_bytes);
    // Memory that is aligned as the runtime wants it; the system provides what is touched.
    let mut arena = SlotImage::zeroed(settings.arena_bytes as usize);
    let mut buffer = vec![0; Memory::BUFFER_BYTES];
    let memory = Memory { arena: arena.bytes_mut(), buffer: &mut buffer };
    let profile = profile(settings, provision)?;
    info!("{} of fleet {}, started after: {cause}", provision.device, provision.fleet);
    let device = Device::start(profile, flash, layout, platform, memory, Boot { cause, seed: seed()? }, 0)
        .await
        .map_err(|error| start_error(directory, &error))?;

    let service = Service {
        device,
        happenings,
        samples: input::begin(&settings.input)
            .map_err(|cause| RunError::Open { what: "the input", cause })?,
        predictions: output::Predictions::open(&settings.output)
            .map_err(|cause| RunError::Open { what: "the output", cause })?,
        lines,
        started,
    };
    let mut systemd = Systemd::new();
    service
        .run(&mut systemd)
        .await
        .map_err(|cause| RunError::System { what: "cannot listen to signals", cause })
}

fn profile(settings: &Settings, provision: &Provision) -> Result<Profile, RunError> {
    let board = settings.board.clone().unwrap_or_else(machine_name);
    Ok(Profile {
        groups: List::from_first(provision.groups.iter().cloned()),
        board: Text::cut(&board),
        firmware: Text::cut(concat!("dunlind ", env!("CARGO_PKG_VERSION"))),
        largest_block: BlockSize::KiB4,
        window: WINDOW,
        largest_packet: LARGEST_PACKET,
        telemetry_period: settings.telemetry_period,
        ..Profile::new(provision.fleet.clone(), provision.device.clone(), provision.nonce, provision.keys()?)
    })
}

/// What the device tree says about a small computer, or else the processor.
fn machine_name() -> String {
    match std::fs::read_to_string("/proc/device-tree/model") {
        Ok(name) => name.trim_end_matches('\0').to_owned(),
        Err(_) => format!("linux-{}", std::env::consts::ARCH),
    }
}

fn seed() -> Result<u64, RunError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(RunError::Random)?;
    Ok(u64::from_le_bytes(bytes))
}

fn start_error(directory: String, error: &StartError<FileFlashError>) -> RunError {
    RunError::Start { directory, cause: error.to_string() }
}

/// The next start knows that this run panicked.
fn note_panics(last_run: LastRun) {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        last_run.end(End::Panicked);
    }));
}

fn reboot(command: &[String]) {
    let Some((program, arguments)) = command.split_first() else { return };
    if let Err(error) = std::process::Command::new(program).args(arguments).status() {
        warn!("cannot run {program}: {error}");
    }
}
