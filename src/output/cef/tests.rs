use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use proptest::prelude::*;

use super::format::{
    LONGEST_DOMAIN, LONGEST_FAMILY, LONGEST_HOST, LONGEST_ORIGIN, LONGEST_REFERENCE, LONGEST_SENSOR_ID, LONGEST_THREAT,
};
use super::parser::parse;
use super::*;
use crate::alert::{Alert, DnsFacts, HttpFacts, MatchBasis, Phase, Signature, TcpOutcome};
use crate::capture::Origin;
use crate::flow::{Endpoint, MacAddress, Protocol, Vlans};
use crate::indicator::{Indicator, Pattern};
use crate::output::Sensor;
use crate::output::testing::{any_alert, end, hostile_text, judged, listed, query};
use crate::protocol::dns::{RecordType, ResponseCode};
use crate::sanitize::is_unprintable;
use crate::sanitize::sanitize;
use crate::units::{ByteCount, Timestamp};

/// The first packet of a TCP connection to an endpoint.
fn contact() -> Alert {
    Alert {
        signature: Signature::C2Endpoint,
        severity: 9,
        id: 0xab,
        client: end("10.20.30.40:49731"),
        server: end("91.202.233.25:4888"),
        protocol: Protocol::TCP,
        listed: None,
        client_ipv4: None,
        server_ipv4: None,
        client_identity: None,
        server_identity: None,
        client_mac: Some(MacAddress([0x02, 0, 0, 0, 0, 0x0a])),
        server_mac: Some(MacAddress([0x02, 0, 0, 0, 0, 0xfe])),
        application: None,
        outbound: true,
        sent: ByteCount(52),
        tcp_outcome: Some(TcpOutcome::Attempted),
        dns: None,
        server_name: None,
        http: None,
        indicator: Some(listed("91.202.233.25:4888")),
        basis: MatchBasis::AddressPort,
        message: "10.20.30.40 contacted 91.202.233.25:4888".to_owned(),
        ..query()
    }
}

fn write_by(sensor: Sensor, alert: &Alert) -> String {
    let mut out = "before\n".to_owned();
    Cef::new(sensor).write(alert, &mut out);
    out.strip_prefix("before\n").unwrap().to_owned()
}

fn write(alert: &Alert) -> String {
    write_by(Sensor { host: "tap-01".to_owned(), id: None }, alert)
}

/// Joins the parts of an expected line, and adds the version and the line feed.
fn line(pieces: &[&str]) -> String {
    format!("{}\n", pieces.join(" ")).replacen("VERSION", env!("CARGO_PKG_VERSION"), 1)
}

#[test]
fn a_dns_question() {
    assert_eq!(
        write(&query()),
        line(&[
            "CEF:0|Rattap|Sensor|VERSION|c2-domain-query|C2 domain queried|8|rt=1795485200010 externalId=5f1c0b9e77a3d2c4",
            "act=allow cat=botnet_cc src=10.20.30.40 spt=53124 dst=10.20.0.53 dpt=53 proto=UDP app=DNS deviceDirection=0",
            "out=66 in=0 cnt=1 dvchost=tap-01 deviceInboundInterface=eth1 destinationDnsDomain=gw.feersona.net",
            "cs1Label=Indicator cs1=feersona.net cs2Label=MalwareFamily cs2=NetSupportManager RAT",
            "cs3Label=IndicatorReference cs3=ThreatFox 2026-05-27 cs5Label=DnsQueryType cs5=A",
            "cs6Label=MatchBasis cs6=dns-query cn1Label=IndicatorConfidence cn1=99",
            "deviceCustomDate1Label=IndicatorFirstSeen deviceCustomDate1=1779840000000",
            "flexString2Label=Phase flexString2=first msg=10.20.30.40 asked 10.20.0.53 for gw.feersona.net",
        ])
    );
}

