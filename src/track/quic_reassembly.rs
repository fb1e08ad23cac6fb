//! QUIC reassembly: ClientHellos that lie in more than one datagram.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::capture::{Block, PacketRange};
use crate::decode::{Decoded, decode};
use crate::flow::Flow;
use crate::protocol::parse_result::ParseResult;
use crate::protocol::quic::{CryptoStream, InitialReader, OriginalConnectionId};
use crate::scan::{AppLayer, Finding};
use crate::units::Timestamp;

/// The most pending hellos: with 16 KiB each at the most, 16 MiB in all. Past this number the
/// oldest one is abandoned.
const MOST_PENDING: usize = 1024;

/// The timeout of a pending hello. A client without an answer gives up within this time (RFC 9002
/// doubles its first second four times).
const TIMEOUT: Duration = Duration::from_secs(30);

/// A pending hello.
struct PendingHello {
    origin: OriginalConnectionId,
    stream: CryptoStream,
    /// The IP bytes and numbers of the packets with its parts.
    length: u32,
    packets: Option<PacketRange>,
    since: Timestamp,
    number: u64,
}

/// A datagram with a part of a hello.
struct HelloPart<'a> {
    datagram: &'a [u8],
    /// The IP bytes of its packet.
    length: u32,
    packets: Option<PacketRange>,
}

/// The pending hellos.
#[derive(Default)]
pub(super) struct QuicReassembly {
    pending: HashMap<Flow, PendingHello, RandomState>,
    queue: VecDeque<(Flow, u64)>,
    next_number: u64,
    reader: InitialReader,
    abandoned: u64,
    /// Report all names, not only those that are listed.
    all_names: bool,
}

impl QuicReassembly {
    /// Reports all names from now on, not only those that are listed.
    pub(super) fn report_all_names(&mut self) {
        self.all_names = true;
    }

    /// The number of hellos that were abandoned: the rest never came, or there were too many.
    pub(super) fn abandoned(&self) -> u64 {
        self.abandoned
    }

    /// Returns true if no hello is pending. A hello whose rest never came stays pending until the
    /// next one comes.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Adds the datagram of a [`PartialHello`](crate::scan::FindingKind::PartialHello). Returns the
    /// findings in the hello once it is complete.
    pub(super) fn add(&mut self, block: &Block, finding: &Finding, now: Timestamp) -> Vec<Finding> {
        let mut found = Vec::new();
        let frame = block.frames.get(finding.frame as usize);
        let decoded = frame.and_then(|frame| decode(frame.link, block.captured(frame), frame.original).ok());
        let Some(Decoded { packet, .. }) = decoded else { return found };
        let part = HelloPart { datagram: packet.payload, length: packet.length, packets: finding.packets };
        let all_names = self.all_names;
        let Some(PendingHello { stream, length, packets, .. }) = self.add_part(finding.flow, part, now) else {
            return found;
        };
        match stream.client_hello() {
            ParseResult::Incomplete => return found,
            ParseResult::Complete(hello, _) => {
                let mut report = |kind| {
                    found.push(Finding { kind, length: *length, packets: *packets, ..finding.clone() });
                };
                AppLayer::new(&block.indicators, all_names).quic_hello(&hello, packet.destination, &mut report);
            }
            ParseResult::Mismatch => {}
        }
        self.pending.remove(&finding.flow);
        found
    }

    /// Adds a part to the hello of a flow. Returns the hello if there is more in it than before.
    fn add_part(&mut self, flow: Flow, part: HelloPart<'_>, now: Timestamp) -> Option<&PendingHello> {
        self.expire(now);
        let origin = OriginalConnectionId::from_datagram(part.datagram);
        let is_new =
            self.pending.get(&flow).is_none_or(|known| origin.as_ref().is_some_and(|new| *new != known.origin));
        if is_new {
            self.begin(flow, origin?, now);
        }
        let hello = self.pending.get_mut(&flow)?;
        let inserted = self.reader.read_into(part.datagram, &hello.origin, &mut hello.stream);
        hello.length = hello.length.saturating_add(part.length);
        hello.packets = PacketRange::joined(hello.packets, part.packets);
        (inserted > 0).then_some(&*hello)
    }

    fn begin(&mut self, flow: Flow, origin: OriginalConnectionId, now: Timestamp) {
        self.pending.remove(&flow);
        while self.pending.len() >= MOST_PENDING
            && let Some((oldest, number)) = self.queue.pop_front()
        {
            self.abandon(&oldest, number);
        }
        if self.queue.len() > 2 * MOST_PENDING {
            let pending = &self.pending;
            self.queue.retain(|(flow, number)| pending.get(flow).is_some_and(|known| known.number == *number));
        }
        let number = self.next_number;
        self.next_number += 1;
        self.queue.push_back((flow, number));
        let stream = CryptoStream::new();
        self.pending.insert(flow, PendingHello { origin, stream, length: 0, packets: None, since: now, number });
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some(&(flow, number)) = self.queue.front() {
            match self.pending.get(&flow) {
                Some(pending) if pending.number == number && now.since(pending.since) <= TIMEOUT => return,
                _ => {
                    self.queue.pop_front();
                    self.abandon(&flow, number);
                }
            }
        }
    }

    fn abandon(&mut self, flow: &Flow, number: u64) {
        if self.pending.get(flow).is_some_and(|pending| pending.number == number) {
            self.pending.remove(flow);
            self.abandoned += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Endpoint, Protocol};
    use crate::protocol::quic::QuicVersion;
    use crate::protocol::quic::testing::{crypto, initial, padded};
    use crate::protocol::tls::testing::MadeHello;

    fn flow(number: usize) -> Flow {
        let end = |last, port: usize| Endpoint { address: [10, 0, 0, last].into(), port: Some(port as u16) };
        Flow { source: end(1, number), destination: end(2, 443), protocol: Protocol::UDP }
    }

    /// Adds a datagram. Returns true if the hello is complete then.
    fn completes(hellos: &mut QuicReassembly, flow: Flow, datagram: &[u8]) -> bool {
        let part = HelloPart { datagram, length: 1250, packets: None };
        let hello = hellos.add_part(flow, part, Timestamp::from_parts(0, 0));
        hello.is_some_and(|hello| matches!(hello.stream.client_hello(), ParseResult::Complete(..)))
    }

    #[test]
    fn a_flood_of_half_hellos_is_bounded_and_the_newest_stay() {
        let message = MadeHello::usual(b"gw.feersona.net").message();
        let (first, second) = message.split_at(20);
        let origin = OriginalConnectionId::new(QuicVersion::V1, b"chosen id");
        let datagram = |offset, data| initial(&origin, 0, &padded(crypto(offset, data)));
        let (first, second) = (datagram(0, first), datagram(20, second));
        let mut hellos = QuicReassembly::default();
        for number in 0..3 * MOST_PENDING {
            assert!(!completes(&mut hellos, flow(number), &first));
        }
        assert_eq!((hellos.pending.len(), hellos.abandoned()), (MOST_PENDING, 2 * MOST_PENDING as u64));
        assert!(hellos.queue.len() <= 2 * MOST_PENDING + 1);
        assert!(completes(&mut hellos, flow(3 * MOST_PENDING - 1), &second));
        assert!(!completes(&mut hellos, flow(0), &second));
    }
}
