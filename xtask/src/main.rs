//! The project tasks, run as `cargo xtask TASK`.

fn main() {}
