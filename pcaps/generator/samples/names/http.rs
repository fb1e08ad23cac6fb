//! Names in HTTP, said to the server itself.

use std::net::SocketAddr;

use super::cast::{ALL_LISTED, GATEWAY, client, v4};
use super::sample::{Sample, found, sample};
use super::speech::{http_get, http_ok};
use super::tape::{Tape, Tcp};
use super::{NAME, named};

const SERVER: &str = "203.0.113.66:80";
const HTTP: SocketAddr = v4([192, 0, 2, 80], 80);

pub fn samples() -> Vec<Sample> {
    let at_80 = |path, about, make| sample(path, about, named(SERVER, 1), make);
    vec![
        at_80("names/http-host.pcap", "The `Host` field names it.", || {
            asked("GET / HTTP/1.1\r\nHost: gw.feersona.net\r\n\r\n")
        }),
        at_80("names/http-host-case.pcap", "`hOsT: GW.FeerSona.NET`.", || {
            asked("GET / HTTP/1.1\r\nhOsT: GW.FeerSona.NET\r\n\r\n")
        }),
        at_80(
            "names/http-host-tab.pcap",
            "A tab and spaces between the colon and the name, and after the name.",
            || asked("GET / HTTP/1.1\r\nHost:\t gw.feersona.net \t\r\n\r\n"),
        ),
        at_80("names/http-bare-lf.pcap", "Lines end in a bare LF.", || {
            asked("GET / HTTP/1.1\nUser-Agent: x\nHost: gw.feersona.net\n\n")
        }),
        sample(
            "names/http-host-port.pcap",
            "On port 8080, which `Host` names, too.",
            named("203.0.113.66:8080", 1),
            || {
                answered((GATEWAY, 8080).into(), |tcp, tape| {
                    tcp.ask(tape, &http_get("gw.feersona.net:8080", "/"));
                })
            },
        ),
        at_80("names/http-split.pcap", "The head in segments of 20 bytes.", || {
            answered((GATEWAY, 80).into(), |tcp, tape| {
                http_get(NAME, "/index.html").chunks(20).for_each(|part| {
                    tcp.ask(tape, part);
                });
            })
        }),
        at_80(
            "names/http-second-request.pcap",
            "A persistent connection: the first request is for `www.example.com`, the second for the listed name.",
            || {
                answered((GATEWAY, 80).into(), |tcp, tape| {
                    tcp.ask(tape, &http_get("www.example.com", "/")).answer(tape, &http_ok("text/html", &[b'.'; 700]));
                    tcp.ask(tape.wait(2000), &http_get(NAME, "/two"));
                })
            },
        ),
        at_80(
            "names/http-behind-a-body.pcap",
            "A POST to `www.example.com` whose body looks like a request for `feersona.net` and has its own \
             segment. A request for the listed name begins in the segment in which the body ends.",
            || {
                let body = "GET http://feersona.net/ HTTP/1.1\r\nHost: feersona.net\r\n\r\n".repeat(2);
                let length = body.len();
                let (first, second) = body.split_at(length / 2);
                answered((GATEWAY, 80).into(), |tcp, tape| {
                    let head =
                        format!("POST /one HTTP/1.1\r\nHost: www.example.com\r\nContent-Length: {length}\r\n\r\n");
                    tcp.ask(tape, head.as_bytes()).ask(tape, first.as_bytes());
                    tcp.ask(tape, format!("{second}GET /two HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes());
                })
            },
        ),
        at_80(
            "names/http-pipelined.pcap",
            "Two requests in one segment. The first one has a body and is for `www.example.com`.",
            || {
                let first = "POST /one HTTP/1.1\r\nHost: www.example.com\r\nContent-Length: 5\r\n\r\nhello";
                asked(&format!("{first}GET /two HTTP/1.1\r\nHost: {NAME}\r\n\r\n"))
            },
        ),
        sample(
            "names/http-own-address.pcap",
            "A request to 5.252.177.201:443 whose `Host` and absolute target name that address. The contact \
             already says it, so it is not reported again.",
            vec![found("c2-endpoint", "10.20.30.40", "5.252.177.201:443", 1)],
            || {
                answered(ALL_LISTED[2], |tcp, tape| {
                    tcp.ask(tape, &http_get("5.252.177.201", "/"));
                    tcp.ask(tape, &http_get("5.252.177.201:443", "http://5.252.177.201:443/again"));
                })
            },
        ),
        sample(
            "names/http-other-places.pcap",
            "The name in the body of a POST (in the segment of its head, and in a segment of its own), in path, \
             query, `Referer` and cookie, and in the answer. No request asks for it.",
            vec![],
            other_places,
        ),
        sample(
            "names/http-look-alikes.pcap",
            "`Host` names `xfeersona.net`, `feersona.net.example.org`, `feersona.net@www.example.com`, and \
             91.202.233.250:4888.",
            vec![],
            || {
                answered(HTTP, |tcp, tape| {
                    for host in [
                        "xfeersona.net",
                        "feersona.net.example.org",
                        "feersona.net@www.example.com",
                        "91.202.233.250:4888",
                    ] {
                        tcp.ask(tape, &http_get(host, "/")).answer(tape, &http_ok("text/html", b"."));
                    }
                })
            },
        ),
    ]
}

/// A conversation in which the client says something, and gets a page.
fn answered(server: SocketAddr, ask: impl Fn(&mut Tcp, &mut Tape)) -> Vec<u8> {
    let mut tape = Tape::new();
    let mut tcp = Tcp::new(client(49_850), server);
    ask(tcp.open(&mut tape), &mut tape);
    tcp.answer(&mut tape, &http_ok("text/html", &[b'.'; 400])).acknowledge(&mut tape).close(&mut tape);
    tape.pcap()
}

fn asked(text: &str) -> Vec<u8> {
    answered((GATEWAY, 80).into(), |tcp, tape| {
        tcp.ask(tape, text.as_bytes());
    })
}

fn other_places() -> Vec<u8> {
    let post = |body: &str| {
        let head = format!("POST /form HTTP/1.1\r\nHost: www.example.com\r\nContent-Length: {}\r\n\r\n", body.len());
        (head, body.to_owned())
    };
    answered(HTTP, |tcp, tape| {
        let (head, body) = post("a\r\nGET http://gw.feersona.net/ HTTP/1.1\r\nHost: gw.feersona.net\r\n\r\n");
        tcp.ask(tape, format!("{head}{body}").as_bytes()).answer(tape, &http_ok("text/html", b"1"));
        let (head, body) = post("\r\nHost: gw.feersona.net\r\n\r\nCONNECT gw.feersona.net:443\r\n");
        tcp.ask(tape, head.as_bytes()).ask(tape, body.as_bytes()).answer(tape, &http_ok("text/html", b"2"));
        let head = "GET /gw.feersona.net?u=http://gw.feersona.net/ HTTP/1.1\r\nHost: www.example.com\r\n\
                    Referer: http://gw.feersona.net/\r\nCookie: Host=gw.feersona.net\r\n\r\n";
        tcp.ask(tape, head.as_bytes());
        tcp.answer(tape, &http_ok("text/html", b"Host: gw.feersona.net\r\n<a href=http://gw.feersona.net/>"));
    })
}
