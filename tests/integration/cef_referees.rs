//! Independent parsers of CEF: the PyPI packages `cefp` and `jc`, which know nothing of this
//! project, must read from each line what our own reader reads, key by key.
//!
//! Two of their peculiarities are allowed for:
//! - In its raw form `jc` keeps escapes as they are in the line.
//! - In its typed form `jc` puts a custom value under its label and turns some values into numbers.
//!   It resolves `\\` before `\n`, so it reads `\\n` as a line feed: values with a backslash are
//!   compared in the raw form only.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rattap::alert::{Alert, DnsFacts, MatchBasis, Phase, Signature, TcpOutcome};
use rattap::capture::Origin;
use rattap::flow::{Endpoint, MacAddress, Protocol, Vlans};
use rattap::indicator::{Indicator, builtin};
use rattap::output::{Cef, Sensor};
use rattap::protocol::dns::{RecordType, ResponseCode};
use rattap::sanitize::sanitize;
use rattap::units::{ByteCount, Timestamp};
use serde_json::Value;

use crate::needs::{Need, skip};
use crate::{cef_reader, python};

/// The versions that these tests were written for.
const REFEREES: [&str; 2] = ["cefp==0.0.2", "jc==1.26.1"];

#[test]
fn two_independent_parsers_read_every_line_as_we_do() {
    let mut lines = alerts_of_all_sorts();
    let golden = golden_lines(&Path::new(env!("CARGO_MANIFEST_DIR")).join("pcaps"));
    lines.extend(golden);

    let python = match python::with_packages("cef-referees", "cefp, jc", &REFEREES) {
        Ok(python) => python,
        Err(reason) => return skip(Need::Python, format_args!("cefp and jc did not read the lines: {reason}")),
    };
    let verdicts = ask(&python, &lines);
    assert_eq!(verdicts.len(), lines.len());
    for (line, verdict) in lines.iter().zip(&verdicts) {
        let ours = cef_reader::parse(&format!("{line}\n")).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(by_cefp(&verdict["cefp"]), ours, "cefp, of {line}");
        assert_eq!(by_jc(&verdict["jc_raw"], line), ours, "jc, of {line}");
        compare_typed(&verdict["jc"], &ours, line);
    }
}

fn ask(python: &Path, lines: &[String]) -> Vec<Value> {
    let mut child = Command::new(python)
        .args(["-c", include_str!("cef_referees.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The child reads all its input before it writes, so there is no deadlock.
    serde_json::to_writer(child.stdin.take().unwrap(), lines).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The result of `cefp`, in the form of our own reader: header fields by their place.
fn by_cefp(verdict: &Value) -> HashMap<String, String> {
    let device = &verdict["device"];
    let header = [
        format!("CEF:{}", text(&verdict["version"])),
        text(&device["vendor"]),
        text(&device["product"]),
        text(&device["version"]),
        text(&device["event_class_id"]),
        text(&verdict["name"]),
        text(&verdict["severity"]),
    ];
    let extension = verdict["extension"].as_object().unwrap();
    let header = header.into_iter().enumerate().map(|(place, text)| (place.to_string(), text));
    header.chain(extension.iter().map(|(key, value)| (key.clone(), text(value)))).collect()
}

/// The result of `jc` in its raw form, in the same form.
fn by_jc(verdict: &Value, line: &str) -> HashMap<String, String> {
    let [verdict] = &verdict.as_array().unwrap()[..] else { panic!("more than one line: {line}") };
    verdict
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| match HEADER.iter().position(|name| name == key) {
            Some(0) => ("0".to_owned(), format!("CEF:{}", text(value))),
            Some(place) => (place.to_string(), text(value)),
            None => (key.clone(), unescape(&text(value))),
        })
        .collect()
}

/// The header fields by their place, as `jc` names them.
const HEADER: [&str; 7] =
    ["CEFVersion", "deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId", "name", "agentSeverity"];

fn unescape(text: &str) -> String {
    let mut characters = text.chars();
    let mut plain = String::new();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next().unwrap() {
                'n' => '\n',
                'r' => '\r',
                other => other,
            },
            _ => character,
        });
    }
    plain
}

