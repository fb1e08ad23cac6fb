//! A followed folder: each capture is read once, whatever writers do to it, and after a restart as
//! well.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::golden::parse;
use crate::run::{Running, sample};

/// The longest wait for the sensor, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A followed folder, and the files of a run beside it.
pub struct Place {
    root: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("captures")).unwrap();
        Self { root }
    }

    /// A file beside the followed folder.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn captures(&self, name: &str) -> PathBuf {
        self.root.path().join("captures").join(name)
    }

    pub fn alerts(&self) -> String {
        fs::read_to_string(self.root.path().join("alerts.cef")).unwrap_or_default()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.root.path().join("log")).unwrap_or_default()
    }

    pub fn start(&self) -> Running {
        self.start_with(&[])
    }

    fn start_with(&self, options: &[&str]) -> Running {
        let log = fs::File::options().create(true).append(true).open(self.root.path().join("log")).unwrap();
        let path = |name: &str| self.root.path().join(name);
        // Few captures are open at a time, however many there are.
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n 64; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_rattap")]);
        command.args(["replay", "-v", "--sensor-host", "tap-01", "--follow"]).arg(path("captures"));
        command.arg("--state").arg(path("state")).arg("-o").arg(path("alerts.cef")).args(options);
        command.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Running(command.spawn().unwrap())
    }

    pub fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "waited in vain for {what}:\n{}\n{}", self.log(), self.alerts());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn end(&self, mut sensor: Running) -> Option<i32> {
        let done = Command::new("kill").arg("-TERM").arg(sensor.id().to_string()).status().unwrap();
        assert!(done.success());
        sensor.wait().unwrap().code()
    }
}

/// The story in this many captures with the same headers, and one capture of the next day, whose
/// alerts show that everything was read.
fn parts(count: usize) -> Vec<Vec<u8>> {
    let whole = fs::read(sample("story.pcap")).unwrap();
    let (header, mut rest) = whole.split_at(24);
    let mut records = Vec::new();
    while !rest.is_empty() {
        let length = 16 + u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let (record, more) = rest.split_at(length);
        records.push(record);
        rest = more;
    }
    let story = records.chunks(records.len().div_ceil(count)).map(|chunk| [header, &chunk.concat()].concat());
    let mut next_day = fs::read(sample("answer/a.pcap")).unwrap();
    let mut at = header.len();
    while let Some(record) = next_day.get_mut(at..).filter(|rest| !rest.is_empty()) {
        let seconds = u32::from_le_bytes(record[..4].try_into().unwrap());
        record[..4].copy_from_slice(&(seconds + 86_400).to_le_bytes());
        at += 16 + u32::from_le_bytes(record[8..12].try_into().unwrap()) as usize;
    }
    story.chain([next_day]).collect()
}

/// The alerts of a replay of the parts as files.
fn expected(parts: &[Vec<u8>]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (number, part) in parts.iter().enumerate() {
        fs::write(folder.path().join(format!("part{number:02}.pcap")), part).unwrap();
    }
    crate::run::replay(&[], &[folder.path()]).out
}

/// The lines without the names of the files.
fn told(text: &str) -> Vec<BTreeMap<String, String>> {
    let line = |line: &str| {
        let mut parsed: BTreeMap<String, String> = parse(line).into_iter().collect();
        parsed.remove("deviceInboundInterface");
        parsed
    };
    text.lines().map(line).collect()
}

/// Checks that alerts are the same but for the names of the files. Shows the first that differs.
fn assert_same(alerts: &str, expected: &str, log: &str) {
    let (alerts, expected) = (told(alerts), told(expected));
    let differs = (0..alerts.len().max(expected.len())).find(|&at| alerts.get(at) != expected.get(at));
    assert_eq!(differs.map(|at| (at, alerts.get(at), expected.get(at))), None, "{log}");
}

