//! The power is cut at every write and erasure of an update, of a return, and again while the device recovers.

use dunlin_protocol::message::{Rejection, ResetCause, Rollback, Trial, UpdateState};
use dunlin_store::simulated::{Cut, Density, Fault, Tear, cuts};

use crate::authority::{RELEASE, TRIAL, release, signed};
use crate::board::Flash;
use crate::models::{SECOND, THIRD, blob};
use crate::updates::installed;
use crate::world::World;

/// A few cuts in each operation: the store's own suite cuts at every byte.
const DENSITY: Density = Density { write_bytes: 64, long_write_bytes: 512, erase_bytes: 512, random: 1 };

/// The flash of a device that serves the first model, confirmed as release 1, and whose outbox is empty.
fn before() -> Flash {
    let mut world = installed();
    world.run(5_000);
    let (mut flash, ..) = world.device.take().unwrap().into_parts();
    flash.restart();
    flash
}

/// Brings the second model as release 2; its trial is broken if `fails`.
fn update(flash: Flash, fails: bool) -> World {
    let mut world = World::with(flash);
    let blob = blob(SECOND);
    let mut release = release(2, &blob);
    // Six blocks: the flash is the subject, not the time.
    release.trial = Trial { inferences: 3, seconds: 3, ..TRIAL };
    if fails {
        release.trial = Trial { latency: 1, over_budget: 0, ..release.trial };
    }
    world.service.offer_as(2, &blob, signed(&RELEASE, &release));
    world
}

/// Lets the update end, and holds the device against what it promises.
fn ends_well(mut world: World, fails: bool, context: &str) {
    world.run_until("the update ends", |world| {
        let ends = world.service.ends(2);
        let serving = world.serving();
        assert!(serving.is_none_or(|shift| shift == 1 || shift == 2), "{context}: {serving:?}");
        !ends.is_empty()
    });
    let ends = world.service.ends(2);
    let right = ends.iter().all(|end| match end {
        UpdateState::Confirmed => !fails,
        UpdateState::RolledBack(Rollback::Latency { .. }) => fails,
        _ => false,
    });
    assert!(right, "{context}: {ends:?}");
    assert_eq!(world.serving(), Some(if fails { 1 } else { 2 }), "{context}");
    world.run(2_000);
    let birth = world.service.births.last().unwrap();
    assert_eq!(birth.release, if fails { 1 } else { 2 }, "{context}");
    let third = blob(THIRD);
    let mut release = release(3, &third);
    release.trial = Trial { inferences: 3, seconds: 3, ..TRIAL };
    world.service.offer_as(3, &third, signed(&RELEASE, &release));
    world.disconnect();
    assert_eq!(world.run_until_ended(3), UpdateState::Confirmed, "{context}: the next update");
    assert_eq!(world.serving(), Some(3), "{context}");
    assert!(world.device().store().flash().violations().is_empty(), "{context}");
}

fn operations(fails: bool) -> Vec<dunlin_store::simulated::Operation> {
    let mut world = update(before(), fails);
    world.run_until_ended(2);
    world.run(1_000);
    world.device().store().flash().trace().to_vec()
}

fn cut_everywhere(fails: bool) -> usize {
    let flash = before();
    let mut count = 0;
    for cut in cuts(&operations(fails), DENSITY) {
        let mut flash = flash.clone();
        flash.cut(cut);
        let world = update(flash, fails);
        ends_well(world, fails, &format!("{cut:?}"));
        count += 1;
    }
    count
}

#[test]
fn an_update_that_is_cut_anywhere_ends_as_if_it_were_not() {
    let count = cut_everywhere(false);
    assert!(count > 200, "{count} cuts");
}

#[test]
fn a_return_that_is_cut_anywhere_ends_as_if_it_were_not() {
    let count = cut_everywhere(true);
    assert!(count > 200, "{count} cuts");
}

#[test]
fn a_second_cut_while_the_device_recovers_changes_nothing() {
    let flash = before();
    let mut random = dunlin_kernel_tests::random::Random::new(3);
    let length = operations(false).len();
    for round in 0..300 {
        let mut world = update(flash.clone(), false);
        let mut left = 3;
        // As often as it starts again, up to three times, each time after a few operations.
        let first = random.below(length);
        world.cut(Cut { operation: first, tear: Tear::Bits { bytes: random.below(64) as u32, seed: round } });
        world.on_restart = Some(Box::new(move |flash: &mut Flash| {
            if left > 0 {
                left -= 1;
                let tear = Tear::Bits { bytes: random.below(64) as u32, seed: round ^ left };
                flash.cut(Cut { operation: random.below(20), tear });
            }
        }));
        ends_well(world, false, &format!("round {round}, first cut at {first}"));
        random = dunlin_kernel_tests::random::Random::new(u64::from(round) + 100);
    }
}

#[test]
fn a_slot_that_takes_no_writes_rejects_the_update_and_the_old_model_stays() {
    let mut flash = before();
    let slot = crate::world::sizes().slot_bytes;
    flash.fault(Fault::Program { from: slot, to: 2 * slot });
    flash.fault(Fault::Erase { from: slot, to: 2 * slot });
    let mut world = update(flash, false);
    assert_eq!(world.run_until_ended(2), UpdateState::Rejected(Rejection::Storage));
    assert_eq!(world.serving(), Some(1));
    world.reset(ResetCause::PowerOn);
    world.run(5_000);
    assert_eq!(world.serving(), Some(1));
}
