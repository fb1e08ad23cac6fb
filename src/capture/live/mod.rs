//! Live interfaces as a source of Blocks.
//!
//! ```text
//!  kernel's ring ──▶ capture thread of eth1 ──┐
//!                        ▲   Blocks come back │ Blocks           worker: scan, track
//!                        └────────────────────┼───▶ Live::fill ──▶
//!  kernel's ring ──▶ capture thread of eth2 ──┘
//! ```
//!
//! Each thread owns one interface (`tap`), copies what the kernel hands on into a Block and passes it on: when there is nothing
//! more at the moment, or when the Block is full. It has a few Blocks and no more: when all are on their way it waits for one to
//! come back, and the kernel's ring takes the burst. What the kernel then drops is counted as such. So nothing is lost between the
//! ring and the output.
//!
//! A link without traffic yields empty Blocks that say how late it is, so that windows close; and each thread marks Blocks with a
//! sign of life ([`Pulse`]).
//!
//! Opening comes first and by itself ([`Opened::open`]), since it needs rights that the rest does not; the threads begin with
//! [`Opened::start`]. A thread that opens its interface once more, after it vanished, needs the right to capture again.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded};
use thiserror::Error;

use super::block::{Block, LinkType, Origin};
use super::pulse::Pulse;
use super::{CaptureCounts, CaptureError, Fill, Source};
use crate::privileges::Opener;
use crate::units::{ByteCount, Timestamp};

mod link;
mod tap;

use tap::Tap;

/// The most bytes of a frame that libpcap captures; no frame is longer.
pub const LONGEST_SNAP: u32 = 262_144;

