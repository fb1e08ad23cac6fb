//! Accounts of this machine.

use nix::unistd::{Gid, Uid, User};

use crate::privileges::error::{PrivilegesError, step_failed};

/// The account that the package creates.
const PACKAGE_ACCOUNT: &str = "rattap";

/// The accounts that a sensor started by root becomes by default: the first one that exists.
const DEFAULT_ACCOUNTS: [&str; 2] = [PACKAGE_ACCOUNT, "nobody"];

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    name: String,
    pub(super) user: Uid,
    pub(super) group: Gid,
}

impl Account {
    /// Looks up the account with this name.
    pub fn named(name: &str) -> Result<Self, PrivilegesError> {
        match User::from_name(name) {
            Ok(Some(user)) => Ok(Self { name: user.name, user: user.uid, group: user.gid }),
            Ok(None) => Err(PrivilegesError::NoAccount { name: name.to_owned() }),
            Err(error) => Err(step_failed("look the account up", error)),
        }
    }

    /// The default account of a sensor: `rattap`, which its package creates, else `nobody`.
    pub fn default_account() -> Result<Self, PrivilegesError> {
        let mut result = Err(PrivilegesError::NoAccount { name: DEFAULT_ACCOUNTS.join(" or ") });
        for name in DEFAULT_ACCOUNTS {
            result = result.or_else(|_| Self::named(name));
        }
        result
    }

    /// The account that the package creates, if it exists.
    pub fn of_package() -> Option<Self> {
        Self::named(PACKAGE_ACCOUNT).ok()
    }

    /// The name of the account.
    pub fn name(&self) -> &str {
        &self.name
    }
}
