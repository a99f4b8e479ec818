//! What can be wrong with a blob, an arena or a call.

use core::fmt;

use crate::family::Family;

/// Why a blob was refused, a session not made or a call not carried out.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The blob does not start at a multiple of 16. Use [`include_blob!`](crate::include_blob) or [`Aligned`](crate::Aligned).
    MisalignedBlob,
    /// The arena does not start at a multiple of 16. Use [`Aligned`](crate::Aligned).
    MisalignedArena,
    /// The file ends before the header or before the total length that the header states, both in bytes.
    Truncated {
        /// Bytes that are there.
        found: usize,
        /// Bytes that there should be.
        expected: usize,
    },
    /// The first four bytes are not those of a blob.
    NotABlob,
    /// A format version that this runtime does not read.
    UnsupportedVersion(u16),
    /// The program needs a later operator set than this runtime has.
    UnsupportedOperatorSet {
        /// What the program needs.
        needed: u16,
        /// What this runtime has.
        available: u16,
    },
    /// Weights in a packing that this runtime does not read.
    UnsupportedPacking(u16),
    /// A header field or the section table contradicts the specification.
    MalformedHeader,
    /// There is no section of this kind, or it is not as the specification says.
    MalformedSection(u32),
    /// A tensor record contradicts the specification or lies outside of its storage.
    MalformedTensor(u16),
    /// A step that cannot be executed safely.
    MalformedStep {
        /// Index of the step.
        step: u16,
        /// What is wrong with it.
        defect: Defect,
    },
    /// The digest of the content is not the one in the header: the file was changed or damaged.
    DigestMismatch,
    /// The arena is too small, both in bytes.
    ArenaTooSmall {
        /// Length of the arena.
        found: usize,
        /// What model and kernel family need.
        needed: usize,
    },
    /// This processor, or this build, does not have the kernel family.
    UnavailableFamily(Family),
    /// The model has fewer inputs or outputs than that.
    NoSuchTensor(usize),
    /// The tensor is of another data type than the accessor.
    WrongDataType,
}

/// What makes a step impossible to execute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// A number that no operator of this operator set has.
    UnknownOperator(u8),
    /// An operator that this build leaves out to save flash.
    OperatorNotBuilt(u8),
    /// A data type that this build leaves out to save flash.
    DataTypeNotBuilt(crate::format::DataType),
    /// A part of the operator's kernels that this build leaves out to save flash.
    FeatureNotBuilt(crate::feature::Feature),
    /// Operands outside of the operand table, or a number of them that the operator does not take.
    Operands,
    /// A record of attributes outside of the table.
    Attributes,
    /// Data types that the operator does not combine.
    DataTypes,
    /// Shapes that do not fit together.
    Shapes,
    /// Weights, channel blocks or tables outside of the weights section, or not aligned.
    Weights,
    /// A multiplier or shift outside of its range.
    Requantization,
    /// Scratch that overlaps operands, or ends behind the arena that the program header states.
    Scratch,
    /// An input or output in a place where the operator cannot use it: a constant, or an overlap.
    Placement,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::MisalignedBlob => write!(f, "the blob does not start at a multiple of 16 bytes"),
            Error::MisalignedArena => write!(f, "the arena does not start at a multiple of 16 bytes"),
            Error::Truncated { found, expected } => {
                write!(f, "the blob ends after {found} bytes, but should have {expected}")
            }
            Error::NotABlob => write!(f, "this is not a Dunlin blob: its first four bytes are others"),
            Error::UnsupportedVersion(version) => {
                write!(f, "format version {version} is not supported, this runtime reads version 1")
            }
            Error::UnsupportedOperatorSet { needed, available } => {
                write!(f, "the model needs operator set {needed}, this runtime has {available}")
            }
            Error::UnsupportedPacking(packing) => {
                write!(f, "weights are in packing {packing}, which this runtime does not read")
            }
            Error::MalformedHeader => write!(f, "the header contradicts the format: the file is damaged"),
            Error::MalformedSection(kind) => write!(f, "section {kind} is missing or malformed"),
            Error::MalformedTensor(index) => {
                write!(f, "tensor {index} is malformed or lies outside of its storage")
            }
            Error::MalformedStep { step, defect } => write!(f, "step {step} cannot be executed: {defect}"),
            Error::DigestMismatch => {
                write!(f, "the content does not match its digest: the file was changed or damaged")
            }
            Error::ArenaTooSmall { found, needed } => {
                write!(f, "the arena has {found} bytes, the model needs {needed}")
            }
            Error::UnavailableFamily(family) => {
                write!(f, "kernel family {} is not available here", family.name())
            }
            Error::NoSuchTensor(index) => write!(f, "the model has no input or output {index}"),
            Error::WrongDataType => write!(f, "the tensor has another data type"),
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Defect::UnknownOperator(number) => write!(f, "operator {number} is not known"),
            Defect::OperatorNotBuilt(number) => {
                let name =
                    crate::format::Operator::from_number(*number).map_or("?", |operator| operator.name());
                write!(f, "operator {name} was left out of this build: build with the feature `{name}`")
            }
            Defect::DataTypeNotBuilt(data_type) => {
                let name = data_type.name();
                write!(f, "{name} was left out of this build: build with the feature `{name}`")
            }
            Defect::FeatureNotBuilt(feature) => {
                let name = feature.name();
                write!(
                    f,
                    "kernels that it needs were left out of this build: build with the feature `{name}`"
                )
            }
            Defect::Operands => write!(f, "its operands are malformed"),
            Defect::Attributes => write!(f, "its attributes are malformed"),
            Defect::DataTypes => write!(f, "its operands have data types that it does not combine"),
            Defect::Shapes => write!(f, "the shapes of its operands do not fit together"),
            Defect::Weights => write!(f, "its weights lie outside of the weights section"),
            Defect::Requantization => write!(f, "a multiplier or shift is out of range"),
            Defect::Scratch => write!(
                f,
                "its scratch overlaps its operands or is longer than the arena that the program states"
            ),
            Defect::Placement => write!(f, "an operand lies where the operator cannot use it"),
        }
    }
}

impl core::error::Error for Error {}
impl core::error::Error for Defect {}
