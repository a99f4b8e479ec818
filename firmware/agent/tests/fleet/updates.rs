//! Updates that go well, and those that do not.

use dunlin_protocol::Kind;
use dunlin_protocol::message::{
    Deferral, Rejection, Release, ResetCause, Rollback, Shadow, SlotState, Target, Trial, UpdateState,
};
use dunlin_protocol::{Schema, Version};

use crate::authority::{FOREIGN, RELEASE, TRIAL, name, release, signed};
use crate::models::{FIRST, Golden, Recipe, SECOND, THIRD, blob, unsigned};
use crate::world::{ARENA_BYTES, World};

/// A world whose device serves the first model, confirmed as release 1.
pub fn installed() -> World {
    let mut world = World::new();
    world.service.offer(1, &blob(FIRST));
    assert_eq!(world.run_until_ended(1), UpdateState::Confirmed);
    world.run(5_000);
    world
}

/// Offers a release as its author changed it, and waits for its end.
fn offered(
    world: &mut World,
    sequence: u64,
    recipe: Recipe,
    change: impl FnOnce(&mut Release),
) -> UpdateState {
    offered_blob(world, sequence, &blob(recipe), change)
}

fn offered_blob(
    world: &mut World,
    sequence: u64,
    blob: &[u8],
    change: impl FnOnce(&mut Release),
) -> UpdateState {
    let mut release = release(sequence, blob);
    change(&mut release);
    world.service.offer_as(sequence, blob, signed(&RELEASE, &release));
    world.disconnect();
    world.run_until_ended(sequence)
}

/// After whatever happened: the old model serves, it is still the confirmed one, and the next update succeeds.
fn goes_on(world: &mut World, sequence: u64) {
    assert_eq!(world.serving(), Some(1));
    world.run(100);
    assert_eq!(world.service.births.last().unwrap().release, 1);
    assert_eq!(offered(world, sequence, SECOND, |_| {}), UpdateState::Confirmed);
    assert_eq!(world.serving(), Some(2));
}

#[test]
fn a_first_model_and_its_successor_are_installed_tried_and_confirmed() {
    let mut world = installed();
    assert_eq!(world.serving(), Some(1));
    let blocks = world.service.blocks_sent;
    assert_eq!(offered(&mut world, 2, SECOND, |_| {}), UpdateState::Confirmed);
    assert_eq!(world.serving(), Some(2));
    let course = ["offered", "downloading", "verifying", "self-test", "trial", "confirmed"];
    assert_eq!(world.service.course(2), course);
    // The index, the two blocks that differ, and the last one.
    assert_eq!((blocks, world.service.blocks_sent - blocks), (6, 4));
    world.run(1000);
    let birth = world.service.births.last().unwrap();
    assert_eq!(birth.release, 2);
    assert_eq!(birth.slots.map(|slot| slot.state), [SlotState::Previous, SlotState::Active]);
}

#[test]
fn the_way_back_is_a_new_release_of_the_old_blob() {
    let mut world = installed();
    assert_eq!(offered(&mut world, 2, SECOND, |_| {}), UpdateState::Confirmed);
    let blocks = world.service.blocks_sent;
    assert_eq!(offered(&mut world, 3, FIRST, |_| {}), UpdateState::Confirmed);
    assert_eq!(world.serving(), Some(1));
    // The slot still holds the blocks, and the index too.
    assert_eq!(world.service.blocks_sent - blocks, 0);
}

#[test]
fn failed_golden_vectors_reject_the_model() {
    let mut world = installed();
    let recipe = Recipe { golden: Golden::Wrong, ..SECOND };
    let rejected = UpdateState::Rejected(Rejection::Golden { vector: 1 });
    assert_eq!(offered(&mut world, 2, recipe, |_| {}), rejected);
    // The fleet may offer it again: nothing is fetched, the same is said.
    let blocks = world.service.blocks_sent;
    world.service.updates.clear();
    world.disconnect();
    world.run(60_000);
    assert_eq!((world.service.blocks_sent, world.service.ends(2).len()), (blocks, 1));
    assert!(world.service.updates.iter().all(|update| update.state == rejected));
    assert!(!world.service.updates.is_empty());
    goes_on(&mut world, 3);
}

