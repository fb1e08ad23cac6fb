//! The yardsticks, each in a process of its own: the cost of only reading, only counting or only
//! decompressing a capture.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use flate2::bufread::MultiGzDecoder;

/// Runs this program as a yardstick over a capture.
pub fn program<'a>(itself: &'a Path, mode: &'static str, capture: &'a Path) -> Box<dyn Fn() -> Command + 'a> {
    Box::new(move || {
        let mut command = Command::new(itself);
        command.arg(mode).arg(capture);
        command
    })
}

/// A bare libpcap loop that only counts. It looks at no byte of any packet.
pub fn bare_loop(path: &Path) -> anyhow::Result<()> {
    let (packets, bytes) = count(path)?;
    println!("{packets} packets, {bytes} bytes");
    Ok(())
}

/// The number of packets of a capture, and of their captured bytes.
pub fn count(path: &Path) -> anyhow::Result<(u64, u64)> {
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
    Ok((packets, bytes))
}

/// The size of one read: that of a Block.
const PIECE: usize = 2 << 20;

/// The alignment of the buffer in memory: a page, like the source of the kernel's copy. With the
/// buffer sixteen bytes further, where the allocator puts it, the copy was measured to take twice
/// as long, since its loads seem to depend on the stores before them.
const PAGE: usize = 4096;

/// Reads a file into one buffer again and again, and ignores the content.
pub fn read_only(path: &Path) -> anyhow::Result<()> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut buffer = vec![0; PIECE + PAGE];
    let start = buffer.as_ptr().align_offset(PAGE);
    let piece = buffer.get_mut(start..start + PIECE).context("no page begins in the buffer")?;
    let mut bytes = 0;
    loop {
        match file.read(piece)? {
            0 => break,
            read => bytes += read,
        }
    }
    println!("{bytes} bytes");
    Ok(())
}

/// The sizes of one read and of one decompressed piece: those of a replay.
const UNPACKED: usize = 256 << 10;

/// Decompresses a file into one buffer again and again, with the library and in the pieces that a
/// replay uses, and ignores the content.
pub fn unpack_only(path: &Path) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut decoder = MultiGzDecoder::new(BufReader::with_capacity(UNPACKED, file));
    let mut buffer = vec![0; UNPACKED];
    let mut bytes = 0;
    loop {
        match decoder.read(&mut buffer)? {
            0 => break,
            read => bytes += read,
        }
    }
    println!("{bytes} bytes");
    Ok(())
}
