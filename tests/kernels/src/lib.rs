//! What the kernels of every family are held against: cases, which are one operator with its operands, as blobs and as
//! naive evaluations of their definition.

pub mod aligned_bytes;
pub mod blob_builder;
pub mod case;
pub mod cases;
pub mod execution;
pub mod packing;
pub mod program;
pub mod random;
pub mod reference;
