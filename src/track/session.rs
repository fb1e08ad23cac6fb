//! What was said in conversations, as far as it matters: which named something listed, and which speak NetSupport.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;

use crate::alert::{Verdict, WindowId};
use crate::flow::{End, Flow};
use crate::indicator::Indicator;
use crate::units::Timestamp;

/// How many are remembered. Each needs some two hundred bytes; past this number the one that began first is forgotten, and
/// what it says next counts as its first words.
const MOST_TALKS: usize = 16_384;

/// How many of a conversation's latest heads are remembered, to tell one that is sent again: more than are under way at a time.
const HEADS_REMEMBERED: usize = 8;

/// What is remembered of a conversation.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// What was named in it last.
    pub(super) indicator: Option<Arc<Indicator>>,
    /// Requests of the NetSupport protocol were seen.
    pub(super) has_requests: bool,
    /// The command that was spoken last.
    pub(super) command: Option<String>,
    /// The gateway's version.
    pub(super) version: Option<String>,
    /// Where what is said in the NetSupport protocol is added up.
    pub(super) window: Option<WindowId>,
    /// What the exclusions say of its latest request: what follows it counts with it.
    pub(super) verdict: Option<Verdict>,
    /// Who is the NetSupport client in it.
    pub(super) client: Option<End>,
    /// When it began.
    pub(super) start: Option<Timestamp>,
    heads: ArrayVec<(bool, u32, At), HEADS_REMEMBERED>,
}

/// A packet's place in the capture.
pub(super) type At = (u64, u32);

impl Session {
    /// Whether a head that ends at this sequence number came in another packet before. Remembers it if not.
    fn repeats(&mut self, is_forward: bool, sequence: u32, at: At) -> bool {
        let known = self.heads.iter().find(|(forward, known, _)| (*forward, *known) == (is_forward, sequence));
        if let Some((_, _, first)) = known {
            return *first != at;
        }
        if self.heads.is_full() {
            self.heads.remove(0);
        }
        self.heads.push((is_forward, sequence, at));
        false
    }
}

/// The remembered conversations.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    table: HashMap<Flow, Session, RandomState>,
    order: VecDeque<Flow>,
    forgotten: u64,
}

impl Sessions {
    /// How many were forgotten for want of room.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What is remembered of a flow's conversation, if anything is.
    pub(super) fn find(&mut self, flow: &Flow) -> Option<&mut Session> {
        self.table.get_mut(&flow.either_way())
    }

    /// What is remembered of the conversation in which a head was sent; `None` where the same head came before. The head is told by
    /// the sequence number at which it ends, where it has one.
    pub(super) fn heard(
        &mut self,
        flow: &Flow,
        sequence: Option<u32>,
        at: At,
        time: Timestamp,
    ) -> Option<&mut Session> {
        let key = flow.either_way();
        if !self.table.contains_key(&key) {
            if self.table.len() >= MOST_TALKS
                && let Some(oldest) = self.order.pop_front()
            {
                self.table.remove(&oldest);
                self.forgotten += 1;
            }
            self.order.push_back(key);
        }
        let talk = self.table.entry(key).or_default();
        talk.start.get_or_insert(time);
        match sequence {
            Some(sequence) if talk.repeats(key == *flow, sequence, at) => None,
            _ => Some(talk),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Protocol;

    fn flow(port: u16) -> Flow {
        let end = |last, port| End { address: [10, 0, 0, last].into(), port: Some(port) };
        Flow { source: end(1, port), destination: end(2, 443), protocol: Protocol::TCP }
    }

    #[test]
    fn a_head_that_is_sent_again_is_not_heard_twice() {
        let mut talks = Sessions::default();
        let now = Timestamp::from_parts(0, 0);
        assert!(talks.heard(&flow(1), Some(7), (0, 1), now).is_some());
        // Two things said in one packet.
        assert!(talks.heard(&flow(1), Some(7), (0, 1), now).is_some());
        assert!(talks.heard(&flow(1), Some(7), (0, 2), now).is_none());
        // The other direction, another head, another conversation.
        assert!(talks.heard(&flow(1).reversed(), Some(7), (0, 3), now).is_some());
        assert!(talks.heard(&flow(1), Some(8), (0, 4), now).is_some());
        assert!(talks.heard(&flow(2), Some(7), (0, 5), now).is_some());
    }

    #[test]
    fn the_table_is_bounded() {
        let mut talks = Sessions::default();
        for number in 0..MOST_TALKS as u32 + 10 {
            let mut flow = flow(number as u16);
            flow.destination.port = Some((number >> 16) as u16);
            talks.heard(&flow, None, (0, 0), Timestamp::from_parts(0, 0));
        }
        assert_eq!((talks.table.len(), talks.order.len(), talks.forgotten()), (MOST_TALKS, MOST_TALKS, 10));
    }
}
