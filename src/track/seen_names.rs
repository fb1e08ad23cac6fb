//! All names that are seen, listed or not, for `--names`.
//!
//! They are kept only on request, and taken after each Block. The names of a TCP retransmission are
//! reported once.

use super::provenance::Observed;
use super::session::Sessions;
use crate::alert::MatchBasis;
use crate::flow::{Endpoint, Protocol};
use crate::scan::Named;
use crate::units::Timestamp;

/// A name that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameSeen {
    /// The capture time of the packet in which the request or message begins.
    pub time: Timestamp,
    /// The client that asked.
    pub client: Endpoint,
    /// The server that it asked: for DNS the resolver.
    pub server: Endpoint,
    /// The protocol above IP.
    pub protocol: Protocol,
    /// The name, and where it was named.
    pub named: Named,
}

/// The names of a Block, and the sessions by which retransmissions are recognized.
#[derive(Debug, Default)]
pub(super) struct SeenNames {
    names: Vec<NameSeen>,
    sessions: Sessions,
}

impl SeenNames {
    /// Adds the names of a head or a datagram.
    pub(super) fn add(&mut self, named: &[Named], observed: Observed<'_>) {
        if observed.provenance.head_end.is_some() && self.sessions.note_head(observed).is_none() {
            return;
        }
        let finding = observed.finding;
        self.names.extend(named.iter().map(|named| {
            let is_answer = named.basis == MatchBasis::DnsAnswer;
            let flow = if is_answer { finding.flow.reversed() } else { finding.flow };
            let (client, server) = (flow.source, flow.destination);
            NameSeen { time: finding.time, client, server, protocol: flow.protocol, named: named.clone() }
        }));
    }

    /// The names that were seen since the last call.
    pub(super) fn take(&mut self) -> impl Iterator<Item = NameSeen> {
        self.names.drain(..)
    }
}
