//! Everything that can be wrong with what a person passes is named, and nothing is left behind.

use crate::dunlin::{Folder, npy, npy_of};

#[test]
fn unknown_operators_are_listed_at_once() {
    let folder = Folder::new("operators");
    let mut model = folder.read("digits.onnx");
    for (known, unknown) in [("Softmax", "Sortmax"), ("MaxPool", "MixPool")] {
        let places: Vec<usize> =
            (0..model.len() - 7).filter(|&place| &model[place..place + 7] == known.as_bytes()).collect();
        assert!(!places.is_empty());
        for place in places {
            model[place..place + 7].copy_from_slice(unknown.as_bytes());
        }
    }
    folder.write("unknown.onnx", &model);
    let arguments = ["convert", "unknown.onnx", "-o", "model.dnl", "--calibrate", "calibration.npz"];
    folder.refuse(&arguments, 2, &["Sortmax", "MixPool", "2 nodes", "help"]);
}

#[test]
fn models_that_are_none_are_refused() {
    let folder = Folder::new("models");
    folder.write("text.onnx", b"this is no model");
    folder.write("model.txt", b"nor is this");
    let model = folder.read("digits.onnx");
    folder.write("cut.onnx", &model[..model.len() / 2]);
    folder.refuse(
        &["convert", "text.onnx", "-o", "model.dnl", "--calibrate", "calibration.npz"],
        1,
        &["malformed"],
    );
    folder.refuse(
        &["convert", "cut.onnx", "-o", "model.dnl", "--calibrate", "calibration.npz"],
        1,
        &["malformed"],
    );
    folder.refuse(&["convert", "model.txt", "-o", "model.dnl"], 2, &["model.txt", ".onnx"]);
    folder.refuse(&["convert", "absent.onnx", "-o", "model.dnl"], 1, &["absent.onnx"]);
    folder.refuse(&["convert", "digits.onnx", "-o", "model.dnl"], 2, &["--calibrate"]);
    folder.refuse(&["inspect", "digits.onnx"], 1, &["digits.onnx", "not a Dunlin blob"]);
}

#[test]
fn samples_that_do_not_fit_are_refused() {
    let folder = Folder::with_blob("samples");
    let mut nan = vec![0.5; 2 * 256];
    nan[256 + 3 * 16 + 2] = f32::NAN;
    let mut infinite = nan.clone();
    infinite[256 + 3 * 16 + 2] = f32::INFINITY;
    let cut = npy("2, 1, 16, 16", &[0.5; 256]);
    folder.write("empty.npy", &npy("0, 1, 16, 16", &[]));
    folder.write("empty.csv", b"");
    folder.write("nan.npy", &npy("2, 1, 16, 16", &nan));
    folder.write("infinite.npy", &npy("2, 1, 16, 16", &infinite));
    folder.write("shape.npy", &npy("2, 1, 16, 15", &[0.5; 480]));
    folder.write("unframed.npy", &npy("16, 16", &[0.5; 256]));
    folder.write("complex.npy", &npy_of("<c8", "1, 16, 16", &[0; 2048]));
    folder.write("objects.npy", &npy_of("|O", "1, 16, 16", &[0; 2048]));
    folder.write("cut.npy", &cut);
    folder.write("ragged.csv", b"1,2,3\n1,2\n");
    folder.write("text.csv", b"1,2,3\n1,two,3\n");
    folder.write("narrow.csv", b"1,2,3\n4,5,6\n");
    let cases: [(&str, &[&str]); 15] = [
        ("absent.npy", &["absent.npy"]),
        ("samples.txt", &["samples.txt", ".npy"]),
        ("calibration.npz:z", &["calibration.npz", "`z`", "`x`"]),
        ("empty.npy", &["empty.npy", "empty"]),
        ("empty.csv", &["empty.csv", "empty"]),
        ("nan.npy", &["nan.npy", "sample 1", "NaN", "[0, 3, 2]"]),
        ("infinite.npy", &["infinite.npy", "sample 1", "inf"]),
        ("shape.npy", &["shape.npy", "[1, 16, 15]", "[1, 16, 16]"]),
        ("unframed.npy", &["unframed.npy", "numpy.newaxis"]),
        ("complex.npy", &["complex.npy", "c8", "astype"]),
        ("objects.npy", &["objects.npy"]),
        ("cut.npy", &["cut.npy", "512"]),
        ("ragged.csv", &["ragged.csv", "line 2"]),
        ("text.csv", &["text.csv", "line 2, column 2", "`two`"]),
        ("narrow.csv", &["narrow.csv", "3 columns", "256"]),
    ];
    for (samples, names) in cases {
        folder.refuse(&["convert", "digits.onnx", "-o", "new.dnl", "--calibrate", samples], 1, names);
        folder.refuse(&["run", "digits.dnl", "--inputs", samples, "-o", "y.npy"], 1, names);
        folder.refuse(&["compare", "digits.onnx", "digits.dnl", "--inputs", samples], 1, names);
    }
}

