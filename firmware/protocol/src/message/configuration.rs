//! Settings of a device.

use core::ops::RangeInclusive;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use super::Target;
use crate::codec::Body;
use crate::kind::Kind;
use crate::name::Name;
use crate::signed::{Roles, SignedMessage, domain};

/// Telemetry periods that a device accepts, in seconds.
pub const TELEMETRY_PERIODS: RangeInclusive<u32> = 10..=86_400;

/// Replaces all settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Configuration {
    /// The fleet.
    pub fleet: Name,
    /// For whom in the fleet.
    pub target: Target,
    /// Grows with every configuration of the fleet.
    pub id: u64,
    /// Length of a telemetry window, in seconds.
    pub telemetry_period: u32,
    /// How many predictions are sampled, per mille.
    pub predictions: u16,
    /// Whether logs are sent.
    pub logs: bool,
}

impl Configuration {
    /// Whether all values are in their ranges.
    pub fn is_in_range(&self) -> bool {
        TELEMETRY_PERIODS.contains(&self.telemetry_period) && self.predictions <= 1000
    }
}

impl Body<'_> for Configuration {
    const KIND: Kind = Kind::Configuration;
}

impl SignedMessage<'_> for Configuration {
    const DOMAIN: [u8; 24] = domain("dunlin/1/configuration");
    const ROLES: Roles = Roles::CONTROL;

    fn required_role(&self) -> Roles {
        Roles::CONTROL
    }
}