/// How many Blocks an interface has: one that is filled, one on its way, one that comes back.
const BLOCKS: usize = 3;

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
    /// The system gives no thread for it.
    #[error("{interface}: cannot start a capture thread: {error}")]
    Thread {
        /// The interface.
        interface: String,
        /// The system's word.
        error: io::Error,
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
pub struct News {
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

impl fmt::Display for News {
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

/// An interface as others see it while its thread captures.
#[derive(Debug)]
pub struct Watched {
    name: String,
    pulse: Arc<Pulse>,
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
            pulse: Pulse::new(),
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

    /// The signs of life of its thread. They come also while the interface is lost.
    pub fn pulse(&self) -> &Pulse {
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

/// Tells capture threads to stop. Its clones are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on no new packets; what was captured before is still handed on, and then the source ends.
    pub fn order(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was ordered.
    pub fn is_ordered(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Interfaces that are open, or down and waited for; nothing is captured yet but by the kernel.
pub struct Opened {
    taps: Vec<Tap>,
    watched: Vec<Arc<Watched>>,
    news: Receiver<News>,
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
    pub fn news(&self) -> Receiver<News> {
        self.news.clone()
    }

    /// Starts a thread for each interface, until `stop` is ordered. Each opens its interface again through `opener`.
    pub fn start(self, stop: &Stop, opener: &Opener) -> Result<Live, LiveError> {
        let (filled, from_threads) = bounded(self.taps.len() * BLOCKS);
        let mut live =
            Live { filled: Some(from_threads), threads: Vec::new(), watched: self.watched, stop: stop.clone() };
        for (number, mut tap) in self.taps.into_iter().enumerate() {
            tap.open_through(opener.clone());
            let (back, free) = bounded(BLOCKS);
            for _ in 0..BLOCKS {
                // There is room for all.
                let _ = back.send(Block::new(Arc::new(Origin { name: tap.watched.name.clone() }), Arc::default()));
            }
            let interface = tap.watched.name.clone();
            let (filled, stop) = (filled.clone(), stop.clone());
            let capture = move || capture(tap, &free, &|block| filled.send((number, block)).is_ok(), &stop);
            // Names of threads are cut at 15 bytes.
            let thread = thread::Builder::new().name(format!("cap {interface}")).spawn(capture);
            let thread = thread.map_err(|error| LiveError::Thread { interface, error })?;
            live.threads.push(Thread { back, thread });
        }
        Ok(live)
    }
}

/// One capture thread's way: takes a Block, fills it, hands it on, until it is to stop or nobody takes Blocks any more.
fn capture(mut tap: Tap, free: &Receiver<Block>, hand_on: &dyn Fn(Block) -> bool, stop: &Stop) {
    let mut last_beat: Option<Instant> = None;
    // Waits where all Blocks are on their way.
    let mut fill_next = |tap: &mut Tap, wait: Duration| {
        let mut block = free.recv().ok()?;
        tap.fill(&mut block, wait);
        block.idle_until = block.frames.is_empty().then(|| now() - BEHIND);
        block.beat = None;
        if last_beat.is_none_or(|last| last.elapsed() >= BEAT) {
            last_beat = Some(Instant::now());
            block.beat = Some(tap.watched.pulse.beat());
        }
        let latest = block.frames.last().map(|frame| frame.time);
        hand_on(block).then_some(latest)
    };
    while !stop.is_ordered() {
        if fill_next(&mut tap, TICK).is_none() {
            return;
        }
    }
    // What reached the kernel before the stop is in the ring, or will be as soon as the kernel hands on what it holds back.
    let (stopped, began) = (now(), Instant::now());
    let enough = tap::RETIRE * 2;
    loop {
        let waited = began.elapsed();
        match fill_next(&mut tap, enough.saturating_sub(waited)) {
            Some(None) if waited >= enough => break,
            Some(latest) if latest <= Some(stopped) && waited < LONGEST_DRAIN => (),
            _ => break,
        }
    }
    tap.close();
}

/// The system's clock, which also stamps the packets.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs().try_into().unwrap_or(i64::MAX), since.subsec_nanos())
}

/// A running thread, and where it gets its Blocks back.
struct Thread {
    back: Sender<Block>,
    thread: JoinHandle<()>,
}

/// Interfaces that are captured from, as a source.
pub struct Live {
    /// Blocks with their thread's number. `None` once this is dropped.
    filled: Option<Receiver<(usize, Block)>>,
    threads: Vec<Thread>,
    watched: Vec<Arc<Watched>>,
    stop: Stop,
}

impl Source for Live {
    /// Hands on the next Block of any interface; waits for it. An interface without traffic yields an empty one from time to time.
    fn fill(&mut self, block: &mut Block, _: &mut dyn FnMut(CaptureError)) -> Fill {
        block.frames.clear();
        match self.filled.as_ref().and_then(|filled| filled.recv().ok()) {
            Some((number, filled)) => {
                let empty = std::mem::replace(block, filled);
                if let Some(thread) = self.threads.get(number) {
                    // There is room for all, and a thread that has ended needs none.
                    let _ = thread.back.send(Block { origin: block.origin.clone(), ..empty });
                }
                Fill::Filled
            }
            None => {
                self.join();
                Fill::End
            }
        }
    }

    fn counts(&self) -> CaptureCounts {
        let mut sum = CaptureCounts { inputs: self.watched.len() as u64, ..CaptureCounts::default() };
        for counts in self.watched.iter().map(|watched| watched.counts()) {
            sum.packets += counts.packets;
            sum.bytes += counts.bytes;
            sum.cut += counts.cut;
            sum.kernel_dropped += counts.kernel_dropped;
            sum.interface_dropped += counts.interface_dropped;
            sum.interfaces_lost += counts.lost;
        }
        sum
    }

    fn waits(&self) -> bool {
        true
    }
}

impl Live {
    fn join(&mut self) {
        for Thread { back, thread } in self.threads.drain(..) {
            drop(back);
            if let Err(panic) = thread.join()
                && !thread::panicking()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

impl Drop for Live {
    /// Where a run ends before its source does.
    fn drop(&mut self) {
        self.stop.order();
        self.filled = None;
        self.join();
    }
}

#[cfg(test)]
mod tests;
