//! NumPy's archives of arrays.

use std::fs::File;
use std::io::BufReader;

use zip::ZipArchive;
use zip::result::ZipError;

use super::{Location, SampleError, SampleFile, SampleProblem, Source, Visit, npy};

type Archive = ZipArchive<BufReader<File>>;

pub(super) fn open(location: Location) -> Result<SampleFile, SampleError> {
    let mut archive = match open_archive(&location) {
        Ok(archive) => archive,
        Err(problem) => return Err(SampleError::new(location, problem)),
    };
    let key = match choose_key(&location, &archive) {
        Ok(key) => key,
        Err(problem) => return Err(SampleError::new(location, problem)),
    };
    let member = format!("{key}.npy");
    let location = Location { key: Some(key), ..location };
    match archive.by_name(&member) {
        Ok(entry) => npy::describe(location, Source::Npz { member: member.clone() }, entry),
        Err(error) => Err(SampleError::new(location, problem(error))),
    }
}

pub(super) fn read<E: From<SampleError>>(
    file: &SampleFile,
    member: &str,
    visit: Visit<'_, E>,
) -> Result<(), E> {
    let mut archive = open_archive(&file.location).map_err(|problem| file.fail(problem))?;
    let entry = archive.by_name(member).map_err(|error| file.fail(problem(error)))?;
    npy::read_elements(file, entry, visit)
}

fn open_archive(location: &Location) -> Result<Archive, SampleProblem> {
    let file = File::open(&location.path).map_err(SampleProblem::Io)?;
    ZipArchive::new(BufReader::new(file)).map_err(problem)
}

/// The key that was asked for; else the only array's, else `x`.
fn choose_key(location: &Location, archive: &Archive) -> Result<String, SampleProblem> {
    let mut keys: Vec<String> =
        archive.file_names().filter_map(|name| name.strip_suffix(".npy")).map(str::to_owned).collect();
    keys.sort_unstable();
    let has = |key: &str| keys.iter().any(|name| name == key);
    match (&location.key, keys.as_slice()) {
        (Some(key), _) if has(key) => Ok(key.clone()),
        (Some(key), _) => Err(SampleProblem::MissingKey { key: key.clone(), keys }),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(SampleProblem::MissingKey { key: "x".into(), keys }),
        (None, _) if has("x") => Ok("x".into()),
        (None, _) => Err(SampleProblem::AmbiguousKey { keys }),
    }
}

fn problem(error: ZipError) -> SampleProblem {
    match error {
        ZipError::Io(error) => SampleProblem::Io(error),
        other => SampleProblem::Malformed(other.to_string()),
    }
}
