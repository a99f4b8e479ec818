//! Boots and versions.

use core::cmp::Ordering;
use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::bytes::Nonce;

/// One run of a device, from reset to reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize)]
pub struct Boot {
    /// Drawn when the device was provisioned. Counts of different nonces cannot be compared.
    pub nonce: Nonce,
    /// Boots since then, from 1.
    pub count: u32,
}

/// By count. `None` for boots of different provisionings: the nonce that the device was last given decides there.
impl PartialOrd for Boot {
    fn partial_cmp(&self, other: &Boot) -> Option<Ordering> {
        (self.nonce == other.nonce).then(|| self.count.cmp(&other.count))
    }
}

impl fmt::Display for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.nonce, self.count)
    }
}

/// A version of the runtime.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, MaxSize,
)]
pub struct Version {
    /// Raised by incompatible changes.
    pub major: u16,
    /// Raised by additions.
    pub minor: u16,
    /// Raised by corrections.
    pub patch: u16,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}
