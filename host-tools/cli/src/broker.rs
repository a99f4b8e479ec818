//! The broker, for all commands that talk to one.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use dunlin_mqtt::{ConnectError, Connection, Options, Subscription};
use dunlin_protocol::Name;
use dunlin_provision::{Broker, BrokerUrl, to_hexadecimal};

use crate::failure::Failure;

/// The longest message is a block of 4 KiB with its topic; room for firmware of later versions.
const LARGEST_PACKET: u32 = 64 * 1024;

/// Where the broker is, and who one is to it.
#[derive(clap::Args, Clone)]
pub struct BrokerArguments {
    /// The broker: mqtt://host[:port], or mqtts://host[:port] for TLS
    #[arg(long, value_name = "URL", value_parser = url)]
    broker: BrokerUrl,
    /// Certificate of the authority that signed the broker's, in PEM; by default those of the operating system
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Client certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// Private key of the client certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// User name
    #[arg(long, value_name = "NAME", requires = "password_file")]
    username: Option<String>,
    /// File that holds the password alone
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
}

impl BrokerArguments {
    /// The broker, with `replace` applied to everything that may name a device.
    pub fn broker(&self, replace: impl Fn(&str) -> String) -> Broker {
        let path = |path: &Option<PathBuf>| {
            path.as_ref().map(|path| path.to_str().map_or_else(|| path.clone(), |path| replace(path).into()))
        };
        Broker {
            url: self.broker.clone(),
            ca: path(&self.ca),
            certificate: path(&self.certificate),
            key: path(&self.key),
            username: self.username.as_deref().map(&replace),
            password_file: path(&self.password_file),
        }
    }
}

/// A name on the command line.
pub fn name(text: &str) -> Result<Name, String> {
    Name::new(text).map_err(|error| error.to_string())
}

fn url(text: &str) -> Result<BrokerUrl, String> {
    text.parse::<BrokerUrl>().map_err(|error| error.to_string())
}

/// Connects as somebody whom no device is: `purpose` and random digits are the client id.
pub async fn open(broker: &Broker, purpose: &str, filters: &[String]) -> Result<Connection, Failure> {
    broker.check().map_err(Failure::new)?;
    let mut digits = [0; 4];
    getrandom::fill(&mut digits)
        .map_err(|error| Failure::new("the operating system gives no random bytes").because(&error))?;
    let options = Options {
        client_id: format!("dunlin-{purpose}-{}", to_hexadecimal(&digits)),
        largest_packet: LARGEST_PACKET,
        keep_alive: Duration::from_secs(20),
        will: None,
        subscriptions: filters
            .iter()
            .map(|filter| Subscription { filter: filter.clone(), quality_of_service: 1 })
            .collect(),
    };
    Connection::open(broker, options).await.map_err(Failure::from)
}

/// Runs what waits for a network, in this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("cannot wait for the network").because(&error))?
        .block_on(work)
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Failure {
        let failure = Failure::new(error.to_string());
        match std::error::Error::source(&error) {
            Some(cause) => failure.because(cause),
            None => failure,
        }
    }
}
