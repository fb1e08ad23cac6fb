//! Drops the privileges, step by step.

use std::fs;

use caps::{CapSet, Capability, CapsHashSet};
use nix::unistd::{self, Uid};

use crate::privileges::account::Account;
use crate::privileges::confine::{Confinement, confine};
use crate::privileges::error::{PrivilegesError, step_failed};
use crate::privileges::opener::CaptureOpener;
use crate::privileges::plan::PrivilegePlan;
use crate::privileges::user::effective_user;

/// All capability sets of a thread.
const SETS: [CapSet; 5] =
    [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable, CapSet::Ambient, CapSet::Bounding];

/// The state of the process after [`drop_privileges`].
#[derive(Debug)]
pub struct DroppedPrivileges {
    /// The name of the user, or the number if it has no name.
    pub user: String,
    /// The confinement by Landlock; `None` if that was not requested.
    pub confinement: Option<Confinement>,
    /// Opens captures from here on.
    pub opener: CaptureOpener,
}

/// Performs steps 2 to 8. After an error the process must end.
pub fn drop_privileges(plan: &PrivilegePlan) -> Result<DroppedPrivileges, PrivilegesError> {
    check_single_thread()?;
    let was_root = Uid::current().is_root() || Uid::effective().is_root();
    let empties_bounding_set = has(CapSet::Effective, Capability::CAP_SETPCAP)?;
    let keeps_net_raw = plan.reopens && has(CapSet::Permitted, Capability::CAP_NET_RAW)?;

    clear(CapSet::Ambient)?;
    if empties_bounding_set {
        clear(CapSet::Bounding)?;
    }
    if was_root {
        become_account(&plan.account, keeps_net_raw)?;
    }
    // In this order, because the effective set must be a part of the permitted set.
    clear(CapSet::Effective)?;
    clear(CapSet::Inheritable)?;
    let kept = if keeps_net_raw { CapsHashSet::from([Capability::CAP_NET_RAW]) } else { CapsHashSet::new() };
    caps::set(None, CapSet::Permitted, &kept).map_err(|error| step_failed("drop capabilities", error))?;
    nix::sys::prctl::set_no_new_privs().map_err(|error| step_failed("set no_new_privs", error))?;
    let confinement = plan.confines.then(|| confine(&plan.reads, &plan.writes)).transpose()?;
    let opener = if keeps_net_raw { CaptureOpener::start()? } else { CaptureOpener::direct() };
    clear(CapSet::Permitted)?;

    verify(plan, was_root, empties_bounding_set)?;
    Ok(DroppedPrivileges { user: effective_user(), confinement, opener })
}

fn has(set: CapSet, capability: Capability) -> Result<bool, PrivilegesError> {
    caps::has_cap(None, set, capability).map_err(|error| step_failed("read capabilities", error))
}

fn clear(set: CapSet) -> Result<(), PrivilegesError> {
    caps::clear(None, set).map_err(|error| step_failed("drop capabilities", error))
}

fn check_single_thread() -> Result<(), PrivilegesError> {
    let tasks = fs::read_dir("/proc/self/task").map_err(|error| step_failed("count threads in /proc", error))?;
    let threads = tasks.count();
    if threads > 1 { Err(PrivilegesError::Threads { threads }) } else { Ok(()) }
}

fn become_account(account: &Account, keeps_capabilities: bool) -> Result<(), PrivilegesError> {
    let Account { user, group, .. } = *account;
    // Without this flag the change of user would empty the permitted set. The flag lasts until the
    // next `exec`, and there is none.
    nix::sys::prctl::set_keepcaps(keeps_capabilities).map_err(|error| step_failed("keep CAP_NET_RAW", error))?;
    unistd::setgroups(&[]).map_err(|error| step_failed("leave the supplementary groups", error))?;
    unistd::setresgid(group, group, group).map_err(|error| step_failed("change the group", error))?;
    unistd::setresuid(user, user, user).map_err(|error| step_failed("change the user", error))?;
    nix::sys::prctl::set_keepcaps(false).map_err(|error| step_failed("keep no capabilities", error))
}

/// Verifies the state that the kernel reports.
fn verify(plan: &PrivilegePlan, was_root: bool, emptied_bounding_set: bool) -> Result<(), PrivilegesError> {
    let kept = |problem: String| Err(PrivilegesError::Kept { problem });
    for set in SETS {
        let left = caps::read(None, set).map_err(|error| step_failed("read capabilities", error))?;
        let may_be_left = matches!(set, CapSet::Bounding) && !emptied_bounding_set;
        if !left.is_empty() && !may_be_left {
            return kept(format!("the {set:?} set holds {left:?}"));
        }
    }
    if !nix::sys::prctl::get_no_new_privs().map_err(|error| step_failed("read no_new_privs", error))? {
        return kept("no_new_privs is not set".to_owned());
    }
    if was_root {
        let (user, group) = (plan.account.user, plan.account.group);
        let users = unistd::getresuid().map_err(|error| step_failed("read the user", error))?;
        let groups = unistd::getresgid().map_err(|error| step_failed("read the group", error))?;
        if [users.real, users.effective, users.saved] != [user; 3]
            || [groups.real, groups.effective, groups.saved] != [group; 3]
        {
            return kept(format!("users are {users:?} and groups {groups:?}"));
        }
        let root = Uid::from_raw(0);
        if !user.is_root() && unistd::setresuid(root, root, root).is_ok() {
            return kept("the process can become root again".to_owned());
        }
    }
    Ok(())
}
