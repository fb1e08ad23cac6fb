use super::*;
use crate::alert::MatchBasis;
use crate::capture::Origin;
use crate::flow::{Endpoint, Protocol, Vlans};
use crate::indicator::builtin;
use proptest::prelude::*;

const SILENCE: Duration = Duration::from_secs(240);

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

/// Repeats together with what they emitted.
struct Told {
    repeats: Repeats,
    lines: Vec<Alert>,
}

impl Told {
    fn new(window: u64) -> Self {
        Self { repeats: Repeats::new(Duration::from_secs(window)), lines: Vec::new() }
    }

    fn sighting(&mut self, alert: &Alert) -> Option<WindowId> {
        let seen = alert.end;
        self.repeats.close_due(seen, &mut |line| self.lines.push(line));
        self.repeats.sighting(alert.clone(), Some((flow(alert), SILENCE)), false, &mut |line| self.lines.push(line))
    }

    fn traffic(&mut self, id: Option<WindowId>, alert: &Alert, traffic: Traffic) {
        self.repeats.close_due(traffic.time, &mut |line| self.lines.push(line));
        let place = (flow(alert), SILENCE);
        self.repeats.traffic(id, traffic, place, || alert.clone(), &mut |line| self.lines.push(line));
    }

    fn until(&mut self, seconds: i64) {
        self.repeats.close_due(at(seconds), &mut |line| self.lines.push(line));
    }

    fn end(&mut self) {
        self.repeats.close_all(&mut |line| self.lines.push(line));
    }

    /// Phase, sightings, bytes sent and received of each line.
    fn short(&self) -> Vec<(&str, u64, u64, u64)> {
        self.lines.iter().map(|line| (line.phase.token(), line.count, line.sent.0, line.received.0)).collect()
    }
}

#[test]
fn a_short_session_gives_two_lines_and_a_lone_packet_one() {
    let mut told = Told::new(600);
    let session = contact(1, 1000, 0);
    let id = told.sighting(&session);
    told.traffic(id, &session, answer(0, 1, 44));
    told.traffic(id, &session, answer(0, 2, 1000));
    told.sighting(&contact(2, 1000, 3));
    told.end();
    assert_eq!(told.short(), [("first", 1, 60, 0), ("first", 1, 60, 0), ("update", 0, 0, 1044)]);
    let update = &told.lines[2];
    assert_eq!((update.seen, update.start, update.end), (at(0), at(0), at(2)));
    assert_eq!(update.tcp_outcome, Some(TcpOutcome::Established));
    assert_eq!(update.message, "contact; since the line before: 2 packets");
}

#[test]
fn repeats_within_the_window_are_one_update_when_it_closes() {
    let mut told = Told::new(600);
    for minute in 0..5 {
        told.sighting(&contact(1, 1000 + minute, i64::from(minute) * 60));
    }
    told.until(599);
    assert_eq!(told.short(), [("first", 1, 60, 0)]);
    told.until(600);
    assert_eq!(told.short()[1..], [("update", 4, 240, 0)]);
    let update = &told.lines[1];
    assert_eq!((update.seen, update.end, update.client.port), (at(60), at(240), Some(1004)));
}

#[test]
fn windows_follow_each_other_while_there_is_something_to_tell() {
    let mut told = Told::new(600);
    for minute in 0..30u16 {
        told.sighting(&contact(1, minute, i64::from(minute) * 60));
    }
    told.until(2400);
    let updates: Vec<_> = told.short().iter().map(|line| (line.0, line.1)).collect();
    assert_eq!(updates, [("first", 1), ("update", 9), ("update", 10), ("update", 10)]);
    // The window from 1800 to 2400 was silent, so this is a first sighting again.
    told.sighting(&contact(1, 99, 2401));
    assert_eq!(told.short()[4..], [("first", 1, 60, 0)]);
}

