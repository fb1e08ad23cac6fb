//! The plan of a replay that follows a folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rattap::capture::{STATE_REWRITTEN, default_state_name};

use super::paths::NamedPath;
use super::run::Run;

/// A folder to follow.
pub struct Follow {
    pub folder: PathBuf,
    /// The file that records which captures were read.
    pub state: PathBuf,
}

impl Follow {
    /// Checks that `folder` exists, and adds it and the state file to the paths of the run.
    pub(super) fn new(folder: &Path, state: Option<PathBuf>, run: &mut Run) -> anyhow::Result<Self> {
        let given = folder;
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
        // The state file is rewritten under the second name, which then replaces the first.
        let mut rewritten = state.clone().into_os_string();
        rewritten.push(STATE_REWRITTEN);
        run.paths.writes.extend([NamedPath::new("--state", &state), NamedPath::new("--state", rewritten)]);
        run.paths.followed = Some(NamedPath::new("--follow", given));
        Ok(Self { folder, state })
    }
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
