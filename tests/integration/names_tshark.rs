//! `replay --names` lists the names that Wireshark's `tshark` sees in the same captures: server
//! names in TLS and QUIC, `Host` in HTTP, and DNS questions. Every known difference is in a table
//! here, with its reason. Any other difference is a failure, and so is an entry that no longer
//! holds.
//!
//! Both programs read each capture separately: all samples, and the real captures in
//! `RATTAP_CAPTURES`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use crate::captures;
use crate::needs::Need;
use crate::run::{REPLAY, has_program, run};
use crate::samples::{folder, samples};

/// The program that sees a name that the other does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seer {
    Tshark,
    Rattap,
    /// Each sees a name that the other does not.
    Both,
}
use Seer::{Both, Rattap, Tshark};

const SPELLING: &str = "bytes that do not print, and dots within a label, are written in other ways";
const SSDP: &str = "SSDP: HTTP's form over UDP multicast, in which nobody asks for a host";
const NO_HOST: &str = "here the host alone, without what is around it";
const LINK: &str = "a link type that is not decoded";

/// A capture, the program that sees more in it, the names (empty for any), and the reason.
type Difference = (&'static str, Seer, &'static [&'static str], &'static str);

#[rustfmt::skip]
const OF_SAMPLES: &[Difference] = &[
    ("damaged/wrong-trailing-length.pcapng", Rattap, &["host 91.202.233.25"], "Wireshark stops at the damage"),
    ("hostile/markup.pcap", Both, &[], SPELLING),
    ("hostile/names-with-odd-bytes.pcap", Both, &[], SPELLING),
    ("hostile/pointer-loops.pcap", Both, &[], "names of looping pointers: Wireshark writes down how far it came"),
    ("names/http-host-tab.pcap", Both, &[], NO_HOST),
    ("names/http-look-alikes.pcap", Both, &["host feersona.net@www.example.com", "host www.example.com"], NO_HOST),
    ("netsupport/head-split.pcap", Rattap, &["host 203.0.113.66"], "Wireshark joins the head only with its body"),
    ("quiet/dot-within-a-label.pcap", Both, &[], SPELLING),
    ("tunnel/ten-deep.pcap", Tshark, &["dns gw.feersona.net"], "deeper than is entered, which is counted"),
    ("tunnel/vxlan-8472.pcap", Rattap, &["dns gw.feersona.net"], "Wireshark knows VXLAN by one port alone"),
];

#[rustfmt::skip]
const OF_CAPTURES: &[Difference] = &[
    ("OISF+suricata-verify/tests/bug-6269-02-ips/input.pcap", Both, &["host [fd00:2:1::2]", "host fd00:2:1::2"], NO_HOST),
    ("OISF+suricata-verify/tests/smb2-ntlmssp-negotiateflags/input.pcap", Tshark, &["host 239.255.255.250"], SSDP),
    ("brimdata+brimcap/cmd/brimcap/ztests/alerts.pcap", Tshark, &["host 239.255.255.250"], SSDP),
    ("cisco+mercury/unit_tests/pcaps/openvpn_tcp_single.pcap", Tshark, &["host 239.255.255.250"], SSDP),
    ("kbandla+dpkt/examples/data/nb6-http.pcap", Tshark, &["host ipv6.icanhazip.com"], "in L2TP, which is not entered"),
    ("seladb+PcapPlusPlus/Tests/Packet++Test/PacketExamples/NullLoopback.pcap", Tshark, &["dns www.google-analytics.com"],
        "a loopback header with a family that no system has"),
    ("the-tcpdump-group+libpcap/tests/filter/AH-IPcomp-IPv4.pcap", Tshark, &["host 150.0.1.1"], "in IPComp, which is not unpacked"),
    ("the-tcpdump-group+libpcap/tests/filter/arcnet-rfc1051-arp-icmp-http.pcap", Tshark,
        &["dns 163.240.190.146.in-addr.arpa", "dns tcpdump.org", "host tcpdump.org"], LINK),
    ("the-tcpdump-group+libpcap/tests/filter/http_PPI.pcap", Tshark, &["dns www.polito.it"], LINK),
    ("zeek+zeek/testing/btest/Traces/radiotap.pcap", Tshark, &["dns captive.apple.com"], LINK),
];

/// Formats that Wireshark reads and this project does not, and files that are no captures.
const NOT_READ: [&str; 3] = ["lz4", "snoop", "tsv"];

#[test]
fn samples_name_what_tshark_sees() {
    // Samples that are a folder of captures repeat what other samples hold.
    let paths = samples().into_iter().map(|sample| sample.path.to_owned()).filter(|path| folder().join(path).is_file());
    let paths = paths.collect();
    compare(&folder(), paths, OF_SAMPLES);
}

#[test]
fn real_captures_name_what_tshark_sees() {
    let Some(folder) = captures::folder() else { return };
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let paths = manifest.lines().skip(1).filter_map(|line| line.split('\t').next()).map(str::to_owned);
    let is_read =
        |path: &String| Path::new(path).extension().is_none_or(|ending| !NOT_READ.iter().any(|no| ending == *no));
    compare(&folder, paths.filter(is_read).collect(), OF_CAPTURES);
}

fn compare(folder: &Path, paths: Vec<String>, table: &[Difference]) {
    if !has_program(Need::Tshark, "tshark") {
        return;
    }
    let waiting = Mutex::new(paths.iter());
    let wrong = Mutex::new(String::new());
    let common = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(path) = { waiting.lock().unwrap().next() } {
                    let (theirs, ours) = (of_tshark(&folder.join(path)), of_rattap(&folder.join(path)));
                    *common.lock().unwrap() += theirs.intersection(&ours).count();
                    let told = unexplained(path, &theirs, &ours, table);
                    wrong.lock().unwrap().push_str(&told);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "names that only one of both sees:\n{wrong}");
    assert!(*common.lock().unwrap() > paths.len(), "hardly a name in common");
}

/// The differences that the table does not explain, and the entries of the table that no longer
/// hold.
fn unexplained(path: &str, theirs: &BTreeSet<String>, ours: &BTreeSet<String>, table: &[Difference]) -> String {
    let entry = table.iter().find(|(of, ..)| *of == path);
    let explains = |seer: Seer, name: &str| {
        entry
            .is_some_and(|(_, who, names, _)| [seer, Both].contains(who) && (names.is_empty() || names.contains(&name)))
    };
    let mut told = String::new();
    for (seer, names, others) in [(Tshark, theirs, ours), (Rattap, ours, theirs)] {
        for name in names.difference(others).filter(|name| !explains(seer, name)) {
            let _ = writeln!(told, "{path}: {seer:?} alone: {name}");
        }
    }
    if let Some((_, _, names, why)) = entry {
        let mut differing = theirs.symmetric_difference(ours).map(String::as_str).collect::<BTreeSet<_>>();
        if names.is_empty() && differing.is_empty() {
            let _ = writeln!(told, "{path}: no difference any more: {why}");
        }
        differing.retain(|name| names.contains(name));
        for name in names.iter().filter(|name| !differing.contains(*name)) {
            let _ = writeln!(told, "{path}: no difference any more: {name}: {why}");
        }
    }
    told
}

/// The names that tshark sees, as `kind name`, in lower case and without ports.
fn of_tshark(path: &Path) -> BTreeSet<String> {
    const FIELDS: [(&str, &str); 3] =
        [("sni", "tls.handshake.extensions_server_name"), ("host", "http.host"), ("dns", "dns.qry.name")];
    let mut command = Command::new("tshark");
    // Heads are reassembled even if other segments come in between, and HTTP is found on any port,
    // as in rattap.
    command.args(["-n", "-o", "tcp.reassemble_out_of_order:TRUE", "--enable-heuristic", "http_tcp", "-r"]).arg(path);
    command.args(["-Y", &FIELDS.map(|(_, field)| field).join(" or ")]);
    command.args(["-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=;"]);
    for (_, field) in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.stderr(Stdio::null()).output().unwrap();
    let mut names = BTreeSet::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        for ((kind, _), values) in FIELDS.iter().zip(line.split('\t')) {
            for name in values.split(';').filter(|name| !name.is_empty()) {
                let name = name.to_lowercase();
                let name = match name.rsplit_once(':') {
                    Some((host, port)) if *kind == "host" && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
                    _ => &name,
                };
                names.insert(format!("{kind} {}", if name == "<root>" { "." } else { name }));
            }
        }
    }
    names
}

/// The names that rattap lists, in the same form.
fn of_rattap(path: &Path) -> BTreeSet<String> {
    let run = run(REPLAY.iter().chain(&["-o", "/dev/null", "--names", "-", path.to_str().unwrap()]));
    let mut names = BTreeSet::new();
    for line in run.out.lines() {
        let columns: Vec<_> = line.split('\t').collect();
        assert_eq!(columns.len(), 9, "{line}");
        let kind = match columns[6] {
            "tls-server-name" | "quic-server-name" => "sni",
            "http-host" => "host",
            "dns-query" | "dns-answer" => "dns",
            "http-target" | "http-connect" | "socks" => continue,
            other => panic!("{other}"),
        };
        names.insert(format!("{kind} {}", columns[7]));
    }
    names
}
