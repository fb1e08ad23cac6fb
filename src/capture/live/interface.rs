//! One interface: opened, read, monitored, and reopened when it comes back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::capture::block::Block;
use crate::capture::libpcap;
use crate::capture::live::error::LiveError;
use crate::capture::live::event::{InterfaceChange, InterfaceEvent};
use crate::capture::live::handle::{ANY, CaptureHandle, RING_BLOCK_TIMEOUT};
use crate::capture::live::left_out::LeftOut;
use crate::capture::live::link::{self, Link};
use crate::capture::live::settings::LiveSettings;
use crate::capture::live::status::InterfaceStatus;
use crate::indicator::{IndicatorSet, LearnedAddresses};
use crate::privileges::CaptureOpener;

/// The interval at which the kernel is asked for the state of the link and the drop counters.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The first and the longest pause between checks of a lost interface. The pause doubles in
/// between.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// The pause after an error of the link, so that a permanent error cannot keep a thread busy.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(10);

/// The capture on one interface, across losses and returns of the interface.
pub(super) struct InterfaceCapture {
    pub(super) status: Arc<InterfaceStatus>,
    settings: Arc<LiveSettings>,
    handle: Option<CaptureHandle>,
    /// The time at which to close the handle of an interface that does not exist any more. Until
    /// then the ring may hold packets from before, or the kernel may still hold some back.
    close_at: Option<Instant>,
    /// The interface is lost, and the loss was reported.
    is_lost: bool,
    next_check: Instant,
    pause: Duration,
    events: Sender<InterfaceEvent>,
    /// The packets that the kernel filter leaves out. None without a filter.
    left_out: LeftOut,
    /// Reopens the interface.
    opener: CaptureOpener,
}

impl InterfaceCapture {
    /// Opens an interface, or waits for it if it is down.
    pub(super) fn open(
        name: &str,
        settings: Arc<LiveSettings>,
        events: Sender<InterfaceEvent>,
    ) -> Result<Self, LiveError> {
        let mut interface = Self {
            status: InterfaceStatus::new(name),
            settings,
            handle: None,
            close_at: None,
            is_lost: false,
            next_check: Instant::now() + CHECK_INTERVAL,
            pause: FIRST_PAUSE,
            events,
            left_out: LeftOut::default(),
            opener: CaptureOpener::direct(),
        };
        let link = interface.query_link();
        match link {
            Some(Link::Absent) => return Err(LiveError::NoInterface { interface: name.to_owned() }),
            Some(Link::Present { is_up: false, .. }) => interface.report_loss(InterfaceChange::Down),
            _ => {
                interface.handle = Some(interface.open_handle(link)?);
                interface.apply_link(link);
            }
        }
        Ok(interface)
    }

    /// Reopens the interface through `opener` from now on.
    pub(super) fn reopen_through(&mut self, opener: CaptureOpener) {
        self.opener = opener;
    }

    /// Asks the kernel for the state of the link. `None` if it cannot say.
    fn query_link(&self) -> Option<Link> {
        if self.status.name == ANY { None } else { link::query(&self.status.name).ok() }
    }

    /// Opens the interface, on the thread that has the privilege.
    fn open_handle(&self, link: Option<Link>) -> Result<CaptureHandle, LiveError> {
        let (name, settings) = (self.status.name.clone(), self.settings.clone());
        self.opener.open(move || CaptureHandle::open(&name, &settings, link))
    }

    /// Fills a Block with the packets in the ring, and waits this long for the first one. The Block
    /// is empty if none came.
    pub(super) fn fill(&mut self, block: &mut Block, wait: Duration) {
        block.bytes.clear();
        block.frames.clear();
        if Instant::now() >= self.next_check {
            self.check();
        }
        let wait = wait.min(self.next_check.saturating_duration_since(Instant::now()));
        match &mut self.handle {
            None => thread::sleep(wait),
            Some(handle) => match handle.read(block, wait) {
                Ok(true) => (),
                Ok(false) => {
                    self.next_check = Instant::now();
                    thread::sleep(PAUSE_AFTER_ERROR);
                }
                Err(error) => {
                    self.close_soon(match self.query_link() {
                        Some(Link::Absent) => InterfaceChange::Vanished,
                        Some(Link::Present { is_up: false, .. }) => InterfaceChange::Down,
                        _ => InterfaceChange::Failed(libpcap::message(&error)),
                    });
                    thread::sleep(PAUSE_AFTER_ERROR);
                }
            },
        }
        self.count(block);
    }

    /// Has the kernel leave out packets that cannot matter, if the settings want this. Does nothing
    /// if the same was looked for before.
    pub(super) fn look_for(&mut self, indicators: &Arc<IndicatorSet>, learned: &LearnedAddresses) {
        if self.settings.leaves_out && self.settings.filter.is_none() && self.left_out.look_for(indicators, learned) {
            self.leave_out();
        }
    }

    /// Attaches the present program to the present handle.
    fn leave_out(&mut self) {
        // The counts so far were made without a program, or with the one before.
        self.count_drops();
        self.count_left_out(self.query_link());
        if let Some(handle) = self.handle.as_ref().filter(|handle| handle.can_leave_out())
            && let Some(addresses) = self.left_out.addresses()
        {
            self.left_out.is_attached = handle.leave_out(addresses);
        }
    }

