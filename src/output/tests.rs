//! Tests of several outputs together, and of receivers that are not always there.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::fan_out::{FanOut, NamedOutput};
use super::testing::query;
use super::*;

/// A wait for events that are sure to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Collects lines. Fails while an error is set.
#[derive(Clone, Default)]
struct MemorySink {
    lines: Arc<Mutex<Vec<u8>>>,
    error: Arc<Mutex<Option<io::ErrorKind>>>,
}

impl MemorySink {
    fn fail(&self, error: Option<io::ErrorKind>) {
        *self.error.lock().unwrap() = error;
    }

    fn count(&self) -> usize {
        self.lines.lock().unwrap().iter().filter(|&&byte| byte == b'\n').count()
    }

    fn output(&self, name: &str) -> NamedOutput {
        let output = LineOutput::new(name.to_owned(), self.clone(), LineFormat::Cef.formatter(&Sensor::default()));
        NamedOutput { name: name.to_owned(), is_standard_output: false, output: Box::new(output) }
    }
}

impl Write for MemorySink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kind) = *self.error.lock().unwrap() {
            return Err(kind.into());
        }
        self.lines.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for MemorySink {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A handler that sends all events to a channel.
fn reporting() -> (EventHandler, mpsc::Receiver<String>) {
    let (sender, events) = mpsc::channel();
    (Arc::new(move |name: &str, event: Event| drop(sender.send(format!("{name}: {event}")))), events)
}

fn both(mode: Mode) -> (MemorySink, MemorySink, Box<FanOut>, mpsc::Receiver<String>) {
    let (one, two) = (MemorySink::default(), MemorySink::default());
    let (handler, events) = reporting();
    let fan_out = FanOut::new(vec![one.output("one"), two.output("two")], mode, handler);
    (one, two, Box::new(fan_out), events)
}

fn write(output: &mut dyn Output) -> Result<(), OutputError> {
    output.write(&query())?;
    output.flush()
}

#[test]
fn live_one_that_fails_does_not_stop_the_others_and_is_events_once() {
    let (one, two, mut output, events) = both(Mode::Live);
    write(output.as_mut()).unwrap();
    one.fail(Some(io::ErrorKind::StorageFull));
    for _ in 0..3 {
        write(output.as_mut()).unwrap();
    }
    let states: Vec<_> = output.monitors().iter().map(Monitor::status).collect();
    assert_eq!((states[0].sent, states[0].lost, states[0].is_connected), (1, 3, false));
    assert_eq!((states[1].sent, states[1].lost, states[1].is_connected), (4, 0, true));
    one.fail(None);
    for _ in 0..2 {
        write(output.as_mut()).unwrap();
    }
    output.close().unwrap();
    assert_eq!((one.count(), two.count()), (3, 6));
    let events: Vec<_> = events.try_iter().collect();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].starts_with("one: one: cannot write: "), "{events:?}");
    assert_eq!(events[1], "one: writing again; 3 alerts were lost meanwhile");
}

#[test]
fn in_a_replay_an_error_of_one_is_the_error_of_all() {
    let (one, two, mut output, events) = both(Mode::Replay);
    one.fail(Some(io::ErrorKind::StorageFull));
    assert!(write(output.as_mut()).unwrap_err().to_string().starts_with("one: cannot write"));
    output.close().unwrap();
    assert_eq!((one.count(), two.count()), (0, 1));
    assert_eq!(events.try_iter().count(), 0);
}

#[test]
fn whoever_has_seen_enough_is_left_and_the_last_of_them_ends_the_run() {
    let (one, two, mut output, _events) = both(Mode::Replay);
    one.fail(Some(io::ErrorKind::BrokenPipe));
    write(output.as_mut()).unwrap();
    write(output.as_mut()).unwrap();
    assert_eq!(two.count(), 2);
    two.fail(Some(io::ErrorKind::BrokenPipe));
    assert!(write(output.as_mut()).unwrap_err().is_closed_pipe());
    output.close().unwrap();
}

