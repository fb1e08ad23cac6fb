//! An independent reader of the metrics: the strict OpenMetrics parser of the PyPI package
//! `prometheus-client`, with Python's own HTTP client.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rattap::metrics::{
    Drops, FeedState, Form, InterfaceState, Lag, OutputState, Queue, Server, Snapshot, SpoolState, page,
};
use rattap::sensor::Totals;
use rattap::units::ByteCount;
use serde_json::Value;

use crate::needs::{Need, skip};
use crate::python::with_packages;

/// The version that this test was written for.
const REFEREE: &str = "prometheus-client==0.22.1";

/// Fetches a page and prints each metric family as the parser reads it.
const ASK: &str = "
import json, sys, urllib.request
from prometheus_client.openmetrics.parser import text_string_to_metric_families
asked = urllib.request.Request(sys.argv[1], headers={'Accept': 'application/openmetrics-text; version=1.0.0'})
with urllib.request.urlopen(asked) as answer:
    text = answer.read().decode()
families = list(text_string_to_metric_families(text))
print(json.dumps({family.name: {'type': family.type, 'unit': family.unit, 'help': family.documentation,
    'samples': [[sample.name, sample.labels, sample.value] for sample in family.samples]} for family in families}))
";

#[test]
fn an_independent_parser_reads_every_metric() {
    let python = match with_packages("metrics-referee", "prometheus_client", &[REFEREE]) {
        Ok(python) => python,
        Err(reason) => {
            return skip(Need::Python, format_args!("prometheus-client did not read the metrics: {reason}"));
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::start(listener, snapshot).unwrap();
    let asked = Command::new(python)
        .args(["-c", ASK, &format!("http://{}/metrics", server.address().unwrap())])
        .output()
        .unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let families: Value = serde_json::from_slice(&asked.stdout).unwrap();

    let sample = |family: &str, name: &str, label: &str| {
        let samples = families[family]["samples"].as_array().unwrap_or_else(|| panic!("{family}: {families}"));
        let found = samples.iter().find(|sample| {
            sample[0] == name && sample[1].as_object().unwrap().values().any(|value| value == label || label.is_empty())
        });
        found.unwrap_or_else(|| panic!("{name} of {label}: {samples:?}"))[2].as_f64().unwrap()
    };
    assert_eq!(sample("rattap_suppressed", "rattap_suppressed_total", HOSTILE), 8.0);
    assert_eq!(sample("rattap_sightings", "rattap_sightings_total", "c2-domain-query"), 3.0);
    assert_eq!(sample("rattap_drops", "rattap_drops_total", "frame-not-ip"), 0.0);
    assert_eq!(sample("rattap_interface_drops", "rattap_interface_drops_total", "eth1"), 5.0);
    assert_eq!(sample("rattap_alert_lag_seconds", "rattap_alert_lag_seconds_bucket", "+Inf"), 1.0);
    assert_eq!(sample("rattap_feed_age_seconds", "rattap_feed_age_seconds", "mine.txt"), 90.0);
    assert_eq!(families["rattap_alert_lag_seconds"]["type"], "histogram");
    assert_eq!(families["rattap_spool_bytes"]["unit"], "bytes");
    let undocumented: Vec<_> =
        families.as_object().unwrap().iter().filter(|(_, family)| family["help"] == "").collect();
    assert!(undocumented.is_empty(), "{undocumented:?}");
}

/// `promtool`, of the package `prometheus`, also checks names and help texts against the
/// conventions of Prometheus.
#[test]
fn promtool_finds_no_fault_in_the_prometheus_form() {
    let installed = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools/promtool");
    let program = if installed.exists() { installed } else { PathBuf::from("promtool") };
    let promtool = Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match promtool {
        Ok(promtool) => promtool,
        Err(error) => {
            return skip(Need::Promtool, format_args!("promtool did not check the metrics: {error}"));
        }
    };
    let text = page(snapshot(), Form::Prometheus).unwrap();
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let checked = promtool.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
    assert!(checked.status.success() && complaints.is_empty(), "{complaints}");
}

const HOSTILE: &str = "a\"} 1\nevil_total{b=\"\\";

pub fn snapshot() -> Snapshot {
    let mut lag = Lag::default();
    lag.observe(Duration::from_secs(100));
    let mut snapshot = Snapshot::of(&Totals::default());
    snapshot.sightings[2] = 3;
    snapshot.drops.push(Drops { reason: "kernel".to_owned(), interface: Some("eth1".to_owned()), count: 5 });
    Snapshot {
        lag,
        queues: vec![Queue { name: "alerts", waiting: 4, capacity: 512 }],
        interfaces: vec![InterfaceState { name: "eth1".to_owned(), is_up: true }],
        outputs: vec![OutputState { name: "-".to_owned(), is_up: true, written: 9, lost: 1 }],
        spool: Some(SpoolState { size: ByteCount(10), in_memory: ByteCount(3), capacity: ByteCount(20) }),
        feeds: vec![FeedState {
            name: "mine.txt".to_owned(),
            indicators: 9,
            age: Some(Duration::from_secs(90)),
            is_current: true,
        }],
        suppressed: vec![(HOSTILE.to_owned(), 8)],
        ..snapshot
    }
}
