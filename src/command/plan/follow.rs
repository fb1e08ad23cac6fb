//! The plan of a replay that follows a folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rattap::capture::default_state_name;

use super::paths::{WrittenFile, is_same_file};
use super::run::Run;

/// A folder to follow.
pub struct Follow {
    pub folder: PathBuf,
    /// The file that records which captures were read.
    pub state: PathBuf,
}

impl Follow {
    /// Checks that `folder` exists, and that nothing writes to it or to the state file.
    pub(super) fn new(folder: &Path, state: Option<PathBuf>, run: &Run, names: Option<&Path>) -> anyhow::Result<Self> {
        let folder = match fs::canonicalize(folder) {
            Ok(folder) => folder,
            Err(error) => bail!("--follow {}: {error}; name an existing folder", folder.display()),
        };
        if !folder.is_dir() {
            bail!("--follow {}: is not a folder; name a file without --follow to read it once", folder.display());
        }
        if let Some(receiver) = run.outputs.iter().find(|output| output.is_receiver())
            && run.spool.is_none()
        {
            bail!(
                "-o {receiver}: --follow needs --spool DIR to keep alerts for it, because captures are read only once"
            );
        }
        let state = match state {
            Some(state) => state,
            None => default_state(&folder)?,
        };
        let names = names.map(|path| WrittenFile { option: "--names", path });
        let written: Vec<_> = run.files().chain(names).collect();
        if let Some(file) = written.iter().find(|file| is_same_file(file.path, &state)) {
            bail!("--state {}: {} writes there; give it a file of its own", state.display(), file.option);
        }
        let files = written.into_iter().chain([WrittenFile { option: "--state", path: &state }]);
        for WrittenFile { option, path } in files {
            if parent(path).is_some_and(|parent| parent == folder) {
                bail!(
                    "{option} {}: lies in the followed folder and would be read as a capture; put it elsewhere",
                    path.display()
                );
            }
        }
        Ok(Self { folder, state })
    }
}

/// The folder that a file is in.
fn parent(file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?;
    fs::canonicalize(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }).ok()
}

/// The state file of a folder if no other is given.
fn default_state(folder: &Path) -> anyhow::Result<PathBuf> {
    let states = state_folder().context("--state is needed: there is no home folder for the state file")?;
    fs::create_dir_all(&states).with_context(|| format!("--state is needed: {}", states.display()))?;
    Ok(states.join(default_state_name(folder)))
}

/// The folder for data that survives a restart: the one that systemd gives (`StateDirectory=`), or
/// else the one of the XDG Base Directory Specification.
fn state_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = || variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/state")));
    variable("STATE_DIRECTORY").or_else(|| base().map(|base| base.join("rattap")))
}
