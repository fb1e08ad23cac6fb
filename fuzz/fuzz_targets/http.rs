//! HTTP heads and the messages of remote-access tools: the result for a prefix stays true, and all
//! parts lie in the input.

#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use rattap::protocol::http::{
    LONGEST_HEAD, PipelinedRequest, Request, may_be_request, parse_request, parse_request_so_far, parse_response,
    parse_response_so_far, requests,
};
use rattap::protocol::parse_result::ParseResult;
use rattap::tools::{MessageKind, recognize_answer, recognize_request, recognize_segment};

/// Checks that every prefix of a head is a start, and that the bytes after it make no difference.
fn check<'a, T: Debug + PartialEq>(bytes: &'a [u8], read: impl Fn(&'a [u8]) -> ParseResult<T>) {
    let ParseResult::Complete(head, length) = read(bytes) else { return };
    assert!((1..=bytes.len()).contains(&length));
    assert_eq!(read(&bytes[..length]), ParseResult::Complete(head, length));
    for cut in (1..length).step_by(1 + length / 64) {
        assert_eq!(read(&bytes[..cut]), ParseResult::Incomplete, "{cut} of {length}");
    }
}

fn check_request(request: &Request<'_>, body: &[u8], all: &[u8]) {
    assert!(!request.method.is_empty() && request.method.len() <= all.len());
    let _ = (request.target(), request.path(), request.authority(), request.host(), request.body_length());
    if let Some(recognized) = recognize_request(request, body) {
        let message = recognized.message;
        assert!(matches!(message.kind, MessageKind::Request | MessageKind::Lookup));
        assert!(message.command.is_none_or(|command| (2..=16).contains(&command.len())));
    }
}

fuzz_target!(|data: &[u8]| {
    check(data, parse_request);
    check(data, parse_response);
    if let ParseResult::Complete(_, length) = parse_request(data) {
        assert!(length <= LONGEST_HEAD && parse_request_so_far(data).is_some());
    }
    if let ParseResult::Complete(response, length) = parse_response(data) {
        assert!(length <= LONGEST_HEAD && parse_response_so_far(data).is_some());
        let recognized = recognize_answer(&response, &data[length..]);
        let version = recognized.and_then(|recognized| recognized.message.version);
        assert!(version.is_none_or(|version| version.len() <= 16));
    }

    let mut all = requests(data);
    let mut done = 0;
    while let Some(part) = all.next() {
        match part {
            PipelinedRequest::Complete { request, body } => {
                let after = data.len() - all.rest().len();
                assert!(done + body.len() < after, "a head has some bytes");
                done = after;
                check_request(&request, body, data);
            }
            PipelinedRequest::Incomplete(rest) => {
                assert_eq!(rest, &data[done..]);
                done = data.len();
            }
        }
    }
    let _ = may_be_request(data);
    let _ = recognize_segment(data);
});
