//! A program on emulated mps2-an386 talks to a real Mosquitto, through our driver of its Ethernet controller.

mod broker;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use broker::{Broker, Listener};
use dunlin_device::{Board, Emulation, Emulator, Time, build_program, sizes};

const BLOCKS: u32 = 200;

struct Device {
    emulator: Emulator,
    broker: Broker,
    listener: Listener,
    _folder: tempfile::TempDir,
}

impl Device {
    /// Starts a broker, somebody who listens, and the device; `None` if something is not installed.
    fn start() -> Option<Device> {
        if !Broker::is_installed() {
            return None;
        }
        if Command::new("qemu-system-arm").arg("--version").stdout(Stdio::null()).status().is_err() {
            println!("skipped: qemu-system-arm is not installed");
            return None;
        }
        let board = Board::named("mps2-an386").expect("it is known");
        let program = build_program(board, "mqtt", &["device"]).unwrap_or_else(|error| panic!("{error}"));
        println!("{:?}", sizes(&program).expect("it is an ELF file"));
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let broker = Broker::start(folder.path());
        let listener = broker.listen();
        let emulator = emulate(board, &program, folder.path(), &broker);
        Some(Device { emulator, broker, listener, _folder: folder })
    }

    /// The next message of one of these topics.
    fn next(&self, topics: &[&str]) -> (String, String) {
        self.listener.next(topics).unwrap_or_else(|| {
            panic!(
                "nothing about {topics:?}; device: {:#?}\nbroker:\n{}",
                self.emulator.log(),
                self.broker.log()
            )
        })
    }

    /// Answers the requests of a download, and calls `between` with the number of the window before each. Returns the result.
    fn serve(&mut self, mut between: impl FnMut(&mut Device, u32)) -> String {
        self.broker.publish("board/start", &[BLOCKS.to_string()]);
        for window in 0.. {
            let (topic, payload) = self.next(&["board/request", "board/result"]);
            if topic == "board/result" {
                return payload;
            }
            between(self, window);
            let (first, missing) = payload.split_once(' ').expect("a block and a bitmap");
            let first: u32 = first.parse().expect("a number");
            let missing: u32 = missing.parse().expect("a bitmap");
            let asked = (0..32).filter(|bit| missing >> bit & 1 == 1);
            let blocks: Vec<String> = asked.map(|bit| block(first + bit)).collect();
            self.broker.publish("board/block", &blocks);
        }
        unreachable!("there is no last window")
    }

    /// Ends the program, and returns its log.
    fn end(mut self) -> Vec<String> {
        self.broker.publish("board/end", &["end".to_owned()]);
        let status = self.emulator.wait(broker::LIMIT).unwrap_or_else(|error| panic!("{error}"));
        let log = self.emulator.log().expect("there is a log");
        assert!(status.success(), "{status}: {log:#?}");
        log
    }
}

fn emulate(board: &'static Board, program: &Path, folder: &Path, broker: &Broker) -> Emulator {
    let address = format!("broker=10.0.2.2:{}", broker.port);
    let emulation = Emulation { board, program, folder, words: &[&address], network: true, time: Time::Real };
    Emulator::start(&emulation).unwrap_or_else(|error| panic!("{error}"))
}

/// A block of 1,024 bytes: its index and letters.
fn block(index: u32) -> String {
    let letters =
        (8..1024u32).map(|place| char::from(b'a' + ((index * 7 + place * 11 + place / 26) % 26) as u8));
    format!("{index:08x}{}", letters.collect::<String>())
}

/// A figure of the device's result.
fn figure(result: &str, name: &str) -> u32 {
    let word = result.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    word.and_then(|figure| figure.parse().ok()).unwrap_or_else(|| panic!("no {name} in {result}"))
}

#[test]
fn messages_pass_both_ways_and_a_download_loses_nothing() {
    let Some(mut device) = Device::start() else { return };
    assert_eq!(device.next(&["board/hello"]).1, "connections=1");
    for length in [1, 3, 100, 1000, 1024] {
        let message = "x".repeat(length);
        device.broker.publish("board/ping", std::slice::from_ref(&message));
        assert_eq!(device.next(&["board/pong"]).1, message);
    }
    let result = device.serve(|_, _| {});
    println!("{result}");
    assert_eq!(figure(&result, "blocks"), BLOCKS);
    assert_eq!(figure(&result, "wrong"), 0);
    assert_eq!(figure(&result, "errors"), 0);
    // It is silent otherwise, and stays connected.
    let pings = device.broker.log().matches("PINGREQ from board").count();
    device.broker.wait_for_log("PINGREQ from board", pings + 3);
    let log = device.broker.log();
    let connections =
        log.lines().filter(|line| line.contains("New client connected") && line.contains(" as board "));
    assert_eq!(connections.count(), 1);
    println!("{:#?}", device.end());
}

#[test]
fn a_download_goes_on_after_the_broker_was_away() {
    let Some(mut device) = Device::start() else { return };
    assert_eq!(device.next(&["board/hello"]).1, "connections=1");
    let result = device.serve(|device, window| {
        // The request that the device has just made goes unanswered, and the broker forgets the session.
        if window == 5 || window == 12 {
            device.broker.stop();
            device.broker.resume();
            device.listener = device.broker.listen();
        }
    });
    println!("{result}");
    assert_eq!(figure(&result, "blocks"), BLOCKS);
    assert_eq!(figure(&result, "wrong"), 0);
    let log = device.end().join("\n");
    assert!(log.contains("connected, time 3"), "{log}");
}

#[test]
fn the_broker_tells_that_a_killed_device_is_gone() {
    let Some(mut device) = Device::start() else { return };
    assert_eq!(device.next(&["board/hello"]).1, "connections=1");
    device.emulator.kill().expect("it can be killed");
    assert_eq!(device.next(&["board/gone"]).1, "gone");
    assert!(device.emulator.wait(Duration::from_secs(1)).is_ok_and(|status| !status.success()));
}
