//! What the commands do when all is well, and when a budget is broken.

use serde_json::Value;

use crate::dunlin::{Folder, data, npy_content, npy_of};

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

#[test]
fn a_model_goes_from_training_to_predictions() {
    let folder = Folder::new("results");
    let words = [
        "--calibrate",
        "calibration.npz:x",
        "--report",
        "report.json",
        "--plan",
        "plan.svg",
        "--board",
        "rp2040",
        "--timings",
    ];
    let outcome = folder
        .run(["convert", "digits.onnx", "-o", "digits.dnl", "--model-version", "7"].iter().chain(&words));
    assert_eq!(outcome.code, 0, "{}", outcome.errors);
    let report = json(&folder.read("report.json"));
    let blob = folder.read("digits.dnl");
    assert_eq!(report["blob"]["bytes"], blob.len());
    assert_eq!(report["board"]["fits"], true);
    assert_eq!(report["transposes_left"], 0);
    assert!(report["transposes_removed"].as_u64().unwrap() > 0);
    let layers = report["blob"]["layers"].as_array().unwrap();
    assert!(layers.iter().all(|layer| layer["worst_error"].is_f64()), "{layers:?}");
    assert!(outcome.output.contains("SQNR") && outcome.output.contains("fits"));
    assert!(outcome.output.contains("calibrate ") && report["seconds"]["calibrate"].as_f64().unwrap() > 0.0);
    assert!(String::from_utf8(folder.read("plan.svg")).unwrap().contains("</svg>"));

    // Sections and paddings are all that there is.
    let sections = report["blob"]["sections"].as_array().unwrap();
    let lengths = sections.iter().map(|section| section["bytes"].as_u64().unwrap().next_multiple_of(16));
    assert_eq!(lengths.sum::<u64>() + 256, blob.len() as u64);
    // The layers' weights are the weights section, but for the paddings between them.
    let weights: u64 = layers.iter().map(|layer| layer["weight_bytes"].as_u64().unwrap()).sum();
    assert!(sections[0]["bytes"].as_u64().unwrap() - weights < 16 * layers.len() as u64);

    let outcome = folder.run(["inspect", "digits.dnl", "--json"]);
    let inspection = json(outcome.output.as_bytes());
    assert_eq!(
        (outcome.code, &inspection["name"], &inspection["model_version"]),
        (0, &"digits".into(), &"7".into())
    );
    assert_eq!(inspection["golden"]["passed"], inspection["golden_vectors"]);
    assert_eq!(inspection["macs"], report["blob"]["macs"]);
    assert!(folder.run(["inspect", "digits.dnl"]).output.contains("2 passed"));

    let run = |words: &[&str]| {
        let outcome = folder.run([&["run", "digits.dnl", "-i", "test.npz:x"], words].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.errors);
        outcome.output
    };
    run(&["-o", "raw.npy", "--raw"]);
    run(&["-o", "portable.npy", "--raw", "--family", "portable"]);
    run(&["-o", "real.npy"]);
    assert_eq!(folder.read("raw.npy"), folder.read("portable.npy"));
    let (raw, real) = (folder.read("raw.npy"), folder.read("real.npy"));
    let output = &inspection["outputs"][0];
    let (scale, zero_point) = (output["scale"].as_f64().unwrap(), output["zero_point"].as_f64().unwrap());
    let real = npy_content(&real).as_chunks::<4>().0;
    assert_eq!(real.len(), npy_content(&raw).len());
    for (&real, &raw) in real.iter().zip(npy_content(&raw)) {
        let expected = scale * (f64::from(raw.cast_signed()) - zero_point);
        assert!((f64::from(f32::from_le_bytes(real)) - expected).abs() < 1e-6);
    }
    assert!(run(&["--profile"]).contains("depthwise_conv2d"));
    assert_eq!(folder.files().iter().filter(|name| name.starts_with('.')).count(), 0);

    let compare =
        ["compare", "digits.onnx", "digits.dnl", "--inputs", "test.npz:x", "--labels", "test.npz:y"];
    let outcome = folder.run(compare.iter().chain(&["--json"]));
    let comparison = json(outcome.output.as_bytes());
    let confusion = comparison["classification"]["confusion"].as_array().unwrap().iter();
    let counts = confusion.flat_map(|row| row.as_array().unwrap()).map(|count| count.as_u64().unwrap());
    assert_eq!((outcome.code, counts.sum::<u64>()), (0, comparison["samples"].as_u64().unwrap()));
    let outcome = folder.run(compare.iter().chain(&["--min-sqnr", "300"]));
    assert_eq!(outcome.code, 4, "{}", outcome.errors);
    assert!(outcome.errors.contains("300 dB are needed"), "{}", outcome.errors);
    let outcome = folder.run(compare.iter().chain(&["--max-drop=-100"]));
    assert_eq!(outcome.code, 4, "{}", outcome.errors);
}

