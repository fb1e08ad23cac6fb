//! Giving up what the sensor does not need once it runs: it reads what strangers send, for years.
//!
//! # The order
//!
//! It cannot be changed, since each step needs what a later one takes away:
//!
//! 1. **The caller opens what needs rights**: captures, a listening port below 1024, a key that only root may read. It makes the
//!    folders that the sensor writes to ([`Account::make_folder`]) and reads its settings, but creates no file to write to and starts no thread.
//! 2. [`give_up`] checks that this is the only thread. Capabilities, `no_new_privs` and landlock belong to a thread and are
//!    inherited by those that it starts, so that all later threads have what this one has now, and an earlier one would keep all.
//!    (User and groups alone are changed for the whole process, by the C library.)
//! 3. The ambient set is emptied and, while `CAP_SETPCAP` lasts, the bounding set.
//! 4. Where the process is root's it becomes the account's: supplementary groups, group, user; real, effective and saved.
//! 5. Effective, inheritable and permitted set are emptied.
//! 6. `no_new_privs`: from here on no program that it might start gives a right back.
//! 7. Landlock: files outside of [`Plan::reads`], [`Plan::writes`] and `SYSTEM` cannot be opened, and no TCP port listened on.
//! 8. What the kernel now says is compared with what was wanted, and that root cannot be had back is tried.
//! 9. **The caller checks its paths** with [`check_paths`], as the one that will read them again at a reload, **then** creates its
//!    output files and starts its threads.
//!
//! Started by a plain user (with `CAP_NET_RAW`, ambient or from the file), step 4 has nothing to do and step 3 leaves the bounding set, which
//! only `CAP_SETPCAP` can lower; `no_new_privs` keeps anybody from gaining by it. The rest is the same.
//!
//! # An interface that comes back
//!
//! A capture socket outlives its interface going down and up. It does not outlive the interface: one that was deleted and made anew (a tunnel,
//! a virtual machine's, one on USB) has to be opened anew, which takes `CAP_NET_RAW`. A sensor that stays blind until somebody restarts it is
//! worse than a right kept with care, so with [`Plan::reopens`] a last thread is started between 5 and 8 that keeps that one capability:
//! permitted, and in effect only while it opens. It takes orders through the [`Opener`] and never sees a packet. All others
//! have none. That bounds mistakes; against somebody who already runs code of his own in this process it is no wall, because
//! threads share memory. Without [`Plan::reopens`] nothing is kept, and such an interface needs a restart.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use caps::{CapSet, Capability, CapsHashSet};
use nix::unistd::{self, Gid, Uid, User};
use thiserror::Error;

mod confine;
mod opener;

pub use confine::Confinement;
pub use opener::Opener;

/// The accounts that a sensor started by root becomes, unless told otherwise: the first that exists.
const USUAL_ACCOUNTS: [&str; 2] = ["rattap", "nobody"];

/// Every set that a thread has.
const SETS: [CapSet; 5] =
    [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable, CapSet::Ambient, CapSet::Bounding];

/// What is to be given up, and what is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Who to become where the process is root's.
    pub account: Account,
    /// Whether one thread keeps the right to open captures.
    pub reopens: bool,
    /// Whether to confine the process to the files below.
    pub confines: bool,
    /// Files and folders to read. Of a file its whole folder is meant, because a file is replaced by renaming another.
    pub reads: Vec<PathBuf>,
    /// Files and folders to write, with the same meaning.
    pub writes: Vec<PathBuf>,
}

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    name: String,
    user: Uid,
    group: Gid,
}

impl Account {
    /// The account of this name.
    pub fn named(name: &str) -> Result<Self, PrivilegesError> {
        match User::from_name(name) {
            Ok(Some(user)) => Ok(Self { name: user.name, user: user.uid, group: user.gid }),
            Ok(None) => Err(PrivilegesError::NoAccount { name: name.to_owned() }),
            Err(error) => Err(PrivilegesError::Step { what: "look the account up", error: error.to_string() }),
        }
    }

