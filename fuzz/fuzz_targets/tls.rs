//! ClientHellos: the result for a prefix stays true, and any division into records makes no
//! difference.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rattap::domain_name::DomainName;
use rattap::protocol::parse_result::ParseResult;
use rattap::protocol::tls::{
    ClientHello, LONGEST_HELLO, may_be_client_hello, parse_client_hello, parse_client_hello_message,
};

fn name<'a>(hello: &'a ClientHello<'_>) -> Option<&'a [u8]> {
    hello.server_name.as_ref().map(|name| name.as_bytes())
}

fn check(bytes: &[u8], parse: fn(&[u8]) -> ParseResult<ClientHello<'_>>) {
    let whole = parse(bytes);
    if let ParseResult::Complete(hello, length) = &whole {
        assert!(*length <= bytes.len() && *length <= LONGEST_HELLO);
        // The length is exact: with one byte less the hello is incomplete.
        assert_eq!(parse(&bytes[..*length]), whole);
        assert_eq!(parse(&bytes[..length - 1]), ParseResult::Incomplete);
        if let Some(server) = &hello.server_name {
            assert!(!server.as_bytes().is_empty());
            let mut domain = DomainName::new();
            let _ = (server.address(), server.read(&mut domain));
        }
    }
    for cut in (1..bytes.len()).step_by(1 + bytes.len() / 64) {
        let start = parse(&bytes[..cut]);
        assert!(start == ParseResult::Incomplete || start == whole, "{cut}: {start:?}, {whole:?}");
    }
}

fuzz_target!(|data: &[u8]| {
    check(data, parse_client_hello);
    check(data, parse_client_hello_message);
    if !data.is_empty() && parse_client_hello(data) != ParseResult::Mismatch {
        assert!(may_be_client_hello(data));
    }

    // A message gives the same in records of any lengths as without records.
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
    match (parse_client_hello_message(message), parse_client_hello(&records)) {
        (ParseResult::Complete(bare, _), ParseResult::Complete(framed, _)) => assert_eq!(name(&bare), name(&framed)),
        (ParseResult::Incomplete, ParseResult::Incomplete) | (ParseResult::Mismatch, ParseResult::Mismatch) => {}
        (bare, framed) => panic!("{bare:?}, in records {framed:?}"),
    }
});
