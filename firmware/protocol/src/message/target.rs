//! For whom a release, configuration or command is.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::name::Name;

/// For whom something is, within a fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Target {
    /// All devices.
    Everyone,
    /// Devices of a group.
    Group(Name),
    /// One device.
    Device(Name),
}

impl Target {
    /// Whether a device of this name and these groups is meant.
    pub fn includes(&self, device: &Name, groups: &[Name]) -> bool {
        match self {
            Target::Everyone => true,
            Target::Group(group) => groups.contains(group),
            Target::Device(name) => name == device,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Everyone => write!(f, "everyone"),
            Target::Group(name) => write!(f, "group {name}"),
            Target::Device(name) => write!(f, "device {name}"),
        }
    }
}
