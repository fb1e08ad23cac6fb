//! All open repeat windows.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use foldhash::fast::RandomState;

use super::alert_id::alert_id;
use super::key::RepeatKey;
use super::window::{Traffic, Window};
use crate::alert::beacon::SightingTimes;
use crate::alert::{Alert, Evidence, Phase};
use crate::decode::Encapsulation;
use crate::flow::Flow;
use crate::units::Timestamp;

/// The default length of a window: six alerts an hour for a beacon that never stops.
pub const REPEAT_WINDOW: Duration = Duration::from_secs(600);

/// The maximum number of open windows, which take some two kilobytes each. If a whole /16 contacts
/// one indicator, the oldest windows are closed early. That costs further alerts, but sums over
/// alerts stay exact.
pub(super) const MAX_WINDOWS: usize = 8192;

/// The maximum number of closing times before those of closed windows are removed: low enough to
/// bound the memory, high enough to make the cost negligible.
const MAX_CLOSING_TIMES: usize = 4 * MAX_WINDOWS;

/// The number of a window. No number is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowId(u64);

/// The open repeat windows.
pub struct RepeatWindows {
    length: Duration,
    pub(super) windows: HashMap<WindowId, Window, RandomState>,
    pub(super) by_key: HashMap<RepeatKey, WindowId, RandomState>,
    /// The earliest closing time of each window. A window that was extended since is put back when
    /// its turn comes.
    closing_times: BinaryHeap<Reverse<(Timestamp, WindowId)>>,
    next_id: u64,
    closed_early: u64,
    /// The conversations behind the alerts, if they are collected.
    evidence: Option<Evidence>,
}

impl RepeatWindows {
    /// No windows yet; each will have this length.
    pub fn new(length: Duration) -> Self {
        Self {
            length,
            windows: HashMap::default(),
            by_key: HashMap::default(),
            closing_times: BinaryHeap::new(),
            next_id: 0,
            closed_early: 0,
            evidence: None,
        }
    }

    /// Collects the conversations behind the alerts from now on.
    pub fn keep_evidence(&mut self) {
        self.evidence = Some(Evidence::default());
    }

    /// Takes the collected conversations and stops collecting.
    pub fn take_evidence(&mut self) -> Option<Evidence> {
        self.evidence.take()
    }

    /// Adds the tunnels around a sighting to the evidence.
    pub fn note_tunnels(&mut self, alert: &Alert, outer: Option<&[Encapsulation]>) {
        if let Some((evidence, outer)) = self.evidence.as_mut().zip(outer).filter(|_| !alert.is_suppressed()) {
            evidence.note_tunnels(alert.flow(), outer);
        }
    }

    /// Returns true if no window is open.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// The number of windows that were closed early because of the maximum.
    pub fn closed_early(&self) -> u64 {
        self.closed_early
    }

    /// Handles a sighting. `alert` is complete as a first alert. `conversation` is its flow and the
    /// timeout of its protocol, if more packets of the conversation may follow. `continues` is true
    /// if an earlier request in the same conversation was sighted.
    ///
    /// Emits `alert` if it is the first one of its key, else accumulates it for the update. Returns
    /// the window to pass to [`RepeatWindows::traffic`] for the same conversation.
    pub fn sighting(
        &mut self,
        alert: Alert,
        conversation: Option<(Flow, Duration)>,
        continues: bool,
        emit: &mut dyn FnMut(Alert),
    ) -> Option<WindowId> {
        let key = self.key(&alert, conversation);
        if self.length.is_zero() && !continues {
            if let Some(known) = self.by_key.get(&key) {
                self.close(*known, emit);
            }
            if conversation.is_none() {
                self.emit_first(alert, emit);
                return None;
            }
        } else if let Some(&id) = self.by_key.get(&key)
            && let Some(window) = self.windows.get_mut(&id)
        {
            if let Some((_, timeout)) = conversation.filter(|_| self.length.is_zero()) {
                window.closes = window.closes.max(alert.end + timeout);
            }
            window.add_flow(&mut self.evidence, alert.flow(), alert.seen);
            window.add_sighting(alert);
            return Some(id);
        }
        let closes = alert.end + self.length_for(conversation);
        let times = SightingTimes::after(alert.seen);
        self.emit_first(alert.clone(), emit);
        Some(self.open(Window::new(key, alert, times, closes), emit))
    }

