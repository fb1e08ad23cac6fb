//! Conversations that matter: both directions of a flow that touched an indicator.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::address_match::Match;
use crate::alert::{Alert, TcpOutcome, Verdict, WindowId};
use crate::capture::Origin;
use crate::decode::{Encapsulation, Tcp};
use crate::flow::{End, Flow, Mac, Protocol, Vlans};
use crate::scan::Finding;
use crate::units::{ByteCount, Timestamp};

/// How many conversations are kept. Each needs some three hundred bytes; past this number the one that was silent longest
/// is forgotten, and if it speaks again it counts as a new one.
const MOST_CONVERSATIONS: usize = 32_768;

/// How long a TCP conversation that is open may be silent: what address translators must allow it (RFC 5382, REQ-5).
const OPEN_TCP_SILENCE: Duration = Duration::from_secs(2 * 3600 + 4 * 60);
/// How long a TCP conversation may be silent that nobody answered, or that is over (RFC 5382, REQ-5).
const OTHER_TCP_SILENCE: Duration = Duration::from_secs(4 * 60);
/// How long any other conversation may be silent (RFC 4787, REQ-5).
const DATAGRAM_SILENCE: Duration = Duration::from_secs(5 * 60);

/// One conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) client: End,
    pub(super) server: End,
    pub(super) protocol: Protocol,
    pub(super) client_mac: Option<Mac>,
    pub(super) server_mac: Option<Mac>,
    /// Of its first frame.
    pub(super) vlans: Vlans,
    /// What its first packet lay in.
    pub(super) outer: Option<Box<[Encapsulation]>>,
    pub(super) origin: Arc<Origin>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) sent: Volume,
    pub(super) received: Volume,
    pub(super) tcp_outcome: Option<TcpOutcome>,
    /// The strongest statement so far.
    pub(super) matched: Match,
    /// Where its traffic is added up.
    pub(super) window: Option<WindowId>,
    /// What the exclusions say of it.
    pub(super) judged: Judged,
    /// The sequence number of the client's SYN, if it was seen.
    opened_with: Option<u32>,
    client_ended: bool,
    server_ended: bool,
    was_reset: bool,
}

/// What the exclusions said of a conversation, and of what time that was. A conversation may outlive a schedule, so it is judged
/// anew as it goes on: at most once a second, since schedules and rules change on whole seconds.
#[derive(Debug, Default)]
pub(super) struct Judged {
    verdict: Option<Verdict>,
    second: i64,
}

impl Judged {
    pub(super) fn new(verdict: Option<Verdict>, at: Timestamp) -> Self {
        Self { verdict, second: at.millis().div_euclid(1000) }
    }

    /// Whether it is to be judged anew, for a packet of this time.
    pub(super) fn is_due(&self, at: Timestamp, has_rules: bool) -> bool {
        (has_rules || self.verdict.is_some()) && self.second != at.millis().div_euclid(1000)
    }

    /// Whether what is said now is what was said then.
    pub(super) fn says(&self, verdict: Option<&Verdict>) -> bool {
        self.verdict.as_ref().map(Verdict::key) == verdict.map(Verdict::key)
    }

    pub(super) fn put_on(&self, mut alert: Alert) -> Alert {
        if let Some(verdict) = self.verdict.clone() {
            alert.set_exclusion(verdict);
        }
        alert
    }
}

/// Packets and IP bytes of one direction.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Volume {
    pub(super) packets: u64,
    pub(super) bytes: ByteCount,
}

impl Conversation {
    /// A conversation whose first packet is this one. `client_sent` says which side is the client.
    pub(super) fn new(finding: &Finding, origin: Arc<Origin>, matched: Match, client_sent: bool) -> Self {
        let (from, to) = (finding.flow.source, finding.flow.destination);
        let (from_mac, to_mac) = finding.macs.unzip();
        let (client, server) = if client_sent { (from, to) } else { (to, from) };
        let (client_mac, server_mac) = if client_sent { (from_mac, to_mac) } else { (to_mac, from_mac) };
        Self {
            client,
            server,
            protocol: finding.flow.protocol,
            client_mac,
            server_mac,
            vlans: finding.vlans.clone(),
            outer: finding.outer.clone(),
            origin,
            first: finding.time,
            last: finding.time,
            sent: Volume::default(),
            received: Volume::default(),
            tcp_outcome: None,
            matched,
            window: None,
            judged: Judged::default(),
            opened_with: None,
            client_ended: false,
            server_ended: false,
            was_reset: false,
        }
    }

