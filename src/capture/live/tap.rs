//! One interface: opened, read, watched, and opened again when it comes back.
//!
//! The kernel's ring is read without waiting, and poll(2) waits where it is empty: libpcap's own waiting has no time limit with
//! this kind of ring (TPACKET_V3), and a quiet link must tell that time passes. The ring is handed over in pieces of a quarter of a
//! megabyte, each when it is full or [`RETIRE`] old. libpcap's immediate mode was left alone: it takes the older ring
//! (TPACKET_V2), with a slot of the whole snap length for each frame (so that 64 MiB hold 256 frames) and a wake-up for each packet.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use pcap::{Active, Capture, Precision, Stat};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::link::{self, Link};
use super::{Change, Direction, InterfaceEvent, LiveError, LiveSettings, Watched};
use crate::capture::block::{BLOCK_CAPACITY, Block, Frame, LinkType};
use crate::capture::filter::{from_native, reason};
use crate::privileges::Opener;
use crate::units::Timestamp;

/// How long the kernel holds packets back at the most, to hand on many at a time. It is most of what an alert is late on a quiet
/// link.
pub(super) const RETIRE: Duration = Duration::from_millis(50);

/// How often the kernel is asked for the link's state and for what it dropped.
const LOOK: Duration = Duration::from_secs(1);

/// How soon a lost interface is looked for again: at first, and at the latest, doubling in between.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long to wait after an error of the link, so that one that does not go away cannot keep a thread busy.
const AFTER_ERROR: Duration = Duration::from_millis(10);

/// The largest piece that libpcap hands on in one call, when it holds no frame larger than itself.
const PIECE: usize = 256 << 10;

/// What the ring holds of a packet beside its bytes, about.
const PIECE_HEADER: usize = 96;

/// On a busy link packets are gathered before they are handed on: until there are so many bytes, or the first of them has waited
/// so long; and the ring is looked at again after a pause in which it fills further. Threads that are woken for every piece of the
/// ring cost more than looking at the packets does.
const GATHERED: usize = 512 << 10;
const LONGEST_GATHERING: Duration = Duration::from_millis(20);
const GATHERING_PAUSE: Duration = Duration::from_millis(5);

/// How many packets are taken in one call: more than there are in one piece of the ring.
const MOST_AT_ONCE: usize = 4096;

/// libpcap's name for all interfaces at once. It is no link, and nothing about it can be promiscuous.
const ANY: &str = "any";

/// One interface.
pub(super) struct Tap {
    pub(super) watched: Arc<Watched>,
    settings: Arc<LiveSettings>,
    handle: Option<Handle>,
    /// When the handle is to be closed, whose interface is no more. Until then the ring may hold packets from before, or the
    /// kernel may still hold them back.
    close_at: Option<Instant>,
    /// Whether the interface is known to be lost, and was told to be.
    is_lost: bool,
    look_at: Instant,
    pause: Duration,
    tell: Sender<InterfaceEvent>,
    /// Opens it again.
    opener: Opener,
}

/// An open capture.
struct Handle {
    capture: Capture<Active>,
    link: LinkType,
    /// The number of the interface that was opened; `None` where it has none.
    index: Option<u32>,
    /// What libpcap counted so far, and was added.
    counted: Stat,
}

impl Handle {
    fn open(name: &str, settings: &LiveSettings, link: Option<Link>) -> Result<Self, LiveError> {
        let interface = || name.to_owned();
        let failed = |error: pcap::Error| LiveError::Open { interface: interface(), reason: reason(&error) };
        let LiveSettings { is_promiscuous, snap_length, kernel_buffer, filter, direction, .. } = settings;
        let capture = Capture::from_device(name)
            .map_err(failed)?
            .promisc(*is_promiscuous && name != ANY)
            .snaplen(i32::try_from(*snap_length).unwrap_or(i32::MAX))
            .buffer_size(i32::try_from(kernel_buffer.0).unwrap_or(i32::MAX))
            .timeout(i32::try_from(RETIRE.as_millis()).unwrap_or(i32::MAX))
            // Every network interface of Linux has them.
            .precision(Precision::Nano)
            .open()
            .and_then(Capture::setnonblock);
        let mut capture = capture.map_err(failed)?;
        let native = capture.get_datalink();
        let link_type = from_native(native.0).filter(|link| LinkType::READ.contains(link)).ok_or_else(|| {
            LiveError::LinkType { interface: interface(), number: native.0, name: native.get_name().ok() }
        })?;
        if let Some(expression) = filter {
            capture.filter(expression, true).map_err(|error| LiveError::Filter {
                interface: interface(),
                expression: expression.clone(),
                reason: reason(&error),
            })?;
        }
        let direction = match direction {
            Direction::In => Some(pcap::Direction::In),
            Direction::Out => Some(pcap::Direction::Out),
            // The default, which links without a direction have too.
            Direction::Both => None,
        };
        if let Some(direction) = direction {
            capture.direction(direction).map_err(failed)?;
        }
        let index = match link {
            Some(Link::Present { index, .. }) => Some(index),
            _ => None,
        };
        Ok(Self { capture, link: link_type, index, counted: Stat { received: 0, dropped: 0, if_dropped: 0 } })
    }
}

