//! Mosquitto and its clients, on a loopback port of their own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

pub const LIMIT: Duration = Duration::from_secs(60);

/// A program that ends with this value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Neither call does anything when the program has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A broker that can be restarted.
pub struct Broker {
    process: Option<Process>,
    folder: PathBuf,
    pub port: u16,
}

impl Broker {
    /// Whether Mosquitto is installed.
    pub fn is_installed() -> bool {
        let found = ["mosquitto", "mosquitto_sub", "mosquitto_pub"].iter().all(|tool| {
            Command::new(tool).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
        });
        if !found {
            println!("skipped: mosquitto and mosquitto-clients are not installed");
        }
        found
    }

    pub fn start(folder: &Path) -> Broker {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("a port is free").port();
        // Without `set_tcp_nodelay` every window waits 40 ms for a delayed acknowledgement of the kernel.
        let configuration = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n\
             log_dest stderr\nlog_type all\n"
        );
        fs::write(folder.join("mosquitto.conf"), configuration).expect("it can be written");
        let mut broker = Broker { process: None, folder: folder.to_owned(), port };
        broker.resume();
        broker
    }

    /// Ends the broker; what it knew is gone.
    pub fn stop(&mut self) {
        self.process = None;
    }

    pub fn resume(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.join("mosquitto.log"));
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(self.folder.join("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(log.expect("the log can be written"))
            .spawn();
        self.process = Some(Process(child.expect("mosquitto starts")));
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(started.elapsed() < LIMIT, "the broker does not listen:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("mosquitto.log")).unwrap_or_default()
    }

    /// Waits until the log holds `text` `count` times.
    pub fn wait_for_log(&self, text: &str, count: usize) {
        let started = Instant::now();
        while self.log().matches(text).count() < count {
            assert!(started.elapsed() < LIMIT, "{text:?} is missing in the log:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Publishes messages of one topic, which have no line breaks.
    pub fn publish(&self, topic: &str, messages: &[String]) {
        let mut child = Command::new("mosquitto_pub")
            .args(["-V", "5", "-h", "127.0.0.1", "-p", &self.port.to_string(), "-q", "1", "-t", topic, "-l"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("mosquitto_pub starts");
        let mut input = child.stdin.take().expect("it has an input");
        for message in messages {
            writeln!(input, "{message}").expect("it reads its input");
        }
        drop(input);
        assert!(child.wait().expect("it ends").success(), "mosquitto_pub could not publish to {topic}");
    }

    /// Listens to all topics below `board`.
    pub fn listen(&self) -> Listener {
        const SUBSCRIBED: &str = "Sending SUBACK to listener";
        let before = self.log().matches(SUBSCRIBED).count();
        let mut child = Command::new("mosquitto_sub")
            .args(["-i", "listener"])
            .args([
                "-V",
                "5",
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-q",
                "1",
                "-v",
                "-t",
                "board/#",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .expect("mosquitto_sub starts");
        let output = child.stdout.take().expect("it has an output");
        let (sender, messages) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let listener = Listener { messages, _process: Process(child) };
        // What is published before it listens, it would miss.
        self.wait_for_log(SUBSCRIBED, before + 1);
        listener
    }
}

/// Somebody who hears everything.
pub struct Listener {
    messages: Receiver<String>,
    _process: Process,
}

impl Listener {
    /// The next message of one of these topics; others are passed over.
    pub fn next(&self, topics: &[&str]) -> Option<(String, String)> {
        let started = Instant::now();
        loop {
            let line = self.messages.recv_timeout(LIMIT.saturating_sub(started.elapsed())).ok()?;
            let (topic, payload) = line.split_once(' ')?;
            if topics.contains(&topic) {
                return Some((topic.to_owned(), payload.to_owned()));
            }
        }
    }
}
