//! Makes trained models small, checks them and runs them on devices.

fn main() {}
