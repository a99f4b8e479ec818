//! The broker.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::authority::Authority;
use crate::wait_for;

/// A broker that ends with the test.
#[derive(Debug)]
pub struct Mosquitto {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Mosquitto {
    /// One that lets everybody do everything. `None`, with a word about it, if Mosquitto is not installed.
    pub fn open() -> Option<Mosquitto> {
        Mosquitto::start(|_, port| format!("listener {port} 127.0.0.1\nallow_anonymous true\n"))
    }

    /// One with the configuration and access rules in `examples`, and the certificates of `authority`.
    ///
    /// # Panics
    /// If a file of the examples is missing.
    pub fn with_examples(
        examples: &Path,
        authority: &Authority,
        broker: &crate::Identity,
    ) -> Option<Mosquitto> {
        Mosquitto::start(|folder, port| {
            fs::copy(examples.join("acl"), folder.join("acl")).unwrap();
            fs::write(folder.join("ca.pem"), authority.certificate()).unwrap();
            fs::write(folder.join("broker.pem"), &broker.certificate).unwrap();
            fs::write(folder.join("broker.key"), &broker.key).unwrap();
            let text = fs::read_to_string(examples.join("mosquitto.conf")).unwrap();
            text.replace("listener 8883", &format!("listener {port} 127.0.0.1"))
                .replace("/etc/mosquitto/dunlin", &folder.display().to_string())
        })
    }

    fn start(configuration: impl FnOnce(&Path, u16) -> String) -> Option<Mosquitto> {
        let folder = TempDir::new().unwrap();
        // Free at this moment; nobody else asks for it in the next.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        // Started by root it would become another user, who cannot read the folder.
        let text = format!("{}user root\npersistence false\n", configuration(folder.path(), port));
        fs::write(folder.path().join("mosquitto.conf"), text).unwrap();
        let mut broker = Mosquitto { folder, port, process: None };
        broker.resume().then_some(broker)
    }

    /// Starts it again after [`stop`](Mosquitto::stop), with nothing of what it knew. `false` if it is not installed.
    ///
    /// # Panics
    /// If it is installed and does not start.
    pub fn resume(&mut self) -> bool {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let started = Command::new(program())
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdout(log.try_clone().unwrap())
            .stderr(Stdio::from(log))
            .spawn();
        let mut process = match started {
            Ok(process) => process,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("skipped: mosquitto is not installed; `apt-get install mosquitto` brings it");
                return false;
            }
            Err(error) => panic!("cannot start mosquitto: {error}"),
        };
        wait_for("mosquitto to listen", || {
            if let Some(status) = process.try_wait().unwrap() {
                panic!("mosquitto ended with {status}: {}", self.log());
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()
        });
        self.process = Some(process);
        true
    }

    /// Ends it, as if its machine failed.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Its address, with TLS or without.
    pub fn url(&self, tls: bool) -> String {
        // The name in its certificate.
        if tls {
            format!("mqtts://localhost:{}", self.port)
        } else {
            format!("mqtt://127.0.0.1:{}", self.port)
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Debian puts it where only root looks.
fn program() -> PathBuf {
    let system = Path::new("/usr/sbin/mosquitto");
    if system.exists() { system.to_owned() } else { "mosquitto".into() }
}
