//! The output for people on a terminal, and the exit code.

pub mod color;
pub mod console;
pub mod examined;
pub mod exit_code;
pub mod listing;
pub mod summary;
pub mod table;
