//! SOCKS requests: what is told of a start stays true up to the request's end, and what may come behind one is told by its first bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rattap::protocol::authority::Host;
use rattap::protocol::parse_result::Head;
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
    // By itself it says the same, unless its start is an offer too, behind which the request may still come: what follows decides.
    assert!(request(&data[..length]) != Head::Other);
    // Without its last byte it is none yet, or an offer before it was read as a request. What is an offer and a request alike may
    // have another request behind it, too, and something behind that.
    let is_either = data[0] == 5 && (1..=3).contains(&data[1]);
    for cut in 1..length {
        let start = request(&data[..cut]);
        let is_earlier = matches!(start, Head::Whole(_, end) if end == cut || is_either && end < cut);
        assert!(start == Head::Partial || is_earlier, "{cut}: {start:?}");
    }
});
