//! The cost of a million indicators (half domains, a quarter addresses, a quarter endpoints) for
//! loading, memory and a replay: `cargo bench --bench million`.
//!
//! Writes them as a ThreatFox dump in its real form, each with its own identifier, and as a plain
//! list. Each is loaded in a process of its own, so that the kernel can report its memory. A replay
//! with them and one with the nine built-in indicators take turns, so that other load on the
//! machine affects both alike. A ratio is between two runs of the same turn.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::BufWriter;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;
use std::{env, thread};

use anyhow::{Context, ensure};
use clap::Parser;
use rattap::capture::{FileSource, Input};
use rattap::indicator::{IndicatorSet, LoadSettings, load};
use rattap::output::{self, LineFormat, Mode, Sensor, Target};
use rattap::sensor::{Run, SensorSettings};
use rattap::track::TrackSettings;
use rattap::units::Timestamp;

// The benches use only a part of what the samples' code offers.
#[allow(dead_code)]
#[path = "../pcaps/generator/mod.rs"]
mod generator;
// Only the generator prints the names of the hits.
#[allow(dead_code)]
#[path = "../pcaps/generator/large/mod.rs"]
mod large;

use generator::random::Random;
use large::Kind;

/// Half of the number of indicators.
const HALF: usize = 500_000;

/// The time at which the benchmark plays: 2026-07-05.
const NOW: i64 = 1_783_209_600;

/// Measures a million indicators.
#[derive(Parser)]
struct Arguments {
    /// The number of turns.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    turns: u32,
    /// Load a list and print its cost, nothing else.
    #[arg(long, value_name = "FILE", hide = true)]
    load: Option<PathBuf>,
    /// Replay this capture once, with the indicators of a list or the built-in ones: used to count
    /// instructions.
    #[arg(long, value_name = "FILE", hide = true)]
    replay: Option<PathBuf>,
    #[arg(long, value_name = "FILE", hide = true)]
    with: Option<PathBuf>,
    /// Passed by cargo to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(list) = arguments.load {
        return load_alone(&list);
    }
    if let Some(capture) = arguments.replay {
        let set = Arc::new(loaded(arguments.with.as_slice())?);
        println!("{:.1} ms", replay(&capture, &set)? * 1000.0);
        return Ok(());
    }
    if !arguments.bench {
        println!("skipped: this is for `cargo bench`, not for a test run");
        return Ok(());
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let lists = [("ThreatFox CSV", "million.csv", threatfox as fn() -> String), ("plain", "million.txt", plain)];
    println!("{} cores of {}", thread::available_parallelism()?, processor()?);
    for (name, file, text) in lists {
        let path = folder.join(file);
        fs::write(&path, text()).with_context(|| format!("cannot write {}", path.display()))?;
        let size = fs::metadata(&path)?.len();
        let mut runs = Vec::new();
        for _ in 0..arguments.turns.min(5) {
            let run = Command::new(env::current_exe()?).arg("--load").arg(&path).output()?;
            ensure!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
            let text = String::from_utf8(run.stdout)?;
            let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            let [seconds, busy, bytes] = numbers[..] else { anyhow::bail!("what is {text:?}?") };
            runs.push([seconds, busy, bytes]);
        }
        let [seconds, busy, bytes] = [0, 1, 2].map(|figure| middle(runs.iter().map(|run| run[figure])));
        println!(
            "{name} ({size} bytes): loaded in {seconds:.2} s ({busy:.2} s of processor time), {bytes:.0} bytes resident \
             for each indicator"
        );
    }
    let million = Arc::new(loaded(&[folder.join("million.csv")])?);
    let nine = Arc::new(loaded(&[])?);
    for kind in [Kind::Mixed, Kind::Small] {
        let capture = folder.join(format!("{}.pcap", kind.name()));
        if !capture.exists() {
            println!("making {}", capture.display());
            kind.write(BufWriter::with_capacity(1 << 20, File::create(&capture)?))?;
        }
        // The capture is in the page cache from then on.
        replay(&capture, &nine)?;
        let (mut ratios, mut times) = (Vec::new(), (Vec::new(), Vec::new()));
        for _ in 0..arguments.turns {
            let (few, many) = (replay(&capture, &nine)?, replay(&capture, &million)?);
            ratios.push(many / few);
            times.0.push(few);
            times.1.push(many);
        }
        println!(
            "{}: {:.0} ms with {}, {:.0} ms with {} indicators; ratio by turns: median {:.2} ({:.2} to {:.2})",
            kind.name(),
            middle(times.0) * 1000.0,
            nine.len(),
            middle(times.1) * 1000.0,
            million.len(),
            middle(ratios.iter().copied()),
            ratios.iter().copied().fold(f64::MAX, f64::min),
            ratios.iter().copied().fold(0.0, f64::max),
        );
    }
    Ok(())
}