#[test]
fn what_does_not_suit_the_device_is_refused_before_a_block_is_fetched() {
    let mut world = installed();
    world.profile.input_schema = Some(release(1, &blob(FIRST)).needs.input_schema);
    world.reset(ResetCause::PowerOn);
    world.run(5_000);
    let requests = world.service.requests.len();
    let none = Schema([0; 8]);
    type Change = fn(&mut Release);
    type Expected = fn(&Rejection) -> bool;
    let cases: [(Change, Expected); 6] = [
        (|r| r.needs.operator_set = 99, |r| matches!(r, Rejection::OperatorSet { needed: 99, .. })),
        (|r| r.needs.packing = 99, |r| matches!(r, Rejection::Packing { .. })),
        (
            |r| r.needs.arena_bytes = [1 << 20; 8],
            |r| *r == Rejection::Arena { needed: 1 << 20, available: ARENA_BYTES as u32 },
        ),
        (|r| r.needs.input_schema = Schema([0; 8]), |r| matches!(r, Rejection::InputSchema { .. })),
        (
            |r| r.needs.runtime = Version { major: 99, minor: 0, patch: 0 },
            |r| matches!(r, Rejection::Runtime { .. }),
        ),
        (|r| r.blob_bytes = 1 << 20, |r| matches!(r, Rejection::Slot { .. })),
    ];
    assert_ne!(world.profile.input_schema, Some(none));
    for (sequence, (change, is_expected)) in (2..).zip(cases) {
        match offered(&mut world, sequence, SECOND, change) {
            UpdateState::Rejected(rejection) => assert!(is_expected(&rejection), "{rejection:?}"),
            state => panic!("{state}"),
        }
    }
    assert_eq!(world.service.requests.len(), requests);
    goes_on(&mut world, 20);
}

#[test]
fn releases_of_others_are_refused_without_wearing_the_flash() {
    let mut world = installed();
    let blob = blob(SECOND);
    let good = release(2, &blob);
    let mut wrong = Vec::new();
    for change in [
        |r: &mut Release| r.fleet = name("another"),
        |r: &mut Release| r.target = Target::Device(name("another")),
        |r: &mut Release| r.sequence = 1,
    ] {
        let mut release = good.clone();
        change(&mut release);
        wrong.push(signed(&RELEASE, &release));
    }
    wrong.push(signed(&FOREIGN, &good));
    let mut changed = signed(&RELEASE, &good);
    *changed.last_mut().unwrap() ^= 1;
    wrong.push(changed);
    wrong.push(vec![0x20; 300]);
    world.run(30_000);
    let operations = world.device().store().flash().trace().len();
    let requests = world.service.requests.len();
    for round in 0..200 {
        world.send(Kind::Release, wrong[round % wrong.len()].clone());
        world.run(40);
    }
    assert!(world.device().store().flash().trace().len() - operations < 4, "a report at most");
    assert_eq!(world.service.requests.len(), requests);
    let said = |state: fn(&Rejection) -> bool| {
        let refusal = |update: &dunlin_protocol::message::Update| match update.state {
            UpdateState::Rejected(rejection) => state(&rejection),
            _ => false,
        };
        world.service.updates.iter().any(refusal)
    };
    assert!(said(|r| *r == Rejection::WrongFleet));
    assert!(said(|r| *r == Rejection::WrongTarget));
    assert!(said(|r| matches!(r, Rejection::Replayed { sequence: 1, confirmed: 1 })));
    assert!(said(|r| matches!(r, Rejection::UnknownKey(_))));
    assert!(said(|r| matches!(r, Rejection::Signature(_))));
    assert!(said(|r| matches!(r, Rejection::Version { found: 2, .. })));
    goes_on(&mut world, 3);
}

#[test]
fn a_blob_that_no_content_key_signed_does_not_serve() {
    let mut world = installed();
    let rejected = UpdateState::Rejected(Rejection::ContentSignature);
    assert_eq!(offered_blob(&mut world, 2, &unsigned(SECOND), |_| {}), rejected);
    goes_on(&mut world, 3);
}

