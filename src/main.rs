//! The `rattap` command.

fn main() {}
