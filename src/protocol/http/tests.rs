//! Heads of real clients and servers, unusual ones, truncated ones, and generated ones.

use proptest::prelude::*;

use super::fields::{Field, Fields};
use super::line::{skip_leading_breaks, split_line};
use super::*;
use crate::protocol::authority::{Authority, Host};
use crate::protocol::parse_result::ParseResult;

/// The complete head and its length. The error is true if more bytes may complete it.
fn complete<T>(result: ParseResult<T>) -> Result<(T, usize), bool> {
    match result {
        ParseResult::Complete(head, length) => Ok((head, length)),
        ParseResult::Incomplete => Err(true),
        ParseResult::Mismatch => Err(false),
    }
}

fn read(text: &str) -> Request<'_> {
    let (request, length) =
        complete(parse_request(text.as_bytes())).unwrap_or_else(|partial| panic!("{text:?}, partial: {partial}"));
    assert_eq!(length, text.len());
    request
}

/// The fields of a head.
fn fields(head: &[u8]) -> Vec<Field<'_>> {
    split_line(skip_leading_breaks(head)).into_iter().flat_map(|(_, after)| Fields::new(after)).collect()
}

fn name(name: &str, port: Option<u16>) -> Option<Authority<'_>> {
    Some(Authority { host: Host::Name(name.as_bytes()), port })
}

fn is_other(bytes: &[u8]) -> bool {
    complete(parse_request(bytes)) == Err(false)
}

#[test]
fn line_breaks_of_both_kinds_and_mixed() {
    for text in [
        "GET /a HTTP/1.1\r\nHost: feersona.net:8080\r\nUser-Agent: x/1\r\n\r\n",
        "GET /a HTTP/1.1\nHost: feersona.net:8080\nUser-Agent: x/1\n\n",
        "GET /a HTTP/1.1\r\nHost: feersona.net:8080\nUser-Agent: x/1\r\n\n",
        "GET /a HTTP/1.1\nHost: feersona.net:8080\r\r\nUser-Agent: x/1\n\r\n",
        "\r\n\r\nGET /a HTTP/1.1\r\nHost: feersona.net:8080\r\nUser-Agent: x/1\r\n\r\n",
    ] {
        let request = read(text);
        assert_eq!((request.method, request.raw_target), (&b"GET"[..], &b"/a"[..]));
        assert_eq!(request.host(), name("feersona.net", Some(8080)));
        assert_eq!(request.user_agent, Some(&b"x/1"[..]));
        assert_eq!(fields(text.as_bytes()).len(), 2);
    }
}

#[test]
fn white_space_and_case_of_all_kinds() {
    let request = read(
        "GET \t /a b\t HTTP/1.0 \r\nhOsT:\t FeerSona.NET \t\r\nUSER-AGENT:x\nContent-Length : \t   22\ncontent-type:text/html\n\n",
    );
    assert_eq!(request.raw_target, b"/a b");
    assert_eq!(request.host(), name("FeerSona.NET", None));
    assert_eq!(request.user_agent, Some(&b"x"[..]));
    assert_eq!(request.body_length(), BodyLength::Known(22));
}

#[test]
fn folded_fields_and_lines_without_a_field() {
    let text = "GET / HTTP/1.1\n Host: before.any\nno colon\n: no name\nX: a\r\n\tHost: folded.net\nHost:\r\n  feersona.net\r\n\r\n";
    let request = read(text);
    let fields: Vec<_> = fields(text.as_bytes()).into_iter().map(|field| (field.name, field.value)).collect();
    assert_eq!(fields, [(&b"X"[..], &b"a\r\n\tHost: folded.net"[..]), (b"Host", b"feersona.net")]);
    assert_eq!(request.host(), name("feersona.net", None));
}

