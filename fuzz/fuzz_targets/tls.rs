//! ClientHellos: what is told of the start of some bytes stays true whatever comes after, and records may be cut anywhere.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rattap::domain_name::DomainName;
use rattap::protocol::parse_result::Head;
use rattap::protocol::tls::{ClientHello, LONGEST_HELLO, client_hello, client_hello_message, may_be_client_hello};

fn name<'a>(hello: &'a ClientHello<'_>) -> Option<&'a [u8]> {
    hello.server_name.as_ref().map(|name| name.as_bytes())
}

fn check(bytes: &[u8], read: fn(&[u8]) -> Head<ClientHello<'_>>) {
    let whole = read(bytes);
    if let Head::Whole(hello, length) = &whole {
        assert!(*length <= bytes.len() && *length <= LONGEST_HELLO);
        // Not a byte less, and none more is needed.
        assert_eq!(read(&bytes[..*length]), whole);
        assert_eq!(read(&bytes[..length - 1]), Head::Partial);
        if let Some(server) = &hello.server_name {
            assert!(!server.as_bytes().is_empty());
            let mut domain = DomainName::new();
            let _ = (server.address(), server.read(&mut domain));
        }
    }
    for cut in (1..bytes.len()).step_by(1 + bytes.len() / 64) {
        let start = read(&bytes[..cut]);
        assert!(start == Head::Partial || start == whole, "{cut}: {start:?}, {whole:?}");
    }
}

fuzz_target!(|data: &[u8]| {
    check(data, client_hello);
    check(data, client_hello_message);
    if !data.is_empty() && client_hello(data) != Head::Other {
        assert!(may_be_client_hello(data));
    }

    // A message in records of any lengths says the same as by itself.
    let Some((&step, message)) = data.split_first() else { return };
    let mut records = Vec::new();
    let mut rest = message;
    let mut length = 1 + usize::from(step);
    while !rest.is_empty() {
        let (record, after) = rest.split_at(length.min(rest.len()));
        records.extend([22, 3, 1]);
        records.extend((record.len() as u16).to_be_bytes());
        records.extend(record);
        rest = after;
        length = length * 7 % 251 + 1;
    }
    if records.len() >= LONGEST_HELLO {
        return;
    }
    match (client_hello_message(message), client_hello(&records)) {
        (Head::Whole(bare, _), Head::Whole(framed, _)) => assert_eq!(name(&bare), name(&framed)),
        (Head::Partial, Head::Partial) | (Head::Other, Head::Other) => {}
        (bare, framed) => panic!("{bare:?}, in records {framed:?}"),
    }
});