impl Tap {
    /// Opens an interface, or waits for it where it is down.
    pub(super) fn open(
        name: &str,
        settings: Arc<LiveSettings>,
        tell: Sender<InterfaceEvent>,
    ) -> Result<Self, LiveError> {
        let watched = Watched::new(name);
        let mut tap = Self {
            watched,
            settings,
            handle: None,
            close_at: None,
            is_lost: false,
            look_at: Instant::now() + LOOK,
            pause: FIRST_PAUSE,
            tell,
            opener: Opener::direct(),
        };
        let link = tap.ask();
        match link {
            Some(Link::Absent) => return Err(LiveError::NoInterface { interface: name.to_owned() }),
            Some(Link::Present { is_up: false, .. }) => tap.lose(Change::Down),
            _ => {
                tap.handle = Some(tap.open_handle(link)?);
                tap.judge(link);
            }
        }
        Ok(tap)
    }

    /// From now on opens it through this.
    pub(super) fn open_through(&mut self, opener: Opener) {
        self.opener = opener;
    }

    /// What the kernel says of the link; `None` where it cannot say anything.
    fn ask(&self) -> Option<Link> {
        if self.watched.name == ANY { None } else { link::ask(&self.watched.name).ok() }
    }

    /// Opens the interface, in whichever thread may.
    fn open_handle(&self, link: Option<Link>) -> Result<Handle, LiveError> {
        let (name, settings) = (self.watched.name.clone(), self.settings.clone());
        self.opener.open(move || Handle::open(&name, &settings, link))
    }

    /// Fills a Block with what there is, waiting for the first packet for so long. It is empty where none came.
    pub(super) fn fill(&mut self, block: &mut Block, wait: Duration) {
        block.bytes.clear();
        block.frames.clear();
        if Instant::now() >= self.look_at {
            self.look();
        }
        let wait = wait.min(self.look_at.saturating_duration_since(Instant::now()));
        match &mut self.handle {
            None => thread::sleep(wait),
            Some(handle) => match handle.read(block, wait) {
                Ok(true) => (),
                Ok(false) => {
                    self.look_at = Instant::now();
                    thread::sleep(AFTER_ERROR);
                }
                Err(error) => {
                    self.close_soon(match self.ask() {
                        Some(Link::Absent) => Change::Vanished,
                        Some(Link::Present { is_up: false, .. }) => Change::Down,
                        _ => Change::Failed(reason(&error)),
                    });
                    thread::sleep(AFTER_ERROR);
                }
            },
        }
        self.count(block);
    }

    fn count(&self, block: &Block) {
        if block.frames.is_empty() {
            return;
        }
        let cut = block.frames.iter().filter(|frame| frame.captured < frame.original).count();
        self.watched.packets.fetch_add(block.frames.len() as u64, Ordering::Relaxed);
        self.watched.bytes.fetch_add(block.bytes.len() as u64, Ordering::Relaxed);
        self.watched.cut.fetch_add(cut as u64, Ordering::Relaxed);
    }

