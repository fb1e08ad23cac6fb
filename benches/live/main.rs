//! `rattap live` on a virtual wire against `tcpdump -w /dev/null`: `cargo bench --bench live`, as
//! root.
//!
//! In a network namespace of its own, with the mixed capture of the replay bench (made if it is not
//! there yet):
//!
//! - at the highest rate that tcpreplay sends, both captures at once: what each received and what
//!   was dropped;
//! - the processor time of each for a million packets, in turn;
//! - the largest burst that is survived while the tracker is stalled for 500 ms;
//! - the processor time on a quiet link;
//! - how long it takes from a lone packet to its alert;
//! - how long a sensor that is killed and started again at once misses packets.
//!
//! Nothing here is a test: it prints figures for a reader to judge. tcpreplay takes a core for
//! itself. The kernel's work of copying each packet into the rings counts as tcpreplay's, not as
//! the readers'.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use etherparse::PacketBuilder;

// The benches use only a part of what the samples' code offers.
#[allow(dead_code)]
#[path = "../../pcaps/generator/mod.rs"]
mod generator;
#[allow(dead_code)]
#[path = "../../pcaps/generator/large/mod.rs"]
mod large;
mod stalled;

use large::Kind;

/// The two ends of the wire: what is sent into the first comes out of the second.
const WIRE: [&str; 2] = ["a0", "b0"];

/// The time that a program gets to open its capture, and to read what the kernel still holds.
const SETTLE: Duration = Duration::from_secs(2);

/// Measures `rattap live`.
#[derive(Parser)]
struct Arguments {
    /// The number of turns that measure processor time.
    #[arg(long, default_value_t = 5)]
    turns: u32,
    /// The number of times that the capture is sent at the highest rate.
    #[arg(long, default_value_t = 3)]
    loops: u32,
    /// The number of bursts while the tracker is stalled.
    #[arg(long, default_value_t = 3)]
    bursts: u32,
    /// The time for which the quiet link is watched, in seconds.
    #[arg(long, default_value_t = 60)]
    quiet: u64,
    /// The number of lone packets.
    #[arg(long, default_value_t = 100)]
    lone: u32,
    /// The number of kills.
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// Measure the kills only.
    #[arg(long)]
    only_kills: bool,
    /// Run in the namespace that exists already.
    #[arg(long, hide = true)]
    inside: bool,
    /// Passed by cargo to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if arguments.inside {
        return measure(&arguments);
    }
    if !arguments.bench {
        println!("skipped: this is for `cargo bench`, not for a test run");
        return Ok(());
    }
    let name = format!("rattap-bench-{}", std::process::id());
    must(Command::new("ip").args(["netns", "add", &name])).context("a network namespace takes root and iproute2")?;
    let me = std::env::current_exe()?;
    let run = Command::new("ip")
        .args(["netns", "exec", &name])
        .arg(me)
        .arg("--inside")
        .args(std::env::args().skip(1))
        .status();
    must(Command::new("ip").args(["netns", "del", &name]))?;
    ensure!(run?.success(), "the run in the namespace failed");
    Ok(())
}

fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")?;
    let [one, other] = WIRE;
    must(Command::new("ip").args(["link", "add", "name", one, "type", "veth", "peer", "name", other]))?;
    for end in WIRE {
        must(Command::new("ip").args(["link", "set", end, "up"]))?;
    }
    if arguments.only_kills {
        return kills(arguments.kills);
    }
    let capture = mixed()?;
    if arguments.loops > 0 {
        highest_rate(&capture, arguments.loops)?;
    }
    if arguments.turns > 0 {
        processor_time(&capture, arguments.turns)?;
    }
    for _ in 0..arguments.bursts {
        let (survived, seconds) = stalled::survived(&capture)?;
        println!("while the tracker is stalled for 500 ms: {survived} packets of a burst of {seconds:.3} s");
    }
    if arguments.quiet > 0 {
        quiet(arguments.quiet)?;
    }
    latency(arguments.lone)?;
    kills(arguments.kills)
}

fn mixed() -> anyhow::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    fs::create_dir_all(&folder)?;
    let path = folder.join("mixed.pcap");
    if !path.exists() {
        let unfinished = path.with_extension("unfinished");
        Kind::Mixed.write(BufWriter::with_capacity(1 << 20, File::create(&unfinished)?))?;
        fs::rename(&unfinished, &path)?;
    }
    Ok(path)
}

