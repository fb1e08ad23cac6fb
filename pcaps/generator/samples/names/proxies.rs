//! Names in what is said to proxies: the destination is theirs, and only the words tell whom the
//! client wants.

use std::net::SocketAddr;

use super::cast::{LISTED, PROXY, SOCKS, client};
use super::random::Random;
use super::sample::{Sample, sample};
use super::speech::{self, http_get, http_ok};
use super::tape::{Tape, Tcp};
use super::{NAME, named};

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

pub fn samples() -> Vec<Sample> {
    let http = |path, about, make| sample(path, about, named("10.20.0.80:3128", 1), make);
    let socks = |path, about, make| sample(path, about, named("10.20.0.80:1080", 1), make);
    vec![
        http("names/proxy-domain.pcap", "An absolute target and `Host` name the domain.", || {
            through_http("gw.feersona.net", "http://gw.feersona.net/news")
        }),
        http("names/proxy-address.pcap", "An absolute target names 91.202.233.25:4888, as listed.", || {
            through_http("91.202.233.25:4888", "http://91.202.233.25:4888/news")
        }),
        http(
            "names/proxy-address-other-port.pcap",
            "An absolute target names 91.202.233.25:8080, which is not the listed port.",
            || through_http("91.202.233.25:8080", "http://91.202.233.25:8080/news"),
        ),
        http("names/connect-domain.pcap", "`CONNECT gw.feersona.net:443`, then TLS without a name.", || {
            connect("gw.feersona.net:443", None)
        }),
        http("names/connect-address.pcap", "`CONNECT 5.252.177.201:443`, then TLS without a name.", || {
            connect("5.252.177.201:443", None)
        }),
        sample(
            "names/connect-and-tls.pcap",
            "`CONNECT gw.feersona.net:443`, then a ClientHello for the same name. The name is named twice.",
            named("10.20.0.80:3128", 2),
            || connect("gw.feersona.net:443", Some(NAME)),
        ),
        socks(
            "names/socks5-domain.pcap",
            "SOCKS5: the methods in a segment of their own, then a request for the name.",
            || socks5(&[&[3, NAME.len() as u8][..], NAME.as_bytes()].concat(), 443),
        ),
        socks(
            "names/socks5-retransmitted.pcap",
            "SOCKS5: the methods, a request for 91.202.233.25:4888, and both again.",
            || {
                let mut tape = Tape::new();
                let mut tcp = Tcp::new(client(49_872), SOCKS);
                tcp.open(&mut tape);
                let parts: [(usize, &[u8]); 2] = [(0, &[5, 1, 0]), (3, &[5, 1, 0, 1, 91, 202, 233, 25, 0x13, 0x18])];
                for (offset, part) in parts.into_iter().chain(parts) {
                    tcp.ask_at(tape.wait(300), offset, part);
                }
                tcp.asked(13).refuse(&mut tape);
                tape.pcap()
            },
        ),
        socks("names/socks5-address.pcap", "SOCKS5: a request for 91.202.233.25:4888.", || {
            socks5(&[1, 91, 202, 233, 25], LISTED.port())
        }),
        socks("names/socks4a-domain.pcap", "SOCKS4a: a request for the name.", || {
            let request = [&[4, 1, 1, 0xbb, 0, 0, 0, 1][..], b"user\0", NAME.as_bytes(), &[0]].concat();
            tunnel(SOCKS, &[(&request, &[0, 90, 0, 0, 0, 0, 0, 0])], None)
        }),
        socks("names/socks4-address.pcap", "SOCKS4: a request for 91.202.233.25:4888.", || {
            tunnel(SOCKS, &[(&[4, 1, 0x13, 0x18, 91, 202, 233, 25, 0], &[0, 90, 0, 0, 0, 0, 0, 0])], None)
        }),
    ]
}

fn through_http(host: &str, target: &str) -> Vec<u8> {
    let mut tape = Tape::new();
    Tcp::new(client(49_870), PROXY).whole(&mut tape, &http_get(host, target), &http_ok("text/html", &[b'.'; 500]));
    tape.pcap()
}

/// A connection through a proxy that is asked for step by step, and TLS in it.
fn tunnel(proxy: SocketAddr, steps: &[(&[u8], &[u8])], name: Option<&str>) -> Vec<u8> {
    let mut tape = Tape::new();
    let mut random = Random::new(31);
    let mut tcp = Tcp::new(client(49_871), proxy);
    tcp.open(&mut tape);
    for (asked, answered) in steps {
        tcp.ask(&mut tape, asked).answer(&mut tape, answered);
    }
    let hello = super::hello::Hello { name, ..super::hello::hello("") }.record(&mut random);
    tcp.ask(&mut tape, &hello).answer(&mut tape, &speech::server_hello(&mut random));
    tcp.ask(&mut tape, &speech::tls_data(300, &mut random)).answer(&mut tape, &speech::tls_data(900, &mut random));
    tcp.acknowledge(&mut tape).close(&mut tape);
    tape.pcap()
}

fn connect(to: &str, name: Option<&str>) -> Vec<u8> {
    let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nProxy-Connection: keep-alive\r\n\r\n");
    tunnel(PROXY, &[(request.as_bytes(), ESTABLISHED)], name)
}

/// An offer of no authentication, and a request to connect.
fn socks5(host: &[u8], port: u16) -> Vec<u8> {
    let request = [&[5, 1, 0][..], host, &port.to_be_bytes()].concat();
    tunnel(SOCKS, &[(&[5, 1, 0], &[5, 0]), (&request, &[5, 0, 0, 1, 10, 20, 0, 80, 0xc3, 0x50])], None)
}
