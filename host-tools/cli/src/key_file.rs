//! Keys on disk: one line of text each, saying what it is.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use dunlin_protocol::{Roles, SigningKey, TrustedKey};
use dunlin_provision::{PublicKey, from_hexadecimal, parse_roles, to_hexadecimal};

use crate::failure::Failure;

/// Begins the line of a private key.
const PREFIX: &str = "dunlin-private-key";

/// A private key and what it is meant to sign.
pub struct PrivateKey {
    pub key: SigningKey,
    pub roles: Roles,
}

impl PrivateKey {
    /// Draws a key and writes it where nothing is yet, readable for nobody else.
    pub fn create(path: &Path, roles: Roles) -> Result<PrivateKey, Failure> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| {
            Failure::new("the operating system gives no random bytes").because(&error).help("try again")
        })?;
        let text = format!("{PREFIX} {roles} {}\n", to_hexadecimal(&secret));
        create(path, &text, 0o600)?;
        Ok(PrivateKey { key: SigningKey::from_secret(&secret), roles })
    }

    /// Reads a key that nobody else can read.
    pub fn read(path: &Path) -> Result<PrivateKey, Failure> {
        refuse_if_readable(path)?;
        let text = read(path)?;
        let mut words = text.split_whitespace();
        let refuse = |what: &str| {
            Failure::new(format!("{} is no private key: {what}", path.display()))
                .help("pass the .key file that `dunlin keys new` wrote")
        };
        if words.next() != Some(PREFIX) {
            return Err(refuse(&format!("it does not begin with `{PREFIX}`")));
        }
        let roles =
            parse_roles(words.next().unwrap_or_default()).map_err(|error| refuse(&error.to_string()))?;
        match (words.next().and_then(from_hexadecimal), words.next()) {
            (Some(secret), None) => Ok(PrivateKey { key: SigningKey::from_secret(&secret), roles }),
            _ => Err(refuse("it does not end with 64 hexadecimal digits")),
        }
    }

    /// Reads a key that may sign what `role` says.
    pub fn read_with(path: &Path, role: Roles) -> Result<SigningKey, Failure> {
        let PrivateKey { key, roles } = PrivateKey::read(path)?;
        if roles.any_of(role) {
            return Ok(key);
        }
        Err(Failure::new(format!("{} is a key for {roles}, and {role} is needed", path.display()))
            .help(format!("pass a key that was made with `dunlin keys new NAME --role {role}`")))
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(TrustedKey { key: self.key.public(), roles: self.roles })
    }
}

/// Reads a public key.
pub fn read_public(path: &Path) -> Result<PublicKey, Failure> {
    read(path)?.parse().map_err(|error| Failure::new(format!("{} is no public key: {error}", path.display())))
}

/// Writes a public key where nothing is yet.
pub fn create_public(path: &Path, key: &PublicKey) -> Result<(), Failure> {
    create(path, &format!("{key}\n"), 0o644)
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("cannot read {}", path.display()))
            .because(&error)
            .help("check the path and its permissions")
    })
}

fn create(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::new(format!("{} exists, and keys are never overwritten", path.display()))
                .help("choose another name, or move the old key away")
        }
        _ => Failure::file("write", path, &error),
    })
}

#[cfg(unix)]
fn refuse_if_readable(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_or(0, |found| found.permissions().mode());
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} can be read or changed by others (mode {:04o})",
        path.display(),
        mode & 0o7777
    ))
    .help(format!(
        "`chmod 600 {}`; if others may have read it, make a new key and revoke this one",
        path.display()
    )))
}

#[cfg(not(unix))]
fn refuse_if_readable(_: &Path) -> Result<(), Failure> {
    Ok(())
}