/// Compares the typed form of `jc` with our reading: every custom value must be under its label.
fn compare_typed(verdict: &Value, ours: &HashMap<String, String>, line: &str) {
    let verdict = &verdict[0];
    for (key, value) in ours {
        if key.len() == 1 || key.ends_with("Label") {
            continue;
        }
        let name = ours.get(&format!("{key}Label")).unwrap_or(key).replace(' ', "_");
        let theirs = match &verdict[&name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        assert!(value.contains('\\') || theirs == value.trim(), "jc reads {name} as {theirs:?}, of {line}");
    }
}

/// Every line of every `.cef` file in a folder and below it; empty if there is no such folder.
fn golden_lines(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut lines = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            lines.extend(golden_lines(&path));
        } else if path.extension().is_some_and(|extension| extension == "cef") {
            lines.extend(std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned));
        }
    }
    lines
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Lines of ordinary alerts, and of everything that is known to confuse parsers.
fn alerts_of_all_sorts() -> Vec<String> {
    let indicator = Arc::new(builtin().pop().unwrap());
    let seen = Timestamp::from_parts(1_795_485_200, 10_000_000);
    let question = Alert {
        signature: Signature::C2DomainQuery,
        phase: Phase::First,
        severity: 8,
        id: 0x5f1c_0b9e_77a3_d2c4,
        seen,
        start: seen,
        end: seen,
        client: Endpoint { address: address("10.20.30.40"), port: Some(53124) },
        server: Endpoint { address: address("10.20.0.53"), port: Some(53) },
        protocol: Protocol::UDP,
        listed: None,
        client_ipv4: None,
        server_ipv4: None,
        client_identity: None,
        server_identity: None,
        client_mac: None,
        server_mac: None,
        vlans: Vlans::new(),
        application: Some("DNS"),
        outbound: false,
        sent: ByteCount(66),
        received: ByteCount(0),
        count: 1,
        tcp_outcome: None,
        dns: Some(DnsFacts {
            name: b"gw.bryonsad.net".to_vec(),
            query_type: Some(RecordType::HTTPS),
            ..DnsFacts::default()
        }),
        server_name: None,
        http: None,
        indicator: Some(indicator.clone()),
        basis: MatchBasis::DnsQuery,
        exclusion: None,
        origin: Arc::new(Origin { name: "eth1".to_owned() }),
        packets: None,
        times: Vec::new(),
        message: "10.20.30.40 asked 10.20.0.53 for gw.bryonsad.net".to_owned(),
    };
    let named = |name: &[u8]| Alert {
        dns: Some(DnsFacts { name: name.to_vec(), ..question.dns.clone().unwrap() }),
        message: format!("10.20.30.40 asked 10.20.0.53 for {}", sanitize(name)),
        ..question.clone()
    };
    let answer = |addresses: Vec<IpAddr>, response_code| Alert {
        signature: Signature::C2DomainAnswer,
        dns: Some(DnsFacts {
            response_code: Some(ResponseCode(response_code)),
            ttl: Some(60),
            addresses,
            ..question.dns.clone().unwrap()
        }),
        ..question.clone()
    };
    let listed = |family: &str, reference: &str| Alert {
        indicator: Some(Arc::new(Indicator {
            family: family.into(),
            reference: reference.into(),
            ..(*indicator).clone()
        })),
        ..question.clone()
    };
    let contact = Alert {
        signature: Signature::C2Endpoint,
        phase: Phase::Update,
        end: Timestamp::from_parts(1_795_488_800, 0),
        client: Endpoint { address: address("2001:db8::10"), port: Some(50000) },
        server: Endpoint { address: address("2001:db8::7"), port: Some(443) },
        protocol: Protocol::TCP,
        listed: None,
        client_ipv4: None,
        server_ipv4: None,
        client_identity: None,
        server_identity: None,
        client_mac: Some(MacAddress([2, 0, 0, 0, 0, 1])),
        server_mac: Some(MacAddress([2, 0, 0, 0, 0, 2])),
        application: None,
        tcp_outcome: Some(TcpOutcome::Established),
        dns: None,
        basis: MatchBasis::AddressPort,
        message: "one\r\ntwo = three | four \\ five\u{202e}".to_owned(),
        ..question.clone()
    };
    let ping = Alert {
        client: Endpoint { address: address("10.20.30.40"), port: None },
        server: Endpoint { address: address("91.202.233.25"), port: None },
        protocol: Protocol::ICMP,
        tcp_outcome: None,
        message: String::new(),
        ..contact.clone()
    };
    let mut alerts = vec![
        question.clone(),
        contact,
        ping,
        answer(Vec::new(), 3),
        answer(vec![address("198.51.100.7"), address("2001:db8::7")], 0),
        answer((0..=255).map(|n| IpAddr::from([203, 0, 113, n])).collect(), 0),
        listed("a;b|c=d\\", "https://example.org/?a=1&b=2;c|d"),
        listed(" spaces ", "CEF:0|x|y|z| src=1.2.3.4"),
        named(b"a\r\nCEF:0|Other|Sensor|1|x|y|9|src=192.0.2.1 dst=192.0.2.2.bryonsad.net"),
        named(b"x msg=forged cs1=other.bryonsad.net"),
        named(b"\\\\=\\\\ \\\\n.bryonsad.net"),
        named("\u{2028}\u{85}\u{a0}\u{3000}\u{202e}b\u{fc}cher.bryonsad.net".as_bytes()),
        named(&[b'\x07'; 253]),
    ];
    alerts.extend((0..=255).map(|byte| named(&[b"x", &[byte][..], b"y.bryonsad.net"].concat())));

    let cef = Cef::new(Sensor { host: "tap-01".to_owned(), id: Some("dmz=1".to_owned()) });
    let mut out = String::new();
    for alert in &alerts {
        cef.write(alert, &mut out);
    }
    let lines: Vec<String> = out.split_terminator('\n').map(str::to_owned).collect();
    assert_eq!(lines.len(), alerts.len());
    lines
}
