//! Checks the paths that the sensor will use.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::privileges::user::effective_user;

/// A path that the sensor will need and cannot use.
#[derive(Debug, Error)]
#[error("{}; change its permissions (chown, chmod, or a folder of its own) or name another path", self.problem())]
pub struct PathError {
    path: PathBuf,
    /// A participle: "read".
    action: &'static str,
    user: String,
    error: io::Error,
}

impl PathError {
    /// An error of the effective user.
    pub(super) fn new(path: &Path, action: &'static str, error: io::Error) -> Self {
        Self { path: path.to_owned(), action, user: effective_user(), error }
    }

    /// The same error of another user.
    pub(super) fn of_user(self, user: &str) -> Self {
        Self { user: user.to_owned(), ..self }
    }

    /// The error without advice.
    pub fn problem(&self) -> String {
        format!("{}: cannot be {} by user {}: {}", self.path.display(), self.action, self.user, self.error)
    }
}

/// Step 9: tries each path in the way in which it will be used, and returns the failures.
///
/// A path in `reads` is opened (a folder: listed). In a folder in `writes` a file is created and
/// removed. For a file in `writes` the same is done in its folder, and if the file exists it is
/// opened to append.
pub fn check_paths(reads: &[PathBuf], writes: &[PathBuf]) -> Vec<PathError> {
    let read = reads.iter().filter_map(|path| Some(PathError::new(path, "read", try_read(path).err()?)));
    let written = writes.iter().filter_map(|path| Some(PathError::new(path, "written", try_write(path).err()?)));
    read.chain(written).collect()
}

fn try_read(path: &Path) -> io::Result<()> {
    if path.is_dir() { fs::read_dir(path).map(drop) } else { fs::File::open(path).map(drop) }
}

fn try_write(path: &Path) -> io::Result<()> {
    let folder = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => path,
        Ok(metadata) => {
            if !metadata.is_file() {
                // Opening a pipe or a device may block or have an effect.
                return Ok(());
            }
            OpenOptions::new().append(true).open(path)?;
            folder_of(path)
        }
        Err(_) => folder_of(path),
    };
    let trial = folder.join(format!(".rattap-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&trial)?;
    fs::remove_file(&trial)
}

/// The folder of a file that exists or will be created.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Returns true if a path is neither a regular file nor a folder, but for example a device or a
/// pipe.
pub(super) fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| {
        let kind = metadata.mode() & 0o170_000;
        kind != 0o100_000 && kind != 0o040_000
    })
}
