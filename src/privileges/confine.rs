//! Landlock: the kernel denies access to all files but the sensor's own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
    make_bitflags, path_beneath_rules,
};

use crate::privileges::error::{PrivilegesError, step_failed};
use crate::privileges::paths::{folder_of, is_special};

/// The folders that the system's libraries read for the sensor: names of hosts and users, the time
/// zone, certificates, and what libpcap asks about an interface before it opens it. They are whole
/// folders, because files in them are replaced too. The secrets in `/etc` are readable only by
/// root, and the sensor is not root any more.
const SYSTEM_FOLDERS: [&str; 9] = [
    "/etc",
    "/usr/share/zoneinfo",
    // The targets of the link /etc/resolv.conf.
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    // Name service modules, loaded when they are first needed.
    "/usr/lib",
    "/lib",
    "/sys/class/net",
    "/sys/devices",
];

/// The Landlock version whose access rights are handled (Linux 6.10). An older kernel enforces
/// those that it supports.
const VERSION: ABI = ABI::V5;

/// The degree to which the kernel confines the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confinement {
    /// Access only to its own files.
    Whole,
    /// As far as this kernel supports it.
    Partial,
    /// No confinement: this kernel has no Landlock, or it is disabled.
    None,
}

/// Confines this thread and the threads that it starts.
pub(super) fn confine(reads: &[PathBuf], writes: &[PathBuf]) -> Result<Confinement, PrivilegesError> {
    let status =
        restrict(&folders(reads), &folders(writes)).map_err(|error| step_failed("confine the sensor", error))?;
    Ok(match status {
        RulesetStatus::FullyEnforced => Confinement::Whole,
        RulesetStatus::PartiallyEnforced => Confinement::Partial,
        RulesetStatus::NotEnforced => Confinement::None,
    })
}

fn restrict(reads: &BTreeSet<PathBuf>, writes: &BTreeSet<PathBuf>) -> Result<RulesetStatus, RulesetError> {
    let read: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let write = read | make_bitflags!(AccessFs::{WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir});
    let created = Ruleset::default()
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(AccessNet::BindTcp)?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM_FOLDERS, read))?
        .add_rules(path_beneath_rules(reads, read))?
        .add_rules(path_beneath_rules(writes, write))?;
    Ok(created.restrict_self()?.ruleset)
}

/// The folders of these paths, and those of the targets of symbolic links. Devices and pipes stand
/// for themselves.
fn folders(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    let targets = paths.iter().filter_map(|path| fs::canonicalize(path).ok());
    let folder = |path: &Path| {
        if path.is_dir() || is_special(path) { path.to_owned() } else { folder_of(path).to_owned() }
    };
    paths.iter().cloned().chain(targets).map(|path| folder(&path)).collect()
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    #[test]
    fn a_file_stands_for_its_folder_and_a_link_for_both_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (folder.path().join("own"), folder.path().join("other"));
        fs::create_dir(&own).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(other.join("list.txt"), "").unwrap();
        std::os::unix::fs::symlink(other.join("list.txt"), own.join("link.txt")).unwrap();
        let of = |path: PathBuf| folders(&[path]).into_iter().collect::<Vec<_>>();
        assert_eq!(of(own.clone()), slice::from_ref(&own));
        assert_eq!(of(own.join("yet-to-come.cef")), slice::from_ref(&own));
        assert_eq!(of(own.join("link.txt")), [other, own]);
        assert_eq!(of("/dev/null".into()), [PathBuf::from("/dev/null")]);
        assert_eq!(of("alerts.cef".into()), [PathBuf::from(".")]);
    }
}
