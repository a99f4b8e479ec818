//! The daemon at work: samples in, predictions out, and the device between them and the fleet.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dunlin_agent::{Device, Next, PredictError, Values};
use dunlin_protocol::message::Lines;
use dunlin_protocol::{ModelId, Topic};
use dunlin_store::FileFlash;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{interval, sleep};
use tracing::{debug, info, warn};

use crate::features::Arranger;
use crate::input::Sample;
use crate::log::RecentLines;
use crate::network::Happening;
use crate::output::{Predictions, Refused, line};
use crate::platform::Linux;
use crate::systemd::Systemd;

/// The wall clock is taken for unknown before this: 2024-01-01. A machine without a battery boots in 1970.
const EARLIEST_CLOCK: Duration = Duration::from_secs(1_704_067_200);

/// A difference to the clock that the device was told from which on it is told again.
const CLOCK_TOLERANCE: u64 = 2_000;

/// How often clock, log and status are looked after, if systemd wants no shorter period.
const UPKEEP: Duration = Duration::from_secs(2);

/// Why the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Somebody asked for it.
    Stopped,
    /// The fleet ordered a reboot.
    Reboot,
}

/// Everything that the daemon has while it runs.
pub struct Service<'m> {
    /// The device.
    pub device: Device<'m, FileFlash, Linux>,
    /// What happens on the network.
    pub happenings: mpsc::Receiver<Happening>,
    /// Samples.
    pub samples: mpsc::Receiver<Sample>,
    /// Where predictions go.
    pub predictions: Predictions,
    /// What was logged.
    pub lines: RecentLines,
    /// The beginning of uptime.
    pub started: Instant,
}

/// What serving needs beside the service.
struct Serving {
    arranger: Arranger,
    model: Option<ModelId>,
    values: Vec<f32>,
    outputs: Vec<f32>,
    /// A sample that waits for a model.
    waiting: Option<Sample>,
    is_connected: bool,
    predicted: u64,
}

impl Service<'_> {
    /// Works until it is asked to end.
    ///
    /// # Errors
    /// If the system gives no signals.
    pub async fn run(mut self, systemd: &mut Systemd) -> std::io::Result<Ending> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut upkeep = interval(Systemd::watchdog_period().map_or(UPKEEP, |period| period.min(UPKEEP)));
        let mut clock = Clock::default();
        let mut serving = Serving {
            arranger: Arranger::default(),
            model: None,
            values: Vec::new(),
            outputs: Vec::new(),
            waiting: None,
            is_connected: false,
            predicted: 0,
        };
        let mut has_samples = true;
        systemd.ready();
        let ending = loop {
            let next = self.device.poll(self.uptime()).await;
            if self.device.platform().reboot {
                break Ending::Reboot;
            }
            self.serve_waiting(&mut serving);
            let pause = match next {
                Next::Now => None,
                Next::At(time) => Some(Duration::from_millis(time.saturating_sub(self.uptime()))),
            };
            // Without an order among them, so that neither samples nor long work keep anything else waiting.
            tokio::select! {
                _ = terminate.recv() => break Ending::Stopped,
                _ = interrupt.recv() => break Ending::Stopped,
                Some(happening) = self.happenings.recv() => self.happened(happening, &mut serving).await,
                sample = self.samples.recv(), if has_samples && serving.waiting.is_none() => match sample {
                    Some(sample) => serving.waiting = Some(sample),
                    None => {
                        info!("there are no more samples");
                        has_samples = false;
                    }
                },
                _ = upkeep.tick() => {
                    systemd.alive();
                    systemd.status(serving.status());
                    let now = self.uptime();
                    clock.tell(&mut self.device, now);
                    if let Some(text) = self.lines.take() {
                        self.device.log(Lines::Text(&text)).await;
                    }
                }
                () = rest(pause) => {}
            }
        };
        systemd.stopping();
        info!(
            "stopping: {}",
            if ending == Ending::Reboot { "the fleet ordered a reboot" } else { "asked to" }
        );
        self.device.platform().network.close().await;
        Ok(ending)
    }

    fn uptime(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn happened(&mut self, happening: Happening, serving: &mut Serving) {
        let now = self.uptime();
        let current = self.device.platform().network.current();
        match happening {
            Happening::Connected(number) if number == current => {
                serving.is_connected = true;
                self.device.connected(now);
            }
            Happening::Disconnected(number) if number == current => {
                serving.is_connected = false;
                self.device.disconnected(now);
            }
            Happening::Received(number, message) if number == current => match Topic::parse(&message.topic) {
                Ok(topic) => {
                    self.device.received(topic.kind, &message.payload, now).await;
                }
                Err(error) => debug!("{}: {error}", message.topic),
            },
            _ => debug!("something happened on a connection that is past"),
        }
    }

    /// Predicts the sample that waits, as soon as a model serves.
    fn serve_waiting(&mut self, serving: &mut Serving) {
        let Some(sample) = serving.waiting.take() else { return };
        let now = self.uptime();
        let Some(model) = self.device.agent().model() else {
            match &sample.reply {
                Some(_) => {
                    let text = line(
                        &sample,
                        serving.arranger.features(),
                        &Err(Refused::Model(PredictError::NoModel)),
                    );
                    self.predictions.write(&sample, &text);
                }
                None => serving.waiting = Some(sample),
            }
            return;
        };
        if serving.model != Some(model) {
            info!("serving model {model}");
            serving.model = Some(model);
            serving.arranger.set_features(self.device.platform().features(model).unwrap_or_default());
        }
        let outputs = serving.arranger.features().outputs;
        serving.outputs.resize(outputs, 0.0);
        let result = match serving.arranger.arrange(&sample, &mut serving.values) {
            Ok(()) => self
                .device
                .predict(Values::Real(&serving.values), &mut serving.outputs, now)
                .map(|predicted| (predicted, serving.outputs.get(..predicted.outputs).unwrap_or_default()))
                .map_err(Refused::Model),
            Err(error) => Err(Refused::Sample(error)),
        };
        if result.is_ok() {
            serving.predicted += 1;
        } else if let Err(error) = &result {
            debug!("{}: {error}", sample.origin);
        }
        let text = line(&sample, serving.arranger.features(), &result);
        self.predictions.write(&sample, &text);
    }
}

impl Serving {
    fn status(&self) -> String {
        let model = self.model.map_or("no model".to_owned(), |model| format!("model {model}"));
        let broker = if self.is_connected { "connected" } else { "not connected" };
        format!("{model}, {} predictions, {broker}", self.predicted)
    }
}

/// Waits, or lets the network have its turn if there is more work at once.
async fn rest(pause: Option<Duration>) {
    match pause {
        Some(pause) => sleep(pause).await,
        None => yield_now().await,
    }
}

/// Tells the device the wall clock when it is known, and when it was set.
#[derive(Debug, Default)]
struct Clock {
    /// Difference between clock and uptime that was told last, in ms.
    told: Option<u64>,
}

impl Clock {
    fn tell(&mut self, device: &mut Device<'_, FileFlash, Linux>, now: u64) {
        let Ok(time) = SystemTime::now().duration_since(UNIX_EPOCH) else { return };
        if time < EARLIEST_CLOCK {
            return;
        }
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let difference = time.saturating_sub(now);
        if self.told.is_some_and(|told| told.abs_diff(difference) < CLOCK_TOLERANCE) {
            return;
        }
        if self.told.is_some() {
            warn!("the clock was set");
        }
        self.told = Some(difference);
        device.set_clock(time, now);
    }
}
