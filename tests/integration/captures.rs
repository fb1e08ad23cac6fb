//! Real captures, replayed in one run. They are no part of this project: the environment variable `RATTAP_CAPTURES` names a
//! folder that holds them, with a `MANIFEST.tsv` whose columns are path, …, packets as Wireshark's `capinfos` counts them (the
//! sixth; `?` where it refuses the file).

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::run::run;

/// Frames of the files of which Wireshark counts none or others (the reader's own test tells of each and why): those of link types
/// that it refuses, and those before the damage.
const MORE_THAN_WIRESHARK: u64 = 4 + 15 + 5 + 1 + 1 + 1 + 1;
/// Formats that Wireshark reads and this project does not.
const NOT_READ: [&str; 2] = [".lz4", ".snoop"];

#[test]
fn real_captures_are_read_to_the_last_packet_and_alert_nobody() {
    let Some(folder) = std::env::var_os("RATTAP_CAPTURES").map(PathBuf::from) else {
        // Not `eprintln`: the test harness would keep that to itself.
        let _ = writeln!(io::stderr(), "SKIPPED: RATTAP_CAPTURES names no folder of real captures to replay");
        return;
    };
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let counted: u64 = manifest
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter(|columns| !NOT_READ.iter().any(|ending| columns[0].ends_with(ending)))
        .filter_map(|columns| columns[5].parse::<u64>().ok())
        .sum();

    let run = run(["replay", folder.to_str().unwrap()]);
    // Some are damaged on purpose, and the manifest is no capture.
    assert_eq!(run.code, 1, "{}", run.err);
    // One real NetSupport session is among them, with a gateway that is not listed. Anything else would be false.
    for line in run.out.lines() {
        let line = crate::cef_reader::parse(&format!("{line}\n")).unwrap();
        assert_eq!(
            (line["4"].as_str(), line["src"].as_str()),
            ("netsupport-gateway", "192.168.100.146"),
            "{}",
            run.out
        );
        assert!(line["msg"].contains("command "), "{}", run.out);
    }
    let packets = run.err.lines().find_map(|line| line.split_once(" packets, ")).unwrap().0.replace(',', "");
    assert_eq!(packets.parse::<u64>().unwrap(), counted + MORE_THAN_WIRESHARK, "{}", run.err);
}