    /// Asks for the link's state, and does what follows from it.
    fn look(&mut self) {
        self.look_at = Instant::now() + LOOK;
        self.take_counts();
        let link = self.ask();
        self.judge(link);
        if self.is_lost {
            self.look_at = Instant::now() + self.pause;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn judge(&mut self, link: Option<Link>) {
        // Also where it vanished and there is another of its name.
        let index = |link: &Link| match link {
            Link::Present { index, .. } => Some(*index),
            Link::Absent => None,
        };
        if let (Some(handle), Some(link)) = (&self.handle, &link)
            && handle.index != index(link)
        {
            self.close_soon(Change::Vanished);
        }
        if let Some(close_at) = self.close_at {
            if Instant::now() < close_at {
                return;
            }
            self.close();
        }
        let Some(Link::Present { is_up, is_running, .. }) = link else {
            if link == Some(Link::Absent) {
                return self.lose(Change::Vanished);
            }
            return self.reopen(link);
        };
        if !is_up {
            // The kernel keeps the capture, and goes on with it when the interface is up again: nothing is lost then.
            return self.lose(Change::Down);
        }
        if !is_running {
            self.lose(Change::NoCarrier);
        }
        if is_running || self.handle.is_none() {
            self.reopen(link);
        }
    }

    /// Opens what is not open, and tells of its return if it was lost and now is not.
    fn reopen(&mut self, link: Option<Link>) {
        if self.handle.is_none() {
            match self.open_handle(link) {
                Ok(handle) => self.handle = Some(handle),
                Err(LiveError::Open { reason, .. } | LiveError::Filter { reason, .. }) => {
                    return self.lose(Change::Failed(reason));
                }
                Err(error) => return self.lose(Change::Failed(error.to_string())),
            }
        }
        if matches!(link, Some(Link::Present { is_running: false, .. })) {
            return;
        }
        if self.is_lost {
            self.is_lost = false;
            self.pause = FIRST_PAUSE;
            self.watched.is_up.store(true, Ordering::Relaxed);
            self.tell(Change::Back);
        }
    }

    /// Tells of a loss, and gives the kernel time to hand on what it held back when that happened.
    fn close_soon(&mut self, change: Change) {
        self.close_at.get_or_insert_with(|| Instant::now() + RETIRE * 2);
        self.lose(change);
    }

    /// Tells of a loss, once until the interface is back.
    fn lose(&mut self, change: Change) {
        if !self.is_lost {
            self.is_lost = true;
            self.watched.is_up.store(false, Ordering::Relaxed);
            self.watched.lost.fetch_add(1, Ordering::Relaxed);
            self.tell(change);
            self.look_at = Instant::now() + self.pause;
        }
    }

    fn tell(&self, change: Change) {
        // Where so much is waiting to be told, the counter tells it.
        let _ = self.tell.try_send(InterfaceEvent { interface: self.watched.name.clone(), change });
    }

    /// Adds what libpcap counted since the last time.
    fn take_counts(&mut self) {
        let Some(handle) = &mut self.handle else { return };
        let Ok(stat) = handle.capture.stats() else { return };
        // They are of 32 bits, and go round. The interface's own come from its driver, which may begin anew.
        let dropped = stat.dropped.wrapping_sub(handle.counted.dropped);
        let if_dropped = stat.if_dropped.saturating_sub(handle.counted.if_dropped);
        handle.counted = stat;
        self.watched.kernel_dropped.fetch_add(dropped.into(), Ordering::Relaxed);
        self.watched.interface_dropped.fetch_add(if_dropped.into(), Ordering::Relaxed);
    }

    /// Counts a last time and closes.
    pub(super) fn close(&mut self) {
        self.take_counts();
        self.handle = None;
        self.close_at = None;
    }
}

impl Handle {
    /// Reads what the ring holds, waiting for the first packet for so long. False where something is the matter with the link.
    fn read(&mut self, block: &mut Block, wait: Duration) -> Result<bool, pcap::Error> {
        let until = Instant::now() + wait;
        let link = self.link;
        let Block { bytes, frames, .. } = block;
        let mut began: Option<Instant> = None;
        // The last piece came because it was full, not because it was old.
        let mut is_busy = false;
        loop {
            let before = bytes.len();
            let read = self.capture.dispatch(Some(MOST_AT_ONCE), |packet| {
                let header = packet.header;
                frames.push(Frame {
                    // Nanoseconds, though the field is named otherwise.
                    time: Timestamp::from_parts(header.ts.tv_sec, header.ts.tv_usec as u32),
                    offset: bytes.len() as u32,
                    captured: packet.data.len() as u32,
                    original: header.len,
                    link,
                });
                bytes.extend_from_slice(packet.data);
            })?;
            if read > 0 {
                if bytes.len() + PIECE > BLOCK_CAPACITY {
                    return Ok(true);
                }
                is_busy = bytes.len() - before + read * PIECE_HEADER >= PIECE / 2;
                continue;
            }
            if !frames.is_empty() {
                let began = *began.get_or_insert_with(Instant::now);
                if !is_busy || bytes.len() >= GATHERED || began.elapsed() >= LONGEST_GATHERING {
                    return Ok(true);
                }
                is_busy = false;
                thread::sleep(GATHERING_PAUSE);
                continue;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(true);
            }
            if !self.wait(left) {
                return Ok(false);
            }
        }
    }

    /// Waits until there is something to read. False where something is the matter with the link.
    fn wait(&self, time: Duration) -> bool {
        let fd = self.capture.as_fd();
        let mut fds = [PollFd::new(&fd, PollFlags::IN)];
        let time = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
        // An interrupted call has waited long enough.
        let _ = poll(&mut fds, Some(&time));
        if !fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
            return true;
        }
        // Taking the error takes it away, so that the next call waits again.
        let _ = rustix::net::sockopt::socket_error(fd);
        false
    }
}
