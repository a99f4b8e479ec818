//! Many devices at once.

use std::collections::BTreeMap;

use crate::models::{FIRST, blob};
use crate::world::{World, empty_flash};

/// The broker goes away for half an hour and comes back.
#[test]
fn a_thousand_devices_do_not_reconnect_at_once() {
    const DEVICES: u64 = 1000;
    let mut attempts: BTreeMap<u64, u32> = BTreeMap::new();
    let mut back = Vec::new();
    for device in 0..DEVICES {
        let mut world = World::start(empty_flash(), device + 1);
        world.sampling = 0;
        world.run(120_000);
        assert!(world.device().agent().is_connected());
        // All notice at the same moment.
        world.broker_is_up = false;
        world.disconnect();
        world.attempts.clear();
        world.run(1_800_000);
        world.broker_is_up = true;
        let returned = world.now;
        world.run_until("it is back", |world| world.device().agent().is_connected());
        back.push(world.now - returned);
        for attempt in &world.attempts {
            *attempts.entry((attempt - 120_000) / 1000).or_default() += 1;
        }
    }
    // In the first second up to 1000 draw a time from it, then ever fewer.
    let peak = |from: u64, to: u64| attempts.range(from..to).map(|(_, count)| *count).max().unwrap_or(0);
    let after_a_minute = peak(60, 1_800);
    assert!(after_a_minute <= 60, "{after_a_minute} in one second");
    // Those who come back do so over the five minutes, not at once.
    let mut in_second: BTreeMap<u64, u32> = BTreeMap::new();
    for time in &back {
        *in_second.entry(time / 1000).or_default() += 1;
    }
    let most = in_second.values().max().copied().unwrap_or(0);
    assert!(most <= 25, "{most} of {DEVICES} come back within one second");
    assert!(back.iter().all(|time| *time <= 301_000));
}

/// Ten thousand would do as well; this shows that nothing is shared and nothing spins.
#[test]
fn many_devices_of_one_process_install_a_model() {
    let blob = blob(FIRST);
    for device in 0..50 {
        let mut world = World::start(empty_flash(), device + 1);
        world.service.offer(1, &blob);
        world.run_until_ended(1);
        assert_eq!(world.serving(), Some(1));
    }
}
