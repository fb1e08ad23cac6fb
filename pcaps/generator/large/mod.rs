//! The large captures of the benchmarks: ordinary traffic with a few hits in it, the same bytes
//! each time.

pub mod flows;
pub mod hellos;
pub mod planted;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};

use clap::ValueEnum;

use crate::generator::random::Random;
use crate::generator::tape::{Captured, START};
use crate::generator::write::Pcap;
use crate::generator::{link, wire};
use flows::{Flow, Lookups};
use planted::Planted;

/// The number of flows in the mixed capture.
const FLOWS: u32 = 200_000;
/// The number of flows that are open at a time.
const OPEN: usize = 2000;
/// The share of DNS messages among the packets of the mixed capture, in percent.
const DNS_SHARE: u64 = 15;
/// The mean time between two packets of the mixed capture, in nanoseconds: ten minutes in all.
const MIXED_PACE: u64 = 205_000;
/// The packets of the capture of small ones.
const SMALL_PACKETS: u64 = 6_000_000;
/// The mean time between two of those, in nanoseconds: a million a second.
const SMALL_PACE: u64 = 1000;
/// The number of flows in the capture of hellos.
const HELLO_FLOWS: u32 = 80_000;
/// The time between the beginnings of two of those, in nanoseconds: twenty thousand a second.
const HELLO_PACE: u64 = 50_000;

/// Which large capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// About 1 GB of office traffic.
    Mixed,
    /// 6 million small packets.
    Small,
    /// 80,000 TLS flows, each with a ClientHello in two segments.
    Hellos,
}

impl Kind {
    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Small => "small",
            Self::Hellos => "hellos",
        }
    }

    /// The hits planted in it.
    pub fn hits(self) -> Vec<Planted> {
        match self {
            Self::Mixed => planted::fifty(),
            Self::Small => planted::six(),
            Self::Hellos => planted::fifty_hellos(),
        }
    }

    /// Writes it.
    pub fn write(self, out: impl Write) -> io::Result<Written> {
        match self {
            Self::Mixed => mixed(out, FLOWS, &self.hits()),
            Self::Small => small(out, SMALL_PACKETS, &self.hits()),
            Self::Hellos => hellos(out, HELLO_FLOWS, &self.hits()),
        }
    }
}

/// The result of writing.
pub struct Written {
    /// Records.
    pub packets: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The packet time from first to last.
    pub seconds: u64,
}

/// The capture as it grows.
struct Capture<W> {
    out: W,
    random: Random,
    now: u64,
    pace: u64,
    packets: u64,
    bytes: u64,
}

impl<W: Write> Capture<W> {
    fn new(mut out: W, pace: u64) -> io::Result<Self> {
        let header = Pcap::default().header(link::ETHERNET.number);
        out.write_all(&header)?;
        let bytes = header.len() as u64;
        Ok(Self { out, random: Random::new(1), now: START, pace, packets: 0, bytes })
    }

    fn frame(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        let original = bytes.len() as u32;
        let record = Pcap::default().record(&Captured { time: self.now, bytes, original, source: None });
        self.out.write_all(&record)?;
        self.now += self.pace / 2 + self.random.below(self.pace);
        self.packets += 1;
        self.bytes += record.len() as u64;
        Ok(())
    }

    fn packet(&mut self, packet: &[u8]) -> io::Result<()> {
        self.frame((link::ETHERNET.frame)(packet))
    }

    fn close(mut self) -> io::Result<Written> {
        self.out.flush()?;
        let seconds = (self.now - START) / 1_000_000_000;
        Ok(Written { packets: self.packets, bytes: self.bytes, seconds })
    }
}

/// TCP flows from SYN to FIN, DNS, and the hits at equal distances.
pub fn mixed(out: impl Write, flows: u32, hits: &[Planted]) -> io::Result<Written> {
    let mut capture = Capture::new(out, MIXED_PACE)?;
    let mut random = Random::new(2);
    let mut started = 0;
    let mut planted = 0;
    let mut frames: VecDeque<Vec<u8>> = VecDeque::new();
    let mut lookups = Lookups::default();
    let mut open: Vec<Flow> = Vec::with_capacity(OPEN);
    while started < flows || !open.is_empty() || !frames.is_empty() {
        while open.len() < OPEN && started < flows {
            started += 1;
            open.push(Flow::new(started, &mut random));
        }
        // The hits lie at equal distances in the run of the flows.
        let due = (hits.len() as u64 * u64::from(started) / u64::from(flows)) as usize;
        if planted < due {
            frames.extend(hits[planted].frames.iter().map(|frame| frame.bytes.clone()));
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
    capture.close()
}

/// Frames of 60 bytes, TCP and UDP, and the hits at equal distances.
pub fn small(out: impl Write, packets: u64, hits: &[Planted]) -> io::Result<Written> {
    let mut capture = Capture::new(out, SMALL_PACE)?;
    let mut random = Random::new(3);
    let mut planted = 0;
    let distance = packets / (hits.len() as u64 + 1);
    while capture.packets < packets {
        if planted < hits.len() && capture.packets >= distance * (planted as u64 + 1) {
            for frame in &hits[planted].frames {
                capture.frame(frame.bytes.clone())?;
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
    capture.close()
}

/// TLS flows that begin at equal intervals and last a while, with the hits at equal distances
/// between them.
pub fn hellos(out: impl Write, flows: u32, hits: &[Planted]) -> io::Result<Written> {
    let mut capture = Capture::new(out, HELLO_PACE)?;
    let mut random = Random::new(4);
    // The segments still to be sent, by time; those of the same time in the order of the flows.
    let mut waiting: BTreeMap<(u64, usize), Vec<u8>> = BTreeMap::new();
    let mut made = 0;
    let mut planted = 0;
    for number in 0..flows {
        let begins = u64::from(number) * HELLO_PACE + random.below(HELLO_PACE);
        let mut tapes = vec![hellos::ordinary(number, &mut random).frames];
        if planted < hits.len() && u64::from(number) * hits.len() as u64 >= planted as u64 * u64::from(flows) {
            tapes.push(hits[planted].frames.clone());
            planted += 1;
        }
        for frame in tapes.into_iter().flatten() {
            waiting.insert((begins + frame.time, made), frame.bytes);
            made += 1;
        }
        // No flow that begins later sends anything before this.
        let until = START + u64::from(number + 1) * HELLO_PACE;
        while let Some(next) = waiting.first_entry().filter(|next| next.key().0 < until || number + 1 == flows) {
            let ((time, _), bytes) = next.remove_entry();
            capture.now = time;
            capture.frame(bytes)?;
        }
    }
    capture.close()
}