fn highest_rate(capture: &Path, loops: u32) -> anyhow::Result<()> {
    let (sensor, tcpdump) = (Running::sensor()?, Running::tcpdump()?);
    let (sent, rate) = send(capture, &["--loop", &loops.to_string()])?;
    let (sensor, tcpdump) = (sensor.end()?, tcpdump.end()?);
    println!("at the highest rate: {sent} packets sent, {rate} packets/s");
    println!("  rattap live: {}", received(&sensor));
    println!("  tcpdump:     {}", received(&tcpdump));
    Ok(())
}

fn processor_time(capture: &Path, turns: u32) -> anyhow::Result<()> {
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..turns {
        let mut seconds = [0.0; 2];
        for (start, seconds) in [Running::sensor as fn() -> _, Running::tcpdump].into_iter().zip(&mut seconds) {
            let running: Running = start()?;
            let before = running.processor_time()?;
            send(capture, &["--limit", "1000000"])?;
            thread::sleep(SETTLE);
            *seconds = (running.processor_time()? - before).as_secs_f64();
            running.end()?;
        }
        ours.push(seconds[0]);
        theirs.push(seconds[1]);
        ratios.push(seconds[0] / seconds[1]);
    }
    println!("processor seconds for a million packets, {turns} turns, median (lowest to highest):");
    println!("  rattap live: {}", spread(ours));
    println!("  tcpdump:     {}", spread(theirs));
    println!("  ratio:       {}", spread(ratios));
    Ok(())
}

fn quiet(seconds: u64) -> anyhow::Result<()> {
    let running = Running::sensor()?;
    let before = running.processor_time()?;
    thread::sleep(Duration::from_secs(seconds));
    let took = running.processor_time()? - before;
    running.end()?;
    println!("on a quiet link: {:.3} % of a core over {seconds} s", took.as_secs_f64() / seconds as f64 * 100.0);
    Ok(())
}

fn latency(lone: u32) -> anyhow::Result<()> {
    let mut running = Running::sensor_into("-")?;
    let mut alerts = BufReader::new(running.child.stdout.take().context("no standard output")?);
    let mut wire = pcap::Capture::from_device(WIRE[0])?.open()?;
    let mut late = Vec::new();
    for number in 0..lone {
        // The pauses follow the golden ratio, so that they never keep step with a timer.
        thread::sleep(Duration::from_secs_f64(0.3 + (f64::from(number) * 0.618_034).fract() * 0.3));
        let port = 20_000 + number as u16;
        let sent = Instant::now();
        wire.sendpacket(contact([10, 20, 30, 40], port)?)?;
        let wanted = format!(" spt={port} ");
        let mut line = String::new();
        while !line.contains(&wanted) {
            line.clear();
            ensure!(alerts.read_line(&mut line)? > 0, "the sensor ended");
        }
        late.push(sent.elapsed().as_secs_f64());
    }
    running.end()?;
    println!("seconds from a lone packet to its alert, {lone} times, median (lowest to highest): {}", spread(late));
    Ok(())
}

/// A packet that causes an alert.
fn contact(client: [u8; 4], port: u16) -> anyhow::Result<Vec<u8>> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4(client, [91, 202, 233, 25], 64)
        .udp(port, 4888)
        .write(&mut frame, b"hello")?;
    Ok(frame)
}

