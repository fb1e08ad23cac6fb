//! Live interfaces as sources of Blocks.
//!
//! Each interface is a source of its own, and has threads of its own: whoever fills a Block from it (`tap`) copies what the kernel's
//! ring holds, and then takes the Block the whole way, in the same thread. There is no queue between capture and scan, since the
//! ring is one: when all threads are busy, it takes the burst, and what the kernel then drops is counted as such. So nothing is lost
//! between the ring and the output. With capture threads that handed Blocks over to scanning ones, the same packets took a tenth to a
//! half more processor time: for waking each other, and for fetching each Block from the other core.
//!
//! A link without traffic yields empty Blocks that say how late it is, so that windows close; and now and then a Block carries a
//! sign of life ([`Heartbeat`]).
//!
//! Opening comes first and by itself ([`Opened::open`]), since it needs rights that the rest does not. A source that opens its
//! interface once more, after it vanished, needs the right to capture again.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, bounded};
use thiserror::Error;

use super::block::{Block, LinkType, Origin};
use super::heartbeat::Heartbeat;
use super::stop::Stop;
use super::{CaptureCounts, CaptureError, Fill, Source};
use crate::privileges::Opener;
use crate::units::{ByteCount, Timestamp};

mod link;
mod tap;

use tap::Tap;

/// The most bytes of a frame that libpcap captures; no frame is longer.
pub const LONGEST_SNAP: u32 = 262_144;

/// How long a quiet interface is waited for before an empty Block says that time passes. It is also how long a stop may take to be
/// seen. Four times a second costs a thousandth of a core.
const TICK: Duration = Duration::from_millis(250);

/// How far behind the clock the time of an empty Block is: longer than the kernel holds a packet back, so that no other
/// interface's packets are overtaken.
const BEHIND: Duration = Duration::from_secs(1);

/// How often a Block is marked with a sign of life.
const BEAT: Duration = Duration::from_millis(250);

/// How long the ring is read after a stop at the most, should packets from before the stop never end.
const LONGEST_DRAIN: Duration = Duration::from_secs(10);

/// How many changes may wait to be told. Past that they are only counted.
const WAITING_NEWS: usize = 64;

/// Which packets are captured, as the interface sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Those received.
    In,
    /// Those sent.
    Out,
    /// All.
    #[default]
    Both,
}

/// What to capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSettings {
    /// The interfaces by name.
    pub interfaces: Vec<String>,
    /// Whether packets for others are captured, too.
    pub is_promiscuous: bool,
    /// How many bytes of each frame are captured, at most [`LONGEST_SNAP`].
    pub snap_length: u32,
    /// How much the kernel may hold for each interface, below 2 GiB.
    pub kernel_buffer: ByteCount,
    /// The kernel hands on only packets for which this expression of tcpdump's language is true.
    pub filter: Option<String>,
    /// Which packets.
    pub direction: Direction,
}

/// Why capturing cannot begin.
#[derive(Debug, Error)]
pub enum LiveError {
    /// There is no interface of this name.
    #[error("{interface}: no such interface; `rattap interfaces` lists them")]
    NoInterface {
        /// The name.
        interface: String,
    },
    /// It cannot be opened.
    #[error("{interface}: cannot capture: {reason}")]
    Open {
        /// The interface.
        interface: String,
        /// libpcap's word.
        reason: String,
    },
    /// Its frames are of a kind that cannot be read.
    #[error("{interface}: cannot capture: its frames are of link type {number}{}, which is not read; those that are: {}",
        name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default(), known_links())]
    LinkType {
        /// The interface.
        interface: String,
        /// libpcap's number (`DLT_`).
        number: i32,
        /// libpcap's name for it.
        name: Option<String>,
    },
    /// The filter does not compile for its link type, or the kernel refuses it.
    #[error("{interface}: filter `{expression}`: {reason}")]
    Filter {
        /// The interface.
        interface: String,
        /// The expression.
        expression: String,
        /// libpcap's word.
        reason: String,
    },
}

fn known_links() -> String {
    let names = LinkType::READ.iter().map(|link| {
        let native = super::filter::native(*link);
        pcap::Linktype(native).get_name().unwrap_or_else(|_| native.to_string())
    });
    names.collect::<Vec<_>>().join(", ")
}

/// What happened to an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceEvent {
    /// The interface.
    pub interface: String,
    /// What happened.
    pub change: Change,
}

/// A change of an interface's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is no more.
    Vanished,
    /// It was taken down.
    Down,
    /// It has no carrier.
    NoCarrier,
    /// It is there, but cannot be captured from; libpcap's word.
    Failed(String),
    /// It is captured from again.
    Back,
}

impl fmt::Display for InterfaceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.interface;
        match &self.change {
            Change::Vanished => write!(f, "{name}: the interface vanished; waiting for its return"),
            Change::Down => write!(f, "{name}: the interface is down; waiting for its return"),
            Change::NoCarrier => write!(f, "{name}: the interface has no carrier; waiting for its return"),
            Change::Failed(reason) => write!(f, "{name}: cannot capture: {reason}; trying again"),
            Change::Back => write!(f, "{name}: the interface is back, and captured from again"),
        }
    }
}

/// What was counted of one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InterfaceCounts {
    /// Frames captured.
    pub packets: u64,
    /// Captured bytes of those frames.
    pub bytes: ByteCount,
    /// Frames of which fewer bytes were captured than were on the wire.
    pub cut: u64,
    /// Packets that the kernel dropped because its buffer was full.
    pub kernel_dropped: u64,
    /// Packets that the interface or its driver dropped.
    pub interface_dropped: u64,
    /// How often it vanished, went down or lost its carrier.
    pub lost: u64,
}

