//! Messages as a line of words.

use dunlin_protocol::message::{
    AnyMessage, Birth, BlockData, Latency, Lines, Order, Outcome, Part, Report, SlotState, latency_bin_start,
};

/// What a message says, in one line.
pub fn describe(message: &AnyMessage<'_>) -> String {
    match message {
        AnyMessage::Birth(birth) => describe_birth(birth),
        AnyMessage::Will(will) => format!("connection {} of boot {} has ended", will.connection, will.boot),
        AnyMessage::Update(update) => match &update.subject {
            Some(subject) => {
                format!("release {} (model {}) {}", subject.sequence, subject.digest.model(), update.state)
            }
            None => format!("a release that cannot be read: {}", update.state),
        },
        AnyMessage::Outbox(outbox) => {
            let held = outbox.next.saturating_sub(outbox.oldest);
            let (reports, events) = (outbox.dropped_reports, outbox.dropped_events);
            format!("holds {held} from {} on, dropped {reports} reports and {events} events", outbox.oldest)
        }
        AnyMessage::Report(report) => describe_report(report),
        AnyMessage::Event(event) => format!("{}: {}", event.sequence, event.what),
        AnyMessage::Prediction(prediction) => {
            let class = prediction.class.map_or(String::new(), |class| format!("class {class}, "));
            format!(
                "{} by model {}: {class}{:.3}",
                prediction.number, prediction.model, prediction.confidence
            )
        }
        AnyMessage::Log(log) => match log.lines {
            Lines::Text(text) => text.trim_end().replace('\n', " | "),
            Lines::Defmt(bytes) => format!("{} bytes of defmt frames", bytes.len()),
        },
        AnyMessage::BlockRequest(request) => {
            let blocks: Vec<String> = request.blocks().map(|block| block.to_string()).collect();
            format!("wants {} {} of {}", part(request.part), blocks.join(" "), request.content)
        }
        AnyMessage::Applied(applied) => {
            let order = match applied.order {
                Order::Configuration => "configuration",
                Order::Command => "command",
            };
            let outcome = match &applied.outcome {
                Outcome::Applied => "applied".to_owned(),
                Outcome::Superseded => format!("superseded by {}", applied.accepted),
                Outcome::Refused(reason) => format!("refused: {reason}"),
            };
            format!("{order} {} {outcome}", applied.id)
        }
        AnyMessage::Release(release) => format!(
            "release {} for {}: model {}, {} bytes in blocks of {}",
            release.sequence,
            release.target,
            release.digest.model(),
            release.blob_bytes,
            release.block.bytes()
        ),
        AnyMessage::Block(block) => match block.data {
            BlockData::Data(bytes) => format!("{} {}, {} bytes", part(block.part), block.number, bytes.len()),
            BlockData::Refused(reason) => format!("{} {} refused: {reason}", part(block.part), block.number),
        },
        AnyMessage::Stored(stored) => format!("stored through {}", stored.through),
        AnyMessage::Configuration(configuration) => format!(
            "configuration {} for {}: a report every {} s, {} per mille of predictions, logs {}",
            configuration.id,
            configuration.target,
            configuration.telemetry_period,
            configuration.predictions,
            if configuration.logs { "on" } else { "off" }
        ),
        AnyMessage::Command(command) => {
            format!("command {} for {}: {}", command.id, command.target, command.action)
        }
    }
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Index => "index",
        Part::Blob => "block",
    }
}

fn describe_birth(birth: &Birth) -> String {
    let slots: Vec<String> = birth
        .slots
        .iter()
        .map(|slot| {
            let state = match slot.state {
                SlotState::Empty => "empty",
                SlotState::Incomplete => "incomplete",
                SlotState::Previous => "previous",
                SlotState::Trial => "on trial",
                SlotState::Active => "active",
                SlotState::Damaged => "damaged",
            };
            slot.digest.map_or_else(|| state.to_owned(), |digest| format!("{state} {}", digest.model()))
        })
        .collect();
    format!(
        "boot {}, connection {}, after: {}; {} {}, runtime {}; slots: {}; release {}",
        birth.boot,
        birth.connection,
        birth.last_reset,
        birth.board,
        birth.firmware,
        birth.runtime,
        slots.join(", "),
        birth.release
    )
}

fn describe_report(report: &Report) -> String {
    let seconds = report.end.saturating_sub(report.start) as f64 / 1000.0;
    let latency = match quantile(&report.latency, 0.5).zip(quantile(&report.latency, 0.99)) {
        Some((half, most)) => {
            format!("; half in {half} µs, 99 % in {most} µs, longest {} µs", report.latency.longest)
        }
        None => String::new(),
    };
    format!(
        "{}: model {}, {} inferences and {} errors in {seconds:.0} s{latency}; {} clamped, {} dropped",
        report.sequence, report.model, report.inferences, report.errors, report.saturated, report.dropped
    )
}

/// The upper end of the bin that holds the quantile, in µs.
fn quantile(latency: &Latency, share: f64) -> Option<u32> {
    let total: u64 = latency.counts.iter().map(|&count| u64::from(count)).sum();
    let rank = (total as f64 * share).ceil().max(1.0) as u64;
    let mut sum = 0;
    let bin = latency.counts.iter().position(|&count| {
        sum += u64::from(count);
        sum >= rank
    })?;
    Some(latency_bin_start(usize::from(latency.first) + bin + 1).min(latency.longest))
}

#[cfg(test)]
mod tests {
    use dunlin_protocol::List;
    use dunlin_protocol::message::LatencyCounter;

    use super::*;

    #[test]
    fn quantiles_are_known_to_a_quarter() {
        let mut counter = LatencyCounter::new();
        (1..=1000).for_each(|microseconds| counter.count(microseconds));
        let summary = counter.summary();
        for (share, exact) in [(0.01, 10), (0.5, 500), (0.99, 990)] {
            let found = quantile(&summary, share).unwrap();
            assert!((exact..=exact * 5 / 4 + 16).contains(&found), "{share}: {found}");
        }
        assert_eq!(quantile(&summary, 1.0), Some(1000));
        assert_eq!(quantile(&Latency { counts: List::new(), ..summary }, 0.5), None);
    }
}
