use std::net::Ipv4Addr;
use std::sync::Arc;

use proptest::prelude::*;

use super::collection::{MAX_COUNTED_HOSTS, MAX_DETAILED_HOSTS};
use super::top_alerts::MAX_ALERTS;
use super::*;
use crate::alert::exclusion::Exclusions;
use crate::alert::{Alert, HttpFacts, MatchBasis, Phase, Signature};
use crate::capture::{Input, Origin, PacketNumber, PacketRange};
use crate::flow::{Endpoint, Protocol, Vlans};
use crate::indicator::{Indicator, builtin};
use crate::sensor::Totals;
use crate::units::{ByteCount, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_parts(1_780_995_600 + seconds, 0)
}

/// An alert about a numbered host and the first built-in indicator.
fn alert(signature: Signature, host: u32, seconds: i64) -> Alert {
    let number = PacketNumber { input: 0, number: seconds as u64 + 1 };
    Alert {
        signature,
        phase: Phase::First,
        severity: 9,
        id: seconds as u64,
        seen: at(seconds),
        start: at(seconds),
        end: at(seconds),
        client: Endpoint { address: Ipv4Addr::from_bits(0x0a00_0000 + host).into(), port: Some(50_000) },
        server: Endpoint { address: Ipv4Addr::new(91, 202, 233, 25).into(), port: Some(4888) },
        protocol: Protocol::TCP,
        listed: Some(Ipv4Addr::new(91, 202, 233, 25).into()),
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
        received: ByteCount(40),
        count: 1,
        tcp_outcome: None,
        dns: None,
        server_name: None,
        http: None,
        indicator: Some(Arc::new(builtin().remove(0))),
        basis: MatchBasis::AddressPort,
        exclusion: None,
        origin: Arc::new(Origin::default()),
        packets: Some(PacketRange { first: number, last: number }),
        times: vec![at(seconds)],
        message: "contact".to_owned(),
    }
}

fn report_of(alerts: impl IntoIterator<Item = Alert>) -> Report {
    report_with(alerts, None, &[], Problems::default(), Settings::default())
}

fn report_with(
    alerts: impl IntoIterator<Item = Alert>,
    case: Option<&str>,
    inputs: &[Input],
    problems: Problems,
    settings: Settings,
) -> Report {
    let gathered = Gathered::default();
    alerts.into_iter().for_each(|alert| gathered.add(&alert));
    let (totals, exclusions) = (Totals::default(), Exclusions::default());
    let basis = Basis {
        case,
        evidence: None,
        inputs,
        hashes: vec![None; inputs.len()],
        totals: &totals,
        is_whole: true,
        problems,
        exclusions: &exclusions,
        settings,
    };
    report(&gathered, basis)
}

