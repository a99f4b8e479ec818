//! Where an array is.

use std::fmt;
use std::path::PathBuf;

/// A file, and for archives the key of an array in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub path: PathBuf,
    /// The key behind `.npz:`, if there is one.
    pub key: Option<String>,
}

impl Location {
    /// Splits `x.npz:key`; anything else is a path.
    pub fn parse(text: &str) -> Location {
        match text.rsplit_once(".npz:") {
            Some((stem, key)) => {
                Location { path: PathBuf::from(format!("{stem}.npz")), key: Some(key.to_owned()) }
            }
            None => Location { path: PathBuf::from(text), key: None },
        }
    }

    /// The ending of the file's name in lower case, without the dot.
    pub(super) fn extension(&self) -> String {
        self.path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path.display())?;
        self.key.as_ref().map_or(Ok(()), |key| write!(formatter, ":{key}"))
    }
}
