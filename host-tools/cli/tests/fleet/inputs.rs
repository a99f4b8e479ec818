//! Samples from a directory, a pipe and a socket, and predictions to a pipe and a socket, with features by name.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use dunlin_test_broker::wait_for;

use crate::field::Field;

/// Columns in another order than the model's, and one that it does not know.
fn shuffled(csv: &str) -> String {
    let line = |line: &str| {
        let mut fields: Vec<&str> = line.split(',').collect();
        fields.reverse();
        fields.insert(2, if line.starts_with("living") { "note" } else { "none" });
        fields.join(",") + "\n"
    };
    csv.lines().map(line).collect()
}

/// The value of each prediction line; the error of those that have one.
fn values(lines: &str) -> Vec<Result<f32, String>> {
    let field = |line: &str, index: usize| line.splitn(8, ',').nth(index).unwrap_or_default().to_owned();
    let lines = lines.lines().filter(|line| !line.starts_with("sample,"));
    lines.map(|line| field(line, 4).parse().map_err(|_| field(line, 6))).collect()
}

#[test]
fn samples_come_and_predictions_go_every_way() {
    let Some(mut field) = Field::new() else { return };
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/pretrained/house_price");
    let csv = fs::read_to_string(models.join("inputs.csv")).unwrap();
    let csv: String = csv.split_inclusive('\n').take(6).collect();
    for name in ["house_price.onnx", "calibration.npz"] {
        fs::copy(models.join(name), field.path(name)).unwrap();
    }
    field.write("houses.csv", csv.as_bytes());
    let calibrate = ["--calibrate", "inputs.csv"];
    fs::copy(models.join("inputs.csv"), field.path("inputs.csv")).unwrap();
    field.succeed(&[&["convert", "house_price.onnx", "-o", "house.dnl"], &calibrate[..]].concat());
    field.succeed(&["sign", "house.dnl", "--key", "content.key"]);
    field.succeed(&["run", "house.dnl", "--inputs", "houses.csv", "--output", "y.npy"]);
    let file = field.read("y.npy");
    let header = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    let expected: Vec<Result<f32, String>> =
        file[header..].as_chunks().0.iter().map(|bytes| Ok(f32::from_le_bytes(*bytes))).collect();
    assert_eq!(expected.len(), 5);

    // A replay that never ends lets the trial pass.
    field.configure(
        "kind = \"replay\"\npath = \"houses.csv\"\nperiod = 0.01\nrepeat = true",
        "kind = \"none\"",
    );
    field.start_daemon();
    assert_eq!(field.push("house.dnl", &["--everyone"]).code, 0);
    field.stop_daemon();

    // From a directory into a pipe.
    fs::create_dir(field.path("samples")).unwrap();
    field.configure(
        "kind = \"directory\"\npath = \"samples\"\nafter = \"move\"\nperiod = 0.05",
        "kind = \"fifo\"\npath = \"out\"",
    );
    field.start_daemon();
    wait_for("the pipe", || field.path("out").exists().then_some(()));
    let mut out = BufReader::new(OpenOptions::new().read(true).open(field.path("out")).unwrap());
    field.write("samples/one.partial", shuffled(&csv).as_bytes());
    fs::rename(field.path("samples/one.partial"), field.path("samples/one.csv")).unwrap();
    let mut text = String::new();
    for _ in 0..5 {
        out.read_line(&mut text).unwrap();
    }
    assert_eq!(values(&text), expected);
    assert!(text.starts_with("one.csv:2,"), "{text}");
    wait_for("the file to be put away", || field.path("samples/done/one.csv").exists().then_some(()));
    assert_eq!(field.stop_daemon(), Some(0));

    // Over a socket and back, and to everybody who listens.
    field.configure("kind = \"socket\"\npath = \"in.socket\"", "kind = \"socket\"\npath = \"out.socket\"");
    field.start_daemon();
    let connect = |name: &str| wait_for(name, || UnixStream::connect(field.path(name)).ok());
    let mut listener = BufReader::new(connect("out.socket"));
    let mut first = String::new();
    listener.read_line(&mut first).unwrap();
    assert!(first.starts_with("sample,model,"), "{first}");
    let mut stream = connect("in.socket");
    let broken = "no,number,here,x,y,z,a,b\n";
    stream.write_all((csv.clone() + broken).as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    // The model is checked first; until then each sample is answered with that. Those come before any prediction.
    let answers = std::io::read_to_string(stream).unwrap();
    let answers = values(&answers);
    assert_eq!(answers.len(), 6);
    let served: Vec<_> = answers
        .iter()
        .skip_while(|answer| matches!(answer, Err(error) if error.contains("no model")))
        .collect();
    for (answer, expected) in served.iter().rev().skip(1).zip(expected.iter().rev()) {
        assert_eq!(*answer, expected);
    }
    assert!(matches!(answers.last(), Some(Err(error)) if !error.is_empty()), "{answers:?}");
    let mut heard = String::new();
    for _ in 0..6 {
        listener.read_line(&mut heard).unwrap();
    }
    assert_eq!(values(&heard), answers);
    field.stop_daemon();

    // Through a pipe, which outlives its writers, into a file.
    field.configure("kind = \"fifo\"\npath = \"in\"", "kind = \"file\"\npath = \"predictions.csv\"");
    field.start_daemon();
    wait_for("the pipe", || field.path("in").exists().then_some(()));
    for line in csv.lines() {
        let mut writer = OpenOptions::new().write(true).open(field.path("in")).unwrap();
        writer.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    let written = wait_for("the predictions", || {
        let text = fs::read_to_string(field.path("predictions.csv")).unwrap_or_default();
        (text.lines().count() == 6).then_some(text)
    });
    assert_eq!(values(&written), expected);
}
