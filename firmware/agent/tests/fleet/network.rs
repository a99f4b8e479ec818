//! Links that lose, repeat, reorder and damage, and connections that break.

use std::collections::BTreeMap;

use dunlin_protocol::Kind;
use dunlin_protocol::decode;
use dunlin_protocol::message::{Part, UpdateState, Will};

use crate::models::{SECOND, THIRD, blob};
use crate::updates::installed;
use crate::world::Faults;

#[test]
fn blocks_that_are_lost_repeated_reordered_damaged_or_cut_do_not_stop_an_update() {
    for seed in 0..20 {
        let mut world = installed();
        world.random = dunlin_kernel_tests::random::Random::new(seed);
        world.faults =
            Faults { loss: 200, duplication: 200, reordering: 300, corruption: 150, truncation: 100 };
        world.service.offer(2, &blob(THIRD));
        world.disconnect();
        assert_eq!(world.run_until_ended(2), UpdateState::Confirmed, "seed {seed}");
        assert_eq!(world.serving(), Some(3));
    }
}

#[test]
fn a_disconnect_at_every_block_does_not_stop_an_update() {
    let mut world = installed();
    world.service.offer(2, &blob(THIRD));
    world.disconnect();
    let mut sent = world.service.blocks_sent;
    let mut breaks = 0;
    while world.service.ends(2).is_empty() {
        world.run(10);
        if world.service.blocks_sent > sent {
            // One of the blocks arrives.
            world.run(25);
            world.disconnect();
            (sent, breaks) = (world.service.blocks_sent, breaks + 1);
        }
        assert!(world.now < 86_400_000);
    }
    assert!(breaks >= 2, "{breaks}");
    assert_eq!(world.service.ends(2), [UpdateState::Confirmed]);
    assert_eq!(world.serving(), Some(3));
}

#[test]
fn at_most_one_request_is_open_and_no_wider_than_the_buffers() {
    let mut world = installed();
    world.service.requests.clear();
    world.service.offer(2, &blob(THIRD));
    world.disconnect();
    assert_eq!(world.run_until_ended(2), UpdateState::Confirmed);
    let mut asked = BTreeMap::new();
    for request in &world.service.requests {
        assert!(request.window.count_ones() <= world.profile.window.into());
        assert!(request.part == Part::Blob || request.window == 1);
        for number in request.blocks() {
            *asked.entry((request.part as u8, number)).or_insert(0) += 1;
        }
    }
    assert!(asked.values().all(|&times| times == 1), "no loss, nothing twice: {asked:?}");
}

#[test]
fn each_connection_has_a_will_of_its_own_and_a_birth_with_the_same_number() {
    let mut world = installed();
    for _ in 0..5 {
        world.disconnect();
        world.run(30_000);
    }
    let births: Vec<_> = world.service.births.iter().map(|birth| (birth.boot, birth.connection)).collect();
    let distinct: std::collections::BTreeSet<_> = births.iter().map(|(_, connection)| *connection).collect();
    assert!(distinct.len() >= 6);
    assert!(births.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    // Behind the last birth stands the will of the same connection.
    world.disconnect();
    let will = crate::world::next_will(&mut world);
    let will: Will = decode(&will).unwrap();
    assert_eq!((will.boot, will.connection), (births[0].0, births.last().unwrap().1 + 1));
}

#[test]
fn payloads_of_any_bytes_change_nothing() {
    let mut world = installed();
    let mut random = dunlin_kernel_tests::random::Random::new(9);
    world.service.offer(2, &blob(SECOND));
    world.disconnect();
    for _ in 0..2_000 {
        let kinds =
            [Kind::Release, Kind::Block, Kind::Stored, Kind::Configuration, Kind::Command, Kind::Birth];
        let kind = kinds[random.below(kinds.len())];
        let mut bytes: Vec<u8> = (0..random.below(400)).map(|_| random.bits() as u8).collect();
        if let Some(version) = bytes.first_mut() {
            *version = 0x10;
        }
        world.send(kind, bytes);
        world.run(30);
    }
    assert_eq!(world.run_until_ended(2), UpdateState::Confirmed);
}
