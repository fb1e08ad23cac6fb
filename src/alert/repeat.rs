//! Repeats: one line for the first sighting, one for all that follows within a window.
//!
//! What a SOC pays for is lines. A *sighting* is one conversation or DNS message that matched. The first sighting of a
//! signature, client, indicator and listed address is told at once; what follows is added up, and told as an update when the window
//! closes, if there is anything to tell. While there is, the next window opens where the last one closed; after a window
//! in which nothing came all is forgotten, and the next sighting is a first one again.
//!
//! Every line says what came since the line before it. So sums over lines are the truth, whatever the window.
//!
//! What the exclusions say of a sighting is part of what belongs together. So what one suppresses goes its own way, by the same rules,
//! into the audit file, and sums over the lines of both are the truth too.
//!
//! A window of zero means each conversation by itself: its first packet gives a line, the rest of it another when it has
//! been silent for as long as its protocol allows. DNS messages then are told one by one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::beacon::Beats;
use super::evidence::{Evidence, Waiting};
use super::exclusion::Standing;
use super::{Alert, Indicator, MatchBasis, Phase, Signature, TcpOutcome};
use crate::capture::Packets;
use crate::decode::Encapsulation;
use crate::flow::{Endpoint, Flow};
use crate::units::{ByteCount, Timestamp};

/// The window unless told otherwise: six lines an hour for a beacon that never stops.
pub const REPEAT_WINDOW: Duration = Duration::from_secs(600);

/// How many windows are open at a time. Each needs some two kilobytes; a sensor whose whole /16 contacts one indicator
/// closes the oldest early, which costs a line and no truth.
const MOST_WINDOWS: usize = 8192;

/// How many times to close are kept before those of windows that are gone are thrown out: often enough to bound them,
/// seldom enough to cost nothing.
const MOST_DUE: usize = 4 * MOST_WINDOWS;

/// How many addresses an update gathers from all answers of its window; more do not fit into a line.
const MOST_ADDRESSES: usize = 64;

/// What a packet adds to a conversation that was sighted before.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// When the conversation began.
    pub start: Timestamp,
    /// When the packet came.
    pub time: Timestamp,
    /// Its IP bytes, if it went from client to server.
    pub sent: ByteCount,
    /// Its IP bytes, if it went from server to client.
    pub received: ByteCount,
    /// Its number.
    pub packets: Option<Packets>,
    /// What has become of the conversation.
    pub tcp_outcome: Option<TcpOutcome>,
}

/// A window's place in [`Repeats`]; none is ever used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowId(u64);

/// What belongs together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    signature: Signature,
    client: IpAddr,
    /// What is listed; where nothing is, who was spoken to.
    subject: Subject,
    /// The listed end's address: of a range, or of a domain's addresses, each is told.
    listed: Option<IpAddr>,
    /// What the exclusions say: a sighting that one suppresses must not be taken for a repeat of one that is told, nor the other way
    /// round.
    exclusion: Option<(Arc<str>, Standing)>,
    /// Where each conversation is by itself.
    conversation: Option<Flow>,
}

#[derive(Debug, Clone)]
enum Subject {
    Indicator(Arc<Indicator>),
    Server(Endpoint),
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Indicator(one), Self::Indicator(other)) => one.pattern == other.pattern,
            (Self::Server(one), Self::Server(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Subject {}

impl Hash for Subject {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Indicator(indicator) => indicator.pattern.hash(state),
            Self::Server(server) => server.hash(state),
        }
    }
}

struct Window {
    key: Key,
    /// The latest sighting: whose ends, ports and words an update gives.
    latest: Alert,
    since: Since,
    /// When the sightings came.
    beats: Beats,
    closes: Timestamp,
}

/// What came since the line before.
#[derive(Default)]
struct Since {
    /// First packet of the first new sighting.
    seen: Option<Timestamp>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    sent: ByteCount,
    received: ByteCount,
    sightings: u64,
    packets: u64,
    numbers: Option<Packets>,
    tcp_outcome: Option<TcpOutcome>,
    /// The conversations, where evidence is kept.
    waiting: Waiting,
}

