//! The `convertctl` command line.

fn main() {}
