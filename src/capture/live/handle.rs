//! An open capture handle of libpcap, and the reading of the kernel's ring.
//!
//! The ring is read without waiting. If it is empty, poll(2) waits: libpcap's own waiting has no
//! time limit with this kind of ring (TPACKET_V3), and a quiet link must show that time passes. The
//! kernel hands over the ring in blocks of a quarter of a megabyte, each when it is full or after
//! [`RING_BLOCK_TIMEOUT`]. libpcap's immediate mode is not used: it takes the older ring
//! (TPACKET_V2), which has a slot of the whole snap length for each frame (so that 64 MiB hold 256
//! frames) and wakes the reader for each packet.

use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use pcap::{Active, Capture, Precision, Stat};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{SockFilter, SockRef};

use crate::capture::block::{Block, Frame};
use crate::capture::libpcap;
use crate::capture::link_type::LinkType;
use crate::capture::live::bpf::{AddressRanges, Instruction, LONGEST_PROGRAM, program};
use crate::capture::live::error::LiveError;
use crate::capture::live::link::Link;
use crate::capture::live::settings::{Direction, LiveSettings};
use crate::units::Timestamp;

/// The longest time for which the kernel holds packets back, to hand on many at a time. This is
/// most of the delay of an alert on a quiet link.
pub(super) const RING_BLOCK_TIMEOUT: Duration = Duration::from_millis(50);

/// The size of a block of the ring, unless it holds a frame larger than this. libpcap hands on one
/// block per call.
const RING_BLOCK_SIZE: usize = 256 << 10;

/// The approximate number of bytes that a packet takes in the ring in addition to its own.
const RING_PACKET_OVERHEAD: usize = 96;

/// The most bytes in a Block, unless it holds a frame larger than [`RING_BLOCK_SIZE`]. Measured on
/// an Intel Xeon with 2 MiB of second-level cache: with 384 KiB the threads wake each other so
/// often, and with 2 MiB the bytes leave the cache so often, that a packet costs a tenth more.
const LIVE_BLOCK_SIZE: usize = 768 << 10;

/// On a busy link packets are batched: until there are this many bytes, or the first packet has
/// waited for [`MAX_BATCH_DELAY`]. After each [`BATCH_PAUSE`], in which the ring fills further, it
/// is read again. A wake-up for every block of the ring would cost more than scanning its packets.
const BATCH_SIZE: usize = LIVE_BLOCK_SIZE / 2;
const MAX_BATCH_DELAY: Duration = Duration::from_millis(20);
const BATCH_PAUSE: Duration = Duration::from_millis(3);

/// The number of packets that one call may read: more than one block of the ring holds.
const MAX_PACKETS_PER_CALL: usize = 4096;

/// The lengths of programs that are tried in turn: where `net.core.optmem_max` is small, the kernel
/// refuses long ones, and while one is replaced it needs room for both.
const PROGRAM_LENGTHS: [usize; 4] = [LONGEST_PROGRAM, 1024, 256, 128];

/// libpcap's name for all interfaces at once. It is not a link, and cannot be promiscuous.
pub(super) const ANY: &str = "any";

/// An open capture handle.
pub(super) struct CaptureHandle {
    capture: Capture<Active>,
    link: LinkType,
    /// The index of the opened interface; `None` if it has none.
    pub(super) index: Option<u32>,
    /// The counters of libpcap that were already reported.
    counted: Stat,
}

/// New counts since the last report.
pub(super) struct NewCounts {
    /// Packets that the kernel handed on, or dropped.
    pub(super) received: u64,
    /// Packets that the kernel dropped.
    pub(super) kernel: u64,
    /// Packets that the interface dropped.
    pub(super) interface: u64,
}

