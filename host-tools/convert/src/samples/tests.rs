//! What is read is what was written, in the model's order; what is broken is named.

use std::fs;
use std::path::PathBuf;

use super::{
    Location, SampleError, SampleFile, SampleProblem, describe_layout, encode_npy, parse_layout, read_labels,
};
use crate::graph::FileLayout;

/// A folder of this test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("dunlin-samples-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    use std::io::Write;
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut archive = zip::ZipWriter::new(&mut bytes);
    for (key, array) in arrays {
        archive.start_file(format!("{key}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(array).unwrap();
    }
    archive.finish().unwrap();
    bytes.into_inner()
}

fn read_all(
    file: SampleFile,
    shape: &[usize],
    layout: Option<&FileLayout>,
) -> Result<Vec<Vec<f32>>, SampleError> {
    let mut samples = Vec::new();
    file.arrange(shape, layout)?.for_each(|index, sample| {
        assert_eq!(index, samples.len());
        samples.push(sample.to_vec());
        Ok::<(), SampleError>(())
    })?;
    Ok(samples)
}

fn problem<T: std::fmt::Debug>(result: Result<T, SampleError>) -> SampleProblem {
    let error = result.unwrap_err();
    assert!(!error.advice().is_empty());
    *error.problem
}

#[test]
fn samples_come_in_the_order_of_the_model() {
    let folder = Folder::new("order");
    let values: Vec<f32> = (0..2 * 3 * 2 * 4).map(|value| value as f32).collect();
    let path = folder.file("x.npy", &encode_npy(&[2, 3, 2, 4], &values).unwrap());
    let layout = FileLayout { shape: vec![1, 3, 2, 4], permutation: vec![0, 2, 3, 1] };
    let samples = read_all(SampleFile::open(&path).unwrap(), &[1, 2, 4, 3], Some(&layout)).unwrap();
    for (n, sample) in samples.iter().enumerate() {
        for h in 0..2 {
            for w in 0..4 {
                for c in 0..3 {
                    assert_eq!(sample[(h * 4 + w) * 3 + c], values[((n * 3 + c) * 2 + h) * 4 + w]);
                }
            }
        }
    }
    let plain = read_all(SampleFile::open(&path).unwrap(), &[1, 3, 2, 4], None).unwrap();
    assert_eq!(plain.concat(), values);
    // The input's own order is taken as well, and an axis of extent 1 more or less makes no difference.
    let path = folder.file("nhwc.npy", &encode_npy(&[2, 1, 2, 4, 3], &values).unwrap());
    let plain = read_all(SampleFile::open(&path).unwrap(), &[1, 2, 4, 3], Some(&layout)).unwrap();
    assert_eq!(plain.concat(), values);
    let error = problem(SampleFile::open(&path).unwrap().arrange(&[1, 4, 4, 3], None));
    assert!(matches!(error, SampleProblem::WrongShape { found, .. } if found == [1, 2, 4, 3]));
    assert_eq!(parse_layout(&format!("x / 255, {}; then no more", describe_layout(&layout))), Some(layout));
    assert_eq!(parse_layout("transposed from 1×2 by 0,7"), None);
}

#[test]
fn archives_are_searched_for_the_array() {
    let folder = Folder::new("archive");
    let one = |value: i8| encode_npy(&[1, 2], &[value, -value]).unwrap();
    let path = folder.file("two.npz", &npz(&[("x", one(3)), ("y", one(5))]));
    let first = |location: &str| {
        let mut found = Vec::new();
        let samples = SampleFile::open(location).unwrap().arrange(&[1, 2], None).unwrap();
        let read = samples.for_each_int8(|_, sample| {
            found.extend_from_slice(sample);
            Ok::<(), SampleError>(())
        });
        read.unwrap();
        found
    };
    assert_eq!(first(&path), [3, -3]);
    assert_eq!(first(&format!("{path}:y")), [5, -5]);
    let missing = problem(SampleFile::open(format!("{path}:z")));
    assert!(matches!(missing, SampleProblem::MissingKey { key, keys } if key == "z" && keys == ["x", "y"]));
    let path = folder.file("other.npz", &npz(&[("a", one(3)), ("b", one(5))]));
    assert!(matches!(problem(SampleFile::open(&path)), SampleProblem::AmbiguousKey { .. }));
    let path = folder.file("only.npz", &npz(&[("a", one(7))]));
    assert_eq!(first(&path), [7, -7]);
    assert_eq!(SampleFile::open(&path).unwrap().location(), &Location::parse(&format!("{path}:a")));
}

#[test]
fn tables_are_checked_cell_by_cell() {
    let folder = Folder::new("csv");
    let path = folder.file("x.csv", b"length, width\n1, 2.5\n-3e1,4\n");
    let file = SampleFile::open(&path).unwrap();
    assert_eq!(file.feature_names(), ["length", "width"]);
    assert_eq!(read_all(file, &[1, 2], None).unwrap(), [[1.0, 2.5], [-30.0, 4.0]]);
    let wrong = problem(SampleFile::open(&path).unwrap().arrange(&[1, 3], None));
    assert!(matches!(wrong, SampleProblem::WrongColumns { found: 2, expected: 3 }));
    let ragged = problem(SampleFile::open(folder.file("ragged.csv", b"1,2\n3,4\n5\n")));
    assert!(matches!(ragged, SampleProblem::RaggedLine { line: 3, found: 1, expected: 2 }));
    let text = problem(SampleFile::open(folder.file("text.csv", b"a,b\n1,2\n3,four\n")));
    assert!(matches!(text, SampleProblem::NotANumber { line: 3, column: 2, name: Some(name), cell }
        if name == "b" && cell == "four"));
    for empty in [&b""[..], b"a,b\n"] {
        let empty = problem(SampleFile::open(folder.file("empty.csv", empty)));
        assert!(matches!(empty, SampleProblem::Empty));
    }
    let nan = read_all(SampleFile::open(folder.file("nan.csv", b"1,2\n3,nan\n")).unwrap(), &[1, 2], None);
    assert!(matches!(problem(nan), SampleProblem::NotFinite { sample: 1, index, .. } if index == [1]));
}

#[test]
fn images_are_one_sample() {
    let folder = Folder::new("png");
    let pixels: Vec<u8> = (0..2 * 3 * 4).map(|value| if value % 4 == 3 { 255 } else { value }).collect();
    let write = |color, data: &[u8]| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 3, 2);
        encoder.set_color(color);
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        folder.file("image.png", &bytes)
    };
    let path = write(png::ColorType::Rgba, &pixels);
    let expected: Vec<f32> =
        pixels.chunks(4).flat_map(|pixel| &pixel[..3]).map(|&value| f32::from(value)).collect();
    // An image is height × width × channels even where the trained model's input is not.
    let layout = FileLayout { shape: vec![1, 3, 2, 3], permutation: vec![0, 2, 3, 1] };
    let samples = read_all(SampleFile::open(&path).unwrap(), &[1, 2, 3, 3], Some(&layout)).unwrap();
    assert_eq!(samples, [expected]);
    let path = write(png::ColorType::Grayscale, &pixels[..6]);
    let samples = read_all(SampleFile::open(&path).unwrap(), &[1, 2, 3, 1], None).unwrap();
    assert_eq!(samples[0].len(), 6);
    assert!(SampleFile::open(&path).unwrap().arrange(&[1, 2, 3, 3], None).is_err());
}