    /// Handles a further packet of a conversation that was sighted before. `alert` builds the
    /// sighting again in case its window is closed: a conversation may be silent for longer than a
    /// window.
    pub fn traffic(
        &mut self,
        id: Option<WindowId>,
        traffic: Traffic,
        conversation: (Flow, Duration),
        alert: impl FnOnce() -> Alert,
        emit: &mut dyn FnMut(Alert),
    ) -> Option<WindowId> {
        let id = match id.filter(|id| self.windows.contains_key(id)) {
            Some(id) => id,
            None => {
                let alert = alert();
                let key = self.key(&alert, Some(conversation));
                match self.by_key.get(&key) {
                    Some(id) => *id,
                    None => {
                        let closes = traffic.time + self.length_for(Some(conversation));
                        self.open(Window::new(key, alert, SightingTimes::default(), closes), emit)
                    }
                }
            }
        };
        let (flow, timeout) = conversation;
        if let Some(window) = self.windows.get_mut(&id) {
            window.add_flow(&mut self.evidence, flow, traffic.time);
            window.add_traffic(&traffic);
            if self.length.is_zero() {
                window.closes = window.closes.max(traffic.time + timeout);
            }
        }
        Some(id)
    }

    /// Replaces the message of a window's latest sighting, after more was learned about it.
    pub fn set_message(&mut self, id: Option<WindowId>, message: String) {
        if let Some(window) = id.and_then(|id| self.windows.get_mut(&id)) {
            window.latest.message = message;
        }
    }

    /// Closes every window that is due.
    pub fn close_due(&mut self, now: Timestamp, emit: &mut dyn FnMut(Alert)) {
        while let Some(&Reverse((due, id))) = self.closing_times.peek()
            && due <= now
        {
            self.closing_times.pop();
            let Some(window) = self.windows.get_mut(&id) else { continue };
            if window.closes > due {
                self.closing_times.push(Reverse((window.closes, id)));
                continue;
            }
            match window.take_update(&mut self.evidence) {
                Some(update) if !self.length.is_zero() => {
                    emit(update);
                    window.closes = due + self.length;
                    self.closing_times.push(Reverse((window.closes, id)));
                }
                Some(update) => {
                    emit(update);
                    self.remove(id);
                }
                None => self.remove(id),
            }
        }
    }

    /// Closes all windows, in the order in which they were opened.
    pub fn close_all(&mut self, emit: &mut dyn FnMut(Alert)) {
        let mut ids: Vec<_> = self.windows.keys().copied().collect();
        ids.sort_unstable();
        ids.into_iter().for_each(|id| self.close(id, emit));
    }

    fn key(&self, alert: &Alert, conversation: Option<(Flow, Duration)>) -> RepeatKey {
        RepeatKey::new(alert, conversation.map(|(flow, _)| flow).filter(|_| self.length.is_zero()))
    }

    /// The length of a window: the timeout of its conversation, if each conversation has its own
    /// window.
    fn length_for(&self, conversation: Option<(Flow, Duration)>) -> Duration {
        conversation.map(|(_, timeout)| timeout).filter(|_| self.length.is_zero()).unwrap_or(self.length)
    }

    fn open(&mut self, window: Window, emit: &mut dyn FnMut(Alert)) -> WindowId {
        while self.windows.len() >= MAX_WINDOWS
            && let Some(Reverse((_, oldest))) = self.closing_times.pop()
        {
            self.closed_early += u64::from(self.windows.contains_key(&oldest));
            self.close(oldest, emit);
        }
        if self.closing_times.len() >= MAX_CLOSING_TIMES {
            let windows = &self.windows;
            self.closing_times.retain(|Reverse((_, id))| windows.contains_key(id));
        }
        let id = WindowId(self.next_id);
        self.next_id += 1;
        self.by_key.insert(window.key.clone(), id);
        self.closing_times.push(Reverse((window.closes, id)));
        self.windows.insert(id, window);
        id
    }

    fn close(&mut self, id: WindowId, emit: &mut dyn FnMut(Alert)) {
        let Self { windows, evidence, .. } = self;
        if let Some(update) = windows.get_mut(&id).and_then(|window| window.take_update(evidence)) {
            emit(update);
        }
        self.remove(id);
    }

    fn emit_first(&mut self, alert: Alert, emit: &mut dyn FnMut(Alert)) {
        let mut alert = Alert { phase: Phase::First, count: 1, times: vec![alert.seen], ..alert };
        alert.id = alert_id(&alert);
        if let Some(evidence) = self.evidence.as_mut().filter(|_| !alert.is_suppressed()) {
            evidence.add_first(&alert);
        }
        emit(alert);
    }

    fn remove(&mut self, id: WindowId) {
        if let Some(window) = self.windows.remove(&id) {
            self.by_key.remove(&window.key);
        }
    }
}
