//! The filter in the kernel, which leaves out packets that cannot matter.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::net::{Ended, Net};
use super::{SHORT, said};
use crate::run::{replay, sample};

const FILTERED: [&str; 4] = ["-i", "b0", "--kernel-filter", "auto"];

/// The alerts without the bytes of conversations. The packets of an address that an answer gave are
/// kept only once the sensor has read the answer.
fn said_without_bytes(lines: &str) -> BTreeMap<String, u32> {
    let mut without = BTreeMap::new();
    for (line, times) in said(lines) {
        let is_bytes = |pair: &&str| pair.starts_with("(\"in\"") || pair.starts_with("(\"out\"");
        // The pairs of `said`, apart from each other: `("key", "value"), ("key", "value")`.
        let pairs: Vec<_> = line.split_inclusive("\"), ").filter(|pair| !is_bytes(pair)).collect();
        *without.entry(pairs.concat()).or_insert(0) += times;
    }
    without
}

/// The number of packets that the summary says were left out.
fn left_out(ended: &Ended) -> u64 {
    let line = ended.err.lines().find(|line| line.contains("left out by the kernel filter"));
    line.map_or(0, |line| line.split_whitespace().next().unwrap().replace(',', "").parse().unwrap())
}

#[test]
fn samples_alert_as_without_it_and_every_packet_is_counted() {
    let Some(net) = Net::with_pair() else { return };
    let mut sum = 0;
    for path in SHORT {
        let path = sample(path);
        let sensor = net.sensor(&FILTERED);
        let sent = net.send("a0", &["--topspeed"], &path);
        let live = sensor.end();
        let replayed = replay(&[], &[&path]);
        assert_eq!(live.packets() + left_out(&live), sent, "{}: {}", path.display(), live.err);
        if path.ends_with("resolved/at-once.pcap") {
            assert_eq!(said_without_bytes(&live.out), said_without_bytes(&replayed.out), "{}", path.display());
        } else {
            assert_eq!(said(&live.out), said(&replayed.out), "{}", path.display());
        }
        sum += left_out(&live);
    }
    assert!(sum > 0, "nothing was left out");
}

#[test]
fn an_address_that_a_reload_lists_is_kept_from_then_on() {
    let Some(net) = Net::with_pair() else { return };
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.txt");
    let arguments = [&FILTERED[..], &["--no-builtin", "--indicators", list.to_str().unwrap()]].concat();
    let send = |net: &Net| net.send("a0", &["--topspeed"], Path::new(&sample("endpoint/tcp-established.pcap")));

    fs::write(&list, "198.51.100.77\n").unwrap();
    let sensor = net.sensor(&arguments);
    let sent = send(&net);
    let ended = sensor.end();
    let acknowledgments = left_out(&ended);
    assert!(acknowledgments > 0 && ended.packets() + acknowledgments == sent, "{}", ended.err);
    assert_eq!(ended.out, "");

    let sensor = net.sensor(&arguments);
    send(&net);
    // The capture has to read these packets before the reload.
    thread::sleep(Duration::from_millis(500));
    let replayed = replay(&[], &[&sample("endpoint/tcp-established.pcap")]);
    let server = replayed.out.split(" dst=").nth(1).unwrap().split(' ').next().unwrap();
    fs::write(&list, format!("198.51.100.77\n{server}\n")).unwrap();
    sensor.signal("HUP");
    sensor.wait_for_log("reloaded", 1);
    // The capture looks at what is in force four times a second.
    thread::sleep(Duration::from_millis(1000));
    send(&net);
    let ended = sensor.end();
    assert_eq!(left_out(&ended), acknowledgments, "{}", ended.err);
    assert_eq!(ended.packets() + acknowledgments, 2 * sent, "{}", ended.err);
    assert!(ended.out.contains("c2-address"), "{}", ended.out);
}

#[test]
fn a_filter_of_the_user_stands_alone() {
    let Some(net) = Net::with_pair() else { return };
    let count = |options: &[&str]| {
        let sensor = net.sensor(options);
        net.send("a0", &["--topspeed"], &sample("story.pcap"));
        sensor.end().packets()
    };
    let filter = ["--filter", "tcp"];
    assert_eq!(count(&[&FILTERED[..], &filter].concat()), count(&[&["-i", "b0"][..], &filter].concat()));
}
