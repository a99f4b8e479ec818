//! The reference section.

use dunlin_runtime::format::Reference;

use super::error::PackError;
use super::options::ReferenceData;

/// Version of the section's structure.
const VERSION: u8 = 1;

/// The section's bytes.
///
/// # Errors
/// If there are more distributions than the format can count.
pub(super) fn section(data: &ReferenceData) -> Result<Vec<u8>, PackError> {
    let count = |what, count: usize| {
        u16::try_from(count).map_err(|_| PackError::TooLarge { what, count, limit: u16::MAX.into() })
    };
    let header = Reference {
        version: VERSION,
        samples: data.samples,
        features: count("distributions of features", data.features.len())?,
        outputs: count("distributions of outputs", data.outputs.len())?,
    };
    let mut bytes = Vec::new();
    for part in std::iter::once(postcard::to_allocvec(&header))
        .chain(data.features.iter().chain(&data.outputs).map(postcard::to_allocvec))
    {
        bytes.extend(part.unwrap_or_else(|error| unreachable!("numbers always serialize: {error}")));
    }
    Ok(bytes)
}
