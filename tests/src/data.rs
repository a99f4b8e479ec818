//! Real models and data, which are not part of the project.

use std::fs::File;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, IxDyn, OwnedRepr};
use ndarray_npy::{NpzReader, ReadableElement};

/// The folder of the data: the environment variable `DUNLIN_DATA`, else `../shared/data` beside the repository.
/// `None`, with a word on standard error, where it is absent.
pub fn directory() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let directory = std::env::var_os("DUNLIN_DATA").map_or(beside, PathBuf::from);
    if directory.is_dir() {
        return Some(directory);
    }
    eprintln!("skipped: no data at {}; set DUNLIN_DATA", directory.display());
    None
}

/// One array of a `.npz` archive.
///
/// # Panics
/// If the file, the array or its type is not as asked for.
pub fn read_npz<T: ReadableElement>(path: &Path, key: &str) -> ArrayD<T> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut archive = NpzReader::new(file).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    archive
        .by_name::<OwnedRepr<T>, IxDyn>(key)
        .unwrap_or_else(|error| panic!("{}: {key}: {error}", path.display()))
}

/// The samples of an array along its first axis, each row-major.
pub fn samples<T: Clone>(array: &ArrayD<T>) -> Vec<Vec<T>> {
    array.outer_iter().map(|sample| sample.iter().cloned().collect()).collect()
}