/// The open windows.
pub struct Repeats {
    window: Duration,
    windows: HashMap<WindowId, Window, RandomState>,
    by_key: HashMap<Key, WindowId, RandomState>,
    /// When each window closes at the earliest; a window that was prolonged since is put back when its turn comes.
    due: BinaryHeap<Reverse<(Timestamp, WindowId)>>,
    next: u64,
    closed_early: u64,
    /// What the lines tell of, where that is kept.
    evidence: Option<Evidence>,
}

impl Repeats {
    /// No windows, of this length each.
    pub fn new(window: Duration) -> Self {
        Self {
            window,
            windows: HashMap::default(),
            by_key: HashMap::default(),
            due: BinaryHeap::new(),
            next: 0,
            closed_early: 0,
            evidence: None,
        }
    }

    /// Keeps which conversations the lines tell of, from now on.
    pub fn keep_evidence(&mut self) {
        self.evidence = Some(Evidence::default());
    }

    /// What was kept, and no more from now on.
    pub fn take_evidence(&mut self) -> Option<Evidence> {
        self.evidence.take()
    }

    /// A sighting lay in tunnels.
    pub fn lay_in(&mut self, alert: &Alert, outer: Option<&[Encapsulation]>) {
        if let Some((evidence, outer)) = self.evidence.as_mut().zip(outer).filter(|_| !alert.is_suppressed()) {
            evidence.lay_in(alert.flow(), outer);
        }
    }

    /// Whether no window is open.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// How many windows were closed before their time for want of room.
    pub fn closed_early(&self) -> u64 {
        self.closed_early
    }

    /// A sighting: `alert` says all of it as if it were to be a first line. `conversation` is what it lies in and how long
    /// that may be silent, where more of it may follow.
    ///
    /// Emits the first line if it is the first, else keeps it for the update. Returns the window that
    /// [`Repeats::traffic`] of the same conversation belongs to, if any. `continues` says that the same conversation was sighted
    /// before, by an earlier request in it.
    pub fn sighting(
        &mut self,
        alert: Alert,
        conversation: Option<(Flow, Duration)>,
        continues: bool,
        emit: &mut dyn FnMut(Alert),
    ) -> Option<WindowId> {
        let key = self.key(&alert, conversation);
        if self.window.is_zero() && !continues {
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
            if let Some((_, silence)) = conversation.filter(|_| self.window.is_zero()) {
                window.closes = window.closes.max(alert.end + silence);
            }
            window.wait(&mut self.evidence, alert.flow(), alert.seen);
            window.add_sighting(alert);
            return Some(id);
        }
        let closes = alert.end + self.length(conversation);
        let beats = Beats::after(alert.seen);
        self.emit_first(alert.clone(), emit);
        Some(self.open(key, alert, beats, closes, emit))
    }

