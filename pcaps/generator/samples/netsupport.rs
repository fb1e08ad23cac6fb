//! The NetSupport protocol, and what looks like it.

use std::net::SocketAddr;

use super::Group;
use super::cast::{ALL_LISTED, CLIENT, GATEWAY, LISTED, PROXY, client, v4};
use super::random::Random;
use super::sample::{Found, Sample, found, sample};
use super::speech::{self, POLL, encoded, gateway_request, gateway_response, gateway_response_of, http_get, http_ok};
use super::tape::{Tape, Tcp};

/// Cuts a post's frame behind its user agent: 54 bytes of headers, lines of 46 and 35 bytes, and a
/// part of the next one.
const SNAP: usize = 160;
/// A gateway that nobody has listed.
const UNLISTED: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(GATEWAY), 443);
const HTTP: SocketAddr = v4([192, 0, 2, 80], 80);
/// Where a client's question for its country goes.
const GEOLOCATION: SocketAddr = v4([198, 51, 100, 20], 80);
/// The first posts of a client and the answers of a gateway: lengths of enciphered bodies.
const EXCHANGE: [(usize, usize); 2] = [(232, 77), (36, 69)];
/// Posts of a conversation that begins as all do.
const POSTS: u32 = 1 + EXCHANGE.len() as u32;
/// Keep-alives of an hour, one a minute, after the first posts.
const BEATS: u32 = 60;

fn gateway(server: &'static str, sightings: u32) -> Vec<Found> {
    vec![found("netsupport-gateway", "10.20.30.40", server, sightings)]
}

fn quiet(path: &'static str, about: &'static str, make: fn() -> Vec<u8>) -> Sample {
    sample(path, about, vec![], make)
}

pub fn group() -> Group {
    Group {
        title: "NetSupport",
        about: "The gateway protocol. The client's POST requests count, or the gateway's answers if no requests \
                are seen. The gateway is 203.0.113.66:443, which is not listed, unless a row says otherwise. \
                The last rows only look like NetSupport.",
        samples: spoken().into_iter().chain(look_alikes()).collect(),
    }
}

