//! DNS over TCP: each message behind its length in two bytes (RFC 1035 section 4.2.2, RFC 7766).

use super::header::{self, HEADER_LENGTH};

/// The least that a question takes: the root's name, type and class.
const SHORTEST_QUESTION: u64 = 5;

/// The least that a record takes: the root's name, type, class, time to live and the length of no data.
const SHORTEST_RECORD: u64 = 11;

/// What a TCP segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpPart<'a> {
    /// A message, without its length.
    Whole(&'a [u8]),
    /// The start of a message that goes on in a later segment: from its length on, of which the second byte may be missing.
    /// Nothing comes after it.
    Partial(&'a [u8]),
}

/// The messages in a segment that starts at the start of a message.
///
/// Where it starts within one, what stands there is hardly ever taken for one: a message over TCP is whole, so its length has room for
/// as much as its header counts. Bytes from the midst of a message seldom keep to that, and would else be read as a message that nobody
/// sent where two of them look like the length of what is left.
pub fn tcp_messages(segment: &[u8]) -> TcpMessages<'_> {
    TcpMessages { rest: segment }
}

/// Goes over a segment: see [`tcp_messages`].
#[derive(Debug, Clone)]
pub struct TcpMessages<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for TcpMessages<'a> {
    type Item = TcpPart<'a>;

    #[inline]
    fn next(&mut self) -> Option<TcpPart<'a>> {
        let all = std::mem::take(&mut self.rest);
        if all.is_empty() {
            return None;
        }
        let Some((&prefix, rest)) = all.split_first_chunk::<2>() else {
            return Some(TcpPart::Partial(all));
        };
        let length = usize::from(u16::from_be_bytes(prefix));
        if length < HEADER_LENGTH {
            // No message is that short, so this is no length.
            return None;
        }
        if header::parse(rest).is_some_and(|header| !has_room(length, &header)) {
            return None;
        }
        match rest.split_at_checked(length) {
            Some((message, rest)) => {
                self.rest = rest;
                Some(TcpPart::Whole(message))
            }
            None => Some(TcpPart::Partial(all)),
        }
    }
}

/// Whether a message of this length can hold as much as its header counts.
fn has_room(length: usize, header: &dns_parser::Header) -> bool {
    let records = [header.answers, header.nameservers, header.additional].map(u64::from).iter().sum::<u64>();
    let least = u64::from(header.questions) * SHORTEST_QUESTION + records * SHORTEST_RECORD;
    length.saturating_sub(HEADER_LENGTH) as u64 >= least
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        messages.iter().flat_map(|message| [&(message.len() as u16).to_be_bytes()[..], message].concat()).collect()
    }

    /// Full of one byte, but for the counts in its header, which are zero.
    fn message<const N: usize>(byte: u8) -> [u8; N] {
        let mut bytes = [byte; N];
        bytes[4..HEADER_LENGTH].fill(0);
        bytes
    }

    #[test]
    fn several_messages_and_the_start_of_one_more() {
        let bytes = framed(&[&message::<12>(1), &message::<300>(2), &message::<50>(3)]);
        let parts: Vec<_> = tcp_messages(&bytes[..350]).collect();
        let whole = [TcpPart::Whole(&message::<12>(1)), TcpPart::Whole(&message::<300>(2))];
        assert_eq!(parts, [&whole[..], &[TcpPart::Partial(&bytes[316..350])]].concat());
    }

    #[test]
    fn half_a_length_is_a_start_too() {
        assert_eq!(tcp_messages(&[0]).collect::<Vec<_>>(), [TcpPart::Partial(&[0])]);
        assert_eq!(tcp_messages(&[0, 12]).collect::<Vec<_>>(), [TcpPart::Partial(&[0, 12])]);
        assert_eq!(tcp_messages(&[]).count(), 0);
    }

    #[test]
    fn a_length_that_no_message_has_ends_it() {
        assert_eq!(tcp_messages(&[0; 1000]).count(), 0);
        let mut bytes = framed(&[&message::<20>(1)]);
        bytes.extend([0, 11]);
        bytes.extend([4; 11]);
        assert_eq!(tcp_messages(&bytes).collect::<Vec<_>>(), [TcpPart::Whole(&message::<20>(1))]);
    }

    #[test]
    fn a_message_that_cannot_hold_what_it_counts_is_none() {
        let counting = |questions, records, length| {
            let mut bytes = vec![7; length];
            bytes[4..HEADER_LENGTH].copy_from_slice(&[0, questions, 0, records, 0, 0, 0, records]);
            framed(&[&bytes])
        };
        assert_eq!(tcp_messages(&counting(1, 1, 39)).count(), 1);
        assert_eq!(tcp_messages(&counting(1, 1, 38)).count(), 0);
        assert_eq!(tcp_messages(&counting(255, 255, 4096)).count(), 0);
        // It may be told by the header alone, and not before that is there.
        assert_eq!(tcp_messages(&counting(1, 1, 38)[..14]).count(), 0);
        assert_eq!(tcp_messages(&counting(1, 1, 38)[..13]).count(), 1);
    }

    proptest! {
        #[test]
        fn parts_lie_one_after_another_in_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000), small in any::<bool>()) {
            let bytes: Vec<u8> = if small { bytes.iter().map(|byte| byte % 16).collect() } else { bytes };
            let mut position = 0;
            for part in tcp_messages(&bytes) {
                match part {
                    TcpPart::Whole(message) => {
                        prop_assert_eq!(message, &bytes[position + 2..position + 2 + message.len()]);
                        position += 2 + message.len();
                    }
                    TcpPart::Partial(rest) => {
                        prop_assert_eq!(rest, &bytes[position..]);
                        position = bytes.len() + 1;
                    }
                }
            }
        }

        #[test]
        fn what_was_framed_comes_out(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 12..100), 0..10)) {
            let without_counts = |mut message: Vec<u8>| {
                message[4..HEADER_LENGTH].fill(0);
                message
            };
            let messages: Vec<Vec<u8>> = messages.into_iter().map(without_counts).collect();
            let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
            let bytes = framed(&slices);
            let parts: Vec<_> = tcp_messages(&bytes).collect();
            let expected: Vec<_> = slices.into_iter().map(TcpPart::Whole).collect();
            prop_assert_eq!(parts, expected);
        }
    }
}
