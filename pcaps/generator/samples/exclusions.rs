//! Lawful use of NetSupport, and what only passes for it: for the rules in
//! `packaging/exclusions.toml`.

use std::net::SocketAddr;

use super::Group;
use super::cast::{LISTED, v4};
use super::link;
use super::random::Random;
use super::sample::{Found, found, sample};
use super::speech::{POLL, encoded, gateway_request, gateway_response};
use super::tape::{Tape, Tcp};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Tuesday noon in the rules' zone, which is two hours before UTC in summer: an hour after the
/// start.
const TUESDAY_NOON: u64 = HOUR;
/// Saturday midnight in the rules' zone.
const SATURDAY_MIDNIGHT: u64 = 4 * DAY + 13 * HOUR;
/// To the same weekday and hour after the rules' last day, 2027-06-30: 56 weeks.
const LATER: u64 = 56 * 7 * DAY;

/// Posts of a session.
const POSTS: u32 = 2;

/// The approved gateway.
const GATEWAY: SocketAddr = v4([203, 0, 113, 80], 443);
const TUTOR: SocketAddr = v4([10, 20, 33, 5], 443);

pub fn group() -> Group {
    Group {
        title: "Lawful use",
        about: "One sample for each of the five cases in `packaging/exclusions.toml`. Each has traffic that the \
                rule excludes, and the same traffic outside of its schedule, after it expired, and with a host \
                that also contacts a listed endpoint. The last column is for a replay without the rules. \
                `golden/exclusions/<file>.excluded.cef` has the lines of a replay with them, and \
                `<file>.audit.cef` the lines that they suppress. Times are in Amsterdam's time zone.",
        samples: vec![
            sample(
                "exclusions/remote-support.pcap",
                "10.20.31.7 of the help desk speaks with the approved gateway on Tuesday at 12:00 and 21:00, \
                 and 56 weeks later at 12:00. 10.20.31.8 speaks with it on Tuesday at 12:10 and contacts \
                 91.202.233.25:4888 at 12:20. It speaks with the gateway again at 12:25, on Wednesday at 12:00, \
                 and at 13:00, which is more than a day after the contact.",
                vec![
                    gateway("10.20.31.7", "203.0.113.80:443", 3),
                    gateway("10.20.31.8", "203.0.113.80:443", 4),
                    found("c2-endpoint", "10.20.31.8", "91.202.233.25:4888", 1),
                ],
                remote_support,
            ),
            sample(
                "exclusions/maintenance.pcap",
                "The job server 10.20.40.10 reaches 10.20.30.61 on Saturday at 23:30, on Sunday at 02:00 and at \
                 05:00, and 56 weeks later on Saturday at 23:30. 10.20.30.62 contacts 91.202.233.25:4888 on \
                 Saturday at 23:40, and the job server reaches it at 23:45.",
                vec![
                    gateway("10.20.40.10", "10.20.30.61:5405", 4),
                    gateway("10.20.40.10", "10.20.30.62:5405", 1),
                    found("c2-endpoint", "10.20.30.62", "91.202.233.25:4888", 1),
                ],
                maintenance,
            ),
            sample(
                "exclusions/software-deployment.pcap",
                "The deployment server 10.20.40.20 reaches 10.20.30.61 on Tuesday at 12:05, at 15:00 and on \
                 Wednesday at 12:05, and 56 weeks later on Tuesday at 12:05. 10.20.30.62 contacts \
                 91.202.233.25:4888 on Tuesday at 12:10, and the deployment server reaches it at 12:15.",
                vec![
                    gateway("10.20.40.20", "10.20.30.61:5405", 4),
                    gateway("10.20.40.20", "10.20.30.62:5405", 1),
                    found("c2-endpoint", "10.20.30.62", "91.202.233.25:4888", 1),
                ],
                software_deployment,
            ),
            sample(
                "exclusions/training.pcap",
                "10.20.32.11 in VLAN 130 speaks with the tutor's host on Tuesday at 12:00 and at 18:00, and 56 \
                 weeks later at 12:00. 10.20.32.12 contacts 91.202.233.25:4888 on Tuesday at 12:10, and speaks \
                 with the tutor's host at 12:15. 10.20.32.13 speaks with it at 12:20, but in no VLAN.",
                vec![
                    gateway("10.20.32.11", "10.20.33.5:443", 3),
                    gateway("10.20.32.12", "10.20.33.5:443", 1),
                    gateway("10.20.32.13", "10.20.33.5:443", 1),
                    found("c2-endpoint", "10.20.32.12", "91.202.233.25:4888", 1),
                ],
                training,
            ),
            sample(
                "exclusions/inventory.pcap",
                "The inventory server 10.20.40.30 reaches 10.20.30.61 on Sunday at 01:30 and at 05:30, and 56 \
                 weeks later at 01:30. 10.20.30.62 contacts 91.202.233.25:4888 on Sunday at 01:40, and the \
                 inventory server reaches it at 01:45.",
                vec![
                    gateway("10.20.40.30", "10.20.30.61:5405", 3),
                    gateway("10.20.40.30", "10.20.30.62:5405", 1),
                    found("c2-endpoint", "10.20.30.62", "91.202.233.25:4888", 1),
                ],
                inventory,
            ),
        ],
    }
}

fn gateway(client: &'static str, server: &'static str, sessions: u32) -> Found {
    found("netsupport-gateway", client, server, sessions * POSTS)
}

