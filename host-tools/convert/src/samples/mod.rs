//! Arrays of samples on disk: `x.npy`, `x.npz[:key]`, `x.csv`, `image.png`.
//!
//! A [`SampleFile`] knows the shape and element type of what a file holds; [`SampleFile::arrange`] holds it against a
//! model's input and gives [`Samples`], which reads them one at a time, in the order of the model's input. Nothing is
//! kept of earlier samples, so a set may be larger than the memory.
//!
//! ```no_run
//! # fn main() -> Result<(), dunlin_convert::samples::SampleError> {
//! use dunlin_convert::samples::{SampleError, SampleFile};
//!
//! let samples = SampleFile::open("inputs.npz:x")?.arrange(&[1, 28, 28, 1], None)?;
//! samples.for_each(|index, sample: &[f32]| {
//!     println!("sample {index} begins with {}", sample[0]);
//!     Ok::<(), SampleError>(())
//! })
//! # }
//! ```

mod arrangement;
mod csv;
mod element;
mod error;
mod labels;
mod layout_text;
mod location;
mod npy;
mod npz;
mod png;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use arrangement::{Samples, file_order};
pub use element::ElementType;
pub use error::{SampleError, SampleProblem};
pub use labels::{read_labels, read_values};
pub use layout_text::{describe_layout, parse_layout};
pub use location::Location;
pub use npy::{NpyElement, encode_npy};

/// What a visitor of single values returns is generic, so that it can stop for reasons of its own.
type Visit<'a, E> = &'a mut dyn FnMut(f32) -> Result<(), E>;

/// An array on disk, whose first axis counts samples, before its values are read.
#[derive(Debug)]
pub struct SampleFile {
    location: Location,
    source: Source,
    shape: Vec<usize>,
    element_type: ElementType,
}

/// How the values are read.
#[derive(Debug)]
enum Source {
    Npy,
    Npz { member: String },
    Csv(csv::Table),
    Png { values: Vec<u8> },
}

impl SampleFile {
    /// Opens `x.npy`, `x.npz`, `x.npz:key`, `x.csv` or `image.png` and reads what it holds.
    ///
    /// Without a key, an archive's only array is taken, or the one named `x`. A CSV file may begin with a line of column
    /// names. An image is one sample of shape \[height, width, channels\] with values from 0 to 255.
    ///
    /// # Errors
    /// A [`SampleError`] that names the file: it is absent, of an unknown or malformed format, has no such key, has
    /// elements that are no numbers, or no samples.
    pub fn open(location: impl AsRef<str>) -> Result<SampleFile, SampleError> {
        let location = Location::parse(location.as_ref());
        let file = match location.extension().as_str() {
            "npy" => npy::open(location),
            "npz" => npz::open(location),
            "csv" => csv::open(location),
            "png" => png::open(location),
            _ => Err(SampleError::new(location, SampleProblem::UnknownFormat)),
        }?;
        match file.shape.split_first() {
            None => Err(file.fail(SampleProblem::NoSampleAxis)),
            Some((0, _)) => Err(file.fail(SampleProblem::Empty)),
            Some((_, rest)) if rest.contains(&0) => Err(file.fail(SampleProblem::Empty)),
            Some(_) => Ok(file),
        }
    }

    /// Where the array is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.location.path
    }

    /// Shape of the array; the first axis counts samples.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of samples.
    pub fn count(&self) -> usize {
        self.shape[0]
    }

    /// Type of the elements in the file.
    pub fn element_type(&self) -> ElementType {
        self.element_type
    }

    /// Names of the columns, if the file is a CSV file that begins with them; else empty.
    pub fn feature_names(&self) -> &[String] {
        match &self.source {
            Source::Csv(table) => &table.names,
            _ => &[],
        }
    }

    /// Hands all values to `visit`, in the order of the file.
    fn read<E: From<SampleError>>(&self, visit: Visit<'_, E>) -> Result<(), E> {
        match &self.source {
            Source::Npy => npy::read(self, visit),
            Source::Npz { member } => npz::read(self, member, visit),
            Source::Csv(table) => csv::read(self, table, visit),
            Source::Png { values } => values.iter().try_for_each(|&value| visit(f32::from(value))),
        }
    }

    fn fail(&self, problem: SampleProblem) -> SampleError {
        SampleError::new(self.location.clone(), problem)
    }
}
