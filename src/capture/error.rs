//! The errors of an input.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::capture::filter::FilterError;
use crate::capture::format::Damage;
use crate::capture::link_type::LinkType;

/// A position in a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CaptureOffset {
    /// Bytes from the start of the capture.
    pub bytes: u64,
    /// The offset counts decompressed bytes, not the bytes of the file as stored.
    pub is_decompressed: bool,
}

impl fmt::Display for CaptureOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}{}", self.bytes, if self.is_decompressed { " (decompressed)" } else { "" })
    }
}

/// An error of an input. Its message says what is wrong, where, and what was done with the rest.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The file or folder cannot be opened or listed.
    #[error("{}: cannot open: {error}{}", path.display(), advice(error))]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// The folder has no files.
    #[error("{}: no file in this folder; name the captures, or the folder that holds them", path.display())]
    NoFile {
        /// The folder.
        path: PathBuf,
    },
    /// A finished capture in a followed folder was deleted or overwritten before it was read to its
    /// end.
    #[error("{}: lost: it was deleted or overwritten before it was read to its end; keep more files, or larger ones", path.display())]
    Lost {
        /// The file.
        path: PathBuf,
    },
    /// A capture in a followed folder grew after it seemed finished and was read.
    #[error("{}: it grew after it was read, and is read again: the alerts of its first part are repeated", path.display())]
    Grew {
        /// The file.
        path: PathBuf,
    },
    /// The state file, which lists the captures already read, cannot be opened. Nothing was read.
    #[error("{}: cannot use this file to note which captures were read: {error}; name a writable file with --state", path.display())]
    OpenState {
        /// The state file.
        path: PathBuf,
        /// The error of the system, or what is wrong with the content.
        error: io::Error,
    },
    /// The state file cannot be written any more.
    #[error("{}: cannot note which captures were read: {error}; after a restart some may be read again", path.display())]
    WriteState {
        /// The state file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// The content is not a capture.
    #[error("{}: not a capture: {reason}", path.display())]
    NotCapture {
        /// The file.
        path: PathBuf,
        /// A description of the content, and what to do.
        reason: String,
    },
    /// It is a capture, but of an unsupported kind.
    #[error("{}: not supported: {reason}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The unsupported property.
        reason: String,
    },
    /// Reading failed. The frames before the error were processed.
    #[error("{}: {offset}: cannot read on: {error}; all that came before was processed", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The offset at which reading failed.
        offset: CaptureOffset,
        /// The error of the system or the decompressor.
        error: io::Error,
    },
    /// A damaged record.
    #[error("{}: {offset}: {damage}; {}", path.display(), after_damage(*offset, *resumed, damage))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The offset of the record.
        offset: CaptureOffset,
        /// The kind of damage.
        damage: Damage,
        /// The offset at which reading resumed. `None` if no more records were found.
        resumed: Option<u64>,
    },
    /// A file has so many damaged records that the rest is only counted.
    #[error("{}: damaged in more places, which are counted but not listed", path.display())]
    MoreDamage {
        /// The file.
        path: PathBuf,
    },
    /// The filter expression has no meaning for a link type, so all frames of this type are
    /// removed.
    #[error("filter: cannot be applied to frames of link type {}, which are all filtered out: {error}", link.0)]
    Filter {
        /// The link type.
        link: LinkType,
        /// The error of libpcap.
        error: FilterError,
    },
}

/// Advice for the user about an error of opening.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; check the path",
        io::ErrorKind::PermissionDenied => "; run rattap as a user who may read it",
        _ => "",
    }
}

/// The part of the message that says what was done with the rest of the file.
fn after_damage(offset: CaptureOffset, resumed: Option<u64>, damage: &Damage) -> String {
    match (resumed, damage) {
        (Some(at), _) => format!("reading resumed at byte {at} ({} bytes skipped)", at.saturating_sub(offset.bytes)),
        (None, Damage::SectionVersion { .. }) => "its packets are skipped".to_owned(),
        (None, Damage::Cut) => "all that came before was processed".to_owned(),
        (None, _) => "nothing readable was found after it".to_owned(),
    }
}