    /// A further packet of a conversation that was sighted before. `alert` builds its sighting anew, for the case that its
    /// window is gone: a conversation may outlive a silent window.
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
                        let closes = traffic.time + self.length(Some(conversation));
                        self.open(key, alert, Beats::default(), closes, emit)
                    }
                }
            }
        };
        if let Some(window) = self.windows.get_mut(&id) {
            window.wait(&mut self.evidence, conversation.0, traffic.time);
            window.since.add(&traffic);
            if self.window.is_zero() {
                window.closes = window.closes.max(traffic.time + conversation.1);
            }
        }
        Some(id)
    }

    /// Says the latest sighting of a window in other words, where more was learned of it.
    pub fn reword(&mut self, id: Option<WindowId>, message: String) {
        if let Some(window) = id.and_then(|id| self.windows.get_mut(&id)) {
            window.latest.message = message;
        }
    }

    /// Closes every window whose time has come.
    pub fn close_due(&mut self, now: Timestamp, emit: &mut dyn FnMut(Alert)) {
        while let Some(&Reverse((due, id))) = self.due.peek()
            && due <= now
        {
            self.due.pop();
            let Some(window) = self.windows.get_mut(&id) else { continue };
            if window.closes > due {
                self.due.push(Reverse((window.closes, id)));
                continue;
            }
            match window.take_update(&mut self.evidence) {
                Some(update) if !self.window.is_zero() => {
                    emit(update);
                    window.closes = due + self.window;
                    self.due.push(Reverse((window.closes, id)));
                }
                Some(update) => {
                    emit(update);
                    self.forget(id);
                }
                None => self.forget(id),
            }
        }
    }

    /// Closes all windows, in the order in which they were opened.
    pub fn close_all(&mut self, emit: &mut dyn FnMut(Alert)) {
        let mut ids: Vec<_> = self.windows.keys().copied().collect();
        ids.sort_unstable();
        ids.into_iter().for_each(|id| self.close(id, emit));
    }

    fn key(&self, alert: &Alert, conversation: Option<(Flow, Duration)>) -> Key {
        Key {
            signature: alert.signature,
            client: alert.client.address,
            subject: match &alert.indicator {
                Some(indicator) => Subject::Indicator(indicator.clone()),
                None => Subject::Server(alert.server),
            },
            listed: alert.listed,
            exclusion: alert.exclusion.as_ref().map(|verdict| (verdict.rule.clone(), verdict.standing)),
            conversation: conversation.map(|(flow, _)| flow).filter(|_| self.window.is_zero()),
        }
    }

    fn length(&self, conversation: Option<(Flow, Duration)>) -> Duration {
        conversation.map(|(_, silence)| silence).filter(|_| self.window.is_zero()).unwrap_or(self.window)
    }

    fn open(
        &mut self,
        key: Key,
        latest: Alert,
        beats: Beats,
        closes: Timestamp,
        emit: &mut dyn FnMut(Alert),
    ) -> WindowId {
        while self.windows.len() >= MOST_WINDOWS
            && let Some(Reverse((_, oldest))) = self.due.pop()
        {
            self.closed_early += u64::from(self.windows.contains_key(&oldest));
            self.close(oldest, emit);
        }
        if self.due.len() >= MOST_DUE {
            let windows = &self.windows;
            self.due.retain(|Reverse((_, id))| windows.contains_key(id));
        }
        let id = WindowId(self.next);
        self.next += 1;
        self.by_key.insert(key.clone(), id);
        self.windows.insert(id, Window { key, latest, since: Since::default(), beats, closes });
        self.due.push(Reverse((closes, id)));
        id
    }

    fn close(&mut self, id: WindowId, emit: &mut dyn FnMut(Alert)) {
        let Self { windows, evidence, .. } = self;
        if let Some(update) = windows.get_mut(&id).and_then(|window| window.take_update(evidence)) {
            emit(update);
        }
        self.forget(id);
    }

    fn emit_first(&mut self, alert: Alert, emit: &mut dyn FnMut(Alert)) {
        let line = first_line(alert);
        if let Some(evidence) = self.evidence.as_mut().filter(|_| !line.is_suppressed()) {
            evidence.first(&line);
        }
        emit(line);
    }

    fn forget(&mut self, id: WindowId) {
        if let Some(window) = self.windows.remove(&id) {
            self.by_key.remove(&window.key);
        }
    }
}

impl Since {
    fn add(&mut self, traffic: &Traffic) {
        self.start = earlier(self.start, traffic.start);
        self.end = self.end.max(Some(traffic.time));
        self.sent += traffic.sent;
        self.received += traffic.received;
        self.packets += 1;
        self.numbers = Packets::joined(self.numbers, traffic.packets);
        self.tcp_outcome = self.tcp_outcome.max(traffic.tcp_outcome);
    }
}

