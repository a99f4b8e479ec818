//! What systemd is told.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::daemon::{Daemon, broker};

#[test]
fn systemd_hears_that_the_daemon_works_and_lives_and_ends() {
    let mut daemon = Daemon::new("pump-1", broker("mqtt://127.0.0.1:1", Path::new(""), None));
    let socket = UnixDatagram::bind(daemon.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(100))).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_dunlind"));
    program.env("NOTIFY_SOCKET", daemon.path("notify")).env("WATCHDOG_USEC", "300000");
    daemon.start_through(program);
    let mut heard = Vec::new();
    let mut buffer = [0; 1024];
    let mut hear_until = |condition: &dyn Fn(&[String]) -> bool| {
        while !condition(&heard) {
            let length = socket.recv(&mut buffer).unwrap();
            heard.push(String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned());
        }
        heard.clone()
    };
    let alive = |heard: &[String]| heard.iter().filter(|text| *text == "WATCHDOG=1").count() >= 5;
    let first = hear_until(&alive);
    assert_eq!(first[0], "READY=1");
    assert!(first.iter().any(|text| text == "STATUS=no model, 0 predictions, not connected"), "{first:?}");
    daemon.terminate();
    hear_until(&|heard| heard.iter().any(|text| text == "STOPPING=1"));
    assert_eq!(daemon.wait(), Some(0));
    assert_eq!(std::fs::read_to_string(daemon.path("state/last-run")).unwrap(), "stopped\n");
}
