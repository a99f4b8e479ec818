//! Files that are there whole or not at all.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// A file to be written: reserved before the work begins, so that an output that cannot be written is known at once, and
/// put in its place when its content is complete.
pub struct OutputFile {
    path: PathBuf,
    /// `None` for what is no regular file, such as `/dev/stdout`: it is written directly.
    draft: Option<NamedTempFile>,
}

impl OutputFile {
    /// Reserves a place beside `path`.
    pub fn reserve(path: &Path) -> Result<OutputFile, Failure> {
        let draft = match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                return Err(Failure::new(format!("cannot write {}: it is a folder", path.display()))
                    .help("name a file"));
            }
            Ok(found) if !found.is_file() => None,
            _ => Some(draft_beside(path)?),
        };
        Ok(OutputFile { path: path.to_owned(), draft })
    }

    /// Writes the content and puts the file in its place.
    pub fn finish(self, content: &[u8]) -> Result<(), Failure> {
        let OutputFile { path, draft } = self;
        let written = match draft {
            None => fs::write(&path, content),
            Some(mut draft) => draft
                .write_all(content)
                .and_then(|()| draft.as_file().sync_all())
                .and_then(|()| draft.persist(&path).map(drop).map_err(|error| error.error)),
        };
        written.map_err(|error| Failure::file("write", &path, &error))
    }
}

/// A file in the folder of `path`, removed when it is dropped.
fn draft_beside(path: &Path) -> Result<NamedTempFile, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::new(format!(
            "cannot write {}: there is no folder {}",
            path.display(),
            folder.display()
        ))
        .help("create the folder, or name another one"));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".dunlin-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666)); // less what the umask takes, as for any other file
    }
    // The error would name the draft, which means nothing to anybody.
    builder.tempfile_in(folder).map_err(|error| Failure::file("write", path, &error.kind().into()))
}
