//! A message of any kind, for those who watch.

use serde::Serialize;

use super::{
    Applied, Birth, Block, BlockRequest, Command, Configuration, Event, Log, Outbox, Prediction, Release,
    Report, Stored, Update, Will,
};
use crate::codec::{DecodeError, decode};
use crate::kind::Kind;
use crate::signed::Envelope;

/// A message of any kind. Signed ones are not verified: this is for reading, not for obeying.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "each variant is the message of its name")]
#[expect(clippy::large_enum_variant, reason = "hosts alone hold one, and one at a time")]
pub enum AnyMessage<'a> {
    Birth(Birth),
    Will(Will),
    Update(Update),
    Outbox(Outbox),
    Report(Report),
    Event(Event),
    Prediction(Prediction),
    Log(Log<'a>),
    BlockRequest(BlockRequest),
    Applied(Applied),
    Release(Release),
    Block(Block<'a>),
    Stored(Stored),
    Configuration(Configuration),
    Command(Command),
}

impl<'a> AnyMessage<'a> {
    /// Reads a payload of the kind that its topic says.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn decode(kind: Kind, payload: &'a [u8]) -> Result<AnyMessage<'a>, DecodeError> {
        Ok(match kind {
            Kind::Birth => AnyMessage::Birth(decode(payload)?),
            Kind::Will => AnyMessage::Will(decode(payload)?),
            Kind::Update => AnyMessage::Update(decode(payload)?),
            Kind::Outbox => AnyMessage::Outbox(decode(payload)?),
            Kind::Report => AnyMessage::Report(decode(payload)?),
            Kind::Event => AnyMessage::Event(decode(payload)?),
            Kind::Prediction => AnyMessage::Prediction(decode(payload)?),
            Kind::Log => AnyMessage::Log(decode(payload)?),
            Kind::BlockRequest => AnyMessage::BlockRequest(decode(payload)?),
            Kind::Applied => AnyMessage::Applied(decode(payload)?),
            Kind::Release => AnyMessage::Release(Envelope::parse(payload)?.read_unverified()?),
            Kind::Block => AnyMessage::Block(decode(payload)?),
            Kind::Stored => AnyMessage::Stored(decode(payload)?),
            Kind::Configuration => AnyMessage::Configuration(Envelope::parse(payload)?.read_unverified()?),
            Kind::Command => AnyMessage::Command(Envelope::parse(payload)?.read_unverified()?),
        })
    }
}