#[test]
fn targets_of_all_forms() {
    assert_eq!(read("GET /a?b HTTP/1.1\n\n").target(), Target::Origin(b"/a?b"));
    assert_eq!(read("OPTIONS * HTTP/1.1\n\n").target(), Target::Asterisk);
    assert_eq!(read("CONNECT feersona.net:443 HTTP/1.1\n\n").target(), Target::Authority(b"feersona.net:443"));
    assert_eq!(read("GET feersona.net/a HTTP/1.1\n\n").target(), Target::Other(b"feersona.net/a"));
    let absolute = read("GET HTTP://user@feersona.net:81/a?b=http://x/ HTTP/1.1\nHost: other.net\n\n");
    let (scheme, authority, path) = (&b"HTTP"[..], &b"user@feersona.net:81"[..], &b"/a?b=http://x/"[..]);
    assert_eq!(absolute.target(), Target::Absolute { scheme, authority, path });
    assert_eq!(absolute.authority(), name("feersona.net", Some(81)));
    assert_eq!(absolute.host(), name("other.net", None));
    let bare = read("GET https://feersona.net?a HTTP/1.1\n\n");
    assert_eq!((bare.authority(), bare.path()), (name("feersona.net", None), Some(&b"?a"[..])));
}

#[test]
fn the_authority_that_a_request_is_for() {
    let v6 = "2001:db8::1".parse().map(Host::V6).unwrap();
    let connect = read("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::2]:443\r\n\r\n");
    assert_eq!(connect.authority(), Some(Authority { host: v6, port: Some(443) }));
    let origin = read("GET /http://not.this/ HTTP/1.1\r\nHost: [2001:DB8::1]\r\nHost: second.net\r\n\r\n");
    assert_eq!(origin.target_authority(), None);
    assert_eq!(origin.authority(), Some(Authority { host: v6, port: None }));
    let proxied = read("POST http://91.202.233.25:4888/ HTTP/1.1\r\nHost:\r\nProxy-Connection: Keep-Alive\r\n\r\n");
    assert_eq!(proxied.authority().unwrap().host, Host::V4([91, 202, 233, 25].into()));
    assert_eq!(proxied.raw_host, Some(&b""[..]));
    assert_eq!(read("GET / HTTP/1.0\n\n").authority(), None);
}

#[test]
fn lengths_of_bodies() {
    let length = |fields: &str| read(&format!("POST / HTTP/1.1\n{fields}\n\n")).body_length();
    assert_eq!(length("A: b"), BodyLength::Known(0));
    assert_eq!(length("Content-Length:     22"), BodyLength::Known(22));
    assert_eq!(length("Content-Length: 22\nContent-Length: 22, 22"), BodyLength::Known(22));
    assert_eq!(length("Content-Length: 22\nContent-Length: 23"), BodyLength::Unknown);
    assert_eq!(length("Content-Length: +22"), BodyLength::Unknown);
    assert_eq!(length("Content-Length:"), BodyLength::Unknown);
    assert_eq!(length("Content-Length: 99999999999999999999"), BodyLength::Unknown);
    assert_eq!(length("Content-Length: 22\nTransfer-Encoding: gzip, Chunked"), BodyLength::Unknown);
    assert_eq!(length("Transfer-Encoding: identity"), BodyLength::Known(0));
    assert_eq!(read("CONNECT a:1 HTTP/1.1\nContent-Length: 0\n\n").body_length(), BodyLength::Unknown);
    let chunked = read("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n");
    assert_eq!(chunked.body_length(), BodyLength::Unknown);
}

#[test]
fn unusual_and_missing_versions() {
    let without = read("GET /gen.php?a=b\r\nHost: 91.202.233.25\r\n\r\n");
    assert_eq!(without.raw_target, b"/gen.php?a=b");
    assert_eq!(without.authority().unwrap().host, Host::V4([91, 202, 233, 25].into()));
    assert_eq!(read("GET http://feersona.net \n\n").authority(), name("feersona.net", None));
    assert_eq!(read("GET / http/1.10\n\n").raw_target, b"/");
}

#[test]
fn other_bytes_are_no_request() {
    for other in [
        &b"GET a\r\n\r\n"[..],
        b"GET http:/a\r\n\r\n",
        b"FETCH /a\r\n\r\n",
        b"OPTIONS sip:a@b.net SIP/2.0\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1x\r\n\r\n",
        b"DESCRIBE rtsp://a/ RTSP/1.0\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\n\r\n",
        b"G(T / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\n\n\n\n\nGET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
    ] {
        assert!(is_other(other), "{:?}", other.escape_ascii().to_string());
    }
}

