//! Where the broker is, and who one is to it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The broker of a fleet, and the credentials for it. Paths are relative to the file that they stand in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// Address.
    pub url: BrokerUrl,
    /// Certificate of the authority that signed the broker's, in PEM; those of the operating system without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Certificate of one's own, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// Private key of one's own, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// User name, for brokers that ask for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// File that holds the password alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

impl Broker {
    /// A broker that asks for nothing.
    pub const fn new(url: BrokerUrl) -> Broker {
        Broker { url, ca: None, certificate: None, key: None, username: None, password_file: None }
    }

    /// What fits together and what does not.
    ///
    /// # Errors
    /// In words that name the settings.
    pub fn check(&self) -> Result<(), String> {
        if self.certificate.is_some() != self.key.is_some() {
            return Err("`certificate` and `key` belong together: give both or none".into());
        }
        if self.username.is_some() != self.password_file.is_some() {
            return Err("`username` and `password_file` belong together: give both or none".into());
        }
        if !self.url.tls && (self.ca.is_some() || self.certificate.is_some()) {
            return Err(format!("certificates need TLS: write the broker as mqtts://{}", self.url.host));
        }
        Ok(())
    }

    /// The same with paths that are relative to `folder`.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Broker {
        let paths = [&mut self.ca, &mut self.certificate, &mut self.key, &mut self.password_file];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&path);
        }
        self
    }
}

/// Address of a broker: `mqtt://host[:port]`, or `mqtts://…` for TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BrokerUrl {
    /// Name or IPv4 address.
    pub host: String,
    /// TCP port: 1883, or 8883 for TLS, if nothing else is said.
    pub port: u16,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

impl FromStr for BrokerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<BrokerUrl, UrlError> {
        let (scheme, address) = text.split_once("://").ok_or_else(|| UrlError::Scheme(text.to_owned()))?;
        let tls = match scheme {
            "mqtt" => false,
            "mqtts" => true,
            _ => return Err(UrlError::Scheme(text.to_owned())),
        };
        let address = address.strip_suffix('/').unwrap_or(address);
        let (host, port) = match address.split_once(':') {
            None => (address, if tls { 8883 } else { 1883 }),
            Some((host, port)) => {
                let number = port.parse().ok().filter(|&number| number > 0);
                (host, number.ok_or_else(|| UrlError::Port(port.to_owned()))?)
            }
        };
        let is_named = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
        if host.is_empty() || !host.chars().all(is_named) {
            return Err(UrlError::Host(host.to_owned()));
        }
        Ok(BrokerUrl { host: host.to_owned(), port, tls })
    }
}

impl TryFrom<String> for BrokerUrl {
    type Error = UrlError;

    fn try_from(text: String) -> Result<BrokerUrl, UrlError> {
        text.parse()
    }
}

impl From<BrokerUrl> for String {
    fn from(url: BrokerUrl) -> String {
        url.to_string()
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", if self.tls { "mqtts" } else { "mqtt" }, self.host, self.port)
    }
}

/// Why an address is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Neither `mqtt://` nor `mqtts://`.
    #[error("`{0}` is no address of a broker: write mqtt://host:port, or mqtts://host:port for TLS")]
    Scheme(String),
    /// Nothing that could be looked up.
    #[error("`{0}` is no name of a host and no IPv4 address")]
    Host(String),
    /// Not 1 to 65535.
    #[error("`{0}` is no port: use 1 to 65535")]
    Port(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_others_are_refused() {
        let url = |text: &str| text.parse::<BrokerUrl>();
        assert_eq!(url("mqtt://localhost").map(|url| url.to_string()), Ok("mqtt://localhost:1883".into()));
        assert_eq!(url("mqtts://b.example/").map(|url| url.to_string()), Ok("mqtts://b.example:8883".into()));
        assert_eq!(url("mqtt://10.0.2.2:99").map(|url| url.port), Ok(99));
        assert_eq!(url("http://b"), Err(UrlError::Scheme("http://b".into())));
        assert_eq!(url("localhost:1883"), Err(UrlError::Scheme("localhost:1883".into())));
        assert_eq!(url("mqtt://"), Err(UrlError::Host(String::new())));
        assert_eq!(url("mqtt://user@b"), Err(UrlError::Host("user@b".into())));
        assert_eq!(url("mqtt://b:0"), Err(UrlError::Port("0".into())));
        assert_eq!(url("mqtt://b:65536"), Err(UrlError::Port("65536".into())));
    }
}
