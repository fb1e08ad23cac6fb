//! Conversations: both directions of a flow that touched an indicator.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::contact_match::ContactMatch;
use super::packet_alert::{DirectedBytes, Roles, in_tunnels};
use crate::alert::{Alert, DnsFacts, Phase, TcpOutcome, Verdict, WindowId};
use crate::capture::{Origin, PacketRange};
use crate::decode::{Encapsulation, TcpHeader};
use crate::flow::{Endpoint, Flow, MacAddress, Protocol, Vlans};
use crate::scan::Finding;
use crate::units::Timestamp;

/// The most conversations. Each needs some three hundred bytes. Past this number the one that was
/// silent longest is forgotten, and its next packet begins a new one.
const MOST_CONVERSATIONS: usize = 32_768;

/// The longest silence of an open TCP conversation: as long as address translators must allow (RFC
/// 5382, REQ-5).
const OPEN_TCP_TIMEOUT: Duration = Duration::from_secs(2 * 3600 + 4 * 60);
/// The longest silence of a TCP conversation that nobody answered, or that is over (RFC 5382,
/// REQ-5).
const OTHER_TCP_TIMEOUT: Duration = Duration::from_secs(4 * 60);
/// The longest silence of any other conversation (RFC 4787, REQ-5).
const DATAGRAM_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// A conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
    pub(super) protocol: Protocol,
    pub(super) client_mac: Option<MacAddress>,
    pub(super) server_mac: Option<MacAddress>,
    /// The VLANs of its first frame.
    pub(super) vlans: Vlans,
    /// The tunnels around its first packet.
    pub(super) tunnels: Option<Box<[Encapsulation]>>,
    pub(super) origin: Arc<Origin>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) tcp_outcome: Option<TcpOutcome>,
    /// The strongest match so far.
    pub(super) matched: ContactMatch,
    /// The window that adds up its traffic.
    pub(super) window: Option<WindowId>,
    pub(super) verdict: DatedVerdict,
    /// The sequence number of the client's SYN, if it was seen.
    syn_sequence: Option<u32>,
    client_ended: bool,
    server_ended: bool,
    was_reset: bool,
}

/// The verdict of the exclusions on a conversation, and its time. A conversation may outlive a
/// schedule, so it is judged again while it lasts: at most once a second, since schedules and rules
/// change on whole seconds.
#[derive(Debug, Default)]
pub(super) struct DatedVerdict {
    verdict: Option<Verdict>,
    second: i64,
}

impl DatedVerdict {
    pub(super) fn new(verdict: Option<Verdict>, time: Timestamp) -> Self {
        Self { verdict, second: time.millis().div_euclid(1000) }
    }

    /// Returns true if the conversation has to be judged again, for a packet of this time.
    pub(super) fn is_outdated(&self, time: Timestamp, has_rules: bool) -> bool {
        (has_rules || self.verdict.is_some()) && self.second != time.millis().div_euclid(1000)
    }

    /// Returns true if another verdict says the same.
    pub(super) fn is_same(&self, verdict: Option<&Verdict>) -> bool {
        self.verdict.as_ref().map(Verdict::key) == verdict.map(Verdict::key)
    }

    pub(super) fn put_on(&self, mut alert: Alert) -> Alert {
        if let Some(verdict) = self.verdict.clone() {
            alert.set_exclusion(verdict);
        }
        alert
    }
}

impl Conversation {
    /// A conversation whose first packet is this one. `from_client` is true if the client sent it.
    pub(super) fn new(finding: &Finding, origin: Arc<Origin>, matched: ContactMatch, from_client: bool) -> Self {
        let (from_mac, to_mac) = finding.macs.unzip();
        let Roles { client, server } = Roles::new(&finding.flow, from_client);
        let (client_mac, server_mac) = if from_client { (from_mac, to_mac) } else { (to_mac, from_mac) };
        Self {
            client,
            server,
            protocol: finding.flow.protocol,
            client_mac,
            server_mac,
            vlans: finding.vlans.clone(),
            tunnels: finding.tunnels.clone(),
            origin,
            first: finding.time,
            last: finding.time,
            tcp_outcome: None,
            matched,
            window: None,
            verdict: DatedVerdict::default(),
            syn_sequence: None,
            client_ended: false,
            server_ended: false,
            was_reset: false,
        }
    }

    /// Adds a packet. Returns its bytes.
    pub(super) fn add(&mut self, finding: &Finding) -> DirectedBytes {
        self.first = self.first.min(finding.time);
        self.last = self.last.max(finding.time);
        let from_client = finding.flow.source == self.client;
        if let Some(tcp) = finding.tcp {
            self.follow(tcp, from_client);
        }
        DirectedBytes::new(finding.length, from_client)
    }