fn host(net: u8, host: u8, port: u16) -> SocketAddr {
    v4([10, 20, net, host], port)
}

/// A short session: two posts, the first of which is answered.
fn session(tape: &mut Tape, at: u64, client: SocketAddr, server: SocketAddr) {
    let mut random = Random::new(at);
    let mut tcp = Tcp::new(client, server);
    tcp.open(tape.at(at)).ask(tape, &gateway_request(server.ip(), POLL));
    tcp.answer(tape, &gateway_response(&encoded(62, &mut random))).acknowledge(tape);
    tcp.ask(tape.wait(700), &gateway_request(server.ip(), &encoded(36, &mut random)));
    tcp.acknowledge_by_server(tape).refuse(tape.wait(9000));
}

/// A contact with the first of the listed endpoints, which refuses it.
fn contact(tape: &mut Tape, at: u64, client: SocketAddr) {
    Tcp::new(client, LISTED).syn(tape.at(at)).refuse(tape);
}

fn remote_support() -> Vec<u8> {
    let mut tape = Tape::new();
    session(&mut tape, TUESDAY_NOON, host(31, 7, 50_001), GATEWAY);
    session(&mut tape, TUESDAY_NOON + 10 * MINUTE, host(31, 8, 50_002), GATEWAY);
    contact(&mut tape, TUESDAY_NOON + 20 * MINUTE, host(31, 8, 50_003));
    session(&mut tape, TUESDAY_NOON + 25 * MINUTE, host(31, 8, 50_004), GATEWAY);
    session(&mut tape, TUESDAY_NOON + 9 * HOUR, host(31, 7, 50_005), GATEWAY);
    session(&mut tape, TUESDAY_NOON + DAY, host(31, 8, 50_006), GATEWAY);
    session(&mut tape, TUESDAY_NOON + DAY + HOUR, host(31, 8, 50_007), GATEWAY);
    session(&mut tape, TUESDAY_NOON + LATER, host(31, 7, 50_008), GATEWAY);
    tape.pcap()
}

fn maintenance() -> Vec<u8> {
    let mut tape = Tape::new();
    let server = |port| host(40, 10, port);
    session(&mut tape, SATURDAY_MIDNIGHT - 30 * MINUTE, server(50_011), host(30, 61, 5405));
    contact(&mut tape, SATURDAY_MIDNIGHT - 20 * MINUTE, host(30, 62, 50_012));
    session(&mut tape, SATURDAY_MIDNIGHT - 15 * MINUTE, server(50_013), host(30, 62, 5405));
    session(&mut tape, SATURDAY_MIDNIGHT + 2 * HOUR, server(50_014), host(30, 61, 5405));
    session(&mut tape, SATURDAY_MIDNIGHT + 5 * HOUR, server(50_015), host(30, 61, 5405));
    session(&mut tape, SATURDAY_MIDNIGHT + LATER - 30 * MINUTE, server(50_016), host(30, 61, 5405));
    tape.pcap()
}

fn software_deployment() -> Vec<u8> {
    let mut tape = Tape::new();
    let server = |port| host(40, 20, port);
    session(&mut tape, TUESDAY_NOON + 5 * MINUTE, server(50_021), host(30, 61, 5405));
    contact(&mut tape, TUESDAY_NOON + 10 * MINUTE, host(30, 62, 50_022));
    session(&mut tape, TUESDAY_NOON + 15 * MINUTE, server(50_023), host(30, 62, 5405));
    session(&mut tape, TUESDAY_NOON + 3 * HOUR, server(50_024), host(30, 61, 5405));
    session(&mut tape, TUESDAY_NOON + DAY + 5 * MINUTE, server(50_025), host(30, 61, 5405));
    session(&mut tape, TUESDAY_NOON + LATER + 5 * MINUTE, server(50_026), host(30, 61, 5405));
    tape.pcap()
}

fn training() -> Vec<u8> {
    let mut tape = Tape::on(link::VLAN);
    session(&mut tape, TUESDAY_NOON, host(32, 11, 50_031), TUTOR);
    contact(&mut tape, TUESDAY_NOON + 10 * MINUTE, host(32, 12, 50_032));
    session(&mut tape, TUESDAY_NOON + 15 * MINUTE, host(32, 12, 50_033), TUTOR);
    tape.link = link::ETHERNET;
    session(&mut tape, TUESDAY_NOON + 20 * MINUTE, host(32, 13, 50_034), TUTOR);
    tape.link = link::VLAN;
    session(&mut tape, TUESDAY_NOON + 6 * HOUR, host(32, 11, 50_035), TUTOR);
    session(&mut tape, TUESDAY_NOON + LATER, host(32, 11, 50_036), TUTOR);
    tape.pcap()
}

fn inventory() -> Vec<u8> {
    let mut tape = Tape::new();
    let server = |port| host(40, 30, port);
    session(&mut tape, SATURDAY_MIDNIGHT + 90 * MINUTE, server(50_041), host(30, 61, 5405));
    contact(&mut tape, SATURDAY_MIDNIGHT + 100 * MINUTE, host(30, 62, 50_042));
    session(&mut tape, SATURDAY_MIDNIGHT + 105 * MINUTE, server(50_043), host(30, 62, 5405));
    session(&mut tape, SATURDAY_MIDNIGHT + 330 * MINUTE, server(50_044), host(30, 61, 5405));
    session(&mut tape, SATURDAY_MIDNIGHT + LATER + 90 * MINUTE, server(50_045), host(30, 61, 5405));
    tape.pcap()
}