/// An interface as others see it while it is captured from.
#[derive(Debug)]
pub struct Watched {
    name: String,
    pulse: Arc<Heartbeat>,
    is_up: AtomicBool,
    packets: AtomicU64,
    bytes: AtomicU64,
    cut: AtomicU64,
    kernel_dropped: AtomicU64,
    interface_dropped: AtomicU64,
    lost: AtomicU64,
}

impl Watched {
    fn new(name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            pulse: Heartbeat::new(),
            is_up: AtomicBool::new(true),
            packets: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            kernel_dropped: AtomicU64::new(0),
            interface_dropped: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The signs of life of its capture. They come also while the interface is lost.
    pub fn pulse(&self) -> &Heartbeat {
        &self.pulse
    }

    /// Whether it is captured from: it is there, up, and has a carrier.
    pub fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// What was counted so far.
    pub fn counts(&self) -> InterfaceCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        InterfaceCounts {
            packets: of(&self.packets),
            bytes: ByteCount(of(&self.bytes)),
            cut: of(&self.cut),
            kernel_dropped: of(&self.kernel_dropped),
            interface_dropped: of(&self.interface_dropped),
            lost: of(&self.lost),
        }
    }
}

/// Interfaces that are open, or down and waited for; nothing is captured yet but by the kernel.
pub struct Opened {
    taps: Vec<Tap>,
    watched: Vec<Arc<Watched>>,
    news: Receiver<InterfaceEvent>,
}

impl Opened {
    /// Opens all interfaces. One that is down is waited for; one that is not there, or cannot be read, is an error, since it is
    /// far more often a wrong name than one that is still to come.
    pub fn open(settings: &LiveSettings) -> Result<Self, LiveError> {
        let (tell, news) = bounded(WAITING_NEWS);
        let settings = Arc::new(settings.clone());
        let taps = settings.interfaces.iter().map(|name| Tap::open(name, settings.clone(), tell.clone()));
        let taps = taps.collect::<Result<Vec<_>, _>>()?;
        let watched = taps.iter().map(|tap| tap.watched.clone()).collect();
        Ok(Self { taps, watched, news })
    }

    /// The interfaces, in the order of the settings.
    pub fn interfaces(&self) -> &[Arc<Watched>] {
        &self.watched
    }

    /// What happens to the interfaces from now on, and what did while they were opened.
    pub fn news(&self) -> Receiver<InterfaceEvent> {
        self.news.clone()
    }

    /// The interfaces as sources that end when `stop` is ordered. Each opens its interface again through `opener`.
    pub fn start(self, stop: &Stop, opener: &Opener) -> Vec<Live> {
        let live = |mut tap: Tap| {
            tap.open_through(opener.clone());
            Live {
                origin: Arc::new(Origin { name: tap.watched.name.clone() }),
                tap,
                stop: stop.clone(),
                drain: None,
                last_beat: None,
                has_ended: false,
            }
        };
        self.taps.into_iter().map(live).collect()
    }
}

/// An interface that is captured from, as a source.
pub struct Live {
    tap: Tap,
    origin: Arc<Origin>,
    stop: Stop,
    /// When the stop was seen, by the system's clock and by the other.
    drain: Option<(Timestamp, Instant)>,
    last_beat: Option<Instant>,
    has_ended: bool,
}

impl Source for Live {
    /// Hands on what the ring holds; waits for it for a while, and yields an empty Block where nothing came.
    fn fill(&mut self, block: &mut Block, _: &mut dyn FnMut(CaptureError)) -> Fill {
        block.frames.clear();
        // Only packets of a file are numbered.
        block.first = None;
        block.kept.clear();
        if self.has_ended {
            return Fill::End;
        }
        if self.drain.is_none() && self.stop.is_ordered() {
            self.drain = Some((now(), Instant::now()));
        }
        // What reached the kernel before the stop is in the ring, or will be as soon as the kernel hands on what it holds back.
        let enough = tap::RETIRE * 2;
        let wait = self.drain.map_or(TICK, |(_, began)| enough.saturating_sub(began.elapsed()));
        self.tap.fill(block, wait);
        if let Some((stopped, began)) = self.drain {
            self.has_ended = match block.frames.last() {
                None => began.elapsed() >= enough,
                Some(frame) => frame.time > stopped || began.elapsed() >= LONGEST_DRAIN,
            };
            if self.has_ended {
                self.tap.close();
            }
        }
        block.origin.clone_from(&self.origin);
        block.idle_until = block.frames.is_empty().then(|| now() - BEHIND);
        block.beat = None;
        if self.last_beat.is_none_or(|last| last.elapsed() >= BEAT) {
            self.last_beat = Some(Instant::now());
            block.beat = Some(self.tap.watched.pulse.beat());
        }
        Fill::Filled
    }

    fn counts(&self) -> CaptureCounts {
        let counts = self.tap.watched.counts();
        CaptureCounts {
            inputs: 1,
            packets: counts.packets,
            bytes: counts.bytes,
            cut: counts.cut,
            kernel_dropped: counts.kernel_dropped,
            interface_dropped: counts.interface_dropped,
            interfaces_lost: counts.lost,
            ..CaptureCounts::default()
        }
    }

    fn waits(&self) -> bool {
        true
    }
}

/// The system's clock, which also stamps the packets.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs().try_into().unwrap_or(i64::MAX), since.subsec_nanos())
}

#[cfg(test)]
mod tests;
