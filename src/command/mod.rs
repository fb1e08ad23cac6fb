//! The parts of the program that are not the library: arguments, settings, commands, and the terminal.

pub mod args;
pub mod documents;
pub mod follow;
pub mod hunt;
pub mod indicators;
pub mod live;
pub mod plan;
pub mod reports;
pub mod settings;
pub mod systemd;
pub mod terminal;
