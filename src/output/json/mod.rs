//! Alerts as JSON: one object in one line for each alert, for programs that do not read CEF.
//!
//! An object contains what the CEF line contains, and more: no value is shortened, and times have
//! their full precision. Absent fields are omitted. Bytes from the wire and all other text are
//! sanitized as in CEF ([`sanitize`](crate::alert::sanitize)), so strings never contain control
//! characters. The names of the fields are stable: new fields are added, and none changes its
//! meaning.

mod object;
#[cfg(test)]
mod tests;

pub use object::Json;