#[test]
fn an_endpoint_first_and_then_what_followed() {
    let tail = [
        "cs1Label=Indicator cs1=91.202.233.25:4888 cs2Label=MalwareFamily cs2=NetSupportManager RAT",
        "cs3Label=IndicatorReference cs3=ThreatFox 2026-05-27 cs6Label=MatchBasis cs6=address-port",
        "cn1Label=IndicatorConfidence cn1=99 deviceCustomDate1Label=IndicatorFirstSeen deviceCustomDate1=1779840000000",
    ]
    .join(" ");
    assert_eq!(
        write(&contact()),
        line(&[
            "CEF:0|Rattap|Sensor|VERSION|c2-endpoint|C2 endpoint contacted|9|rt=1795485200010 externalId=00000000000000ab",
            "act=allow cat=botnet_cc outcome=attempted src=10.20.30.40 spt=49731 dst=91.202.233.25 dpt=4888 proto=TCP",
            "smac=02:00:00:00:00:0a dmac=02:00:00:00:00:fe deviceDirection=1 out=52 in=0 cnt=1 dvchost=tap-01",
            "deviceInboundInterface=eth1",
            &tail,
            "flexString2Label=Phase flexString2=first msg=10.20.30.40 contacted 91.202.233.25:4888",
        ])
    );
    let update = Alert {
        phase: Phase::Update,
        end: Timestamp::from_parts(1_795_485_500, 0),
        sent: ByteCount(1_048),
        received: ByteCount(900),
        count: 0,
        application: Some("HTTP"),
        tcp_outcome: Some(TcpOutcome::Established),
        ..contact()
    };
    assert_eq!(
        write_by(Sensor { host: "tap-01".to_owned(), id: Some("dmz 7".to_owned()) }, &update),
        line(&[
            "CEF:0|Rattap|Sensor|VERSION|c2-endpoint|C2 endpoint contacted|9|rt=1795485200010 start=1795485200010",
            "end=1795485500000 externalId=00000000000000ab act=allow cat=botnet_cc outcome=established src=10.20.30.40",
            "spt=49731 dst=91.202.233.25 dpt=4888 proto=TCP smac=02:00:00:00:00:0a dmac=02:00:00:00:00:fe app=HTTP",
            "deviceDirection=1 out=1048 in=900 cnt=0 dvchost=tap-01 deviceExternalId=dmz 7 deviceInboundInterface=eth1",
            &tail,
            "flexString2Label=Phase flexString2=update msg=10.20.30.40 contacted 91.202.233.25:4888",
        ])
    );
}

#[test]
fn an_address_by_icmp_has_no_ports_and_no_outcome() {
    let alert = Alert {
        signature: Signature::C2Address,
        severity: 5,
        client: end("10.20.30.40"),
        server: end("91.202.233.25"),
        protocol: Protocol::ICMP,
        listed: None,
        client_ipv4: None,
        server_ipv4: None,
        client_identity: None,
        server_identity: None,
        client_mac: None,
        server_mac: None,
        tcp_outcome: None,
        basis: MatchBasis::AddressOtherPort,
        message: "10.20.30.40 contacted 91.202.233.25 by ICMP".to_owned(),
        ..contact()
    };
    assert_eq!(
        write(&alert),
        line(&[
            "CEF:0|Rattap|Sensor|VERSION|c2-address|C2 address contacted|5|rt=1795485200010 externalId=00000000000000ab",
            "act=allow cat=botnet_cc src=10.20.30.40 dst=91.202.233.25 proto=ICMP deviceDirection=1 out=52 in=0 cnt=1",
            "dvchost=tap-01 deviceInboundInterface=eth1 cs1Label=Indicator cs1=91.202.233.25:4888",
            "cs2Label=MalwareFamily cs2=NetSupportManager RAT cs3Label=IndicatorReference cs3=ThreatFox 2026-05-27",
            "cs6Label=MatchBasis cs6=address-other-port cn1Label=IndicatorConfidence cn1=99",
            "deviceCustomDate1Label=IndicatorFirstSeen deviceCustomDate1=1779840000000",
            "flexString2Label=Phase flexString2=first msg=10.20.30.40 contacted 91.202.233.25 by ICMP",
        ])
    );
}

fn answer() -> Alert {
    Alert {
        signature: Signature::C2DomainAnswer,
        received: ByteCount(98),
        sent: ByteCount(0),
        dns: Some(DnsFacts {
            name: b"gw.feersona.net".to_vec(),
            query_type: Some(RecordType::AAAA),
            response_code: Some(ResponseCode(0)),
            ttl: Some(300),
            addresses: vec!["198.51.100.7".parse().unwrap(), "2001:DB8::7".parse().unwrap()],
        }),
        basis: MatchBasis::DnsAnswer,
        message: "10.20.0.53 told 10.20.30.40 two addresses of gw.feersona.net".to_owned(),
        ..query()
    }
}

