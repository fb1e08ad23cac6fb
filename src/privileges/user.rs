//! The user of this process.

use nix::unistd::{Uid, User};

/// The name of the effective user, or the number if it has no name.
pub(super) fn effective_user() -> String {
    let user = Uid::effective();
    match User::from_uid(user) {
        Ok(Some(account)) => account.name,
        _ => user.to_string(),
    }
}
