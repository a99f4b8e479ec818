//! Configurations and commands.

use dunlin_protocol::message::{
    Action, Happening, OrderRefusal, Outcome, Rejection, ResetCause, Target, UpdateState,
};
use dunlin_protocol::{Kind, Roles};

use crate::authority::{FOREIGN, OWNER, RELEASE, command, configuration, name, release, signed};
use crate::models::{FIRST, SECOND, blob};
use crate::updates::installed;
use crate::world::World;

/// Sends a command of the owner, and what became of it.
fn obey(world: &mut World, id: u64, action: Action) -> Outcome {
    let message = signed(&OWNER, &command(id, action));
    answer(world, Kind::Command, message)
}

fn answer(world: &mut World, kind: Kind, message: Vec<u8>) -> Outcome {
    world.service.applied.clear();
    world.send(kind, message);
    world.run(500);
    let [applied] = world.service.applied[..] else { panic!("{:?}", world.service.applied) };
    applied.outcome
}

#[test]
fn a_replayed_command_is_superseded() {
    let mut world = installed();
    let identify = signed(&OWNER, &command(5, Action::Identify { seconds: 9 }));
    assert_eq!(answer(&mut world, Kind::Command, identify.clone()), Outcome::Applied);
    assert_eq!(world.device().platform().identified, [9]);
    assert_eq!(answer(&mut world, Kind::Command, identify.clone()), Outcome::Superseded);
    assert_eq!(obey(&mut world, 4, Action::Identify { seconds: 1 }), Outcome::Superseded);
    world.reset(ResetCause::PowerOn);
    world.run(5_000);
    assert_eq!(answer(&mut world, Kind::Command, identify), Outcome::Superseded);
    assert!(world.device().platform().identified.is_empty());
    let applied = world.service.applied[0];
    assert_eq!((applied.id, applied.accepted), (5, 5));
    assert_eq!(world.service.births.last().unwrap().command, 5);
}

#[test]
fn a_command_that_the_flash_does_not_take_does_not_act() {
    use dunlin_store::simulated::Fault;
    let mut world = installed();
    let (mut flash, ..) = world.device.take().unwrap().into_parts();
    flash.fault(Fault::Program { from: 0, to: u32::MAX });
    flash.fault(Fault::Erase { from: 0, to: u32::MAX });
    let mut world = World::with(flash);
    world.run(5_000);
    let outcome = obey(&mut world, 1, Action::Identify { seconds: 9 });
    assert_eq!(outcome, Outcome::Refused(OrderRefusal::Storage));
    assert!(world.device().platform().identified.is_empty());
    assert_eq!(world.serving(), Some(1), "a flash that takes no writes serves what it has");
}

#[test]
fn a_refused_command_blocks_nothing() {
    let mut world = installed();
    let key = FOREIGN.public();
    let weak = Action::TrustKey { key: [0; 32], roles: Roles::OWNER };
    let refused = |refusal| Outcome::Refused(refusal);
    assert_eq!(obey(&mut world, 3, weak), refused(OrderRefusal::WeakKey));
    assert_eq!(obey(&mut world, 3, Action::RevokeKey(OWNER.id())), refused(OrderRefusal::LastOwner));
    let unknown = Action::RevokeKey(FOREIGN.id());
    assert_eq!(obey(&mut world, 3, unknown), refused(OrderRefusal::UnknownKey(FOREIGN.id())));
    let mut others = command(3, Action::Birth);
    others.target = Target::Group(name("mixers"));
    let others = signed(&OWNER, &others);
    assert_eq!(answer(&mut world, Kind::Command, others), refused(OrderRefusal::WrongTarget));
    let mut others = command(3, Action::Birth);
    others.fleet = name("bakery");
    let others = signed(&OWNER, &others);
    assert_eq!(answer(&mut world, Kind::Command, others), refused(OrderRefusal::WrongFleet));
    let by_release_key = signed(&RELEASE, &command(3, Action::Birth));
    assert_eq!(
        answer(&mut world, Kind::Command, by_release_key),
        refused(OrderRefusal::KeyRole(RELEASE.id()))
    );
    assert_eq!(answer(&mut world, Kind::Command, vec![0x10, 1]), refused(OrderRefusal::Malformed));
    let old = OrderRefusal::Version { found: 3, lowest: 1, highest: 1 };
    assert_eq!(answer(&mut world, Kind::Command, vec![0x30; 100]), refused(old));
    let out_of_range = signed(&OWNER, &configuration(1, 5));
    assert_eq!(answer(&mut world, Kind::Configuration, out_of_range), refused(OrderRefusal::OutOfRange));
    assert_eq!(obey(&mut world, 3, Action::TrustKey { key, roles: Roles::RELEASE }), Outcome::Applied);
    let fine = signed(&OWNER, &configuration(1, 10));
    assert_eq!(answer(&mut world, Kind::Configuration, fine), Outcome::Applied);
}

