//! QUIC Initial packets: any datagram is stood, and a hello is the same in whatever pieces and order its bytes come.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rattap::protocol::parse_result::Head;
use rattap::protocol::quic::{CryptoStream, InitialReader, Origin, Put, may_be_initial};
use rattap::protocol::tls::client_hello_message;

#[allow(dead_code, reason = "a part of it is for other targets")]
#[path = "common/bytes.rs"]
mod bytes;

use bytes::Bytes;

/// As many pieces of a stream as are surely kept apart.
const PIECES: usize = 12;

fuzz_target!(|data: &[u8]| {
    let mut reader = InitialReader::new();
    let whole = !matches!(reader.client_hello(data), Head::Other);
    if whole {
        assert!(may_be_initial(data));
        // With the keys that follow from it, a stream of its own says the same.
        let origin = Origin::of(data).expect("an Initial packet has one");
        let mut stream = CryptoStream::new();
        let opened = InitialReader::new().read_into(data, &origin, &mut stream);
        assert!(opened.packets > 0 && opened.frames > 0);
        let ours = format!("{:?}", stream.client_hello());
        assert_eq!(ours, format!("{:?}", reader.client_hello(data)));
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
    let mut is_kept = true;
    for (_, start, piece) in pieces {
        is_kept &= match stream.put(start as u64, piece) {
            Put::Kept => true,
            Put::Conflict => panic!("each byte comes once"),
            Put::Refused => false,
        };
    }
    if is_kept {
        assert_eq!(stream.contiguous(), message);
        assert_eq!(stream.client_hello(), client_hello_message(message));
    }
});
