//! `kill -9` in the middle of updates, with a real broker that is ended now and then as well.
//!
//! `DUNLIN_KILLS` says how many; each aims at the phase that was hit least. In short phases the daemon is let run for a moment at a time, so
//! that there is something to aim at. The phase that was hit is what its last `update` message says, which may arrive after the kill.

mod fleet;
mod models;
mod samples;

use std::time::Duration;

use dunlin_kernel_tests::random::Random;
use dunlin_protocol::message::UpdateState;
use dunlin_test_broker::Mosquitto;
use dunlin_test_faults::Tally;
use rustix::process::Signal;
use tokio::time::sleep;

use crate::daemon::{Daemon, block_on, broker};
use fleet::Fleet;
use models::Offer;
use samples::Samples;

/// Kills without a wish for more, as many as there are phases to aim at.
const KILLS: u32 = 6;
/// The broker is ended after each kill of this number.
const BROKER_ENDS: u32 = 5;
/// Everything that must happen happens within this time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A message is on its way no longer than this: kernels hold back small packets for 40 ms.
const DELIVERY: Duration = Duration::from_millis(50);

const PHASES: [&str; 6] = ["offered", "downloading", "verifying", "self-test", "shadow", "trial"];

fn phase(state: Option<UpdateState>) -> &'static str {
    match state {
        None => "no update",
        Some(UpdateState::Offered) => PHASES[0],
        Some(UpdateState::Downloading { .. }) => PHASES[1],
        Some(UpdateState::Verifying) => PHASES[2],
        Some(UpdateState::SelfTest) => PHASES[3],
        Some(UpdateState::Shadow { .. }) => PHASES[4],
        Some(UpdateState::Trial { .. }) => PHASES[5],
        Some(UpdateState::Confirmed) => "confirmed",
        Some(state) => panic!("{state}"),
    }
}

const SETTINGS: &str = r#"
provision = "device.toml"
state = "state"
slot_bytes = 131072
arena_bytes = 262144
telemetry_period = 10
[input]
kind = "socket"
path = "samples.socket"
"#;

fn wanted_kills() -> u32 {
    std::env::var("DUNLIN_KILLS").map_or(KILLS, |text| text.parse().expect("DUNLIN_KILLS is a number"))
}

#[test]
fn a_daemon_that_is_killed_at_any_moment_goes_on() {
    let Some(mut mosquitto) = Mosquitto::open() else { return };
    let mut tally = Tally::new("dunlind", "update");
    let mut daemon = Daemon::new("pump-1", broker(&mosquitto.url(false), "".as_ref(), None));
    std::fs::write(daemon.path("dunlind.toml"), SETTINGS).unwrap();
    let samples = Samples::new(daemon.path("samples.socket"));
    let mut random = Random::new(std::process::id().into());
    block_on(async {
        let first = Offer::new(1);
        samples.expect(&first);
        let mut serving = first.adds;
        let mut fleet = Fleet::new(broker(&mosquitto.url(false), "".as_ref(), None), first).await;
        daemon.start();
        confirmed(&mut fleet, 1).await;
        for number in 0..wanted_kills() {
            let target = least_hit(&tally, &mut random);
            let offer = Offer::new(number + 2);
            let adds = offer.adds;
            samples.expect(&offer);
            drive_into(&mut fleet, &daemon, offer, target, &mut random).await;
            daemon.kill();
            // What was on its way.
            fleet.work(2 * DELIVERY, |_| false).await;
            let hit = phase(fleet.state);
            let with_broker = number % BROKER_ENDS == BROKER_ENDS - 1;
            tally.count(if with_broker { "kill -9, broker ended too" } else { "kill -9" }, hit);
            if with_broker {
                mosquitto.stop();
                assert!(mosquitto.resume());
            }
            samples.forget();
            daemon.start();
            let answers = async {
                while samples.serving().is_none() {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(PATIENCE, answers).await.expect("a model serves after the kill");
            let now = samples.serving().unwrap();
            assert!(now == serving || now == adds, "{now} after a kill in {hit}");
            fleet.serve_all().await;
            confirmed(&mut fleet, u64::from(number) + 2).await;
            serving = adds;
        }
        // One more, undisturbed.
        let last = wanted_kills() + 2;
        let offer = Offer::new(last);
        let adds = offer.adds;
        samples.expect(&offer);
        fleet.offer(offer).await;
        confirmed(&mut fleet, last.into()).await;
        samples.forget();
        sleep(Duration::from_millis(100)).await;
        assert_eq!(samples.serving(), Some(adds));
    });
    assert_eq!(tally.points(), u64::from(wanted_kills()));
    let missed: Vec<_> =
        PHASES.iter().filter(|phase| tally.in_phase(phase) * 20 < u64::from(wanted_kills())).collect();
    assert!(wanted_kills() < 60 || missed.is_empty(), "hardly hit: {missed:?} of {tally:?}");
}

fn least_hit(tally: &Tally, random: &mut Random) -> &'static str {
    let start = random.below(PHASES.len());
    let phases = (0..PHASES.len()).map(|index| PHASES[(start + index) % PHASES.len()]);
    phases.min_by_key(|phase| tally.in_phase(phase)).unwrap_or(PHASES[0])
}

async fn confirmed(fleet: &mut Fleet, sequence: u64) {
    let ended = fleet.work(PATIENCE, |fleet| fleet.ends.contains_key(&sequence)).await;
    assert!(ended, "release {sequence} did not end: {:?}", fleet.state);
    assert_eq!(fleet.ends[&sequence], UpdateState::Confirmed, "release {sequence}");
}

/// Offers something, and returns at a random moment of a phase, or of a later one if that was too short.
async fn drive_into(
    fleet: &mut Fleet,
    daemon: &Daemon,
    offer: Offer,
    target: &'static str,
    random: &mut Random,
) {
    let blocks = offer.blob.len() as u32 / 1024;
    fleet.room = match target {
        "offered" => None,
        "downloading" => Some(random.below(blocks as usize) as u32),
        _ => Some(u32::MAX),
    };
    fleet.offer(offer).await;
    let reaches = move |fleet: &Fleet| rank(phase(fleet.state)) >= rank(target);
    let microseconds = |random: &mut Random, most| Duration::from_micros(random.below(most) as u64);
    match target {
        "offered" | "downloading" | "trial" => {
            assert!(fleet.work(PATIENCE, reaches).await, "{target} is not reached");
            let delay = microseconds(random, if target == "trial" { 900_000 } else { 100_000 });
            fleet.work(delay, |_| false).await;
        }
        _ => {
            let downloads = |fleet: &Fleet| rank(phase(fleet.state)) >= rank("downloading");
            assert!(fleet.work(PATIENCE, downloads).await, "the download does not begin");
            // Moments that the phase is let go on; the check of a blob lasts few.
            let mut left = random.below(if target == "verifying" { 3 } else { 8 });
            loop {
                daemon.signal(Signal::STOP);
                fleet.work(DELIVERY, |_| false).await;
                if reaches(fleet) {
                    if left == 0 || phase(fleet.state) != target {
                        return;
                    }
                    left -= 1;
                }
                daemon.signal(Signal::CONT);
                // A timer of the runtime would take a millisecond at least.
                std::thread::sleep(microseconds(random, 600));
            }
        }
    }
}

fn rank(phase: &str) -> usize {
    match phase {
        "no update" => 0,
        "confirmed" => PHASES.len() + 1,
        phase => PHASES.iter().position(|of| *of == phase).map_or(0, |place| place + 1),
    }
}