#[test]
fn damaged_and_unsuitable_files_are_errors() {
    let folder = Folder::new("damaged");
    let whole = encode_npy(&[2, 3], &[0.5f32; 6]).unwrap();
    for length in 0..whole.len() {
        let path = folder.file("cut.npy", &whole[..length]);
        let read = SampleFile::open(&path).and_then(|file| read_all(file, &[1, 3], None));
        assert!(
            matches!(problem(read), SampleProblem::Malformed(_) | SampleProblem::Truncated { promised: 6 }),
            "cut at {length}"
        );
    }
    let archive = npz(&[("x", whole)]);
    for length in (0..archive.len()).step_by(7) {
        let path = folder.file("cut.npz", &archive[..length]);
        assert!(SampleFile::open(&path).and_then(|file| read_all(file, &[1, 3], None)).is_err(), "{length}");
    }
    let replace = |from: &str, to: &str| {
        let bytes = encode_npy(&[2, 3], &[0.5f32; 6]).unwrap();
        let text = String::from_utf8_lossy(&bytes[..128]).replace(from, to);
        assert_eq!(text.chars().count(), 128);
        // The first byte is the format's magic number, not text.
        let head: Vec<u8> =
            text.chars().map(|letter| if letter.is_ascii() { letter as u8 } else { 0x93 }).collect();
        folder.file("changed.npy", &[&head, &bytes[128..]].concat())
    };
    assert!(SampleFile::open(replace("<f4", "<f4")).is_ok());
    assert!(matches!(
        problem(SampleFile::open(replace("<f4", "<c8"))),
        SampleProblem::WrongElementType { .. }
    ));
    assert!(matches!(problem(SampleFile::open(replace("False", "True "))), SampleProblem::FortranOrder));
    assert!(matches!(problem(SampleFile::open(replace("2, 3", "0, 3"))), SampleProblem::Empty));
    assert!(matches!(problem(SampleFile::open("absent.npy")), SampleProblem::Io(_)));
    assert!(matches!(problem(SampleFile::open("x.txt")), SampleProblem::UnknownFormat));
}

#[test]
fn labels_are_numbers_of_classes() {
    let folder = Folder::new("labels");
    let path = folder.file("y.npy", &encode_npy(&[3, 1], &[0i8, 2, 1]).unwrap());
    assert_eq!(read_labels(&path, 3, 3).unwrap(), [0, 2, 1]);
    assert!(matches!(problem(read_labels(&path, 4, 3)), SampleProblem::LabelCount { found: 3, expected: 4 }));
    assert!(matches!(problem(read_labels(&path, 3, 2)), SampleProblem::NotALabel { index: 1, .. }));
}
