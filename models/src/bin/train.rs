//! Trains a sample model.
fn main() {}
