//! No detected alert is lost when the sensor or the receiver is killed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use super::contacts;
use super::receiver::{Rsyslog, has_rsyslog, ids, wait_for};
use crate::needs::{Need, skip};
use crate::run::{Run, command, run_with_input};

/// The length of a pcap file's header.
const FILE_HEADER: usize = 24;
/// The pause between two packets: about two hundred a second.
const PACE: Duration = Duration::from_millis(5);

/// A capture in which every packet makes one alert, and its packets one by one.
struct Stream {
    header: Vec<u8>,
    packets: Vec<Vec<u8>>,
    /// The `externalId` of each alert.
    ids: BTreeSet<String>,
}

impl Stream {
    fn new(count: usize) -> Self {
        let pcap = contacts(0..count as u32).pcap();
        let all = run_with_input(["replay", "-q", "-"], pcap.clone());
        let (header, records) = pcap.split_at(FILE_HEADER);
        // All packets have the same length.
        let packets: Vec<_> = records.chunks(records.len() / count).map(<[u8]>::to_vec).collect();
        let ids = ids(&all.out);
        assert_eq!((packets.len(), ids.len()), (count, count));
        Self { header: header.to_vec(), packets, ids }
    }
}

/// A sensor that reads from a pipe.
struct Sensor {
    child: Child,
    input: ChildStdin,
}

