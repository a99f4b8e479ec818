//! Runs the program in a folder of its own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with the digit classifier and its samples, removed at the end.
pub struct Folder {
    path: PathBuf,
}

/// What a run left behind.
pub struct Outcome {
    pub code: i32,
    pub output: String,
    pub errors: String,
}

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("dunlin-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let folder = Folder { path };
        let digits = dunlin_models::sample("digits").unwrap();
        folder.write("digits.onnx", digits.onnx);
        folder.write("calibration.npz", digits.calibration);
        folder.write("test.npz", digits.test);
        folder
    }

    /// One that holds `digits.dnl` too.
    pub fn with_blob(name: &str) -> Folder {
        let folder = Folder::new(name);
        let outcome =
            folder.run(["convert", "digits.onnx", "-o", "digits.dnl", "--calibrate", "calibration.npz"]);
        assert_eq!(outcome.code, 0, "{}", outcome.errors);
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Names of all files, in order.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.path).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs `dunlin` in the folder.
    pub fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Outcome {
        let output = Command::new(env!("CARGO_BIN_EXE_dunlin"))
            .args(arguments)
            .current_dir(&self.path)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let outcome = Outcome {
            code: output.status.code().expect("ended by a signal"),
            output: text(output.stdout),
            errors: text(output.stderr),
        };
        assert!(!outcome.errors.contains("panicked"), "{}", outcome.errors);
        outcome
    }

    /// Runs `dunlin` with words that must fail with `code` and say `names`, and leave no file behind.
    pub fn refuse(&self, arguments: &[&str], code: i32, names: &[&str]) {
        let before = self.files();
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, code, "{arguments:?}: {}", outcome.errors);
        for name in names {
            assert!(outcome.errors.contains(name), "{arguments:?} does not say {name}: {}", outcome.errors);
        }
        assert_eq!(self.files(), before, "{arguments:?} left something behind");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A `.npy` file of float32.
pub fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    npy_of("<f4", shape, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
}

/// A `.npy` file of any type.
pub fn npy_of(description: &str, shape: &str, content: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{description}', 'fortran_order': False, 'shape': ({shape}), }}");
    header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(content);
    bytes
}

/// The content of a `.npy` file behind its header.
pub fn npy_content(file: &[u8]) -> &[u8] {
    let length = usize::from(u16::from_le_bytes([file[8], file[9]]));
    &file[10 + length..]
}

/// A file of the models and data that are not part of the project, or `None` with a word about it.
pub fn data(name: &str) -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("DUNLIN_DATA").map_or(beside, PathBuf::from).join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not there; set DUNLIN_DATA", path.display());
        return None;
    }
    Some(path.display().to_string())
}
