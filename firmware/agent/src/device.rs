//! A device: the agent, and everything of its actions that is the same on all platforms.

use core::fmt;
use core::marker::PhantomData;

use dunlin_protocol::{Kind, ModelId};
use dunlin_store::Layout;
use embedded_storage_async::nor_flash::NorFlash;

use crate::{Agent, Boot, Platform, Profile, Values};

/// Memory that a device works in.
pub struct Memory<'m> {
    /// Where models run, from a multiple of 16 on: [`dunlin_runtime::Aligned`]. Its length is what releases are measured against.
    pub arena: &'m mut [u8],
    /// For messages: [`Memory::BUFFER_BYTES`].
    pub buffer: &'m mut [u8],
}

impl Memory<'_> {
    /// Length of the buffer: the longest report.
    pub const BUFFER_BYTES: usize = 3584;
}

/// A device over a flash `F`.
pub struct Device<'m, F, P> {
    agent: Agent,
    platform: P,
    memory: Memory<'m>,
    flash: PhantomData<F>,
}

/// When [`Device::poll`] wants to be called again, at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At once: there is more work. Let the watchdog and other tasks have their turn in between.
    Now,
    /// At this uptime in milliseconds, or after the next event.
    At(u64),
}

/// What a prediction gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predicted {
    /// The model that served.
    pub model: ModelId,
    /// How many outputs were written.
    pub outputs: usize,
    /// Index and value of the largest output.
    pub largest: Option<(usize, f32)>,
    /// From sample to result, in µs.
    pub latency: u32,
}

/// Why there is no prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PredictError {
    /// No model serves: none is installed, or it is still being checked after the start.
    NoModel,
    /// The sample has another number of elements than the input.
    Length {
        /// Elements of the sample.
        found: usize,
        /// Elements of the model's first input.
        expected: usize,
    },
    /// The sample is quantized in another way than the input.
    Quantization,
    /// The runtime refused.
    Runtime(dunlin_runtime::Error),
}

/// Why a device did not start. Its flash may be erased, or be given to a newer firmware.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StartError<E> {
    /// The store could not be opened.
    Store(dunlin_store::Error<E>),
    /// The buffer is shorter than [`Memory::BUFFER_BYTES`].
    Buffer(usize),
}

impl<'m, F: NorFlash, P: Platform<F>> Device<'m, F, P> {
    /// Opens the store, counts the boot and makes an agent. The model is checked slice by slice in [`poll`](Self::poll), and serves then.
    ///
    /// A flash that takes no writes stops nothing but updates: the device serves what it has.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        profile: Profile,
        flash: F,
        layout: Layout,
        platform: P,
        memory: Memory<'m>,
        boot: Boot,
        now: u64,
    ) -> Result<Self, StartError<F::Error>> {
        todo_start(profile, flash, layout, platform, memory, boot, now)
    }

    /// Does what is to be done, at most one slice of long work. See [`Next`].
    pub async fn poll(&mut self, now: u64) -> Next {
        let _ = now;
        Next::Now
    }

    /// The broker accepted the connection.
    pub fn connected(&mut self, now: u64) {
        let _ = now;
    }

    /// The connection is gone, or could not be made.
    pub fn disconnected(&mut self, now: u64) {
        let _ = now;
    }

    /// A message came; the platform has parsed its [`Topic`](dunlin_protocol::Topic) and found it to be for this device. Blocks and
    /// orders are in the flash when the call returns, so that the payload's buffer is free again.
    pub async fn received(&mut self, kind: Kind, payload: &[u8], now: u64) {
        let _ = (kind, payload, now);
    }

    /// Runs the model that serves on a sample of its first input, and counts what comes out. `outputs` gets the first output in real
    /// units, as far as it fits.
    ///
    /// # Errors
    /// [`PredictError`]. A failure of the runtime counts against a model on trial.
    pub fn predict(
        &mut self,
        sample: Values<'_>,
        outputs: &mut [f32],
        now: u64,
    ) -> Result<Predicted, PredictError> {
        let _ = (sample, outputs, now);
        Err(PredictError::NoModel)
    }

    /// Sets the wall clock: milliseconds since 1970-01-01 UTC. No decision depends on it.
    pub fn set_clock(&mut self, clock: u64, now: u64) {
        let _ = (clock, now);
    }

    /// Sends log lines, if the configuration wants them; those that cannot be sent are counted.
    pub async fn log(&mut self, lines: dunlin_protocol::message::Lines<'_>, now: u64) {
        let _ = (lines, now);
    }

    /// The agent, to be looked at.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// The platform.
    pub fn platform(&mut self) -> &mut P {
        &mut self.platform
    }
}

impl fmt::Display for PredictError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PredictError::NoModel => write!(f, "no model serves yet"),
            PredictError::Length { found, expected } => {
                write!(f, "the sample has {found} elements, the model takes {expected}")
            }
            PredictError::Quantization => {
                write!(f, "the sample is quantized in another way than the model's input")
            }
            PredictError::Runtime(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for PredictError {}

impl<E: fmt::Debug> fmt::Display for StartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Store(error) => error.fmt(f),
            StartError::Buffer(found) => {
                write!(f, "the message buffer has {found} bytes: give it {}", Memory::BUFFER_BYTES)
            }
        }
    }
}

impl<E: fmt::Debug> core::error::Error for StartError<E> {}

fn todo_start<'m, F: NorFlash, P: Platform<F>>(
    profile: Profile,
    _flash: F,
    _layout: Layout,
    platform: P,
    memory: Memory<'m>,
    _boot: Boot,
    _now: u64,
) -> Result<Device<'m, F, P>, StartError<F::Error>> {
    Ok(Device { agent: Agent::skeleton(profile), platform, memory, flash: PhantomData })
}