    fn count(&self, block: &Block) {
        if block.frames.is_empty() {
            return;
        }
        let cut = block.frames.iter().filter(|frame| frame.captured < frame.original).count();
        self.status.packets.fetch_add(block.frames.len() as u64, Ordering::Relaxed);
        self.status.bytes.fetch_add(block.bytes.len() as u64, Ordering::Relaxed);
        self.status.cut.fetch_add(cut as u64, Ordering::Relaxed);
    }

    /// Updates the drop counters and checks the state of the link.
    fn check(&mut self) {
        self.next_check = Instant::now() + CHECK_INTERVAL;
        self.count_drops();
        let link = self.query_link();
        self.count_left_out(link);
        self.apply_link(link);
        if self.is_lost {
            self.next_check = Instant::now() + self.pause;
            self.pause = (self.pause * 2).min(MAX_PAUSE);
        }
    }

    /// Reports a loss, or reopens the interface, depending on the state of the link.
    fn apply_link(&mut self, link: Option<Link>) {
        // Another index means that the interface vanished and another one has its name.
        let index = |link: &Link| match link {
            Link::Present { index, .. } => Some(*index),
            Link::Absent => None,
        };
        if let (Some(handle), Some(link)) = (&self.handle, &link)
            && handle.index != index(link)
        {
            self.close_soon(InterfaceChange::Vanished);
        }
        if let Some(close_at) = self.close_at {
            if Instant::now() < close_at {
                return;
            }
            self.close();
        }
        let Some(Link::Present { is_up, is_running, .. }) = link else {
            if link == Some(Link::Absent) {
                return self.report_loss(InterfaceChange::Vanished);
            }
            return self.reopen(link);
        };
        if !is_up {
            // The kernel keeps the capture and continues it when the interface is up again, so the
            // handle stays open.
            return self.report_loss(InterfaceChange::Down);
        }
        if !is_running {
            self.report_loss(InterfaceChange::NoCarrier);
        }
        if is_running || self.handle.is_none() {
            self.reopen(link);
        }
    }

    /// Opens the interface if it is not open, and reports its return if it was lost.
    fn reopen(&mut self, link: Option<Link>) {
        if self.handle.is_none() {
            match self.open_handle(link) {
                Ok(handle) => {
                    self.handle = Some(handle);
                    self.left_out.restart();
                    self.leave_out();
                }
                Err(LiveError::Open { reason, .. } | LiveError::Filter { reason, .. }) => {
                    return self.report_loss(InterfaceChange::Failed(reason));
                }
                Err(error) => return self.report_loss(InterfaceChange::Failed(error.to_string())),
            }
        }
        if matches!(link, Some(Link::Present { is_running: false, .. })) {
            return;
        }
        if self.is_lost {
            self.is_lost = false;
            self.pause = FIRST_PAUSE;
            self.status.is_up.store(true, Ordering::Relaxed);
            self.report(InterfaceChange::Back);
        }
    }

    /// Reports a loss, and leaves the kernel some time to hand on the packets that it holds back.
    fn close_soon(&mut self, change: InterfaceChange) {
        self.close_at.get_or_insert_with(|| Instant::now() + RING_BLOCK_TIMEOUT * 2);
        self.report_loss(change);
    }

    /// Reports a loss, once until the interface is back.
    fn report_loss(&mut self, change: InterfaceChange) {
        if !self.is_lost {
            self.is_lost = true;
            self.status.is_up.store(false, Ordering::Relaxed);
            self.status.lost.fetch_add(1, Ordering::Relaxed);
            self.report(change);
            self.next_check = Instant::now() + self.pause;
        }
    }

    fn report(&self, change: InterfaceChange) {
        // If too many events are waiting, only the counter shows this one.
        let _ = self.events.try_send(InterfaceEvent { interface: self.status.name.clone(), change });
    }

    /// Adds the drops that libpcap counted since the last call.
    fn count_drops(&mut self) {
        let Some(counts) = self.handle.as_mut().and_then(CaptureHandle::take_new_counts) else { return };
        self.left_out.received += counts.received;
        self.status.kernel_dropped.fetch_add(counts.kernel, Ordering::Relaxed);
        self.status.interface_dropped.fetch_add(counts.interface, Ordering::Relaxed);
    }

    /// Adds the packets that the kernel filter left out since the last call. Must follow
    /// [`count_drops`](Self::count_drops).
    fn count_left_out(&mut self, link: Option<Link>) {
        if let Some(Link::Present { packets: Some(packets), .. }) = link {
            let new = self.left_out.new_packets(packets, self.settings.direction);
            self.status.kernel_filtered.fetch_add(new, Ordering::Relaxed);
        }
    }

    /// Updates the counters a last time and closes the handle.
    pub(super) fn close(&mut self) {
        self.count_drops();
        self.count_left_out(self.query_link());
        self.handle = None;
        self.close_at = None;
    }
}
