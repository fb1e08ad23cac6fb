//! One repeat window: the latest sighting, and what came since the previous alert.

use super::alert_id::alert_id;
use super::key::RepeatKey;
use crate::alert::beacon::SightingTimes;
use crate::alert::evidence::{Evidence, PendingFlows};
use crate::alert::{Alert, MatchBasis, Phase, TcpOutcome};
use crate::capture::PacketRange;
use crate::flow::Flow;
use crate::units::{ByteCount, Timestamp};

/// The maximum number of addresses that an update collects from all answers of its window; more do
/// not fit into an alert.
const MAX_ADDRESSES: usize = 64;

/// The part that a packet adds to a conversation that was sighted before.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// The start of the conversation.
    pub start: Timestamp,
    /// The time of the packet.
    pub time: Timestamp,
    /// The packet's IP bytes, if it went from client to server.
    pub sent: ByteCount,
    /// The packet's IP bytes, if it went from server to client.
    pub received: ByteCount,
    /// The packet's number.
    pub packets: Option<PacketRange>,
    /// The state of the conversation.
    pub tcp_outcome: Option<TcpOutcome>,
}

/// A repeat window.
pub(super) struct Window {
    pub(super) key: RepeatKey,
    /// The latest sighting. An update has its ends and its message.
    pub(super) latest: Alert,
    accumulated: Accumulated,
    times: SightingTimes,
    pub(super) closes: Timestamp,
}

/// The counts since the previous alert.
#[derive(Default)]
struct Accumulated {
    /// The first packet of the first new sighting.
    seen: Option<Timestamp>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    sent: ByteCount,
    received: ByteCount,
    sightings: u64,
    packet_count: u64,
    packets: Option<PacketRange>,
    tcp_outcome: Option<TcpOutcome>,
    /// The conversations, if evidence is collected.
    flows: PendingFlows,
}

impl Accumulated {
    fn add(&mut self, traffic: &Traffic) {
        self.start = Some(self.start.map_or(traffic.start, |start| start.min(traffic.start)));
        self.end = self.end.max(Some(traffic.time));
        self.sent += traffic.sent;
        self.received += traffic.received;
        self.packet_count += 1;
        self.packets = PacketRange::joined(self.packets, traffic.packets);
        self.tcp_outcome = self.tcp_outcome.max(traffic.tcp_outcome);
    }

    /// The number of sightings and packets in words.
    fn summary(&self) -> String {
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        let packets = format!("{} packet{}", self.packet_count, plural(self.packet_count));
        match self.sightings {
            0 => packets,
            count => format!("{count} sighting{}, {packets}", plural(count)),
        }
    }
}

impl Window {
    pub(super) fn new(key: RepeatKey, latest: Alert, times: SightingTimes, closes: Timestamp) -> Self {
        Self { key, latest, accumulated: Accumulated::default(), times, closes }
    }

    /// Adds a conversation to those that the next alert will count.
    pub(super) fn add_flow(&mut self, evidence: &mut Option<Evidence>, flow: Flow, seen: Timestamp) {
        if let Some(evidence) = evidence.as_mut().filter(|_| !self.latest.is_suppressed()) {
            evidence.add_pending(&mut self.accumulated.flows, flow, seen);
        }
    }

    pub(super) fn add_traffic(&mut self, traffic: &Traffic) {
        self.accumulated.add(traffic);
    }

    pub(super) fn add_sighting(&mut self, mut alert: Alert) {
        self.times.add(alert.seen);
        let accumulated = &mut self.accumulated;
        accumulated.seen = accumulated.seen.or(Some(alert.seen));
        accumulated.add(&Traffic {
            start: alert.start,
            time: alert.end,
            sent: alert.sent,
            received: alert.received,
            packets: alert.packets,
            tcp_outcome: alert.tcp_outcome,
        });
        // An update has the addresses of all answers since the previous alert. The answer that was
        // reported in that alert is not among them.
        if accumulated.sightings > 0
            && let (Some(previous), Some(dns)) = (&self.latest.dns, &mut alert.dns)
        {
            for address in &previous.addresses {
                if dns.addresses.len() >= MAX_ADDRESSES {
                    break;
                }
                if !dns.addresses.contains(address) {
                    dns.addresses.push(*address);
                }
            }
        }
        accumulated.sightings += 1;
        self.latest = alert;
    }

    /// Takes the update, if anything came since the previous alert.
    pub(super) fn take_update(&mut self, evidence: &mut Option<Evidence>) -> Option<Alert> {
        let mut accumulated = std::mem::take(&mut self.accumulated);
        let flows = std::mem::take(&mut accumulated.flows);
        let end = accumulated.end?;
        let latest = &self.latest;
        let seen = accumulated.seen.unwrap_or(latest.seen);
        let (stats, times) = self.times.take();
        // Requests are timed, not connections.
        let stats = stats.filter(|_| matches!(latest.basis, MatchBasis::ToolRequest(_)));
        let stats = stats.map(|stats| stats.to_string()).unwrap_or_default();
        let mut alert = Alert {
            phase: Phase::Update,
            seen,
            start: accumulated.start.unwrap_or(seen),
            end,
            sent: accumulated.sent,
            received: accumulated.received,
            count: accumulated.sightings,
            tcp_outcome: accumulated.tcp_outcome.or(latest.tcp_outcome),
            message: format!("{}; since the line before: {}{stats}", latest.message, accumulated.summary()),
            packets: accumulated.packets,
            times,
            ..latest.clone()
        };
        alert.id = alert_id(&alert);
        if let Some(evidence) = evidence {
            evidence.add_update(flows, &alert);
        }
        Some(alert)
    }
}
