//! `rattap replay` as a whole against a bare libpcap loop: `cargo bench --bench replay`.
//!
//! Makes the large captures if they are missing (3.1 GB in the target folder). The programs take
//! turns, so that other load on the machine affects all of them alike. A ratio is between two runs
//! of the same turn. The files are in the page cache: this measures the programs, not the disk.
//!
//! Also checks that the alerts are the same bytes for any number of workers, and that they report
//! exactly the planted hits. A difference ends the bench with an error; a slow run never does.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};

// The benches use only a part of what the samples' code offers.
#[allow(dead_code)]
#[path = "../../pcaps/generator/mod.rs"]
mod generator;
// Only the generator prints the names of the hits.
mod desk;
#[allow(dead_code)]
#[path = "../../pcaps/generator/large/mod.rs"]
mod large;
mod machine;
mod packed;
mod process;
mod yardstick;

use generator::cast::ALL_LISTED;
use large::{Kind, planted};

/// Numbers of workers whose alerts must be the same.
const WORKERS: [usize; 5] = [1, 2, 3, 8, 16];

/// Times `rattap replay` against a bare libpcap loop.
#[derive(Parser)]
struct Arguments {
    /// The number of turns.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    turns: u32,
    /// Use this capture only.
    #[arg(long, value_name = "KIND")]
    capture: Option<Kind>,
    /// Write the captures again.
    #[arg(long)]
    fresh: bool,
    /// Check the alerts and measure nothing.
    #[arg(long)]
    check: bool,
    /// Run as the bare libpcap loop over a capture.
    #[arg(long, value_name = "FILE", hide = true)]
    bare_loop: Option<PathBuf>,
    /// Run as a program that only reads a file.
    #[arg(long, value_name = "FILE", hide = true)]
    read_only: Option<PathBuf>,
    /// Run as a program that only decompresses a file.
    #[arg(long, value_name = "FILE", hide = true)]
    unpack_only: Option<PathBuf>,
    /// Passed by cargo to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(path) = arguments.bare_loop {
        return yardstick::bare_loop(&path);
    }
    if let Some(path) = arguments.read_only {
        return yardstick::read_only(&path);
    }
    if let Some(path) = arguments.unpack_only {
        return yardstick::unpack_only(&path);
    }
    if !arguments.bench {
        println!("skipped: this is for `cargo bench`, not for a test run");
        return Ok(());
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let kinds = Kind::value_variants().iter().filter(|kind| arguments.capture.is_none_or(|only| only == **kind));
    let captures: Vec<(Kind, PathBuf)> =
        kinds.map(|&kind| (kind, folder.join(format!("{}.pcap", kind.name())))).collect();
    for (kind, path) in &captures {
        if arguments.fresh || !path.exists() {
            make(*kind, path)?;
        }
    }
    for (kind, path) in &captures {
        check(*kind, path, &folder)?;
    }
    let mixed = captures.iter().find(|(kind, _)| *kind == Kind::Mixed).map(|(_, path)| path);
    let packed = mixed.map(|mixed| packed::make(mixed, arguments.fresh)).transpose()?;
    if let Some(packed) = &packed {
        packed::check(packed, &folder)?;
    }
    if arguments.check {
        return Ok(());
    }
    let busy = machine::BusyTime::now();
    println!("\n{} turns each, {}:\n", arguments.turns, machine::description());
    println!(
        "| capture | program | time | against the bare loop, by turns: median (lowest to highest) | user time a packet | peak memory |"
    );
    println!("|---|---|---:|---:|---:|---:|");
    for (kind, path) in &captures {
        compare(*kind, path, &folder, arguments.turns)?;
    }
    println!("\nIn this time, {}.", busy.since());
    if let Some(mixed) = mixed {
        desk::compare(Kind::Mixed.name(), mixed, &folder, arguments.turns)?;
    }
    if let Some((plain, packed)) = mixed.zip(packed) {
        packed::compare(plain, &packed, &folder, arguments.turns)?;
    }
    Ok(())
}

/// Writes a capture under a temporary name first, so that half a file is never taken for a whole
/// one.
fn make(kind: Kind, path: &Path) -> anyhow::Result<()> {
    println!("making {}", path.display());
    let unfinished = path.with_extension("unfinished");
    let file = File::create(&unfinished).with_context(|| format!("cannot create {}", unfinished.display()))?;
    kind.write(BufWriter::with_capacity(1 << 20, file))
        .with_context(|| format!("cannot write {}", unfinished.display()))?;
    fs::rename(&unfinished, path).with_context(|| format!("cannot rename to {}", path.display()))
}

fn rattap(capture: &Path, alerts: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rattap"));
    command.arg("replay").arg("-o").arg(alerts).arg(capture);
    command
}

fn single(capture: &Path, alerts: &Path) -> Command {
    let mut command = rattap(capture, alerts);
    command.args(["--workers", "1"]);
    command
}

