//! `dunlin device provision`

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dunlin_protocol::{Name, Nonce};
use dunlin_provision::{Provision, ProvisionError, PublicKey};

use crate::broker::{BrokerArguments, name};
use crate::failure::{Code, Failure};
use crate::key_file::read_public;
use crate::output_file::OutputFile;

/// Write what a device is given once: its name, a fresh nonce, its broker and the keys that it trusts.
///
/// `dunlind` reads the file, `dunlin flash` carries it into a microcontroller. Nothing in it is secret: passwords and private keys stay in
/// files of their own, named relative to it. `{device}` in a path or user name stands for the device's name.
#[derive(clap::Args)]
#[command(
    after_help = "A list is CSV with a header; `device` must be among its columns, `groups` (separated by spaces) may be.\n\n\
    Examples:\n  \
    dunlin device provision --fleet demo --device pump-1 --broker mqtt://localhost --trust demo.pub -o device.toml\n  \
    dunlin device provision --fleet demo --list devices.csv --broker mqtts://broker.example --ca ca.pem \\\n    \
    --certificate {device}.pem --key {device}.key --trust content.pub operations.pub owner.pub -o devices/"
)]
pub struct Arguments {
    /// Name of the fleet: 1 to 32 of a-z, 0-9 and -
    #[arg(long, value_parser = name)]
    fleet: Name,
    /// Name of the device: 1 to 32 of a-z, 0-9 and -
    #[arg(long, value_parser = name, required_unless_present = "list", conflicts_with = "list")]
    device: Option<Name>,
    /// Devices to provision, as CSV; --output is a folder then
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// Groups that the device belongs to, at most 4
    #[arg(long, value_name = "NAME", value_parser = name, num_args = 1.., conflicts_with = "list")]
    groups: Vec<Name>,
    #[command(flatten)]
    broker: BrokerArguments,
    /// Public keys that the device trusts, at most 4
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    trust: Vec<PathBuf>,
    /// The file, or the folder for a list
    #[arg(long, short)]
    output: PathBuf,
}

impl From<ProvisionError> for Failure {
    fn from(error: ProvisionError) -> Failure {
        let failure = Failure::new(error.to_string()).code(Code::Unsupported);
        match std::error::Error::source(&error) {
            Some(cause) => failure.because(cause),
            None => failure,
        }
    }
}

/// One device to provision.
struct Device {
    name: Name,
    groups: Vec<Name>,
}

/// Writes the files.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let keys = arguments.trust.iter().map(|path| read_public(path)).collect::<Result<Vec<_>, _>>()?;
    let Some(list) = &arguments.list else {
        let name = arguments.device.clone().ok_or_else(|| Failure::new("no device is named"))?;
        let device = Device { name, groups: arguments.groups.clone() };
        let output = OutputFile::reserve(&arguments.output)?;
        return output.finish(provision(arguments, &device, &keys)?.as_bytes());
    };
    // All texts are made before the first is written, so that a list with a mistake leaves nothing behind.
    let texts = read_list(list)?
        .iter()
        .map(|device| Ok((device.name.clone(), provision(arguments, device, &keys)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let folder = &arguments.output;
    fs::create_dir_all(folder).map_err(|error| Failure::file("create", folder, &error))?;
    for (name, text) in &texts {
        OutputFile::reserve(&folder.join(format!("{name}.toml")))?.finish(text.as_bytes())?;
    }
    println!("{} devices provisioned in {}", texts.len(), folder.display());
    Ok(())
}

fn provision(arguments: &Arguments, device: &Device, keys: &[PublicKey]) -> Result<String, Failure> {
    let mut nonce = Nonce::default();
    getrandom::fill(&mut nonce.0)
        .map_err(|error| Failure::new("the operating system gives no random bytes").because(&error))?;
    let provision = Provision {
        fleet: arguments.fleet.clone(),
        device: device.name.clone(),
        nonce,
        groups: device.groups.clone(),
        trusted_keys: keys.to_vec(),
        broker: arguments.broker.broker(|text| text.replace("{device}", &device.name)),
    };
    Ok(provision.to_text()?)
}

fn read_list(path: &Path) -> Result<Vec<Device>, Failure> {
    let refuse = |line: u64, what: &str| {
        Failure::new(format!("{}, line {line}: {what}", path.display())).code(Code::Unsupported)
    };
    let unreadable = |error: &csv::Error| {
        Failure::new(format!("cannot read {}", path.display()))
            .because(error)
            .help("pass a CSV file with a header")
    };
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(|error| unreadable(&error))?;
    let header = reader.headers().map_err(|error| unreadable(&error))?.clone();
    if let Some(unknown) = header.iter().find(|column| !["device", "groups"].contains(column)) {
        return Err(refuse(1, &format!("the column `{unknown}` is unknown: use `device` and `groups`")));
    }
    let column = |name| header.iter().position(|column| column == name);
    let device = column("device").ok_or_else(|| refuse(1, "there is no column `device`"))?;
    let mut seen = BTreeSet::new();
    let mut devices = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let checked = |text: &str| {
            ProvisionError::name(text).map_err(|error| {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                refuse(line, &format!("the name `{text}` will not do: {cause}"))
            })
        };
        let name = checked(record.get(device).unwrap_or_default())?;
        if !seen.insert(name.as_str().to_owned()) {
            return Err(refuse(line, &format!("the device `{name}` is there twice")));
        }
        let groups = column("groups").and_then(|column| record.get(column)).unwrap_or_default();
        let groups = groups.split_whitespace().map(checked).collect::<Result<_, _>>()?;
        devices.push(Device { name, groups });
    }
    if devices.is_empty() {
        return Err(Failure::new(format!("{} lists no device", path.display())).code(Code::Unsupported));
    }
    Ok(devices)
}