#[test]
fn a_dns_answer_tells_addresses_code_and_time_to_live() {
    assert_eq!(
        write(&answer()),
        line(&[
            "CEF:0|Rattap|Sensor|VERSION|c2-domain-answer|C2 domain resolved|8|rt=1795485200010",
            "externalId=5f1c0b9e77a3d2c4 act=allow cat=botnet_cc outcome=NOERROR src=10.20.30.40 spt=53124",
            "dst=10.20.0.53 dpt=53 proto=UDP app=DNS deviceDirection=0 out=0 in=98 cnt=1 dvchost=tap-01",
            "deviceInboundInterface=eth1 destinationDnsDomain=gw.feersona.net cs1Label=Indicator cs1=feersona.net",
            "cs2Label=MalwareFamily cs2=NetSupportManager RAT cs3Label=IndicatorReference cs3=ThreatFox 2026-05-27",
            "cs4Label=ResolvedAddresses cs4=198.51.100.7,2001:db8::7 cs5Label=DnsQueryType cs5=AAAA",
            "cs6Label=MatchBasis cs6=dns-answer cn1Label=IndicatorConfidence cn1=99 cn2Label=DnsResponseCode cn2=0",
            "cn3Label=DnsTtl cn3=300 deviceCustomDate1Label=IndicatorFirstSeen deviceCustomDate1=1779840000000",
            "flexString2Label=Phase flexString2=first msg=10.20.0.53 told 10.20.30.40 two addresses of gw.feersona.net",
        ])
    );
}

#[test]
fn an_answer_without_addresses_says_why_by_its_code() {
    let mut alert = answer();
    alert.dns =
        Some(DnsFacts { name: b"feersona.net".to_vec(), response_code: Some(ResponseCode(3)), ..DnsFacts::default() });
    alert.message.clear();
    assert_eq!(
        write(&alert),
        line(&[
            "CEF:0|Rattap|Sensor|VERSION|c2-domain-answer|C2 domain resolved|8|rt=1795485200010",
            "externalId=5f1c0b9e77a3d2c4 act=allow cat=botnet_cc outcome=NXDOMAIN src=10.20.30.40 spt=53124",
            "dst=10.20.0.53 dpt=53 proto=UDP app=DNS deviceDirection=0 out=0 in=98 cnt=1 dvchost=tap-01",
            "deviceInboundInterface=eth1 destinationDnsDomain=feersona.net cs1Label=Indicator cs1=feersona.net",
            "cs2Label=MalwareFamily cs2=NetSupportManager RAT cs3Label=IndicatorReference cs3=ThreatFox 2026-05-27",
            "cs6Label=MatchBasis cs6=dns-answer cn1Label=IndicatorConfidence cn1=99 cn2Label=DnsResponseCode cn2=3",
            "deviceCustomDate1Label=IndicatorFirstSeen deviceCustomDate1=1779840000000",
            "flexString2Label=Phase flexString2=first",
        ])
    );
}

#[test]
fn ipv6_addresses_stand_in_the_usual_keys_and_in_their_own() {
    let alert = Alert {
        signature: Signature::C2ResolvedAddress,
        severity: 8,
        client: end("[2001:DB8:0:0::10]:50000"),
        server: end("[2001:db8::7]:443"),
        listed: None,
        client_ipv4: None,
        server_ipv4: None,
        client_identity: None,
        server_identity: None,
        client_mac: None,
        server_mac: None,
        tcp_outcome: Some(TcpOutcome::Refused),
        server_name: None,
        http: None,
        indicator: Some(listed("feersona.net")),
        basis: MatchBasis::ResolvedAddress,
        message: "2001:db8::10 contacted [2001:db8::7]:443".to_owned(),
        ..contact()
    };
    assert_eq!(
        write(&alert),
        line(&[
            "CEF:0|Rattap|Sensor|VERSION|c2-resolved-address|Address of a C2 domain contacted|8|rt=1795485200010",
            "externalId=00000000000000ab act=allow cat=botnet_cc outcome=refused src=2001:db8::10 spt=50000",
            "dst=2001:db8::7 dpt=443 proto=TCP deviceDirection=1 out=52 in=0 cnt=1 dvchost=tap-01",
            "deviceInboundInterface=eth1 c6a2Label=Source IPv6 Address c6a2=2001:db8::10",
            "c6a3Label=Destination IPv6 Address c6a3=2001:db8::7 cs1Label=Indicator cs1=feersona.net",
            "cs2Label=MalwareFamily cs2=NetSupportManager RAT cs3Label=IndicatorReference cs3=ThreatFox 2026-05-27",
            "cs6Label=MatchBasis cs6=resolved-address cn1Label=IndicatorConfidence cn1=99",
            "deviceCustomDate1Label=IndicatorFirstSeen deviceCustomDate1=1779840000000",
            "flexString2Label=Phase flexString2=first msg=2001:db8::10 contacted [2001:db8::7]:443",
        ])
    );
}

