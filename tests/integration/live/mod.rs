//! The live sensor on wires of its own: network namespaces with virtual interfaces, into which
//! tcpreplay sends samples.

mod changes;
mod delivery;
mod kernel_filter;
pub mod net;
mod rights;
mod service;
mod stalled;
mod status;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::golden::parse;
use crate::needs::{Need, skip};
use crate::run::{command, replay, run, sample};
use net::{Net, wait_for_lines};

/// Samples that last seconds of packet time, so that the speed of sending affects no window and no
/// timeout.
const SHORT: [&str; 16] = [
    "answer/a.pcap",
    "answer/cname-long-chain.pcap",
    "answer/from-ipv6-resolver.pcap",
    "endpoint/all-seven.pcap",
    "endpoint/address-gre.pcap",
    "endpoint/address-icmp.pcap",
    "endpoint/tcp-established.pcap",
    "endpoint/tcp-mid-stream.pcap",
    "endpoint/tcp-refused.pcap",
    "endpoint/udp.pcap",
    "fragment/dns-answer.pcap",
    "fragment/dns-answer-in-vxlan.pcap",
    "fragment/reversed-ipv6.pcap",
    "quiet/reverse-lookups.pcap",
    "resolved/at-once.pcap",
    "tunnel/geneve.pcap",
];

/// The alerts without times and places, with the number of times that each occurs.
fn said(lines: &str) -> BTreeMap<String, u32> {
    // The message mentions times if there are several sightings.
    const OF_THIS_RUN: [&str; 6] = ["rt", "start", "end", "externalId", "deviceInboundInterface", "msg"];
    let mut said = BTreeMap::new();
    for line in lines.lines() {
        let mut keys: Vec<_> =
            parse(line).into_iter().filter(|(key, _)| !OF_THIS_RUN.contains(&key.as_str())).collect();
        keys.sort();
        *said.entry(format!("{keys:?}")).or_insert(0) += 1;
    }
    said
}

#[test]
fn samples_on_the_wire_alert_as_their_replay_does() {
    let Some(net) = Net::with_pair() else { return };
    for path in SHORT {
        let path = sample(path);
        let sensor = net.sensor(&["-i", "b0"]);
        let sent = net.send("a0", &["--topspeed"], &path);
        let live = sensor.end();
        let replayed = replay(&[], &[&path]);
        assert!(live.status.success(), "{}: {}", path.display(), live.err);
        assert_eq!(live.packets(), sent, "{}: {}", path.display(), live.err);
        assert_eq!(said(&live.out), said(&replayed.out), "{}", path.display());
        assert!(live.out.lines().all(|line| parse(line)["deviceInboundInterface"] == "b0"), "{}", live.out);
    }
}

#[test]
fn a_lone_packet_on_a_quiet_link_alerts_and_its_window_closes() {
    let Some(net) = Net::with_pair() else { return };
    let sensor = net.sensor(&["-i", "b0", "--repeat-window", "1s"]);
    // No further packet comes and nothing ends the sensor: both lines are written in time anyway.
    net.send("a0", &["--topspeed"], &sample("endpoint/udp.pcap"));
    sensor.wait_for_alerts("flexString2=first", 1);
    let told = sensor.wait_for_alerts("flexString2=update", 1);
    assert!(told.lines().all(|line| parse(line)["4"] == "c2-endpoint"), "{told}");
    let ended = sensor.end();
    assert_eq!(ended.out, told);
}

#[test]
fn packets_captured_before_the_end_are_examined() {
    let Some(net) = Net::with_pair() else { return };
    for signal in ["TERM", "INT"] {
        let sensor = net.sensor(&["-i", "b0"]);
        let sent = net.send("a0", &["--topspeed", "--loop", "5"], &sample("story.pcap"));
        sensor.signal(signal);
        let ended = sensor.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
        assert_eq!(ended.packets(), sent, "{}", ended.err);
        // The windows of ten minutes are closed by the end.
        assert!(ended.out.contains("flexString2=update"), "{}", ended.out);
        let sightings: u64 = ended
            .out
            .lines()
            .map(parse)
            .filter(|line| line["4"] == "c2-domain-query")
            .map(|line| line["cnt"].parse::<u64>().unwrap())
            .sum();
        assert_eq!(sightings, 5 * 3, "{}", ended.out);
    }
}

#[test]
fn each_of_several_interfaces_is_captured_from() {
    let Some(net) = Net::with_pair() else { return };
    net.pair("a1", "b1");
    let sensor = net.sensor(&["-i", "b0", "-i", "b1"]);
    let sent = net.send("a0", &["--topspeed"], &sample("endpoint/udp.pcap"))
        + net.send("a1", &["--topspeed"], &sample("answer/a.pcap"));
    let ended = sensor.end();
    assert_eq!(ended.packets(), sent, "{}", ended.err);
    let of = |signature: &str, interface: &str| {
        let lines = ended.out.lines().map(parse).filter(|line| line["4"] == signature);
        let from: Vec<_> = lines.map(|line| line["deviceInboundInterface"].clone()).collect();
        assert!(!from.is_empty() && from.iter().all(|from| from == interface), "{signature}: {from:?}");
    };
    of("c2-endpoint", "b0");
    of("c2-domain-query", "b1");
}

