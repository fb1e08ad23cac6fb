//! Which conversations the alerts tell of: what is to be carved out of the captures for them.
//!
//! An update names the latest sighting of its window alone, so what is gathered here are the flows of all sightings, each with the
//! lines that count it. What an exclusion suppresses is no evidence.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::{Alert, Signature};
use crate::decode::Encapsulation;
use crate::flow::Flow;
use crate::units::Timestamp;

/// How many conversations are kept. Each needs some two hundred bytes; who has more findings than that has no need of their last
/// packets, and what is beyond is counted.
const MOST_FLOWS: usize = 65_536;

/// How many lines are kept, counted once for each conversation that they tell of: four for each conversation, with 24 bytes each.
const MOST_LINES: usize = 4 * MOST_FLOWS;

/// How many tunnels are kept whose fragments are taken.
const MOST_TUNNELS: usize = 4096;

/// How many conversations in a tunnel are named at its fragments.
const MOST_IN_TUNNEL: usize = 16;

/// A line that tells of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The first packet of the conversation that the line counts.
    pub seen: Timestamp,
    /// [`Alert::id`].
    pub id: u64,
    /// What was found.
    pub signature: Signature,
}

/// A conversation with the lines that tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertedFlow {
    /// The conversation, as of [`Flow::canonical`].
    pub flow: Flow,
    /// The lines, in the order in which they were told.
    pub lines: Vec<Line>,
}

/// Conversations that a line is still to be told of, by their place, with the first packet that it counts.
pub(super) type Waiting = HashMap<u32, Timestamp, RandomState>;

/// What the alerts of a run tell of.
#[derive(Debug, Default)]
pub struct Evidence {
    places: HashMap<Flow, u32, RandomState>,
    told: Vec<AlertedFlow>,
    tunnels: HashMap<(IpAddr, IpAddr), Vec<Flow>, RandomState>,
    /// Lines told or waited for.
    lines: usize,
    sightings_beyond: u64,
    lines_beyond: u64,
}

impl Evidence {
    /// The conversations, in the order in which they were first sighted.
    pub fn told(&self) -> &[AlertedFlow] {
        &self.told
    }

    /// The ends of tunnels that conversations lay in, the lower address first, with the first few of these.
    pub fn tunnels(&self) -> impl Iterator<Item = ((IpAddr, IpAddr), &[Flow])> {
        self.tunnels.iter().map(|(ends, flows)| (*ends, flows.as_slice()))
    }

    /// Sightings, and packets after them, whose conversations are not kept for want of room.
    pub fn sightings_beyond(&self) -> u64 {
        self.sightings_beyond
    }

    /// Lines that are not kept with all of their conversations for want of room.
    pub fn lines_beyond(&self) -> u64 {
        self.lines_beyond
    }

    /// A conversation lay in tunnels.
    pub(super) fn lay_in(&mut self, inner: Flow, outer: &[Encapsulation]) {
        for Encapsulation { flow, .. } in outer {
            let (one, other) = (flow.source.address, flow.destination.address);
            let ends = (one.min(other), one.max(other));
            if self.tunnels.len() < MOST_TUNNELS || self.tunnels.contains_key(&ends) {
                let flows = self.tunnels.entry(ends).or_default();
                if flows.len() < MOST_IN_TUNNEL && !flows.contains(&inner) {
                    flows.push(inner);
                }
            }
        }
    }

    /// A line tells of its own conversation alone.
    pub(super) fn first(&mut self, alert: &Alert) {
        if let Some(place) = self.place(alert.flow()).filter(|_| self.has_room()) {
            self.tell(place, Line { seen: alert.seen, id: alert.id, signature: alert.signature });
        }
    }

    /// The next line of a window will tell of a conversation.
    pub(super) fn wait(&mut self, waiting: &mut Waiting, flow: Flow, seen: Timestamp) {
        let Some(place) = self.place(flow) else { return };
        if !waiting.contains_key(&place) && self.has_room() {
            waiting.insert(place, seen);
        }
    }

    /// The line was told.
    pub(super) fn update(&mut self, waiting: Waiting, alert: &Alert) {
        for (place, seen) in waiting {
            self.tell(place, Line { seen, id: alert.id, signature: alert.signature });
        }
    }

    fn tell(&mut self, place: u32, line: Line) {
        if let Some(told) = self.told.get_mut(place as usize) {
            told.lines.push(line);
        }
    }

    fn place(&mut self, flow: Flow) -> Option<u32> {
        if let Some(place) = self.places.get(&flow) {
            return Some(*place);
        }
        if self.told.len() >= MOST_FLOWS {
            self.sightings_beyond += 1;
            return None;
        }
        let place = self.told.len() as u32;
        self.places.insert(flow, place);
        self.told.push(AlertedFlow { flow, lines: Vec::new() });
        Some(place)
    }

    fn has_room(&mut self) -> bool {
        let has_room = self.lines < MOST_LINES;
        if has_room {
            self.lines += 1;
        } else {
            self.lines_beyond += 1;
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
    fn a_hostile_count_of_conversations_is_bounded_and_told() {
        let mut evidence = Evidence::default();
        let mut waiting = Waiting::default();
        for number in 0..MOST_FLOWS as u32 + 10 {
            evidence.wait(&mut waiting, flow(number), Timestamp::from_parts(1, 0));
        }
        assert_eq!((evidence.told.len(), waiting.len(), evidence.sightings_beyond()), (MOST_FLOWS, MOST_FLOWS, 10));
        // One conversation in ever other windows.
        for _ in 0..MOST_LINES {
            evidence.wait(&mut Waiting::default(), flow(0), Timestamp::from_parts(1, 0));
        }
        assert_eq!((evidence.lines, evidence.lines_beyond()), (MOST_LINES, MOST_FLOWS as u64));
    }
}