#[test]
fn hostile_bytes_stay_within_their_value() {
    let mut alert = query();
    let name = b"a\r\n|=\\\\\x1b\xff\xe2\x80\xae;\xc3\xbc msg=x.feersona.net".to_vec();
    alert.message = format!("asked for {}", sanitize(&name));
    alert.dns = Some(DnsFacts { name, ..DnsFacts::default() });
    alert.indicator = Some(Arc::new(Indicator {
        family: "a;b|c\nd".into(),
        reference: "https://example.org/?a=1;b=2|3".into(),
        threat: " ".into(),
        ..(*listed("feersona.net")).clone()
    }));
    let line = write(&alert);
    for part in [
        r" destinationDnsDomain=a\r\n%7C\=\\\\\\x1b\\xff\\xe2\\x80\\xae;ü msg\=x.feersona.net cs1Label=",
        r" cs2=a%3Bb%7Cc\nd cs3Label=",
        r" cs3=https://example.org/?a\=1%3Bb\=2%7C3 cs6Label=",
        r" msg=asked for a\\x0d\\x0a%7C\=\\\\\\x1b\\xff\\xe2\\x80\\xae;ü msg\=x.feersona.net",
    ] {
        assert!(line.contains(part), "{part}\n{line}");
    }
    assert!(!line.contains(" cat="), "{line}");
}

#[test]
fn a_name_that_is_too_long_keeps_its_registered_end() {
    let mut alert = query();
    let name = [&[7; 60], &b"."[..], &[7; 60], b".gw.feersona.net"].concat();
    alert.dns = Some(DnsFacts { name, ..DnsFacts::default() });
    let line = write(&alert);
    let value = &parse(&line).unwrap()["destinationDnsDomain"];
    assert!(value.starts_with(r"\x07\x07") && value.ends_with(r"\x07.gw.feersona.net"), "{value}");
    assert!(value.len() < LONGEST_DOMAIN, "{value}");
}

/// An alert with every key, each with its longest value.
fn longest() -> (Sensor, Alert) {
    let long = "\u{1F600}".repeat(600);
    let v6 = IpAddr::V6(Ipv6Addr::from([0xfe; 16]));
    let alert = Alert {
        signature: Signature::C2ResolvedAddress,
        phase: Phase::Update,
        severity: 255,
        id: u64::MAX,
        seen: Timestamp::MIN,
        start: Timestamp::MIN,
        end: Timestamp::from_nanos(-1_000_000_000_000_000_000),
        client: Endpoint { address: v6, port: Some(u16::MAX) },
        server: Endpoint { address: v6, port: Some(u16::MAX) },
        protocol: Protocol::UDP_LITE,
        listed: None,
        client_ipv4: None,
        server_ipv4: None,
        client_identity: None,
        server_identity: None,
        client_mac: Some(MacAddress([0xff; 6])),
        server_mac: Some(MacAddress([0xff; 6])),
        vlans: Vlans::new(),
        application: Some("NetSupport"),
        outbound: true,
        sent: ByteCount(u64::MAX),
        received: ByteCount(u64::MAX),
        count: u64::MAX,
        tcp_outcome: Some(TcpOutcome::Established),
        dns: Some(DnsFacts {
            name: vec![b'\n'; 506],
            query_type: Some(RecordType(u16::MAX)),
            response_code: Some(ResponseCode(u16::MAX)),
            ttl: Some(u32::MAX),
            addresses: (0..200u16).map(|n| IpAddr::V6(Ipv6Addr::from([0xfe00 + n; 8]))).collect(),
        }),
        server_name: None,
        http: None,
        indicator: Some(Arc::new(Indicator {
            pattern: Pattern::Domain("x".repeat(400)),
            family: long.as_str().into(),
            threat: long.as_str().into(),
            confidence: u8::MAX,
            first_seen: Some(Timestamp::MIN),
            last_seen: None,
            source: "".into(),
            reference: long.as_str().into(),
            tags: Vec::new(),
            id: None,
            is_compromised: false,
            is_from_url: false,
        })),
        basis: MatchBasis::AddressOtherPort,
        exclusion: None,
        origin: Arc::new(Origin { name: long.clone() }),
        packets: None,
        times: Vec::new(),
        message: "m".repeat(3000),
    };
    (Sensor { host: long.clone(), id: Some(long) }, alert)
}