#[test]
fn each_stage_has_a_thread_with_its_name() {
    let Some(net) = Net::with_pair() else { return };
    net.pair("a1", "b1");
    let sensor = net.sensor(&["-i", "b0", "-i", "b1", "--workers", "3"]);
    sensor.wait_for_threads(&["capture-b0", "capture-b1", "worker-0", "worker-1", "worker-2", "tracker", "output"]);
    assert!(sensor.end().status.success());
}

#[test]
fn an_interface_that_comes_back_is_captured_from_again_and_the_others_go_on() {
    let Some(net) = Net::with_pair() else { return };
    net.pair("a1", "b1");
    let sensor = net.sensor(&["-i", "b0", "-i", "b1"]);
    let query = sample("answer/a.pcap");
    let send = |interface: &str| net.send(interface, &["--topspeed"], &query);
    let mut sent = 0;

    net.ip(["link", "set", "b1", "down"]);
    sensor.wait_for_log("b1: the interface is down", 1);
    sent += send("a0");
    net.ip(["link", "set", "b1", "up"]);
    sensor.wait_for_log("b1: the interface is back", 1);
    sent += send("a1");

    net.ip(["link", "del", "b1"]);
    sensor.wait_for_log("b1: the interface vanished", 1);
    sent += send("a0");
    net.pair("a1", "b1");
    sensor.wait_for_log("b1: the interface is back", 2);
    sent += send("a1");

    net.ip(["link", "set", "a1", "down"]);
    sensor.wait_for_log("b1: the interface has no carrier", 1);
    sent += send("a0");
    net.ip(["link", "set", "a1", "up"]);
    sensor.wait_for_log("b1: the interface is back", 3);
    sent += send("a1");

    let ended = sensor.end();
    assert_eq!(ended.packets(), sent, "{}", ended.err);
    // Each event is logged once, and counted.
    for (what, times) in [("is down", 1), ("vanished;", 1), ("no carrier;", 1), ("is back", 3), ("b0: ", 0)] {
        assert_eq!(ended.err.lines().filter(|line| line.contains(what)).count(), times, "{what}: {}", ended.err);
    }
    assert!(ended.err.contains("3 times that an interface vanished"), "{}", ended.err);
}

#[test]
fn an_interface_that_is_down_at_the_start_is_waited_for() {
    let Some(net) = Net::with_pair() else { return };
    net.ip(["link", "set", "b0", "down"]);
    let sensor = net.sensor(&["-i", "b0"]);
    sensor.wait_for_log("b0: the interface is down", 1);
    net.ip(["link", "set", "b0", "up"]);
    sensor.wait_for_log("b0: the interface is back", 1);
    let sent = net.send("a0", &["--topspeed"], &sample("answer/a.pcap"));
    assert_eq!(sensor.end().packets(), sent);
}

#[test]
fn the_kernel_filters_and_tells_directions_apart() {
    let Some(net) = Net::with_pair() else { return };
    let story = sample("story.pcap");
    let packets = |options: &[&str]| {
        let sensor = net.sensor(&[&["-i", "b0"], options].concat());
        net.send("a0", &["--topspeed"], &story);
        let ended = sensor.end();
        assert!(ended.status.success(), "{}", ended.err);
        ended.packets()
    };
    let all = packets(&[]);
    let dns = packets(&["--filter", "udp port 53"]);
    assert!(dns > 0 && dns < all, "{dns} of {all}");
    assert_eq!(packets(&["--filter", "not udp port 53"]), all - dns);
    assert_eq!(packets(&["--direction", "in", "--no-promiscuous", "--kernel-buffer", "2"]), all);
    assert_eq!(packets(&["--direction", "out"]), 0);
    let sensor = net.sensor(&["-i", "b0", "--snap-length", "100"]);
    net.send("a0", &["--topspeed"], &story);
    let ended = sensor.end();
    assert_eq!(ended.packets(), all);
    assert!(ended.err.contains("cut at the snap length"), "{}", ended.err);
}

#[test]
fn frames_without_a_link_layer_are_read_too() {
    let Some(net) = Net::new() else { return };
    // The loopback of this namespace has Ethernet frames; `any` has cooked frames.
    net.ip(["link", "set", "lo", "up"]);
    let sensor = net.sensor(&["-i", "any"]);
    let sent = net.send("lo", &["--topspeed"], &sample("endpoint/udp.pcap"));
    let ended = sensor.end();
    assert!(ended.packets() >= sent, "{}", ended.err);
    assert!(ended.out.contains("c2-endpoint"), "{}", ended.out);
    assert!(ended.err.contains("from 1 interface"), "{}", ended.err);
}

