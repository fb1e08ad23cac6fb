//! The names of users.

use nix::unistd::{Uid, User};

/// The name of the effective user, or the number if it has no name.
pub(super) fn effective_user() -> String {
    user_name(Uid::effective())
}

/// The name of a user, or the number if it has no name.
pub(super) fn user_name(user: Uid) -> String {
    match User::from_uid(user) {
        Ok(Some(account)) => account.name,
        _ => user.to_string(),
    }
}
