//! Alerts as JSON: their values, their outputs, and their combination with CEF.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::golden::{differ, parse};
use crate::run::{replay, run, sample, sample_text};
use crate::samples::folder;

/// Two samples: one with every kind of field, one with hostile bytes.
pub const SAMPLES: [&str; 2] = ["story.pcap", "hostile/names-with-odd-bytes.pcap"];

/// The objects for a sample.
pub fn golden(sample: &str) -> PathBuf {
    folder().join("golden").join(format!("{sample}.json"))
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn two_samples_give_their_golden_objects() {
    let mut wrong = String::new();
    for name in SAMPLES {
        let run = replay(&["--json", "-"], &[sample(name)]);
        let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
        assert_eq!(run.out.matches(&version).count(), run.out.lines().count(), "{}", run.out);
        wrong += &differ(&golden(name), &run.out.replace(&version, "\"version\":\"0.0.0\""));
    }
    assert!(wrong.is_empty(), "not the golden objects (- golden, + now):\n{wrong}");
}

/// A value of an object, in the form of the CEF line.
fn value(object: &Value, path: &str) -> Option<String> {
    object.pointer(path).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[test]
fn each_object_agrees_with_the_line_of_the_same_alert() {
    for name in SAMPLES {
        let folder = tempfile::tempdir().unwrap();
        let cef = folder.path().join("alerts.cef");
        let run = replay(&["-o", cef.to_str().unwrap(), "--json", "-"], &[sample(name)]);
        assert_eq!(run.code, 0, "{}", run.err);
        let (lines, objects) = (fs::read_to_string(&cef).unwrap(), objects(&run.out));
        assert!(!objects.is_empty() && lines.lines().count() == objects.len());
        for (line, object) in lines.lines().zip(&objects) {
            let line = parse(line);
            for (key, path) in [
                ("4", "/signature"),
                ("5", "/activity"),
                ("6", "/severity"),
                ("externalId", "/external_id"),
                ("flexString2", "/phase"),
                ("cnt", "/count"),
                ("out", "/sent_bytes"),
                ("in", "/received_bytes"),
                ("src", "/client/address"),
                ("spt", "/client/port"),
                ("dst", "/server/address"),
                ("dpt", "/server/port"),
                ("proto", "/protocol"),
                ("app", "/app"),
                ("cs1", "/indicator/value"),
                ("cs2", "/indicator/malware_family"),
                ("cs5", "/dns/query_type"),
                ("cs6", "/match_basis"),
                ("cn2", "/dns/response_code_number"),
                ("requestMethod", "/http/method"),
                ("dvchost", "/sensor/host"),
                ("deviceInboundInterface", "/origin"),
            ] {
                assert_eq!(line.get(key).cloned(), value(object, path), "{key}, {path}: {object}");
            }
        }
    }
}

#[test]
fn json_replaces_cef_unless_both_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    let (json, cef, capture) = (path("alerts.json"), path("alerts.cef"), sample_text("story.pcap"));
    let alone = run(["replay", "-q", "--json", &json, &capture]);
    assert_eq!((alone.code, alone.out.as_str()), (0, ""), "{}", alone.err);
    let whole = fs::read_to_string(&json).unwrap();
    let beside = run(["replay", "-q", "--json", &json, "-o", "-", "-o", &cef, &capture]);
    assert!(beside.out.starts_with("CEF:0|"), "{}", beside.out);
    assert_eq!(fs::read_to_string(&cef).unwrap(), beside.out);
    // A replay empties the file first.
    assert_eq!(fs::read_to_string(&json).unwrap(), whole);
    let both = run(["replay", "-q", "--json", "-", "-o", "-", &capture]);
    assert_eq!((both.code, both.out.as_str()), (2, ""));
    assert!(both.err.contains("--json -: -o writes to standard output already"), "{}", both.err);
    let receiver = run(["replay", "--json", "tcp://127.0.0.1:1", &capture]);
    assert_eq!(receiver.code, 2);
    assert!(receiver.err.contains("receivers take CEF"), "{}", receiver.err);
    let settings = path("rattap.toml");
    fs::write(&settings, format!("[[output]]\nto = \"{cef}\"\n[[output]]\njson = \"{json}\"\n")).unwrap();
    fs::remove_file(&json).unwrap();
    fs::remove_file(&cef).unwrap();
    let set = run(["replay", "-q", "--config", &settings, &capture]);
    assert_eq!((set.code, set.out.as_str()), (0, ""), "{}", set.err);
    assert_eq!(objects(&fs::read_to_string(&json).unwrap()).len(), fs::read_to_string(&cef).unwrap().lines().count());
}

#[test]
fn every_field_is_documented() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md")).unwrap();
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/exclusions.toml");
    let mut fields = BTreeSet::new();
    for name in ["link/embedded-nat64.pcap", "link/vlan.pcap", "exclusions/inventory.pcap"].into_iter().chain(SAMPLES) {
        let run = replay(&["--json", "-", "--sensor-id", "dmz", "--exclusions", list], &[sample(name)]);
        for object in objects(&run.out) {
            for (field, value) in object.as_object().unwrap() {
                fields.insert(field.clone());
                let inner = value.as_object().into_iter().flat_map(|object| object.keys());
                fields.extend(inner.map(|inner| format!("{field}.{inner}")));
            }
        }
    }
    for field in ["exclusion.rule", "server.address_on_wire", "vlans", "sensor.id", "http.user_agent", "dns.addresses"]
    {
        assert!(fields.contains(field), "{field} is in no sample: {fields:?}");
    }
    let missing: Vec<_> = fields.iter().filter(|field| !page.contains(&format!("`{field}`"))).collect();
    assert!(missing.is_empty(), "not in docs/json.md: {missing:?}");
}
