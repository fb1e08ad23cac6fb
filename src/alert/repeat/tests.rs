use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::windows::MAX_WINDOWS;
use super::*;
use crate::alert::{Alert, MatchBasis, Phase, Signature, TcpOutcome};
use crate::capture::Origin;
use crate::flow::{Endpoint, Flow, Protocol, Vlans};
use crate::indicator::builtin;
use crate::units::{ByteCount, Timestamp};

const TIMEOUT: Duration = Duration::from_secs(240);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_parts(seconds, 0)
}

/// A contact of 10.0.0.`client` from a port, whose first packet is 60 bytes at a time.
fn contact(client: u8, port: u16, seconds: i64) -> Alert {
    let indicator = Arc::new(builtin().remove(0));
    Alert {
        signature: Signature::C2Endpoint,
        phase: Phase::First,
        severity: 9,
        id: 0,
        seen: at(seconds),
        start: at(seconds),
        end: at(seconds),
        client: Endpoint { address: IpAddr::from([10, 0, 0, client]), port: Some(port) },
        server: Endpoint { address: IpAddr::from([91, 202, 233, 25]), port: Some(4888) },
        protocol: Protocol::TCP,
        listed: None,
        client_ipv4: None,
        server_ipv4: None,
        client_identity: None,
        server_identity: None,
        client_mac: None,
        server_mac: None,
        vlans: Vlans::new(),
        application: None,
        outbound: true,
        sent: ByteCount(60),
        received: ByteCount(0),
        count: 1,
        tcp_outcome: Some(TcpOutcome::Attempted),
        dns: None,
        server_name: None,
        http: None,
        indicator: Some(indicator),
        basis: MatchBasis::AddressPort,
        exclusion: None,
        origin: Arc::new(Origin::default()),
        packets: None,
        times: Vec::new(),
        message: "contact".to_owned(),
    }
}

fn flow(alert: &Alert) -> Flow {
    Flow { source: alert.client, destination: alert.server, protocol: alert.protocol }
}

fn answer(start: i64, seconds: i64, bytes: u64) -> Traffic {
    Traffic {
        start: at(start),
        time: at(seconds),
        sent: ByteCount(0),
        received: ByteCount(bytes),
        packets: None,
        tcp_outcome: Some(TcpOutcome::Established),
    }
}

/// Repeat windows with the alerts that they emitted.
struct Recorded {
    repeats: RepeatWindows,
    alerts: Vec<Alert>,
}

impl Recorded {
    fn new(window: u64) -> Self {
        Self { repeats: RepeatWindows::new(Duration::from_secs(window)), alerts: Vec::new() }
    }

    fn sighting(&mut self, alert: &Alert) -> Option<WindowId> {
        let seen = alert.end;
        self.repeats.close_due(seen, &mut |alert| self.alerts.push(alert));
        self.repeats.sighting(alert.clone(), Some((flow(alert), TIMEOUT)), false, &mut |alert| self.alerts.push(alert))
    }

    fn traffic(&mut self, id: Option<WindowId>, alert: &Alert, traffic: Traffic) {
        self.repeats.close_due(traffic.time, &mut |alert| self.alerts.push(alert));
        let conversation = (flow(alert), TIMEOUT);
        self.repeats.traffic(id, traffic, conversation, || alert.clone(), &mut |alert| self.alerts.push(alert));
    }

    fn until(&mut self, seconds: i64) {
        self.repeats.close_due(at(seconds), &mut |alert| self.alerts.push(alert));
    }

    fn end(&mut self) {
        self.repeats.close_all(&mut |alert| self.alerts.push(alert));
    }

    /// Phase, sightings, bytes sent and received of each alert.
    fn short(&self) -> Vec<(&str, u64, u64, u64)> {
        self.alerts.iter().map(|alert| (alert.phase.token(), alert.count, alert.sent.0, alert.received.0)).collect()
    }
}

#[test]
fn a_short_session_gives_two_lines_and_a_lone_packet_one() {
    let mut recorded = Recorded::new(600);
    let session = contact(1, 1000, 0);
    let id = recorded.sighting(&session);
    recorded.traffic(id, &session, answer(0, 1, 44));
    recorded.traffic(id, &session, answer(0, 2, 1000));
    recorded.sighting(&contact(2, 1000, 3));
    recorded.end();
    assert_eq!(recorded.short(), [("first", 1, 60, 0), ("first", 1, 60, 0), ("update", 0, 0, 1044)]);
    let update = &recorded.alerts[2];
    assert_eq!((update.seen, update.start, update.end), (at(0), at(0), at(2)));
    assert_eq!(update.tcp_outcome, Some(TcpOutcome::Established));
    assert_eq!(update.message, "contact; since the line before: 2 packets");
}

#[test]
fn repeats_within_the_window_are_one_update_when_it_closes() {
    let mut recorded = Recorded::new(600);
    for minute in 0..5 {
        recorded.sighting(&contact(1, 1000 + minute, i64::from(minute) * 60));
    }
    recorded.until(599);
    assert_eq!(recorded.short(), [("first", 1, 60, 0)]);
    recorded.until(600);
    assert_eq!(recorded.short()[1..], [("update", 4, 240, 0)]);
    let update = &recorded.alerts[1];
    assert_eq!((update.seen, update.end, update.client.port), (at(60), at(240), Some(1004)));
}