#[test]
fn a_blob_without_golden_vectors_or_of_another_digest_is_rejected() {
    let mut world = installed();
    let recipe = Recipe { golden: Golden::None, ..SECOND };
    assert_eq!(offered(&mut world, 2, recipe, |_| {}), UpdateState::Rejected(Rejection::NoGolden));
    let state = offered(&mut world, 3, SECOND, |release| release.digest.0[0] ^= 1);
    assert_eq!(state, UpdateState::Rejected(Rejection::Digest));
    let mut broken = blob(SECOND);
    broken[4] = 9;
    let digest = dunlin_runtime::content_digest(&broken);
    broken[160..192].copy_from_slice(&digest);
    let signature = crate::authority::CONTENT.sign_content(broken.first_chunk().unwrap());
    broken[192..256].copy_from_slice(&signature);
    let mut release = release(4, &blob(SECOND));
    release.digest.0 = digest;
    let mut index = vec![0; broken.len()];
    let index = dunlin_protocol::write_index(&broken, release.block, &mut index).unwrap();
    release.index_digest = dunlin_protocol::Digest::of(index);
    world.service.hold(release.index_digest.content(), index, &broken);
    world.service.wanted = Some((4, signed(&RELEASE, &release)));
    world.disconnect();
    let rejected = UpdateState::Rejected(Rejection::Blob { code: 4 });
    assert_eq!(world.run_until_ended(4), rejected, "format version 9");
    goes_on(&mut world, 5);
}

#[test]
fn an_index_of_another_digest_is_given_up() {
    let mut world = installed();
    let blob = blob(SECOND);
    let release = release(2, &blob);
    let message = signed(&RELEASE, &release);
    world.service.hold(release.index_digest.content(), &[1; 16 * 5], &blob);
    world.service.wanted = Some((2, message));
    world.disconnect();
    assert_eq!(world.run_until_ended(2), UpdateState::Rejected(Rejection::Index));
    goes_on(&mut world, 3);
}

#[test]
fn content_that_nobody_has_is_given_up() {
    let mut world = installed();
    world.service.wanted = Some((2, signed(&RELEASE, &release(2, &blob(SECOND)))));
    world.disconnect();
    assert_eq!(world.run_until_ended(2), UpdateState::Rejected(Rejection::Unavailable));
    goes_on(&mut world, 3);
}

#[test]
fn a_model_that_breaks_a_rule_of_its_trial_is_rolled_back() {
    let mut world = installed();
    let fast = offered(&mut world, 2, SECOND, |release| {
        release.trial = Trial { latency: 100, over_budget: 0, ..TRIAL };
    });
    assert!(matches!(fast, UpdateState::RolledBack(Rollback::Latency { over_budget: 1, .. })), "{fast}");
    assert_eq!(world.serving(), Some(1));
    world.sampling = 0;
    let late = offered(&mut world, 3, SECOND, |release| {
        release.trial = Trial { deadline: 600, ..TRIAL };
    });
    let deadline = Rollback::Deadline { inferences: 0, needed: 20 };
    assert_eq!(late, UpdateState::RolledBack(deadline));
    world.sampling = 1000;
    goes_on(&mut world, 4);
}

#[test]
fn a_model_that_resets_the_device_is_rolled_back() {
    let mut world = installed();
    world.service.offer(2, &blob(SECOND));
    world.disconnect();
    for resets in 0..=TRIAL.resets {
        world.run_until("the trial begins", |world| world.serving() == Some(2));
        assert!(world.service.ends(2).is_empty(), "{resets} resets are forgiven");
        world.reset(ResetCause::Watchdog);
    }
    let rollback = Rollback::Resets { found: 3, limit: 2 };
    assert_eq!(world.run_until_ended(2), UpdateState::RolledBack(rollback));
    world.run(1000);
    assert_eq!(world.service.births.last().unwrap().last_reset, ResetCause::Watchdog);
    goes_on(&mut world, 3);
}

