//! QUIC: any datagram can be read, and a ClientHello is the same for any pieces in any order.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rattap::protocol::parse_result::ParseResult;
use rattap::protocol::quic::{CryptoStream, InitialReader, OriginalConnectionId, may_be_initial};
use rattap::protocol::tls::parse_client_hello_message;

#[allow(dead_code, reason = "other targets use the rest")]
#[path = "common/bytes.rs"]
mod bytes;

use bytes::Bytes;

/// The number of pieces. A stream can keep this many separate ranges.
const PIECES: usize = 12;

fuzz_target!(|data: &[u8]| {
    let mut reader = InitialReader::new();
    let is_hello = !matches!(reader.client_hello(data), ParseResult::Mismatch);
    if is_hello {
        assert!(may_be_initial(data));
        // A separate stream with the same keys gives the same result.
        let origin = OriginalConnectionId::from_datagram(data).expect("an Initial packet has one");
        let mut stream = CryptoStream::new();
        let inserted = InitialReader::new().read_into(data, &origin, &mut stream);
        assert!(inserted > 0);
        let separate = format!("{:?}", stream.client_hello());
        assert_eq!(separate, format!("{:?}", reader.client_hello(data)));
    }

    let mut data = Bytes(data);
    let lengths: [u8; PIECES] = data.array();
    let order: [u8; PIECES] = data.array();
    let message = data.0;
    let mut pieces = Vec::new();
    let mut start = 0;
    for (number, length) in lengths.into_iter().enumerate() {
        let end = if number + 1 == PIECES { message.len() } else { message.len().min(start + usize::from(length)) };
        pieces.push((order[number], start, &message[start..end]));
        start = end;
    }
    pieces.sort_by_key(|piece| piece.0);
    let mut stream = CryptoStream::new();
    let mut is_inserted = true;
    for (_, start, piece) in pieces {
        is_inserted &= stream.insert(start as u64, piece);
    }
    if is_inserted {
        assert_eq!(stream.contiguous(), message);
        assert_eq!(stream.client_hello(), parse_client_hello_message(message));
    }
});
