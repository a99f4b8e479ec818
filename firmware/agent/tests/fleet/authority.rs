//! Keys, and what they sign.

use std::sync::LazyLock;

use dunlin_agent::Profile;
use dunlin_kernel_tests::aligned_bytes::AlignedBytes;
use dunlin_protocol::message::{Action, BlockSize, Command, Configuration, Needs, Release, Target, Trial};
use dunlin_protocol::{
    Digest, Name, Nonce, Roles, SignedMessage, SigningKey, TrustedKey, TrustedKeys, write_index,
};
use dunlin_runtime::Model;

pub static CONTENT: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_secret(&[1; 32]));
pub static RELEASE: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_secret(&[2; 32]));
pub static OWNER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_secret(&[3; 32]));
pub static FOREIGN: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_secret(&[4; 32]));

pub const NONCE: Nonce = Nonce([7; 8]);

pub fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

pub fn profile() -> Profile {
    let mut keys = TrustedKeys::none();
    for (key, roles) in
        [(&OWNER, Roles::OWNER.and(Roles::CONTROL)), (&RELEASE, Roles::RELEASE), (&CONTENT, Roles::CONTENT)]
    {
        keys.trust(TrustedKey { key: key.public(), roles }).unwrap();
    }
    let mut profile = Profile::new(name("mill"), name("press-4"), NONCE, keys);
    profile.groups.push(name("presses")).unwrap();
    profile.window = 4;
    profile
}

/// A trial of 20 inferences and 30 seconds.
pub const TRIAL: Trial = Trial {
    inferences: 20,
    seconds: 30,
    deadline: 3600,
    errors: 0,
    latency: 10_000,
    over_budget: 100,
    resets: 2,
};

/// A release of a blob, for everyone.
pub fn release(sequence: u64, blob: &[u8]) -> Release {
    let aligned = AlignedBytes::copy(blob);
    let model = Model::open(&aligned).unwrap();
    let mut index = vec![0; blob.len()];
    let index = write_index(blob, BlockSize::KiB1, &mut index).unwrap();
    let header = model.program().header();
    let (input_schema, output_schema) = dunlin_agent::schemas(&model);
    Release {
        fleet: name("mill"),
        target: Target::Everyone,
        sequence,
        digest: Digest(model.header().digest),
        blob_bytes: blob.len() as u32,
        block: BlockSize::KiB1,
        index_digest: Digest::of(index),
        needs: Needs {
            operator_set: header.operator_set,
            packing: header.packing,
            runtime: Default::default(),
            arena_bytes: header.arena_bytes,
            input_schema,
            output_schema,
        },
        trial: TRIAL,
        shadow: None,
    }
}

pub fn command(id: u64, action: Action) -> Command {
    Command { fleet: name("mill"), target: Target::Everyone, id, action }
}

pub fn configuration(id: u64, telemetry_period: u32) -> Configuration {
    let (fleet, target) = (name("mill"), Target::Everyone);
    Configuration { fleet, target, id, telemetry_period, predictions: 0, logs: false }
}

pub fn signed<'a, M: SignedMessage<'a>>(key: &SigningKey, message: &M) -> Vec<u8> {
    key.sign(message, &mut vec![0; M::MAX_PAYLOAD]).unwrap().to_vec()
}
