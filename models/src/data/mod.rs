//! Data sets that the project generates itself, each from a stated and seeded model.

pub mod digits;
mod glyphs;
pub mod houses;
