//! DNS over TCP: each message behind its length in two bytes (RFC 1035 section 4.2.2, RFC 7766).

use super::header::HEADER_LENGTH;

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
/// Where it starts within one, the parts mean nothing, and a parser will mostly find nothing in them.
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
        match rest.split_at_checked(length) {
            Some((message, rest)) => {
                self.rest = rest;
                Some(TcpPart::Whole(message))
            }
            None => Some(TcpPart::Partial(all)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        messages.iter().flat_map(|message| [&(message.len() as u16).to_be_bytes()[..], message].concat()).collect()
    }

    #[test]
    fn several_messages_and_the_start_of_one_more() {
        let bytes = framed(&[&[1; 12], &[2; 300], &[3; 50]]);
        let parts: Vec<_> = tcp_messages(&bytes[..350]).collect();
        assert_eq!(parts, [TcpPart::Whole(&[1; 12]), TcpPart::Whole(&[2; 300]), TcpPart::Partial(&bytes[316..350])]);
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
        let mut bytes = framed(&[&[1; 20]]);
        bytes.extend([0, 11]);
        bytes.extend([4; 11]);
        assert_eq!(tcp_messages(&bytes).collect::<Vec<_>>(), [TcpPart::Whole(&[1; 20])]);
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
            let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
            let bytes = framed(&slices);
            let parts: Vec<_> = tcp_messages(&bytes).collect();
            let expected: Vec<_> = slices.into_iter().map(TcpPart::Whole).collect();
            prop_assert_eq!(parts, expected);
        }
    }
}