    /// Adds a packet. Returns its bytes as (client to server, server to client).
    pub(super) fn add(&mut self, finding: &Finding) -> (ByteCount, ByteCount) {
        self.first = self.first.min(finding.time);
        self.last = self.last.max(finding.time);
        let from_client = finding.flow.source == self.client;
        if let Some(tcp) = finding.tcp {
            self.follow(tcp, from_client);
        }
        let bytes = ByteCount(finding.length.into());
        let volume = if from_client { &mut self.sent } else { &mut self.received };
        volume.packets += 1;
        volume.bytes += bytes;
        if from_client { (bytes, ByteCount(0)) } else { (ByteCount(0), bytes) }
    }

    fn follow(&mut self, tcp: Tcp, from_client: bool) {
        if from_client && tcp.opens() {
            self.opened_with.get_or_insert(tcp.sequence);
        }
        if tcp.ends() {
            let ended = if from_client { &mut self.client_ended } else { &mut self.server_ended };
            *ended = true;
        }
        self.was_reset |= tcp.resets();
        let seen = match (tcp.opens(), tcp.resets(), from_client) {
            (true, ..) | (_, true, true) => TcpOutcome::Attempted,
            (_, true, false) => TcpOutcome::Refused,
            _ => TcpOutcome::Established,
        };
        self.tcp_outcome = self.tcp_outcome.max(Some(seen));
    }

    fn is_over(&self) -> bool {
        self.was_reset || (self.client_ended && self.server_ended)
    }

    /// How long it may be silent before what comes next is another conversation.
    pub(super) fn silence(&self) -> Duration {
        match self.tcp_outcome {
            _ if self.protocol != Protocol::TCP => DATAGRAM_SILENCE,
            Some(TcpOutcome::Established) | None if !self.is_over() => OPEN_TCP_SILENCE,
            _ => OTHER_TCP_SILENCE,
        }
    }

    /// Whether a packet of the same flow belongs to another conversation than this one.
    fn is_succeeded_by(&self, finding: &Finding) -> bool {
        // A repeated SYN has the sequence number of the first, also after a reset.
        let opens_anew = finding.tcp.is_some_and(|tcp| tcp.opens() && self.opened_with != Some(tcp.sequence));
        finding.time.since(self.last) > self.silence() || opens_anew
    }
}

/// The table of conversations.
#[derive(Debug, Default)]
pub(super) struct Conversations {
    table: HashMap<Flow, Conversation, RandomState>,
    /// Each conversation once, with the time of its last packet when it was put here. One that spoke since goes to the
    /// back when its turn comes.
    queue: VecDeque<(Flow, Timestamp)>,
    forgotten: u64,
}

impl Conversations {
    /// How many were forgotten for want of room.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Whether whatever is said now belongs to none of them.
    pub(super) fn have_ended(&self, now: Timestamp) -> bool {
        self.table.values().all(|conversation| now.since(conversation.last) > conversation.silence())
    }

    /// The conversation that a packet belongs to, if it is known.
    pub(super) fn find(&mut self, finding: &Finding) -> Option<&mut Conversation> {
        self.table.get_mut(&finding.flow.either_way()).filter(|conversation| !conversation.is_succeeded_by(finding))
    }

    /// Adds a conversation, in place of the one before it on the same flow, if any.
    pub(super) fn insert(&mut self, flow: Flow, conversation: Conversation) -> &mut Conversation {
        let key = flow.either_way();
        if !self.table.contains_key(&key) {
            while self.table.len() >= MOST_CONVERSATIONS {
                if self.forget_longest_silent().is_none() {
                    break;
                }
                self.forgotten += 1;
            }
            self.queue.push_back((key, conversation.last));
        }
        match self.table.entry(key) {
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                entry.insert(conversation);
                entry.into_mut()
            }
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(conversation),
        }
    }

    /// Forgets conversations that were silent for longer than any may be.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some((_, queued)) = self.queue.front()
            && now.since(*queued) > OPEN_TCP_SILENCE
        {
            let Some((flow, queued)) = self.queue.pop_front() else { return };
            match self.table.get(&flow) {
                Some(conversation) if conversation.last > queued => self.queue.push_back((flow, conversation.last)),
                Some(_) => {
                    self.table.remove(&flow);
                }
                None => {}
            }
        }
    }

    fn forget_longest_silent(&mut self) -> Option<()> {
        loop {
            let (flow, queued) = self.queue.pop_front()?;
            match self.table.get(&flow) {
                Some(conversation) if conversation.last > queued => self.queue.push_back((flow, conversation.last)),
                Some(_) => {
                    self.table.remove(&flow);
                    return Some(());
                }
                None => {}
            }
        }
    }
}