#[test]
fn resets_that_say_nothing_about_the_model_do_not_end_its_trial() {
    let mut world = installed();
    world.service.offer(2, &blob(SECOND));
    world.disconnect();
    for cause in [
        ResetCause::PowerOn,
        ResetCause::Pin,
        ResetCause::Brownout,
        ResetCause::Requested,
        ResetCause::PowerOn,
    ] {
        world.run_until("the trial begins", |world| world.serving() == Some(2));
        world.reset(cause);
    }
    assert_eq!(world.run_until_ended(2), UpdateState::Confirmed);
}

#[test]
fn a_trial_ends_although_the_device_starts_again_and_again() {
    let mut world = installed();
    world.service.offer(2, &blob(SECOND));
    world.disconnect();
    world.run_until("the trial begins", |world| world.serving() == Some(2));
    let mut message = release(3, &blob(THIRD));
    message.trial = Trial { seconds: 3_000, deadline: 6_000, inferences: 2, ..TRIAL };
    assert_eq!(world.run_until_ended(2), UpdateState::Confirmed);
    world.service.offer_as(3, &blob(THIRD), signed(&RELEASE, &message));
    world.disconnect();
    world.run_until("the trial begins", |world| world.serving() == Some(3));
    let mut restarts = 0;
    while world.service.ends(3).is_empty() {
        world.run(700_000);
        world.reset(ResetCause::PowerOn);
        restarts += 1;
        assert!(restarts < 12, "{:?}", world.last_update());
    }
    // 300 s of each 700 s may be lost.
    assert!(restarts > 3);
    assert_eq!(world.service.ends(3), [UpdateState::Confirmed]);
}

#[test]
fn the_sequence_counts_at_confirm_alone() {
    let mut world = installed();
    let long = |release: &mut Release| release.trial = Trial { seconds: 10_000, deadline: 0, ..TRIAL };
    let blob_2 = blob(SECOND);
    let mut message = release(2, &blob_2);
    long(&mut message);
    world.service.offer_as(2, &blob_2, signed(&RELEASE, &message));
    world.disconnect();
    // Interrupted in the download, in the self-test and in the trial, and resumed each time.
    for state in ["downloading", "self-test", "trial"] {
        world.run_until(state, |world| world.service.course(2).contains(&state));
        assert_eq!(world.device().store().state().confirmed_sequence(), 1, "{state}");
        world.reset(ResetCause::PowerOn);
        world.run(200);
        assert_eq!(world.device().store().state().confirmed_sequence(), 1, "{state}");
    }
    for _ in 0..4 {
        world.run_until("the trial goes on", |world| world.serving().is_some());
        world.reset(ResetCause::Panic);
    }
    assert!(matches!(world.run_until_ended(2), UpdateState::RolledBack(Rollback::Resets { .. })));
    assert_eq!(world.device().store().state().confirmed_sequence(), 1);
    goes_on(&mut world, 3);
    assert_eq!(world.device().store().state().confirmed_sequence(), 3);
}

#[test]
fn an_update_offered_during_a_trial_is_deferred_and_taken_up_afterwards() {
    let mut world = installed();
    world.service.offer(2, &blob(SECOND));
    world.disconnect();
    world.run_until("the trial begins", |world| world.serving() == Some(2));
    world.service.offer(3, &blob(THIRD));
    world.disconnect();
    world.run_until("it is deferred", |world| {
        let state = UpdateState::Deferred(Deferral::TrialRunning { sequence: 2 });
        world.service.updates.iter().any(|update| update.state == state)
    });
    assert_eq!(world.run_until_ended(2), UpdateState::Confirmed);
    assert_eq!(
        world.run_until_ended(3),
        UpdateState::Confirmed,
        "offered again by the birth that ends the trial"
    );
    assert_eq!(world.serving(), Some(3));
}

