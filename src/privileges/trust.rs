//! Checks who else can change the files that a sensor relies on.
//!
//! A user who can write a list decides what the sensor looks for, and a user who can write its
//! exclusions decides what it keeps to itself. So only root, the sensor's account and the current
//! user should be able to.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use thiserror::Error;

use crate::privileges::account::Account;
use crate::privileges::paths::folder_of;
use crate::privileges::user::user_name;

/// The permission bits with which others than the owner may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// In a folder with this bit, only the owner of a file can replace it.
const STICKY: u32 = 0o1000;

/// A file or folder that other users may change.
#[derive(Debug, Error)]
pub enum ExposedPath {
    /// It belongs to another user.
    #[error("{}: user {owner}, to whom it belongs, can change it; give it to root (chown root)", path.display())]
    Owner {
        /// The file or folder.
        path: PathBuf,
        /// The name of its owner.
        owner: String,
    },
    /// Its permissions let others write.
    #[error("{}: other users can change it, because its mode is {mode:04o}; take that right away (chmod go-w)", path.display())]
    Mode {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// Returns the paths that other users may change, each once. A file can also be replaced by whoever
/// may write its folder, so folders are checked too. Absent files and devices are skipped.
pub fn exposed_paths<'a>(paths: impl IntoIterator<Item = &'a Path>, account: &Account) -> Vec<ExposedPath> {
    let mut to_check = BTreeSet::new();
    for path in paths {
        to_check.extend([path.to_owned(), folder_of(path).to_owned()]);
        // A link and the file behind it lie in two folders.
        if let Ok(target) = fs::canonicalize(path)
            && fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
        {
            to_check.insert(folder_of(&target).to_owned());
        }
    }
    to_check.into_iter().filter_map(|path| exposure(path, account)).collect()
}

fn exposure(path: PathBuf, account: &Account) -> Option<ExposedPath> {
    let metadata = fs::metadata(&path).ok().filter(|metadata| metadata.is_file() || metadata.is_dir())?;
    if !is_trusted(&metadata, Some(account)) {
        return Some(ExposedPath::Owner { path, owner: user_name(Uid::from_raw(metadata.uid())) });
    }
    let mode = metadata.mode() & 0o7777;
    let is_writable = mode & WRITABLE_BY_OTHERS != 0 && !(metadata.is_dir() && mode & STICKY != 0);
    is_writable.then_some(ExposedPath::Mode { path, mode })
}

/// Returns the owner of a folder, of the link that leads to it, or of something directly in it, if
/// that is neither root, nor the account, nor the current user. An absent folder has no owner.
pub fn foreign_owner(folder: &Path, account: Option<&Account>) -> Option<String> {
    let itself = [fs::symlink_metadata(folder), fs::metadata(folder)];
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.metadata());
    let foreign = itself.into_iter().chain(entries).flatten().find(|metadata| !is_trusted(metadata, account))?;
    Some(user_name(Uid::from_raw(foreign.uid())))
}

fn is_trusted(metadata: &Metadata, account: Option<&Account>) -> bool {
    let owner = Uid::from_raw(metadata.uid());
    owner.is_root() || owner == Uid::effective() || account.is_some_and(|account| account.user == owner)
}
