//! The CEF line, which Microsoft Sentinel ingests into `CommonSecurityLog`.
//!
//! The format is ArcSight's Common Event Format, version 0, with one event in a line. Some
//! collectors differ from the standard. The lines are written so that all of them read the same:
//!
//! - The header contains constants only, so nothing in it needs an escape.
//! - In values `\`, `=`, CR and LF are written `\\`, `\=`, `\r` and `\n`. Other characters that are
//!   not printable, and invalid UTF-8, become the text `\xNN`, whose backslash is escaped in turn:
//!   `\\xNN`.
//! - `|` is percent-encoded (`%7C`) in every value. The standard allows it there, but some
//!   collectors split at it.
//! - `;` is percent-encoded (`%3B`) in the custom keys, because Sentinel joins all keys without a
//!   column of their own with `;`. A URL keeps its meaning when it is percent-encoded.
//! - A key without a value is omitted, and so is its label.
//! - The line is shorter than 2,048 bytes with its line feed. Each value has a maximum length.
//!   Addresses of a DNS answer that do not fit are omitted as a whole, the last first. The message
//!   gets the rest. A value is never cut inside a character or an escape.
//!
//! The keys have a fixed order, in which [`Cef::write`] writes them.

mod format;
mod line;
#[cfg(test)]
mod parser;
#[cfg(test)]
mod tests;
mod value;

pub use format::Cef;
pub use line::LONGEST_LINE;