#[test]
fn live_alerts_wait_for_a_receiver_that_is_not_there_and_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = SpoolSettings { folder: folder.path().to_owned(), limit: SpoolSettings::LIMIT };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let targets = [Target::parse(format!("tcp://127.0.0.1:{port}").as_ref()).unwrap()];
    let (handler, events) = reporting();
    let mut output = open(&targets, &Sensor::default(), Mode::Live, Some(&spool), &handler).unwrap();
    let monitor = output.monitors().remove(0);
    for _ in 0..100 {
        write(output.as_mut()).unwrap();
    }
    assert!(events.recv_timeout(PATIENCE).unwrap().contains("not connected"));
    let status = monitor.status();
    assert_eq!((status.sent, status.waiting, status.lost, status.is_connected), (0, 100, 0, false));
    assert!(status.spool.0 > 100 * 500);
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let stream = listener.accept().unwrap().0;
    assert_eq!(BufReader::new(&stream).lines().take(100).filter(Result::is_ok).count(), 100);
    // The connection is reported after it has lasted for a while.
    assert!(events.recv_timeout(PATIENCE).unwrap().ends_with(": connected"));
    let status = monitor.status();
    assert_eq!((status.sent, status.waiting, status.is_connected), (100, 0, true));
    assert_eq!(status.oldest_waiting, None);
    // The receiver closes: what was not confirmed is sent again over the next connection.
    drop(stream);
    let stream = listener.accept().unwrap().0;
    assert_eq!(BufReader::new(&stream).lines().take(100).filter(Result::is_ok).count(), 100);
    let closing = std::thread::spawn(move || output.close());
    // The output closes its side, and the receiver answers by closing its own.
    io::copy(&mut &stream, &mut io::sink()).unwrap();
    drop(stream);
    closing.join().unwrap().unwrap();
    assert_eq!(monitor.status().sent, 100);
    assert_eq!(events.try_iter().filter(|event| event.contains("not known to have arrived")).count(), 0);
}

#[test]
fn a_receiver_that_reads_nothing_for_a_while_holds_nobody_up_and_gets_all() {
    const ALERTS: usize = 20_000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let targets = [Target::parse(format!("tcp://{}", listener.local_addr().unwrap()).as_ref()).unwrap()];
    let (handler, events) = reporting();
    let mut output = open(&targets, &Sensor::default(), Mode::Live, None, &handler).unwrap();
    let monitor = output.monitors().remove(0);
    let stream = listener.accept().unwrap().0;
    for _ in 0..ALERTS {
        write(output.as_mut()).unwrap();
    }
    // More than the kernel buffers for a connection. The rest waits in the spool.
    let status = monitor.status();
    assert!(status.waiting > 0 && status.oldest_waiting.is_some(), "{status:?}");
    let reading = std::thread::spawn(move || BufReader::new(stream).lines().map(Result::unwrap).count());
    output.close().unwrap();
    assert_eq!(reading.join().unwrap(), ALERTS);
    let status = monitor.status();
    assert_eq!((status.sent, status.waiting, status.lost), (ALERTS as u64, 0, 0));
    assert_eq!(events.try_iter().filter(|event| event.contains("not connected")).count(), 0);
}

#[test]
fn a_datagram_that_nobody_listened_for_is_sent_again() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let targets = [Target::parse(format!("udp://{address}").as_ref()).unwrap()];
    let (handler, events) = reporting();
    let mut output = open(&targets, &Sensor::default(), Mode::Live, None, &handler).unwrap();
    write(output.as_mut()).unwrap();
    assert!(events.recv_timeout(PATIENCE).unwrap().contains("not connected: Connection refused"));
    let socket = UdpSocket::bind(address).unwrap();
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).unwrap();
    assert!(std::str::from_utf8(&bytes[..length]).unwrap().contains("CEF:0|"));
    output.close().unwrap();
    assert_eq!(events.try_iter().filter(|event| event.contains("not connected")).count(), 0);
}
