//! HTTP heads and NetSupport messages: the result for a prefix stays true, and all parts lie in the
//! input.

#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use rattap::protocol::http::{
    LONGEST_HEAD, Part, Request, may_be_request, parse_request, parse_request_so_far, parse_response,
    parse_response_so_far, requests,
};
use rattap::protocol::netsupport;
use rattap::protocol::parse_result::ParseResult;

/// Checks that every prefix of a head is a start, and that the bytes after it make no difference.
fn check<'a, T: Debug + PartialEq>(bytes: &'a [u8], parse: impl Fn(&'a [u8]) -> ParseResult<T>) {
    let ParseResult::Whole(head, length) = parse(bytes) else { return };
    assert!((1..=bytes.len()).contains(&length));
    assert_eq!(parse(&bytes[..length]), ParseResult::Whole(head, length));
    for cut in (1..length).step_by(1 + length / 64) {
        assert_eq!(parse(&bytes[..cut]), ParseResult::Partial, "{cut} of {length}");
    }
}

fn check_request(request: &Request<'_>, body: &[u8], all: &[u8]) {
    assert!(!request.method.is_empty() && request.method.len() <= all.len());
    let _ = (request.target(), request.path(), request.authority(), request.host(), request.body_length());
    let _ = (netsupport::is_for_gateway(request), netsupport::is_geolocation(request));
    if let Some(message) = netsupport::request(request, body) {
        assert!(!netsupport::is_geolocation(request));
        assert!(message.command.is_none_or(|command| (2..=16).contains(&command.token().len())));
    }
}

fuzz_target!(|data: &[u8]| {
    check(data, parse_request);
    check(data, parse_response);
    if let ParseResult::Whole(_, length) = parse_request(data) {
        assert!(length <= LONGEST_HEAD && parse_request_so_far(data).is_some());
    }
    if let ParseResult::Whole(response, length) = parse_response(data) {
        assert!(length <= LONGEST_HEAD && parse_response_so_far(data).is_some());
        let message = netsupport::response(&response, &data[length..]);
        assert!(message.and_then(|message| message.gateway_version).is_none_or(|version| version.len() <= 16));
    }

    let mut all = requests(data);
    let mut done = 0;
    while let Some(part) = all.next() {
        match part {
            Part::Whole { request, body } => {
                let after = data.len() - all.rest().len();
                assert!(done + body.len() < after, "a head has some bytes");
                done = after;
                check_request(&request, body, data);
            }
            Part::Partial(rest) => {
                assert_eq!(rest, &data[done..]);
                done = data.len();
            }
        }
    }
    let _ = may_be_request(data);
    let _ = netsupport::body(data);
});
