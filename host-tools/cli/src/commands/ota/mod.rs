//! `dunlin ota`

mod content;
mod rules;
mod serve;
mod targets;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use dunlin_protocol::message::{BlockSize, Release, Shadow, Target, Trial};
use dunlin_protocol::{Name, Roles, SignedMessage, fleet_subscription};

use crate::blob_file::BlobFile;
use crate::broker::{self, BrokerArguments, name};
use crate::failure::Failure;
use crate::key_file::PrivateKey;
use content::Content;
use serve::{Offer, serve};

/// Update devices over the air.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Push(PushArguments),
}

/// Offer a signed blob to devices, serve its blocks, and wait until they have run it.
///
/// Signs a release with the release key and sends it to each device that is meant, again whenever one connects. Devices fetch the blocks that
/// they do not hold yet, check everything, run the test vectors, and serve the model on trial. Ends well when all of them report that the
/// trial has passed.
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 confirmed by all devices, 1 rejected, rolled back or not finished in time.\n\n\
    Examples:\n  \
    dunlin ota push model.dnl --fleet demo --device pump-1 --release-key release.key --broker mqtt://localhost\n  \
    dunlin ota push model.dnl --fleet demo --group lab --release-key release.key --broker mqtts://broker.example \\\n    \
    --trial inferences=500,seconds=600,errors=1,latency=5000,over-budget=10 --shadow samples=200,agreement=950"
)]
struct PushArguments {
    /// The blob, signed with `dunlin sign`
    model: PathBuf,
    /// The fleet
    #[arg(long, value_parser = name)]
    fleet: Name,
    #[command(flatten)]
    target: TargetArguments,
    /// Private key with the role release
    #[arg(long, value_name = "FILE")]
    release_key: PathBuf,
    #[command(flatten)]
    broker: BrokerArguments,
    /// Bytes of a block
    #[arg(long, value_name = "BYTES", default_value = "1024", value_parser = block_size)]
    block: BlockSize,
    /// What the new model must do before it is confirmed: inferences, seconds (both must pass), deadline (s, 0: none), errors, latency
    /// (budget in µs, 0: none), over-budget (per mille), resets
    #[arg(long, value_name = "RULES", default_value = rules::DEFAULT_TRIAL, value_parser = rules::parse_trial)]
    trial: Trial,
    /// Run both models on so many samples first, which must agree so often (per mille): samples=200,agreement=950
    #[arg(long, value_name = "RULES", value_parser = rules::parse_shadow)]
    shadow: Option<Shadow>,
    /// Number of the release, above that of all earlier ones; by default the milliseconds since 1970
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    sequence: Option<u64>,
    /// Seconds after which to give up
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    timeout: u64,
}

/// For whom the model is.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct TargetArguments {
    /// One device
    #[arg(long, value_name = "NAME", value_parser = name)]
    device: Option<Name>,
    /// The devices of a group
    #[arg(long, value_name = "NAME", value_parser = name)]
    group: Option<Name>,
    /// All devices of the fleet
    #[arg(long)]
    everyone: bool,
}

impl TargetArguments {
    fn target(&self) -> Target {
        match (&self.device, &self.group) {
            (Some(device), _) => Target::Device(device.clone()),
            (None, Some(group)) => Target::Group(group.clone()),
            (None, None) => Target::Everyone,
        }
    }
}

fn block_size(text: &str) -> Result<BlockSize, String> {
    let known = BlockSize::ALL.into_iter().find(|size| size.bytes().to_string() == text);
    known.ok_or_else(|| "blocks have 1024, 2048 or 4096 bytes".into())
}

/// Pushes.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Command::Push(arguments) = &arguments.command;
    let key = PrivateKey::read_with(&arguments.release_key, Roles::RELEASE)?;
    let file = BlobFile::read(&arguments.model)?;
    let model = file.open()?;
    let content = Content::new(&model, arguments.block, file.path())?;
    let release = Release {
        fleet: arguments.fleet.clone(),
        target: arguments.target.target(),
        sequence: arguments.sequence.unwrap_or_else(milliseconds_since_1970),
        digest: content.digest(),
        blob_bytes: content.geometry().blob_bytes,
        block: arguments.block,
        index_digest: content.index_digest(),
        needs: content::needs(&model),
        trial: arguments.trial,
        shadow: arguments.shadow,
    };
    let mut payload = [0; Release::MAX_PAYLOAD];
    let payload = key
        .sign(&release, &mut payload)
        .map_err(|error| Failure::new("the release cannot be signed").because(&error))?;
    println!(
        "  {:<10} {} for {}, signed by key {}\n  {:<10} {}, {} bytes in {} blocks",
        "release",
        release.sequence,
        release.target,
        key.id(),
        "model",
        release.digest.model(),
        release.blob_bytes,
        content.geometry().blocks(dunlin_protocol::message::Part::Blob),
    );
    let offer = Offer { release: &release, payload, content: &content };
    broker::block_on(async {
        let broker = arguments.broker.broker(str::to_owned);
        let filters = [fleet_subscription(&arguments.fleet).as_str().to_owned()];
        serve(&offer, &broker, &filters, Duration::from_secs(arguments.timeout)).await
    })
}

/// Grows from one release to the next, without anything being kept: nobody pushes twice in a millisecond.
fn milliseconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_millis() as u64)
}