#[test]
fn keys_that_a_command_changed_stay_changed() {
    let mut world = installed();
    let key = FOREIGN.public();
    assert_eq!(obey(&mut world, 1, Action::TrustKey { key, roles: Roles::RELEASE }), Outcome::Applied);
    assert_eq!(obey(&mut world, 2, Action::RevokeKey(RELEASE.id())), Outcome::Applied);
    world.reset(ResetCause::PowerOn);
    world.run(5_000);
    let keys: Vec<_> = world.service.births.last().unwrap().keys.iter().map(|key| key.id).collect();
    assert!(keys.contains(&FOREIGN.id()) && !keys.contains(&RELEASE.id()));
    let happened = |what| world.service.events.values().any(|event| event.what == what);
    assert!(happened(Happening::KeyTrusted { key: FOREIGN.id(), roles: Roles::RELEASE }));
    assert!(happened(Happening::KeyRevoked(RELEASE.id())));
    let second = blob(SECOND);
    world.service.offer(2, &second);
    world.disconnect();
    world.run(10_000);
    let unknown = UpdateState::Rejected(Rejection::UnknownKey(RELEASE.id()));
    assert_eq!(world.last_update().unwrap().state, unknown);
    world.service.offer_as(3, &second, signed(&FOREIGN, &release(3, &second)));
    world.disconnect();
    assert_eq!(world.run_until_ended(3), UpdateState::Confirmed);
}

#[test]
fn reboots_are_limited() {
    let mut world = installed();
    world.reset(ResetCause::PowerOn);
    world.run(10_000);
    for id in 1..=20 {
        assert_eq!(obey(&mut world, id, Action::Reboot), Outcome::Applied);
    }
    assert!(world.uptime() < 30_000);
    assert_eq!(world.device().platform().reboots, 0, "not in the first minute");
    world.run(60_000 - world.uptime());
    assert_eq!(world.device().platform().reboots, 1);
    world.run(300_000);
    assert_eq!(world.device().platform().reboots, 1, "twenty commands are one reset");
    assert_eq!(obey(&mut world, 21, Action::Reboot), Outcome::Applied);
    world.run(1_000);
    assert_eq!(world.device().platform().reboots, 2);
}

#[test]
fn a_decommissioned_device_refuses_updates() {
    let mut world = installed();
    world.service.offer(2, &blob(SECOND));
    world.faults.loss = 1000;
    world.disconnect();
    world.run_until("the release is offered", |world| world.service.course(2) == ["offered"]);
    assert_eq!(obey(&mut world, 1, Action::Decommission), Outcome::Applied);
    world.faults.loss = 0;
    world.run(600_000);
    for reset in [false, true] {
        if reset {
            world.reset(ResetCause::PowerOn);
            world.run(10_000);
        }
        assert_eq!(world.serving(), Some(1));
        assert!(world.service.births.last().unwrap().decommissioned);
        world.service.updates.clear();
        world.service.offer(3, &blob(FIRST));
        world.disconnect();
        world.run(10_000);
        let rejected = UpdateState::Rejected(Rejection::Decommissioned);
        assert_eq!(world.last_update().unwrap().state, rejected);
        let outcome = obey(&mut world, 2, Action::Identify { seconds: 1 });
        assert_eq!(outcome, Outcome::Refused(OrderRefusal::Decommissioned));
    }
    assert!(world.service.events.values().any(|event| event.what == Happening::Decommissioned));
}

#[test]
fn the_last_configuration_holds_after_a_reset() {
    let mut world = installed();
    let settings = signed(&OWNER, &configuration(7, 600));
    assert_eq!(answer(&mut world, Kind::Configuration, settings), Outcome::Applied);
    world.reset(ResetCause::PowerOn);
    world.run(5_000);
    assert_eq!(world.service.births.last().unwrap().configuration, 7);
    world.service.reports.clear();
    world.run(3_600_000);
    let lengths: Vec<u64> =
        world.service.reports.values().map(|report| (report.end - report.start) / 1000).collect();
    assert_eq!(lengths, [600; 6]);
}
