//! Blobs on disk.

use std::path::{Path, PathBuf};

use dunlin_convert::pack::AlignedBytes;
use dunlin_runtime::{Family, Model};

use crate::failure::Failure;

/// The bytes of a blob, at an address that the runtime accepts.
pub struct BlobFile {
    path: PathBuf,
    bytes: AlignedBytes,
}

impl BlobFile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<BlobFile, Failure> {
        let bytes = std::fs::read(path).map_err(|error| {
            Failure::new(format!("cannot read {}", path.display()))
                .because(&error)
                .help("check the path and its permissions")
        })?;
        Ok(BlobFile { path: path.to_owned(), bytes: AlignedBytes::from_slice(&bytes) })
    }

    /// Verifies structure and digest.
    pub fn open(&self) -> Result<Model<'_>, Failure> {
        let refuse = |error| Failure::blob(&self.path, error);
        let model = Model::open(self.bytes.as_slice()).map_err(refuse)?;
        if model.bytes().len() != self.bytes.len() {
            let behind = self.bytes.len() - model.bytes().len();
            return Err(Failure::new(format!(
                "cannot use {}: {behind} bytes follow the blob",
                self.path.display()
            ))
            .help("copy the file again from where it was made, or convert the model anew"));
        }
        model.check_digest().map_err(refuse)?;
        Ok(model)
    }

    /// Where the blob is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A kernel family by its name, for the command line.
pub fn parse_family(name: &str) -> Result<Family, String> {
    Family::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Family::ALL.into_iter().map(Family::name).collect();
        format!("the kernel families are {}", known.join(", "))
    })
}
