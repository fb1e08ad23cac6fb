//! Requests one after another on a persistent connection, with bodies between them: each is found,
//! wherever segments end, and nothing within a body is.

use std::net::SocketAddr;

use rattap::alert::Signature;

use crate::partitions::story::{Saying, Story, Told, piece};

const CLIENT: &str = "10.0.0.5:50001";
const SERVER: &str = "93.184.215.14:8080";

fn post(target: &str, fields: &str, body: &str) -> String {
    format!("POST {target} HTTP/1.1\nHost: www.example.org\n{fields}Content-Length: {:5}\n\n{body}", body.len())
}

/// A message to the server or from it, in segments of this length.
fn told(bytes: &[u8], by_server: bool, length: usize) -> Told {
    let saying = Saying { by_server, server: SERVER.parse().unwrap(), bytes: bytes.to_vec() };
    let client: SocketAddr = CLIENT.parse().unwrap();
    let all = bytes.len();
    let segments = (0..all).step_by(length);
    let first = u32::MAX - 300;
    Story::of_packets(segments.map(|from| piece(&saying, client, first, from..all.min(from + length))).collect())
        .check()
}

/// The packets of the client that hold these bytes, in this order.
fn told_of(bytes: &[u8], server: &str, parts: &[std::ops::Range<usize>]) -> Told {
    let saying = Saying { by_server: false, server: server.parse().unwrap(), bytes: bytes.to_vec() };
    let client: SocketAddr = CLIENT.parse().unwrap();
    Story::of_packets(parts.iter().map(|part| piece(&saying, client, 7, part.clone())).collect()).check()
}

fn sightings(told: &Told) -> Vec<(&'static str, u64)> {
    let all = Signature::ALL.iter().zip(told.counts.sightings);
    all.filter(|(_, count)| *count > 0).map(|(signature, count)| (signature.id(), count)).collect()
}

#[test]
fn every_request_after_a_body_is_found_in_segments_of_any_length() {
    // A body that looks like a request for something listed, and one that ends like a head.
    let decoy = "GET http://a.feersona.net/ HTTP/1.1\r\nHost: a.feersona.net\r\n\r\n";
    let bytes = [
        &post("/a", "", &decoy.repeat(2)),
        &post("http://b.feersona.net/", "", "x=1\r\n\r\n"),
        "GET / HTTP/1.1\r\nHost: c.bryonsad.net\r\n\r\n",
        &post("/d", "", ""),
        &post("/e", "X: y\n", &"z".repeat(700)),
        "GET http://d.bryonsad.net/ HTTP/1.1\r\n\r\n",
    ]
    .concat();
    for length in 1..=bytes.len() {
        let told = told(bytes.as_bytes(), false, length);
        assert_eq!(sightings(&told), [("c2-server-name", 3)], "segments of {length} bytes");
    }
}

#[test]
fn every_beacon_of_a_session_is_found_in_segments_of_any_length() {
    let agent = "User-Agent: NetSupport Manager/1.3\n";
    let body = |number: usize| format!("CMD=ENCD\nES=1\nDATA={}\n", "POST / ".repeat(number % 7));
    let bytes: String = (0..12).map(|number| post("http://93.184.215.14/fakeurl.htm", agent, &body(number))).collect();
    for length in 1..=bytes.len() {
        let told = told(bytes.as_bytes(), false, length);
        assert_eq!(sightings(&told), [("netsupport-gateway", 12)], "segments of {length} bytes");
    }
}

/// Without a visible request each answer counts.
#[test]
fn every_answer_of_a_gateway_is_found_in_segments_of_any_length() {
    let server = "Server: NetSupport Gateway/1.92 (Windows NT)";
    let answer = |body: &str| format!("HTTP/1.1 200 OK\n{server}\nContent-Length: {:5}\n\n{body}", body.len());
    let bytes = answer("CMD=ENCD\nES=1\nDATA=\u{1}HTTP/1.1 200 OK\n").repeat(4) + &answer("CMD=ACK\n");
    for length in 1..=bytes.len() {
        let told = told(bytes.as_bytes(), true, length);
        assert_eq!(sightings(&told), [("netsupport-gateway", 5)], "segments of {length} bytes");
    }
}

/// The capture cuts frames, or segments are lost: only a part of each post is there when the next
/// one comes.
#[test]
fn posts_without_end_are_reported_as_far_as_they_go() {
    let one = post("http://feersona.net/fakeurl.htm", "User-Agent: NetSupport Manager/1.3\nX: y\n", "CMD=POLL\n");
    let bytes = one.repeat(3);
    for kept in 0..one.find("CMD").unwrap() {
        let parts: Vec<_> = (0..3).map(|number| number * one.len()..number * one.len() + kept).collect();
        let told = told_of(bytes.as_bytes(), SERVER, &parts);
        // A line is complete once the next one has begun.
        let is_behind = |text: &str| kept > one.find(text).unwrap() + text.len();
        let mut expected = Vec::new();
        if is_behind("HTTP/1.1\n") || kept == one.find("Host").unwrap() {
            expected.push(("c2-server-name", 3));
        }
        if is_behind("Manager/1.3\n") {
            expected.push(("netsupport-session", 3));
        }
        assert_eq!(sightings(&told), expected, "{kept} bytes of each");
    }
}

#[test]
fn a_head_beyond_the_limit_is_reported_as_far_as_it_is_kept() {
    let long = format!("GET / HTTP/1.1\r\nHost: feersona.net\r\nCookie: {}", "x".repeat(20_000));
    let parts: Vec<_> = (0..long.len()).step_by(1400).map(|from| from..long.len().min(from + 1400)).collect();
    let told = told_of(long.as_bytes(), SERVER, &parts);
    assert_eq!((sightings(&told), told.counts.heads.too_long), (vec![("c2-server-name", 1)], 1));
}
