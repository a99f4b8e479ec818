//! The chores of the project: test, cross, size, bench and fuzz.

fn main() {}
