//! A device whose disk may only be read: it serves, says so, and updates again when it may write.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use dunlin_test_broker::wait_for;

use crate::field::Field;

#[test]
fn a_model_serves_from_a_disk_that_may_only_be_read() {
    let Some(mut field) = Field::new() else { return };
    field.start_daemon();
    assert_eq!(field.push("digits.dnl", &["--device", "pump-1"]).code, 0);
    field.stop_daemon();

    field.configure("kind = \"socket\"\npath = \"in.socket\"", "kind = \"none\"");
    if !field.start_daemon_reading_only() {
        return;
    }
    field.watch();
    let mut stream = wait_for("the socket", || UnixStream::connect(field.path("in.socket")).ok());
    let mut answers = BufReader::new(stream.try_clone().unwrap()).lines();
    let samples = String::from_utf8(field.read("samples.csv")).unwrap();
    let sample = samples.split_inclusive('\n').next().unwrap();
    let mut served = 0;
    while served < 50 {
        stream.write_all(sample.as_bytes()).unwrap();
        let answer = answers.next().unwrap().unwrap();
        // Until it is checked, no model serves.
        served += usize::from(!answer.contains("no model serves yet"));
        assert!(served == 0 || answer.split(',').count() > 7, "{answer}");
    }
    assert!(field.log().contains("may only be read"), "{}", field.log());
    // The fleet still hears of it, and an update is refused in words, not begun.
    field.wait_to_see("birth", |birth| birth["slots"][0]["state"] == "Active");
    let outcome = field.push("digits.dnl", &["--device", "pump-1"]);
    assert_eq!(outcome.code, 1, "{}", outcome.output);
    assert!(outcome.errors.contains("flash of the device reports errors"), "{}", outcome.errors);
    drop(answers);
    field.kill_daemon();

    field.configure(
        "kind = \"replay\"\npath = \"samples.csv\"\nperiod = 0.02\nrepeat = true",
        "kind = \"none\"",
    );
    field.start_daemon();
    let outcome = field.push("digits.dnl", &["--device", "pump-1"]);
    assert_eq!(outcome.code, 0, "{}{}", outcome.output, outcome.errors);
}
