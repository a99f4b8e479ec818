//! `dunlin flash`

use std::fs;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dunlin_agent::{Credentials, Provisioning};
use dunlin_device::{
    Board, Emulation, Emulator, SLOT_BYTES, Time, build_device, has_flash, sizes, write_flash,
};
use dunlin_protocol::{List, Text};
use dunlin_provision::{Broker, Provision};
use dunlin_runtime::Model;
use tokio::time::{Instant, sleep, sleep_until};

use crate::blob_file::BlobFile;
use crate::broker::block_on;
use crate::failure::{Code, Failure};
use crate::progress::Waiting;

/// This machine, as an emulated board sees it.
const HOST: [u8; 4] = [10, 0, 2, 2];
/// What the sensor of an emulated board replays.
const SAMPLES: &str = "samples.bin";
/// The longest client id, fleet and device with a point between, of a session of the image.
const LONGEST_CLIENT_ID: usize = 64;
/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Program a board as a device of a fleet, and show what it logs.
///
/// Builds the image, writes the device's flash if there is a provisioning to write, and starts the board. Without one the device starts
/// with the flash as it was, as after a power cut. An emulated board keeps its flash in a folder, and runs until Ctrl-C.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    dunlin flash --board mps2-an386 --provision device.toml --model model.dnl --samples samples.csv\n  \
    dunlin flash --board mps2-an386 --samples samples.csv                  start it again")]
pub struct Arguments {
    /// The board; `dunlin device list` shows all
    #[arg(long)]
    board: String,
    /// What `dunlin device provision` wrote; erases the device's flash
    #[arg(long, value_name = "FILE")]
    provision: Option<PathBuf>,
    /// A signed blob that the device serves from the start
    #[arg(long, value_name = "FILE", requires = "provision")]
    model: Option<PathBuf>,
    /// What the sensor of an emulated board replays: CSV, a sample on each line
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,
    /// Milliseconds between two samples
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    period: u32,
    /// Where an emulated board has its flash, samples and log; by default a folder named after the board
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// End after so many seconds
    #[arg(long)]
    seconds: Option<u64>,
}

/// Flashes, starts and watches.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let board = Board::named(&arguments.board)?;
    let folder = arguments.folder.clone().unwrap_or_else(|| board.name.into());
    let waiting = Waiting::new("building the image");
    let program = build_device(board)?;
    drop(waiting);
    let takes = sizes(&program)?;
    println!("  {:<12} flash {} bytes, static RAM {}", "image", takes.flash, takes.static_ram);
    fs::create_dir_all(&folder).map_err(|error| Failure::file("create", &folder, &error))?;
    block_on(async {
        match &arguments.provision {
            Some(provision) => write(&folder, provision, arguments.model.as_deref()).await?,
            None if has_flash(&folder) => {}
            None => {
                return Err(Failure::new(format!("{} holds no device", folder.display()))
                    .help("pass --provision with what `dunlin device provision` wrote"));
            }
        }
        let sample = arguments.samples.as_deref().map(|csv| write_samples(csv, &folder)).transpose()?;
        let words = match sample {
            Some(bytes) => vec![format!("sample={bytes}"), format!("period={}", arguments.period)],
            None => Vec::new(),
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let emulation = Emulation {
            board,
            program: &program,
            folder: &folder,
            words: &words,
            network: true,
            time: Time::Real,
        };
        let emulator = Emulator::start(&emulation)?;
        println!("  {:<12} {}, process {}", "emulator", board.name, emulator.id());
        watch(emulator, arguments.seconds).await
    })
}

/// Shows the log until somebody ends it. Ends the emulator, too.
async fn watch(mut emulator: Emulator, seconds: Option<u64>) -> Result<(), Failure> {
    let deadline = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let end = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(end);
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    let mut shown = 0;
    loop {
        let ended = emulator.wait(Duration::ZERO).ok();
        let lines = emulator.log()?;
        for line in lines.iter().skip(shown) {
            println!("  {line}");
        }
        shown = shown.max(lines.len());
        if let Some(status) = ended {
            return Err(Failure::new(format!("the emulator ended by itself: {status}")).help(
                "the log above says why, if the device had time to; start it again without --provision",
            ));
        }
        tokio::select! {
            () = &mut end => return Ok(()),
            _ = &mut interrupt => return Ok(()),
            () = sleep(LOOK) => {}
        }
    }
}

