//! Outputs that nobody reads: the others, the capture and the end of the run do not wait for them.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::net::{Net, wait_for_lines};
use crate::delivery::contacts;
use crate::delivery::receiver::wait_for;

/// The port of the metrics, in a network namespace of its own.
const METRICS: u16 = 9100;
/// More alerts than a pipe holds.
const ALERTS: u32 = 1800;

#[test]
fn a_pipe_that_nobody_reads_stops_nothing_else() {
    let Some(net) = Net::with_pair().map(Net::with_loopback) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (file, fifo, log, capture) = (path("alerts.cef"), path("fifo"), path("log"), path("sent.pcap"));
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fs::write(&capture, contacts(0..ALERTS).pcap()).unwrap();
    // Nobody reads standard output, and the named pipe has no reader at all.
    let mut child = net
        .command(env!("CARGO_BIN_EXE_rattap"))
        .args(["live", "-i", "b0", "--user", "root", "--metrics", &METRICS.to_string(), "-o", "-", "-o"])
        .arg(&fifo)
        .arg("-o")
        .arg(&file)
        .env_remove("RUST_LOG")
        .env_remove("JOURNAL_STREAM")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let logged = |what: &str| fs::read_to_string(&log).unwrap().matches(what).count();
    wait_for("the capture", || (logged("capturing from") > 0).then_some(()));
    net.send("a0", &["--topspeed"], &capture);
    wait_for_lines(&file, ALERTS as usize);
    wait_for("the reports", || (logged("has taken no alert for 5 seconds") == 2).then_some(()));
    let health = net.metrics(METRICS, "/healthz");
    assert!(health.contains("503"), "{health}");
    assert!(health.contains("standard output: accepts no alerts"), "{health}");
    assert!(health.contains("fifo: accepts no alerts; 1800 are waiting"), "{health}");

    // A reader of the named pipe gets all that waited.
    let mut reader = Command::new("cat").arg(&fifo).stdout(Stdio::piped()).spawn().unwrap();
    let out = reader.stdout.take().unwrap();
    let reading = thread::spawn(move || std::io::read_to_string(out).unwrap());
    wait_for("the recovery", || (logged("fifo: writing again; 0 alerts were lost meanwhile") == 1).then_some(()));

    let began = Instant::now();
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let status = child.wait().unwrap();
    let took = began.elapsed();
    let log = fs::read_to_string(&log).unwrap();
    assert!(took < Duration::from_secs(10), "{took:?}: {log}");
    assert_eq!(reading.join().unwrap().lines().count(), ALERTS as usize);
    assert_eq!(reader.wait().unwrap().code(), Some(0));
    // Those that standard output did not take are lost, and counted.
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("standard output: ") && log.contains("did not take them before the end of the run"), "{log}");
    assert!(log.contains("alerts that could not be written"), "{log}");
    assert_eq!(log.matches("has taken no alert").count(), 2, "{log}");
}
