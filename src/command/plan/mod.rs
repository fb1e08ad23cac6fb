//! The plan of a run: what it does, made from arguments and settings. Everything is checked, and
//! every value has its unit's type.

mod command_line;
mod follow;
mod indicators;
mod live;
mod outputs;
mod paths;
mod replay;
mod reports;
mod run;

pub use follow::Follow;
pub use indicators::{family_warning, feed_settings, feed_warnings, load_indicators, shrinkage, unused_entries};
pub use live::Live;
pub use replay::Replay;
pub use reports::{ReportFile, Reports};
pub use run::{Run, load_exclusions};