#[test]
fn the_longest_alert_still_has_every_key_an_address_and_a_message() {
    let (sensor, alert) = longest();
    let line = write_by(sensor, &alert);
    assert_eq!(line.len(), LONGEST_LINE);
    let values = parse(&line).unwrap();
    assert_eq!(values.len(), 57, "{line}");
    assert!(values["cs4"].starts_with("fe00:"), "{}", values["cs4"]);
    assert!(values["msg"].len() >= 40, "{}", values["msg"]);
}

/// The name of the server and the request both need many escapes.
#[test]
fn the_longest_request_leaves_room_for_the_start_of_a_message() {
    let (sensor, alert) = longest();
    let name = vec![0xff; 300];
    let http = HttpFacts { method: b"POST".to_vec(), url: name.clone(), agent: name.clone() };
    let alert = Alert { dns: None, server_name: Some(name), http: Some(http), ..alert };
    let line = write_by(sensor, &alert);
    assert_eq!(line.len(), LONGEST_LINE);
    let values = parse(&line).unwrap();
    assert!(values["msg"].len() >= 40, "{line}");
}

#[test]
fn addresses_are_left_out_whole() {
    let mut alert = answer();
    let addresses: Vec<IpAddr> = (100..250).map(|n| IpAddr::V4(Ipv4Addr::new(198, 151, 100, n))).collect();
    alert.dns = Some(DnsFacts { addresses: addresses.clone(), ..alert.dns.unwrap() });
    let line = write(&alert);
    let written: Vec<IpAddr> = parse(&line).unwrap()["cs4"].split(',').map(|text| text.parse().unwrap()).collect();
    assert_eq!(written, addresses[..30]);
}

