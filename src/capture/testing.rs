//! Captures as bytes, built in tests.

use crate::capture::block::Frame;
use crate::capture::format::{DamagedRecord, FrameSink, ParseBuffer, ParseProgress};
use crate::units::Timestamp;

/// A number in either byte order.
pub(super) fn number<const N: usize>(big: bool, little_endian: [u8; N]) -> [u8; N] {
    let mut bytes = little_endian;
    if big {
        bytes.reverse();
    }
    bytes
}

/// A classic pcap file.
#[derive(Debug, Clone)]
pub(super) struct Pcap {
    pub big: bool,
    pub magic: u32,
    pub version: (u16, u16),
    pub snaplen: u32,
    pub link: u32,
    /// The number of bytes between a record's lengths and its captured bytes.
    pub extra: usize,
    pub lengths_swapped: bool,
}

impl Default for Pcap {
    fn default() -> Self {
        Self {
            big: false,
            magic: 0xa1b2_c3d4,
            version: (2, 4),
            snaplen: 65_535,
            link: 1,
            extra: 0,
            lengths_swapped: false,
        }
    }
}

impl Pcap {
    pub fn header(&self) -> Vec<u8> {
        let n = |value: u32| number(self.big, value.to_le_bytes());
        let s = |value: u16| number(self.big, value.to_le_bytes());
        let mut bytes = n(self.magic).to_vec();
        bytes.extend(s(self.version.0));
        bytes.extend(s(self.version.1));
        bytes.extend([0; 8]);
        bytes.extend(n(self.snaplen));
        bytes.extend(n(self.link));
        bytes
    }

    pub fn record(&self, seconds: u32, fraction: u32, captured: &[u8], original: u32) -> Vec<u8> {
        let n = |value: u32| number(self.big, value.to_le_bytes());
        let mut bytes = n(seconds).to_vec();
        bytes.extend(n(fraction));
        let lengths = (captured.len() as u32, original);
        let (one, other) = if self.lengths_swapped { (lengths.1, lengths.0) } else { lengths };
        bytes.extend(n(one));
        bytes.extend(n(other));
        bytes.extend(vec![0xee; self.extra]);
        bytes.extend_from_slice(captured);
        bytes
    }

    /// A file with these frames, one per second from 1,700,000,000 on.
    pub fn file(&self, frames: &[&[u8]]) -> Vec<u8> {
        let mut bytes = self.header();
        for (second, frame) in frames.iter().enumerate() {
            bytes.extend(self.record(1_700_000_000 + second as u32, 5, frame, frame.len() as u32));
        }
        bytes
    }
}

/// Blocks of a pcapng file in one byte order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pcapng {
    pub big: bool,
}

impl Pcapng {
    pub fn n(self, value: u32) -> [u8; 4] {
        number(self.big, value.to_le_bytes())
    }

    pub fn s(self, value: u16) -> [u8; 2] {
        number(self.big, value.to_le_bytes())
    }

    pub fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut padded = body.to_vec();
        padded.resize(body.len().next_multiple_of(4), 0);
        let length = self.n(padded.len() as u32 + 12);
        [self.n(kind).as_slice(), &length, &padded, &length].concat()
    }

    pub fn section(self) -> Vec<u8> {
        self.section_of(1, 0)
    }

    pub fn section_of(self, major: u16, minor: u16) -> Vec<u8> {
        let body = [self.n(0x1a2b_3c4d).as_slice(), &self.s(major), &self.s(minor), &[0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    /// An interface with options as (code, value).
    pub fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [self.s(link).as_slice(), &[0; 2], &self.n(snaplen)].concat();
        for (code, value) in options {
            body.extend(self.option(*code, value));
        }
        if !options.is_empty() {
            body.extend([0; 4]);
        }
        self.block(1, &body)
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = [self.s(code).as_slice(), &self.s(value.len() as u16), value].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    pub fn packet(self, interface: u32, time: u64, captured: &[u8], original: u32) -> Vec<u8> {
        let body = [
            self.n(interface).as_slice(),
            &self.n((time >> 32) as u32),
            &self.n(time as u32),
            &self.n(captured.len() as u32),
            &self.n(original),
            captured,
        ]
        .concat();
        self.block(6, &body)
    }

    pub fn obsolete(self, interface: u16, time: u64, captured: &[u8]) -> Vec<u8> {
        let body = [
            self.s(interface).as_slice(),
            &[0x77; 2],
            &self.n((time >> 32) as u32),
            &self.n(time as u32),
            &self.n(captured.len() as u32),
            &self.n(captured.len() as u32),
            captured,
        ]
        .concat();
        self.block(2, &body)
    }

    pub fn simple(self, original: u32, captured: &[u8]) -> Vec<u8> {
        self.block(3, &[self.n(original).as_slice(), captured].concat())
    }
}

/// A frame with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParsedFrame {
    pub time: Timestamp,
    pub bytes: Vec<u8>,
    pub original: u32,
    pub link: u16,
}

impl ParsedFrame {
    pub fn of(frame: &Frame, bytes: &[u8]) -> Self {
        let start = frame.offset as usize;
        Self {
            time: frame.time,
            bytes: bytes[start..start + frame.captured as usize].to_vec(),
            original: frame.original,
            link: frame.link.0,
        }
    }
}

/// The result of parsing bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ParseOutcome {
    pub frames: Vec<ParsedFrame>,
    pub damaged: Vec<DamagedRecord>,
    pub oversized: u64,
    pub cut: u64,
}

/// Runs a parser over bytes, in a buffer of this capacity.
pub(super) fn run(
    bytes: &[u8],
    offset: u64,
    capacity: usize,
    mut parse: impl FnMut(&ParseBuffer<'_>, &mut FrameSink<'_>) -> ParseProgress,
) -> ParseOutcome {
    let mut outcome = ParseOutcome::default();
    let mut from = 0;
    loop {
        let end = bytes.len().min(from + capacity);
        let buffer = ParseBuffer {
            bytes: &bytes[from..end],
            start: offset + from as u64,
            capacity,
            is_final: end == bytes.len(),
            is_streamed: false,
        };
        let mut frames = Vec::new();
        let mut report = |record| outcome.damaged.push(record);
        let mut sink = FrameSink { frames: &mut frames, captured: 0, cut: 0, oversized: 0, report: &mut report };
        let progress = parse(&buffer, &mut sink);
        let captured = sink.captured;
        outcome.cut += sink.cut;
        outcome.oversized += sink.oversized;
        outcome.frames.extend(frames.iter().map(|frame| ParsedFrame::of(frame, buffer.bytes)));
        assert_eq!(captured, frames.iter().map(|frame| u64::from(frame.captured)).sum::<u64>());
        assert!(progress.parsed <= buffer.bytes.len());
        if buffer.is_final {
            assert_eq!((progress.parsed, progress.skip), (buffer.bytes.len(), 0), "all is done with at the end");
            return outcome;
        }
        let advance = progress.parsed + progress.skip as usize;
        assert!(advance > 0, "a full buffer always brings it on");
        from = (from + advance).min(bytes.len());
    }
}