impl CaptureHandle {
    /// Opens the interface. `link` is its present state, if known.
    pub(super) fn open(name: &str, settings: &LiveSettings, link: Option<Link>) -> Result<Self, LiveError> {
        let interface = || name.to_owned();
        let failed = |error: pcap::Error| LiveError::Open { interface: interface(), reason: libpcap::message(&error) };
        let LiveSettings { is_promiscuous, snap_length, kernel_buffer, filter, direction, .. } = settings;
        let capture = Capture::from_device(name)
            .map_err(failed)?
            .promisc(*is_promiscuous && name != ANY)
            .snaplen(i32::try_from(*snap_length).unwrap_or(i32::MAX))
            .buffer_size(i32::try_from(kernel_buffer.0).unwrap_or(i32::MAX))
            .timeout(i32::try_from(RING_BLOCK_TIMEOUT.as_millis()).unwrap_or(i32::MAX))
            // Every network interface of Linux supports nanoseconds.
            .precision(Precision::Nano)
            .open()
            .and_then(Capture::setnonblock);
        let mut capture = capture.map_err(failed)?;
        let dlt = capture.get_datalink();
        let supported = libpcap::from_dlt(dlt.0).filter(|link| LinkType::SUPPORTED.contains(link));
        let link_type = supported.ok_or_else(|| LiveError::LinkType {
            interface: interface(),
            number: dlt.0,
            name: dlt.get_name().ok(),
        })?;
        if let Some(expression) = filter {
            capture.filter(expression, true).map_err(|error| LiveError::Filter {
                interface: interface(),
                expression: expression.clone(),
                reason: libpcap::message(&error),
            })?;
        }
        let direction = match direction {
            Direction::In => Some(pcap::Direction::In),
            Direction::Out => Some(pcap::Direction::Out),
            // The default, which also works on links that do not support a direction.
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

    /// Reads the packets in the ring, and waits this long for the first one. Returns false if the
    /// link has an error.
    pub(super) fn read(&mut self, block: &mut Block, wait: Duration) -> Result<bool, pcap::Error> {
        let until = Instant::now() + wait;
        let link = self.link;
        let Block { bytes, frames, .. } = block;
        // All at once: the memory of a Block that grows is copied again and again.
        bytes.reserve(LIVE_BLOCK_SIZE.saturating_sub(bytes.len()));
        let mut batch_began: Option<Instant> = None;
        // The last block of the ring was handed over because it was full, not because of its age.
        let mut is_busy = false;
        loop {
            let before = bytes.len();
            let read = self.capture.dispatch(Some(MAX_PACKETS_PER_CALL), |packet| {
                let header = packet.header;
                frames.push(Frame {
                    // The field holds nanoseconds, in spite of its name.
                    time: Timestamp::from_parts(header.ts.tv_sec, header.ts.tv_usec as u32),
                    offset: bytes.len() as u32,
                    captured: packet.data.len() as u32,
                    original: header.len,
                    link,
                });
                bytes.extend_from_slice(packet.data);
            })?;
            if read > 0 {
                if bytes.len() + RING_BLOCK_SIZE > LIVE_BLOCK_SIZE {
                    return Ok(true);
                }
                is_busy = bytes.len() - before + read * RING_PACKET_OVERHEAD >= RING_BLOCK_SIZE / 2;
                continue;
            }
            if !frames.is_empty() {
                let began = *batch_began.get_or_insert_with(Instant::now);
                if !is_busy || bytes.len() >= BATCH_SIZE || began.elapsed() >= MAX_BATCH_DELAY {
                    return Ok(true);
                }
                is_busy = false;
                thread::sleep(BATCH_PAUSE);
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

    /// Waits until there is something to read. Returns false if the link has an error.
    fn wait(&self, time: Duration) -> bool {
        let fd = self.capture.as_fd();
        let mut fds = [PollFd::new(&fd, PollFlags::IN)];
        let time = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
        // If the call is interrupted, that was long enough.
        let _ = poll(&mut fds, Some(&time));
        if !fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
            return true;
        }
        // Reading the error clears it, so that the next call waits again.
        let _ = rustix::net::sockopt::socket_error(fd);
        false
    }

    /// Returns true if the kernel can leave out packets of this link.
    pub(super) fn can_leave_out(&self) -> bool {
        self.link == LinkType::ETHERNET
    }

    /// Has the kernel leave out packets of other addresses that cannot matter, from now on. The
    /// program before stays in force until then. Returns false if the kernel accepts no program;
    /// then it leaves out nothing.
    pub(super) fn leave_out(&self, addresses: &AddressRanges) -> bool {
        let socket = SockRef::from(&self.capture);
        let attached = PROGRAM_LENGTHS.iter().any(|most| {
            let Some(program) = program(addresses, *most) else { return false };
            let instruction = |of: Instruction| SockFilter::new(of.code, of.if_true, of.if_false, of.value);
            let program: Vec<_> = program.into_iter().map(instruction).collect();
            socket.attach_filter(&program).is_ok()
        });
        if !attached {
            // It fails only where no program is attached.
            let _ = socket.detach_filter();
        }
        attached
    }

    /// Returns what libpcap counted since the last call, if it says.
    pub(super) fn take_new_counts(&mut self) -> Option<NewCounts> {
        let stat = self.capture.stats().ok()?;
        // The counters have 32 bits and wrap. That of the interface comes from its driver, which
        // may start anew.
        let received = stat.received.wrapping_sub(self.counted.received).into();
        let kernel = stat.dropped.wrapping_sub(self.counted.dropped).into();
        let interface = stat.if_dropped.saturating_sub(self.counted.if_dropped).into();
        self.counted = stat;
        Some(NewCounts { received, kernel, interface })
    }
}
