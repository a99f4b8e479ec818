//! Files that are there whole or not at all.

use std::fs::{self, Permissions};
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
        let fail = |error: &std::io::Error| Failure::file("write", path, error);
        let draft = match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(fail(&std::io::ErrorKind::IsADirectory.into())),
            Ok(found) if !found.is_file() => None,
            _ => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                Some(draft_in(folder.unwrap_or(Path::new("."))).map_err(|error| fail(&error))?)
            }
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

/// A file without a name that matters, removed when it is dropped.
fn draft_in(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".dunlin-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(Permissions::from_mode(0o666)); // less what the umask takes, as for any other file
    }
    builder.tempfile_in(folder)
}
