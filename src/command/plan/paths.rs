//! Checks that no file is written by two options, and that no input is overwritten.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::bail;
use rattap::capture::{Input, Inputs};

/// A file that a run writes, with the option that names it.
#[derive(Debug, Clone, Copy)]
pub struct WrittenFile<'a> {
    pub option: &'static str,
    pub path: &'a Path,
}

/// Returns true if both paths lead to the same file, which need not exist if the paths are equal.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|file| (file.dev(), file.ino()));
    one == other || identity(one).is_some_and(|one| identity(other) == Some(one))
}

/// Refuses a file that would overwrite one of the inputs.
pub fn check_is_no_input(file: WrittenFile<'_>, inputs: &Inputs) -> anyhow::Result<()> {
    let Ok(written) = fs::metadata(file.path) else { return Ok(()) };
    let is_written = |path: &Path| {
        fs::metadata(path)
            .is_ok_and(|input| input.is_file() && (input.dev(), input.ino()) == (written.dev(), written.ino()))
    };
    for input in &inputs.list {
        if let Input::File(path) = input
            && is_written(path)
        {
            bail!("{} {}: is one of the captures, which it would overwrite", file.option, file.path.display());
        }
    }
    Ok(())
}
