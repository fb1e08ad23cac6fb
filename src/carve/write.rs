//! Writes pcapng: <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/>.
//!
//! One section in little-endian order, an interface for each link type of each file that packets come from, and an enhanced packet
//! block for each packet, with the time in nanoseconds and comments.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::capture::{Frame, LinkType};

/// How many bytes of a file's name are told.
const LONGEST_NAME: usize = 1024;

/// What libpcap allows of all link types but a few (`MAXIMUM_SNAPLEN`); readers take more than what is told, too.
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

/// Nanoseconds, as `if_tsresol` has it.
const NANOSECONDS: u8 = 9;

/// What is added to times before 1970, in seconds: a little less than the earliest time there is.
const OFFSET: i64 = -9_223_372_036;

/// A file in the making.
pub(super) struct Writer<W> {
    out: W,
    /// By input, link type and whether times lie before 1970.
    interfaces: HashMap<(u32, LinkType, bool), u32>,
    block: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins the file.
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut writer = Self { out, interfaces: HashMap::new(), block: Vec::new() };
        writer.begin(SECTION_HEADER);
        writer.number(BYTE_ORDER);
        writer.block.extend([1, 0, 0, 0]);
        // The section's length is not known yet.
        writer.block.extend([0xff; 8]);
        writer.option(APPLICATION, concat!("rattap ", env!("CARGO_PKG_VERSION")).as_bytes());
        writer.end_options();
        writer.end()?;
        Ok(writer)
    }

    /// Writes a packet of the input of this number and name.
    pub(super) fn packet(
        &mut self,
        (input, name): (u32, &str),
        frame: &Frame,
        captured: &[u8],
        comments: &[String],
    ) -> io::Result<()> {
        let nanos = frame.time.nanos();
        let key = (input, frame.link, nanos < 0);
        let interface = match self.interfaces.get(&key) {
            Some(interface) => *interface,
            None => {
                self.interface(name, frame.link, nanos < 0)?;
                let interface = self.interfaces.len() as u32;
                self.interfaces.insert(key, interface);
                interface
            }
        };
        let offset = if nanos < 0 { OFFSET.saturating_mul(1_000_000_000) } else { 0 };
        let units = nanos.saturating_sub(offset).max(0) as u64;
        self.begin(ENHANCED_PACKET);
        self.number(interface);
        self.number((units >> 32) as u32);
        self.number(units as u32);
        self.number(captured.len() as u32);
        // A writer that says fewer bytes than it captured is wrong about the wire, and readers would complain.
        self.number(frame.original.max(captured.len() as u32));
        self.block.extend(captured);
        self.pad();
        if !comments.is_empty() {
            comments.iter().for_each(|comment| self.option(COMMENT, comment.as_bytes()));
            self.end_options();
        }
        self.end()
    }

    /// Makes sure that all is with the system, and gives what was written to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn interface(&mut self, name: &str, link: LinkType, is_early: bool) -> io::Result<()> {
        self.begin(INTERFACE_DESCRIPTION);
        self.block.extend(link.0.to_le_bytes());
        self.block.extend([0, 0]);
        self.number(SNAP_LENGTH);
        let end = (0..=name.len().min(LONGEST_NAME)).rfind(|end| name.is_char_boundary(*end)).unwrap_or_default();
        self.option(DESCRIPTION, name.get(..end).unwrap_or_default().as_bytes());
        self.option(TIME_RESOLUTION, &[NANOSECONDS]);
        if is_early {
            self.option(TIME_OFFSET, &OFFSET.to_le_bytes());
        }
        self.end_options();
        self.end()
    }

    /// Begins a block; its length is put in where it ends.
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

    fn end(&mut self) -> io::Result<()> {
        let length = self.block.len() as u32 + 4;
        self.number(length);
        if let Some(place) = self.block.get_mut(4..8) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        self.out.write_all(&self.block)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::capture::{Block, Files, Fill, Origin, Source};
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
        let mut writer = Writer::new(Vec::new()).unwrap();
        for (input, frame, captured) in &packets {
            let comments = ["one".to_owned(), "ünd".to_owned()];
            writer.packet((*input, "a.pcap"), frame, captured, &comments[..*input as usize * 2]).unwrap();
        }
        let written = writer.finish().unwrap();
        let mut problems = Vec::new();
        let mut files = Files::from_stream("x", std::io::Cursor::new(written), None, &mut |error| problems.push(error));
        let mut block = Block::new(Arc::new(Origin::default()), Arc::default());
        let mut read = Vec::new();
        while files.fill(&mut block, &mut |error| problems.push(error)) == Fill::Filled {
            read.extend(
                block.frames.iter().map(|frame| (Frame { offset: 0, ..*frame }, block.captured(frame).to_vec())),
            );
        }
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(read, packets.map(|(_, frame, captured)| (frame, captured.to_vec())));
    }

    #[test]
    fn a_length_on_the_wire_is_never_less_than_what_was_captured() {
        let mut writer = Writer::new(Vec::new()).unwrap();
        writer.packet((0, "a"), &frame(1, LinkType::ETHERNET, 4, 2), b"1234", &[]).unwrap();
        let written = writer.finish().unwrap();
        let packet = &written[written.len() - 36..];
        assert_eq!((packet[0], packet[20], packet[24]), (6, 4, 4));
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let mut writer = Writer::new(Vec::new()).unwrap();
        let name = "€".repeat(400);
        writer.packet((0, &name), &frame(1, LinkType::ETHERNET, 4, 4), b"1234", &[]).unwrap();
        let text = String::from_utf8_lossy(&writer.finish().unwrap()).into_owned();
        assert_eq!(text.matches('€').count(), LONGEST_NAME / 3);
    }
}
