//! The settings of the spool.

use std::path::PathBuf;

use crate::units::ByteCount;

/// The place and the size of the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolSettings {
    /// The folder. It is created if it does not exist. Each receiver has a folder of its own in it.
    pub folder: PathBuf,
    /// The most disk space for each receiver's alerts; at least [`SpoolSettings::LEAST`].
    pub limit: ByteCount,
}

impl SpoolSettings {
    /// The default limit: some 1.4 million alerts, or sixteen alerts each second for a day. A
    /// receiver that is down for longer than that is noticed.
    pub const LIMIT: ByteCount = ByteCount(1 << 30);
    /// The least limit. With less a segment, which is dropped as a whole, would hold few alerts.
    pub const LEAST: ByteCount = ByteCount(1 << 20);
}
