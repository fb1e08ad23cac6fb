//! ClientHellos that lie in more than one QUIC datagram, put together.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::capture::Packets;
use crate::flow::Flow;
use crate::protocol::quic::{CryptoStream, InitialReader, Origin};
use crate::units::Timestamp;

/// How many hellos may be pending at a time: with 16 KiB each at the most, 16 MiB in all. Past this number the oldest goes.
const MOST_PENDING: usize = 1024;

/// How long a hello may be pending: a client that gets no answer gives up within this time (RFC 9002 doubles its first second four
/// times).
const LONGEST_WAIT: Duration = Duration::from_secs(30);

struct Pending {
    origin: Origin,
    stream: CryptoStream,
    /// What the packets with its parts count for.
    length: u32,
    packets: Option<Packets>,
    since: Timestamp,
    number: u64,
}

/// The pending hellos.
#[derive(Default)]
pub(super) struct QuicHellos {
    pending: HashMap<Flow, Pending, RandomState>,
    queue: VecDeque<(Flow, u64)>,
    next: u64,
    reader: InitialReader,
    given_up: u64,
}

impl QuicHellos {
    /// How many were given up: the rest never came, or there were too many.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Whether none is pending. One whose rest never came is, until the next one comes.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Takes a datagram with a part of a hello, what its packet counts for, and its number. Returns the stream if there is more in it
    /// than before, and the same of all its packets.
    pub(super) fn take(
        &mut self,
        flow: Flow,
        (datagram, length, packets): (&[u8], u32, Option<Packets>),
        now: Timestamp,
    ) -> Option<(&CryptoStream, u32, Option<Packets>)> {
        self.expire(now);
        let origin = Origin::of(datagram);
        let begins_anew =
            self.pending.get(&flow).is_none_or(|known| origin.as_ref().is_some_and(|new| *new != known.origin));
        if begins_anew {
            let origin = origin?;
            self.pending.remove(&flow);
            while self.pending.len() >= MOST_PENDING
                && let Some((oldest, number)) = self.queue.pop_front()
            {
                self.forget(&oldest, number);
            }
            if self.queue.len() > 2 * MOST_PENDING {
                let pending = &self.pending;
                self.queue.retain(|(flow, number)| pending.get(flow).is_some_and(|known| known.number == *number));
            }
            let number = self.next;
            self.next += 1;
            self.queue.push_back((flow, number));
            let stream = CryptoStream::new();
            self.pending.insert(flow, Pending { origin, stream, length: 0, packets: None, since: now, number });
        }
        let Pending { origin, stream, length: all, packets: numbers, .. } = self.pending.get_mut(&flow)?;
        let inserted = self.reader.read_into(datagram, origin, stream);
        *all = all.saturating_add(length);
        *numbers = Packets::joined(*numbers, packets);
        (inserted > 0).then_some((&*stream, *all, *numbers))
    }

    /// The hello is whole, or none.
    pub(super) fn done(&mut self, flow: &Flow) {
        self.pending.remove(flow);
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some(&(flow, number)) = self.queue.front() {
            match self.pending.get(&flow) {
                Some(pending) if pending.number == number && now.since(pending.since) <= LONGEST_WAIT => return,
                _ => {
                    self.queue.pop_front();
                    self.forget(&flow, number);
                }
            }
        }
    }

    fn forget(&mut self, flow: &Flow, number: u64) {
        if self.pending.get(flow).is_some_and(|pending| pending.number == number) {
            self.pending.remove(flow);
            self.given_up += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{End, Protocol};
    use crate::protocol::parse_result::ParseResult;
    use crate::protocol::quic::Version;
    use crate::protocol::quic::testing::{crypto, initial, padded};
    use crate::protocol::tls::testing::MadeHello;

    fn flow(number: usize) -> Flow {
        let end = |last, port: usize| End { address: [10, 0, 0, last].into(), port: Some(port as u16) };
        Flow { source: end(1, number), destination: end(2, 443), protocol: Protocol::UDP }
    }

    fn is_whole(stream: Option<(&CryptoStream, u32, Option<Packets>)>) -> bool {
        stream.is_some_and(|(stream, ..)| matches!(stream.client_hello(), ParseResult::Whole(..)))
    }

    #[test]
    fn a_flood_of_half_hellos_is_bounded_and_the_newest_stay() {
        let message = MadeHello::usual(b"gw.feersona.net").message();
        let (first, second) = message.split_at(20);
        let origin = Origin::new(Version::V1, b"chosen id");
        let datagram = |offset, data| initial(&origin, 0, &padded(crypto(offset, data)));
        let (first, second) = (datagram(0, first), datagram(20, second));
        let mut hellos = QuicHellos::default();
        let now = Timestamp::from_parts(0, 0);
        for number in 0..3 * MOST_PENDING {
            assert!(!is_whole(hellos.take(flow(number), (&first, 1250, None), now)));
        }
        assert_eq!((hellos.pending.len(), hellos.given_up()), (MOST_PENDING, 2 * MOST_PENDING as u64));
        assert!(hellos.queue.len() <= 2 * MOST_PENDING + 1);
        assert!(is_whole(hellos.take(flow(3 * MOST_PENDING - 1), (&second, 1250, None), now)));
        assert!(!is_whole(hellos.take(flow(0), (&second, 1250, None), now)));
    }
}
