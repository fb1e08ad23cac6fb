//! Sessions: what is remembered of conversations whose heads gave findings.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;

use super::provenance::{Observed, PacketPlace};
use crate::alert::{Verdict, WindowId};
use crate::flow::{Endpoint, Flow};
use crate::indicator::Indicator;
use crate::tools::{MessageKind, ToolId, ToolMessage};
use crate::units::Timestamp;

/// The most sessions. Each needs some two hundred bytes. Past this number the one that began first
/// is forgotten, and its next head counts as its first.
const MOST_SESSIONS: usize = 16_384;

/// The number of a session's latest heads that are remembered to recognize retransmissions: more
/// than are under way at a time.
const HEADS_REMEMBERED: usize = 8;

/// The state of a conversation.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// The indicator that its heads named last.
    pub(super) named: Option<Arc<Indicator>>,
    /// The time of its first head.
    pub(super) start: Option<Timestamp>,
    /// The remote-access tool in it.
    tool: Option<(ToolId, ToolSession)>,
    heads: ArrayVec<SeenHead, HEADS_REMEMBERED>,
}

/// The state of a remote-access tool in a conversation.
#[derive(Debug, Default)]
pub(super) struct ToolSession {
    /// True once a request was seen.
    pub(super) has_requests: bool,
    /// The latest command.
    pub(super) command: Option<String>,
    /// The server's version.
    pub(super) version: Option<String>,
    /// The window that adds up its messages.
    pub(super) window: Option<WindowId>,
    /// The verdict of the exclusions on its latest request, which also holds for what follows.
    pub(super) verdict: Option<Verdict>,
    /// The tool's client.
    pub(super) client: Option<Endpoint>,
}

impl ToolSession {
    /// Notes what a message of this flow tells.
    pub(super) fn update(&mut self, message: &ToolMessage, flow: &Flow) {
        self.command = message.command.clone().or(self.command.take());
        self.version = message.version.clone().or(self.version.take());
        match message.kind {
            MessageKind::Request | MessageKind::Lookup => self.client = Some(flow.source),
            MessageKind::Answer => self.client = Some(flow.destination),
            MessageKind::Body => {}
        }
    }
}

/// A head that was seen.
#[derive(Debug)]
struct SeenHead {
    is_forward: bool,
    /// The sequence number at which it ends.
    end: u32,
    packet: PacketPlace,
}

impl Session {
    /// The state of a tool. Another tool's state is discarded: a conversation has one.
    pub(super) fn tool_mut(&mut self, tool: ToolId) -> &mut ToolSession {
        if self.tool.as_ref().is_some_and(|(known, _)| *known != tool) {
            self.tool = None;
        }
        let (_, session) = self.tool.get_or_insert_with(|| (tool, ToolSession::default()));
        session
    }

    /// Returns true if messages of a tool in this conversation were reported.
    pub(super) fn has_window(&self, tool: ToolId) -> bool {
        self.tool.as_ref().is_some_and(|(known, session)| *known == tool && session.window.is_some())
    }

    /// Returns true if a head with this end came in another packet before. Remembers it if not.
    fn is_retransmission(&mut self, is_forward: bool, end: u32, packet: PacketPlace) -> bool {
        let known = self.heads.iter().find(|head| (head.is_forward, head.end) == (is_forward, end));
        if let Some(first) = known {
            return first.packet != packet;
        }
        if self.heads.is_full() {
            self.heads.remove(0);
        }
        self.heads.push(SeenHead { is_forward, end, packet });
        false
    }
}

/// The sessions of all conversations.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    table: HashMap<Flow, Session, RandomState>,
    order: VecDeque<Flow>,
    forgotten: u64,
}

impl Sessions {
    /// The number of sessions that were forgotten because there were too many.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The session of a flow, if there is one.
    pub(super) fn find(&self, flow: &Flow) -> Option<&Session> {
        self.table.get(&flow.canonical())
    }

    /// The session of the conversation in which a head was seen; `None` for a retransmission. A
    /// head is known by the sequence number at which it ends, if it has one.
    pub(super) fn note_head(&mut self, observed: Observed<'_>) -> Option<&mut Session> {
        let flow = &observed.finding.flow;
        let key = flow.canonical();
        if !self.table.contains_key(&key) {
            if self.table.len() >= MOST_SESSIONS
                && let Some(oldest) = self.order.pop_front()
            {
                self.table.remove(&oldest);
                self.forgotten += 1;
            }
            self.order.push_back(key);
        }
        let session = self.table.entry(key).or_default();
        session.start.get_or_insert(observed.finding.time);
        let provenance = observed.provenance;
        match provenance.head_end {
            Some(end) if session.is_retransmission(key == *flow, end, provenance.packet) => None,
            _ => Some(session),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Protocol;
    use crate::scan::{Finding, FindingKind};
    use crate::track::provenance::Provenance;

    fn flow(port: u16) -> Flow {
        let end = |last, port| Endpoint { address: [10, 0, 0, last].into(), port: Some(port) };
        Flow { source: end(1, port), destination: end(2, 443), protocol: Protocol::TCP }
    }

    /// Notes a head that ends at this sequence number, in this frame. Returns true if it is not a
    /// retransmission.
    fn is_new(sessions: &mut Sessions, flow: Flow, head_end: Option<u32>, frame: u32) -> bool {
        let finding = Finding::of_flow(flow, FindingKind::PartialHello);
        let packet = PacketPlace { block: 0, frame };
        let provenance = Provenance { origin: Arc::default(), indicators: Arc::default(), packet, head_end };
        sessions.note_head(Observed { finding: &finding, provenance: &provenance }).is_some()
    }

    #[test]
    fn a_retransmitted_head_is_not_new() {
        let sessions = &mut Sessions::default();
        assert!(is_new(sessions, flow(1), Some(7), 1));
        // Two findings in one packet.
        assert!(is_new(sessions, flow(1), Some(7), 1));
        assert!(!is_new(sessions, flow(1), Some(7), 2));
        // The other direction, another head, another conversation.
        assert!(is_new(sessions, flow(1).reversed(), Some(7), 3));
        assert!(is_new(sessions, flow(1), Some(8), 4));
        assert!(is_new(sessions, flow(2), Some(7), 5));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut sessions = Sessions::default();
        for number in 0..MOST_SESSIONS as u32 + 10 {
            let mut flow = flow(number as u16);
            flow.destination.port = Some((number >> 16) as u16);
            is_new(&mut sessions, flow, None, 0);
        }
        let sizes = (sessions.table.len(), sessions.order.len());
        assert_eq!((sizes, sessions.forgotten()), ((MOST_SESSIONS, MOST_SESSIONS), 10));
    }
}