#[test]
fn integers_are_taken_as_they_are() {
    let folder = Folder::with_blob("integers");
    let inspection = json(folder.run(["inspect", "digits.dnl", "--json"]).output.as_bytes());
    let input = &inspection["inputs"][0];
    let (scale, zero_point) =
        (input["scale"].as_f64().unwrap() as f32, input["zero_point"].as_i64().unwrap());
    let quantized: Vec<i8> = (0..512).map(|index| (index % 251 - 120) as i8).collect();
    let real = quantized.iter().map(|&value| scale * (i64::from(value) - zero_point) as f32);
    let real: Vec<u8> = real.flat_map(f32::to_le_bytes).collect();
    let quantized: Vec<u8> = quantized.into_iter().map(i8::cast_unsigned).collect();
    folder.write("int8.npy", &npy_of("|i1", "2, 1, 16, 16", &quantized));
    folder.write("float32.npy", &npy_of("<f4", "2, 1, 16, 16", &real));
    for name in ["int8", "float32"] {
        let (inputs, output) = (format!("{name}.npy"), format!("{name}-output.npy"));
        let outcome = folder.run(["run", "digits.dnl", "-i", &inputs, "-o", &output, "--raw"]);
        assert_eq!(outcome.code, 0, "{}", outcome.errors);
    }
    assert_eq!(folder.read("int8-output.npy"), folder.read("float32-output.npy"));
}

#[test]
fn true_values_are_held_against_both_models() {
    let folder = Folder::new("values");
    let houses = dunlin_models::sample("house_price").unwrap();
    for (name, content) in [("h.onnx", houses.onnx), ("c.npz", houses.calibration), ("t.npz", houses.test)] {
        folder.write(name, content);
    }
    let outcome =
        folder.run(["convert", "h.onnx", "-o", "h.dnl", "--scheme", "float32", "--calibrate", "c.npz"]);
    assert_eq!(outcome.code, 0, "{}", outcome.errors);
    let regression = |labels: &str| {
        let compare = ["compare", "h.onnx", "h.dnl", "-i", "t.npz:x", "--labels", labels, "--json"];
        let outcome = folder.run(compare);
        assert_eq!(outcome.code, 0, "{}", outcome.errors);
        json(outcome.output.as_bytes())["regression"].clone()
    };
    // The blob is the float model itself, so both err alike: prices are noisy, the training framework's outputs are its own.
    let prices = regression("t.npz:y");
    assert_eq!(prices["increase_percent"], 0.0);
    let (noise, own) =
        (&prices["float_mean_squared_error"], &regression("t.npz:expected")["float_mean_squared_error"]);
    assert!(noise.as_f64().unwrap() > 1.0 && own.as_f64().unwrap() < 1e-3, "{noise} and {own}");
}

#[test]
fn a_blob_that_does_not_fit_the_board_is_not_written() {
    let (Some(model), Some(inputs)) = (data("models/ad/ad_float.onnx"), data("models/ad/inputs.npz")) else {
        return;
    };
    let folder = Folder::new("board");
    let calibrate = format!("{inputs}:x");
    let words = ["--calibrate", &calibrate, "--board", "microbit", "--report", "report.json"];
    let outcome = folder.run(["convert", &model, "-o", "ad.dnl"].iter().chain(&words));
    assert_eq!(outcome.code, 3, "{}", outcome.errors);
    assert!(outcome.errors.contains("does not fit microbit"), "{}", outcome.errors);
    let report = json(&folder.read("report.json"));
    assert_eq!(report["board"]["fits"], false);
    assert!(report["seconds"].is_null(), "it would be another report each time");
    assert!(!folder.files().contains(&"ad.dnl".to_owned()));
}

#[test]
fn every_shell_gets_completions_and_every_command_has_help() {
    let folder = Folder::new("help");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let outcome = folder.run(["completions", shell]);
        assert_eq!(outcome.code, 0);
        assert!(outcome.output.contains("inspect"), "{shell}");
    }
    for command in ["convert", "inspect", "run", "compare", "completions"] {
        let outcome = folder.run([command, "--help"]);
        assert!(outcome.code == 0 && outcome.output.contains("Examples:"), "{command}");
    }
}