/// Sends a packet of another client each millisecond, kills the sensor about once a second, and
/// starts it again at once, as a supervisor without a pause would. Each packet that no alert tells
/// of was missed: it was in the kernel's ring or in the sensor at the kill, or came before the next
/// sensor captured.
fn kills(kills: u32) -> anyhow::Result<()> {
    const PACE: Duration = Duration::from_millis(1);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("alerts.cef");
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rattap"));
        command.args(["live", "-i", WIRE[1], "--user", "root", "-o"]).arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().context("cannot run the sensor")
    };
    let mut sensor = start()?;
    thread::sleep(SETTLE);
    let (sent, is_over) = (AtomicU32::new(0), AtomicBool::new(false));
    let killed_at = thread::scope(|scope| -> anyhow::Result<Vec<u32>> {
        let sending = scope.spawn(|| -> anyhow::Result<()> {
            let mut wire = pcap::Capture::from_device(WIRE[0])?.open()?;
            let mut due = Instant::now();
            while !is_over.load(Ordering::Relaxed) {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                due += PACE;
                let [_, a, b, c] = sent.fetch_add(1, Ordering::Relaxed).to_be_bytes();
                wire.sendpacket(contact([10, a, b, c], 20_000)?)?;
            }
            Ok(())
        });
        let mut killed_at = Vec::new();
        for number in 0..kills {
            thread::sleep(Duration::from_secs_f64(0.8 + (f64::from(number) * 0.618_034).fract() * 0.4));
            killed_at.push(sent.load(Ordering::Relaxed));
            sensor.kill()?;
            sensor.wait()?;
            sensor = start()?;
        }
        thread::sleep(SETTLE);
        is_over.store(true, Ordering::Relaxed);
        sending.join().map_err(|_| anyhow::anyhow!("sending failed"))??;
        Ok(killed_at)
    })?;
    Running { child: sensor }.end()?;
    let text = fs::read_to_string(&file)?;
    let clients = text.lines().filter_map(|line| line.split(" src=").nth(1)?.split(' ').next()?.parse().ok());
    let seen: BTreeSet<u32> = clients.map(|client: Ipv4Addr| client.to_bits() & 0xff_ffff).collect();
    let mut missed = vec![0.0; killed_at.len()];
    for number in (0..sent.into_inner()).filter(|number| !seen.contains(number)) {
        let nearest = killed_at.iter().enumerate().min_by_key(|(_, at)| at.abs_diff(number));
        let (kill, _) = nearest.context("packets were missed without a kill")?;
        missed[kill] += PACE.as_secs_f64();
    }
    println!("seconds of packets missed at a kill, {kills} kills, median (lowest to highest): {}", spread(missed));
    Ok(())
}

/// A program that captures.
struct Running {
    child: Child,
}

impl Running {
    fn sensor() -> anyhow::Result<Self> {
        Self::sensor_into("/dev/null")
    }

    fn sensor_into(output: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rattap"));
        command.args(["live", "-i", WIRE[1], "--repeat-window", "0", "-o", output]);
        Self::start(command)
    }

    fn tcpdump() -> anyhow::Result<Self> {
        let mut command = Command::new("tcpdump");
        // A kernel buffer as large as the sensor's, in KiB. With `-Z root` tcpdump does not change
        // to another account, to which it would hand over /dev/null.
        command.args(["-i", WIRE[1], "-w", "/dev/null", "-B", "65536", "-Z", "root"]);
        Self::start(command)
    }

    fn start(mut command: Command) -> anyhow::Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("cannot run {command:?}"))?;
        thread::sleep(SETTLE);
        if let Some(status) = child.try_wait()? {
            bail!("{command:?} ended: {status}");
        }
        Ok(Self { child })
    }

    /// User and system time of all its threads, as the scheduler counts it
    /// (`/proc/PID/task/TID/schedstat`, in nanoseconds).
    fn processor_time(&self) -> anyhow::Result<Duration> {
        let mut sum = Duration::ZERO;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            sum += Duration::from_nanos(text.split(' ').next().unwrap_or_default().parse()?);
        }
        Ok(sum)
    }

    /// Ends it and returns its log.
    fn end(self) -> anyhow::Result<String> {
        thread::sleep(SETTLE);
        must(Command::new("kill").arg(self.child.id().to_string()))?;
        Ok(String::from_utf8(self.child.wait_with_output()?.stderr)?)
    }
}

/// Sends at the highest rate from memory. Returns the number of packets and the rate.
fn send(capture: &Path, options: &[&str]) -> anyhow::Result<(String, String)> {
    let output = Command::new("tcpreplay")
        .args(["-q", "--preload-pcap", "--topspeed", "-i", WIRE[0]])
        .args(options)
        .arg(capture)
        .output()
        .context("cannot run tcpreplay")?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "tcpreplay failed: {text}{}", String::from_utf8_lossy(&output.stderr));
    let word = |before: &str, after: &str| {
        let line = text.lines().find(|line| line.contains(before) && line.contains(after))?;
        line.split(after).next()?.split_whitespace().last().map(|word| word.trim_end_matches(',').to_owned())
    };
    Ok((word("Actual:", " packets").context("no count")?, word("Rated:", " pps").context("no rate")?))
}

/// The lines of a log that say what was received and what was dropped.
fn received(log: &str) -> String {
    let lines = log.lines().filter(|line| line.contains("packets") || line.contains("dropped"));
    lines.map(str::trim).collect::<Vec<_>>().join("; ")
}

fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    match values.as_slice() {
        [] => "none".to_owned(),
        all => format!("{:.3} ({:.3} to {:.3})", all[all.len() / 2], all[0], all[all.len() - 1]),
    }
}

fn must(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}
