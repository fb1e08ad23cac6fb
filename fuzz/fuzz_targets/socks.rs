//! SOCKS requests: the result for a prefix stays true up to the end of the request, and the check
//! of the first bytes agrees.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rattap::protocol::authority::Host;
use rattap::protocol::parse_result::ParseResult;
use rattap::protocol::socks::{may_be_request, parse_request};

fuzz_target!(|data: &[u8]| {
    let result = parse_request(data);
    if !data.is_empty() && result != ParseResult::Mismatch {
        assert!(may_be_request(data));
    }
    let ParseResult::Complete(found, length) = result else { return };
    assert!((1..=data.len()).contains(&length) && found.port > 0);
    if let Host::Name(name) = found.host {
        assert!(
            !name.is_empty() && name.len() <= 255 && name.iter().all(|byte| byte.is_ascii_graphic() || *byte > 127)
        );
    }
    // Without the bytes after it the result is the same, unless the request is also a valid offer:
    // then the request may follow it.
    assert!(parse_request(&data[..length]) != ParseResult::Mismatch);
    // A shorter prefix is partial, or the offer before the request was parsed as a request. Bytes
    // that are both an offer and a request may also precede another request and further bytes.
    let is_either = data[0] == 5 && (1..=3).contains(&data[1]);
    for cut in 1..length {
        let start = parse_request(&data[..cut]);
        let is_earlier = matches!(start, ParseResult::Complete(_, end) if end == cut || is_either && end < cut);
        assert!(start == ParseResult::Incomplete || is_earlier, "{cut}: {start:?}");
    }
});
