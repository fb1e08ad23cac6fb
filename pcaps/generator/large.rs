//! Writes the large captures of the benchmarks: `cargo run --release --example make-large -- mixed OUT.pcap`.
//!
//! - `mixed`: about 1 GB and 3.0 M packets in 10 minutes: 200,000 TCP flows from SYN to FIN with frames of simple IMIX (7 small : 4
//!   of 570 : 1 of 1,514 bytes), which begin with an HTTP or TLS head; 15 % of the packets are DNS; and 50 planted hits.
//! - `small`: 6 M frames of 60 bytes, TCP and UDP, and six planted hits.
//!
//! The same bytes each time. What was planted is printed: what a sensor must find.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, ValueEnum};

// Most of it is for the small samples.
#[allow(dead_code)]
#[path = "mod.rs"]
mod generator;

mod large {
    pub mod flows;
    pub mod planted;
}

use generator::random::Random;
use generator::tape::{Captured, START};
use generator::write::Pcap;
use generator::{link, wire};
use large::flows::{self, Flow, Lookups};
use large::planted::{self, Planted};

/// How many flows the mixed capture has.
const FLOWS: u32 = 200_000;
/// How many of them are open at a time.
const OPEN: usize = 2000;
/// The share of DNS messages among the packets of the mixed capture, in percent.
const DNS_SHARE: u64 = 15;
/// The mean time between two packets of the mixed capture, in nanoseconds: ten minutes in all.
const MIXED_PACE: u64 = 205_000;
/// The packets of the capture of small ones.
const SMALL_PACKETS: u64 = 6_000_000;
/// The mean time between two of those, in nanoseconds: a million a second.
const SMALL_PACE: u64 = 1000;

/// Writes a large capture for benchmarks.
#[derive(Parser)]
struct Arguments {
    /// What kind.
    kind: Kind,
    /// The file to write.
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// About 1 GB of office traffic.
    Mixed,
    /// 6 million small packets.
    Small,
}

/// The capture as it grows.
struct Capture {
    out: BufWriter<File>,
    random: Random,
    now: u64,
    pace: u64,
    packets: u64,
    bytes: u64,
}

impl Capture {
    fn create(path: &PathBuf, pace: u64) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let header = Pcap::default().header(link::ETHERNET.number);
        out.write_all(&header)?;
        let bytes = header.len() as u64;
        Ok(Self { out, random: Random::new(1), now: START, pace, packets: 0, bytes })
    }

    fn frame(&mut self, bytes: Vec<u8>) -> anyhow::Result<()> {
        let original = bytes.len() as u32;
        let record = Pcap::default().record(&Captured { time: self.now, bytes, original, source: None });
        self.out.write_all(&record)?;
        self.now += self.pace / 2 + self.random.below(self.pace);
        self.packets += 1;
        self.bytes += record.len() as u64;
        Ok(())
    }

    fn packet(&mut self, packet: &[u8]) -> anyhow::Result<()> {
        self.frame((link::ETHERNET.frame)(packet))
    }

    fn close(mut self, planted: &[Planted]) -> anyhow::Result<()> {
        self.out.flush()?;
        let seconds = (self.now - START) / 1_000_000_000;
        println!("{} packets, {} bytes, {seconds} s of packet time", self.packets, self.bytes);
        println!("{} planted hits:", planted.len());
        for hit in planted {
            println!("  {}", hit.about);
        }
        println!("sightings in all:");
        for (signature, count) in planted::sightings(planted) {
            println!("  {signature} {count}");
        }
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.kind {
        Kind::Mixed => mixed(&arguments.out),
        Kind::Small => small(&arguments.out),
    }
}

fn mixed(path: &PathBuf) -> anyhow::Result<()> {
    let mut capture = Capture::create(path, MIXED_PACE)?;
    let mut random = Random::new(2);
    let hits = planted::fifty();
    let mut started = 0;
    let mut planted = 0;
    let mut frames: VecDeque<Vec<u8>> = VecDeque::new();
    let mut lookups = Lookups::default();
    let mut open: Vec<Flow> = Vec::with_capacity(OPEN);
    while started < FLOWS || !open.is_empty() || !frames.is_empty() {
        while open.len() < OPEN && started < FLOWS {
            started += 1;
            open.push(Flow::new(started, &mut random));
        }
        // The hits lie at equal distances in the run of the flows.
        let due = (hits.len() as u64 * u64::from(started) / u64::from(FLOWS)) as usize;
        if planted < due {
            frames.extend(hits[planted].frames.iter().cloned());
            planted += 1;
        }
        if random.below(100) < 5
            && let Some(frame) = frames.pop_front()
        {
            capture.frame(frame)?;
        } else if open.is_empty() {
            let Some(frame) = frames.pop_front() else { break };
            capture.frame(frame)?;
        } else if random.below(100) < DNS_SHARE {
            let packet = lookups.next(&mut random);
            capture.packet(&packet)?;
        } else {
            let place = random.below(open.len() as u64) as usize;
            match open[place].next(&mut random) {
                Some(packet) => capture.packet(&packet)?,
                None => {
                    open.swap_remove(place);
                }
            }
        }
    }
    capture.close(&hits)
}

fn small(path: &PathBuf) -> anyhow::Result<()> {
    let mut capture = Capture::create(path, SMALL_PACE)?;
    let mut random = Random::new(3);
    let hits = planted::six();
    let mut planted = 0;
    let distance = SMALL_PACKETS / (hits.len() as u64 + 1);
    while capture.packets < SMALL_PACKETS {
        if planted < hits.len() && capture.packets >= distance * (planted as u64 + 1) {
            for frame in &hits[planted].frames {
                capture.frame(frame.clone())?;
            }
            planted += 1;
        }
        let (client, server) = flows::ends(random.below(50_000) as u32);
        let (from, to) = if random.below(2) == 0 { (client, server) } else { (server, client) };
        if random.below(2) == 0 {
            let parts = wire::Segment {
                sequence: random.next() as u32,
                acknowledged: 1,
                flags: wire::ACK,
                payload: b"6bytes",
                options: &[],
            };
            capture.packet(&wire::tcp(from, to, &parts))?;
        } else {
            capture.packet(&wire::udp(from, to, &random.next().to_be_bytes().repeat(2)))?;
        }
    }
    capture.close(&hits)
}
