//! Sources of Blocks: capture files and live interfaces.
//!
//! A file's way, downward only: [`inputs`](Inputs) says which files there are; `file` opens each, tells by its first bytes
//! what it is (`magic`), reads it straight into a Block, and lets a walker (`pcap`, `pcapng`) say where the frames lie;
//! [`filter`](Filter) takes out what the user does not want to see.
//!
//! An interface's way: [`live`](Live) fills Blocks from the kernel's ring; the kernel itself filters.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

mod block;
mod decompress;
mod file;
mod filter;
mod follow;
mod heartbeat;
mod inputs;
mod interfaces;
mod journal;
mod live;
mod magic;
mod pcap;
mod pcapng;
mod stop;
#[cfg(test)]
mod testing;
mod walk;
mod window;

pub use block::{BLOCK_CAPACITY, Block, Frame, LinkType, Origin, PIECES, PacketNumber, Packets, Part};
pub use file::{Again, Files};
pub use filter::{Filter, FilterError};
pub use follow::Follow;
pub use heartbeat::{Beat, Heartbeat};
pub use inputs::{Input, Inputs};
pub use interfaces::{Interface, InterfacesError, interfaces};
pub use journal::{Held, Journal, Mark, state_name};
pub use live::{
    Change, Direction, InterfaceCounts, InterfaceEvent, LONGEST_SNAP, Live, LiveError, LiveSettings, Opened, Watched,
};
pub use stop::Stop;
pub use walk::Damage;
pub use window::TimeWindow;

use crate::units::ByteCount;

/// Something that yields frames.
pub trait Source: Send {
    /// Puts the next frames into a Block and says what it did.
    ///
    /// Called again and again by the capture thread, each time with a Block whose `frames` and `bytes` hold whatever the
    /// Block's last use left there. The source sets `origin`, `bytes` and `frames`, and `first` and `kept` where its packets
    /// have numbers; all frames of one call come from one origin. What goes wrong is handed to `report` as it is met, and does not end the source.
    fn fill(&mut self, block: &mut Block, report: &mut dyn FnMut(CaptureError)) -> Fill;

    /// What was read so far.
    fn counts(&self) -> CaptureCounts;

    /// Whether `fill` may wait for long until something comes, so that whoever wants to call it next had better sleep.
    fn waits(&self) -> bool {
        false
    }
}

/// What [`Source::fill`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// The Block holds frames (none, where a filter dropped all of them).
    Filled,
    /// Nothing more will come; the Block holds no frame.
    End,
}

/// What a source read, and what it could not hand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CaptureCounts {
    /// Inputs that were opened and found to be captures.
    pub inputs: u64,
    /// Frames read, those that the time window or the filter left out among them.
    pub packets: u64,
    /// Captured bytes of those frames.
    pub bytes: ByteCount,
    /// Frames that the filter dropped.
    pub filtered: u64,
    /// Frames outside the time window.
    pub outside: u64,
    /// Frames of which fewer bytes were captured than were on the wire.
    pub cut: u64,
    /// Places where a file was damaged, reported or not.
    pub damaged: u64,
    /// Records left out because they are larger than a Block; no IP packet is.
    pub oversized: u64,
    /// Packets that the kernel dropped because its buffer for the sensor was full.
    pub kernel_dropped: u64,
    /// Packets that interfaces or their drivers dropped before the kernel had them.
    pub interface_dropped: u64,
    /// How often an interface vanished, went down or lost its carrier; nobody knows what passed until it was back.
    pub interfaces_lost: u64,
}

impl CaptureCounts {
    /// Adds another source's counts.
    pub fn add(&mut self, other: &Self) {
        self.inputs += other.inputs;
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.filtered += other.filtered;
        self.outside += other.outside;
        self.cut += other.cut;
        self.damaged += other.damaged;
        self.oversized += other.oversized;
        self.kernel_dropped += other.kernel_dropped;
        self.interface_dropped += other.interface_dropped;
        self.interfaces_lost += other.interfaces_lost;
    }
}

/// A place in a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Bytes from the start of the capture.
    pub offset: u64,
    /// Whether that is counted in what came out of the decompressor, not in the file as stored.
    pub unpacked: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}{}", self.offset, if self.unpacked { " (decompressed)" } else { "" })
    }
}

/// What can be wrong with an input: what, where, and what became of the rest.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// It cannot be opened or listed.
    #[error("{}: cannot open: {error}{}", path.display(), advice(error))]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// A folder without any file.
    #[error("{}: no file in this folder (symbolic links in a folder are not followed); name the captures, or the folder they lie in", path.display())]
    NoFile {
        /// The folder.
        path: PathBuf,
    },
    /// A capture in a followed folder that was there, finished, and gone or written over before it was read to its end.
    #[error("{}: lost: it was gone, or written over, before it was read to its end; keep more files, or larger ones", path.display())]
    Lost {
        /// The file.
        path: PathBuf,
    },
    /// A capture in a followed folder that went on after it seemed finished and was read.
    #[error("{}: it grew after it was read, and is read again: what it held before is told twice", path.display())]
    Grew {
        /// The file.
        path: PathBuf,
    },
    /// The file that is to say which captures were read cannot be opened. Nothing was read.
    #[error("{}: which captures were read cannot be kept there: {error}; name a file that can be written with --state", path.display())]
    NoState {
        /// The file.
        path: PathBuf,
        /// The system's word, or what it holds instead.
        error: io::Error,
    },
    /// The file that says which captures were read cannot be written any more.
    #[error("{}: cannot keep which captures were read: {error}; after a restart some may be read again", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// Its bytes are not those of a capture.
    #[error("{}: not a capture: {looks}", path.display())]
    NotCapture {
        /// The file.
        path: PathBuf,
        /// What it is instead, and what to do.
        looks: String,
    },
    /// It is a capture of a kind that cannot be read.
    #[error("{}: cannot be read: {why}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is unusual about it.
        why: String,
    },
    /// Reading failed on the way; what came before was processed.
    #[error("{}: {place}: cannot read on: {error}; what came before was processed", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// How far reading came.
        place: Place,
        /// The system's or the decompressor's word.
        error: io::Error,
    },
    /// A record that cannot be true, with frames found again after it or not.
    #[error("{}: {place}: {damage}; {}", path.display(), after(*place, *resumed, damage))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the record begins.
        place: Place,
        /// What is wrong with it.
        damage: Damage,
        /// The offset at which reading went on, or nothing where no more was found.
        resumed: Option<u64>,
    },
    /// So much was wrong with a file that the rest is only counted.
    #[error("{}: damaged in more places, which are counted but not listed", path.display())]
    MoreDamage {
        /// The file.
        path: PathBuf,
    },
    /// The filter expression means nothing for a link type that came up, so none of its frames pass.
    #[error("filter: cannot be applied to frames of link type {}, which are all left out: {error}", link.0)]
    Filter {
        /// The link type.
        link: LinkType,
        /// libpcap's word.
        error: FilterError,
    },
}

/// What to do.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; check the path",
        io::ErrorKind::PermissionDenied => "; run rattap as a user who may read it",
        _ => "",
    }
}

fn after(place: Place, resumed: Option<u64>, damage: &Damage) -> String {
    match (resumed, damage) {
        (Some(at), _) => {
            format!("reading went on at byte {at} ({} bytes left out)", at.saturating_sub(place.offset))
        }
        (None, Damage::SectionVersion { .. }) => "its packets are left out".to_owned(),
        (None, Damage::Cut) => "all that came before was processed".to_owned(),
        (None, _) => "nothing readable was found after it".to_owned(),
    }
}