fn spoken() -> Vec<Sample> {
    vec![
        sample(
            "netsupport/both-sides.pcap",
            "Three POSTs and their answers.",
            gateway("203.0.113.66:443", POSTS),
            || talk(UNLISTED, UNLISTED.ip().to_string()).pcap(),
        ),
        sample("netsupport/client-side.pcap", "Only the client's packets.", gateway("203.0.113.66:443", POSTS), || {
            talk(UNLISTED, UNLISTED.ip().to_string()).only_from(CLIENT).pcap()
        }),
        sample(
            "netsupport/gateway-side.pcap",
            "Only the gateway's packets.",
            gateway("203.0.113.66:443", POSTS),
            || talk(UNLISTED, UNLISTED.ip().to_string()).only_from(GATEWAY).pcap(),
        ),
        sample(
            "netsupport/body-apart.pcap",
            "POSTs and answers, each with its head and its body in separate segments.",
            gateway("203.0.113.66:443", 2),
            body_apart,
        ),
        sample("netsupport/head-split.pcap", "A POST in segments of 30 bytes.", gateway("203.0.113.66:443", 1), || {
            let mut tape = Tape::new();
            let mut tcp = Tcp::new(client(49_901), UNLISTED);
            tcp.open(&mut tape);
            gateway_request(GATEWAY, POLL).chunks(30).for_each(|part| {
                tcp.ask(&mut tape, part);
            });
            tcp.acknowledge_by_server(&mut tape).close(&mut tape);
            tape.pcap()
        }),
        sample(
            "netsupport/behind-bodies.pcap",
            "Four POSTs and their answers in one stream, in segments of 150 bytes. Heads begin in the middle of \
             a segment, after the body before them.",
            gateway("203.0.113.66:443", 4),
            behind_bodies,
        ),
        sample(
            "netsupport/snap-length.pcap",
            "Two POSTs. The capture has only the first 160 bytes of each frame, up to the middle of the head.",
            gateway("203.0.113.66:443", 2),
            || {
                let mut tape = Tape::new();
                let mut tcp = Tcp::new(client(49_901), UNLISTED);
                tcp.open(&mut tape);
                for _ in 0..2 {
                    tcp.ask(tape.wait(60_000), &gateway_request(GATEWAY, POLL)).acknowledge_by_server(&mut tape);
                }
                tape.snap(SNAP).pcap()
            },
        ),
        sample(
            "netsupport/in-mid-stream.pcap",
            "The capture begins with the second half of a POST's body. Two POSTs follow.",
            gateway("203.0.113.66:443", 2),
            || {
                let mut tape = Tape::new();
                let mut random = Random::new(43);
                let mut tcp = Tcp::new(client(49_901), UNLISTED);
                tcp.open(&mut tape).ask(tape.skip(3), &random.bytes(110));
                for _ in 0..2 {
                    tcp.ask(tape.wait(60_000), &gateway_request(GATEWAY, &encoded(36, &mut random)));
                    tcp.acknowledge_by_server(&mut tape);
                }
                tape.pcap()
            },
        ),
        sample(
            "netsupport/listed-gateway.pcap",
            "With 5.252.177.201:443.",
            vec![
                found("c2-endpoint", "10.20.30.40", "5.252.177.201:443", 1),
                found("netsupport-session", "10.20.30.40", "5.252.177.201:443", POSTS),
            ],
            || talk(ALL_LISTED[2], ALL_LISTED[2].ip().to_string()).pcap(),
        ),
        sample(
            "netsupport/gateway-by-name.pcap",
            "The targets name `gw.feersona.net`. No DNS answer for it was seen.",
            vec![
                found("c2-server-name", "10.20.30.40", "203.0.113.66:443", POSTS),
                found("netsupport-session", "10.20.30.40", "203.0.113.66:443", POSTS),
            ],
            || talk(UNLISTED, "gw.feersona.net".to_owned()).pcap(),
        ),
        sample("netsupport/odd-port.pcap", "On port 7443.", gateway("203.0.113.66:7443", POSTS), || {
            talk((GATEWAY, 7443).into(), GATEWAY.to_string()).pcap()
        }),
        sample(
            "netsupport/through-proxy.pcap",
            "Through an HTTP proxy, with a gateway that is not listed.",
            gateway("10.20.0.80:3128", POSTS),
            || talk(PROXY, GATEWAY.to_string()).pcap(),
        ),
        sample(
            "netsupport/through-proxy-listed.pcap",
            "Through an HTTP proxy; each target names 91.202.233.25:4888.",
            vec![
                found("c2-server-name", "10.20.30.40", "10.20.0.80:3128", POSTS),
                found("netsupport-session", "10.20.30.40", "10.20.0.80:3128", POSTS),
            ],
            || talk(PROXY, LISTED.to_string()).pcap(),
        ),
        sample(
            "netsupport/through-connect-listed.pcap",
            "Through `CONNECT 91.202.233.25:4888` of an HTTP proxy. The targets of the POSTs name 91.202.233.25 \
             without a port.",
            vec![
                found("c2-server-name", "10.20.30.40", "10.20.0.80:3128", 1 + POSTS),
                found("netsupport-session", "10.20.30.40", "10.20.0.80:3128", POSTS),
            ],
            through_connect,
        ),
        sample(
            "netsupport/scanner.pcap",
            "A scanner's probe from outside, with CRLF and `NetSupport Manager/1.0`. A web server answers.",
            vec![found("netsupport-gateway", "198.51.100.9", "10.20.30.80:443", 1)],
            scanner,
        ),
        sample(
            "netsupport/older-gateway.pcap",
            "A gateway of version 1.6 on port 3085, which answers `CMD=ACK` and `CMD=HEARTBEAT`.",
            gateway("203.0.113.66:3085", 2),
            older,
        ),
        sample(
            "netsupport/beacon.pcap",
            "One hour: three POSTs at once, then one keep-alive each minute.",
            gateway("203.0.113.66:443", POSTS + BEATS),
            beacon,
        ),
        sample(
            "netsupport/geolocation.pcap",
            "A client looks up its location.",
            vec![found("netsupport-geolocation", "10.20.30.40", "198.51.100.20:80", 1)],
            || geolocate(GEOLOCATION, &speech::geolocation_request()),
        ),
        sample(
            "netsupport/geolocation-through-proxy.pcap",
            "The same through an HTTP proxy.",
            vec![found("netsupport-geolocation", "10.20.30.40", "10.20.0.80:3128", 1)],
            || {
                let target = "http://geo.netsupportsoftware.com/location/loca.asp";
                geolocate(PROXY, &http_get("geo.netsupportsoftware.com", target))
            },
        ),
    ]
}

/// All of one side's messages, then all of the other's.
fn behind_bodies() -> Vec<u8> {
    let mut random = Random::new(44);
    let mut tape = Tape::new();
    let mut tcp = Tcp::new(client(49_901), UNLISTED);
    tcp.open(&mut tape);
    let (mut asked, mut answered) = (gateway_request(GATEWAY, POLL), Vec::new());
    for (question, answer) in [(232, 77), (36, 69), (36, 69)] {
        asked.extend(gateway_request(GATEWAY, &encoded(question, &mut random)));
        answered.extend(gateway_response(&encoded(answer, &mut random)));
    }
    for part in asked.chunks(150) {
        tcp.ask(&mut tape, part);
    }
    for part in answered.chunks(150) {
        tcp.answer(&mut tape, part);
    }
    tcp.acknowledge(&mut tape).close(&mut tape);
    tape.pcap()
}

