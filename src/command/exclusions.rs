//! `rattap exclusions check`.

use std::path::PathBuf;

use rattap::alert::exclusion::LoadErrors;

use crate::command::plan::load_exclusions;
use crate::command::printable::printable_lines;

/// Loads files of rules. Returns each rule as it is understood.
pub fn check(files: &[PathBuf]) -> Result<String, LoadErrors> {
    Ok(load_exclusions(files)?.rules().iter().map(|rule| printable_lines(&rule.to_string()) + "\n").collect())
}