    /// The alert for the conversation, of which these bytes and packets are new.
    pub(super) fn alert(&self, DirectedBytes { sent, received }: DirectedBytes, packets: Option<PacketRange>) -> Alert {
        let Self { client, server, protocol, ref matched, .. } = *self;
        let name = matched.name.as_deref();
        Alert {
            signature: matched.signature,
            phase: Phase::First,
            severity: matched.severity(),
            id: 0,
            seen: self.first,
            start: self.first,
            end: self.last,
            client,
            server,
            listed: Some(matched.listed.address),
            protocol,
            client_ipv4: matched.embedded_in(client),
            server_ipv4: matched.embedded_in(server),
            client_mac: self.client_mac,
            server_mac: self.server_mac,
            client_identity: None,
            server_identity: None,
            vlans: self.vlans.clone(),
            application: None,
            outbound: false,
            sent,
            received,
            count: 1,
            tcp_outcome: self.tcp_outcome,
            dns: name.map(|name| DnsFacts { name: name.to_vec(), ..DnsFacts::default() }),
            server_name: None,
            http: None,
            indicator: Some(matched.indicator.clone()),
            basis: matched.basis,
            exclusion: None,
            origin: self.origin.clone(),
            packets,
            times: Vec::new(),
            message: matched.sentence(client, server, protocol) + &in_tunnels(self.tunnels.as_deref()),
        }
    }

    fn follow(&mut self, tcp: TcpHeader, from_client: bool) {
        if from_client && tcp.is_syn() {
            self.syn_sequence.get_or_insert(tcp.sequence);
        }
        if tcp.is_fin() {
            let ended = if from_client { &mut self.client_ended } else { &mut self.server_ended };
            *ended = true;
        }
        self.was_reset |= tcp.is_rst();
        let seen = match (tcp.is_syn(), tcp.is_rst(), from_client) {
            (true, ..) | (_, true, true) => TcpOutcome::Attempted,
            (_, true, false) => TcpOutcome::Refused,
            _ => TcpOutcome::Established,
        };
        self.tcp_outcome = self.tcp_outcome.max(Some(seen));
    }

    fn is_over(&self) -> bool {
        self.was_reset || (self.client_ended && self.server_ended)
    }

    /// The longest silence after which its next packet still belongs to it.
    pub(super) fn timeout(&self) -> Duration {
        match self.tcp_outcome {
            _ if self.protocol != Protocol::TCP => DATAGRAM_TIMEOUT,
            Some(TcpOutcome::Established) | None if !self.is_over() => OPEN_TCP_TIMEOUT,
            _ => OTHER_TCP_TIMEOUT,
        }
    }

    /// Returns true if a packet of the same flow belongs to another conversation.
    fn is_succeeded_by(&self, finding: &Finding) -> bool {
        // A retransmitted SYN has the same sequence number, also after a reset.
        let is_new_syn = finding.tcp.is_some_and(|tcp| tcp.is_syn() && self.syn_sequence != Some(tcp.sequence));
        finding.time.since(self.last) > self.timeout() || is_new_syn
    }
}

/// The table of conversations.
#[derive(Debug, Default)]
pub(super) struct Conversations {
    table: HashMap<Flow, Conversation, RandomState>,
    /// Each conversation once, with the time of its last packet when it was put here. One with a
    /// later packet goes to the back when its turn comes.
    queue: VecDeque<(Flow, Timestamp)>,
    forgotten: u64,
}

impl Conversations {
    /// The number of conversations that were forgotten because there were too many.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Returns true if no packet of this time belongs to any of them.
    pub(super) fn have_ended(&self, now: Timestamp) -> bool {
        self.table.values().all(|conversation| now.since(conversation.last) > conversation.timeout())
    }

    /// The conversation that a packet belongs to.
    pub(super) fn find(&mut self, finding: &Finding) -> Option<&mut Conversation> {
        self.table.get_mut(&finding.flow.canonical()).filter(|conversation| !conversation.is_succeeded_by(finding))
    }

    /// Adds a conversation. It replaces an earlier one of the same flow.
    pub(super) fn insert(&mut self, flow: Flow, conversation: Conversation) -> &mut Conversation {
        let key = flow.canonical();
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

    /// Forgets conversations that were silent for longer than the longest timeout.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some((_, queued)) = self.queue.front()
            && now.since(*queued) > OPEN_TCP_TIMEOUT
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
