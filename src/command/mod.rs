//! The parts of the program that are not in the library: arguments, settings, commands and the
//! terminal.
//!
//! A command's plan is made from arguments and settings; then its file here carries out the plan
//! with the library, and writes to the terminal.

pub mod args;
mod clock;
pub mod documents;
mod ending;
pub mod exclusions;
pub mod follow;
pub mod hunt;
pub mod indicators;
pub mod live;
pub mod plan;
pub mod printable;
pub mod replay;
pub mod reports;
pub mod settings;
mod signals;
pub mod status;
mod systemd;
pub mod terminal;
mod version;