fn look_alikes() -> Vec<Sample> {
    vec![
        quiet(
            "netsupport/page.pcap",
            "A web page about NetSupport, with a request and an answer as examples; and the same with the page \
             in a segment of its own.",
            page,
        ),
        quiet("netsupport/search.pcap", "A search for `NetSupport Manager fakeurl.htm`.", || {
            browse(&http_get("www.example.com", "/search?q=NetSupport+Manager/1.3+POST+/fakeurl.htm+CMD=POLL"))
        }),
        quiet(
            "netsupport/referer.pcap",
            "`Referer` and cookie name the vendor's pages and the location look-up.",
            || {
                browse(
                b"GET /a HTTP/1.1\r\nHost: www.example.com\r\nReferer: http://geo.netsupportsoftware.com/location/loca.asp\r\n\
                  Cookie: last=NetSupport Manager/1.3\r\n\r\n",
            )
            },
        ),
        quiet(
            "netsupport/vendor.pcap",
            "Pages of the vendor, and another page of the host for location look-ups.",
            || {
                let mut tape = Tape::new();
                for (port, host, path) in [
                    (49_930, "www.netsupportsoftware.com", "/location/loca.asp"),
                    (49_931, "geo.netsupportsoftware.com", "/index.html"),
                    (49_932, "www.example.com", "/geo.netsupportsoftware.com/location/loca.asp"),
                ] {
                    Tcp::new(client(port), HTTP).whole(&mut tape, &http_get(host, path), &http_ok("text/html", b"."));
                }
                tape.pcap()
            },
        ),
        quiet(
            "netsupport/agent-that-mentions-it.pcap",
            "User agents with the name in a later place, or within a longer word.",
            || {
                let agents = [
                    "Mozilla/5.0 (compatible; NetSupport Manager/1.3)",
                    "Inventory for NetSupport Manager/1.3",
                    "NetSupport ManagerX/1.3",
                ];
                let requests = agents
                    .map(|agent| format!("GET / HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: {agent}\r\n\r\n"));
                requests_of(&requests)
            },
        ),
        quiet(
            "netsupport/another-path.pcap",
            "A POST with bare LFs to `/fakeurl.htm.html`, its body `CMD=POLL`.",
            || {
                let body = "CMD=POLL\nINFO=1\nACK=1\n";
                requests_of(&[format!(
                    "POST http://192.0.2.80/fakeurl.htm.html HTTP/1.1\nUser-Agent: tool/2\nContent-Length: \
                     {}\nHost: 192.0.2.80\n\n{body}",
                    body.len()
                )])
            },
        ),
        quiet(
            "netsupport/padded-length.pcap",
            "POSTs of another program with bare LFs, an absolute target and spaces before the length.",
            || {
                let post = |path: &str, body: &str| {
                    format!(
                        "POST http://192.0.2.80{path} HTTP/1.1\nUser-Agent: Meter/1.3\nContent-Type: \
                         application/x-www-form-urlencoded\nContent-Length: {:>6}\nHost: \
                         192.0.2.80\nConnection: Keep-Alive\n\n{body}",
                        body.len()
                    )
                };
                requests_of(&[post("/upload.htm", "METER=7\nVALUE=1\n"), post("/fakeurl.htm", "METER=7\nVALUE=2\n")])
            },
        ),
        quiet(
            "netsupport/body-alone.pcap",
            "Lines such as `CMD=POLL` in a conversation about which nothing else is known.",
            || {
                let mut tape = Tape::new();
                let mut tcp = Tcp::new(client(49_940), v4([192, 0, 2, 81], 9000));
                tcp.open(&mut tape);
                for body in [POLL, b"CMD=HEARTBEAT\n"] {
                    tcp.ask(&mut tape, body).answer(&mut tape, b"CMD=ACK\n");
                }
                tcp.close(&mut tape);
                tape.pcap()
            },
        ),
    ]
}

/// A client's first posts and their answers. `called` is how the client calls its gateway.
fn greet(tcp: &mut Tcp, tape: &mut Tape, called: &str, random: &mut Random) {
    let mut bodies = vec![(POLL.to_vec(), 62)];
    bodies.extend(EXCHANGE.map(|(asked, answered)| (encoded(asked, random), answered)));
    for (body, answered) in bodies {
        tcp.ask(tape.wait(160), &gateway_request(called, &body));
        tcp.answer(tape, &gateway_response(&encoded(answered, random))).acknowledge(tape);
    }
}

fn talk(server: SocketAddr, called: String) -> Tape {
    let mut tape = Tape::new();
    let mut tcp = Tcp::new(client(49_900), server);
    tcp.open(&mut tape);
    greet(&mut tcp, &mut tape, &called, &mut Random::new(41));
    tcp.refuse(tape.wait(9000));
    tape
}

