//! Sessions as they are described, what only mentions the product, and bytes at random.

use proptest::prelude::*;

use super::*;
use crate::protocol::http::{Part, requests};
use crate::protocol::parse_result::ParseResult;

const POLL: &str = "POST http://91.202.233.25/fakeurl.htm HTTP/1.1\nUser-Agent: NetSupport Manager/1.3\n\
    Content-Type: application/x-www-form-urlencoded\nContent-Length:    22\nHost: 91.202.233.25\nConnection: Keep-Alive\n\n\
    CMD=POLL\nINFO=1\nACK=1\n";

fn head(bytes: &[u8]) -> Option<Message<'_>> {
    match http::request(bytes) {
        ParseResult::Whole(head, length) => request(&head, &bytes[length..]),
        ParseResult::Partial | ParseResult::Other => None,
    }
}

fn answer(bytes: &[u8]) -> Option<Message<'_>> {
    match http::response(bytes) {
        ParseResult::Whole(head, length) => response(&head, &bytes[length..]),
        ParseResult::Partial | ParseResult::Other => None,
    }
}

fn poll() -> Message<'static> {
    Message {
        side: Side::Client,
        command: Some(Command::Poll),
        user_agent: Some(b"NetSupport Manager/1.3"),
        gateway_version: None,
        gateway: Some(Authority { host: Host::V4([91, 202, 233, 25].into()), port: None }),
    }
}

#[test]
fn a_poll() {
    assert_eq!(head(POLL.as_bytes()), Some(poll()));
    // As a scanner sends it, and through something that writes lines anew.
    assert_eq!(head(POLL.replace('\n', "\r\n").as_bytes()), Some(poll()));
    let probe = POLL.replace('\n', "\r\n").replace("/1.3", "/1.0");
    assert_eq!(head(probe.as_bytes()).and_then(|it| it.user_agent), Some(&b"NetSupport Manager/1.0"[..]));
    let origin = POLL.replace("http://91.202.233.25", "");
    assert_eq!(head(origin.as_bytes()), Some(poll()));
    let without_host = POLL.replace("Host: 91.202.233.25\n", "");
    assert_eq!(head(without_host.as_bytes()), Some(poll()));
    let on_a_port = POLL.replace("25/fake", "25:4888/fake");
    assert_eq!(head(on_a_port.as_bytes()).and_then(|it| it.gateway?.port), Some(4888));
}

#[test]
fn a_head_without_its_body() {
    let end = POLL.find("CMD").unwrap();
    let message = head(&POLL.as_bytes()[..end]).unwrap();
    assert_eq!(message, Message { command: None, ..poll() });
    assert_eq!(body(&POLL.as_bytes()[end..]), Some(Command::Poll));
    let cut = http::request_so_far(&POLL.as_bytes()[..100]).unwrap();
    assert_eq!(request(&cut, b"").and_then(|it| it.user_agent), Some(&b"NetSupport Manager/1.3"[..]));
}

#[test]
fn several_requests_in_a_segment() {
    let encd = POLL.replace("CMD=POLL\nINFO=1\nACK=1\n", "CMD=ENCD\nES=1\nDATA=\n\0\n");
    let segment = [POLL, &encd, POLL].concat();
    let commands: Vec<_> = requests(segment.as_bytes())
        .filter_map(|part| match part {
            Part::Whole { request: head, body } => request(&head, body)?.command,
            Part::Partial(_) => None,
        })
        .collect();
    assert_eq!(commands, [Command::Poll, Command::Encd, Command::Poll]);
}

#[test]
fn answers_of_gateways() {
    let encd = b"HTTP/1.1 200 OK\nServer: NetSupport Gateway/1.92 (Windows NT)\nContent-Type: application/x-www-form-urlencoded\n\
        Content-Length:    25\nConnection: Keep-Alive\n\nCMD=ENCD\nES=1\nDATA=\x83g+\n\xff";
    let message = answer(encd).unwrap();
    assert_eq!((message.side, message.command), (Side::Gateway, Some(Command::Encd)));
    assert_eq!(message.gateway_version, Some("1.92"));
    let older = answer(b"HTTP/1.1 200 OK\r\nServer: NetSupport Gateway/1.3\r\n\r\nCMD=ACK\n").unwrap();
    assert_eq!((older.command, older.gateway_version), (Some(Command::Ack), Some("1.3")));
    let beat = answer(b"HTTP/1.1 200 OK\nServer: NetSupport Gateway\nContent-Length: 14\n\nCMD=HEARTBEAT\n").unwrap();
    assert_eq!((beat.command, beat.gateway_version), (Some(Command::Heartbeat), None));
    let unknown = answer(b"HTTP/1.1 200 OK\nServer: NetSupport Gateway/x\n\nCMD=HELLO\n").unwrap();
    assert_eq!(unknown.command.map(|it| it.token()), Some("HELLO"));
}

#[test]
fn the_path_counts_with_a_command_only() {
    let unnamed = "POST /fakeurl.htm HTTP/1.1\nHost: a.net\nUser-Agent: Mozilla/5.0\n\n";
    let with = |body: &str| format!("{unnamed}{body}");
    let message = with("CMD=ENCD\nES=1\nDATA=x");
    let message = head(message.as_bytes()).unwrap();
    assert_eq!((message.command, message.user_agent), (Some(Command::Encd), Some(&b"Mozilla/5.0"[..])));
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
    let (alone, _) = match http::request(unnamed.as_bytes()) {
        ParseResult::Whole(head, length) => (head, length),
        ParseResult::Partial | ParseResult::Other => panic!("a whole head"),
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
        assert_eq!(answer(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn bodies_in_segments_of_their_own() {
    assert_eq!(body(b"CMD=ENCD\nES=1\nDATA=\x83\x00"), Some(Command::Encd));
    assert_eq!(body(b"CMD=HEARTBEAT\r\n"), Some(Command::Heartbeat));
    assert_eq!(body(b"CMD=ACK\nES"), Some(Command::Ack));
    for other in [&b"CMD=ACK"[..], b"CMD=ACK ", b"CMD=LIST\n", b"CMD=ACK\nhello", b"CMD=ACK\nES+", b"xCMD=ACK\n", b""] {
        assert_eq!(body(other), None, "{other:?}");
    }
}

#[test]
fn geolocation() {
    let asks = |text: &str| {
        let asks = http::request_so_far(text.as_bytes()).is_some_and(|head| is_geolocation(&head));
        assert_eq!(head(text.as_bytes()), None);
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
        if let Some(command) = body(&bytes) {
            prop_assert!(bytes.starts_with(&[b"CMD=", command.token().as_bytes()].concat()));
        }
    }

    #[test]
    fn any_change_of_a_poll_is_read_without_panic(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = POLL.as_bytes().to_vec();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Some(message) = head(&bytes) {
            prop_assert_eq!(message.side, Side::Client);
        }
    }
}