#[test]
fn a_head_is_bounded() {
    let head = |length: usize| {
        let start = "GET / HTTP/1.1\r\nHost: feersona.net\r\nCookie: ";
        format!("{start}{}\r\n\r\n", "x".repeat(length - start.len() - 4))
    };
    assert!(complete(parse_request(head(LONGEST_HEAD).as_bytes())).is_ok());
    assert_eq!(complete(parse_request(&head(LONGEST_HEAD).as_bytes()[..LONGEST_HEAD - 1])), Err(true));
    let long = head(LONGEST_HEAD + 1);
    assert!(is_other(long.as_bytes()));
    assert_eq!(parse_request_so_far(long.as_bytes()).and_then(|request| request.host()), name("feersona.net", None));
    assert_eq!(complete(parse_request(&[b'A'; 20])), Err(true));
    let line = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(LONGEST_HEAD));
    assert!(is_other(line.as_bytes()) && parse_request_so_far(line.as_bytes()).is_none());
}

#[test]
fn an_incomplete_head_gives_only_final_values() {
    let text = "GET / HTTP/1.1\r\nHost: feersona.net\r\nUser-Agent: x\r\n\r\n";
    let host = |length: usize| parse_request_so_far(&text.as_bytes()[..length]).map(|request| request.host());
    assert_eq!(host(15), None);
    assert_eq!(host(16), Some(None));
    assert_eq!(host(text.find(".net").unwrap()), Some(None));
    assert_eq!(host(text.find("User").unwrap()), Some(None));
    assert_eq!(host(text.find("User").unwrap() + 1), Some(name("feersona.net", None)));
    assert_eq!(parse_response_so_far(b"HTTP/1.1 200 OK\nServer: x\nDate").unwrap().server, Some(&b"x"[..]));
}

#[test]
fn checks_of_the_first_bytes() {
    for start in ["G", "GE", "GET", "GET ", "GET\t/", "POST /x", "VERSION-CONTROL /", "\r\nPOST /", "PROPF"] {
        assert!(may_be_request(start.as_bytes()), "{start:?}");
    }
    for start in ["", "\r\n", "get /", "GETX /", "GET/", "POSTED", "CMD=POLL", "HTTP/1.1", "\x16\x03\x01", "X"] {
        assert!(!may_be_request(start.as_bytes()), "{start:?}");
    }
    assert!(may_be_response(b"H") && may_be_response(b"HTTP/1.") && may_be_response(b"HTTP/1.1 200 OK"));
    assert!(!may_be_response(b"") && !may_be_response(b"HTTP/2") && !may_be_response(b"http"));
}

#[test]
fn responses() {
    let read = |text: &'static str| complete(parse_response(text.as_bytes())).map(|it| it.0);
    let usual = read("HTTP/1.1 200 OK\r\nserver:\tnginx\r\nContent-Type: a/b\r\nContent-Length:   5\r\n\r\n").unwrap();
    assert_eq!((usual.status, usual.server), (200, Some(&b"nginx"[..])));
    assert_eq!(usual.body_length(), BodyLength::Known(5));
    assert_eq!(read("HTTP/1.0  404\n\n").unwrap().body_length(), BodyLength::Unknown);
    assert_eq!(read("HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n").unwrap().body_length(), BodyLength::Known(0));
    assert_eq!(read("HTTP/1.1 101 Switching\n\n").unwrap().body_length(), BodyLength::Unknown);
    let chunked = read("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n").unwrap();
    assert_eq!(chunked.body_length(), BodyLength::Unknown);
    for other in [
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\n",
        "SIP/2.0 2",
    ] {
        assert_eq!(read(other), Err(false), "{other:?}");
    }
}

/// Each request as one string: method, target and body, or the start of a head.
fn parts(segment: &str) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    requests(segment.as_bytes())
        .map(|part| match part {
            PipelinedRequest::Complete { request, body } => {
                format!("{} {} {}", text(request.method), text(request.raw_target), text(body))
            }
            PipelinedRequest::Incomplete(rest) => format!("… {}", text(rest)),
        })
        .collect()
}

