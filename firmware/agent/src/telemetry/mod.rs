//! What is counted about predictions, window by window.

mod bins;

use dunlin_protocol::message::{CONFIDENCE_BINS, Configuration, LatencyCounter, RESET_CAUSES, Report};
use dunlin_protocol::{Boot, List, ModelId};

use crate::event::Inference;
use bins::Bins;

/// Counters of the current window, and when it ends.
pub(crate) struct Telemetry {
    /// Length of a window in milliseconds.
    period: u64,
    /// Predictions that are sampled, per mille,
    sampled: u16,
    /// and how far the next one is.
    sample_debt: u16,
    pub(crate) logs: bool,
    /// Windows of this boot.
    number: u32,
    window: Window,
    /// Latency budget in µs, 0: none.
    pub(crate) budget: u32,
    /// Inferences of this boot.
    pub(crate) inferences: u64,
}

struct Window {
    start: u64,
    model: Option<ModelId>,
    inferences: u32,
    errors: u32,
    over_budget: u32,
    latency: LatencyCounter,
    features: Bins,
    outputs: Bins,
    confidence: [u32; CONFIDENCE_BINS],
    is_classifier: bool,
    saturated: u64,
}

/// What a report says beside the counters.
pub(crate) struct Context {
    pub(crate) boot: Boot,
    pub(crate) sequence: u64,
    pub(crate) clock: Option<u64>,
    pub(crate) resets: [u32; RESET_CAUSES],
    pub(crate) stack_bytes: u32,
    pub(crate) arena_bytes: u32,
    pub(crate) dropped: u64,
}

impl Telemetry {
    pub(crate) fn new(period: u32, now: u64) -> Telemetry {
        Telemetry {
            period: u64::from(period) * 1000,
            sampled: 0,
            sample_debt: 0,
            logs: false,
            number: 0,
            window: Window::new(None, now, 0),
            budget: 0,
            inferences: 0,
        }
    }

    pub(crate) fn configure(&mut self, configuration: &Configuration) {
        self.period = u64::from(configuration.telemetry_period) * 1000;
        self.sampled = configuration.predictions;
        self.logs = configuration.logs;
    }

    /// Counts an inference of this model. Whether it is one of those that are sampled.
    pub(crate) fn count(&mut self, model: ModelId, inference: &Inference<'_>) -> bool {
        self.inferences = self.inferences.saturating_add(1);
        let window = &mut self.window;
        window.model = Some(model);
        window.saturated = window.saturated.saturating_add(inference.saturated.into());
        let Some((input, output)) = inference.values else {
            window.errors = window.errors.saturating_add(1);
            return false;
        };
        window.inferences = window.inferences.saturating_add(1);
        window.latency.count(inference.latency);
        if self.budget != 0 && inference.latency > self.budget {
            window.over_budget = window.over_budget.saturating_add(1);
        }
        window.features.count(inference.reference, input);
        window.outputs.count(inference.reference, output);
        if inference.is_classifier
            && let Some((_, largest)) = output.largest()
        {
            window.is_classifier = true;
            let bin = (largest * CONFIDENCE_BINS as f32) as usize;
            if let Some(count) = window.confidence.get_mut(bin.min(CONFIDENCE_BINS - 1)) {
                *count = count.saturating_add(1);
            }
        }
        self.sample_debt = self.sample_debt.saturating_add(self.sampled);
        let is_sampled = self.sample_debt >= 1000;
        if is_sampled {
            self.sample_debt = self.sample_debt.saturating_sub(1000);
        }
        is_sampled
    }

    /// Whether the window is over, by time or because another model serves.
    pub(crate) fn is_due(&self, model: Option<ModelId>, now: u64) -> bool {
        now >= self.deadline() || self.window.model.is_some_and(|counted| Some(counted) != model)
    }

    /// When the window ends.
    pub(crate) fn deadline(&self) -> u64 {
        self.window.start.saturating_add(self.period)
    }

    /// The report of the window. It goes on until [`next_window`](Self::next_window).
    pub(crate) fn report(&self, model: Option<ModelId>, context: &Context, now: u64) -> Report {
        let window = &self.window;
        let confidence: &[u32] = if window.is_classifier { &window.confidence } else { &[] };
        Report {
            boot: context.boot,
            sequence: context.sequence,
            start: window.start,
            end: now,
            clock: context.clock,
            model: window.model.or(model).unwrap_or_default(),
            inferences: window.inferences,
            errors: window.errors,
            over_budget: window.over_budget,
            latency: window.latency.summary(),
            features: window.features.distributions(),
            outputs: window.outputs.distributions(),
            confidence: List::from_first(confidence.iter().copied()),
            saturated: window.saturated,
            resets: context.resets,
            stack_bytes: context.stack_bytes,
            arena_bytes: context.arena_bytes,
            dropped: context.dropped,
        }
    }

    /// Begins to count anew.
    pub(crate) fn next_window(&mut self, model: Option<ModelId>, now: u64) {
        self.number = self.number.wrapping_add(1);
        self.window = Window::new(model, now, self.number);
    }
}

impl Window {
    fn new(model: Option<ModelId>, now: u64, number: u32) -> Window {
        Window {
            start: now,
            model,
            inferences: 0,
            errors: 0,
            over_budget: 0,
            latency: LatencyCounter::new(),
            features: Bins::new(bins::Side::Features, number),
            outputs: Bins::new(bins::Side::Outputs, number),
            confidence: [0; CONFIDENCE_BINS],
            is_classifier: false,
            saturated: 0,
        }
    }
}