fn loaded(lists: &[PathBuf]) -> anyhow::Result<IndicatorSet> {
    let settings = LoadSettings { paths: lists.to_vec(), with_builtin: true, ..LoadSettings::default() };
    Ok(load(&settings, Timestamp::from_parts(NOW, 0))?.set)
}

/// Prints the seconds, the seconds of processor time, and the bytes by which this process grew for
/// each indicator.
fn load_alone(list: &Path) -> anyhow::Result<()> {
    let (before, busy) = (resident()?, processor_time()?);
    let started = Instant::now();
    let set = loaded(&[list.to_owned()])?;
    let took = started.elapsed();
    let (grown, busy) = (resident()?.saturating_sub(before), processor_time()? - busy);
    ensure!(set.len() > 2 * HALF - HALF / 100, "only {} indicators", set.len());
    println!("{} {busy} {}", took.as_secs_f64(), grown as f64 / set.len() as f64);
    Ok(())
}

/// `VmRSS` of `/proc/self/status` (proc_pid_status(5)), in bytes.
fn resident() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}

/// The seconds that all threads of this process have used, in user mode and in the kernel: fields
/// 14 and 15 of `/proc/self/stat` (proc_pid_stat(5)), in ticks of 10 ms.
fn processor_time() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = text.rsplit_once(") ").context("no name")?;
    let ticks: u64 = after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / 100.0)
}

/// The processor's name, as the kernel reports it.
fn processor() -> anyhow::Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo")?;
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Ok(name.map_or("an unknown processor", |(_, name)| name).to_owned())
}

/// Returns the seconds that a replay takes. Its alerts are discarded.
fn replay(capture: &Path, indicators: &Arc<IndicatorSet>) -> anyhow::Result<f64> {
    let workers = thread::available_parallelism()?;
    let track = TrackSettings::default();
    let output = output::open(
        &[Target::File("/dev/null".into(), LineFormat::Cef)],
        &Sensor::default(),
        Mode::Replay,
        None,
        &(Arc::new(|_: &str, _| ()) as output::EventHandler),
    )?;
    let files = FileSource::new(vec![Input::File(capture.to_owned())], None);
    let started = Instant::now();
    let outcome =
        Run::new(indicators.clone(), &SensorSettings { workers, track }).start(Box::new(files), output, &mut |_| ());
    let took = started.elapsed().as_secs_f64();
    outcome.output?;
    ensure!(outcome.totals.alerts_written > 0, "no alerts");
    Ok(took)
}

/// A quarter addresses, a quarter endpoints, and half domains, in turn. None of them is in the
/// captures. Each has its type in ThreatFox.
fn values() -> impl Iterator<Item = (&'static str, String)> {
    let mut random = Random::new(7);
    (0..2 * HALF).map(move |number| {
        if number % 2 == 0 {
            // Two networks that no capture uses.
            let base = if random.below(2) == 0 { 0x2d00_0000 } else { 0xb900_0000 };
            let address = Ipv4Addr::from_bits(base | random.below(1 << 24) as u32);
            if number % 4 == 0 {
                ("ip:port", format!("{address}:{}", 1 + random.below(65_535)))
            } else {
                ("ip", address.to_string())
            }
        } else {
            let length = 6 + random.below(14) as usize;
            let name: String = (0..length).map(|_| char::from(b'a' + random.below(26) as u8)).collect();
            const ENDS: [&str; 5] = ["com", "net", "top", "xyz", "co.uk"];
            ("domain", format!("{name}.{}", ENDS[random.below(ENDS.len() as u64) as usize]))
        }
    })
}

fn plain() -> String {
    values().fold(String::new(), |text, (_, value)| text + &value + "\n")
}

fn threatfox() -> String {
    let mut text = String::from(
        "# Last updated: 2026-07-04 22:50:12 UTC\n# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"threat_type\",\"fk_malware\",\
         \"malware_alias\",\"malware_printable\",\"last_seen_utc\",\"confidence_level\",\"is_compromised\",\"reference\",\"tags\",\"anonymous\",\
         \"reporter\"\n",
    );
    let mut random = Random::new(8);
    for (number, (kind, value)) in values().enumerate() {
        // One in ten has a reference of its own. There are about a thousand different lists of
        // tags.
        let reference = if random.below(10) == 0 {
            format!("https://bazaar.example.org/sample/{:016x}/", random.next())
        } else {
            "None".into()
        };
        let _ = writeln!(
            text,
            "\"2026-06-{:02} 21:46:30\", \"{}\", \"{value}\", \"{kind}\", \"botnet_cc\", \"win.family_{}\", \"Alias,Other\", \"Family {}\", \
             \"2026-07-{:02} 22:46:23\", \"{}\", \"False\", \"{reference}\", \"AS{},c2\", \"0\", \"reporter\"",
            1 + random.below(30),
            1_000_000 + number,
            number % 300,
            number % 300,
            1 + random.below(4),
            50 + 25 * random.below(3),
            random.below(10),
        );
    }
    text
}

fn middle(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