#[test]
fn a_stalled_download_gives_way_to_a_newer_release() {
    let mut world = installed();
    let requests = world.service.requests.len();
    world.service.offer(2, &blob(SECOND));
    world.faults.loss = 1000;
    world.disconnect();
    world.run(3 * 3_600_000);
    assert_eq!(world.serving(), Some(1), "the old model serves on");
    assert_eq!(world.service.requests.len(), requests, "all are lost");
    let course = world.service.course(2);
    assert_eq!(course, ["offered"]);
    world.faults.loss = 0;
    world.service.offer(3, &blob(THIRD));
    let (_, message) = world.service.wanted.clone().unwrap();
    world.send(Kind::Release, message);
    assert_eq!(world.run_until_ended(3), UpdateState::Confirmed);
    let superseded = UpdateState::Rejected(Rejection::Superseded { by: 3 });
    assert_eq!(world.service.ends(2), [superseded]);
    assert_eq!(world.serving(), Some(3));
}

#[test]
fn models_are_compared_on_the_same_samples_before_the_new_one_serves() {
    let mut world = installed();
    let shadow = Shadow { samples: 30, agreement: 1000 };
    let compared = offered(&mut world, 2, SECOND, |release| release.shadow = Some(shadow));
    assert_eq!(compared, UpdateState::Confirmed);
    assert!(world.service.course(2).contains(&"shadow"));
    // Shifted so far that all elements are clamped to the same value.
    let recipe = Recipe { shift: 127, ..THIRD };
    let differing = offered(&mut world, 3, recipe, |release| release.shadow = Some(shadow));
    let rejection = Rejection::ShadowAgreement { compared: 30, agreed: 0, needed: 1000 };
    assert_eq!(differing, UpdateState::Rejected(rejection));
    assert_eq!(world.serving(), Some(2));
}

#[test]
fn a_comparison_without_samples_gives_way_to_a_newer_release() {
    let mut world = installed();
    world.sampling = 0;
    let mut message = release(2, &blob(SECOND));
    message.shadow = Some(Shadow { samples: 30, agreement: 1000 });
    world.service.offer_as(2, &blob(SECOND), signed(&RELEASE, &message));
    world.disconnect();
    world.run_until("the comparison", |world| world.service.course(2).contains(&"shadow"));
    world.sampling = 1000;
    world.service.offer(3, &blob(THIRD));
    world.disconnect();
    assert_eq!(world.run_until_ended(3), UpdateState::Confirmed);
    assert_eq!(world.serving(), Some(3));
}

#[test]
fn a_slot_damaged_after_its_check_does_not_serve() {
    let mut world = installed();
    assert_eq!(offered(&mut world, 2, SECOND, |_| {}), UpdateState::Confirmed);
    let (flash, ..) = world.device.take().unwrap().into_parts();
    let mut damaged = flash.clone();
    let active = crate::world::sizes().slot_bytes as usize;
    // Within the table, where the structure stays right.
    let place =
        (0..5000).rfind(|place| damaged.bytes()[active + place..].starts_with(&[125, 126, 127])).unwrap();
    damaged.bytes_mut()[active + place] ^= 1;
    let mut world = World::with(damaged);
    world.run_until("the model before serves", |world| world.serving() == Some(1));
    world.run(5000);
    let birth = world.service.births.last().unwrap();
    assert_eq!(birth.slots.map(|slot| slot.state), [SlotState::Active, SlotState::Damaged]);
    world.service.offer(3, &blob(THIRD));
    world.disconnect();
    assert_eq!(world.run_until_ended(3), UpdateState::Confirmed);
    assert_eq!(world.serving(), Some(3));
}

#[test]
fn a_slot_damaged_during_its_trial_returns_to_the_previous_model() {
    let mut world = installed();
    world.service.offer(2, &blob(SECOND));
    world.disconnect();
    world.run_until("the trial begins", |world| world.serving() == Some(2));
    let (mut flash, ..) = world.device.take().unwrap().into_parts();
    flash.bytes_mut()[crate::world::sizes().slot_bytes as usize + 900] ^= 1;
    let mut world = World::with(flash);
    assert_eq!(world.run_until_ended(2), UpdateState::RolledBack(Rollback::Damaged));
    goes_on(&mut world, 3);
}
