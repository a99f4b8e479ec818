//! Why samples could not be read.

use thiserror::Error;

use super::{ElementType, Location};

/// Why an array of samples could not be read, and where it is.
#[derive(Debug, Error)]
#[error("{location}: {problem}")]
pub struct SampleError {
    /// The file, and the key in it.
    pub location: Location,
    /// What is wrong with it.
    #[source]
    pub problem: Box<SampleProblem>,
}

/// What is wrong with an array of samples.
#[derive(Debug, Error)]
pub enum SampleProblem {
    /// The operating system did not let us read the file.
    #[error("cannot be read: {0}")]
    Io(std::io::Error),
    /// The file's name has none of the known endings.
    #[error("is not a file of samples: its name does not end in .npy, .npz, .csv or .png")]
    UnknownFormat,
    /// The file is not what its ending says.
    #[error("is malformed: {0}")]
    Malformed(String),
    /// The file ends before its last element.
    #[error("ends early: its header promises {promised} elements")]
    Truncated {
        /// Elements according to the header.
        promised: usize,
    },
    /// The archive has no array of that name.
    #[error("has no array `{key}`, only {}", list(keys))]
    MissingKey {
        /// What was asked for.
        key: String,
        /// What there is.
        keys: Vec<String>,
    },
    /// The archive has several arrays, none is named `x`, and no key was given.
    #[error("has several arrays, {}, and none was named", list(keys))]
    AmbiguousKey {
        /// What there is.
        keys: Vec<String>,
    },
    /// Elements that are no real numbers.
    #[error("has elements of type {found}, which are not real numbers that can be read")]
    WrongElementType {
        /// NumPy's description of the type.
        found: String,
    },
    /// Elements are not of the one type that is needed.
    #[error("has elements of type {found}, but {needed} is needed")]
    OtherElementType {
        /// What the file has.
        found: ElementType,
        /// What is needed, in words.
        needed: &'static str,
    },
    /// The array is stored column by column.
    #[error("is stored in Fortran order")]
    FortranOrder,
    /// The array is a single number.
    #[error("is a single number, not an array of samples")]
    NoSampleAxis,
    /// There is nothing to read.
    #[error("has no samples: it is empty")]
    Empty,
    /// A sample does not have the shape of the model's input.
    #[error(
        "has samples of shape {found:?}, but the model takes {}",
        expected.iter().map(|shape| format!("{shape:?}")).collect::<Vec<_>>().join(" or ")
    )]
    WrongShape {
        /// Shape of one sample.
        found: Vec<usize>,
        /// Shapes of one sample that the model's input accepts.
        expected: Vec<Vec<usize>>,
        /// Whether the whole array has the shape of one sample.
        is_one_sample: bool,
    },
    /// A CSV file has another number of columns than the model has features.
    #[error("has {found} columns, but the model takes {expected} features")]
    WrongColumns {
        /// Columns in the file.
        found: usize,
        /// Features of the model.
        expected: usize,
    },
    /// A line of a CSV file has another number of cells than the first one.
    #[error("line {line} has {found} cells, but the lines before it have {expected}")]
    RaggedLine {
        /// The line, counted from 1.
        line: u64,
        /// Its cells.
        found: usize,
        /// Cells of the first line.
        expected: usize,
    },
    /// A cell of a CSV file is not a number.
    #[error("line {line}, column {column}{}: `{cell}` is not a number", name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default())]
    NotANumber {
        /// The line, counted from 1.
        line: u64,
        /// The column, counted from 1.
        column: usize,
        /// The column's name, if the file has names.
        name: Option<String>,
        /// What the cell holds.
        cell: String,
    },
    /// A value is NaN or infinite.
    #[error("sample {sample} has the value {value} at index {index:?}")]
    NotFinite {
        /// The sample, counted from 0.
        sample: usize,
        /// The index inside the sample, one number per axis.
        index: Vec<usize>,
        /// NaN or an infinity.
        value: f32,
    },
    /// A label is not the number of a class.
    #[error("label {index} is {value}, which is not the number of one of {classes} classes")]
    NotALabel {
        /// Index of the label, counted from 0.
        index: usize,
        /// What it is.
        value: f32,
        /// How many classes the model has.
        classes: usize,
    },
    /// There are more or fewer labels than samples.
    #[error("has {found} labels for {expected} samples")]
    LabelCount {
        /// Number of labels.
        found: usize,
        /// Number of samples.
        expected: usize,
    },
}

impl SampleError {
    pub(super) fn new(location: Location, problem: SampleProblem) -> SampleError {
        SampleError { location, problem: Box::new(problem) }
    }

    /// What to do about it, as an imperative sentence.
    pub fn advice(&self) -> String {
        let path = self.location.path.display();
        match &*self.problem {
            SampleProblem::Io(_) => "check the path and its permissions".into(),
            SampleProblem::UnknownFormat => {
                "pass x.npy, x.npz, x.npz:key, x.csv or image.png, the first axis counting samples".into()
            }
            SampleProblem::Malformed(_) | SampleProblem::Truncated { .. } => {
                "write the file again, for instance with numpy.save, numpy.savez or a spreadsheet's CSV export".into()
            }
            SampleProblem::MissingKey { keys, .. } | SampleProblem::AmbiguousKey { keys } => match keys.first() {
                Some(key) => format!("name one of its arrays, for instance {path}:{key}"),
                None => "write an archive with at least one array".into(),
            },
            SampleProblem::WrongElementType { .. } => {
                "convert the array, for instance with x.astype('float32')".into()
            }
            SampleProblem::OtherElementType { .. } => "pass an array of that type".into(),
            SampleProblem::FortranOrder => "store numpy.ascontiguousarray(x) instead".into(),
            SampleProblem::NoSampleAxis => "store an array whose first axis counts samples".into(),
            SampleProblem::Empty => "pass at least one sample".into(),
            SampleProblem::WrongShape { is_one_sample: true, .. } => {
                "the first axis counts samples: store one sample as x[numpy.newaxis]".into()
            }
            SampleProblem::WrongShape { .. } => {
                "reshape or transpose the samples to the shape of the model's input".into()
            }
            SampleProblem::WrongColumns { .. } => {
                "leave the columns that the model was trained on, in that order".into()
            }
            SampleProblem::RaggedLine { .. } => "give every line the same number of cells".into(),
            SampleProblem::NotANumber { line: 1, .. } => {
                "a first line of names is skipped only if it has no number in it: mend the cell or name all columns"
                    .into()
            }
            SampleProblem::NotANumber { .. } => "mend or leave out the line".into(),
            SampleProblem::NotFinite { .. } => "mend or leave out the sample".into(),
            SampleProblem::NotALabel { .. } => "number the classes from 0, in the order of the model's outputs".into(),
            SampleProblem::LabelCount { .. } => "pass one label for each sample".into(),
        }
    }
}

fn list(keys: &[String]) -> String {
    if keys.is_empty() {
        "nothing at all".into()
    } else {
        keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
    }
}
