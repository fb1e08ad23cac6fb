//! The settings file: another way to give the values of options.
//!
//! The file has no meaning of its own. Every key sets the default of one option. So both are
//! checked by the same rules, an option on the command line overrides the file, and messages and
//! `rattap config check` can say where each value comes from. A new key is one line in `KEYS`; a
//! test fails while an option has no key.

mod file;
mod in_force;
mod keys;
mod load;
mod origins;

pub use file::FileErrors;
pub use in_force::in_force;
pub use load::{LoadError, check, load};
pub use origins::Origins;

#[cfg(test)]
mod tests;
