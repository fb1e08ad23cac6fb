//! Writes the large captures of the benchmarks:
//! `cargo run --release --example make-large -- mixed OUT.pcap`.
//!
//! - `mixed`: about 1 GB and 3.0 M packets in 10 minutes: 200,000 TCP flows from SYN to FIN with
//!   frames of simple IMIX (7 small : 4 of 570 : 1 of 1,514 bytes), which begin with an HTTP or TLS
//!   head; 15 % of the packets are DNS; and 50 planted hits.
//! - `small`: 6 M frames of 60 bytes, TCP and UDP, and six planted hits.
//! - `hellos`: 0.76 GB and 1.4 M packets in four seconds: 80,000 TLS flows, each of which begins
//!   with a ClientHello that a post-quantum key share splits over two segments, with the name in
//!   the second; and 50 planted hits.
//!
//! The bytes are the same each time. The planted hits are printed: a sensor must find them.
//! `cargo bench` makes the captures it needs.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

// This program uses only a part of what the samples' code offers.
#[allow(dead_code)]
#[path = "mod.rs"]
mod generator;
#[path = "large/mod.rs"]
mod large;

use large::{Kind, Written, planted};

/// Writes a large capture for benchmarks.
#[derive(Parser)]
struct Arguments {
    /// The kind of capture.
    kind: Kind,
    /// The file to write.
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let Arguments { kind, out } = Arguments::parse();
    let file = File::create(&out).with_context(|| format!("cannot create {}", out.display()))?;
    let Written { packets, bytes, seconds } = kind.write(BufWriter::with_capacity(1 << 20, file))?;
    println!("{}: {packets} packets, {bytes} bytes, {seconds} s of packet time", kind.name());
    let hits = kind.hits();
    println!("{} planted hits:", hits.len());
    for hit in &hits {
        println!("  {}", hit.about);
    }
    println!("sightings in all:");
    for (signature, count) in planted::sightings(&hits) {
        println!("  {signature} {count}");
    }
    Ok(())
}
