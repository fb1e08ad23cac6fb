//! Drops the privileges that the sensor does not need once it runs, because it reads untrusted data
//! for years.
//!
//! # The order
//!
//! The order is fixed, since each step needs what a later one takes away:
//!
//! 1. **The caller opens what needs privileges**: captures, a listening port below 1024, a key that
//!    only root may read. It reads its settings, makes the folders that the sensor writes to
//!    ([`Account::make_folder`]), opens its output files ([`Account::open_file`]) and its Unix
//!    socket ([`Account::listen_at`]), all with the account's rights where they are enough, but it
//!    starts no thread.
//! 2. [`drop_privileges`] checks that this is the only thread. Capabilities, `no_new_privs` and
//!    Landlock belong to a thread and are inherited by the threads that it starts. So all later
//!    threads have what this one has now, and an earlier thread would keep everything. (Only user
//!    and groups are changed for the whole process, by the C library.)
//! 3. The ambient set is emptied and, if there is `CAP_SETPCAP`, the bounding set.
//! 4. A process of root becomes that of the account: supplementary groups, group, user; real,
//!    effective and saved.
//! 5. The effective, inheritable and permitted sets are emptied.
//! 6. `no_new_privs` is set: from here on no program that the process starts can regain privileges.
//! 7. Landlock: no file outside [`PrivilegePlan::reads`], [`PrivilegePlan::writes`] and the
//!    system's own files can be opened, and no TCP port can be listened on.
//! 8. The state that the kernel reports is verified, and the process tries to become root again,
//!    which must fail.
//! 9. **The caller checks its paths** with [`check_paths`], as the user that will read them again
//!    at a reload and open them again after a rotation, **then** starts its threads.
//!
//! If a plain user starts the sensor (with `CAP_NET_RAW`, ambient or from the file), step 4 has
//! nothing to do, and step 3 leaves the bounding set, which only `CAP_SETPCAP` can empty.
//! `no_new_privs` makes it useless. The rest is the same.
//!
//! # An interface that comes back
//!
//! A capture socket survives that its interface goes down and up. It does not survive that the
//! interface is deleted and created again (a tunnel, a virtual machine's interface, a USB adapter).
//! Then a new socket is needed, which takes `CAP_NET_RAW`. A sensor that stays blind until somebody
//! restarts it is worse than a carefully kept privilege. So with [`PrivilegePlan::reopens`] a last
//! thread is started between steps 5 and 8 that keeps this one capability: permitted, and effective
//! only while it opens a capture. It takes requests from the [`CaptureOpener`] and never handles a
//! packet. No other thread has a capability. This limits mistakes. It does not stop an attacker who
//! already runs code in this process, because threads share memory. Without
//! [`PrivilegePlan::reopens`] nothing is kept, and such an interface needs a restart.

mod account;
mod confine;
mod drop;
mod error;
mod opener;
mod paths;
mod plan;
mod prepare;
mod trust;
mod user;

pub use account::Account;
pub use confine::Confinement;
pub use drop::{DroppedPrivileges, drop_privileges};
pub use error::PrivilegesError;
pub use opener::CaptureOpener;
pub use paths::{PathError, check_paths};
pub use plan::PrivilegePlan;
pub use prepare::PrepareError;
pub use trust::{ExposedPath, exposed_paths, foreign_owner};