#[test]
fn bytes_after_a_silent_window_are_told_too() {
    let mut told = Told::new(600);
    let session = contact(1, 1000, 0);
    let id = told.sighting(&session);
    told.traffic(id, &session, answer(0, 700, 10));
    told.end();
    assert_eq!(told.short(), [("first", 1, 60, 0), ("update", 0, 0, 10)]);
    assert_ne!(told.lines[0].id, told.lines[1].id);
}

#[test]
fn a_window_of_zero_tells_each_conversation_by_itself() {
    let mut told = Told::new(0);
    let (one, two) = (contact(1, 1000, 0), contact(1, 1001, 1));
    let first = told.sighting(&one);
    let second = told.sighting(&two);
    told.traffic(first, &one, answer(0, 100, 10));
    told.traffic(second, &two, answer(1, 101, 20));
    told.traffic(first, &one, answer(0, 300, 30));
    told.until(342);
    assert_eq!(told.short(), [("first", 1, 60, 0), ("first", 1, 60, 0), ("update", 0, 0, 20)]);
    told.until(541);
    assert_eq!(told.short()[3..], [("update", 0, 0, 40)]);
}

#[test]
fn with_a_window_of_zero_a_conversation_on_the_same_ports_ends_the_one_before() {
    let mut told = Told::new(0);
    let one = contact(1, 1000, 0);
    let id = told.sighting(&one);
    told.traffic(id, &one, answer(0, 1, 10));
    told.sighting(&contact(1, 1000, 2));
    told.end();
    assert_eq!(told.short(), [("first", 1, 60, 0), ("update", 0, 0, 10), ("first", 1, 60, 0)]);
}

#[test]
fn too_many_windows_close_the_oldest_early_and_lose_nothing() {
    let mut told = Told::new(600);
    let client = |number: u32| Alert {
        client: Endpoint { address: IpAddr::V4((0x0a00_0000 + number).into()), port: Some(1) },
        ..contact(1, 1, 0)
    };
    for number in 0..=MOST_WINDOWS as u32 {
        let alert = client(number);
        let id = told.sighting(&alert);
        told.traffic(id, &alert, answer(0, 1, 10));
    }
    assert_eq!((told.repeats.windows.len(), told.repeats.closed_early()), (MOST_WINDOWS, 1));
    told.end();
    let received: u64 = told.lines.iter().map(|line| line.received.0).sum();
    assert_eq!(received, 10 * (MOST_WINDOWS as u64 + 1));
    assert!(told.repeats.windows.is_empty() && told.repeats.by_key.is_empty());
}

proptest! {
    /// Sums over lines are the truth, and no two lines have one id.
    #[test]
    fn lines_add_up_whatever_the_window(
        window in prop::sample::select(vec![0u64, 1, 60, 600]),
        packets in prop::collection::vec((0u8..3, 0u16..4, 0i64..400, 1u64..1500), 1..60),
    ) {
        let mut told = Told::new(window);
        let mut now = 0;
        let mut open = HashMap::new();
        let (mut sightings, mut sent, mut received) = (0, 0, 0);
        for (client, port, pause, bytes) in packets {
            now += pause;
            match open.get(&(client, port)) {
                Some((id, alert, start)) => {
                    told.traffic(*id, alert, answer(*start, now, bytes));
                    received += bytes;
                }
                None => {
                    let alert = contact(client, port, now);
                    let id = told.sighting(&alert);
                    open.insert((client, port), (id, alert, now));
                    sightings += 1;
                    sent += 60;
                }
            }
        }
        told.end();
        let lines = &told.lines;
        prop_assert_eq!(lines.iter().map(|line| line.count).sum::<u64>(), sightings);
        prop_assert_eq!(lines.iter().map(|line| line.sent).sum::<ByteCount>(), ByteCount(sent));
        prop_assert_eq!(lines.iter().map(|line| line.received).sum::<ByteCount>(), ByteCount(received));
        let ids: std::collections::HashSet<_> = lines.iter().map(|line| line.id).collect();
        prop_assert_eq!(ids.len(), lines.len());
    }
}
