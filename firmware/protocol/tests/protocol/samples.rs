//! The longest message of each type, and signing keys.

use dunlin_protocol::message::*;
use dunlin_protocol::*;

pub const BOOT: Boot = Boot { nonce: Nonce([0xa5; 8]), count: u32::MAX };
pub const MODEL: ModelId = ModelId([0xc3; 8]);
pub const DIGEST: Digest = Digest([0x5a; 32]);
pub const CONTENT: ContentId = ContentId([0x3c; 16]);
pub const VERSION: Version = Version { major: u16::MAX, minor: u16::MAX, patch: u16::MAX };
pub const SCHEMA: Schema = Schema([0x99; 8]);

pub fn name() -> Name {
    Name::new("a-name-of-32-characters-0123456-").unwrap()
}

/// `count` times the same.
fn full<T: Clone, const N: usize>(element: &T) -> List<T, N> {
    List::from_first(std::iter::repeat_n(element.clone(), N))
}

pub fn birth() -> Birth {
    let slot = SlotStatus { state: SlotState::Damaged, digest: Some(DIGEST) };
    Birth {
        boot: BOOT,
        connection: u32::MAX,
        lowest_major: u8::MAX,
        highest_major: u8::MAX,
        board: Text::cut(&"b".repeat(32)),
        firmware: Text::cut(&"f".repeat(32)),
        runtime: VERSION,
        operator_set: u16::MAX,
        packing: u16::MAX,
        family: u8::MAX,
        arena_bytes: u32::MAX,
        stack_bytes: u32::MAX,
        slot_bytes: u32::MAX,
        largest_block: BlockSize::KiB4,
        largest_packet: u32::MAX,
        slots: [slot; 2],
        release: u64::MAX,
        configuration: u64::MAX,
        command: u64::MAX,
        keys: full(&KeyStatus { id: KeyId([7; 8]), roles: Roles::OWNER }),
        groups: full(&name()),
        input_schema: Some(SCHEMA),
        output_schema: Some(SCHEMA),
        last_reset: ResetCause::Requested,
        uptime: u64::MAX,
        clock: Some(u64::MAX),
        decommissioned: true,
    }
}

pub fn will() -> Will {
    Will { boot: BOOT, connection: u32::MAX }
}

pub fn update() -> Update {
    Update {
        boot: BOOT,
        revision: u32::MAX,
        subject: Some(Subject { sequence: u64::MAX, digest: DIGEST }),
        state: longest_state(),
    }
}

/// Of all states the one with the longest encoding: five full numbers.
fn longest_state() -> UpdateState {
    UpdateState::Trial {
        inferences: u32::MAX,
        errors: u32::MAX,
        over_budget: u32::MAX,
        resets: u32::MAX,
        seconds: u32::MAX,
    }
}

pub fn outbox() -> Outbox {
    Outbox {
        boot: BOOT,
        oldest: u64::MAX,
        next: u64::MAX,
        dropped_reports: u64::MAX,
        dropped_events: u64::MAX,
    }
}

pub fn report() -> Report {
    let distributions = Distributions { first: u16::MAX, counts: full(&full(&u32::MAX)) };
    Report {
        boot: BOOT,
        sequence: u64::MAX,
        start: u64::MAX,
        end: u64::MAX,
        clock: Some(u64::MAX),
        model: MODEL,
        inferences: u32::MAX,
        errors: u32::MAX,
        over_budget: u32::MAX,
        latency: Latency { total: u64::MAX, longest: u32::MAX, first: 0, counts: full(&u32::MAX) },
        features: distributions.clone(),
        outputs: distributions,
        confidence: full(&u32::MAX),
        saturated: u64::MAX,
        resets: [u32::MAX; RESET_CAUSES],
        stack_bytes: u32::MAX,
        arena_bytes: u32::MAX,
        dropped: u64::MAX,
    }
}

pub fn event() -> Event {
    Event {
        boot: BOOT,
        sequence: u64::MAX,
        uptime: u64::MAX,
        clock: Some(u64::MAX),
        what: Happening::Update { sequence: u64::MAX, digest: DIGEST, state: longest_state() },
    }
}

pub fn prediction() -> Prediction {
    Prediction {
        boot: BOOT,
        number: u64::MAX,
        uptime: u64::MAX,
        clock: Some(u64::MAX),
        model: MODEL,
        class: Some(u16::MAX),
        confidence: 0.75,
        outputs: full(&-1.5),
    }
}

pub fn log(bytes: &[u8]) -> Log<'_> {
    Log { boot: BOOT, lost: u32::MAX, lines: Lines::Defmt(bytes) }
}

pub fn block_request() -> BlockRequest {
    BlockRequest { content: CONTENT, part: Part::Blob, first: u32::MAX, window: u32::MAX }
}

pub fn applied() -> Applied {
    Applied {
        boot: BOOT,
        order: Order::Command,
        id: u64::MAX,
        accepted: u64::MAX,
        outcome: Outcome::Refused(OrderRefusal::Signature(KeyId([0xff; 8]))),
    }
}

pub fn release() -> Release {
    Release {
        fleet: name(),
        target: Target::Device(name()),
        sequence: u64::MAX,
        digest: DIGEST,
        blob_bytes: u32::MAX,
        block: BlockSize::KiB4,
        index_digest: DIGEST,
        needs: Needs {
            operator_set: u16::MAX,
            packing: u16::MAX,
            runtime: VERSION,
            arena_bytes: [u32::MAX; 8],
            input_schema: SCHEMA,
            output_schema: SCHEMA,
        },
        trial: Trial {
            inferences: u32::MAX,
            seconds: u32::MAX,
            deadline: u32::MAX,
            errors: u32::MAX,
            latency: u32::MAX,
            over_budget: u16::MAX,
            resets: u32::MAX,
        },
        shadow: Some(Shadow { samples: u32::MAX, agreement: u16::MAX }),
    }
}

pub fn block(bytes: &[u8]) -> Block<'_> {
    Block { content: CONTENT, part: Part::Blob, number: u32::MAX, data: BlockData::Data(bytes) }
}

pub fn stored() -> Stored {
    Stored { nonce: BOOT.nonce, through: u64::MAX }
}

pub fn configuration() -> Configuration {
    Configuration {
        fleet: name(),
        target: Target::Group(name()),
        id: u64::MAX,
        telemetry_period: u32::MAX,
        predictions: u16::MAX,
        logs: true,
    }
}

pub fn command(action: Action) -> Command {
    Command { fleet: name(), target: Target::Device(name()), id: u64::MAX, action }
}

pub fn longest_action() -> Action {
    Action::TrustKey { key: [0x11; 32], roles: Roles::OWNER }
}

/// A key of its own for each number.
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_secret(&[number; 32])
}

pub fn trusting(keys: &[(&SigningKey, Roles)]) -> TrustedKeys {
    let mut trusted = TrustedKeys::none();
    for (key, roles) in keys {
        trusted.trust(TrustedKey { key: key.public(), roles: *roles }).unwrap();
    }
    trusted
}
