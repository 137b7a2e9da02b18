//! What is claimed about speed.
fn main() {}
