//! Sample models of Dunlin and the pipelines that train them.

pub mod data;
pub mod random;
