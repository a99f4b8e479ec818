//! The file that a device is given.

use std::path::{Path, PathBuf};

use dunlin_protocol::message::{MAX_GROUPS, MAX_KEYS};
use dunlin_protocol::{KeyChangeError, Name, NameError, Nonce, TrustedKeys};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::broker::Broker;
use crate::public_key::PublicKey;

/// What a device is given once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provision {
    /// The fleet.
    pub fleet: Name,
    /// The device.
    pub device: Name,
    /// Drawn for this provisioning: it tells the boots of a device that was provisioned anew from those before.
    pub nonce: Nonce,
    /// Groups that the device belongs to, at most 4.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Name>,
    /// Keys that the device trusts until its owner changes them by command, as `.pub` files have them; at most 4.
    pub trusted_keys: Vec<PublicKey>,
    /// The broker.
    pub broker: Broker,
}

impl Provision {
    /// Reads a file; paths in it become relative to its folder.
    ///
    /// # Errors
    /// If it cannot be read, or is no provisioning.
    pub fn read(path: &Path) -> Result<Provision, ProvisionError> {
        let error = |cause| ProvisionError::Read { path: path.to_owned(), cause };
        let text = std::fs::read_to_string(path).map_err(error)?;
        let provision: Provision = toml::from_str(&text)
            .map_err(|cause| ProvisionError::Text { path: path.to_owned(), cause: Box::new(cause) })?;
        provision.check()?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(Provision { broker: provision.broker.in_folder(folder), ..provision })
    }

    /// The file's content.
    ///
    /// # Errors
    /// If it is too much for a device, or does not fit together.
    pub fn to_text(&self) -> Result<String, ProvisionError> {
        self.check()?;
        // Names, numbers and paths: only a path that is no UTF-8 cannot be written.
        toml::to_string(self).map_err(|_| ProvisionError::Broker("a path is not UTF-8: rename it".into()))
    }

    /// The client id at the broker, always the same, so that a broker ends an old connection when the device comes back.
    pub fn client_id(&self) -> String {
        format!("{}.{}", self.fleet, self.device)
    }

    /// The keys as a device holds them.
    ///
    /// # Errors
    /// If there are too many, or one is weak.
    pub fn keys(&self) -> Result<TrustedKeys, ProvisionError> {
        let mut keys = TrustedKeys::none();
        for key in &self.trusted_keys {
            keys.trust(key.0).map_err(|cause| ProvisionError::Key { key: *key, cause })?;
        }
        Ok(keys)
    }

    fn check(&self) -> Result<(), ProvisionError> {
        if self.groups.len() > MAX_GROUPS {
            return Err(ProvisionError::Groups(self.groups.len()));
        }
        if self.trusted_keys.is_empty() {
            return Err(ProvisionError::NoKeys);
        }
        self.keys()?;
        self.broker.check().map_err(ProvisionError::Broker)
    }
}

/// Why a device cannot be provisioned so.
#[derive(Debug, Error)]
pub enum ProvisionError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The file says something else.
    #[error("{} is no provisioning: write one with `dunlin device provision`", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        cause: Box<toml::de::Error>,
    },
    /// A name that is none.
    #[error("the name `{name}` will not do")]
    Name {
        /// The name.
        name: String,
        /// Why.
        #[source]
        cause: NameError,
    },
    /// Too many groups.
    #[error("{0} groups are too many: a device belongs to {MAX_GROUPS} at most")]
    Groups(usize),
    /// Nothing could ever be installed.
    #[error("no key is trusted: give {MAX_KEYS} at most, with the roles content and release among them")]
    NoKeys,
    /// A key that a device refuses.
    #[error("cannot trust `{key}`")]
    Key {
        /// The key.
        key: PublicKey,
        /// Why.
        #[source]
        cause: KeyChangeError,
    },
    /// The settings of the broker do not fit together.
    #[error("{0}")]
    Broker(String),
}

impl ProvisionError {
    /// Checks a name.
    ///
    /// # Errors
    /// With the name itself.
    pub fn name(name: &str) -> Result<Name, ProvisionError> {
        Name::new(name).map_err(|cause| ProvisionError::Name { name: name.to_owned(), cause })
    }
}
