//! The yardsticks, each run as a process of its own: what a capture costs that is only read, and only counted.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;

/// A bare libpcap loop that only counts. It looks at no byte of any packet.
pub fn bare_loop(path: &Path) -> anyhow::Result<()> {
    let mut capture = pcap::Capture::from_file(path)?;
    let (mut packets, mut bytes) = (0u64, 0u64);
    loop {
        match capture.next_packet() {
            Ok(packet) => {
                packets += 1;
                bytes += u64::from(packet.header.caplen);
            }
            Err(pcap::Error::NoMorePackets) => break,
            Err(error) => return Err(error.into()),
        }
    }
    println!("{packets} packets, {bytes} bytes");
    Ok(())
}

/// How much is read at a time: what the sensor reads into a Block.
const PIECE: usize = 2 << 20;

/// Reads a file into one buffer, again and again, and looks at nothing.
pub fn read_only(path: &Path) -> anyhow::Result<()> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut piece = vec![0; PIECE];
    let mut bytes = 0;
    loop {
        match file.read(&mut piece)? {
            0 => break,
            read => bytes += read,
        }
    }
    println!("{bytes} bytes");
    Ok(())
}
