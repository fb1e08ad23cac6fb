//! Sessions as they are described, what only mentions the product, and bytes at random.

use proptest::prelude::*;

use super::*;
use crate::protocol::http::{PipelinedRequest, requests};
use crate::protocol::parse_result::ParseResult;

const POLL: &str = "POST http://91.202.233.25/fakeurl.htm HTTP/1.1\nUser-Agent: NetSupport Manager/1.3\n\
    Content-Type: application/x-www-form-urlencoded\nContent-Length:    22\nHost: 91.202.233.25\nConnection: Keep-Alive\n\n\
    CMD=POLL\nINFO=1\nACK=1\n";

fn head(bytes: &[u8]) -> Option<ToolMessage> {
    match http::parse_request(bytes) {
        ParseResult::Complete(head, length) => request(&head, &bytes[length..]),
        ParseResult::Incomplete | ParseResult::Mismatch => None,
    }
}

fn answered(bytes: &[u8]) -> Option<ToolMessage> {
    match http::parse_response(bytes) {
        ParseResult::Complete(head, length) => answer(&head, &bytes[length..]),
        ParseResult::Incomplete | ParseResult::Mismatch => None,
    }
}

fn poll() -> ToolMessage {
    ToolMessage { kind: MessageKind::Request, command: Some("POLL".to_owned()), version: None }
}

/// The command of a segment that starts with a body.
fn command_of(segment: &[u8]) -> Option<String> {
    body(segment).and_then(|message| message.command)
}

#[test]
fn a_poll() {
    assert_eq!(head(POLL.as_bytes()), Some(poll()));
    // As a scanner sends it, and through something that writes lines anew.
    assert_eq!(head(POLL.replace('\n', "\r\n").as_bytes()), Some(poll()));
    let probe = POLL.replace('\n', "\r\n").replace("/1.3", "/1.0");
    assert_eq!(head(probe.as_bytes()), Some(poll()));
    let origin = POLL.replace("http://91.202.233.25", "");
    assert_eq!(head(origin.as_bytes()), Some(poll()));
    let without_host = POLL.replace("Host: 91.202.233.25\n", "");
    assert_eq!(head(without_host.as_bytes()), Some(poll()));
    let on_a_port = POLL.replace("25/fake", "25:4888/fake");
    assert_eq!(head(on_a_port.as_bytes()), Some(poll()));
}

#[test]
fn a_head_without_its_body() {
    let end = POLL.find("CMD").unwrap();
    let without_command = Some(ToolMessage { command: None, ..poll() });
    assert_eq!(head(&POLL.as_bytes()[..end]), without_command);
    assert_eq!(command_of(&POLL.as_bytes()[end..]).as_deref(), Some("POLL"));
    let cut = http::parse_request_so_far(&POLL.as_bytes()[..100]).unwrap();
    assert_eq!(request(&cut, b""), without_command);
}

#[test]
fn several_requests_in_a_segment() {
    let encd = POLL.replace("CMD=POLL\nINFO=1\nACK=1\n", "CMD=ENCD\nES=1\nDATA=\n\0\n");
    let segment = [POLL, &encd, POLL].concat();
    let commands: Vec<_> = requests(segment.as_bytes())
        .filter_map(|part| match part {
            PipelinedRequest::Complete { request: head, body } => request(&head, body)?.command,
            PipelinedRequest::Incomplete(_) => None,
        })
        .collect();
    assert_eq!(commands, ["POLL", "ENCD", "POLL"]);
}

#[test]
fn answers_of_gateways() {
    let encd = b"HTTP/1.1 200 OK\nServer: NetSupport Gateway/1.92 (Windows NT)\nContent-Type: application/x-www-form-urlencoded\n\
        Content-Length:    25\nConnection: Keep-Alive\n\nCMD=ENCD\nES=1\nDATA=\x83g+\n\xff";
    let answered = |bytes: &[u8]| {
        let message = answered(bytes).unwrap();
        assert_eq!(message.kind, MessageKind::Answer);
        (message.command.unwrap(), message.version)
    };
    let of = |command: &str, version: Option<&str>| (command.to_owned(), version.map(str::to_owned));
    assert_eq!(answered(encd), of("ENCD", Some("1.92")));
    let older = b"HTTP/1.1 200 OK\r\nServer: NetSupport Gateway/1.3\r\n\r\nCMD=ACK\n";
    assert_eq!(answered(older), of("ACK", Some("1.3")));
    let beat = b"HTTP/1.1 200 OK\nServer: NetSupport Gateway\nContent-Length: 14\n\nCMD=HEARTBEAT\n";
    assert_eq!(answered(beat), of("HEARTBEAT", None));
    let unknown = b"HTTP/1.1 200 OK\nServer: NetSupport Gateway/x\n\nCMD=HELLO\n";
    assert_eq!(answered(unknown), of("HELLO", None));
}

#[test]
fn the_path_counts_with_a_command_only() {
    let unnamed = "POST /fakeurl.htm HTTP/1.1\nHost: a.net\nUser-Agent: Mozilla/5.0\n\n";
    let with = |body: &str| format!("{unnamed}{body}");
    let message = with("CMD=ENCD\nES=1\nDATA=x");
    let message = head(message.as_bytes()).unwrap();
    assert_eq!((message.kind, message.command.as_deref()), (MessageKind::Request, Some("ENCD")));
    for body in [
        "",
        "a=b",
        "cmd=POLL\n",
        "CMD=\n",
        "CMD=POLL2\n",
        "CMD=X\n",
        "CMD=ABCDEFGHIJKLMNOPQ\n",
        "CMD=HEARTB",
        " CMD=POLL\n",
    ] {
        assert_eq!(head(with(body).as_bytes()), None, "{body:?}");
    }
    let (alone, _) = match http::parse_request(unnamed.as_bytes()) {
        ParseResult::Complete(head, length) => (head, length),
        ParseResult::Incomplete | ParseResult::Mismatch => panic!("a whole head"),
    };
    assert!(is_for_gateway(&alone));
    for first in
        ["GET /fakeurl.htm", "POST /fakeurl.html", "POST /fakeurl.htm?a", "POST /", "CONNECT a.net/fakeurl.htm"]
    {
        let text = with("CMD=POLL\n").replace("POST /fakeurl.htm", first);
        assert_eq!(head(text.as_bytes()), None, "{first}");
    }
}

