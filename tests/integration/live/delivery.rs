//! Delivery by a live sensor: detected alerts arrive whichever side is killed, and the capture goes
//! on.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use tempfile::TempDir;

use super::net::{Ended, Net, Sensor};
use crate::delivery::contacts;
use crate::delivery::receiver::{RSYSLOGD, Rsyslog, has_rsyslog, ids, wait_for};
use crate::needs::{Need, skip};

/// A steady stream: four hundred detections a second.
const STEADILY: [&str; 2] = ["--pps", "400"];
const AT_ONCE: [&str; 1] = ["--topspeed"];
/// The number of packets, each of which causes an alert, between two kills.
const ROUND: u32 = 200;
/// The port of the metrics, in a network namespace of its own.
const METRICS: u16 = 9100;

/// A wire, a receiver beside the sensor, and a folder for its files.
struct Site {
    net: Net,
    rsyslog: Rsyslog,
    folder: TempDir,
}

impl Site {
    fn new() -> Option<Self> {
        if !has_rsyslog() {
            return None;
        }
        let net = Net::with_pair()?.with_loopback();
        Some(Self { net, rsyslog: Rsyslog::new(), folder: tempfile::tempdir().unwrap() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start_receiver(&mut self) {
        self.rsyslog.start_as(self.net.command(RSYSLOGD));
    }

    fn target(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.rsyslog.port)
    }

    /// A sensor that writes its alerts into a file and sends them.
    fn sensor(&self, spool: &Path, options: &[&str]) -> Sensor {
        let (target, file) = (self.target(), self.path("alerts.cef"));
        let metrics = METRICS.to_string();
        let arguments =
            ["-v", "-i", "b0", "-o", &target, "-o", text(&file), "--spool", text(spool), "--metrics", &metrics];
        self.net.sensor(&[&arguments, options].concat())
    }

    /// Sends a packet from each of these clients.
    fn send(&self, pace: &[&str], clients: Range<u32>) -> u64 {
        let path = self.path(&format!("{}.pcap", clients.start));
        fs::write(&path, contacts(clients).pcap()).unwrap();
        self.net.send("a0", pace, &path)
    }

    /// The whole lines in the file: those with a message, which is the last key.
    fn told(&self) -> BTreeSet<String> {
        let text = fs::read_to_string(self.path("alerts.cef")).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.contains(" msg="));
        ids(&whole.collect::<String>())
    }

    fn wait_for_told(&self, count: u32) {
        wait_for("alerts in the file", || (self.told().len() >= count as usize).then_some(()));
    }

    fn arrived(&self) -> BTreeSet<String> {
        ids(&self.rsyslog.received())
    }

    /// The value of a metric.
    fn metric(&self, name: &str) -> u64 {
        let page = self.net.metrics(METRICS, "/metrics");
        let mut values = page.lines().filter_map(|line| line.strip_prefix(name));
        let value = values.find_map(|value| value.strip_prefix(' ')).unwrap_or_else(|| panic!("{name}: {page}"));
        value.parse().unwrap()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
    entries.map(|metadata| metadata.len()).sum()
}

/// The alerts that the closing summary counts as lost.
fn lost_in_summary(ended: &Ended) -> u64 {
    let line = ended.err.lines().find_map(|line| line.strip_suffix(" alerts that could not be written"));
    line.unwrap_or_else(|| panic!("{}", ended.err)).trim().replace(',', "").parse().unwrap()
}

#[test]
fn a_receiver_that_is_stopped_and_started_five_times_gets_every_alert() {
    let Some(mut site) = Site::new() else { return };
    let spool = site.path("spool");
    site.start_receiver();
    let sensor = site.sensor(&spool, &[]);
    let mut sent = 0;
    for (round, signal) in (0..).zip(["KILL", "TERM", "KILL", "TERM", "KILL"]) {
        let first = round * ROUND;
        let net = &site.net;
        let capture = site.path(&format!("{round}.pcap"));
        fs::write(&capture, contacts(first..first + ROUND).pcap()).unwrap();
        let sending = thread::scope(|scope| {
            let sending = scope.spawn(|| net.send("a0", &STEADILY, &capture));
            let told = |count: u32| {
                let file = site.folder.path().join("alerts.cef");
                let count = (first + count) as usize;
                wait_for("alerts", || (ids(&fs::read_to_string(&file).unwrap()).len() >= count).then_some(()));
            };
            told(40);
            if signal == "KILL" {
                // From here on its kernel still acknowledges, but data that it has not read is lost
                // when it is stopped.
                site.rsyslog.signal("STOP");
            }
            told(80);
            site.rsyslog.stop(signal);
            told(120);
            site.rsyslog.start_as(net.command(RSYSLOGD));
            sending.join().unwrap()
        });
        sent += sending;
    }
    site.wait_for_told(5 * ROUND);
    let ended = sensor.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    assert_eq!(ended.packets(), sent, "{}", ended.err);
    assert_eq!((site.told().len() as u64, sent), (sent, u64::from(5 * ROUND)));
    assert_eq!(site.arrived(), site.told());
    // One message for each change of state, not for each attempt.
    assert!((1..=10).contains(&ended.err.matches("not connected").count()), "{}", ended.err);
    assert!(site.rsyslog.received().lines().count() < 5 * sent as usize, "too many came twice");
}

#[test]
fn a_sensor_that_is_killed_five_times_loses_nothing_that_it_detected() {
    let Some(mut site) = Site::new() else { return };
    let spool = site.path("spool");
    site.start_receiver();
    // A packet counts as detected once its line is in a file. Packets that a killed sensor had
    // captured but not yet reported do not count.
    let mut least = 0;
    for round in 0..5 {
        let sensor = site.sensor(&spool, &[]);
        // The receiver stays away while the sensor is killed twice, so that only the spool holds
        // the alerts of that time.
        match round {
            1 => site.rsyslog.stop("KILL"),
            3 => site.start_receiver(),
            _ => {}
        }
        let before = site.told().len() as u32;
        let first = round * ROUND;
        let is_amid = round % 2 == 0;
        thread::scope(|scope| {
            let sending = scope.spawn(|| site.send(&STEADILY, first..first + ROUND));
            site.wait_for_told(before + if is_amid { ROUND / 4 } else { ROUND });
            sensor.signal("KILL");
            sending.join().unwrap();
        });
        let ended = sensor.wait();
        assert!(!ended.status.success(), "{}", ended.err);
        least += if is_amid { ROUND / 4 } else { ROUND };
    }
    let told = site.told();
    assert!((least..=5 * ROUND).contains(&(told.len() as u32)), "{}", told.len());
    // The next sensor sends what is left.
    let ended = site.sensor(&spool, &[]).end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    let arrived = site.arrived();
    assert_eq!(told.difference(&arrived).count(), 0);
    // A kill may fall between the writes to the spool and to the file. Apart from that, both hold
    // the same alerts.
    assert!(arrived.len() as u32 <= 5 * ROUND, "{}", arrived.len());
    let after = site.sensor(&spool, &[]).end();
    assert!(!after.err.contains("of an earlier run"), "{}", after.err);
}

/// A disk of some kilobytes.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: &Path) -> Option<Self> {
        let path = folder.join("disk");
        fs::create_dir(&path).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=128k", "tmpfs", text(&path)])
            .stderr(Stdio::null())
            .status();
        if !mount.is_ok_and(|status| status.success()) {
            skip(Need::Root, "a small disk to fill cannot be mounted");
            return None;
        }
        Some(Self(path))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_logged_and_capture_and_delivery_go_on() {
    let Some(mut site) = Site::new() else { return };
    let Some(disk) = Disk::mount(site.folder.path()) else { return };
    let sensor = site.sensor(&disk.0.join("spool"), &[]);
    let mut sent = site.send(&AT_ONCE, 0..1000);
    sensor.wait_for_log("cannot write the spool: No space left", 1);
    site.wait_for_told(1000);
    assert!(site.metric("rattap_spool_memory_bytes") > 128 << 10);
    let health = site.net.metrics(METRICS, "/healthz");
    assert!(health.contains("503") && health.contains("its spool cannot be written"), "{health}");
    // The disk stays full for a while, and alerts keep coming.
    sent += site.send(&AT_ONCE, 1000..1100);
    site.wait_for_told(1100);

    // The receiver reads, so that delivered alerts make room.
    site.start_receiver();
    sensor.wait_for_log("the spool can be written again; 0 alerts were lost meanwhile", 1);
    assert_eq!(site.metric("rattap_spool_memory_bytes"), 0);
    sent += site.send(&AT_ONCE, 1100..1120);
    site.wait_for_told(1120);
    let ended = sensor.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    assert_eq!((ended.packets(), sent), (1120, 1120), "{}", ended.err);
    assert_eq!(site.arrived(), site.told());
    assert_eq!(ended.err.matches("cannot write the spool").count(), 1, "{}", ended.err);
}

#[test]
fn alerts_that_neither_disk_nor_receiver_took_are_counted_as_lost() {
    let Some(mut site) = Site::new() else { return };
    let Some(disk) = Disk::mount(site.folder.path()) else { return };
    let spool = disk.0.join("spool");
    let sensor = site.sensor(&spool, &[]);
    let sent = site.send(&AT_ONCE, 0..1000);
    site.wait_for_told(1000);
    let ended = sensor.end();
    assert_eq!(ended.packets(), sent, "{}", ended.err);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.err);
    let said = ended.err.lines().find(|line| line.contains("are lost with this process")).unwrap_or_default();
    assert!(said.contains("1000 alerts are not known to have arrived; "), "{}", ended.err);
    let lost = said.split(" of them are lost").next().unwrap().rsplit(' ').next().unwrap();
    assert_eq!(lost_in_summary(&ended), lost.parse::<u64>().unwrap(), "{}", ended.err);

    // The others wait for the next run.
    site.start_receiver();
    let ended = site.sensor(&spool, &[]).end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    assert_eq!(site.arrived().len() + lost.parse::<usize>().unwrap(), 1000);
}

#[test]
fn a_receiver_that_reads_nothing_costs_the_oldest_alerts_and_no_packet() {
    let Some(mut site) = Site::new() else { return };
    let spool = site.path("spool");
    site.start_receiver();
    let sensor = site.sensor(&spool, &["--spool-limit", "1MiB"]);
    sensor.wait_for_log(": connected", 1);
    // Its kernel still accepts, and acknowledges until its buffer is full.
    site.rsyslog.signal("STOP");
    let sent = site.send(&AT_ONCE, 0..5000);
    sensor.wait_for_log("the spool is full at", 1);
    site.wait_for_told(5000);
    let lost = site.metric(&format!("rattap_output_lost_total{{output=\"{}\"}}", site.target()));
    assert!(lost > 0);
    let folder = fs::read_dir(&spool).unwrap().next().unwrap().unwrap().path();
    assert!(bytes_in(&folder) <= (1 << 20) + 4096, "{}", bytes_in(&folder));
    assert!(site.metric("rattap_spool_bytes") <= 1 << 20);

    site.rsyslog.signal("CONT");
    let ended = sensor.end();
    assert_eq!((ended.packets(), sent), (5000, 5000), "{}", ended.err);
    assert!(!ended.err.contains("dropped by the kernel:"), "{}", ended.err);
    assert_eq!(ended.err.matches("the oldest alerts are lost").count(), 1, "{}", ended.err);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.err);
    assert_eq!(lost_in_summary(&ended), lost, "{}", ended.err);
    // Some of the lost alerts may have been on their way, but every missing one was counted.
    let (told, arrived) = (site.told(), site.arrived());
    assert!(arrived.is_subset(&told));
    assert!(told.len() - arrived.len() <= lost as usize, "{} of {} arrived, {lost} lost", arrived.len(), told.len());
}