    /// The account that a sensor becomes where nobody says otherwise: `rattap`, which its package makes, else `nobody`.
    pub fn usual() -> Result<Self, PrivilegesError> {
        let mut result = Err(PrivilegesError::NoAccount { name: USUAL_ACCOUNTS.join(" or ") });
        for name in USUAL_ACCOUNTS {
            result = result.or_else(|_| Self::named(name));
        }
        result
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes a folder that is the account's alone, where there is none yet; its parent has to be there. For step 1.
    pub fn make_folder(&self, path: &Path) -> Result<(), PathError> {
        let made = match fs::DirBuilder::new().mode(0o750).create(path) {
            Ok(()) if Uid::effective().is_root() => {
                std::os::unix::fs::chown(path, Some(self.user.as_raw()), Some(self.group.as_raw()))
            }
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        };
        made.map_err(|error| PathError { path: path.to_owned(), wants: "made", user: whoami(), error })
    }
}

/// What a process is after [`give_up`].
#[derive(Debug)]
pub struct Standing {
    /// The user's name, or number where it has none.
    pub user: String,
    /// How far landlock confines it; `None` where that was not wanted.
    pub confinement: Option<Confinement>,
    /// Whether the bounding set is empty too. A plain user cannot empty it.
    pub unbounded: bool,
    /// Opens captures from here on.
    pub opener: Opener,
}

/// Why rights could not be given up. The process is then somewhere between and has to end.
#[derive(Debug, Error)]
pub enum PrivilegesError {
    /// There is no such account.
    #[error("no account {name} on this machine: create it (adduser --system --group NAME) or name another")]
    NoAccount {
        /// Its name.
        name: String,
    },
    /// Other threads run already and would keep their rights.
    #[error("{threads} threads run already, of which all but one would keep their rights: a fault of this program")]
    Threads {
        /// How many.
        threads: usize,
    },
    /// A step failed.
    #[error("cannot {what}: {error}; start the sensor as the user that it is to be, with CAP_NET_RAW alone")]
    Step {
        /// What was to be done.
        what: &'static str,
        /// The system's word.
        error: String,
    },
    /// All steps worked, and still it is not as it should be.
    #[error("rights were given up, but {what}: a fault of this program or of this system")]
    Kept {
        /// What is not as it should be.
        what: String,
    },
}

/// A path that the sensor will need and cannot use.
#[derive(Debug, Error)]
#[error(
    "{}: cannot be {wants} by user {user}: {error}; give it the right (chown, chmod, or a folder of its own) or name another path",
    path.display()
)]
pub struct PathError {
    path: PathBuf,
    wants: &'static str,
    user: String,
    error: io::Error,
}

/// Steps 2 to 8. After an error the process must end.
pub fn give_up(plan: &Plan) -> Result<Standing, PrivilegesError> {
    only_thread()?;
    let was_root = Uid::current().is_root() || Uid::effective().is_root();
    let lowers_bounds = has(CapSet::Effective, Capability::CAP_SETPCAP)?;
    let keeps = plan.reopens && has(CapSet::Permitted, Capability::CAP_NET_RAW)?;

    clear(CapSet::Ambient)?;
    if lowers_bounds {
        clear(CapSet::Bounding)?;
    }
    if was_root {
        become_account(&plan.account, keeps)?;
    }
    // In this order: what is in effect is a part of what is permitted.
    clear(CapSet::Effective)?;
    clear(CapSet::Inheritable)?;
    let kept = if keeps { CapsHashSet::from([Capability::CAP_NET_RAW]) } else { CapsHashSet::new() };
    caps::set(None, CapSet::Permitted, &kept).map_err(|error| step("give up capabilities", error))?;
    nix::sys::prctl::set_no_new_privs().map_err(|error| step("set no_new_privs", error))?;
    let confinement = plan.confines.then(|| confine::confine(&plan.reads, &plan.writes)).transpose()?;
    let opener = if keeps { Opener::start()? } else { Opener::direct() };
    clear(CapSet::Permitted)?;

    verify(plan, was_root, lowers_bounds)?;
    Ok(Standing { user: whoami(), confinement, unbounded: !lowers_bounds, opener })
}

