//! All names that are seen, listed or not: what `--names` lists.
//!
//! They pass through here only where somebody asked for them, and leave after each Block. What is sent again over TCP is told once.

use super::session::{At, Sessions};
use crate::alert::MatchBasis;
use crate::flow::{End, Protocol};
use crate::scan::{Finding, Named};
use crate::units::Timestamp;

/// A name that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameSeen {
    /// When the packet was captured in which the request or message begins.
    pub time: Timestamp,
    /// Who asked.
    pub client: End,
    /// Whom: for DNS the resolver.
    pub server: End,
    /// Over which protocol.
    pub protocol: Protocol,
    /// What was asked for, and how.
    pub named: Named,
}

/// The names of one Block, and what tells that a head was seen before.
#[derive(Debug, Default)]
pub(super) struct Names {
    seen: Vec<NameSeen>,
    talks: Sessions,
}

impl Names {
    /// Takes what was named in a head that ends at the sequence number `end`, or in a datagram.
    pub(super) fn see(&mut self, finding: &Finding, end: Option<u32>, at: At, all: &[Named]) {
        if end.is_some() && self.talks.heard(&finding.flow, end, at, finding.time).is_none() {
            return;
        }
        self.seen.extend(all.iter().map(|named| {
            let is_answer = named.basis == MatchBasis::DnsAnswer;
            let flow = if is_answer { finding.flow.reversed() } else { finding.flow };
            let (client, server) = (flow.source, flow.destination);
            NameSeen { time: finding.time, client, server, protocol: flow.protocol, named: named.clone() }
        }));
    }

    /// Gives all that were seen since the last call.
    pub(super) fn take(&mut self) -> std::vec::Drain<'_, NameSeen> {
        self.seen.drain(..)
    }
}