#[test]
fn several_requests_in_a_segment() {
    let bodies = "POST /1 HTTP/1.1\nContent-Length:     22\n\nGET /no HTTP/1.1\nA: b\n\n\r\nGET /2 HTTP/1.1\r\n\r\nPUT /3 HTTP/1.1\r\nHos";
    assert_eq!(parts(bodies), ["POST /1 GET /no HTTP/1.1\nA: b\n", "GET /2 ", "… PUT /3 HTTP/1.1\r\nHos"]);
    let cut = "GET /1 HTTP/1.1\n\nPOST /2 HTTP/1.1\nContent-Length: 99\n\nGET /no HTTP/1.1\n\n";
    assert_eq!(parts(cut), ["GET /1 ", "POST /2 GET /no HTTP/1.1\n\n"]);
    let chunked = "POST /1 HTTP/1.1\nTransfer-Encoding: chunked\n\n0\r\n\r\nGET /2 HTTP/1.1\n\n";
    assert_eq!(parts(chunked), ["POST /1 0\r\n\r\nGET /2 HTTP/1.1\n\n"]);
    let tunnel = "CONNECT feersona.net:443 HTTP/1.1\r\n\r\n\x16\x03\x01";
    assert_eq!(parts(tunnel), ["CONNECT feersona.net:443 \x16\x03\x01"]);
    assert_eq!(parts("GET /1 HTTP/1.1\n\n\0\0\0"), ["GET /1 "]);
    assert!(parts("").is_empty() && parts("<html>\nGET / HTTP/1.1\n\n").is_empty());
}

/// The content of a head, without its line breaks.
fn content(bytes: &[u8]) -> Result<impl PartialEq + std::fmt::Debug + use<>, bool> {
    complete(parse_request(bytes)).map(|(request, _)| {
        let fields: Vec<_> = fields(bytes).iter().map(|field| (field.name.to_owned(), unfolded(field.value))).collect();
        let owned = |text: Option<&[u8]>| text.map(unfolded);
        (
            (request.method.to_owned(), request.raw_target.to_owned()),
            (owned(request.raw_host), owned(request.user_agent)),
            request.body_length(),
            format!("{:?}", request.authority()),
            fields,
        )
    })
}

fn unfolded(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(|&byte| byte != b'\r').collect()
}

/// Generates the lines of a head, without their breaks.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let blank = "[ \t]{1,3}";
    let target = prop_oneof![
        "/[a-z?=/ ]{0,20}[a-z]",
        "[hH]ttps?://([a-z]{1,5}@)?[a-zA-Z0-9.-]{1,20}(:[0-9]{1,5})?(/[a-z]{0,9})?",
        "\\[[0-9a-f:]{2,20}\\]:[0-9]{1,5}",
        Just("*".to_owned()),
    ];
    let first = ("[A-Z!a-z_-]{1,20}", blank, target, blank, 0..10u8)
        .prop_map(|(method, blank, target, other, minor)| format!("{method}{blank}{target}{other}HTTP/1.{minor}"));
    let name = prop_oneof![
        prop::sample::select(vec!["Host", "HOST", "user-agent", "Content-Length", "content-type", "Transfer-Encoding"])
            .prop_map(str::to_owned),
        "[A-Za-z-]{1,12}",
    ];
    let value = prop_oneof![
        "[ -~]{0,30}",
        "[0-9]{1,3}",
        "[ \t]{0,3}[a-z.]{1,20}(:[0-9]{1,4})?[ \t]{0,2}",
        Just("chunked".to_owned())
    ];
    let field = (name, "[ \t]{0,2}:[ \t]{0,3}", value).prop_map(|(name, colon, value)| name + &colon + &value);
    let line = prop_oneof![8 => field, 1 => "[ \t][ -~]{0,20}", 1 => "[a-z][a-z ]{0,20}"];
    (first, prop::collection::vec(line, 0..12))
        .prop_map(|(first, lines)| [vec![first], lines, vec![String::new()]].concat())
}

/// Joins lines with breaks of both kinds. An entry of `ends` is true for CRLF.
fn joined(lines: &[String], ends: &[bool]) -> Vec<u8> {
    let ends = ends.iter().cycle().map(|&crlf| if crlf { "\r\n" } else { "\n" });
    lines.iter().zip(ends).map(|(line, end)| line.clone() + end).collect::<String>().into_bytes()
}

