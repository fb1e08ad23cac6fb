//! A followed folder that tcpdump rotates captures in, on a wire of its own; and one with very many captures.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::follow::Place;
use crate::golden::sums_of;
use crate::live::net::Net;
use crate::run::{replay, sample};

/// What alerts tell of: sightings and bytes by signature and indicator.
fn told(lines: &str) -> BTreeMap<(String, Option<String>), [u64; 3]> {
    sums_of(lines, |line| (line["4"].clone(), line.get("cs1").cloned()))
}

/// Captures until it is ended.
struct Tcpdump(Child);

impl Tcpdump {
    /// Writes what comes out of `b0` there. `options` say when it goes on in a new file.
    fn start(net: &Net, file: &Path, options: &[&str]) -> Self {
        let log = file.parent().unwrap().parent().unwrap().join("tcpdump.log");
        let log = fs::File::options().create(true).append(true).open(log).unwrap();
        let mut command = net.command("tcpdump");
        command
            .args(["-n", "-i", "b0", "-Z", "root", "-B", "65536", "--immediate-mode", "-U", "-w"])
            .arg(file)
            .args(options);
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    fn end(mut self) {
        assert!(Command::new("kill").arg("-INT").arg(self.0.id().to_string()).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }
}

/// How many packets a capture holds by now, and the last one.
fn held(path: &Path) -> (u64, Vec<u8>) {
    let bytes = fs::read(path).unwrap_or_default();
    let (mut rest, mut count, mut last) = (bytes.get(24..).unwrap_or_default(), 0, &[][..]);
    while let Some((record, more)) = rest.split_first_chunk::<16>() {
        let length = u32::from_le_bytes(record[8..12].try_into().unwrap()) as usize;
        let Some((packet, next)) = more.split_at_checked(length) else { break };
        (rest, count, last) = (next, count + 1, packet);
    }
    (count, last.to_vec())
}

/// Sends as `send` says, captures it as rotated files and as a whole one beside, follows the first, and gives how many files there were.
fn follows_as_the_whole_is_read(options: &[&str], send: impl Fn(&Net) -> u64) -> Option<usize> {
    let net = Net::with_pair()?;
    if Command::new("tcpdump").arg("--version").output().is_err() {
        return None;
    }
    let place = Place::new();
    let whole = place.beside("x").join("whole.pcap");
    let sensor = place.start();
    place.wait("the folder", || place.log().contains("following"));
    fs::create_dir(whole.parent().unwrap()).unwrap();
    let writers = [Tcpdump::start(&net, &place.captures("ring-%s.pcap"), options), Tcpdump::start(&net, &whole, &[])];
    let written = || fs::read_to_string(place.beside("tcpdump.log")).unwrap_or_default();
    place.wait("both writers", || written().matches("listening on").count() == 2);
    // The last packet is one that no other is like.
    let sent = send(&net) + net.send("a0", &["--topspeed"], &sample("answer/a.pcap"));
    // Ended sooner, they would leave what the kernel still holds for them.
    place.wait("all packets", || held(&whole).0 == sent);
    let (_, last) = held(&whole);
    place.wait("the last packet", || captures(&place).iter().any(|path| held(path).1 == last));
    writers.into_iter().for_each(Tcpdump::end);
    let expected = told(&replay(&["--repeat-window", "0"], &[&whole]).out);
    assert!(!expected.is_empty());
    let sightings = |told: &BTreeMap<_, [u64; 3]>| told.values().map(|[sightings, ..]| sightings).sum::<u64>();
    // Updates are told at the end; by then every capture was read.
    let files = captures(&place).len();
    thread::sleep(Duration::from_secs(1));
    assert_eq!(place.end(sensor), Some(0), "{}", place.log());
    assert_eq!(sightings(&told(&place.alerts())), sightings(&expected), "{}", place.log());
    assert_eq!(told(&place.alerts()), expected, "{}", place.log());
    Some(files)
}

fn captures(place: &Place) -> Vec<PathBuf> {
    fs::read_dir(place.captures("")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn captures_that_tcpdump_rotates_by_time_are_read_once_and_whole() {
    let files = follows_as_the_whole_is_read(&["-G", "1"], |net| {
        let send = |_| {
            thread::sleep(Duration::from_millis(300));
            net.send("a0", &["--topspeed"], &sample("endpoint/all-seven.pcap"))
        };
        (0..12).map(send).sum()
    });
    assert!(files.is_none_or(|files| files >= 3), "{files:?}");
}

#[test]
fn captures_that_tcpdump_rotates_by_size_are_read_once_and_whole() {
    let send = |net: &Net| net.send("a0", &["--mbps", "60", "--loop", "60"], &sample("story.pcap"));
    let files = follows_as_the_whole_is_read(&["-C", "1"], send);
    assert!(files.is_none_or(|files| files >= 8), "{files:?}");
}

#[test]
fn a_ring_of_captures_is_read_before_it_comes_round() {
    // A round takes seconds, many times what a capture of a megabyte takes to read.
    let send = |net: &Net| net.send("a0", &["--mbps", "10", "--loop", "60"], &sample("story.pcap"));
    let files = follows_as_the_whole_is_read(&["-C", "1", "-W", "5"], send);
    assert!(files.is_none_or(|files| files == 5), "{files:?}");
}

#[test]
fn twenty_thousand_captures_are_read_in_one_go() {
    let place = Place::new();
    let source = fs::read(sample("endpoint/udp.pcap")).unwrap();
    let (header, first) = source.split_at(24);
    let length = 16 + u32::from_le_bytes(first[8..12].try_into().unwrap()) as usize;
    let seconds = u32::from_le_bytes(first[..4].try_into().unwrap());
    let long_ago = SystemTime::now() - Duration::from_secs(7200);
    for number in 0..20_000u32 {
        let path = place.captures(&format!("x{number:05}.pcap"));
        let time = (seconds + 3600 * number).to_le_bytes();
        fs::write(&path, [header, &time, &first[4..length]].concat()).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
    }
    let sensor = place.start();
    place.wait("the last capture", || place.alerts().contains(" deviceInboundInterface=x19999.pcap "));
    assert_eq!(place.end(sensor), Some(0), "{}", place.log());
    // With its title.
    assert_eq!(fs::read_to_string(place.beside("state")).unwrap().lines().count(), 20_001);
    let sightings: u64 = told(&place.alerts()).values().map(|[sightings, ..]| sightings).sum();
    assert_eq!(sightings, 20_000, "{}", place.log());
}
