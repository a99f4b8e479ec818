//! Whether what is in a slot may run.

use dunlin_protocol::message::Rejection;
use dunlin_protocol::{Interface, Schema, schema};
use dunlin_runtime::format::{HEADER_BYTES, Manifest, TensorRecord, TensorSchema, section};
use dunlin_runtime::{Error, GoldenFailure, Model, SelfTest, Session, content_digest};
use dunlin_store::SlotId;
use embedded_storage_async::nor_flash::NorFlash;

use super::Device;
use crate::{Platform, Profile};

impl<F: NorFlash, P: Platform<F>> Device<'_, F, P> {
    /// Signature, structure and needs of a blob whose digest, as the flash has it, is right. The arena that it needs.
    pub(super) fn check_content(&mut self, slot: SlotId, signed: bool) -> Result<u32, Rejection> {
        let is_copy = self.platform.slot_copy(slot).is_some();
        let bytes = blob_bytes(&self.platform, &self.store, slot);
        let expected = self.agent.digest(slot).ok_or(Rejection::Digest)?;
        let stated = bytes.get(160..192).ok_or(Rejection::Digest)?;
        // Nobody has hashed a copy yet.
        if stated != expected.0 || (is_copy && content_digest(bytes) != expected.0) {
            return Err(Rejection::Digest);
        }
        if signed && !self.agent.keys().signed_content(bytes) {
            return Err(Rejection::ContentSignature);
        }
        let model = Model::open(bytes).map_err(|error| Rejection::Blob { code: code(&error) })?;
        let profile = self.agent.profile();
        let needed = u32::try_from(model.arena_bytes(profile.family)).unwrap_or(u32::MAX);
        let available = u32::try_from(self.memory.arena.len()).unwrap_or(u32::MAX);
        if needed > available {
            return Err(Rejection::Arena { needed, available });
        }
        check_schemas(&model, profile)?;
        let golden = model.section(section::GOLDEN).and_then(|golden| golden.first_chunk());
        if signed && golden.is_none_or(|count| u32::from_le_bytes(*count) == 0) {
            return Err(Rejection::NoGolden);
        }
        Ok(needed)
    }

    /// Runs the next golden vector of a slot. Whether more are left.
    pub(super) fn test_vector(&mut self, slot: SlotId, restart: bool) -> Result<bool, Rejection> {
        if restart {
            self.self_test = SelfTest::default();
        }
        let vector = self.self_test.passed();
        let refused = |error: Error| Rejection::Blob { code: code(&error) };
        let bytes = blob_bytes(&self.platform, &self.store, slot);
        let model = Model::open(bytes).map_err(refused)?;
        let family = self.agent.profile().family;
        let mut session = Session::with_family(&model, self.memory.arena, family).map_err(refused)?;
        session.self_test_step(&mut self.self_test).map_err(|failure| match failure {
            GoldenFailure::Run(error) => refused(error),
            _ => Rejection::Golden { vector },
        })
    }
}

/// The bytes of the blob in a slot, where they lie.
pub(super) fn blob_bytes<'a, F: NorFlash, P: Platform<F>>(
    platform: &'a P,
    store: &'a dunlin_store::Store<F>,
    slot: SlotId,
) -> &'a [u8] {
    let bytes = platform.slot(store.flash(), slot, store.layout().slot(slot));
    let length = store.blob(slot).map_or(0, |region| region.length as usize);
    bytes.get(..length).filter(|bytes| bytes.len() >= HEADER_BYTES).unwrap_or_default()
}

/// Whether application and model mean the same by samples and results.
fn check_schemas(model: &Model<'_>, profile: &Profile) -> Result<(), Rejection> {
    if profile.input_schema.is_none() && profile.output_schema.is_none() {
        return Ok(());
    }
    let (input, output) = schemas(model);
    if let Some(available) = profile.input_schema.filter(|available| *available != input) {
        return Err(Rejection::InputSchema { needed: input, available });
    }
    match profile.output_schema.filter(|available| *available != output) {
        Some(available) => Err(Rejection::OutputSchema { needed: output, available }),
        None => Ok(()),
    }
}

/// The schemas of inputs and outputs of a model, for releases and profiles. A blob without manifest has only dimensions.
pub fn schemas(model: &Model<'_>) -> (Schema, Schema) {
    let program = model.program();
    let manifest = model.manifest();
    let manifest = manifest.as_ref();
    let header = program.header();
    let inputs = (0..usize::from(header.input_count)).filter_map(|index| {
        Some(interface(program.input(index)?, manifest.and_then(|m: &Manifest<'_>| m.inputs.get(index))))
    });
    let outputs = (0..usize::from(header.output_count)).filter_map(|index| {
        Some(interface(program.output(index)?, manifest.and_then(|m: &Manifest<'_>| m.outputs.get(index))))
    });
    (schema(inputs), schema(outputs))
}

fn interface<'a>(tensor: &TensorRecord, described: Option<&TensorSchema<'a>>) -> Interface<'a> {
    Interface {
        rank: tensor.rank,
        dimensions: tensor.dims,
        name: described.map_or("", |described| described.name),
        unit: described.map_or("", |described| described.unit),
        labels: described.map_or("", |described| described.labels),
        preprocessing: described.map_or("", |described| described.preprocessing),
    }
}

/// The number by which a rejection names an error of the runtime (`docs/protocol.md`, "Up").
fn code(error: &Error) -> u16 {
    match error {
        Error::MisalignedBlob => 1,
        Error::Truncated { .. } => 2,
        Error::NotABlob => 3,
        Error::UnsupportedVersion(_) => 4,
        Error::UnsupportedOperatorSet { .. } => 5,
        Error::UnsupportedPacking(_) => 6,
        Error::MalformedHeader => 7,
        Error::MalformedSection(_) => 8,
        Error::MalformedTensor(_) => 9,
        Error::MalformedStep { .. } => 10,
        Error::ArenaTooSmall { .. } => 11,
        Error::UnavailableFamily(_) => 12,
        _ => 0,
    }
}