fn ids(text: &str) -> BTreeSet<String> {
    text.lines().map(|line| parse(line).remove("externalId").unwrap()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn firsts(text: &str) -> usize {
    text.lines().filter(|line| line.contains("flexString2=first")).count()
}

#[test]
fn finished_captures_are_read_once_in_order_of_time_as_one_history() {
    let place = Place::new();
    let parts = parts(6);
    let expected = expected(&parts);
    // These exist before the start. They are not in the order of their names, and nobody writes to
    // them.
    for (name, part) in [("z", &parts[0]), ("a", &parts[1])] {
        fs::write(place.captures(name), part).unwrap();
        let file = fs::File::options().write(true).open(place.captures(name)).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(3600)).unwrap();
    }
    let sensor = place.start();
    place.wait("the folder", || place.log().contains("following") && firsts(&place.alerts()) > 0);
    // Written in pieces.
    let mut file = fs::File::create(place.captures("m.pcap")).unwrap();
    file.write_all(&parts[2][..100]).unwrap();
    thread::sleep(Duration::from_millis(500));
    file.write_all(&parts[2][100..]).unwrap();
    drop(file);
    // Renamed when complete.
    fs::write(place.captures("n.pcap.part"), &parts[3]).unwrap();
    fs::rename(place.captures("n.pcap.part"), place.captures("n.pcap")).unwrap();
    // Compressed when complete, which replaces the original.
    fs::write(place.captures("o.pcap"), &parts[4]).unwrap();
    fs::write(place.captures("o.pcap.gz"), gzip(&parts[4])).unwrap();
    fs::remove_file(place.captures("o.pcap")).unwrap();
    thread::sleep(Duration::from_millis(500));
    // Renamed and touched afterwards.
    fs::rename(place.captures("n.pcap"), place.captures("renamed.pcap")).unwrap();
    fs::write(place.captures("p.pcap.gz"), gzip(&parts[5])).unwrap();
    fs::write(place.captures("q.pcap"), &parts[6]).unwrap();
    let last = firsts(&expected);
    place.wait("all firsts", || firsts(&place.alerts()) >= last);
    assert_eq!(place.end(sensor), Some(0), "{}", place.log());
    assert_same(&place.alerts(), &expected, &place.log());
    // Everything was read.
    let before = place.alerts();
    let sensor = place.start();
    place.wait("the second run", || place.log().matches("following").count() == 2);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(place.end(sensor), Some(0), "{}", place.log());
    assert_eq!(place.alerts(), before);
}

#[test]
fn a_killed_run_continues_without_loss() {
    let place = Place::new();
    let parts = parts(8);
    let expected = expected(&parts);
    let mut sensor = place.start();
    place.wait("the folder", || place.log().contains("following"));
    for (number, part) in parts.iter().enumerate() {
        fs::write(place.captures(&format!("x{number}.pcap")), part).unwrap();
        thread::sleep(Duration::from_millis(150));
        if number % 3 == 1 {
            sensor.kill().unwrap();
            sensor.wait().unwrap();
            sensor = place.start();
            place.wait("the next run", || place.log().matches("following").count() == 2 + number / 3);
        }
    }
    let firsts = |text: &str| {
        ids(&text.lines().filter(|line| line.contains("flexString2=first")).collect::<Vec<_>>().join("\n"))
    };
    place.wait("all firsts", || firsts(&place.alerts()) == firsts(&expected));
    assert_eq!(place.end(sensor), Some(0), "{}", place.log());
    assert_eq!(ids(&place.alerts()), ids(&expected), "{}", place.log());
}

#[test]
fn names_are_appended_after_a_restart_and_go_to_a_new_file_at_a_reload() {
    let place = Place::new();
    let parts = parts(2);
    let [names, rotated] = ["names", "names.1"].map(|name| place.beside(name));
    fs::write(&names, "of the run before\n").unwrap();
    let sensor = place.start_with(&["--names", names.to_str().unwrap()]);
    place.wait("the folder", || place.log().contains("following"));
    fs::write(place.captures("0.pcap"), &parts[0]).unwrap();
    place.wait("the first alert", || firsts(&place.alerts()) > 0);
    fs::rename(&names, &rotated).unwrap();
    assert!(Command::new("kill").arg("-HUP").arg(sensor.id().to_string()).status().unwrap().success());
    place.wait("the new file", || names.exists());
    fs::write(place.captures("1.pcap"), &parts[1]).unwrap();
    fs::write(place.captures("2.pcap"), &parts[2]).unwrap();
    let expected = expected(&parts);
    place.wait("all firsts", || firsts(&place.alerts()) == firsts(&expected));
    assert_eq!(place.end(sensor), Some(0), "{}", place.log());
    let read = |path| fs::read_to_string(path).unwrap();
    let again = place.beside("again");
    crate::run::replay(&["--names", again.to_str().unwrap()], &[place.captures("")]);
    assert!(!read(&names).is_empty());
    assert_eq!(read(&rotated) + &read(&names), "of the run before\n".to_owned() + &read(&again));
}

#[test]
fn a_vanished_file_or_one_that_is_no_capture_is_reported_once_and_the_rest_is_read() {
    let place = Place::new();
    let parts = parts(2);
    // A capture is moved in and out again while the sensor is stopped.
    let sensor = place.start();
    place.wait("the folder", || place.log().contains("following"));
    let signal = |name: &str| {
        assert!(Command::new("kill").arg(name).arg(sensor.id().to_string()).status().unwrap().success());
    };
    signal("-STOP");
    fs::write(place.captures("gone.pcap"), &parts[0]).unwrap();
    fs::remove_file(place.captures("gone.pcap")).unwrap();
    fs::write(place.captures("README"), "no capture, but text").unwrap();
    fs::write(place.captures("there.pcap"), &parts[1]).unwrap();
    signal("-CONT");
    place.wait("what is there", || firsts(&place.alerts()) > 0);
    assert_eq!(place.end(sensor), Some(1));
    let log = place.log();
    assert_eq!(log.matches("gone.pcap: lost").count(), 1, "{log}");
    assert_eq!(log.matches("README: not a capture").count(), 1, "{log}");
    assert!(Path::new(&place.root.path().join("state")).exists());
}