/// Writes the flash of the device.
async fn write(folder: &Path, provision: &Path, model: Option<&Path>) -> Result<(), Failure> {
    let provision = Provision::read(provision)?;
    let provisioning = provisioning(&provision)?;
    let file = model.map(BlobFile::read).transpose()?;
    let model = file.as_ref().map(BlobFile::open).transpose()?;
    if let (Some(file), Some(model)) = (&file, &model) {
        check_signature(file.path(), model, &provisioning)?;
    }
    write_flash(folder, &provisioning, model.as_ref()).await?;
    let model = model
        .map_or("no model".to_owned(), |model| format!("a model of {} bytes in slot A", model.bytes().len()));
    println!("  {:<12} {} of fleet {}, {model}", "device", provision.device, provision.fleet);
    Ok(())
}

/// A device serves no model that none of its keys has signed.
fn check_signature(path: &Path, model: &Model<'_>, provisioning: &Provisioning) -> Result<(), Failure> {
    if provisioning.keys.signed_content(model.bytes()) {
        return Ok(());
    }
    Err(Failure::new(format!("{} is not signed by a content key that the device trusts", path.display()))
        .help("sign it with `dunlin sign`, with a key whose .pub file the device was provisioned with"))
}

/// What the image is given.
fn provisioning(provision: &Provision) -> Result<Provisioning, Failure> {
    if provision.client_id().len() > LONGEST_CLIENT_ID {
        return Err(Failure::new("the names of fleet and device together are too long for the image")
            .help(format!("at most {} bytes together", LONGEST_CLIENT_ID - 1))
            .code(Code::Unsupported));
    }
    let broker = &provision.broker;
    if broker.url.tls {
        return Err(Failure::new(format!("the image has no TLS, and the broker is {}", broker.url))
            .help("give it a broker or a gateway in its own network: mqtt://host; releases and orders are signed")
            .code(Code::Unsupported));
    }
    Ok(Provisioning {
        fleet: provision.fleet.clone(),
        device: provision.device.clone(),
        groups: List::from_first(provision.groups.iter().cloned()),
        nonce: provision.nonce,
        keys: provision.keys()?,
        broker: address(broker)?,
        port: broker.url.port,
        credentials: credentials(broker)?,
        slot_bytes: SLOT_BYTES,
    })
}

/// The broker's address, as the emulated board sees it: the image asks no name server.
fn address(broker: &Broker) -> Result<[u8; 4], Failure> {
    let host = broker.url.host.as_str();
    let unknown = || {
        Failure::new(format!("{host} has no IPv4 address"))
            .help("provision the device with its broker's address")
    };
    let found = (host, broker.url.port).to_socket_addrs().map_err(|error| unknown().because(&error))?;
    let address = found.into_iter().find_map(|address| match address.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    let address: Ipv4Addr = address.ok_or_else(unknown)?;
    Ok(if address.is_loopback() { HOST } else { address.octets() })
}

fn credentials(broker: &Broker) -> Result<Option<Credentials>, Failure> {
    let (Some(username), Some(path)) = (&broker.username, &broker.password_file) else { return Ok(None) };
    let password = fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
    let password = password.trim_end_matches(['\r', '\n']);
    let credentials = Credentials { username: Text::cut(username), password: Text::cut(password) };
    if *credentials.username != **username || *credentials.password != *password {
        return Err(Failure::new("user name or password is too long for the image")
            .help("at most 64 bytes each")
            .code(Code::Unsupported));
    }
    Ok(Some(credentials))
}

/// Writes what the sensor replays: float32, little-endian. Returns the length of a sample in bytes.
fn write_samples(csv: &Path, folder: &Path) -> Result<usize, Failure> {
    let refuse = |what: String| Failure::new(format!("{}: {what}", csv.display())).code(Code::Unsupported);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_path(csv)
        .map_err(|error| refuse(error.to_string()))?;
    let (mut bytes, mut columns) = (Vec::new(), 0);
    for (index, record) in reader.records().enumerate() {
        // Lines of another length are refused by the reader.
        let record = record.map_err(|error| refuse(error.to_string()))?;
        let values: Result<Vec<f32>, _> = record.iter().map(str::parse).collect();
        match values {
            Ok(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            // The names of the columns.
            Err(_) if index == 0 => {}
            Err(error) => return Err(refuse(format!("line {}: {error}", index + 1))),
        }
        columns = record.len();
    }
    if bytes.is_empty() {
        return Err(refuse("there are no samples".to_owned()));
    }
    let path = folder.join(SAMPLES);
    fs::write(&path, bytes).map_err(|error| Failure::file("write", &path, &error))?;
    Ok(columns * size_of::<f32>())
}
