use std::net::Ipv4Addr;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::alert::Alert;
use crate::indicator::Indicator;
use crate::output::testing::{any_alert, hostile_text, judged, query};
use crate::output::{EventHandler, LineFormat, LineFormatter, Mode, Sensor, Target, open};
use crate::sanitize::is_unprintable;
use crate::sanitize::sanitize;

fn line(alert: &Alert) -> String {
    let sensor = Sensor { host: "tap-01".to_owned(), id: None };
    let mut out = "before\n".to_owned();
    Json::new(sensor).write(alert, &mut out);
    out.strip_prefix("before\n").unwrap().to_owned()
}

fn read(alert: &Alert) -> Value {
    serde_json::from_str(&line(alert)).unwrap()
}

#[test]
fn a_dns_question() {
    let expected = json!({
        "time": "2026-11-24T01:53:20.010987Z",
        "start": "2026-11-24T01:53:20.010987Z",
        "end": "2026-11-24T01:53:20.010987Z",
        "external_id": "5f1c0b9e77a3d2c4",
        "signature": "c2-domain-query",
        "activity": "C2 domain queried",
        "severity": 8,
        "phase": "first",
        "count": 1,
        "client": {"address": "10.20.30.40", "port": 53124},
        "server": {"address": "10.20.0.53", "port": 53},
        "protocol": "UDP",
        "app": "DNS",
        "outbound": false,
        "sent_bytes": 66,
        "received_bytes": 0,
        "match_basis": "dns-query",
        "indicator": {
            "kind": "domain", "value": "feersona.net", "confidence": 99, "malware_family": "NetSupportManager RAT",
            "threat_type": "botnet_cc", "first_seen": "2026-05-27T00:00:00Z", "source": "ThreatFox",
            "reference": "ThreatFox 2026-05-27", "compromised": false, "from_url": false,
        },
        "dns": {"name": "gw.feersona.net", "query_type": "A"},
        "origin": "eth1",
        "sensor": {"host": "tap-01", "version": env!("CARGO_PKG_VERSION")},
        "message": "10.20.30.40 asked 10.20.0.53 for gw.feersona.net",
    });
    assert_eq!(read(&query()), expected);
}

#[test]
fn an_ipv4_address_in_an_ipv6_address_is_told_beside_the_one_on_the_wire() {
    let mut alert = query();
    alert.server.address = "64:ff9b::5bca:e919".parse().unwrap();
    alert.server_ipv4 = Some(Ipv4Addr::new(91, 202, 233, 25));
    let expected = json!({"address": "91.202.233.25", "address_on_wire": "64:ff9b::5bca:e919", "port": 53});
    assert_eq!(read(&alert)["server"], expected);
}

#[test]
fn an_exclusion_has_an_effect_where_it_applies_and_a_reason_where_it_does_not() {
    let who = "source = '10.20.30.40'\ndestination = '10.20.0.53'\n";
    let mut alert = query();
    let mut unsure = (**alert.indicator.as_ref().unwrap()).clone();
    unsure.confidence = 75;
    let other = Indicator { pattern: crate::indicator::Pattern::Domain("other.example".to_owned()), ..unsure.clone() };
    alert.indicator = Some(unsure.into());
    let object = read(&judged(alert.clone(), who, None));
    assert_eq!((&object["exclusion"]["effect"], &object["severity"]), (&json!("downgrade"), &json!(1)));
    let object = read(&judged(alert, who, Some(&other)));
    assert_eq!(object["exclusion"]["effect"], Value::Null);
    let message = object["message"].as_str().unwrap();
    assert!(message.ends_with("does not apply: 10.20.30.40 also had contact with other.example"), "{message}");
}

#[test]
fn hostile_bytes_are_told_one_by_one() {
    let mut alert = query();
    alert.dns.as_mut().unwrap().name = b"a\r\n\"|\x1b\xff\xe2\x80\xae\xc3\xbc.feersona.net".to_vec();
    assert_eq!(read(&alert)["dns"]["name"], r#"a\x0d\x0a"|\x1b\xff\xe2\x80\xaeü.feersona.net"#);
}

#[test]
fn a_live_file_is_appended_to_and_goes_on_in_a_new_one_when_reopened() {
    let folder = tempfile::tempdir().unwrap();
    let (path, rotated) = (folder.path().join("alerts.json"), folder.path().join("alerts.json.1"));
    std::fs::write(&path, "{}\n").unwrap();
    let sensor = Sensor { host: "tap-01".to_owned(), id: None };
    let targets = [Target::File(path.clone(), LineFormat::Json)];
    let handler: EventHandler = Arc::new(|_, _| ());
    let mut output = open(&targets, &sensor, Mode::Live, None, &handler).unwrap();
    output.write(&query()).unwrap();
    output.flush().unwrap();
    std::fs::rename(&path, &rotated).unwrap();
    output.reopen().unwrap();
    output.write(&query()).unwrap();
    output.close().unwrap();
    assert_eq!(std::fs::read_to_string(&rotated).unwrap(), format!("{{}}\n{}", line(&query())));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), line(&query()));
}

proptest! {
    #[test]
    fn any_alert_is_one_printable_line_that_reads_back(alert in any_alert(), host in hostile_text()) {
        let mut out = String::new();
        Json::new(Sensor { host: host.clone(), id: Some(host.clone()) }).write(&alert, &mut out);
        let line = out.strip_suffix('\n').unwrap();
        prop_assert!(!line.contains(is_unprintable), "{line:?}");
        let value: Value = serde_json::from_str(line).unwrap();
        prop_assert!(value.is_object());
        let shown = |bytes: &[u8]| Value::from(sanitize(bytes).to_string());
        prop_assert_eq!(&value["sensor"]["host"], &shown(host.trim().as_bytes()));
        prop_assert_eq!(&value["message"], &shown(alert.message.trim().as_bytes()));
        prop_assert_eq!(&value["origin"], &shown(alert.origin.name.as_bytes()));
        prop_assert_eq!(&value["external_id"], &format!("{:016x}", alert.id));
        prop_assert_eq!(&value["count"], &Value::from(alert.count));
        prop_assert_eq!(&value["sent_bytes"], &Value::from(alert.sent.0));
        prop_assert_eq!(&value["client"]["address"], &alert.client.address.to_string());
        prop_assert_eq!(value["client"].get("port").cloned(), alert.client.port.map(Value::from));
        let time: jiff::Timestamp = value["time"].as_str().unwrap().parse().unwrap();
        prop_assert_eq!(time.as_nanosecond(), i128::from(alert.seen.nanos()));
        let dns = alert.dns.as_ref();
        prop_assert_eq!(value["dns"].get("name").cloned(), dns.map(|dns| shown(&dns.name)));
        prop_assert_eq!(value.get("server_name").cloned(), alert.server_name.as_deref().map(shown));
        prop_assert_eq!(value["http"].get("url").cloned(), alert.http.as_ref().map(|http| shown(&http.url)));
        let addresses = value["dns"].get("addresses").map_or(0, |list| list.as_array().unwrap().len());
        prop_assert_eq!(addresses, dns.map_or(0, |dns| dns.addresses.len()));
        let indicator = alert.indicator.as_ref().unwrap();
        prop_assert_eq!(&value["indicator"]["malware_family"], &shown(indicator.family.as_bytes()));
    }
}
