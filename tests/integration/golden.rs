//! Every sample gives its golden lines, and these match the sample's expected findings.
//!
//! The golden lines are in `pcaps/golden/<sample>.cef`. To write them again (then read every
//! difference):
//!
//! ```text
//! RATTAP_BLESS=1 cargo test --test integration golden
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::LazyLock;

use crate::cef_reader;
use crate::run::{Run, replay};
use crate::samples::{folder, generator::sample::Sample, golden, samples};

/// The start of the header up to the version. Golden lines have 0.0.0 for the version, so that a
/// release does not change them.
const DEVICE: &str = concat!("CEF:0|Rattap|Sensor|", env!("CARGO_PKG_VERSION"), "|");
/// See [`DEVICE`].
const GOLDEN_DEVICE: &str = "CEF:0|Rattap|Sensor|0.0.0|";

/// Every sample, replayed once without options.
pub static RUNS: LazyLock<Vec<(Sample, Run)>> = LazyLock::new(|| replay_all(&[]));
/// The same with a line for each conversation.
pub static RUNS_ONE_BY_ONE: LazyLock<Vec<(Sample, Run)>> = LazyLock::new(|| replay_all(&["--repeat-window", "0"]));

fn replay_all(options: &[&str]) -> Vec<(Sample, Run)> {
    let replayed = |sample: Sample| {
        let run = replay(options, &[folder().join(sample.path)]);
        (sample, run)
    };
    samples().into_iter().map(replayed).collect()
}

#[test]
fn every_sample_gives_its_golden_lines() {
    let mut wrong = String::new();
    for (sample, run) in RUNS.iter() {
        wrong += &differs(&golden(sample), &run.out);
    }
    assert!(wrong.is_empty(), "not the golden lines (- golden, + now):\n{wrong}");
}

/// The differences from the golden lines in a file; empty if there are none. Writes the file if
/// that was asked for.
pub fn differs(path: &Path, out: &str) -> String {
    let mut lines = String::new();
    for line in out.split_inclusive('\n') {
        let rest = line.strip_prefix(DEVICE).unwrap_or_else(|| panic!("{}: {line}", path.display()));
        lines += &format!("{GOLDEN_DEVICE}{rest}");
    }
    differ(path, &lines)
}

/// As [`differs`], for lines that do not depend on the version.
pub fn differ(path: &Path, lines: &str) -> String {
    if std::env::var_os("RATTAP_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, lines).unwrap();
    }
    let golden = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if lines == golden { String::new() } else { format!("{}:\n{}", path.display(), difference(&golden, lines)) }
}

fn difference(golden: &str, now: &str) -> String {
    let lost = golden.lines().filter(|line| !now.lines().any(|other| other == *line)).map(|line| ('-', line));
    let new = now.lines().filter(|line| !golden.lines().any(|other| other == *line)).map(|line| ('+', line));
    let text: String = lost.chain(new).map(|(sign, line)| format!("{sign} {line}\n")).collect();
    if text.is_empty() { "the same lines in another order\n".to_owned() } else { text }
}

#[test]
fn every_sample_gives_its_expected_findings() {
    let mut wrong = String::new();
    // With a line for each conversation each line names its own server. An update over several
    // conversations names the latest.
    for (sample, run) in RUNS_ONE_BY_ONE.iter() {
        let mut truth = BTreeMap::new();
        for found in &sample.found {
            let key = (found.signature.to_owned(), found.client.to_owned(), found.server.to_owned());
            *truth.entry(key).or_insert(0) += u64::from(found.sightings);
        }
        let told = sums(run, |line| (line["4"].clone(), line["src"].clone(), server(line)));
        let told: BTreeMap<_, _> = told.into_iter().map(|(key, [sightings, ..])| (key, sightings)).collect();
        if told != truth {
            let _ = writeln!(wrong, "{}:\n  truth {truth:?}\n  told  {told:?}", sample.path);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn only_damage_sets_the_exit_code_and_a_quiet_replay_says_nothing() {
    for (sample, run) in RUNS.iter().chain(RUNS_ONE_BY_ONE.iter()) {
        assert_eq!(run.code, i32::from(sample.damaged), "{}", sample.path);
        // Errors are shown even if quiet, and nothing else.
        assert_eq!(run.err.is_empty(), !sample.damaged, "{}: {}", sample.path, run.err);
        assert!(run.err.lines().all(|line| line.starts_with("rattap: error: ")), "{}: {}", sample.path, run.err);
    }
}

#[test]
fn sums_over_lines_are_the_same_for_any_window() {
    let key = |line: &Line| (line["4"].clone(), line["src"].clone(), line.get("cs1").cloned());
    for ((sample, run), (_, one_by_one)) in RUNS.iter().zip(RUNS_ONE_BY_ONE.iter()) {
        assert_eq!(sums(run, key), sums(one_by_one, key), "{}", sample.path);
    }
}

#[test]
fn identifiers_are_unique() {
    for (sample, run) in RUNS.iter().chain(RUNS_ONE_BY_ONE.iter()) {
        let mut seen = BTreeMap::new();
        for line in run.out.lines() {
            let id = parse(line)["externalId"].clone();
            if let Some(other) = seen.insert(id, line) {
                panic!("{}: one identifier for two lines:\n{other}\n{line}", sample.path);
            }
        }
    }
}

/// A line's values by key.
pub type Line = std::collections::HashMap<String, String>;

/// One line by key; see the reader.
pub fn parse(line: &str) -> Line {
    cef_reader::parse(&format!("{line}\n")).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// The server, with its port if there is one.
fn server(line: &Line) -> String {
    match line.get("dpt") {
        Some(port) => SocketAddr::new(line["dst"].parse().unwrap(), port.parse().unwrap()).to_string(),
        None => line["dst"].parse::<IpAddr>().unwrap().to_string(),
    }
}

/// Sightings, bytes sent and bytes received, summed over all lines with the same key.
pub fn sums<K: Ord>(run: &Run, key: impl Fn(&Line) -> K) -> BTreeMap<K, [u64; 3]> {
    sums_of(&run.out, key)
}

/// As [`sums`], for lines.
pub fn sums_of<K: Ord>(lines: &str, key: impl Fn(&Line) -> K) -> BTreeMap<K, [u64; 3]> {
    let mut sums = BTreeMap::new();
    for line in lines.lines() {
        let line = parse(line);
        let sum: &mut [u64; 3] = sums.entry(key(&line)).or_default();
        for (sum, name) in sum.iter_mut().zip(["cnt", "out", "in"]) {
            *sum += line[name].parse::<u64>().unwrap();
        }
    }
    sums
}
