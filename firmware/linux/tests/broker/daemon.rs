//! `dunlind` in a folder of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use dunlin_mqtt::{ConnectError, Connection, Incoming, Message, Options, Received, Subscription};
use dunlin_protocol::message::AnyMessage;
use dunlin_protocol::{Name, Nonce, Roles, SigningKey, Topic, TrustedKey};
use dunlin_provision::{Broker, Provision, PublicKey};
use dunlin_test_broker::Identity;
use tempfile::TempDir;

/// A daemon that ends with the test.
pub struct Daemon {
    folder: TempDir,
    process: Option<Child>,
}

/// The key that devices of these tests trust for everything.
pub fn key() -> SigningKey {
    SigningKey::from_secret(&[7; 32])
}

impl Daemon {
    /// Provisions a device of the fleet `demo`; it reads samples from `samples.socket`.
    pub fn new(device: &str, broker: Broker) -> Daemon {
        let folder = TempDir::new().unwrap();
        let roles = [Roles::CONTENT, Roles::RELEASE, Roles::CONTROL, Roles::OWNER];
        let roles = roles.into_iter().reduce(Roles::and).unwrap();
        let provision = Provision {
            fleet: Name::new("demo").unwrap(),
            device: Name::new(device).unwrap(),
            nonce: Nonce([1; 8]),
            groups: Vec::new(),
            trusted_keys: vec![PublicKey(TrustedKey { key: key().public(), roles })],
            broker,
        };
        fs::write(folder.path().join("device.toml"), provision.to_text().unwrap()).unwrap();
        fs::write(folder.path().join("dunlind.toml"), SETTINGS).unwrap();
        Daemon { folder, process: None }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it.
    pub fn start(&mut self) {
        let program = Command::new(env!("CARGO_BIN_EXE_dunlind"));
        self.start_through(program);
    }

    /// Starts it through another program, which gets its arguments.
    pub fn start_through(&mut self, mut program: Command) {
        let log = File::options().append(true).create(true).open(self.path("log")).unwrap();
        program.args(["--config", "dunlind.toml"]).current_dir(&self.folder).stderr(log);
        self.process = Some(program.spawn().unwrap());
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Asks it to end, as systemd does.
    pub fn terminate(&self) {
        let process = self.process.as_ref().expect("it runs");
        assert!(Command::new("kill").arg(process.id().to_string()).status().unwrap().success());
    }

    /// Waits for its end, and gives its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.process.take().expect("it runs").wait().unwrap().code()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.try_wait().unwrap().is_none())
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            eprintln!("dunlind:\n{}", self.log());
        }
    }
}

const SETTINGS: &str = r#"
provision = "device.toml"
state = "state"
slot_bytes = 65536
arena_bytes = 262144
[input]
kind = "socket"
path = "samples.socket"
[output]
kind = "file"
path = "state/predictions.csv"
"#;

/// Runs a test that talks to a broker itself.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A broker with TLS, and who one is to it.
pub fn broker(url: &str, ca: &Path, identity: Option<(&Identity, &Path)>) -> Broker {
    let mut broker = Broker::new(url.parse().unwrap());
    if broker.url.tls {
        broker.ca = Some(ca.to_owned());
    }
    if let Some((identity, folder)) = identity {
        let (certificate, key) = identity.write(folder, "client");
        (broker.certificate, broker.key) = (Some(certificate), Some(key));
    }
    broker
}

/// Connects as somebody else.
pub async fn connect(
    broker: &Broker,
    client_id: &str,
    filter: &str,
    will: Option<Message>,
) -> Result<Connection, ConnectError> {
    let subscription = Subscription { filter: filter.into(), quality_of_service: 1 };
    let options = Options {
        client_id: client_id.into(),
        largest_packet: 65_536,
        keep_alive: Duration::from_secs(10),
        will,
        subscriptions: vec![subscription],
    };
    Connection::open(broker, options).await
}

/// A message to publish.
pub fn message(topic: &str, payload: &[u8], retain: bool) -> Message {
    Message { topic: topic.into(), payload: payload.to_vec(), quality_of_service: 1, retain }
}

/// The next message that fulfils a condition.
pub async fn next(connection: &mut Connection, condition: impl Fn(&Received) -> bool) -> Received {
    let found = async {
        loop {
            match connection.next().await.expect("the connection lasts") {
                Incoming::Message(received) if condition(&received) => return received,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(100), found).await.expect("waited in vain for a message")
}

/// Whether a message is one of this device and kind, and fulfils a condition.
pub fn is(received: &Received, device: &str, condition: impl Fn(&AnyMessage<'_>) -> bool) -> bool {
    let Ok(topic) = Topic::parse(&received.topic) else { return false };
    topic.device.as_str() == device
        && AnyMessage::decode(topic.kind, &received.payload).is_ok_and(|message| condition(&message))
}