#[test]
fn words_that_only_mention_it() {
    for text in [
        "GET /search?q=NetSupport+Manager/1.3+fakeurl.htm HTTP/1.1\nHost: a.net\nUser-Agent: Mozilla/5.0\n\n",
        "GET / HTTP/1.1\nReferer: http://a.net/fakeurl.htm\nUser-Agent: Mozilla/5.0 NetSupport Manager/1.3\n\n",
        "GET / HTTP/1.1\nX-User-Agent: NetSupport Manager/1.3\nCookie: User-Agent: NetSupport Manager/1.3\n\n",
        "GET / HTTP/1.1\nUser-Agent: NetSupport Managers of the world\n\n",
        "GET / HTTP/1.1\nUser-Agent: NetSupport DNA/4\n\n",
        "GET / HTTP/1.1\nUser-Agent: x\n NetSupport Manager/1.3\n\n",
        "POST /upload HTTP/1.1\nUser-Agent: x\n\nUser-Agent: NetSupport Manager/1.3\nCMD=POLL\nINFO=1\n",
        // Bare line ends, an absolute target through a proxy, a padded length.
        "POST http://proxied.net/a.htm HTTP/1.1\nUser-Agent: x\nContent-Length:     22\n\nCMD=POLL\nINFO=1\nACK=1\n",
        "GET /NetSupport_Manager.htm HTTP/1.1\nHost: www.netsupportsoftware.com\n\n",
    ] {
        assert_eq!(head(text.as_bytes()), None, "{text}");
    }
    for text in [
        "HTTP/1.1 200 OK\nServer: nginx\n\nServer: NetSupport Gateway/1.92\nCMD=ENCD\nES=1\n",
        "HTTP/1.1 200 OK\nServer: Apache (NetSupport Gateway/1.92)\n\nCMD=ENCD\n",
        "HTTP/1.1 200 OK\nX-Server: NetSupport Gateway/1.92\n\n",
        "HTTP/1.1 200 OK\nServer: NetSupport Gateways\n\n",
    ] {
        assert_eq!(answered(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn bodies_in_segments_of_their_own() {
    assert_eq!(command_of(b"CMD=ENCD\nES=1\nDATA=\x83\x00").as_deref(), Some("ENCD"));
    assert_eq!(command_of(b"CMD=HEARTBEAT\r\n").as_deref(), Some("HEARTBEAT"));
    assert_eq!(command_of(b"CMD=ACK\nES").as_deref(), Some("ACK"));
    for other in [&b"CMD=ACK"[..], b"CMD=ACK ", b"CMD=LIST\n", b"CMD=ACK\nhello", b"CMD=ACK\nES+", b"xCMD=ACK\n", b""] {
        assert_eq!(body(other), None, "{other:?}");
    }
}

#[test]
fn geolocation() {
    let asks = |text: &str| {
        let asks = http::parse_request_so_far(text.as_bytes()).is_some_and(|head| is_geolocation(&head));
        let lookup = ToolMessage { kind: MessageKind::Lookup, command: None, version: None };
        assert_eq!(head(text.as_bytes()), asks.then_some(lookup));
        asks
    };
    for text in [
        "GET /location/loca.asp HTTP/1.1\r\nHost: geo.netsupportsoftware.com\r\nConnection: Keep-Alive\r\nCache-Control: no-cache\r\n\r\n",
        "GET /Location/LOCA.asp?a=b HTTP/1.1\nHost: GEO.NetSupportSoftware.com.:80\n\n",
        "GET http://geo.netsupportsoftware.com/location/loca.asp HTTP/1.1\nUser-Agent: NetSupport Manager/1.3\n\n",
    ] {
        assert!(asks(text), "{text}");
    }
    for text in [
        "GET /location/loca.asp HTTP/1.1\nHost: xgeo.netsupportsoftware.com\n\n",
        "GET /location/loca.asp HTTP/1.1\nHost: geo.netsupportsoftware.com.example.org\n\n",
        "GET /location/loca.aspx HTTP/1.1\nHost: geo.netsupportsoftware.com\n\n",
        "GET /?u=/location/loca.asp HTTP/1.1\nHost: geo.netsupportsoftware.com\n\n",
        "GET http://a.net/location/loca.asp HTTP/1.1\nHost: geo.netsupportsoftware.com\n\n",
        "CONNECT geo.netsupportsoftware.com:443 HTTP/1.1\n\n",
    ] {
        assert!(!asks(text), "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), start in prop::sample::select(vec!["", "CMD=", "CMD=ACK\n"])) {
        let bytes = [start.as_bytes(), &bytes].concat();
        if let Some(command) = command_of(&bytes) {
            prop_assert!(bytes.starts_with(&[b"CMD=", command.as_bytes()].concat()));
        }
    }

    #[test]
    fn any_change_of_a_poll_is_read_without_panic(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = POLL.as_bytes().to_vec();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Some(message) = head(&bytes) {
            prop_assert_eq!(message.kind, MessageKind::Request);
        }
    }
}
