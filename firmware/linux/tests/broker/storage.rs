//! A state directory on a disk that is full, or may only be read.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use dunlin_test_broker::wait_for;

use crate::daemon::{Daemon, broker};

/// Starts the daemon in a world of its own, where `mounts` were made. `false` if this system lets nobody do that.
fn start_with(daemon: &mut Daemon, mounts: &str) -> bool {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount"]);
        command
    };
    if !unshare().arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: `unshare --user --map-root-user --mount` is not allowed here");
        return false;
    }
    let mut program = unshare();
    program.args(["sh", "-c", &format!("{mounts} && exec \"$@\""), "sh", env!("CARGO_BIN_EXE_dunlind")]);
    daemon.start_through(program);
    true
}

/// Sends samples, and gives what comes back for each.
fn ask(daemon: &Daemon, samples: usize) -> Vec<String> {
    let stream = wait_for("the socket", || UnixStream::connect(daemon.path("samples.socket")).ok());
    let mut writer = stream.try_clone().unwrap();
    let reader = BufReader::new(stream);
    // One after the other, as who waits for each answer does.
    let mut answers = Vec::new();
    let mut lines = reader.lines();
    for _ in 0..samples {
        writer.write_all(b"1,2,3\n").unwrap();
        answers.push(lines.next().unwrap().unwrap());
    }
    answers
}

fn lonely() -> Daemon {
    // Nobody listens there: a device serves without a broker, too.
    Daemon::new("pump-1", broker("mqtt://127.0.0.1:1", Path::new(""), None))
}

#[test]
fn a_full_disk_stops_predictions_files_and_nothing_else() {
    let mut daemon = lonely();
    std::fs::create_dir(daemon.path("state")).unwrap();
    // Room for the flash and few predictions.
    if !start_with(&mut daemon, "mount -t tmpfs -o size=800k tmpfs state") {
        return;
    }
    let answers = ask(&daemon, 6_000);
    assert!(answers.iter().all(|answer| answer.ends_with("no model serves yet")), "{:?}", answers.first());
    assert!(daemon.is_running());
    assert_eq!(daemon.log().matches("predictions cannot be written").count(), 1, "it is said once");
}

#[test]
fn no_room_for_the_state_is_said_in_words() {
    let mut daemon = lonely();
    std::fs::create_dir(daemon.path("state")).unwrap();
    if !start_with(&mut daemon, "mount -t tmpfs -o size=100k tmpfs state") {
        return;
    }
    wait_for("the end", || (!daemon.is_running()).then_some(()));
    assert!(daemon.log().contains("is full"), "{}", daemon.log());
}

#[test]
fn a_state_that_may_only_be_read_is_survived() {
    let mut daemon = lonely();
    daemon.start();
    ask(&daemon, 1);
    daemon.kill();
    let mounts = "mount --bind state state && mount -o remount,bind,ro state";
    if !start_with(&mut daemon, mounts) {
        return;
    }
    wait_for("the word about it", || daemon.log().contains("may only be read").then_some(()));
    let answers = ask(&daemon, 10);
    assert_eq!(answers.len(), 10);
    assert!(daemon.is_running());
}