impl Sensor {
    fn start(stream: &Stream, options: &[&str]) -> Self {
        let mut child = std::process::Command::new(command().get_program())
            .env_remove("RUST_LOG")
            .args(["replay", "-", "--workers", "2"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(&stream.header).unwrap();
        Self { child, input }
    }

    fn feed(&mut self, packets: &[Vec<u8>]) {
        for packet in packets {
            self.input.write_all(packet).unwrap();
            std::thread::sleep(PACE);
        }
    }

    fn finish(self) -> Run {
        drop(self.input);
        self.child.wait_with_output().unwrap().into()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_receiver_that_is_killed_and_started_five_times_gets_every_alert() {
    if !has_rsyslog() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let stream = Stream::new(1000);
    let mut rsyslog = Rsyslog::new();
    rsyslog.start();
    let target = format!("tcp://127.0.0.1:{}", rsyslog.port);
    let mut sensor = Sensor::start(&stream, &["-v", "-o", &target, "--spool", text(folder.path())]);
    let signals = ["KILL", "TERM", "KILL", "TERM", "KILL"];
    for (packets, signal) in stream.packets.chunks(200).zip(signals) {
        sensor.feed(&packets[..80]);
        if signal == "KILL" {
            // From here on its kernel still acknowledges, but data that it has not read is lost
            // when it is killed.
            rsyslog.signal("STOP");
        }
        sensor.feed(&packets[80..100]);
        rsyslog.stop(signal);
        sensor.feed(&packets[100..]);
        rsyslog.start();
    }
    let run = sensor.finish();
    assert_eq!(run.code, 0, "{}", run.err);
    let received = rsyslog.received();
    assert_eq!(ids(&received), stream.ids);
    // One message for each change of state, not for each attempt.
    assert!((1..=10).contains(&run.err.matches("not connected").count()), "{}", run.err);
    // There are few duplicates: only what was sent within some seconds before each kill.
    assert!(received.lines().count() < 5 * stream.ids.len(), "{}", received.lines().count());
}

#[test]
fn a_sensor_that_is_killed_five_times_loses_nothing_that_it_detected() {
    if !has_rsyslog() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let stream = Stream::new(1000);
    let mut rsyslog = Rsyslog::new();
    rsyslog.start();
    let target = format!("tcp://127.0.0.1:{}", rsyslog.port);
    let spool = folder.path().join("spool");
    let mut told = BTreeSet::new();
    for (round, packets) in stream.packets.chunks(200).enumerate() {
        let file = folder.path().join(format!("round-{round}.cef"));
        let mut sensor = Sensor::start(&stream, &["-o", &target, "-o", text(&file), "--spool", text(&spool)]);
        // The receiver stays away while the sensor is killed twice, so that only the spool holds
        // the alerts of that time.
        match round {
            1 => rsyslog.stop("KILL"),
            3 => rsyslog.start(),
            _ => {}
        }
        sensor.feed(packets);
        let read = || fs::read_to_string(&file).unwrap();
        wait_for("the first alerts", || (ids(&read()).len() >= 100).then_some(()));
        sensor.child.kill().unwrap();
        sensor.child.wait().unwrap();
        told.extend(ids(&read()));
    }
    assert!(told.len() >= 500);
    let last = Sensor::start(&stream, &["-v", "-o", &target, "--spool", text(&spool)]).finish();
    assert_eq!(last.code, 0, "{}", last.err);
    let arrived = ids(&rsyslog.received());
    assert_eq!(told.difference(&arrived).count(), 0);
    // A kill may fall between the writes to the spool and to the file. Apart from that, both hold
    // the same alerts.
    assert!(arrived.is_subset(&stream.ids));
    assert!(arrived.len() <= told.len() + 5 * 100, "{} of {}", arrived.len(), told.len());
    // Everything has arrived: nothing is left to send.
    let after = Sensor::start(&stream, &["-v", "-o", &target, "--spool", text(&spool)]).finish();
    assert!(!after.err.contains("of an earlier run"), "{}", after.err);
}

#[test]
fn a_full_disk_is_logged_and_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mount = |arguments: &[&str]| {
        std::process::Command::new("mount")
            .args(arguments)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=128k", "tmpfs", text(&disk)]) {
        return skip(Need::Root, "a small disk to fill cannot be mounted");
    }
    let stream = Stream::new(1000);
    let (file, spool) = (folder.path().join("alerts.cef"), disk.join("spool"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("tcp://{}", listener.local_addr().unwrap());
    let mut sensor = Sensor::start(&stream, &["-v", "-o", &target, "-o", text(&file), "--spool", text(&spool)]);
    for packet in &stream.packets {
        sensor.input.write_all(packet).unwrap();
    }
    wait_for("all alerts", || (ids(&fs::read_to_string(&file).unwrap()) == stream.ids).then_some(()));
    // The receiver only now accepts the connection that the kernel completed.
    let receiving = std::thread::spawn(move || super::receiver::read_to_end(&listener));
    let run = sensor.finish();
    let unmounted = std::process::Command::new("umount").arg(&disk).status().unwrap().success();
    assert!(unmounted);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(ids(&receiving.join().unwrap()), stream.ids);
    assert_eq!(run.err.matches("cannot write the spool: No space left").count(), 1, "{}", run.err);
}

/// A receiver that reads each connection to its end, and then closes it.
fn receive(listener: std::net::TcpListener) -> std::sync::Arc<std::sync::Mutex<String>> {
    let received: std::sync::Arc<std::sync::Mutex<String>> = Default::default();
    let told = received.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = [0; 4096];
            // A killed sensor may leave an incomplete line.
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                *told.lock().unwrap() += std::str::from_utf8(&bytes[..count]).unwrap();
            }
            let mut told = told.lock().unwrap();
            let whole = told.rfind('\n').map_or(0, |end| end + 1);
            told.truncate(whole);
        }
    });
    received
}

#[test]
fn a_sensor_that_is_killed_ten_times_in_quick_succession_repeats_few_alerts() {
    const KILLS: usize = 10;
    let folder = tempfile::tempdir().unwrap();
    let stream = Stream::new(KILLS * 60);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("tcp://{}", listener.local_addr().unwrap());
    let received = receive(listener);
    let spool = folder.path().join("spool");
    let mut told = BTreeSet::new();
    for (round, packets) in stream.packets.chunks(60).enumerate() {
        let file = folder.path().join(format!("round-{round}.cef"));
        let mut sensor = Sensor::start(&stream, &["-o", &target, "-o", text(&file), "--spool", text(&spool)]);
        sensor.feed(packets);
        wait_for("the first alerts", || (ids(&fs::read_to_string(&file).unwrap()).len() >= 50).then_some(()));
        sensor.child.kill().unwrap();
        sensor.child.wait().unwrap();
        told.extend(ids(&fs::read_to_string(&file).unwrap()));
    }
    let last = Sensor::start(&stream, &["-v", "-o", &target, "--spool", text(&spool)]).finish();
    assert_eq!(last.code, 0, "{}", last.err);
    let received = received.lock().unwrap();
    let arrived = ids(&received);
    assert_eq!(told.difference(&arrived).count(), 0);
    let lines = received.lines().count();
    assert!(lines * 10 < arrived.len() * 13, "{lines} lines of {} alerts: {}", arrived.len(), last.err);
}

#[test]
fn a_receiver_that_is_killed_after_the_sensor_and_before_it_has_read_gets_every_alert() {
    if !has_rsyslog() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let stream = Stream::new(100);
    let mut rsyslog = Rsyslog::new();
    rsyslog.start();
    let target = format!("tcp://127.0.0.1:{}", rsyslog.port);
    let options = ["-o", &target, "--spool", text(folder.path())];
    let mut sensor = Sensor::start(&stream, &options);
    sensor.feed(&stream.packets[..50]);
    wait_for("the first alerts", || (ids(&rsyslog.received()).len() == 50).then_some(()));
    // Its kernel acknowledges what it will never read.
    rsyslog.signal("STOP");
    sensor.feed(&stream.packets[50..]);
    let spool = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let accepted = || fs::read_to_string(spool.join("accepted")).unwrap_or_default();
    wait_for("the acknowledgement", || accepted().contains("accepted 101 ").then_some(()));
    sensor.child.kill().unwrap();
    sensor.child.wait().unwrap();
    rsyslog.stop("KILL");
    assert_eq!(ids(&rsyslog.received()).len(), 50);
    rsyslog.start();
    let last = Sensor::start(&stream, &options).finish();
    assert_eq!(last.code, 0, "{}", last.err);
    assert_eq!(ids(&rsyslog.received()), stream.ids);
}
