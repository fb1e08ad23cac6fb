//! Selects the frames that are evidence, and writes their comments.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::alert::{AlertRef, Evidence, Signature};
use crate::capture::Frame;
use crate::decode::{Decoded, decode};
use crate::flow::{Flow, Protocol};
use crate::scan::{FlowHash, SelectedFlows};
use crate::units::Timestamp;

/// The largest number of comments of a packet. The remaining ones go to later packets of its
/// conversation.
const MAX_COMMENTS: usize = 64;

/// The number of conversations of two hosts that are named in the comments of their fragments. To
/// which conversation a fragment belongs is unknown before reassembly.
const MAX_CONVERSATIONS_PER_HOST_PAIR: usize = 16;

/// The alerted conversations, whose packets are evidence.
pub(super) struct EvidenceSelection {
    conversations: Vec<Conversation>,
    /// Indexes into `conversations`.
    by_flow: HashMap<Flow, u32, RandomState>,
    /// Pairs of hosts with selected fragments, the lower address first.
    hosts: HashMap<(IpAddr, IpAddr), HostPair, RandomState>,
    flows: SelectedFlows,
}

/// An alerted conversation.
struct Conversation {
    /// Its alert lines, by time.
    lines: Vec<AlertRef>,
    /// The number of lines that were named in comments.
    commented: usize,
    has_packets: bool,
}

/// Two hosts with an alerted conversation or tunnel.
#[derive(Default)]
struct HostPair {
    protocols: Vec<Protocol>,
    conversations: Vec<u32>,
    /// They are the ends of a tunnel.
    is_tunnel: bool,
}

impl EvidenceSelection {
    pub(super) fn new(evidence: &Evidence) -> Self {
        let mut selection = Self {
            conversations: Vec::new(),
            by_flow: HashMap::default(),
            hosts: HashMap::default(),
            flows: SelectedFlows::default(),
        };
        let mut keys = Vec::new();
        for (number, alerted) in (0..).zip(evidence.flows()) {
            let mut lines = alerted.alerts.clone();
            lines.sort_by_key(|line| (line.seen, line.id));
            selection.conversations.push(Conversation { lines, commented: 0, has_packets: false });
            selection.by_flow.insert(alerted.flow, number);
            keys.push(FlowHash::of(&alerted.flow));
            let hosts = selection.hosts.entry(host_pair(&alerted.flow)).or_default();
            if !hosts.protocols.contains(&alerted.flow.protocol) {
                hosts.protocols.push(alerted.flow.protocol);
            }
            if hosts.conversations.len() < MAX_CONVERSATIONS_PER_HOST_PAIR {
                hosts.conversations.push(number);
            }
        }
        for (ends, flows) in evidence.tunnels() {
            let hosts = selection.hosts.entry(ends).or_default();
            hosts.is_tunnel = true;
            hosts.conversations.extend(flows.iter().filter_map(|flow| selection.by_flow.get(flow)));
        }
        keys.extend(selection.hosts.keys().map(|(one, other)| FlowHash::of_hosts(*one, *other)));
        selection.flows = SelectedFlows::new(keys);
        selection
    }

    /// The keys of the selected flows, and of the host pairs with selected fragments.
    pub(super) fn flows(&self) -> &SelectedFlows {
        &self.flows
    }

    /// The number of conversations with at least one packet so far.
    pub(super) fn conversations_seen(&self) -> u64 {
        self.conversations.iter().filter(|conversation| conversation.has_packets).count() as u64
    }

    /// Returns true if a frame is evidence. Its comments replace those of the frame before.
    pub(super) fn select(&mut self, frame: &Frame, captured: &[u8], comments: &mut Vec<String>) -> bool {
        let Ok(decoded) = decode(frame.link, captured, frame.original) else { return false };
        let Decoded { packet, outer, fragment, .. } = &decoded;
        comments.clear();
        let mut is_selected = false;
        for flow in outer.iter().map(|outer| outer.flow).chain([packet.flow()]) {
            if self.flows.may_contain(FlowHash::of(&flow))
                && let Some(number) = self.by_flow.get(&flow.canonical())
                && let Some(conversation) = self.conversations.get_mut(*number as usize)
            {
                is_selected = true;
                conversation.comment(frame.time, comments);
            }
        }
        if let Some(fragment) = fragment
            && let Some(hosts) = self.hosts.get(&host_pair(&packet.flow()))
            && hosts.selects_fragment(fragment.protocol)
        {
            is_selected = true;
            for number in &hosts.conversations {
                if let Some(conversation) = self.conversations.get_mut(*number as usize) {
                    conversation.comment_due_lines(frame.time, comments);
                }
            }
        }
        is_selected
    }
}

impl HostPair {
    /// Returns true if a fragment with this protocol may be part of a selected packet. All
    /// fragments of a tunnel are selected, because their content is unknown before reassembly.
    fn selects_fragment(&self, protocol: Protocol) -> bool {
        // IPv6 extension headers that may precede the protocol.
        let is_extension = matches!(protocol, Protocol(0 | 43 | 44 | 51 | 60 | 135 | 139 | 140));
        self.is_tunnel || is_extension || self.protocols.contains(&protocol)
    }
}

impl Conversation {
    /// Comments a packet: each packet names the lines whose sighting it is. The first packet of the
    /// conversation also names the first line of each signature.
    fn comment(&mut self, time: Timestamp, comments: &mut Vec<String>) {
        if std::mem::replace(&mut self.has_packets, true) {
            return self.comment_due_lines(time, comments);
        }
        let due = self.lines.iter().filter(|line| line.seen <= time).count();
        self.comment_due_lines(time, comments);
        let mut named: Vec<Signature> = self.lines.iter().take(due).map(|line| line.signature).collect();
        for line in self.lines.iter().skip(due) {
            if !named.contains(&line.signature) && comments.len() < MAX_COMMENTS {
                named.push(line.signature);
                comments.push(format_comment(line));
            }
        }
    }

    /// Names the lines up to this time that were not named yet.
    fn comment_due_lines(&mut self, time: Timestamp, comments: &mut Vec<String>) {
        while let Some(line) = self.lines.get(self.commented).filter(|line| line.seen <= time)
            && comments.len() < MAX_COMMENTS
        {
            self.commented += 1;
            self.has_packets = true;
            comments.push(format_comment(line));
        }
    }
}

fn format_comment(line: &AlertRef) -> String {
    format!("rattap externalId={:016x} signature={}", line.id, line.signature.id())
}

fn host_pair(flow: &Flow) -> (IpAddr, IpAddr) {
    let (one, other) = (flow.source.address, flow.destination.address);
    (one.min(other), one.max(other))
}
