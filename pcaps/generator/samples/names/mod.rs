//! Names on the wire.

use super::Group;
use super::sample::{Found, found};
use super::{cast, dns, hello, quic, random, sample, speech, tape};

mod http;
mod proxies;
mod quic_and_dns;
mod tls;

/// The gateway's name.
const NAME: &str = "gw.feersona.net";

/// The client named something listed to a server.
fn named(server: &'static str, sightings: u32) -> Vec<Found> {
    vec![found("c2-server-name", "10.20.30.40", server, sightings)]
}

pub fn group() -> Group {
    let samples = [tls::samples(), quic_and_dns::samples(), http::samples(), proxies::samples(), tls::look_alikes()];
    Group {
        title: "Names",
        about: "A client names something listed (`gw.feersona.net`, unless a row says otherwise) in TLS, QUIC \
                or HTTP, or to a proxy, without a DNS question before. Some files hold DNS over TCP whose \
                messages and segments do not begin together. In TLS and QUIC, the name is the one that the \
                client asks for (SNI).",
        samples: samples.into_iter().flatten().collect(),
    }
}
