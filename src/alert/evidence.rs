//! The conversations behind the alerts: the packets to carve out of the captures.
//!
//! An update names only the latest sighting of its window. So the flows of all sightings are
//! collected here, each with the alerts that count it. Suppressed alerts are not included.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::{Alert, Signature};
use crate::decode::Encapsulation;
use crate::flow::Flow;
use crate::units::Timestamp;

/// The maximum number of conversations, which take some two hundred bytes each. With so many
/// findings nobody needs the packets of all of them. Further sightings are counted.
const MAX_FLOWS: usize = 65_536;

/// The maximum number of references to alerts: four for each conversation, of 24 bytes each. An
/// alert has one reference for each conversation that it counts.
const MAX_REFS: usize = 4 * MAX_FLOWS;

/// The maximum number of tunnels whose fragments are carved.
const MAX_TUNNELS: usize = 4096;

/// The maximum number of conversations in a tunnel that the comments of its fragments name.
const MAX_FLOWS_PER_TUNNEL: usize = 16;

/// A reference from a conversation to an alert that counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertRef {
    /// The first packet of the conversation that the alert counts.
    pub seen: Timestamp,
    /// [`Alert::id`].
    pub id: u64,
    /// The signature of the alert.
    pub signature: Signature,
}

/// A conversation with the alerts that count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertedFlow {
    /// The conversation, in the form of [`Flow::canonical`].
    pub flow: Flow,
    /// The alerts, in the order in which they were reported.
    pub alerts: Vec<AlertRef>,
}

/// Conversations that the next alert of a window will count, by index, with the time of the first
/// packet that it counts.
pub(super) type PendingFlows = HashMap<u32, Timestamp, RandomState>;

/// The conversations behind the alerts of a run.
#[derive(Debug, Default)]
pub struct Evidence {
    indices: HashMap<Flow, u32, RandomState>,
    flows: Vec<AlertedFlow>,
    tunnels: HashMap<(IpAddr, IpAddr), Vec<Flow>, RandomState>,
    /// References so far, including those that are pending.
    refs: usize,
    dropped_sightings: u64,
    dropped_refs: u64,
}

impl Evidence {
    /// The conversations, in the order of their first sightings.
    pub fn flows(&self) -> &[AlertedFlow] {
        &self.flows
    }

    /// The two ends of each tunnel around a conversation, the lower address first, with some of the
    /// conversations in it.
    pub fn tunnels(&self) -> impl Iterator<Item = ((IpAddr, IpAddr), &[Flow])> {
        self.tunnels.iter().map(|(ends, flows)| (*ends, flows.as_slice()))
    }

    /// The number of sightings and later packets whose conversations were dropped because of the
    /// maximum.
    pub fn dropped_sightings(&self) -> u64 {
        self.dropped_sightings
    }

    /// The number of references to alerts that were dropped because of the maximum.
    pub fn dropped_alerts(&self) -> u64 {
        self.dropped_refs
    }

    /// Adds the tunnels around a conversation.
    pub(super) fn note_tunnels(&mut self, inner: Flow, outer: &[Encapsulation]) {
        for Encapsulation { flow, .. } in outer {
            let (one, other) = (flow.source.address, flow.destination.address);
            let ends = (one.min(other), one.max(other));
            if self.tunnels.len() < MAX_TUNNELS || self.tunnels.contains_key(&ends) {
                let flows = self.tunnels.entry(ends).or_default();
                if flows.len() < MAX_FLOWS_PER_TUNNEL && !flows.contains(&inner) {
                    flows.push(inner);
                }
            }
        }
    }

    /// Adds a first alert, which counts only its own conversation.
    pub(super) fn add_first(&mut self, alert: &Alert) {
        if let Some(index) = self.index_of(alert.flow()).filter(|_| self.reserve_ref()) {
            self.add_ref(index, AlertRef { seen: alert.seen, id: alert.id, signature: alert.signature });
        }
    }

    /// Adds a conversation to those that the next alert of a window will count.
    pub(super) fn add_pending(&mut self, pending: &mut PendingFlows, flow: Flow, seen: Timestamp) {
        let Some(index) = self.index_of(flow) else { return };
        if !pending.contains_key(&index) && self.reserve_ref() {
            pending.insert(index, seen);
        }
    }

    /// Adds an update, with the conversations that it counts.
    pub(super) fn add_update(&mut self, pending: PendingFlows, alert: &Alert) {
        for (index, seen) in pending {
            self.add_ref(index, AlertRef { seen, id: alert.id, signature: alert.signature });
        }
    }

    fn add_ref(&mut self, index: u32, alert: AlertRef) {
        if let Some(flow) = self.flows.get_mut(index as usize) {
            flow.alerts.push(alert);
        }
    }

    fn index_of(&mut self, flow: Flow) -> Option<u32> {
        if let Some(index) = self.indices.get(&flow) {
            return Some(*index);
        }
        if self.flows.len() >= MAX_FLOWS {
            self.dropped_sightings += 1;
            return None;
        }
        let index = self.flows.len() as u32;
        self.indices.insert(flow, index);
        self.flows.push(AlertedFlow { flow, alerts: Vec::new() });
        Some(index)
    }

    /// Counts one more reference. Returns false if the maximum is reached.
    fn reserve_ref(&mut self) -> bool {
        let has_room = self.refs < MAX_REFS;
        if has_room {
            self.refs += 1;
        } else {
            self.dropped_refs += 1;
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Endpoint, Protocol};

    fn flow(number: u32) -> Flow {
        let source = Endpoint { address: number.to_be_bytes().into(), port: Some(1) };
        let destination = Endpoint { address: [192, 0, 2, 1].into(), port: Some(443) };
        Flow { source, destination, protocol: Protocol::TCP }.canonical()
    }

    #[test]
    fn the_number_of_conversations_is_bounded() {
        let mut evidence = Evidence::default();
        let mut pending = PendingFlows::default();
        for number in 0..MAX_FLOWS as u32 + 10 {
            evidence.add_pending(&mut pending, flow(number), Timestamp::from_parts(1, 0));
        }
        assert_eq!((evidence.flows.len(), pending.len(), evidence.dropped_sightings()), (MAX_FLOWS, MAX_FLOWS, 10));
        // One conversation in many windows.
        for _ in 0..MAX_REFS {
            evidence.add_pending(&mut PendingFlows::default(), flow(0), Timestamp::from_parts(1, 0));
        }
        assert_eq!((evidence.refs, evidence.dropped_alerts()), (MAX_REFS, MAX_FLOWS as u64));
    }
}
