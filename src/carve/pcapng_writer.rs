//! Writes pcapng: <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/>.
//!
//! The file has one section in little-endian order, an interface for each link type of each input,
//! and an enhanced packet block for each packet, with its time in nanoseconds and its comments.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::capture::{Frame, LinkType};

/// The largest number of bytes of a file name that are written.
const MAX_NAME_LENGTH: usize = 1024;

/// The limit of libpcap for most link types (`MAXIMUM_SNAPLEN`). Readers accept longer packets than
/// this.
const SNAP_LENGTH: u32 = 262_144;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

const COMMENT: u16 = 1;
const APPLICATION: u16 = 4;
const DESCRIPTION: u16 = 3;
const TIME_RESOLUTION: u16 = 9;
const TIME_OFFSET: u16 = 14;

/// Nanoseconds, as a value of `if_tsresol`.
const NANOSECONDS: u8 = 9;

/// The time offset for packets before 1970, in seconds: a little before the earliest possible time.
const EARLY_OFFSET: i64 = -9_223_372_036;

/// An input that packets come from.
#[derive(Clone, Copy)]
pub(super) struct InputName<'a> {
    pub(super) number: u32,
    pub(super) name: &'a str,
}

/// Packets of different interfaces are of different inputs, link types or time offsets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct InterfaceKey {
    input: u32,
    link: LinkType,
    /// For packets before 1970.
    is_early: bool,
}

