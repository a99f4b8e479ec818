//! Names of fleets, devices and groups.

use core::fmt;
use core::ops::Deref;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::list::Text;

/// Longest name, in bytes.
pub const MAX_NAME: usize = 32;

/// 1 to 32 of `a`–`z`, `0`–`9` and `-`: safe in topics, subscriptions, ACL files, file names and host names.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Text<MAX_NAME>", into = "Text<MAX_NAME>")]
pub struct Name(Text<MAX_NAME>);

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// If it is empty, too long, or has a character that no name has.
    pub fn new(name: &str) -> Result<Name, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if let Some(character) =
            name.chars().find(|character| !matches!(character, 'a'..='z' | '0'..='9' | '-'))
        {
            return Err(NameError::Character(character));
        }
        let mut text = Text::default();
        text.push_str(name).map_err(|_| NameError::TooLong(name.len()))?;
        Ok(Name(text))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<Text<MAX_NAME>> for Name {
    type Error = NameError;

    fn try_from(text: Text<MAX_NAME>) -> Result<Name, NameError> {
        Name::new(&text)
    }
}

impl From<Name> for Text<MAX_NAME> {
    fn from(name: Name) -> Text<MAX_NAME> {
        name.0
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl MaxSize for Name {
    const POSTCARD_MAX_SIZE: usize = Text::<MAX_NAME>::POSTCARD_MAX_SIZE;
}

/// Why a name was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// No characters.
    Empty,
    /// More than 32 bytes.
    TooLong(usize),
    /// A character that no name has.
    Character(char),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => write!(f, "a name is empty: give it 1 to {MAX_NAME} of a-z, 0-9 and -"),
            NameError::TooLong(length) => {
                write!(f, "a name has {length} bytes: shorten it to {MAX_NAME}")
            }
            NameError::Character(character) => {
                let number = u32::from(*character);
                // The character itself may be one that a terminal obeys.
                if character.is_ascii_graphic() {
                    write!(f, "a name has the character {character}: use a-z, 0-9 and - only")
                } else {
                    write!(f, "a name has the character U+{number:04X}: use a-z, 0-9 and - only")
                }
            }
        }
    }
}

impl core::error::Error for NameError {}
