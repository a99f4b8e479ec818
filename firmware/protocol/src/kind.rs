//! Kinds of messages.

use core::fmt;

/// Who writes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The device.
    Up,
    /// The fleet.
    Down,
}

impl Direction {
    /// The part of the topic.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::Up => "up",
            Direction::Down => "down",
        }
    }
}

/// What a message is about: the last part of its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the types of the messages say it")]
pub enum Kind {
    Birth,
    Will,
    Update,
    Outbox,
    Report,
    Event,
    Prediction,
    Log,
    BlockRequest,
    Applied,
    Release,
    Block,
    Stored,
    Configuration,
    Command,
}

impl Kind {
    /// All kinds, in the order of the specification.
    pub const ALL: [Kind; 15] = [
        Kind::Birth,
        Kind::Will,
        Kind::Update,
        Kind::Outbox,
        Kind::Report,
        Kind::Event,
        Kind::Prediction,
        Kind::Log,
        Kind::BlockRequest,
        Kind::Applied,
        Kind::Release,
        Kind::Block,
        Kind::Stored,
        Kind::Configuration,
        Kind::Command,
    ];

    /// The part of the topic.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Birth => "birth",
            Kind::Will => "will",
            Kind::Update => "update",
            Kind::Outbox => "outbox",
            Kind::Report => "report",
            Kind::Event => "event",
            Kind::Prediction => "prediction",
            Kind::Log => "log",
            Kind::BlockRequest => "block-request",
            Kind::Applied => "applied",
            Kind::Release => "release",
            Kind::Block => "block",
            Kind::Stored => "stored",
            Kind::Configuration => "configuration",
            Kind::Command => "command",
        }
    }

    /// The kind of this direction and name.
    pub fn from_name(direction: Direction, name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.direction() == direction && kind.name() == name)
    }

    /// Who writes it.
    pub const fn direction(self) -> Direction {
        match self {
            Kind::Release | Kind::Block | Kind::Stored | Kind::Configuration | Kind::Command => {
                Direction::Down
            }
            _ => Direction::Up,
        }
    }

    /// MQTT's quality of service: 0 where the message is repeated or asked for again anyway, otherwise 1.
    pub const fn quality_of_service(self) -> u8 {
        match self {
            Kind::Prediction | Kind::Log | Kind::BlockRequest | Kind::Block | Kind::Stored => 0,
            _ => 1,
        }
    }

    /// Whether the broker keeps the last one for whoever subscribes later.
    pub const fn retained(self) -> bool {
        matches!(self, Kind::Birth | Kind::Will)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
