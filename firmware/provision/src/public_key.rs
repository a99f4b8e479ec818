//! Public keys as a line of text: `dunlin-public-key content+release 3b6a…`.

use std::fmt;
use std::str::FromStr;

use dunlin_protocol::{Roles, TrustedKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::hexadecimal::{from_hexadecimal, to_hexadecimal};

/// Begins the line.
const PREFIX: &str = "dunlin-public-key";

/// All roles by name.
const ROLES: [(&str, Roles); 4] = [
    ("content", Roles::CONTENT),
    ("release", Roles::RELEASE),
    ("control", Roles::CONTROL),
    ("owner", Roles::OWNER),
];

/// A public key and its roles, as a `.pub` file and a provisioning hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(pub TrustedKey);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX} {} {}", self.0.roles, to_hexadecimal(&self.0.key))
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        key.to_string()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyTextError;

    fn try_from(text: String) -> Result<PublicKey, KeyTextError> {
        text.parse()
    }
}

impl FromStr for PublicKey {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<PublicKey, KeyTextError> {
        let mut words = text.split_whitespace();
        if words.next() != Some(PREFIX) {
            let private = text.trim_start().starts_with("dunlin-private-key");
            return Err(if private { KeyTextError::Private } else { KeyTextError::Prefix });
        }
        let roles = parse_roles(words.next().unwrap_or_default())?;
        let key = words.next().and_then(from_hexadecimal).ok_or(KeyTextError::Digits)?;
        if words.next().is_some() {
            return Err(KeyTextError::Digits);
        }
        Ok(PublicKey(TrustedKey { key, roles }))
    }
}

/// Reads roles: names with `+` or `,` between them.
///
/// # Errors
/// If there is none, or one that is none.
pub fn parse_roles(text: &str) -> Result<Roles, KeyTextError> {
    text.split(['+', ','])
        .map(|name| {
            let role = ROLES.into_iter().find(|(known, _)| *known == name.trim());
            role.map(|(_, role)| role).ok_or_else(|| KeyTextError::Role(name.to_owned()))
        })
        .reduce(|all, role| Ok(all?.and(role?)))
        .unwrap_or_else(|| Err(KeyTextError::Role(String::new())))
}

/// The names of the roles in a set.
pub fn role_names(roles: Roles) -> impl Iterator<Item = &'static str> {
    ROLES.into_iter().filter(move |(_, role)| roles.any_of(*role)).map(|(name, _)| name)
}

/// Why a text is no public key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyTextError {
    /// Another first word.
    #[error("it does not begin with `{PREFIX}`: pass the .pub file that `dunlin keys new` wrote")]
    Prefix,
    /// A private key where a public one belongs.
    #[error("it is a private key: pass the .pub file beside it, and keep this one where it is")]
    Private,
    /// A role that is none.
    #[error("`{0}` is no role: the roles are content, release, control and owner")]
    Role(String),
    /// Not 32 bytes.
    #[error("it does not end with a key of 64 hexadecimal digits")]
    Digits,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_text() {
        let roles = Roles::CONTENT.and(Roles::OWNER);
        let key = PublicKey(TrustedKey { key: [0xa7; 32], roles });
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(role_names(roles).collect::<Vec<_>>(), ["content", "owner"]);
        assert_eq!(parse_roles("owner,content"), Ok(roles));
    }

    #[test]
    fn other_text_is_refused_by_what_is_wrong_with_it() {
        let digits = "a7".repeat(32);
        for (text, error) in [
            (String::new(), KeyTextError::Prefix),
            (format!("ssh-ed25519 content {digits}"), KeyTextError::Prefix),
            (format!("dunlin-private-key content {digits}"), KeyTextError::Private),
            (format!("{PREFIX} driver {digits}"), KeyTextError::Role("driver".into())),
            (format!("{PREFIX} {digits}"), KeyTextError::Role(digits.clone())),
            (format!("{PREFIX} content {}", &digits[1..]), KeyTextError::Digits),
            (format!("{PREFIX} content {digits} {digits}"), KeyTextError::Digits),
        ] {
            assert_eq!(text.parse::<PublicKey>(), Err(error), "{text}");
        }
    }
}
