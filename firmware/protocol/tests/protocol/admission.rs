//! Releases that a device refuses before it fetches anything, and births that wills end.

use dunlin_protocol::message::*;
use dunlin_protocol::*;

use crate::samples;

struct Device {
    fleet: Name,
    device: Name,
    groups: Vec<Name>,
}

impl Device {
    fn new() -> Device {
        let name = |name| Name::new(name).unwrap();
        Device { fleet: name("plant"), device: name("press-4"), groups: vec![name("presses")] }
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities {
            fleet: &self.fleet,
            device: &self.device,
            groups: &self.groups,
            confirmed: 7,
            operator_set: 1,
            packing: 2,
            runtime: Version { major: 0, minor: 4, patch: 1 },
            family: 1,
            arena_bytes: 10_000,
            slot_bytes: 100 * 1024 + 100 * 16,
            largest_block: BlockSize::KiB2,
            input_schema: Some(Schema([1; 8])),
            output_schema: None,
            decommissioned: false,
        }
    }
}

/// A release that just fits the device above.
fn release() -> Release {
    Release {
        fleet: Name::new("plant").unwrap(),
        target: Target::Everyone,
        sequence: 8,
        blob_bytes: 100 * 1024,
        block: BlockSize::KiB1,
        needs: Needs {
            operator_set: 1,
            packing: 2,
            runtime: Version { major: 0, minor: 4, patch: 1 },
            arena_bytes: [u32::MAX, 10_000, u32::MAX, u32::MAX, 0, 0, 0, 0],
            input_schema: Schema([1; 8]),
            output_schema: Schema([2; 8]),
        },
        ..samples::release()
    }
}

fn refusal(change: impl FnOnce(&mut Release)) -> Result<(), Rejection> {
    let mut release = release();
    change(&mut release);
    Device::new().capabilities().admit(&release)
}

#[test]
fn a_release_that_just_fits_is_admitted() {
    assert_eq!(refusal(|_| {}), Ok(()));
}

#[test]
fn an_older_release_is_refused() {
    for sequence in [0, 6, 7] {
        assert_eq!(
            refusal(|release| release.sequence = sequence),
            Err(Rejection::Replayed { sequence, confirmed: 7 })
        );
    }
    assert_eq!(refusal(|release| release.sequence = u64::MAX), Ok(()));
}

#[test]
fn a_release_for_others_is_refused() {
    let name = |name| Name::new(name).unwrap();
    assert_eq!(refusal(|release| release.fleet = name("farm")), Err(Rejection::WrongFleet));
    for (target, meant) in [
        (Target::Device(name("press-4")), true),
        (Target::Device(name("press-5")), false),
        (Target::Device(name("presses")), false),
        (Target::Group(name("presses")), true),
        (Target::Group(name("press-4")), false),
    ] {
        let expected = if meant { Ok(()) } else { Err(Rejection::WrongTarget) };
        assert_eq!(refusal(|release| release.target = target.clone()), expected, "{target}");
    }
}

#[test]
fn unmet_needs_are_refused_before_a_block_is_fetched() {
    assert_eq!(
        refusal(|release| release.needs.operator_set = 2),
        Err(Rejection::OperatorSet { needed: 2, available: 1 })
    );
    for packing in [1, 3] {
        assert_eq!(
            refusal(|release| release.needs.packing = packing),
            Err(Rejection::Packing { needed: packing, available: 2 })
        );
    }
    let newer = Version { major: 0, minor: 5, patch: 0 };
    assert_eq!(
        refusal(|release| release.needs.runtime = newer),
        Err(Rejection::Runtime { needed: newer, available: Version { major: 0, minor: 4, patch: 1 } })
    );
    assert_eq!(
        refusal(|release| release.needs.arena_bytes[1] = 10_001),
        Err(Rejection::Arena { needed: 10_001, available: 10_000 })
    );
    let other = Schema([3; 8]);
    assert_eq!(
        refusal(|release| release.needs.input_schema = other),
        Err(Rejection::InputSchema { needed: other, available: Schema([1; 8]) })
    );
    assert_eq!(refusal(|release| release.needs.output_schema = other), Ok(()), "the application takes any");
    assert_eq!(
        refusal(|release| release.block = BlockSize::KiB4),
        Err(Rejection::BlockTooLarge { needed: 4096, available: 2048 })
    );
    assert_eq!(
        refusal(|release| release.blob_bytes += 16),
        Err(Rejection::Slot { needed: 101 * 1024 + 101 * 16, available: 100 * 1024 + 100 * 16 })
    );
    assert_eq!(
        refusal(|release| release.blob_bytes = u32::MAX - 15),
        Err(Rejection::Slot { needed: u32::MAX, available: 100 * 1024 + 100 * 16 })
    );
    for malformed in [0, 240, 1000] {
        assert_eq!(refusal(|release| release.blob_bytes = malformed), Err(Rejection::Malformed));
    }
}

#[test]
fn reasons_are_words_with_numbers() {
    let words = refusal(|release| release.needs.arena_bytes[1] = 10_001).unwrap_err().to_string();
    assert_eq!(words, "the model needs an arena of 10001 bytes, the device has 10000");
}

#[test]
fn a_decommissioned_device_admits_nothing() {
    let device = Device::new();
    let capabilities = Capabilities { decommissioned: true, ..device.capabilities() };
    assert_eq!(capabilities.admit(&release()), Err(Rejection::Decommissioned));
}

#[test]
fn a_will_of_an_earlier_connection_is_stale() {
    let boot = Boot { nonce: Nonce([1; 8]), count: 12 };
    let birth = Birth { boot, connection: 5, ..samples::birth() };
    let will = |boot, connection| birth.is_ended_by(&Will { boot, connection });
    assert!(will(boot, 5));
    assert!(!will(boot, 4), "an earlier connection of the same boot");
    assert!(!will(Boot { count: 11, ..boot }, 5), "an earlier boot");
    assert!(!will(Boot { nonce: Nonce([2; 8]), ..boot }, 5), "another provisioning");

    let later = |boot, connection| Birth { boot, connection, ..samples::birth() }.is_later_than(&birth);
    assert_eq!(later(boot, 6), Some(true));
    assert_eq!(later(boot, 5), Some(false));
    assert_eq!(later(Boot { count: 13, ..boot }, 1), Some(true));
    assert_eq!(later(Boot { count: 11, ..boot }, 9), Some(false));
    assert_eq!(later(Boot { nonce: Nonce([2; 8]), ..boot }, 9), None);
}