/// Checks that the alerts match the planted hits, and are the same bytes for any number of workers.
fn check(kind: Kind, capture: &Path, folder: &Path) -> anyhow::Result<()> {
    let mut first: Option<Vec<u8>> = None;
    let mut highest = 0;
    for workers in WORKERS {
        let file = folder.join(format!("{}-{workers}.cef", kind.name()));
        let mut command = rattap(capture, &file);
        command.arg("--workers").arg(workers.to_string());
        highest = highest.max(process::peak(command)?);
        let alerts = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let first = first.get_or_insert_with(|| alerts.clone());
        ensure!(
            alerts == *first,
            "{}: the alerts of {workers} workers are not those of one: compare the .cef files in {}",
            kind.name(),
            folder.display()
        );
    }
    let text = String::from_utf8(first.unwrap_or_default()).context("alerts are not UTF-8")?;
    let hits = hits_told(kind, &text)?;
    println!(
        "{}: all {hits} planted hits found, in {} lines, the same bytes for {WORKERS:?} workers; peak memory at the most {}",
        kind.name(),
        text.lines().count(),
        megabytes(highest)
    );
    Ok(())
}

/// The number of planted hits. Checks that the alerts report all of them and nothing else.
fn hits_told(kind: Kind, alerts: &str) -> anyhow::Result<usize> {
    let hits = kind.hits();
    let (told, planted) = (sightings(alerts)?, planted::sightings(&hits));
    ensure!(
        told.iter().map(|(signature, count)| (signature.as_str(), *count)).eq(planted.iter().map(|(s, c)| (*s, *c))),
        "{}: planted were {planted:?}, but the alerts tell of {told:?}",
        kind.name()
    );
    Ok(hits.len())
}

/// The sightings in CEF lines, by signature.
fn sightings(text: &str) -> anyhow::Result<BTreeMap<String, u32>> {
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let signature = line.split('|').nth(4).with_context(|| format!("not a CEF line: {line}"))?;
        let count = line.split(' ').find_map(|part| part.strip_prefix("cnt=")).and_then(|count| count.parse().ok());
        *counts.entry(signature.to_owned()).or_default() += count.unwrap_or(0);
    }
    Ok(counts)
}

/// Builds the command line of a program, once for each run.
type Program<'a> = (&'static str, Box<dyn Fn() -> Command + 'a>);

fn compare(kind: Kind, capture: &Path, folder: &Path, turns: u32) -> anyhow::Result<()> {
    let itself = env::current_exe().context("cannot tell where this program is")?;
    let as_yardstick = |mode: &'static str| yardstick::program(&itself, mode, capture);
    let alerts = folder.join("alerts.cef");
    let mut programs: Vec<Program> = vec![
        ("bare libpcap loop", as_yardstick("--bare-loop")),
        ("`rattap replay`", Box::new(|| rattap(capture, &alerts))),
        ("`rattap replay --workers 1`", Box::new(|| single(capture, &alerts))),
        ("reading alone", as_yardstick("--read-only")),
    ];
    let tcpdump = || {
        let hosts: Vec<String> = ALL_LISTED.iter().map(|listed| format!("host {}", listed.ip())).collect();
        let mut command = Command::new("tcpdump");
        // With `-Z root` it does not change to another account, to which it would hand over
        // /dev/null.
        command.arg("-n").arg("-r").arg(capture).args(["-Z", "root", "-w", "/dev/null"]).arg(hosts.join(" or "));
        command
    };
    match process::time(tcpdump()) {
        Ok(_) => programs.push(("`tcpdump`, the seven addresses alone", Box::new(tcpdump))),
        Err(why) => eprintln!("without tcpdump: {why:#}"),
    }
    let (packets, _) = yardstick::count(capture)?;
    for Measured { name, time, ratio, user, peak } in measure(&programs, turns)? {
        let (time, each) = (time * 1000.0, user * 1e9 / packets as f64);
        println!("| {} | {name} | {time:.0} ms | {ratio} | {each:.0} ns | {} |", kind.name(), megabytes(peak));
    }
    if let Some(instructions) = process::instructions(&single(capture, &alerts)) {
        eprintln!("{}: {:.0} instructions a packet", kind.name(), instructions as f64 / packets as f64);
    }
    Ok(())
}

/// The cost of one program.
struct Measured {
    name: &'static str,
    /// Seconds, the median.
    time: f64,
    /// Relative to the first program, over all turns: median (lowest to highest).
    ratio: String,
    /// Processor time in user mode, in seconds, the mean.
    user: f64,
    /// The most memory, in bytes.
    peak: u64,
}

/// Runs the programs in turn, this many times.
fn measure(programs: &[Program], turns: u32) -> anyhow::Result<Vec<Measured>> {
    let mut peaks = Vec::new();
    for (_, program) in programs {
        process::time(program())?;
        peaks.push(process::peak(program())?);
    }
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); programs.len()];
    let mut users = vec![0.0; programs.len()];
    for _ in 0..turns {
        for (((_, program), times), user) in programs.iter().zip(&mut times).zip(&mut users) {
            let before = process::user_time_of_children();
            times.push(process::time(program())?.as_secs_f64());
            *user += process::user_time_of_children().saturating_sub(before).as_secs_f64() / f64::from(turns);
        }
    }
    let first = times.first().cloned().unwrap_or_default();
    let measured = programs.iter().zip(times).zip(users).zip(peaks).map(|((((name, _), times), user), peak)| {
        let ratios = sorted(times.iter().zip(&first).map(|(time, first)| time / first));
        let (lowest, highest) = (ratios.first().copied().unwrap_or(0.0), ratios.last().copied().unwrap_or(0.0));
        let ratio = format!("{:.2} ({lowest:.2} to {highest:.2})", middle(&ratios));
        Measured { name, time: middle(&sorted(times)), ratio, user, peak }
    });
    Ok(measured.collect())
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The median; of an even number of values, the higher of the two in the middle.
fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