fn step(what: &'static str, error: impl ToString) -> PrivilegesError {
    PrivilegesError::Step { what, error: error.to_string() }
}

fn has(set: CapSet, capability: Capability) -> Result<bool, PrivilegesError> {
    caps::has_cap(None, set, capability).map_err(|error| step("read capabilities", error))
}

fn clear(set: CapSet) -> Result<(), PrivilegesError> {
    caps::clear(None, set).map_err(|error| step("give up capabilities", error))
}

fn only_thread() -> Result<(), PrivilegesError> {
    let threads = fs::read_dir("/proc/self/task").map_err(|error| step("count threads in /proc", error))?.count();
    if threads > 1 { Err(PrivilegesError::Threads { threads }) } else { Ok(()) }
}

fn become_account(account: &Account, keeps_capabilities: bool) -> Result<(), PrivilegesError> {
    let Account { user, group, .. } = *account;
    // Else the change of user would take what is permitted. It lasts until the next `exec` only, of which there is none.
    nix::sys::prctl::set_keepcaps(keeps_capabilities).map_err(|error| step("keep CAP_NET_RAW", error))?;
    unistd::setgroups(&[]).map_err(|error| step("leave the supplementary groups", error))?;
    unistd::setresgid(group, group, group).map_err(|error| step("change the group", error))?;
    unistd::setresuid(user, user, user).map_err(|error| step("change the user", error))?;
    nix::sys::prctl::set_keepcaps(false).map_err(|error| step("keep no capabilities", error))
}

/// Compares what the kernel says with what was wanted.
fn verify(plan: &Plan, was_root: bool, lowered_bounds: bool) -> Result<(), PrivilegesError> {
    let kept = |what: String| Err(PrivilegesError::Kept { what });
    for set in SETS {
        let left = caps::read(None, set).map_err(|error| step("read capabilities", error))?;
        let may_be_left = matches!(set, CapSet::Bounding) && !lowered_bounds;
        if !left.is_empty() && !may_be_left {
            return kept(format!("the {set:?} set holds {left:?}"));
        }
    }
    if !nix::sys::prctl::get_no_new_privs().map_err(|error| step("read no_new_privs", error))? {
        return kept("no_new_privs is not set".to_owned());
    }
    if was_root {
        let (user, group) = (plan.account.user, plan.account.group);
        let users = unistd::getresuid().map_err(|error| step("read the user", error))?;
        let groups = unistd::getresgid().map_err(|error| step("read the group", error))?;
        if [users.real, users.effective, users.saved] != [user; 3]
            || [groups.real, groups.effective, groups.saved] != [group; 3]
        {
            return kept(format!("users are {users:?} and groups {groups:?}"));
        }
        let root = Uid::from_raw(0);
        if !user.is_root() && unistd::setresuid(root, root, root).is_ok() {
            return kept("root can be had back".to_owned());
        }
    }
    Ok(())
}

fn whoami() -> String {
    let user = Uid::effective();
    match User::from_uid(user) {
        Ok(Some(account)) => account.name,
        _ => user.to_string(),
    }
}

/// Step 9: tries each path in the way in which it will be used, and tells of each that fails.
///
/// A path in `reads` is opened (a folder: listed). A folder in `writes` gets a file for a moment; of a file there its folder does, and the file
/// itself, where there is one, is opened to append.
pub fn check_paths(reads: &[PathBuf], writes: &[PathBuf]) -> Vec<PathError> {
    let fails = |wants: &'static str, path: &PathBuf, tried: io::Result<()>| {
        tried.err().map(|error| PathError { path: path.clone(), wants, user: whoami(), error })
    };
    let read = reads.iter().filter_map(|path| fails("read", path, try_read(path)));
    let written = writes.iter().filter_map(|path| fails("written", path, try_write(path)));
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
                // A pipe or a device: opening it may wait or do something.
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

/// The folder that a file is in, or is to be in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether a path names something that is neither file nor folder, such as a device or a pipe.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| {
        let kind = metadata.mode() & 0o170_000;
        kind != 0o100_000 && kind != 0o040_000
    })
}
