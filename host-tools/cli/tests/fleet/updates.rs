//! Models over the air, from an empty device to the second model, and what is refused on the way.

use dunlin_runtime::content_digest;
use dunlin_test_broker::wait_for;
use serde_json::Value;

use crate::field::Field;

#[test]
fn a_device_takes_models_over_the_air_and_serves_them() {
    let Some(mut field) = Field::new() else { return };
    field.watch();
    field.start_daemon();
    field.wait_to_see("birth", |birth| birth["slots"][0]["state"] == "Empty");

    let outcome = field.push("digits.dnl", &["--device", "pump-1"]);
    assert_eq!(outcome.code, 0, "{}{}", outcome.output, outcome.errors);
    assert!(outcome.output.contains("1 of 1 devices run it"), "{}", outcome.output);
    assert_predictions_are_those_of_the_command_line(&field, "digits.dnl");
    let report = field.wait_to_see("report", |report| report["inferences"].as_u64() > Some(100));
    assert_eq!(report["message"]["errors"], 0);
    assert!(report["message"]["latency"]["longest"].as_u64() > Some(0));
    field.wait_to_see("event", |event| event["what"]["Update"]["state"] == "Confirmed");
    let first = blocks_sent(&field);
    assert_eq!(first, 11, "each of the 11 blocks once");

    // The same weights under another name: what changed are header and manifest.
    field.write("second.dnl", &renamed(&field.read("digits.dnl")));
    field.succeed(&["sign", "second.dnl", "--key", "content.key"]);
    let outcome = field.push("second.dnl", &["--group", "lab"]);
    assert_eq!(outcome.code, 0, "{}{}", outcome.output, outcome.errors);
    let second = blocks_sent(&field) - first;
    assert!((1..=3).contains(&second), "{second} blocks were sent, the others are in the other slot");
    field.wait_to_see("report", |report| report["model"] != field.seen("report")[0]["message"]["model"]);

    // Nothing that anybody said was malformed, and the whole is readable.
    let kinds = ["birth", "outbox", "report", "event", "update", "block-request", "release", "block"];
    for kind in kinds {
        assert!(!field.seen(kind).is_empty(), "no {kind}");
        assert!(field.seen(kind).iter().all(|object| object.get("error").is_none()), "a malformed {kind}");
    }
    assert_eq!(field.stop_daemon(), Some(0), "it ends cleanly");
    wait_for("the will", || field.seen("will").pop());
}

#[test]
fn what_is_not_permitted_is_refused_in_words() {
    let Some(mut field) = Field::new() else { return };
    field.watch();
    field.start_daemon();
    let device = ["--device", "pump-1"];
    assert_eq!(field.push("digits.dnl", &device).code, 0);

    let refused = |words: &[&str], model: &str, reason: &str| {
        let outcome = field.push(model, &[&device[..], words].concat());
        assert_eq!(outcome.code, 1, "{}{}", outcome.output, outcome.errors);
        assert!(
            outcome.errors.contains(reason),
            "`{reason}` is not said: {}{}",
            outcome.output,
            outcome.errors
        );
    };
    refused(&["--sequence", "5"], "digits.dnl", "sequence 5 is not above");
    field.succeed(&["keys", "new", "foreign"]);
    refused(&["--release-key", "foreign.key"], "digits.dnl", "does not trust key");
    refused(&["--release-key", "content.key"], "digits.dnl", "release is needed");
    field.write("second.dnl", &renamed(&field.read("digits.dnl")));
    refused(&[], "second.dnl", "not signed");
    field.succeed(&["sign", "second.dnl", "--key", "foreign.key"]);
    refused(&[], "second.dnl", "no trusted content key signed the blob");
    refused(&["--trial", "inferences=5,seconds=1,latency=1,over-budget=0"], "digits.dnl", "latency budget");

    // After all of that the next one succeeds, also over a restart of the broker and a crash of the device.
    field.broker.stop();
    field.kill_daemon();
    assert!(field.broker.resume());
    field.start_daemon();
    field.succeed(&["sign", "second.dnl", "--key", "content.key"]);
    let outcome = field.push("second.dnl", &device);
    assert_eq!(outcome.code, 0, "{}{}", outcome.output, outcome.errors);
    // Whoever watched lost its connection with the broker, and sees the birth that is kept.
    field.wait_to_see("birth", |birth| birth["last_reset"] == "Fault");
}

/// The same model under another name, with the right digest and no signature.
pub fn renamed(blob: &[u8]) -> Vec<u8> {
    let mut blob = blob.to_vec();
    let name = blob.windows(6).rposition(|bytes| bytes == b"digits").unwrap();
    blob[name..name + 6].copy_from_slice(b"figure");
    let digest = content_digest(&blob);
    blob[160..192].copy_from_slice(&digest);
    blob[192..256].fill(0);
    blob
}

/// How many blocks of blobs were sent so far.
pub fn blocks_sent(field: &Field) -> usize {
    let is_data = |block: &Value| block["part"] == "Blob" && block["data"]["Data"].is_u64();
    field.seen("block").iter().filter(|object| is_data(&object["message"])).count()
}

fn assert_predictions_are_those_of_the_command_line(field: &Field, model: &str) {
    field.succeed(&["run", model, "--inputs", "samples.csv", "--output", "y.npy"]);
    let expected = field.read("y.npy");
    let header = usize::from(u16::from_le_bytes([expected[8], expected[9]]));
    let expected: Vec<f32> =
        expected[10 + header..].as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let outputs = expected.len() / 8;
    let text = String::from_utf8(field.read("predictions.csv")).unwrap();
    let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    assert_eq!(lines.next(), Some("sample,model,class,label,value,latency_us,error\n"));
    let mut compared = 0;
    for line in lines {
        let fields: Vec<&str> = line.trim_end().split(',').collect();
        let number: usize = fields[0].strip_prefix("samples.csv:").unwrap().parse().unwrap();
        let found: Vec<f32> = fields[7..].iter().map(|field| field.parse().unwrap()).collect();
        assert_eq!(found, expected[(number - 1) * outputs..number * outputs], "{line}");
        compared += 1;
    }
    assert!(compared >= 20, "{compared} predictions");
}