/// The expected value after unescaping.
fn readable(bytes: &[u8], custom: bool) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '|' => text.push_str("%7C"),
                ';' if custom => text.push_str("%3B"),
                '\r' | '\n' => text.push(character),
                _ if is_unprintable(character) => {
                    text.extend(character.to_string().bytes().map(|byte| format!("\\x{byte:02x}")));
                }
                _ => text.push(character),
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// Returns true if the text was not cut inside a `\xNN`.
fn cut_is_clean(before: &str, after: &str) -> bool {
    (1..4).all(|back| {
        let Some(start) = before.len().checked_sub(back).filter(|&at| before.is_char_boundary(at)) else { return true };
        // The second backslash of a pair does not start an escape.
        let run = before[..start].bytes().rev().take_while(|&byte| byte == b'\\').count();
        let around = format!("{}{}", &before[start..], after);
        run % 2 == 1
            || !matches!(around.as_bytes(), [b'\\', b'x', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
    })
}

/// The greatest length of a character or an escape: three bytes as `\\\\xNN`.
const LONGEST_UNIT: usize = 15;

/// The length that a parsed value had in the line.
fn written_length(value: &str) -> usize {
    value.len() + value.matches(['\\', '=', '\r', '\n']).count()
}

proptest! {
    #[test]
    fn any_alert_is_one_short_printable_line_that_reads_back(alert in any_alert(), host in hostile_text()) {
        let line = write_by(Sensor { host: host.clone(), id: Some(host.clone()) }, &alert);
        prop_assert!(line.len() <= LONGEST_LINE, "{} bytes", line.len());
        prop_assert!(!line.trim_end_matches('\n').contains(is_unprintable) && line.ends_with('\n'), "{line:?}");
        prop_assert_eq!(line.matches('|').count(), 7);

        let values = parse(&line).map_err(TestCaseError::fail)?;
        let no_name = Vec::new();
        let indicator = alert.indicator.as_ref().unwrap();
        let texts: [(&str, &[u8], bool, usize); 7] = [
            ("dvchost", host.trim().as_bytes(), false, LONGEST_HOST),
            ("deviceExternalId", host.trim().as_bytes(), false, LONGEST_SENSOR_ID),
            ("deviceInboundInterface", alert.origin.name.trim().as_bytes(), false, LONGEST_ORIGIN),
            ("cat", indicator.threat.trim().as_bytes(), false, LONGEST_THREAT),
            ("cs2", indicator.family.trim().as_bytes(), true, LONGEST_FAMILY),
            ("cs3", indicator.reference.trim().as_bytes(), true, LONGEST_REFERENCE),
            ("msg", alert.message.trim().as_bytes(), false, LONGEST_LINE),
        ];
        for (key, bytes, custom, longest) in texts {
            let whole = readable(bytes, custom);
            let value = values.get(key).map(String::as_str).unwrap_or_default();
            let rest = whole.strip_prefix(value);
            prop_assert!(rest.is_some_and(|rest| cut_is_clean(value, rest)), "{key}: {value:?} of {whole:?}");
            prop_assert!(
                value == whole || written_length(value) + LONGEST_UNIT > longest
                    || key == "msg" && line.len() + LONGEST_UNIT > LONGEST_LINE,
                "{key}: only {value:?} of {whole:?}"
            );
        }
        let whole = readable(alert.dns.as_ref().map(|dns| &dns.name).or(alert.server_name.as_ref()).unwrap_or(&no_name), false);
        let value = values.get("destinationDnsDomain").map(String::as_str).unwrap_or_default();
        let rest = whole.strip_suffix(value);
        prop_assert!(rest.is_some_and(|rest| cut_is_clean(rest, value)), "{value:?} of {whole:?}");
        prop_assert!(value == whole || written_length(value) + LONGEST_UNIT > LONGEST_DOMAIN, "only {value:?} of {whole:?}");

        let numbers = [
            ("6", Some(alert.severity.min(10).to_string())),
            ("rt", Some(alert.seen.millis().to_string())),
            ("src", Some(alert.client.address.to_string())),
            ("spt", alert.client.port.map(|port| port.to_string())),
            ("dst", Some(alert.server.address.to_string())),
            ("dpt", alert.server.port.map(|port| port.to_string())),
            ("out", Some(alert.sent.0.to_string())),
            ("in", Some(alert.received.0.to_string())),
            ("cnt", Some(alert.count.to_string())),
            ("smac", alert.client_mac.map(|mac| mac.to_string())),
            ("cn1", Some(indicator.confidence.to_string())),
            ("cn2", alert.dns.as_ref().and_then(|dns| dns.response_code).map(|code| code.0.to_string())),
            ("cn3", alert.dns.as_ref().and_then(|dns| dns.ttl).map(|ttl| ttl.to_string())),
            ("flexString2", Some("first".to_owned())),
        ];
        for (key, number) in numbers {
            prop_assert_eq!(values.get(key), number.as_ref(), "{}", key);
        }
    }
}

#[test]
fn an_exclusion_is_named_where_it_applies_and_only_told_of_where_it_does_not() {
    let unsure = Indicator { confidence: 75, ..(*listed("feersona.net")).clone() };
    let alert = Alert { indicator: Some(Arc::new(unsure)), ..query() };
    let (rule, who) = ("r".repeat(48), "source = '10.20.30.40'\ndestination = '10.20.0.53'\n");
    let values = parse(&write(&judged(alert.clone(), who, None))).unwrap();
    assert_eq!((values["6"].as_str(), values["flexString1"].as_str()), ("1", rule.as_str()));
    assert_eq!(values["flexString1Label"], "Exclusion");
    assert!(values["msg"].ends_with(&format!("gw.feersona.net; severity lowered by exclusion {rule}")));
    let values = parse(&write(&judged(alert, who, Some(&listed("91.202.233.25:4888"))))).unwrap();
    assert_eq!((values["6"].as_str(), values.get("flexString1")), ("8", None));
    let reason = format!("; exclusion {rule} does not apply: 10.20.30.40 also had contact with 91.202.233.25:4888");
    assert!(values["msg"].ends_with(&reason), "{}", values["msg"]);
}

#[test]
fn the_longest_alert_still_has_its_exclusion_and_some_of_both_sentences() {
    let (sensor, alert) = longest();
    let other = Indicator { pattern: Pattern::Domain("y".repeat(253)), ..(*listed("feersona.net")).clone() };
    let who = "source = 'fe00::/8'\ndestination = 'fe00::/8'\n";
    let line = write_by(sensor.clone(), &judged(alert.clone(), who, None));
    assert_eq!(line.len(), LONGEST_LINE);
    let values = parse(&line).unwrap();
    assert_eq!(values["flexString1"], "r".repeat(48));
    assert!(values["flexString2"] == "update" && values["msg"].len() >= 40, "{line}");
    assert!(values["msg"].starts_with("mmmmm") && values["msg"].contains("m; exclusion r"), "{}", values["msg"]);
    let line = write_by(sensor, &judged(alert, who, Some(&other)));
    let values = parse(&line).unwrap();
    assert!(line.len() <= LONGEST_LINE && values["msg"].contains("m; exclusion rrrr"), "{}", values["msg"]);
}