#[test]
fn wrong_usage_exits_with_2_and_captures_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.cef").into_os_string().into_string().unwrap();
    for (arguments, why) in [
        (&["live"][..], "--interface"),
        (&["live", "-i", "no-such-link"], "no-such-link: no such interface"),
        (&["live", "-i", "lo", "-i", "lo"], "-i lo: given twice"),
        (&["live", "-i", "lo", "--filter", "prot 53"], "prot 53"),
        (&["live", "-i", "lo", "--snap-length", "262145"], "--snap-length"),
        (&["live", "-i", "lo", "--kernel-buffer", "0"], "--kernel-buffer"),
        (&["live", "-i", "lo", "--direction", "up"], "--direction"),
        (&["live", "-i", "lo", "--stats-interval", "0"], "--stats-interval"),
        (&["live", "-i", "lo", "--indicators", "gone.txt"], "gone.txt: this list of indicators is absent"),
        (&["live", "-i", "lo", "-o", "/proc/no/such/folder/alerts.cef"], "/proc/no: cannot be made"),
    ] {
        let run = run(arguments);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{arguments:?}: {}", run.err);
        assert!(run.err.contains(why), "{arguments:?}: {}", run.err);
    }
    assert!(!Path::new(&file).exists());
}

#[test]
fn a_link_type_that_is_not_read_is_refused() {
    let Some(net) = Net::new() else { return };
    // A persistent tun interface whose frames are declared to be netlink messages (ARPHRD_NETLINK),
    // which hold no IP.
    let make = "import fcntl, struct
with open('/dev/net/tun', 'r+b', buffering=0) as tun:
    TUNSETIFF, TUNSETPERSIST, TUNSETLINK = 0x400454ca, 0x400454cb, 0x400454cd
    IFF_TUN_NO_PI, ARPHRD_NETLINK = 0x1001, 824
    fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH22x', b'n0', IFF_TUN_NO_PI))
    fcntl.ioctl(tun, TUNSETLINK, ARPHRD_NETLINK)
    fcntl.ioctl(tun, TUNSETPERSIST, 1)
";
    let made = net.command("python3").args(["-c", make]).output().unwrap();
    if !made.status.success() {
        return skip(Need::Tun, format_args!("no tun interface: {}", String::from_utf8_lossy(&made.stderr)));
    }
    net.ip(["link", "set", "n0", "up"]);
    let output = net.command(env!("CARGO_BIN_EXE_rattap")).args(["live", "-i", "n0"]).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("n0: cannot capture: its frames are of link type 253 (NETLINK)"), "{err}");
    assert!(err.contains("EN10MB"), "{err}");
}

#[test]
fn a_file_is_appended_to_and_created_again_after_a_move() {
    let Some(net) = Net::with_pair() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("alerts.cef"), folder.path().join("alerts.cef.1"));
    fs::write(&path, "of an earlier run\n").unwrap();
    let sensor = net.sensor(&["-i", "b0", "-o", path.to_str().unwrap()]);
    net.send("a0", &["--topspeed"], &sample("endpoint/udp.pcap"));
    assert!(wait_for_lines(&path, 2).starts_with("of an earlier run\n"));
    fs::rename(&path, &moved).unwrap();
    sensor.signal("HUP");
    wait_for_lines(&path, 0);
    sensor.wait_for_log("reloaded", 1);
    while !path.exists() {
        std::thread::yield_now();
    }
    net.send("a0", &["--topspeed"], &sample("answer/a.pcap"));
    wait_for_lines(&path, 2);
    let ended = sensor.end();
    assert!(ended.status.success(), "{}", ended.err);
    assert!(!fs::read_to_string(&moved).unwrap().contains("c2-domain"), "the old file got alerts after it was let go");
}

#[test]
fn a_failed_output_is_reported_once_and_the_capture_goes_on() {
    let Some(net) = Net::with_pair() else { return };
    let sensor = net.sensor(&["-i", "b0", "-o", "/dev/full"]);
    let mut sent = net.send("a0", &["--topspeed"], &sample("endpoint/udp.pcap"));
    sensor.wait_for_log("/dev/full: cannot write", 1);
    sent += net.send("a0", &["--topspeed"], &sample("story.pcap"));
    let ended = sensor.end();
    assert_eq!(ended.packets(), sent);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.err);
    assert!(ended.err.contains("alerts that could not be written"), "{}", ended.err);
    assert_eq!(ended.err.lines().filter(|line| line.contains("/dev/full: cannot write")).count(), 1, "{}", ended.err);
}

#[test]
fn help_names_the_signals() {
    let output = command().args(["live", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for word in ["SIGTERM", "SIGHUP", "SIGUSR1", "--kernel-buffer", "--no-promiscuous", "--stats-interval"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}

#[test]
fn a_table_of_clients_is_printed_at_the_end() {
    let Some(net) = Net::with_pair() else { return };
    let sensor = net.sensor(&["-i", "b0", "--summary", "--repeat-window", "0"]);
    net.send("a0", &["--topspeed"], &sample("endpoint/udp.pcap"));
    sensor.wait_for_alerts("|c2-endpoint|", 1);
    let ended = sensor.end();
    let table = ended.err.lines().find(|line| line.starts_with("10.20.30.40"));
    assert!(table.is_some_and(|row| row.contains("c2-endpoint")), "{}", ended.err);
}