impl Window {
    /// The next line is to tell of a conversation.
    fn wait(&mut self, evidence: &mut Option<Evidence>, flow: Flow, seen: Timestamp) {
        if let Some(evidence) = evidence.as_mut().filter(|_| !self.latest.is_suppressed()) {
            evidence.wait(&mut self.since.waiting, flow, seen);
        }
    }

    fn add_sighting(&mut self, mut alert: Alert) {
        self.beats.note(alert.seen);
        let since = &mut self.since;
        since.seen = since.seen.or(Some(alert.seen));
        since.start = earlier(since.start, alert.start);
        since.end = since.end.max(Some(alert.end));
        since.sent += alert.sent;
        since.received += alert.received;
        since.packets += 1;
        since.numbers = Packets::joined(since.numbers, alert.packets);
        since.tcp_outcome = since.tcp_outcome.max(alert.tcp_outcome);
        // The addresses of all answers since the line before; after the first one these are only those of `latest`.
        if since.sightings > 0
            && let (Some(before), Some(now)) = (&self.latest.dns, &mut alert.dns)
        {
            for address in &before.addresses {
                if now.addresses.len() >= MOST_ADDRESSES {
                    break;
                }
                if !now.addresses.contains(address) {
                    now.addresses.push(*address);
                }
            }
        }
        since.sightings += 1;
        self.latest = alert;
    }

    /// The update, if anything came since the line before.
    fn take_update(&mut self, evidence: &mut Option<Evidence>) -> Option<Alert> {
        let mut since = std::mem::take(&mut self.since);
        let waiting = std::mem::take(&mut since.waiting);
        let end = since.end?;
        let latest = &self.latest;
        let seen = since.seen.unwrap_or(latest.seen);
        let (rhythm, times) = self.beats.take();
        // Requests are timed, not connections.
        let rhythm = rhythm.filter(|_| matches!(latest.basis, MatchBasis::ToolRequest(_)));
        let rhythm = rhythm.map(|rhythm| rhythm.to_string()).unwrap_or_default();
        let mut alert = Alert {
            phase: Phase::Update,
            seen,
            start: since.start.unwrap_or(seen),
            end,
            sent: since.sent,
            received: since.received,
            count: since.sightings,
            tcp_outcome: since.tcp_outcome.or(latest.tcp_outcome),
            message: format!("{}; since the line before: {}{}", latest.message, what_came(&since), rhythm),
            packets: since.numbers,
            times,
            ..latest.clone()
        };
        alert.id = id_of(&alert);
        if let Some(evidence) = evidence {
            evidence.update(waiting, &alert);
        }
        Some(alert)
    }
}

fn earlier(known: Option<Timestamp>, time: Timestamp) -> Option<Timestamp> {
    Some(known.map_or(time, |known| known.min(time)))
}

fn what_came(since: &Since) -> String {
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    let packets = format!("{} packet{}", since.packets, plural(since.packets));
    match since.sightings {
        0 => packets,
        count => format!("{count} sighting{}, {packets}", plural(count)),
    }
}

fn first_line(mut alert: Alert) -> Alert {
    alert.phase = Phase::First;
    alert.count = 1;
    alert.times = vec![alert.seen];
    alert.id = id_of(&alert);
    alert
}

/// FNV-1a with 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>): the same number in every build, unlike the
/// hashes of the tables.
fn id_of(alert: &Alert) -> u64 {
    // One packet may hold several messages, which differ in nothing else.
    let (name, query_type) = match &alert.dns {
        Some(dns) => (dns.name.as_slice(), dns.query_type.map_or(0, |query_type| query_type.0)),
        None => (&[][..], 0),
    };
    let text = format!(
        "{}|{}|{}|{}|{}|{}|{}|{}|{query_type}|",
        alert.signature.id(),
        alert.indicator.as_ref().map(|indicator| indicator.pattern.to_string()).unwrap_or_default(),
        alert.client,
        alert.server,
        alert.protocol.0,
        alert.seen.nanos(),
        alert.end.nanos(),
        alert.phase.token(),
    );
    text.bytes()
        .chain(name.iter().copied())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
