//! Real captures of others. They are no part of this project: the environment variable
//! `RATTAP_CAPTURES` names a folder that holds them, with a `MANIFEST.tsv`. Of its columns these
//! tests read the path (the first), the packets as Wireshark's `capinfos` counts them (the sixth;
//! `?` where it refuses the file) and the categories (the tenth).

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::golden::{Line, parse};
use crate::needs::{Need, skip};
use crate::run::{Run, replay, run};

/// Frames of the files of which Wireshark counts none or others (the reader's own test lists each
/// with its reason): files of link types that it refuses, and frames before damage.
const MORE_THAN_WIRESHARK: u64 = 4 + 15 + 5 + 1 + 1 + 1 + 1;
/// Formats that Wireshark reads and this project does not.
const NOT_READ: [&str; 2] = [".lz4", ".snoop"];

/// The folder of real captures; without one the test that needs it is skipped.
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("RATTAP_CAPTURES").map(PathBuf::from);
    if folder.is_none() {
        skip(Need::Captures, "RATTAP_CAPTURES names no folder of real captures");
    }
    folder
}

/// The lines of the manifest, by column.
fn manifest() -> Option<Vec<Vec<String>>> {
    let text = fs::read_to_string(folder()?.join("MANIFEST.tsv")).unwrap();
    Some(text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

/// The captures of real NetSupport traffic.
fn netsupport() -> Option<Vec<PathBuf>> {
    let folder = folder()?;
    let rows = manifest()?.into_iter().filter(|columns| columns[9].to_lowercase().contains("netsupport"));
    let paths: Vec<_> = rows.map(|columns| folder.join(&columns[0])).collect();
    assert!(!paths.is_empty(), "no capture in the manifest has the category netsupport");
    Some(paths)
}

#[test]
fn real_captures_are_read_to_the_last_packet() {
    let (Some(folder), Some(manifest)) = (folder(), manifest()) else { return };
    let counted: u64 = manifest
        .iter()
        .filter(|columns| !NOT_READ.iter().any(|ending| columns[0].ends_with(ending)))
        .filter_map(|columns| columns[5].parse::<u64>().ok())
        .sum();
    let run = run(["replay", "-o", "/dev/null", folder.to_str().unwrap()]);
    // Some are damaged on purpose, and the manifest is no capture.
    assert_eq!(run.code, 1, "{}", run.err);
    let packets = run.err.lines().find_map(|line| line.split_once(" packets, ")).unwrap().0.replace(',', "");
    assert_eq!(packets.parse::<u64>().unwrap(), counted + MORE_THAN_WIRESHARK, "{}", run.err);
}

#[test]
fn of_real_captures_only_those_of_netsupport_alert() {
    let (Some(folder), Some(netsupport)) = (folder(), netsupport()) else { return };
    let run = replay(&[], &[folder]);
    assert!(!run.out.is_empty(), "no alert for NetSupport: {}", run.err);
    // Alerts name the file that a packet came from.
    let names: Vec<_> = netsupport.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    for line in lines(&run) {
        assert!(names.contains(&line["deviceInboundInterface"].as_str()), "{}", run.out);
    }
}

/// The one exchange with a real gateway: a POLL, and an ENCD in answer, each with lines that end in
/// a bare line feed.
#[test]
fn the_real_netsupport_session_is_found() {
    let Some(captures) = netsupport() else { return };
    let [capture] = &captures[..] else { panic!("this test knows of one capture, not of {captures:?}") };
    // Its gateway is not among the built-in indicators.
    let run = replay(&[], &[capture]);
    assert_eq!(signatures(&run), ["netsupport-gateway", "netsupport-gateway"], "{}{}", run.out, run.err);
    let [first, update] = &lines(&run)[..] else { panic!("{}", run.out) };
    for line in [first, update] {
        let ends = ["src", "dst", "dpt"].map(|key| line[key].as_str());
        assert_eq!(ends, ["192.168.100.146", "45.134.174.143", "443"], "{}", run.out);
        assert_eq!(line["cs6"], "netsupport-request");
        assert_eq!(line["requestMethod"], "POST");
        assert_eq!(line["request"], "http://45.134.174.143/fakeurl.htm");
        assert_eq!(line["requestClientApplication"], "NetSupport Manager/1.3");
    }
    // The payloads are 220 and 224 bytes long; with their headers of IP and TCP they are 40 more.
    assert_eq!([&first["out"], &update["in"]], ["260", "264"], "{}", run.out);
    assert!(first["msg"].ends_with("a gateway that is not listed; command POLL"), "{}", run.out);
    assert!(update["msg"].contains("command ENCD; gateway version 1.92"), "{}", run.out);

    // Once the gateway is listed, the contact is one finding and the session another.
    let temporary = tempfile::tempdir().unwrap();
    let list = temporary.path().join("list.txt");
    fs::write(&list, "45.134.174.143:443\n").unwrap();
    let run = replay(&["--indicators", list.to_str().unwrap()], &[capture]);
    let found = BTreeSet::from_iter(signatures(&run));
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["c2-endpoint", "netsupport-session"], "{}", run.out);
}

fn lines(run: &Run) -> Vec<Line> {
    run.out.lines().map(parse).collect()
}

fn signatures(run: &Run) -> Vec<String> {
    lines(run).into_iter().map(|mut line| line.remove("4").unwrap()).collect()
}