fn html(report: &Report) -> String {
    let mut page = Vec::new();
    Format::Html.write(report, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

#[test]
fn how_it_began_is_kept_however_long_it_goes_on() {
    let update = |seconds| Alert {
        phase: Phase::Update,
        severity: 10,
        ..alert(Signature::find("netsupport-session").unwrap(), 1, seconds)
    };
    let mut alerts: Vec<_> = (10..1000).map(update).collect();
    // The last alert, with the lowest severity.
    alerts.push(Alert { severity: 2, ..alert(Signature::find("netsupport-geolocation").unwrap(), 1, 2000) });
    alerts.insert(0, alert(Signature::C2Endpoint, 1, 0));
    let report = report_of(alerts);
    let [client] = report.clients.as_slice() else { panic!("{:?}", report.clients) };
    let signatures: Vec<_> = client.alerts.iter().map(|alert| alert.signature.as_str()).collect();
    assert_eq!(
        (signatures.len(), signatures[0], signatures[MAX_ALERTS - 1]),
        (MAX_ALERTS, "c2-endpoint", "netsupport-geolocation")
    );
    assert_eq!(client.alerts[1].seen, model::Moment(at(10)));
    assert_eq!((client.alert_count, client.further_alerts), (992, 992 - MAX_ALERTS as u64));
    assert_eq!(client.timelines.iter().map(|line| line.sightings).sum::<u64>(), 992);
}

#[test]
fn the_worst_hosts_have_a_place_and_the_others_are_counted() {
    let mild = |host, seconds| Alert { severity: 5, ..alert(Signature::C2Address, host, seconds) };
    let mut alerts: Vec<_> = (0..MAX_DETAILED_HOSTS as u32 + 5).map(|host| mild(host, host.into())).collect();
    alerts.push(alert(Signature::C2Endpoint, 5000, 900));
    // A host without details so far, which turns out to be the worst.
    alerts.push(Alert { severity: 10, ..alert(Signature::find("netsupport-session").unwrap(), 104, 901) });
    let report = report_of(alerts);
    assert_eq!(report.clients.len(), MAX_DETAILED_HOSTS);
    let address = |index: usize| report.clients[index].address.as_str();
    assert_eq!([address(0), address(1), address(2)], ["10.0.0.104", "10.0.19.136", "10.0.0.0"]);
    let worst = &report.clients[0];
    assert_eq!((worst.is_partial, worst.alert_count, worst.alerts.len(), worst.further_alerts), (true, 2, 1, 0));
    assert!(!report.clients[1].is_partial);
    let further = &report.further_clients;
    assert_eq!((further.clients, further.alerts, further.are_more), (6, 6, false));
    assert_eq!(
        report.signatures.iter().map(|found| (found.alerts, found.clients)).collect::<Vec<_>>(),
        [(1, 1), (105, 105), (1, 1)]
    );
}

#[test]
fn hosts_beyond_all_counting_are_not_passed_over_in_silence() {
    let hosts = MAX_COUNTED_HOSTS as u32 + 3;
    let report = report_of((0..hosts).map(|host| alert(Signature::C2Endpoint, host, 0)));
    let further = &report.further_clients;
    assert_eq!((further.clients, further.are_more), ((MAX_COUNTED_HOSTS - MAX_DETAILED_HOSTS) as u64, true));
    assert_eq!(further.sightings, u64::from(hosts) - MAX_DETAILED_HOSTS as u64);
    assert!(report.verdict.sentence.starts_with("At least 65536 hosts (10.0.0.0, "), "{}", report.verdict.sentence);
    assert!(html(&report).contains("And more than 65,436 clients"));
}

#[test]
fn the_verdict_is_the_strongest_statement_and_names_the_others() {
    use model::Level::{CommandAndControl, Contact, Nothing, RemoteAccess, Trace};
    let of = |signature, host, severity| Alert { severity, ..alert(signature, host, 60) };
    let cases = [
        (vec![], Nothing, "no all-clear"),
        (
            vec![of(Signature::find("netsupport-geolocation").unwrap(), 1, 2)],
            RemoteAccess,
            "1 host (10.0.0.1) used NetSupport, at 2026-06-09 09:01 UTC,",
        ),
        (
            vec![of(Signature::C2Address, 1, 5), of(Signature::find("netsupport-gateway").unwrap(), 2, 6)],
            Trace,
            "10.0.0.1 was connected to listed address 91.202.233.25:4888. This was not at the listed ports",
        ),
        (vec![of(Signature::C2DomainQuery, 1, 8)], Trace, "No contact with what the names stand for was seen."),
        (
            vec![
                of(Signature::C2Endpoint, 1, 9),
                of(Signature::C2DomainQuery, 2, 8),
                of(Signature::C2DomainQuery, 1, 8),
            ],
            Contact,
            "10.0.0.1 was connected to C2 server 91.202.233.25:4888; 10.0.0.2 asked DNS for",
        ),
        (
            (1..6)
                .map(|host| of(Signature::C2Endpoint, host, 9))
                .chain([of(Signature::find("netsupport-session").unwrap(), 3, 10)])
                .collect(),
            CommandAndControl,
            "10.0.0.3 held a NetSupport session with C2 server 91.202.233.25:4888; 4 hosts (10.0.0.1, 10.0.0.2, 10.0.0.4 and 1 more) were connected to C2 servers.",
        ),
    ];
    for (alerts, level, sentence) in cases {
        let verdict = report_of(alerts).verdict;
        assert_eq!(verdict.level, level, "{verdict:?}");
        assert!(verdict.sentence.contains(sentence), "{verdict:?}");
        // The report without packets says so.
        assert_eq!(verdict.examined, model::Examined::None, "{verdict:?}");
        assert!(verdict.limits.contains("no packet could be read"), "{verdict:?}");
    }
}

#[test]
fn where_something_listed_calls_the_host_is_who_was_called() {
    let mut alert = alert(Signature::C2Endpoint, 1, 0);
    std::mem::swap(&mut alert.client, &mut alert.server);
    let report = report_of([alert]);
    let [client] = report.clients.as_slice() else { panic!("{:?}", report.clients) };
    assert_eq!((client.address.as_str(), client.sent, client.received), ("10.0.0.1", 40, 60));
}

#[test]
fn more_indicators_than_have_a_chain_are_counted_with_their_bytes() {
    let gateway = |port| Alert {
        server: Endpoint { port: Some(port), ..alert(Signature::C2Endpoint, 1, 0).server },
        indicator: None,
        ..alert(Signature::find("netsupport-gateway").unwrap(), 1, port.into())
    };
    let report = report_of((1..=60).map(gateway));
    assert_eq!((report.clients[0].chains.len(), report.clients[0].further_chains), (50, 10));
}

#[test]
fn problems_are_printable_and_bounded() {
    let mut problems = Problems::default();
    (0..MAX_PROBLEMS + 3).for_each(|_| problems.note(&"a\n\u{202e}b"));
    let report = report_with([], None, &[], problems, Settings::default());
    assert_eq!((report.capture.problems.len(), report.capture.further_problems), (MAX_PROBLEMS, 3));
    assert_eq!(report.capture.problems[0], r"a\x0a\xe2\x80\xaeb");
    assert_eq!(
        report.verdict.limits,
        "Nothing was examined: no packet could be read; 203 problems were met in the inputs."
    );
}

/// A page in which every text from outside is `text`.
fn page_of(text: &str) -> String {
    let shared: Arc<str> = text.into();
    let indicator =
        Indicator { family: shared.clone(), source: shared.clone(), reference: shared.clone(), ..builtin().remove(0) };
    let bytes = text.as_bytes().to_vec();
    let alert = Alert {
        indicator: Some(Arc::new(indicator)),
        http: Some(HttpFacts { method: bytes.clone(), url: bytes.clone(), agent: bytes.clone() }),
        server_name: Some(bytes),
        message: text.to_owned(),
        ..alert(Signature::C2ServerName, 1, 0)
    };
    let mut problems = Problems::default();
    problems.note(&text);
    let settings = Settings {
        command: text.to_owned(),
        filter: Some(text.to_owned()),
        lists: vec![model::List { path: text.to_owned(), format: "csv".to_owned(), date: None, used: 1 }],
        ..Settings::default()
    };
    let report = report_with([alert], Some(text), &[Input::File(text.into())], problems, settings);
    html(&report)
}

proptest! {
    /// Characters of markup are as frequent in the page as without hostile text.
    #[test]
    fn no_text_of_others_is_markup(parts in prop::collection::vec(prop::sample::select(
        &["<", ">", "\"", "'", "&", "</style>", "</title>", "<!--", "{{", "{%", "\u{202e}", "\n", "a", "\\"][..],
    ), 1..30)) {
        let (plain, hostile) = (page_of("a"), page_of(&parts.concat()));
        for mark in ['<', '>', '"', '\''] {
            prop_assert_eq!(hostile.matches(mark).count(), plain.matches(mark).count());
        }
        let turned = hostile.contains('\u{202e}');
        prop_assert!(!turned);
    }
}
