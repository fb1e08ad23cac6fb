//! SOCKS requests: what is told of a start stays true up to the request's end, and what may come behind one is told by its first bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rattap::protocol::authority::Host;
use rattap::protocol::head::Head;
use rattap::protocol::socks::{may_be_request, request};

fuzz_target!(|data: &[u8]| {
    let told = request(data);
    if !data.is_empty() && told != Head::Other {
        assert!(may_be_request(data));
    }
    let Head::Whole(found, length) = told else { return };
    assert!((1..=data.len()).contains(&length) && found.port > 0);
    if let Host::Name(name) = found.host {
        assert!(
            !name.is_empty() && name.len() <= 255 && name.iter().all(|byte| byte.is_ascii_graphic() || *byte > 127)
        );
    }
    // By itself it says the same, unless its start is a request too, for which more is needed behind an offer.
    assert!(matches!(request(&data[..length]), Head::Whole(..)), "{:?}", request(&data[..length]));
    // Without its last byte it is none yet, or an offer before it was read as a request.
    for cut in 1..length {
        let start = request(&data[..cut]);
        assert!(start == Head::Partial || matches!(start, Head::Whole(_, end) if end == cut), "{cut}: {start:?}");
    }
});
