//! Step 1 of the order: opens the files and makes the folders that the sensor will write to.
//!
//! Everything is tried with the account's rights first. Root's rights are used only where the
//! account has none, such as in the home folder of root. So an account that was taken over cannot
//! leave a link in its own folder and have root write to the file behind it at the next start.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown, lchown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use nix::unistd::{Gid, Uid, getgroups, setfsgid, setfsuid, setgroups};

use crate::privileges::account::Account;
use crate::privileges::error::{PrivilegesError, step_failed};
use crate::privileges::paths::{PathError, folder_of};

/// The mode of a folder for the sensor alone.
const PRIVATE: u32 = 0o750;

/// The mode of a folder for files that others may read, less the umask.
const READABLE: u32 = 0o755;

/// The reason why a file or folder cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The account cannot use the path, and root's rights do not help.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The rights on files could not be changed.
    #[error(transparent)]
    Privileges(#[from] PrivilegesError),
}

impl Account {
    /// Makes a folder that belongs to the account, with its parent folders, unless it exists.
    pub fn make_folder(&self, path: &Path) -> Result<(), PrepareError> {
        self.make_folders(path, PRIVATE)
    }

    /// Opens a file to append to, and makes its folder if that is absent. First `open` is called
    /// with the account's rights. If they are not enough, a regular file is opened or created with
    /// root's rights, and a created one is given to the account.
    pub fn open_file<T>(
        &self,
        path: &Path,
        open: impl FnOnce() -> io::Result<T>,
        opened: impl FnOnce(File) -> T,
    ) -> Result<T, PrepareError> {
        self.make_folders(folder_of(path), READABLE)?;
        match self.with_its_rights(open)? {
            Ok(file) => Ok(file),
            Err(error) if self.is_other_than_root() && error.kind() == io::ErrorKind::PermissionDenied => {
                // The account's own error says more than that of the second attempt.
                self.open_as_root(path).map(opened).map_err(|_| self.error(path, "written", error).into())
            }
            Err(error) => Err(self.error(path, "written", error).into()),
        }
    }

    /// Listens on a Unix socket that belongs to the account. A socket that a killed sensor left is
    /// replaced.
    pub fn listen_at(&self, path: &Path) -> Result<io::Result<UnixListener>, PrivilegesError> {
        self.with_its_rights(|| match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path) => {
                fs::remove_file(path)?;
                UnixListener::bind(path)
            }
            bound => bound,
        })
    }

    fn open_as_root(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.append(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        match options.clone().create_new(true).open(path) {
            Ok(file) => {
                fchown(&file, Some(self.user.as_raw()), Some(self.group.as_raw()))?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let file = options.open(path)?;
        let metadata = file.metadata()?;
        // Another name of the file may be in a folder that root would not write to.
        if metadata.is_file() && metadata.nlink() == 1 { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    fn make_folders(&self, path: &Path, mode: u32) -> Result<(), PrepareError> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.make_folders(parent, READABLE)?;
        }
        let make = || DirBuilder::new().mode(mode).create(path);
        let made = match self.with_its_rights(make)? {
            Err(error) if self.is_other_than_root() && error.kind() == io::ErrorKind::PermissionDenied => {
                make().and_then(|()| lchown(path, Some(self.user.as_raw()), Some(self.group.as_raw())))
            }
            made => made,
        };
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(self.error(path, "made", error).into()),
            _ => Ok(()),
        }
    }

    /// Runs an action with the account's rights on files, if this process is root. Other threads
    /// are not affected, except by the change of the groups.
    fn with_its_rights<T>(&self, action: impl FnOnce() -> T) -> Result<T, PrivilegesError> {
        if !self.is_other_than_root() {
            return Ok(action());
        }
        let groups = getgroups().map_err(|error| step_failed("read the supplementary groups", error))?;
        let change = |error| step_failed("change the supplementary groups", error);
        setgroups(&[]).map_err(change)?;
        set_file_rights(self.user, self.group)?;
        let result = action();
        set_file_rights(Uid::effective(), Gid::effective())?;
        setgroups(&groups).map_err(change)?;
        Ok(result)
    }

    /// Returns true if this process is root and the account is not.
    fn is_other_than_root(&self) -> bool {
        Uid::effective().is_root() && !self.user.is_root()
    }

    fn error(&self, path: &Path, action: &'static str, error: io::Error) -> PathError {
        let error = PathError::new(path, action, error);
        if self.is_other_than_root() { error.of_user(self.name()) } else { error }
    }
}

/// Returns true if a path is a socket and nobody listens on it.
fn is_abandoned(path: &Path) -> bool {
    UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Sets the user and group whose rights on files this thread has. The capabilities on files follow
/// the user (capabilities(7)).
fn set_file_rights(user: Uid, group: Gid) -> Result<(), PrivilegesError> {
    setfsgid(group);
    setfsuid(user);
    // The calls report no error. The next call returns what the one before has set.
    if setfsgid(group) != group || setfsuid(user) != user {
        return Err(step_failed("change the rights on files", "the system refuses it"));
    }
    Ok(())
}