/// Head and body.
fn apart(message: &[u8], body: usize) -> (&[u8], &[u8]) {
    message.split_at(message.len() - body)
}

fn body_apart() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut random = Random::new(42);
    let mut tcp = Tcp::new(client(49_901), UNLISTED);
    tcp.open(&mut tape);
    for body in [POLL.to_vec(), encoded(232, &mut random)] {
        let request = gateway_request(GATEWAY, &body);
        let (head, body) = apart(&request, body.len());
        tcp.ask(tape.wait(160), head).ask(&mut tape, body);
        let answer = gateway_response(&encoded(77, &mut random));
        let (head, body) = apart(&answer, 77);
        tcp.answer(&mut tape, head).answer(&mut tape, body).acknowledge(&mut tape);
    }
    tcp.refuse(tape.wait(9000));
    tape.pcap()
}

fn through_connect() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut tcp = Tcp::new(client(49_902), PROXY);
    tcp.open(&mut tape).ask(&mut tape, b"CONNECT 91.202.233.25:4888 HTTP/1.0\r\n\r\n");
    tcp.answer(&mut tape, b"HTTP/1.1 200 Connection established\r\n\r\n");
    greet(&mut tcp, &mut tape, &LISTED.ip().to_string(), &mut Random::new(44));
    tcp.refuse(tape.wait(9000));
    tape.pcap()
}

fn scanner() -> Vec<u8> {
    let mut tape = Tape::new();
    let probe = b"POST /fakeurl.htm HTTP/1.1\r\nHost: 10.20.30.80\r\nUser-Agent: NetSupport Manager/1.0\r\nContent-Length: 22\r\n\r\n";
    let mut tcp = Tcp::new(v4([198, 51, 100, 9], 41_822), v4([10, 20, 30, 80], 443));
    let refusal = b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    tcp.whole(&mut tape, &[&probe[..], POLL].concat(), refusal);
    tape.pcap()
}

fn older() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut tcp = Tcp::new(client(49_903), (GATEWAY, 3085).into());
    tcp.open(&mut tape);
    for (asked, answered) in [(POLL, &b"CMD=ACK\n"[..]), (b"CMD=HEARTBEAT\n", b"CMD=HEARTBEAT\n")] {
        tcp.ask(tape.wait(900), &gateway_request(GATEWAY, asked));
        tcp.answer(&mut tape, &gateway_response_of("1.6", answered)).acknowledge(&mut tape);
    }
    tcp.refuse(tape.wait(9000));
    tape.pcap()
}

fn beacon() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut random = Random::new(45);
    let mut tcp = Tcp::new(client(49_904), UNLISTED);
    tcp.open(&mut tape);
    greet(&mut tcp, &mut tape, &GATEWAY.to_string(), &mut random);
    for _ in 0..BEATS {
        tape.wait(58_000 + random.below(4000));
        tcp.ask(&mut tape, &gateway_request(GATEWAY, &encoded(36, &mut random))).acknowledge_by_server(&mut tape);
    }
    tcp.refuse(tape.wait(9000));
    tape.pcap()
}

fn geolocate(server: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut tape = Tape::new();
    Tcp::new(client(49_905), server).whole(&mut tape, request, &http_ok("text/html", b"52.37,4.90"));
    tape.pcap()
}

fn browse(request: &[u8]) -> Vec<u8> {
    let mut tape = Tape::new();
    Tcp::new(client(49_920), HTTP).whole(&mut tape, request, &http_ok("text/html", &[b'.'; 300]));
    tape.pcap()
}

fn requests_of(requests: &[String]) -> Vec<u8> {
    let mut tape = Tape::new();
    let mut tcp = Tcp::new(client(49_921), HTTP);
    tcp.open(&mut tape);
    for request in requests {
        tcp.ask(&mut tape, request.as_bytes()).answer(&mut tape, &http_ok("text/html", &[b'.'; 30]));
    }
    tcp.close(&mut tape);
    tape.pcap()
}

fn page() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut tcp = Tcp::new(client(49_922), HTTP);
    let examples = [gateway_request(GATEWAY, POLL), gateway_response(POLL)].concat();
    let text =
        [b"<h1>NetSupport Manager, Server: NetSupport Gateway/1.92</h1><pre>", &examples[..], b"</pre>"].concat();
    tcp.open(&mut tape).ask(&mut tape, &http_get("www.example.com", "/netsupport"));
    tcp.answer(&mut tape, &http_ok("text/html", &text));
    tcp.ask(&mut tape, &http_get("www.example.com", "/netsupport/more"));
    let answer = http_ok("text/html", &text);
    let (head, body) = apart(&answer, text.len());
    tcp.answer(&mut tape, head).answer(&mut tape, body).acknowledge(&mut tape).close(&mut tape);
    tape.pcap()
}
