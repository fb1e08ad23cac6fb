//! `rattap exclusions check`.

use std::path::PathBuf;

use rattap::alert::exclusion::LoadErrors;

use crate::command::plan::load_exclusions;

/// Loads files of rules. Returns each rule as it is understood.
pub fn check(files: &[PathBuf]) -> Result<String, LoadErrors> {
    Ok(load_exclusions(files)?.rules().iter().map(|rule| format!("{rule}\n")).collect())
}
