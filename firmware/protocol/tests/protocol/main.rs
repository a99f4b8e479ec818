//! What devices and fleets rely on: encodings, versions, signatures, admission, blocks, and that the documents are true.

mod admission;
mod blocks;
mod documents;
mod encodings;
mod samples;
mod signatures;
mod topics;
mod versions;