/// Writes a pcapng file.
pub(super) struct PcapngWriter<W> {
    out: W,
    /// The numbers of the interfaces written so far.
    interfaces: HashMap<InterfaceKey, u32>,
    /// The current block.
    block: Vec<u8>,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins the file with a section header.
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut writer = Self { out, interfaces: HashMap::new(), block: Vec::new() };
        writer.begin(SECTION_HEADER);
        writer.number(BYTE_ORDER);
        writer.block.extend([1, 0, 0, 0]);
        // The length of the section is not known.
        writer.block.extend([0xff; 8]);
        writer.option(APPLICATION, concat!("rattap ", env!("CARGO_PKG_VERSION")).as_bytes());
        writer.end_options();
        writer.end()?;
        Ok(writer)
    }

    /// Writes a packet of an input, and before that an interface if needed.
    pub(super) fn write_packet(
        &mut self,
        input: InputName<'_>,
        frame: &Frame,
        captured: &[u8],
        comments: &[String],
    ) -> io::Result<()> {
        let nanos = frame.time.nanos();
        let key = InterfaceKey { input: input.number, link: frame.link, is_early: nanos < 0 };
        let interface = match self.interfaces.get(&key) {
            Some(interface) => *interface,
            None => {
                self.write_interface(input.name, key)?;
                let interface = self.interfaces.len() as u32;
                self.interfaces.insert(key, interface);
                interface
            }
        };
        let offset = if key.is_early { EARLY_OFFSET.saturating_mul(1_000_000_000) } else { 0 };
        let units = nanos.saturating_sub(offset).max(0) as u64;
        self.begin(ENHANCED_PACKET);
        self.number(interface);
        self.number((units >> 32) as u32);
        self.number(units as u32);
        self.number(captured.len() as u32);
        // A smaller length on the wire than the captured length is wrong, and readers would
        // complain.
        self.number(frame.original.max(captured.len() as u32));
        self.block.extend(captured);
        self.pad();
        if !comments.is_empty() {
            comments.iter().for_each(|comment| self.option(COMMENT, comment.as_bytes()));
            self.end_options();
        }
        self.end()
    }

    /// Flushes, and returns the underlying writer.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn write_interface(&mut self, name: &str, InterfaceKey { link, is_early, .. }: InterfaceKey) -> io::Result<()> {
        self.begin(INTERFACE_DESCRIPTION);
        self.block.extend(link.0.to_le_bytes());
        self.block.extend([0, 0]);
        self.number(SNAP_LENGTH);
        let end = (0..=name.len().min(MAX_NAME_LENGTH)).rfind(|end| name.is_char_boundary(*end)).unwrap_or_default();
        self.option(DESCRIPTION, name.get(..end).unwrap_or_default().as_bytes());
        self.option(TIME_RESOLUTION, &[NANOSECONDS]);
        if is_early {
            self.option(TIME_OFFSET, &EARLY_OFFSET.to_le_bytes());
        }
        self.end_options();
        self.end()
    }

    /// Begins a block. [`end`](Self::end) fills in its length.
    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.number(kind);
        self.number(0);
    }

    fn number(&mut self, number: u32) {
        self.block.extend(number.to_le_bytes());
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        let length = value.len().min(usize::from(u16::MAX));
        self.block.extend(code.to_le_bytes());
        self.block.extend((length as u16).to_le_bytes());
        self.block.extend(value.get(..length).unwrap_or_default());
        self.pad();
    }

    fn end_options(&mut self) {
        self.number(0);
    }

    /// Ends and writes the block.
    fn end(&mut self) -> io::Result<()> {
        let length = self.block.len() as u32 + 4;
        self.number(length);
        if let Some(leading_length) = self.block.get_mut(4..8) {
            leading_length.copy_from_slice(&length.to_le_bytes());
        }
        self.out.write_all(&self.block)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::capture::{Block, FileSource, FillStatus, Origin, Source};
    use crate::units::Timestamp;

    fn frame(nanos: i64, link: LinkType, captured: u32, original: u32) -> Frame {
        Frame { time: Timestamp::from_nanos(nanos), offset: 0, captured, original, link }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let packets = [
            (0, frame(1_795_485_200_000_000_010, LinkType::ETHERNET, 5, 1500), &b"12345"[..]),
            (0, frame(0, LinkType::LINUX_SLL2, 4, 4), &b"1234"[..]),
            (1, frame(-86_400_000_000_001, LinkType::RAW, 1, 1), &b"1"[..]),
            (1, frame(i64::MAX, LinkType::RAW, 0, 60), &b""[..]),
        ];
        let mut writer = PcapngWriter::new(Vec::new()).unwrap();
        for (input, frame, captured) in &packets {
            let comments = ["one".to_owned(), "ünd".to_owned()];
            writer
                .write_packet(
                    InputName { number: *input, name: "a.pcap" },
                    frame,
                    captured,
                    &comments[..*input as usize * 2],
                )
                .unwrap();
        }
        let written = writer.finish().unwrap();
        let mut problems = Vec::new();
        let mut files =
            FileSource::from_stream("x", std::io::Cursor::new(written), None, &mut |error| problems.push(error));
        let mut block = Block::new(Arc::new(Origin::default()), Arc::default());
        let mut read = Vec::new();
        while files.fill(&mut block, &mut |error| problems.push(error)) == FillStatus::Filled {
            read.extend(
                block.frames.iter().map(|frame| (Frame { offset: 0, ..*frame }, block.captured(frame).to_vec())),
            );
        }
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(read, packets.map(|(_, frame, captured)| (frame, captured.to_vec())));
    }

    #[test]
    fn a_length_on_the_wire_is_never_less_than_what_was_captured() {
        let mut writer = PcapngWriter::new(Vec::new()).unwrap();
        writer
            .write_packet(InputName { number: 0, name: "a" }, &frame(1, LinkType::ETHERNET, 4, 2), b"1234", &[])
            .unwrap();
        let written = writer.finish().unwrap();
        let packet = &written[written.len() - 36..];
        assert_eq!((packet[0], packet[20], packet[24]), (6, 4, 4));
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let mut writer = PcapngWriter::new(Vec::new()).unwrap();
        let name = "€".repeat(400);
        writer
            .write_packet(InputName { number: 0, name: &name }, &frame(1, LinkType::ETHERNET, 4, 4), b"1234", &[])
            .unwrap();
        let text = String::from_utf8_lossy(&writer.finish().unwrap()).into_owned();
        assert_eq!(text.matches('€').count(), MAX_NAME_LENGTH / 3);
    }
}
