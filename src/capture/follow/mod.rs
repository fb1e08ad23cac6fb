//! A folder in which captures appear, as a source of Blocks: each capture once, in order of time,
//! as one history.
//!
//! [`folder`] shows which files are finished. [`identify`] reads the beginning of each: its first
//! bytes distinguish it from other captures under any name, compressed or not, and the time of its
//! first packet determines its position among the waiting captures. [`discovery`] keeps these
//! waiting captures. So a folder full of captures is read in the order of capture, and no alert
//! appears before all existing files are examined. [`source`] reads the captures and notes them in
//! the journal.
//!
//! Time is packet time. If no capture arrives for as long as repeats are gathered, and for twice as
//! long as any capture took, an empty Block states that this time has passed ([`idle`]). So alerts
//! that were held back are written, even after the last capture.
//!
//! Memory: some 300 bytes for each file in the folder.

mod discovery;
mod folder;
mod identify;
mod idle;
mod known;
mod source;
#[cfg(test)]
mod tests;

pub use source::FolderSource;