/// Checks the properties that hold for any bytes.
fn holds_for_any_bytes(bytes: &[u8]) -> Result<(), TestCaseError> {
    let so_far = parse_request_so_far(bytes);
    if let Ok((request, length)) = complete(parse_request(bytes)) {
        prop_assert!(length <= bytes.len());
        prop_assert_eq!(so_far, Some(request));
        let _must_not_panic = (request.target(), request.authority(), request.body_length());
    }
    if let Ok((response, length)) = complete(parse_response(bytes)) {
        prop_assert!(length <= bytes.len());
        prop_assert_eq!(parse_response_so_far(bytes), Some(response));
    }
    let bodies: usize = requests(bytes)
        .map(|part| match part {
            PipelinedRequest::Complete { request, body } => {
                request.method.len() + request.raw_target.len() + body.len()
            }
            PipelinedRequest::Incomplete(rest) => rest.len(),
        })
        .sum();
    prop_assert!(bodies <= bytes.len());
    Ok(())
}

proptest! {
    #[test]
    fn every_prefix_is_partial_and_later_bytes_do_not_matter(
        lines in lines(),
        ends in prop::collection::vec(any::<bool>(), 1..5),
        more in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let bytes = joined(&lines, &ends);
        let (read, length) = complete(parse_request(&bytes)).unwrap();
        prop_assert_eq!(length, bytes.len());
        let longer = [&bytes[..], &more].concat();
        prop_assert_eq!(complete(parse_request(&longer)).unwrap(), (read, length));
        for length in 0..bytes.len() {
            prop_assert_eq!(complete(parse_request(&bytes[..length])), Err(true), "at {}", length);
            if let Some(so_far) = parse_request_so_far(&bytes[..length]) {
                prop_assert!(so_far.raw_host.is_none() || so_far.raw_host == read.raw_host);
                prop_assert!(fields(&bytes).starts_with(&fields(&bytes[..length])));
            }
        }
    }

    #[test]
    fn line_breaks_make_no_difference(lines in lines(), ends in prop::collection::vec(any::<bool>(), 1..5)) {
        let (lf, crlf) = (content(&joined(&lines, &[false])), content(&joined(&lines, &[true])));
        prop_assert!(lf.is_ok());
        prop_assert_eq!(&lf, &crlf);
        prop_assert_eq!(lf, content(&joined(&lines, &ends)));
    }

    #[test]
    fn a_generated_response_is_parsed_and_each_prefix_is_partial(
        status in 100..1000u16,
        words in "( [ -~]{0,20})?",
        lines in lines(),
        ends in prop::collection::vec(any::<bool>(), 1..5),
    ) {
        let lines = [vec![format!("HTTP/1.1 {status}{words}")], lines[1..].to_vec()].concat();
        let bytes = joined(&lines, &ends);
        let (read, length) = complete(parse_response(&bytes)).unwrap();
        prop_assert_eq!((read.status, length), (status, bytes.len()));
        for length in 0..bytes.len() {
            prop_assert_eq!(complete(parse_response(&bytes[..length])), Err(true), "at {}", length);
        }
    }

    #[test]
    fn all_pipelined_requests_are_returned(bodies in prop::collection::vec("[ -~\n]{0,40}", 1..6)) {
        let write = |body: &String| format!("POST /a HTTP/1.1\nContent-Length: {:>6}\n\n{body}", body.len());
        let segment: String = bodies.iter().map(write).collect();
        let read: Vec<_> = requests(segment.as_bytes())
            .map(|part| match part {
                PipelinedRequest::Complete { body, .. } => String::from_utf8_lossy(body).into_owned(),
                PipelinedRequest::Incomplete(_) => "cut".to_owned(),
            })
            .collect();
        prop_assert_eq!(read, bodies);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        holds_for_any_bytes(&bytes)?;
    }

    #[test]
    fn bytes_that_heads_are_made_of_are_read_without_panic(
        pieces in prop::collection::vec(
            prop::sample::select(vec!["GET ", "/", " ", "HTTP/1.1", "\r", "\n", "\r\n", ":", "Host:", "Content-Length:", "9", "http://", "[", "]", "@", "*", "\t", "\0", "HTTP/1.1 200 "]),
            0..40,
        ),
    ) {
        holds_for_any_bytes(pieces.concat().as_bytes())?;
    }

    #[test]
    fn any_mutation_is_read_without_panic(
        lines in lines(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..8),
    ) {
        let mut bytes = joined(&lines, &[true, false]);
        for (index, byte, kind) in changes {
            let index = index.index(bytes.len());
            match kind {
                0 => bytes[index] = byte,
                1 => bytes.insert(index, byte),
                _ => { bytes.remove(index); }
            }
        }
        holds_for_any_bytes(&bytes)?;
    }
}
