//! A followed folder in which tcpdump and dumpcap rotate captures, on a wire of its own, and one
//! with very many captures.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::follow::Place;
use crate::golden::{parse, sums_of};
use crate::live::net::Net;
use crate::needs::Need;
use crate::run::{Running, has_program, replay, sample};

/// The content of alerts: sightings and bytes by signature and indicator. Duplicate alerts count
/// once.
fn told(lines: &str) -> BTreeMap<(String, Option<String>), [u64; 3]> {
    let mut seen = BTreeSet::new();
    let once: Vec<_> = lines.lines().filter(|line| seen.insert(parse(line).remove("externalId"))).collect();
    sums_of(&once.join("\n"), |line| (line["4"].clone(), line.get("cs1").cloned()))
}

/// A program that captures from `b0` until it is ended.
struct Writer(Running);

impl Writer {
    /// `options` say when it starts a new file.
    fn start(net: &Net, program: &str, place: &Place, file: &Path, options: &[&str]) -> Self {
        let log = fs::File::options().create(true).append(true).open(place.beside("writers.log")).unwrap();
        let mut command = net.command(program);
        command.args(["-i", "b0", "-w"]).arg(file).args(options);
        match program {
            // Not in immediate mode, in which each packet takes as much of the buffer as the
            // longest one.
            "tcpdump" => command.args(["-n", "-Z", "root", "-B", "65536", "-U"]),
            _ => command.args(["-q", "-B", "64"]),
        };
        Self(Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()))
    }

    fn end(mut self) {
        assert!(Command::new("kill").arg("-INT").arg(self.0.id().to_string()).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }
}

/// The number of packets that a pcap file holds so far, and the last one.
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

fn captures(place: &Place) -> Vec<PathBuf> {
    fs::read_dir(place.captures("")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Returns true if one of the captures holds these bytes.
fn hold(place: &Place, bytes: &[u8]) -> bool {
    let is_in = |path: &PathBuf| {
        let file = fs::read(path).unwrap_or_default();
        file.windows(bytes.len()).any(|window| window == bytes)
    };
    captures(place).iter().any(is_in)
}

/// Sends packets several times, captures them both as rotated files and as one whole file, and
/// follows the rotated ones. Returns the names of the files at the end, or nothing if the machine
/// lacks something. If `is_killed`, the sensor is killed after the first time and started again
/// after the second.
fn is_followed(
    (program, file, options): (&str, &str, &[&str]),
    is_killed: bool,
    send: impl Fn(&Net) -> u64,
) -> Option<BTreeSet<String>> {
    let net = Net::with_pair()?;
    if !has_program(Need::Tcpdump, "tcpdump") || (program == "dumpcap" && !has_program(Need::Tshark, program)) {
        return None;
    }
    let place = Place::new();
    let mut sensor = Some(place.start());
    let starts = |count| place.wait("the folder", || place.log().matches("following").count() == count);
    starts(1);
    let whole = place.beside("whole.pcap");
    let rotating = Writer::start(&net, program, &place, &place.captures(file), options);
    let beside = Writer::start(&net, "tcpdump", &place, &whole, &[]);
    let log = || fs::read_to_string(place.beside("writers.log")).unwrap_or_default();
    let capture = |log: &str| log.matches("listening on b0").count() + log.matches("\nFile: ").count();
    place.wait("both writers", || capture(&log()) >= 2);
    let mut sent = 0;
    for time in 0..3 {
        sent += send(&net);
        match &mut sensor {
            Some(running) if is_killed && time == 0 => {
                running.kill().unwrap();
                running.wait().unwrap();
                sensor = None;
            }
            None if time == 1 => {
                sensor = Some(place.start());
                starts(2);
            }
            _ => {}
        }
    }
    // One packet that causes an alert of its own kind.
    sent += net.send("a0", &["--limit", "1"], &sample("endpoint/address-icmp.pcap"));
    // Ended sooner, the programs would lose packets that the kernel still holds for them.
    place.wait("all packets", || held(&whole).0 == sent);
    let (_, last) = held(&whole);
    place.wait("the last packet", || hold(&place, &last));
    rotating.end();
    beside.end();
    place.wait("its alert", || place.alerts().contains("|c2-address|"));
    assert_eq!(place.end(sensor.unwrap()), Some(0), "{}", place.log());
    let expected = told(&replay(&[], &[&whole]).out);
    assert!(expected.len() > 5);
    assert_eq!(told(&place.alerts()), expected, "{}", place.log());
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    Some(captures(&place).into_iter().map(name).collect())
}

/// Sends the story over and over.
fn story(net: &Net, megabits: &str) -> u64 {
    net.send("a0", &["--mbps", megabits, "--loop", "20"], &sample("story.pcap"))
}

#[test]
fn captures_that_tcpdump_rotates_by_time_are_read_once_and_whole() {
    let writer = ("tcpdump", "%s.pcap", &["-G", "1"][..]);
    let files = is_followed(writer, false, |net| story(net, "20"));
    assert!(files.as_ref().is_none_or(|files| files.len() >= 3), "{files:?}");
}

#[test]
fn captures_that_tcpdump_rotates_by_size_are_read_once_and_whole() {
    let writer = ("tcpdump", "x.pcap", &["-C", "1"][..]);
    let files = is_followed(writer, false, |net| story(net, "60"));
    assert!(files.as_ref().is_none_or(|files| files.len() >= 8), "{files:?}");
}

#[test]
fn captures_that_tcpdump_rotates_are_all_read_by_a_sensor_that_is_killed_meanwhile() {
    let writer = ("tcpdump", "x.pcap", &["-C", "1"][..]);
    let files = is_followed(writer, true, |net| story(net, "60"));
    assert!(files.as_ref().is_none_or(|files| files.len() >= 8), "{files:?}");
}

#[test]
fn a_ring_of_captures_is_read_before_it_comes_round() {
    // A round takes seconds, far longer than the reading of a capture of a megabyte.
    let writer = ("tcpdump", "ring.pcap", &["-C", "1", "-W", "5"][..]);
    let files = is_followed(writer, false, |net| story(net, "10"));
    assert!(files.as_ref().is_none_or(|files| files.len() == 5), "{files:?}");
}

#[test]
fn a_ring_of_dumpcap_is_read_before_it_comes_round() {
    let writer = ("dumpcap", "ring.pcapng", &["-b", "filesize:1000", "-b", "files:5"][..]);
    let files = is_followed(writer, false, |net| story(net, "10"));
    let is_round = |files: &BTreeSet<String>| files.len() == 5 && !files.first().unwrap().starts_with("ring_00001");
    assert!(files.as_ref().is_none_or(is_round), "{files:?}");
}

#[test]
fn captures_of_dumpcap_are_all_read_by_a_sensor_that_is_killed_meanwhile() {
    let writer = ("dumpcap", "x.pcapng", &["-b", "filesize:1000"][..]);
    let files = is_followed(writer, true, |net| story(net, "60"));
    assert!(files.as_ref().is_none_or(|files| files.len() >= 8), "{files:?}");
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
    // One more for the header line.
    assert_eq!(fs::read_to_string(place.beside("state")).unwrap().lines().count(), 20_001);
    let sightings: u64 = told(&place.alerts()).values().map(|[sightings, ..]| sightings).sum();
    assert_eq!(sightings, 20_000, "{}", place.log());
}
