//! Topics: `dunlin/1/<fleet>/<device>/<direction>/<kind>`.

use core::fmt;

use crate::kind::{Direction, Kind};
use crate::list::Text;
use crate::name::{MAX_NAME, Name, NameError};

/// Begins every topic; the number is the version of the scheme.
const PREFIX: &str = "dunlin/1/";

/// Longest topic, in bytes: two names, `down` and `configuration`.
pub const MAX_TOPIC: usize = PREFIX.len() + MAX_NAME + 1 + MAX_NAME + 1 + 4 + 1 + 13;

/// Where a message is published.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic {
    /// The fleet.
    pub fleet: Name,
    /// The device that writes or reads the message.
    pub device: Name,
    /// What it is about; decides the direction.
    pub kind: Kind,
}

impl Topic {
    /// The topic as MQTT wants it.
    pub fn text(&self) -> Text<MAX_TOPIC> {
        joined(&self.fleet, &self.device, self.kind.direction(), self.kind.name())
    }

    /// Parses a topic.
    ///
    /// # Errors
    /// If it is not exactly what [`Topic::text`] writes.
    pub fn parse(topic: &str) -> Result<Topic, TopicError> {
        // A closure: the search for a `char` has a panic that the compiler does not see to be out of reach.
        let is_separator = |character| character == '/';
        let mut parts = topic.strip_prefix(PREFIX).ok_or(TopicError::Prefix)?.split(is_separator);
        let mut next = || parts.next().ok_or(TopicError::Parts);
        let (fleet, device, direction, kind) = (next()?, next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(TopicError::Parts);
        }
        let direction = match direction {
            "up" => Direction::Up,
            "down" => Direction::Down,
            _ => return Err(TopicError::Kind),
        };
        Ok(Topic {
            fleet: Name::new(fleet).map_err(TopicError::Fleet)?,
            device: Name::new(device).map_err(TopicError::Device)?,
            kind: Kind::from_name(direction, kind).ok_or(TopicError::Kind)?,
        })
    }
}

/// What a device subscribes to.
pub fn device_subscription(fleet: &Name, device: &Name) -> Text<MAX_TOPIC> {
    joined(fleet, device, Direction::Down, "+")
}

/// What a fleet service subscribes to. For a shared subscription it goes behind `$share/<group>/`.
pub fn fleet_subscription(fleet: &Name) -> Text<MAX_TOPIC> {
    joined(fleet, "+", Direction::Up, "+")
}

/// The parts of a topic or subscription. They fit, by the definition of `MAX_TOPIC`.
fn joined(fleet: &str, device: &str, direction: Direction, kind: &str) -> Text<MAX_TOPIC> {
    let mut text = Text::default();
    for part in [PREFIX, fleet, "/", device, "/", direction.name(), "/", kind] {
        let _ = text.push_str(part);
    }
    text
}

/// Why a topic was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicError {
    /// It does not begin with `dunlin/1/`.
    Prefix,
    /// It has more or fewer parts than a topic.
    Parts,
    /// The fleet's name is none.
    Fleet(NameError),
    /// The device's name is none.
    Device(NameError),
    /// No kind of this direction has this name.
    Kind,
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopicError::Prefix => write!(f, "the topic does not begin with {PREFIX}"),
            TopicError::Parts => {
                write!(f, "the topic is not {PREFIX}<fleet>/<device>/up/<kind> or …/down/<kind>")
            }
            TopicError::Fleet(error) => write!(f, "the topic's fleet: {error}"),
            TopicError::Device(error) => write!(f, "the topic's device: {error}"),
            TopicError::Kind => write!(f, "the topic ends in a kind that is not known"),
        }
    }
}

impl core::error::Error for TopicError {}
