//! DNS over TCP: each message follows its length in two bytes (RFC 1035 section 4.2.2, RFC 7766).

use super::header::{self, HEADER_LENGTH};

/// The length of the shortest question in bytes: the root name, type and class.
const SHORTEST_QUESTION: u64 = 5;

/// The length of the shortest record in bytes: the root name, type, class, TTL and a data length of
/// zero.
const SHORTEST_RECORD: u64 = 11;

/// A message in a TCP segment, complete or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpMessage<'a> {
    /// A complete message, without its length.
    Complete(&'a [u8]),
    /// The start of a message that continues in a later segment, from its length on. The second
    /// byte of the length may be missing. It is the last item.
    Incomplete(&'a [u8]),
}

/// Iterates over the messages in a segment that starts at the start of a message.
///
/// A segment may also start in the middle of a message. To recognize that, each length is checked
/// against the header: a message over TCP is complete, so its length has to suffice for all
/// questions and records that the header counts. Bytes from the middle of a message rarely pass
/// this check. Without it, two of them could pass as a length and give a message that nobody sent.
pub fn tcp_messages(segment: &[u8]) -> TcpMessages<'_> {
    TcpMessages { rest: segment }
}

/// The iterator that [`tcp_messages`] returns.
#[derive(Debug, Clone)]
pub struct TcpMessages<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for TcpMessages<'a> {
    type Item = TcpMessage<'a>;

    #[inline]
    fn next(&mut self) -> Option<TcpMessage<'a>> {
        let all = std::mem::take(&mut self.rest);
        if all.is_empty() {
            return None;
        }
        let Some((&prefix, rest)) = all.split_first_chunk::<2>() else {
            return Some(TcpMessage::Incomplete(all));
        };
        let length = usize::from(u16::from_be_bytes(prefix));
        if length < HEADER_LENGTH {
            // No message is that short, so these bytes are no length.
            return None;
        }
        if header::parse(rest).is_some_and(|header| !has_room(length, &header)) {
            return None;
        }
        match rest.split_at_checked(length) {
            Some((message, rest)) => {
                self.rest = rest;
                Some(TcpMessage::Complete(message))
            }
            None => Some(TcpMessage::Incomplete(all)),
        }
    }
}

/// Returns true if a message of this length can have all questions and records that its header
/// counts.
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

    /// A message of equal bytes, except the counts in its header, which are zero.
    fn message<const N: usize>(byte: u8) -> [u8; N] {
        let mut bytes = [byte; N];
        bytes[4..HEADER_LENGTH].fill(0);
        bytes
    }

    #[test]
    fn several_messages_and_the_start_of_one_more() {
        let bytes = framed(&[&message::<12>(1), &message::<300>(2), &message::<50>(3)]);
        let parts: Vec<_> = tcp_messages(&bytes[..350]).collect();
        let whole = [TcpMessage::Complete(&message::<12>(1)), TcpMessage::Complete(&message::<300>(2))];
        assert_eq!(parts, [&whole[..], &[TcpMessage::Incomplete(&bytes[316..350])]].concat());
    }

    #[test]
    fn half_a_length_is_a_start_too() {
        assert_eq!(tcp_messages(&[0]).collect::<Vec<_>>(), [TcpMessage::Incomplete(&[0])]);
        assert_eq!(tcp_messages(&[0, 12]).collect::<Vec<_>>(), [TcpMessage::Incomplete(&[0, 12])]);
        assert_eq!(tcp_messages(&[]).count(), 0);
    }

    #[test]
    fn an_impossible_length_ends_the_iteration() {
        assert_eq!(tcp_messages(&[0; 1000]).count(), 0);
        let mut bytes = framed(&[&message::<20>(1)]);
        bytes.extend([0, 11]);
        bytes.extend([4; 11]);
        assert_eq!(tcp_messages(&bytes).collect::<Vec<_>>(), [TcpMessage::Complete(&message::<20>(1))]);
    }

    #[test]
    fn a_message_too_short_for_its_counts_is_rejected() {
        let counting = |questions, records, length| {
            let mut bytes = vec![7; length];
            bytes[4..HEADER_LENGTH].copy_from_slice(&[0, questions, 0, records, 0, 0, 0, records]);
            framed(&[&bytes])
        };
        assert_eq!(tcp_messages(&counting(1, 1, 39)).count(), 1);
        assert_eq!(tcp_messages(&counting(1, 1, 38)).count(), 0);
        assert_eq!(tcp_messages(&counting(255, 255, 4096)).count(), 0);
        // The header alone suffices for the check. Without a complete header there is none.
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
                    TcpMessage::Complete(message) => {
                        prop_assert_eq!(message, &bytes[position + 2..position + 2 + message.len()]);
                        position += 2 + message.len();
                    }
                    TcpMessage::Incomplete(rest) => {
                        prop_assert_eq!(rest, &bytes[position..]);
                        position = bytes.len() + 1;
                    }
                }
            }
        }

        #[test]
        fn framed_messages_are_returned(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 12..100), 0..10)) {
            let without_counts = |mut message: Vec<u8>| {
                message[4..HEADER_LENGTH].fill(0);
                message
            };
            let messages: Vec<Vec<u8>> = messages.into_iter().map(without_counts).collect();
            let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
            let bytes = framed(&slices);
            let parts: Vec<_> = tcp_messages(&bytes).collect();
            let expected: Vec<_> = slices.into_iter().map(TcpMessage::Complete).collect();
            prop_assert_eq!(parts, expected);
        }
    }
}
