//! `dunlin keys`

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use dunlin_protocol::Roles;
use dunlin_provision::{parse_roles, to_hexadecimal};

use crate::failure::Failure;
use crate::key_file::{PrivateKey, create_public, read_public};

/// Make and show keys.
///
/// A key signs what its roles say. content: models. release: permission to install. control: configurations and commands. owner:
/// which keys are trusted. Devices refuse anything else that it signed.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(NewArguments),
    Show(ShowArguments),
}

/// Make a key: NAME.key is the secret, NAME.pub goes to devices.
#[derive(clap::Args)]
#[command(
    after_help = "One key for all roles is fine for a first try. For a fleet, whoever trains models gets a content key, \
    whoever rolls them out a release and control key, and the owner key stays offline.\n\n\
    Examples:\n  \
    dunlin keys new content --role content\n  \
    dunlin keys new operations --role release,control\n  \
    dunlin keys new owner --role owner"
)]
struct NewArguments {
    /// Name of the two files, with or without a folder
    name: PathBuf,
    /// What it may sign: owner, release, control, content
    #[arg(long, value_name = "ROLES", default_value = "content,release,control,owner", value_parser = roles)]
    role: Roles,
}

/// Show identifier, roles and public key of a .key or .pub file.
#[derive(clap::Args)]
struct ShowArguments {
    /// The key
    file: PathBuf,
}

fn roles(text: &str) -> Result<Roles, String> {
    parse_roles(text).map_err(|error| error.to_string())
}

/// Makes or shows.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::New(arguments) => new(arguments),
        Command::Show(arguments) => show(&arguments.file),
    }
}

fn new(arguments: &NewArguments) -> Result<(), Failure> {
    let (private, public) = (with_ending(&arguments.name, ".key"), with_ending(&arguments.name, ".pub"));
    if public.exists() {
        return Err(Failure::new(format!("{} exists, and keys are never overwritten", public.display()))
            .help("choose another name, or move the old key away"));
    }
    let key = PrivateKey::create(&private, arguments.role)?;
    create_public(&public, &key.public())?;
    println!("  {:<10} {}", "key", key.key.id());
    println!("  {:<10} {}", "may sign", key.roles);
    println!("  {:<10} {}, secret: whoever has it can sign", "private", private.display());
    println!("  {:<10} {}, for `dunlin device provision --trust`", "public", public.display());
    Ok(())
}

fn show(file: &Path) -> Result<(), Failure> {
    let is_private = file.extension().is_some_and(|ending| ending == "key");
    let key = if is_private { PrivateKey::read(file)?.public() } else { read_public(file)? };
    println!("  {:<10} {}", "key", key.0.id());
    println!("  {:<10} {}", "may sign", key.0.roles);
    println!("  {:<10} {}", "public", to_hexadecimal(&key.0.key));
    Ok(())
}

fn with_ending(name: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(name);
    name.push(ending);
    name.into()
}
