//! Hosts that say who they are, and then contact a listed endpoint.

use std::net::{Ipv4Addr, SocketAddr};

use super::Group;
use super::cast::{CLIENT, COLLEAGUE, LISTED, client, v4};
use super::dns::{self, Message, RESPONSE};
use super::sample::{Found, found, sample};
use super::tape::{Tape, Tcp};

/// Everybody on the link.
const BROADCAST: [u8; 4] = [10, 20, 30, 255];
/// The domain controller.
const CONTROLLER: SocketAddr = v4([10, 20, 0, 10], 88);
/// The multicast group of mDNS.
const MDNS: SocketAddr = v4([224, 0, 0, 251], 5353);
/// The client's MAC address in DHCP, behind the router whose frames the sensor sees.
const MAC: [u8; 6] = [0x00, 0x00, 0x5e, 0x00, 0x53, 0x40];

fn endpoint(sightings: u32) -> Vec<Found> {
    vec![found("c2-endpoint", "10.20.30.40", "91.202.233.25:4888", sightings)]
}

pub fn group() -> Group {
    Group {
        title: "Host identity",
        about: "Hosts that say who they are in DHCP, NetBIOS, mDNS, LLMNR and Kerberos before they contact a listed \
                endpoint. The alerts name them (`shost`, `suser`).",
        samples: vec![
            sample(
                "identity/all-sources.pcap",
                "DHCP, NetBIOS, mDNS, LLMNR and Kerberos, then a connection.",
                endpoint(1),
                all_sources,
            ),
            sample(
                "identity/kerberos-split.pcap",
                "A Kerberos request over TCP in segments of 30 bytes, then a connection.",
                endpoint(1),
                || {
                    let mut tape = Tape::new();
                    let request = as_request("m.roe", "CORP.EXAMPLE");
                    let mut tcp = Tcp::new(client(50_100), CONTROLLER);
                    tcp.open(&mut tape);
                    let framed = [&(request.len() as u32).to_be_bytes()[..], &request].concat();
                    framed.chunks(30).for_each(|part| {
                        tcp.ask(&mut tape, part);
                    });
                    tcp.acknowledge_by_server(&mut tape).close(&mut tape);
                    contact(&mut tape);
                    tape.pcap()
                },
            ),
            sample(
                "identity/of-others.pcap",
                "Names that are not the client's: a group in NetBIOS, an answer of mDNS about another address, an \
                 offer of DHCP, and the names of a colleague. The alert names nobody.",
                endpoint(1),
                of_others,
            ),
        ],
    }
}

fn contact(tape: &mut Tape) {
    Tcp::new(client(50_200), LISTED).open(tape).close(tape);
}

fn all_sources() -> Vec<u8> {
    let mut tape = Tape::new();
    let router = v4([10, 20, 30, 1], 67);
    tape.udp(v4([0, 0, 0, 0], 68), v4([255, 255, 255, 255], 67), &dhcp(1, 3, CLIENT, "FRONTDESK-7"));
    tape.udp(router, (CLIENT, 68).into(), &dhcp(2, 5, CLIENT, ""));
    tape.udp(client(137), v4(BROADCAST, 137), &registration(b"FRONTDESK-7    \x00", 0, CLIENT));
    tape.udp(client(5353), MDNS, &announcement("frontdesk-7.local", CLIENT));
    tape.udp((CLIENT, 5355).into(), (COLLEAGUE, 51_000).into(), &announcement("frontdesk-7", CLIENT));
    tape.udp(client(50_001), CONTROLLER, &as_request("FRONTDESK-7$", "CORP.EXAMPLE"));
    tape.udp(client(50_002), CONTROLLER, &as_request("j.doe", "CORP.EXAMPLE"));
    contact(&mut tape);
    tape.pcap()
}

fn of_others() -> Vec<u8> {
    let mut tape = Tape::new();
    tape.udp(v4([10, 20, 30, 1], 67), (CLIENT, 68).into(), &dhcp(2, 2, CLIENT, "OFFERED"));
    tape.udp(client(137), v4(BROADCAST, 137), &registration(b"CORP           \x00", 0x80, CLIENT));
    tape.udp(client(5353), MDNS, &announcement("printer.local", COLLEAGUE));
    tape.udp((COLLEAGUE, 137).into(), v4(BROADCAST, 137), &registration(b"DESK-8         \x00", 0, COLLEAGUE));
    tape.udp((COLLEAGUE, 50_002).into(), CONTROLLER, &as_request("m.roe", "CORP.EXAMPLE"));
    contact(&mut tape);
    tape.pcap()
}

/// A message of DHCP (RFC 2131) of this type.
fn dhcp(op: u8, kind: u8, address: Ipv4Addr, name: &str) -> Vec<u8> {
    let mut bytes = vec![0; 236];
    bytes[..4].copy_from_slice(&[op, 1, 6, 0]);
    if op == 2 {
        bytes[16..20].copy_from_slice(&address.octets());
    }
    bytes[28..34].copy_from_slice(&MAC);
    bytes.extend([99, 130, 83, 99, 53, 1, kind]);
    if op == 1 {
        bytes.extend([50, 4]);
        bytes.extend(address.octets());
    }
    if !name.is_empty() {
        bytes.extend([12, name.len() as u8]);
        bytes.extend(name.as_bytes());
    }
    bytes.push(255);
    bytes
}

/// A registration of a NetBIOS name (RFC 1002 section 4.2.2).
fn registration(name: &[u8; 16], flags: u8, address: Ipv4Addr) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1, 32];
    bytes.extend(name.iter().flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 15)]));
    bytes.extend([0, 0, 0x20, 0, 1, 0xc0, 0x0c, 0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, flags, 0]);
    bytes.extend(address.octets());
    bytes
}

/// A response without a question, as of mDNS.
fn announcement(name: &str, address: Ipv4Addr) -> Vec<u8> {
    let answers = vec![dns::address(name, 120, address)];
    Message { flags: RESPONSE, answers, ..Message::default() }.bytes()
}

/// An element of DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let header = if length < 128 { vec![tag, length as u8] } else { vec![tag, 0x81, length as u8] };
    [&header, content].concat()
}

/// A first request of Kerberos (RFC 4120 section 5.4.1).
fn as_request(name: &str, realm: &str) -> Vec<u8> {
    const SEQUENCE: u8 = 0x30;
    const STRING: u8 = 0x1b;
    let integer = |field: u8, value: u8| der(field, &der(2, &[value]));
    let principal = |kind: u8, names: &[&str]| {
        let names: Vec<u8> = names.iter().flat_map(|name| der(STRING, name.as_bytes())).collect();
        der(SEQUENCE, &[integer(0xa0, kind), der(0xa1, &der(SEQUENCE, &names))].concat())
    };
    let body = [
        der(0xa0, &der(3, &[0, 0x40, 0x81, 0, 0x10])),
        der(0xa1, &principal(1, &[name])),
        der(0xa2, &der(STRING, realm.as_bytes())),
        der(0xa3, &principal(2, &["krbtgt", realm])),
        der(0xa5, &der(0x18, b"20370913024805Z")),
        der(0xa7, &der(2, &[0x2b, 0x0c, 0x11, 0x07])),
        der(0xa8, &der(SEQUENCE, &der(2, &[18]))),
    ]
    .concat();
    let request = [integer(0xa1, 5), integer(0xa2, 10), der(0xa4, &der(SEQUENCE, &body))].concat();
    der(0x6a, &der(SEQUENCE, &request))
}
