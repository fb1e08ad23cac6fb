//! The spool: alerts wait here until they are known to have arrived.
//!
//! Each alert is a numbered record. Records are appended to segment files and never changed. The
//! sender reads them in order. Records are *sent* when the receiver accepted them, and *delivered*
//! when they are known to have arrived. The *checkpoint* on the disk is the number of the first
//! record that is not delivered; it only increases. Segments before the checkpoint are removed.
//!
//! **Crash safety.** Each record is handed to the kernel with one `write` before the next alert is
//! accepted, so a killed process loses none. Once a second the new records are flushed to the disk
//! (`fdatasync`), so a power failure loses at most the alerts of the last second that were not sent
//! yet. An incomplete record is detected by its checksum when the spool is opened, and cut off. The
//! checkpoint is replaced by a rename. If it is lost, all alerts in the spool are sent once more.
//! The mark of what was accepted, with the name of the connection, follows each acknowledgement.
//! The next process uses it if it learns that the receiver read that connection to its end.
//!
//! **Limits.** The size of the spool is bounded. When it is full, the oldest segment is dropped,
//! and its alerts that were not sent are counted as lost. If the disk accepts no more data, alerts
//! wait in memory, also within a bound. They are sent from there, or move to the disk when it works
//! again. Alerts that are still in memory when the process ends are lost, and counted. Each of
//! these conditions is reported once, when it begins. A spool without a folder uses memory only.

mod disk;
mod folder;
mod marks;
mod reader;
mod record;
mod recovery;
mod settings;
mod state;
mod store;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use disk::simulated as simulated_disk;
pub(super) use folder::folders_with_alerts;
pub(super) use marks::AcceptedMark;
pub(super) use reader::RecordReader;
pub use record::Record;
pub use settings::SpoolSettings;
pub(super) use store::Spool;
