//! The reports of damage in one file.

use std::path::PathBuf;

use crate::capture::error::{CaptureError, CaptureOffset};
use crate::capture::format::{Damage, DamagedRecord};

/// The largest number of damaged records reported for one file. More would flood the log, so the
/// rest is only counted.
pub(super) const MAX_REPORTED: u32 = 10;

/// Reports the damaged records of one file, up to a limit.
pub(super) struct DamageLog {
    path: PathBuf,
    is_decompressed: bool,
    reported: u32,
    /// Reading failed, which is already reported.
    has_read_failed: bool,
}

impl DamageLog {
    pub(super) fn new(path: PathBuf, is_decompressed: bool) -> Self {
        Self { path, is_decompressed, reported: 0, has_read_failed: false }
    }

    /// The number of further records that are worth noting: those to report, and one that shows
    /// that there are more.
    pub(super) fn room(&self) -> usize {
        MAX_REPORTED.saturating_sub(self.reported) as usize + 1
    }

    /// Reports a damaged record, unless too many were reported.
    pub(super) fn report(&mut self, record: DamagedRecord, report: &mut dyn FnMut(CaptureError)) {
        // If reading failed, it is clear that the last record is cut.
        if self.reported > MAX_REPORTED || (self.has_read_failed && record.damage == Damage::Cut) {
            return;
        }
        let path = self.path.clone();
        report(if self.reported < MAX_REPORTED {
            let DamagedRecord { offset, damage, resumed } = record;
            CaptureError::Damaged { path, offset: self.offset(offset), damage, resumed }
        } else {
            CaptureError::MoreDamage { path }
        });
        self.reported += 1;
    }

    /// Reports that reading failed at an offset of the capture.
    pub(super) fn report_read_error(
        &mut self,
        offset: u64,
        error: std::io::Error,
        report: &mut dyn FnMut(CaptureError),
    ) {
        self.has_read_failed = true;
        report(CaptureError::Read { path: self.path.clone(), offset: self.offset(offset), error });
    }

    fn offset(&self, bytes: u64) -> CaptureOffset {
        CaptureOffset { bytes, is_decompressed: self.is_decompressed }
    }
}