#[test]
fn labels_that_do_not_fit_are_refused() {
    let folder = Folder::with_blob("labels");
    folder.write("few.npy", &npy("3,", &[0.0; 3]));
    folder.write("large.npy", &npy("200,", &[10.0; 200]));
    folder.write("fraction.npy", &npy("200,", &[0.5; 200]));
    for (labels, names) in [
        ("few.npy", ["few.npy", "3 labels for 200"]),
        ("large.npy", ["large.npy", "label 0 is 10"]),
        ("fraction.npy", ["fraction.npy", "label 0 is 0.5"]),
    ] {
        let arguments =
            ["compare", "digits.onnx", "digits.dnl", "--inputs", "test.npz:x", "--labels", labels];
        folder.refuse(&arguments, 1, &names);
    }
}

#[test]
fn outputs_that_cannot_be_written_are_named_before_the_work() {
    let folder = Folder::with_blob("outputs");
    std::fs::create_dir(folder.path("folder")).unwrap();
    let calibrate = ["--calibrate", "calibration.npz"];
    let convert = |words: &[&'static str]| [&["convert", "digits.onnx"], words, &calibrate].concat();
    folder.refuse(&convert(&["-o", "absent/model.dnl"]), 1, &["absent/model.dnl", "no folder"]);
    folder.refuse(&convert(&["-o", "folder"]), 1, &["cannot write folder"]);
    folder.refuse(&convert(&["-o", "digits.onnx/model.dnl"]), 1, &["digits.onnx/model.dnl"]);
    folder.refuse(&convert(&["-o", "new.dnl", "--report", "absent/r.json"]), 1, &["absent/r.json"]);
    folder.refuse(&convert(&["-o", "new.dnl", "--plan", "folder"]), 1, &["cannot write folder"]);
    folder.refuse(
        &["run", "digits.dnl", "--inputs", "test.npz:x", "-o", "absent/y.npy"],
        1,
        &["absent/y.npy", "no folder"],
    );
    #[cfg(target_os = "linux")]
    folder.refuse(&["run", "digits.dnl", "--inputs", "test.npz:x", "-o", "/dev/full"], 1, &["/dev/full"]);
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    let folder = Folder::with_blob("usage");
    let convert = ["convert", "digits.onnx", "-o", "new.dnl", "--calibrate", "calibration.npz"];
    folder.refuse(&[&convert[..], &["--board", "toaster"]].concat(), 2, &["toaster", "rp2040"]);
    folder.refuse(&[&convert[..], &["--percentile", "0"]].concat(), 2, &["percentage"]);
    folder.refuse(&["run", "digits.dnl", "--inputs", "test.npz:x"], 2, &["--output"]);
    folder.refuse(
        &["run", "digits.dnl", "-i", "test.npz:x", "-o", "y.npy", "--family", "mmx"],
        2,
        &["portable"],
    );
    folder.refuse(
        &["run", "digits.dnl", "-i", "test.npz:x", "-o", "y.npy", "--output-index", "1"],
        2,
        &["output 1"],
    );
    folder.refuse(
        &["run", "digits.dnl", "-i", "test.npz:x", "-o", "y.npy", "--divide-by", "0"],
        2,
        &["divided"],
    );
    let missing = if cfg!(target_arch = "aarch64") { "avx2" } else { "neon" };
    folder.refuse(
        &["run", "digits.dnl", "-i", "test.npz:x", "-o", "y.npy", "--family", missing],
        1,
        &[missing, "portable"],
    );
    folder.refuse(&["device", "run", "--board", "rp2040", "digits.dnl", "-i", "test.npz:x"], 2, &["rp2040"]);
    folder.refuse(&["convert", "digits.onnx"], 2, &["--output"]);
}
