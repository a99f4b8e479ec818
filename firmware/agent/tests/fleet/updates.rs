//! Updates that go well, and those that do not.

use dunlin_protocol::message::{SlotState, UpdateState};

use crate::models::{FIRST, SECOND, blob};
use crate::world::World;

#[test]
fn a_first_model_and_its_successor_are_installed_tried_and_confirmed() {
    let mut world = World::new();
    world.service.offer(1, &blob(FIRST));
    assert_eq!(world.run_until_ended(1), UpdateState::Confirmed);
    assert_eq!(world.serving(), Some(1));
    let blocks = world.service.blocks_sent;
    world.service.offer(2, &blob(SECOND));
    world.disconnect();
    assert_eq!(world.run_until_ended(2), UpdateState::Confirmed);
    assert_eq!(world.serving(), Some(2));
    let course = ["offered", "downloading", "verifying", "self-test", "trial", "confirmed"];
    assert_eq!(world.service.course(2), course);
    assert!(world.service.blocks_sent < 2 * blocks, "blocks of the first model are reused");
    world.run(1000);
    let birth = world.service.births.last().unwrap();
    assert_eq!(birth.release, 2);
    assert_eq!(birth.slots.map(|slot| slot.state), [SlotState::Previous, SlotState::Active]);
}
