//! Reports, and how they get to the database.

use dunlin_protocol::message::{Configuration, Happening, ResetCause, Stored};
use dunlin_protocol::{Kind, Nonce};

use crate::authority::{NONCE, OWNER, configuration, signed};
use crate::service::write;
use crate::updates::installed;

#[test]
fn a_report_says_what_the_model_did_in_its_window() {
    let mut world = installed();
    world.service.reports.clear();
    world.device().platform().latency = 1_000;
    world.run(600_000);
    let reports: Vec<_> = world.service.reports.values().collect();
    assert_eq!(reports.len(), 10);
    for (before, report) in reports.iter().zip(&reports[1..]) {
        assert_eq!((report.start, report.sequence), (before.end, before.sequence + 1), "no gap");
        assert_eq!((report.inferences, report.errors), (60, 0));
        assert_eq!(report.latency.counts.iter().sum::<u32>(), 60);
        assert_eq!(report.latency.longest, 1_000);
        assert_eq!(report.end - report.start, 60_000);
        assert_eq!(report.resets[ResetCause::PowerOn as usize], 1);
        assert_ne!(report.arena_bytes, 0);
    }
}

#[test]
fn samples_that_do_not_fit_are_clamped_and_counted() {
    use dunlin_agent::{PredictError, Values};
    let mut world = installed();
    world.sampling = 0;
    let uptime = world.uptime();
    let mut outputs = [0.0; 3];
    let sample = [-1e9, 1e9, f32::NAN, 63.5, -64.0, 64.0, 0.0, 0.0];
    let predicted = world.device().predict(Values::Real(&sample), &mut outputs, uptime).unwrap();
    assert_eq!((predicted.outputs, outputs[0]), (8, -63.5));
    let short = world.device().predict(Values::Real(&sample[1..]), &mut outputs, uptime);
    assert_eq!(short, Err(PredictError::Length { found: 7, expected: 8 }));
    let other = Values::Quantized { values: &[0; 8], scale: 0.25, zero_point: 0 };
    assert_eq!(world.device().predict(other, &mut outputs, uptime), Err(PredictError::Quantization));
    world.service.reports.clear();
    world.run(60_000);
    let report = world.service.reports.values().next().unwrap();
    assert_eq!(report.saturated, 4, "both infinities, what is no number, and half a step above");
    assert_eq!(report.errors, 0);
}

#[test]
fn what_was_not_stored_is_sent_again_and_what_gave_way_is_said() {
    let mut world = installed();
    let settings = Configuration { telemetry_period: 10, ..configuration(1, 10) };
    world.send(Kind::Configuration, signed(&OWNER, &settings));
    world.run(1_000);
    // Not stored, although it was sent.
    world.service.is_deaf = true;
    let through = world.service.through();
    world.run(30_000);
    let waiting = world.service.through();
    assert!(waiting >= through + 2);
    world.service.reports.retain(|sequence, _| *sequence <= through);
    world.service.is_deaf = false;
    world.run(130_000);
    assert!(world.service.through() > waiting, "again after a minute");
    // Nothing gets through for so long that the oldest reports give way; a reset comes in between.
    world.broker_is_up = false;
    world.disconnect();
    world.run(1_800_000);
    world.reset(ResetCause::Panic);
    world.run(1_800_000);
    let through = world.service.through();
    world.broker_is_up = true;
    world.run_until("all is stored", |world| {
        world.service.through() + 1 == world.device().store().next_sequence()
    });
    let outbox = *world.service.outboxes.iter().max_by_key(|outbox| outbox.dropped_reports).unwrap();
    assert!(outbox.dropped_reports > 50, "{outbox:?}");
    assert_eq!(outbox.dropped_events, 0);
    assert!(outbox.oldest > through + 1);
    let held = world.service.reports.range(through + 1..).count()
        + world.service.events.range(through + 1..).count();
    let made = world.device().store().next_sequence() - 1 - through;
    assert_eq!(held as u64 + outbox.dropped_reports, made, "each is stored, or counted as dropped");
    let panicked = Happening::Started(ResetCause::Panic);
    assert!(world.service.events.values().any(|event| event.what == panicked));
    world.run(1_000);
    assert_eq!(world.device().store().acknowledged(), world.service.through());
}

#[test]
fn stored_beyond_the_outbox_is_ignored() {
    let mut world = installed();
    world.run(30_000);
    world.service.is_deaf = true;
    world.run(200_000);
    let acknowledged = world.device().store().acknowledged();
    let next = world.device().store().next_sequence();
    assert!(next > acknowledged + 3);
    for through in [next, next + 1, u64::MAX] {
        world.send(Kind::Stored, write(&Stored { nonce: NONCE, through }));
    }
    world.send(Kind::Stored, write(&Stored { nonce: Nonce([8; 8]), through: next - 1 }));
    world.send(Kind::Stored, vec![0x10]);
    world.run(100);
    assert_eq!(world.device().store().acknowledged(), acknowledged);
    world.send(Kind::Stored, write(&Stored { nonce: NONCE, through: acknowledged + 1 }));
    world.run(100);
    assert_eq!(world.device().store().acknowledged(), acknowledged + 1);
}

#[test]
fn a_jumping_clock_changes_nothing() {
    let course = |jumps: bool| {
        let mut world = installed();
        let clocks = [0, 4_000_000_000_000, 1_000, 1_760_000_000_000, u64::MAX, 1_760_000_100_000];
        for clock in clocks.into_iter().cycle().take(60) {
            if jumps {
                let uptime = world.uptime();
                world.device().set_clock(clock, uptime);
            }
            world.run(7_000);
        }
        let reports: Vec<_> = world
            .service
            .reports
            .values()
            .map(|report| (report.start, report.end, report.inferences))
            .collect();
        let requests = world.service.requests.len();
        let events: Vec<_> = world.service.events.values().map(|event| (event.what, event.clock)).collect();
        (reports, requests, events)
    };
    let (still, jumping) = (course(false), course(true));
    assert_eq!((&still.0, still.1), (&jumping.0, jumping.1));
    let set = jumping.2.iter().filter(|(what, _)| matches!(what, Happening::ClockSet { .. })).count();
    assert_eq!(set, 1, "said, but not at each jump");
}

#[test]
fn one_prediction_in_ten_is_sampled_if_the_configuration_says_so() {
    let mut world = installed();
    let settings = Configuration { predictions: 100, ..configuration(1, 60) };
    world.send(Kind::Configuration, signed(&OWNER, &settings));
    world.run(1_000);
    world.service.predictions.clear();
    world.run(100_000);
    assert_eq!(world.service.predictions.len(), 10);
    let numbers: Vec<u64> = world.service.predictions.iter().map(|prediction| prediction.number).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 10));
    assert_eq!(world.service.predictions[0].outputs.len(), 8);
}

#[test]
fn a_full_queue_of_the_network_loses_nothing() {
    let mut world = installed();
    world.run(120_000);
    let through = world.service.through();
    world.broker_is_up = false;
    world.disconnect();
    world.run(600_000);
    world.broker_is_up = true;
    // One message at a time.
    world.run_until("it is back", |world| world.device().agent().is_connected());
    world.device().platform().queue = 1;
    world.run_until("all is stored", |world| {
        world.service.through() + 1 == world.device().store().next_sequence()
    });
    assert!(world.service.through() >= through + 10);
}
