//! Which frames are evidence, and what their comments say.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::alert::{AlertRef, Evidence, Signature};
use crate::capture::Frame;
use crate::decode::{Decoded, decode};
use crate::flow::{Flow, Protocol};
use crate::scan::{FlowKey, WantedFlows};
use crate::units::Timestamp;

/// How many comments a packet gets; those that are left go to later packets of its conversation.
const MOST_COMMENTS: usize = 64;

/// How many conversations of two hosts are named at their fragments. Of which a fragment is part is not known before it is put together.
const MOST_NAMED: usize = 16;

/// The conversations that are wanted.
pub(super) struct Wanted {
    conversations: Vec<Conversation>,
    by_flow: HashMap<Flow, u32, RandomState>,
    /// Of whose fragments some are wanted, the lower address first.
    hosts: HashMap<(IpAddr, IpAddr), Hosts, RandomState>,
    flows: WantedFlows,
}

struct Conversation {
    /// By their times.
    lines: Vec<AlertRef>,
    /// How many were named.
    named: usize,
    was_seen: bool,
}

#[derive(Default)]
struct Hosts {
    protocols: Vec<Protocol>,
    conversations: Vec<u32>,
    /// They are the ends of a tunnel.
    are_tunnel: bool,
}

impl Wanted {
    pub(super) fn new(evidence: &Evidence) -> Self {
        let mut wanted = Self {
            conversations: Vec::new(),
            by_flow: HashMap::default(),
            hosts: HashMap::default(),
            flows: WantedFlows::default(),
        };
        let mut keys = Vec::new();
        for (number, told) in (0..).zip(evidence.flows()) {
            let mut lines = told.alerts.clone();
            lines.sort_by_key(|line| (line.seen, line.id));
            wanted.conversations.push(Conversation { lines, named: 0, was_seen: false });
            wanted.by_flow.insert(told.flow, number);
            keys.push(FlowKey::of(&told.flow));
            let hosts = wanted.hosts.entry(pair(&told.flow)).or_default();
            if !hosts.protocols.contains(&told.flow.protocol) {
                hosts.protocols.push(told.flow.protocol);
            }
            if hosts.conversations.len() < MOST_NAMED {
                hosts.conversations.push(number);
            }
        }
        for (ends, flows) in evidence.tunnels() {
            let hosts = wanted.hosts.entry(ends).or_default();
            hosts.are_tunnel = true;
            hosts.conversations.extend(flows.iter().filter_map(|flow| wanted.by_flow.get(flow)));
        }
        keys.extend(wanted.hosts.keys().map(|(one, other)| FlowKey::of_hosts(*one, *other)));
        wanted.flows = WantedFlows::new(keys);
        wanted
    }

    /// The flows that are wanted, and the hosts of which fragments are.
    pub(super) fn flows(&self) -> &WantedFlows {
        &self.flows
    }

    /// How many conversations had a packet so far.
    pub(super) fn seen(&self) -> u64 {
        self.conversations.iter().filter(|conversation| conversation.was_seen).count() as u64
    }

    /// Whether a frame is wanted. Its comments are put in place of those of the frame before.
    pub(super) fn takes(&mut self, frame: &Frame, captured: &[u8], comments: &mut Vec<String>) -> bool {
        let Ok(decoded) = decode(frame.link, captured, frame.original) else { return false };
        let Decoded { packet, outer, fragment, .. } = &decoded;
        comments.clear();
        let mut is_taken = false;
        for flow in outer.iter().map(|outer| outer.flow).chain([packet.flow()]) {
            if self.flows.may_hold(FlowKey::of(&flow))
                && let Some(number) = self.by_flow.get(&flow.either_way())
                && let Some(conversation) = self.conversations.get_mut(*number as usize)
            {
                is_taken = true;
                conversation.comment(frame.time, comments);
            }
        }
        if let Some(fragment) = fragment
            && let Some(hosts) = self.hosts.get(&pair(&packet.flow()))
            && hosts.want(fragment.protocol)
        {
            is_taken = true;
            for number in &hosts.conversations {
                if let Some(conversation) = self.conversations.get_mut(*number as usize) {
                    conversation.comment_what_is_due(frame.time, comments);
                }
            }
        }
        is_taken
    }
}

impl Hosts {
    /// Whether a fragment with this protocol may be a part of what is wanted. The fragments of a tunnel are all wanted: what
    /// they hold is not known before they are put together.
    fn want(&self, protocol: Protocol) -> bool {
        // Extension headers of IPv6 that may stand before the protocol.
        let is_extension = matches!(protocol, Protocol(0 | 43 | 44 | 51 | 60 | 135 | 139 | 140));
        self.are_tunnel || is_extension || self.protocols.contains(&protocol)
    }
}

impl Conversation {
    /// The first packet names the first line of each signature, and each packet the lines whose sighting it is.
    fn comment(&mut self, time: Timestamp, comments: &mut Vec<String>) {
        if std::mem::replace(&mut self.was_seen, true) {
            return self.comment_what_is_due(time, comments);
        }
        let due = self.lines.iter().filter(|line| line.seen <= time).count();
        self.comment_what_is_due(time, comments);
        let mut told: Vec<Signature> = self.lines.iter().take(due).map(|line| line.signature).collect();
        for line in self.lines.iter().skip(due) {
            if !told.contains(&line.signature) && comments.len() < MOST_COMMENTS {
                told.push(line.signature);
                comments.push(comment(line));
            }
        }
    }

    fn comment_what_is_due(&mut self, time: Timestamp, comments: &mut Vec<String>) {
        while let Some(line) = self.lines.get(self.named).filter(|line| line.seen <= time)
            && comments.len() < MOST_COMMENTS
        {
            self.named += 1;
            self.was_seen = true;
            comments.push(comment(line));
        }
    }
}

fn comment(line: &AlertRef) -> String {
    format!("rattap externalId={:016x} signature={}", line.id, line.signature.id())
}

fn pair(flow: &Flow) -> (IpAddr, IpAddr) {
    let (one, other) = (flow.source.address, flow.destination.address);
    (one.min(other), one.max(other))
}
