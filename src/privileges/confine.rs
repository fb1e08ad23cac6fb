//! Landlock: the kernel refuses what lies outside of the sensor's own files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
    make_bitflags, path_beneath_rules,
};

use super::{PrivilegesError, folder_of, is_special, step};

/// What the system's libraries read on the sensor's behalf: names of hosts and users, the time zone, certificates, and what libpcap
/// asks of an interface before it opens it. Whole folders, because files in them are replaced too. What is secret in `/etc` only
/// root may read, which the sensor no longer is.
const SYSTEM: [&str; 9] = [
    "/etc",
    "/usr/share/zoneinfo",
    // Where resolv.conf leads to.
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    // Name service modules, loaded when first needed.
    "/usr/lib",
    "/lib",
    "/sys/class/net",
    "/sys/devices",
];

/// The version of landlock whose rights are handled (Linux 6.10). An older kernel enforces those that it knows.
const VERSION: ABI = ABI::V5;

/// How far the kernel confines the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confinement {
    /// To its own files.
    Whole,
    /// As far as this kernel can.
    Partial,
    /// Not at all: this kernel has no landlock, or it is switched off.
    None,
}

/// Confines this thread and those that it starts.
pub(super) fn confine(reads: &[PathBuf], writes: &[PathBuf]) -> Result<Confinement, PrivilegesError> {
    let status = restrict(&folders(reads), &folders(writes)).map_err(|error| step("confine the sensor", error))?;
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
        .add_rules(path_beneath_rules(SYSTEM, read))?
        .add_rules(path_beneath_rules(reads, read))?
        .add_rules(path_beneath_rules(writes, write))?;
    Ok(created.restrict_self()?.ruleset)
}

/// The folders that paths stand for; also those that a symbolic link leads to. Devices and pipes stand for themselves.
fn folders(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    let led_to = paths.iter().filter_map(|path| fs::canonicalize(path).ok());
    let stand_for = |path: &Path| {
        if path.is_dir() || is_special(path) { path.to_owned() } else { folder_of(path).to_owned() }
    };
    paths.iter().cloned().chain(led_to).map(|path| stand_for(&path)).collect()
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