#[test]
fn windows_follow_each_other_while_there_is_something_to_tell() {
    let mut recorded = Recorded::new(600);
    for minute in 0..30u16 {
        recorded.sighting(&contact(1, minute, i64::from(minute) * 60));
    }
    recorded.until(2400);
    let updates: Vec<_> = recorded.short().iter().map(|line| (line.0, line.1)).collect();
    assert_eq!(updates, [("first", 1), ("update", 9), ("update", 10), ("update", 10)]);
    // The window from 1800 to 2400 was silent, so this is a first sighting again.
    recorded.sighting(&contact(1, 99, 2401));
    assert_eq!(recorded.short()[4..], [("first", 1, 60, 0)]);
}

#[test]
fn bytes_after_a_silent_window_are_told_too() {
    let mut recorded = Recorded::new(600);
    let session = contact(1, 1000, 0);
    let id = recorded.sighting(&session);
    recorded.traffic(id, &session, answer(0, 700, 10));
    recorded.end();
    assert_eq!(recorded.short(), [("first", 1, 60, 0), ("update", 0, 0, 10)]);
    assert_ne!(recorded.alerts[0].id, recorded.alerts[1].id);
}

#[test]
fn a_window_of_zero_tells_each_conversation_by_itself() {
    let mut recorded = Recorded::new(0);
    let (one, two) = (contact(1, 1000, 0), contact(1, 1001, 1));
    let first = recorded.sighting(&one);
    let second = recorded.sighting(&two);
    recorded.traffic(first, &one, answer(0, 100, 10));
    recorded.traffic(second, &two, answer(1, 101, 20));
    recorded.traffic(first, &one, answer(0, 300, 30));
    recorded.until(342);
    assert_eq!(recorded.short(), [("first", 1, 60, 0), ("first", 1, 60, 0), ("update", 0, 0, 20)]);
    recorded.until(541);
    assert_eq!(recorded.short()[3..], [("update", 0, 0, 40)]);
}

#[test]
fn with_a_window_of_zero_a_conversation_on_the_same_ports_ends_the_one_before() {
    let mut recorded = Recorded::new(0);
    let one = contact(1, 1000, 0);
    let id = recorded.sighting(&one);
    recorded.traffic(id, &one, answer(0, 1, 10));
    recorded.sighting(&contact(1, 1000, 2));
    recorded.end();
    assert_eq!(recorded.short(), [("first", 1, 60, 0), ("update", 0, 0, 10), ("first", 1, 60, 0)]);
}

#[test]
fn too_many_windows_close_the_oldest_early_and_lose_nothing() {
    let mut recorded = Recorded::new(600);
    let client = |number: u32| Alert {
        client: Endpoint { address: IpAddr::V4((0x0a00_0000 + number).into()), port: Some(1) },
        ..contact(1, 1, 0)
    };
    for number in 0..=MAX_WINDOWS as u32 {
        let alert = client(number);
        let id = recorded.sighting(&alert);
        recorded.traffic(id, &alert, answer(0, 1, 10));
    }
    assert_eq!((recorded.repeats.windows.len(), recorded.repeats.closed_early()), (MAX_WINDOWS, 1));
    recorded.end();
    let received: u64 = recorded.alerts.iter().map(|alert| alert.received.0).sum();
    assert_eq!(received, 10 * (MAX_WINDOWS as u64 + 1));
    assert!(recorded.repeats.windows.is_empty() && recorded.repeats.by_key.is_empty());
}

proptest! {
    /// Sums over alerts are exact, and all alerts have different identifiers.
    #[test]
    fn sums_over_alerts_are_exact_for_any_window(
        window in prop::sample::select(vec![0u64, 1, 60, 600]),
        packets in prop::collection::vec((0u8..3, 0u16..4, 0i64..400, 1u64..1500), 1..60),
    ) {
        let mut recorded = Recorded::new(window);
        let mut now = 0;
        let mut open = HashMap::new();
        let (mut sightings, mut sent, mut received) = (0, 0, 0);
        for (client, port, pause, bytes) in packets {
            now += pause;
            match open.get(&(client, port)) {
                Some((id, alert, start)) => {
                    recorded.traffic(*id, alert, answer(*start, now, bytes));
                    received += bytes;
                }
                None => {
                    let alert = contact(client, port, now);
                    let id = recorded.sighting(&alert);
                    open.insert((client, port), (id, alert, now));
                    sightings += 1;
                    sent += 60;
                }
            }
        }
        recorded.end();
        let alerts = &recorded.alerts;
        prop_assert_eq!(alerts.iter().map(|alert| alert.count).sum::<u64>(), sightings);
        prop_assert_eq!(alerts.iter().map(|alert| alert.sent).sum::<ByteCount>(), ByteCount(sent));
        prop_assert_eq!(alerts.iter().map(|alert| alert.received).sum::<ByteCount>(), ByteCount(received));
        let ids: std::collections::HashSet<_> = alerts.iter().map(|alert| alert.id).collect();
        prop_assert_eq!(ids.len(), alerts.len());
    }
}
