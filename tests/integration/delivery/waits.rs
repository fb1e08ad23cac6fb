//! A replay whose receiver or reader takes nothing: it says so, waits for a bounded time or until a
//! signal ends the wait, and then says what was not delivered.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::contacts;
use super::receiver::{free_port, wait_for};
use crate::needs::Need;
use crate::run::{command, has_program, sample_text};

/// A replay with its log line by line.
struct Replay {
    child: Child,
    lines: mpsc::Receiver<String>,
    log: String,
}

impl Replay {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(command().get_program())
            .env_remove("RUST_LOG")
            .args(["replay"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let err = BufReader::new(child.stderr.take().unwrap());
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || err.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        Self { child, lines, log: String::new() }
    }

    /// Waits for a line of the log.
    fn wait_for(&mut self, what: &str) {
        while !self.log.contains(what) {
            let line = self.lines.recv_timeout(Duration::from_secs(60));
            self.log += &line.unwrap_or_else(|_| panic!("{what} did not come:\n{}", self.log));
            self.log.push('\n');
        }
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits for the end. Returns the exit code and the log.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        self.log.extend(self.lines.iter().map(|line| line + "\n"));
        (code, self.log)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The seconds in `read in 0.12 s` of the summary.
fn read_in(log: &str) -> f64 {
    let rest = log.split("read in ").nth(1).unwrap_or_else(|| panic!("{log}"));
    let (number, unit) = rest.split_once(' ').unwrap_or_else(|| panic!("{log}"));
    let number: f64 = number.parse().unwrap_or_else(|_| panic!("{log}"));
    if unit.starts_with("ms") { number / 1e3 } else { number }
}

#[test]
fn a_replay_says_for_whom_it_waits_and_ctrl_c_ends_the_wait() {
    let folder = tempfile::tempdir().unwrap();
    let target = format!("tcp://127.0.0.1:{}", free_port());
    let capture = sample_text("endpoint/udp.pcap");
    let began = Instant::now();
    let mut replay = Replay::start(&["-o", &target, "--spool", text(folder.path()), &capture]);
    replay.wait_for(&format!("{target}: not connected: Connection refused"));
    replay.wait_for("alerts are not delivered yet; the run waits 29 seconds for the receiver (Ctrl-C ends the wait)");
    assert!(began.elapsed() < Duration::from_secs(20));
    thread::sleep(Duration::from_secs(2));
    replay.signal("INT");
    let interrupted = Instant::now();
    let (code, log) = replay.end();
    assert!(interrupted.elapsed() < Duration::from_secs(3), "{log}");
    // Everything was read, so this is not an interrupted replay.
    assert_eq!(code, Some(1), "{log}");
    assert_eq!(log.matches("not delivered yet").count(), 1, "{log}");
    let folder = folder.path().join(target.replace("://", "-").replace(':', "_"));
    let left = format!("alerts are not known to have arrived; they stay in {}", folder.display());
    assert!(log.contains(&left), "{log}");
    assert!(read_in(&log) < 1.5, "the wait counts: {log}");
}

#[test]
fn ctrl_c_while_a_replay_reads_says_what_was_not_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let target = format!("tcp://127.0.0.1:{}", free_port());
    let report = folder.path().join("report.html");
    fs::write(&report, "of the run before").unwrap();
    let spool = folder.path().join("spool");
    let options = ["-o", &target, "--spool", text(&spool), "--report", text(&report), "-"];
    let mut replay = Replay::start(&options);
    // The replay waits for the rest of its standard input.
    let mut input = replay.child.stdin.take().unwrap();
    input.write_all(&contacts(0..20).pcap()).unwrap();
    let is_spooled = || {
        let folder = fs::read_dir(&spool).ok()?.next()?.ok()?.path();
        (fs::read(folder.join("00000000000000000001.segment")).ok()?.len() > 20 * 400).then_some(())
    };
    wait_for("the alerts in the spool", is_spooled);
    replay.signal("INT");
    let began = Instant::now();
    let (code, log) = replay.end();
    assert!(began.elapsed() < Duration::from_secs(10), "{log}");
    assert_eq!(code, Some(130), "{log}");
    assert!(log.contains(&format!("{target}: 20 alerts are not delivered")), "{log}");
    assert_eq!(fs::read(&report).unwrap(), b"of the run before");
    drop(input);
}

#[test]
fn a_terminal_counts_down() {
    if !has_program(Need::Tools, "script") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let target = format!("tcp://127.0.0.1:{}", free_port());
    let program = command().get_program().to_str().unwrap().to_owned();
    let spool = text(folder.path());
    let run =
        format!("timeout -s INT 5 {program} replay -o {target} --spool {spool} {}", sample_text("endpoint/udp.pcap"));
    let mut child = Command::new("script")
        .args(["-qec", &run, "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut seen = String::new();
    child.stdout.take().unwrap().read_to_string(&mut seen).unwrap();
    child.wait().unwrap();
    for seconds in [29, 28, 27] {
        assert!(seen.contains(&format!("the run waits {seconds} seconds")), "{seconds}: {seen}");
    }
    assert!(seen.contains("alerts are not known to have arrived; they stay in"), "{seen}");
}

#[test]
fn a_replay_into_a_named_pipe_says_that_it_waits_for_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut replay = Replay::start(&["-o", text(&fifo), &sample_text("endpoint/udp.pcap")]);
    replay.wait_for(&format!("{}: has taken no alert for 5 seconds; the run waits for it", fifo.display()));
    let lines = fs::read_to_string(&fifo).unwrap();
    assert_eq!(replay.end().0, Some(0));
    assert!(lines.lines().count() > 1 && lines.ends_with('\n'), "{lines}");
}

#[test]
fn a_followed_folder_whose_pipe_nobody_reads_ends_within_ten_seconds_and_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (captures, state, fifo) = (path("captures"), path("state"), path("fifo"));
    fs::create_dir(&captures).unwrap();
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fs::copy(sample_text("endpoint/udp.pcap"), captures.join("a.pcap")).unwrap();
    fs::File::options()
        .write(true)
        .open(captures.join("a.pcap"))
        .unwrap()
        .set_modified(std::time::SystemTime::now() - Duration::from_secs(3600))
        .unwrap();
    let options = ["--follow", text(&captures), "--state", text(&state), "-o", text(&fifo)];
    let mut replay = Replay::start(&options);
    replay.wait_for("has taken no alert for 5 seconds; the run waits for it");
    replay.signal("TERM");
    let began = Instant::now();
    let (code, log) = replay.end();
    assert!(began.elapsed() < Duration::from_secs(10), "{log}");
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("nobody reads it, and the run ends"), "{log}");
    // The capture does not count as read.
    let replay = Replay::start(&options);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(BufReader::new(fs::File::open(&fifo).unwrap()).lines().next()));
    let line = told.recv_timeout(Duration::from_secs(60)).unwrap().unwrap().unwrap();
    assert!(line.starts_with("CEF:0|"), "{line}");
    replay.signal("KILL");
    replay.end();
}
