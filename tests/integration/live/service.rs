//! The sensor as a service: signals, reloads under load, systemd.

use std::collections::VecDeque;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::Duration;

use super::net::Net;
use crate::run::sample;

/// A steady stream of some seconds that every machine can keep up with.
const STREAM: [&str; 4] = ["--pps", "4000", "--loop", "20"];

#[test]
fn a_reload_under_load_loses_no_packet_and_a_bad_list_changes_nothing() {
    let Some(net) = Net::with_pair() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.txt");
    let list = path.to_str().unwrap();
    // The story's resolver, which is not listed anywhere else.
    let (without, with) = ("203.0.113.200\n", "203.0.113.200\n10.20.0.53\n");
    fs::write(&path, without).unwrap();
    let sensor = net.sensor(&["-i", "b0", "--no-builtin", "--allow-broad", "--indicators", list]);
    let sent = thread::scope(|scope| {
        let sending = scope.spawn(|| net.send("a0", &STREAM, &sample("story.pcap")));
        fs::write(&path, with).unwrap();
        sensor.signal("HUP");
        sensor.wait_for_log("reloaded: 2 indicators", 1);
        sensor.wait_for_alerts("cs1=10.20.0.53", 1);
        fs::write(&path, [0xff, 0xfe, 0]).unwrap();
        sensor.signal("HUP");
        sensor.wait_for_log("not reloaded, the previous indicators and exclusions stay in force", 1);
        fs::remove_file(&path).unwrap();
        sensor.signal("HUP");
        sensor.wait_for_log("not reloaded, the previous indicators and exclusions stay in force", 2);
        for time in 2..9 {
            fs::write(&path, with).unwrap();
            sensor.signal("HUP");
            sensor.wait_for_log("reloaded: 2 indicators", time);
        }
        sending.join().unwrap()
    });
    let ended = sensor.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    assert_eq!(ended.packets(), sent, "{}", ended.err);
    assert!(!ended.err.contains("dropped by the kernel:"), "{}", ended.err);
}

#[test]
fn statistics_come_on_request_and_at_intervals() {
    let Some(net) = Net::with_pair() else { return };
    let sensor = net.sensor(&["-i", "b0"]);
    let sent = net.send("a0", &["--topspeed"], &sample("endpoint/udp.pcap"));
    sensor.wait_for_alerts("c2-endpoint", 1);
    sensor.signal("USR1");
    let log = sensor.wait_for_log("statistics: b0: up", 1);
    assert!(log.contains(&format!("statistics: {sent} packets, ")), "{log}");
    sensor.end();

    let sensor = net.sensor(&["-i", "b0", "--stats-interval", "1"]);
    sensor.wait_for_log("statistics: b0: up", 2);
    sensor.end();
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let Some(net) = Net::with_pair() else { return };
    let sensor = net.sensor(&["-i", "b0"]);
    // Both signals arrive before the first takes effect: the sensor looks ten times a second.
    sensor.signal("INT");
    sensor.signal("INT");
    let code = sensor.wait().status.code();
    // On a busy machine it may have stopped in between.
    assert!(matches!(code, Some(130 | 0)), "{code:?}");
}

#[test]
fn systemd_is_told_what_the_sensor_does() {
    let Some(net) = Net::with_pair() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut told = VecDeque::new();
    let mut wait_for = |what: &str| {
        loop {
            let mut bytes = [0; 4096];
            let length = match socket.recv(&mut bytes) {
                Ok(length) => length,
                // A suspended machine interrupts a wait with a timeout.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => panic!("{what} never came, but {told:?}: {error}"),
            };
            let message = String::from_utf8(bytes[..length].to_vec()).unwrap();
            told.push_back(message.clone());
            if message.lines().any(|line| line.starts_with(what)) {
                return message;
            }
        }
    };
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "4000000")];
    let sensor = net.sensor_with(&["-i", "b0"], &environment);
    wait_for("READY=1");
    wait_for("STATUS=0 packets");
    wait_for("WATCHDOG=1");
    sensor.signal("HUP");
    let reloading = wait_for("RELOADING=1");
    let time = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(time.is_some_and(|time| time.parse::<u64>().is_ok()), "{reloading}");
    wait_for("READY=1");
    // This holds without an interface as well: its thread still shows that it lives.
    net.ip(["link", "del", "b0"]);
    sensor.wait_for_log("b0: the interface vanished", 1);
    wait_for("WATCHDOG=1");
    wait_for("WATCHDOG=1");
    sensor.signal("TERM");
    wait_for("STOPPING=1");
    assert!(sensor.wait().status.success());
}
