//! The classic pcap format: `savefile` in libpcap's manual,
//! <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/>.
//!
//! A file header of 24 bytes is followed by records. Each record has a header (seconds, fraction of
//! a second, captured length, length on the wire) and the captured bytes. Both byte orders and both
//! resolutions (micro- and nanoseconds) are parsed. So are the old variants that libpcap and
//! Wireshark read: versions before 2.3, with the two lengths swapped, and the longer record headers
//! of patched libpcaps. Some of these have a magic number of their own. The others have the usual
//! one and are recognized by their first two records.

use crate::capture::block::Frame;
use crate::capture::format::buffer::{FrameSink, ParseBuffer, ParseProgress};
use crate::capture::format::byte_order::{u16_from, u32_from};
use crate::capture::format::damage::Damage;
use crate::capture::format::resync::{PendingDamage, Plausibility, Resync, are_near};
use crate::capture::link_type::{LinkType, MAX_CAPTURED};
use crate::units::Timestamp;

/// Length of the file header.
pub(super) const FILE_HEADER_LENGTH: usize = 24;

/// Length of the usual record header. Of a longer one only these first bytes are used.
const RECORD_HEADER_LENGTH: usize = 16;

/// Record header lengths under the usual magic number: the standard one, Red Hat 6.1, Nokia.
const USUAL_LAYOUTS: [usize; 3] = [RECORD_HEADER_LENGTH, 24, 20];

/// Record header lengths under Kuznetzov's magic number: that of libpcap, SuSE 6.3, Nokia.
const MODIFIED_LAYOUTS: [usize; 3] = [24, 28, 20];

/// The largest snapshot length of a file header that may raise the limit of the link type. Writers
/// put 0, 0x7fffffff or 0xffffffff for "no limit", which says nothing about the records.
const MAX_SNAPLEN: u32 = 1 << 20;

/// The number of plausible records in a row that end a resynchronization, if their times are near
/// that of the last good record. Payload bytes easily pass as one or two records; more than three
/// need more look-ahead.
const NEAR_CHAIN: u32 = 3;

/// The same number if their times are far from that of the last good record, which may itself have
/// been damaged.
const FAR_CHAIN: u32 = 6;

/// The order of the two lengths in a record header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LengthOrder {
    /// Captured length first: since version 2.3.
    InOrder,
    /// Length on the wire first: before version 2.3, and DG/UX.
    Swapped,
    /// Version 2.3, which some programs wrote in the old order: the smaller one is the captured
    /// length.
    Smaller,
}

/// Parses the records of a pcap file.
#[derive(Debug)]
pub(in crate::capture) struct PcapParser {
    big: bool,
    /// Nanoseconds in a unit of the fraction field.
    tick: i64,
    length_order: LengthOrder,
    /// The candidates for the length of the record header. The first one is used once
    /// `is_layout_known` is set.
    layouts: [usize; 3],
    is_layout_known: bool,
    link: LinkType,
    /// The largest captured length that is accepted.
    max_captured: u32,
    /// The time of the last good record.
    last: Option<Timestamp>,
    /// The damaged record, while the parser searches for a good one.
    pending: Option<PendingDamage>,
}

/// The meaning of a magic number.
struct Magic {
    /// Big-endian.
    big: bool,
    /// Nanoseconds in a unit of the fraction field.
    tick: i64,
    /// The possible lengths of the record header.
    layouts: [usize; 3],
}

/// The fields of a record header.
struct RecordHeader {
    time: Timestamp,
    /// Nanoseconds.
    fraction: i64,
    captured: u32,
    original: u32,
}

/// The reason why the loop over the records ended.
enum LoopEnd {
    /// The next record is not complete in the buffer.
    OutOfBytes,
    /// The next record is larger than the buffer. It would end at this position.
    Oversized(usize),
    /// The next record is damaged.
    Damaged(Damage),
}

impl PcapParser {
    /// Returns true if a file with these first bytes has this format, in any version.
    pub(super) fn is_magic(magic: [u8; 4]) -> bool {
        Self::parse_magic(magic).is_some()
    }

    /// Parses a magic number. `None` if it is not one of pcap.
    fn parse_magic(magic: [u8; 4]) -> Option<Magic> {
        let parse = |number: u32, big: bool| match number {
            0xa1b2_c3d4 => Some(Magic { big, tick: 1000, layouts: USUAL_LAYOUTS }),
            0xa1b2_3c4d => Some(Magic { big, tick: 1, layouts: USUAL_LAYOUTS }),
            0xa1b2_cd34 => Some(Magic { big, tick: 1000, layouts: MODIFIED_LAYOUTS }),
            _ => None,
        };
        parse(u32::from_le_bytes(magic), false).or_else(|| parse(u32::from_be_bytes(magic), true))
    }

    /// A parser for the records after this file header, or the reason why the header is not
    /// supported.
    pub(super) fn new(header: &[u8; FILE_HEADER_LENGTH]) -> Result<Self, String> {
        let &[m0, m1, m2, m3, a0, a1, i0, i1, _, _, _, _, _, _, _, _, s0, s1, s2, s3, l0, l1, l2, l3] = header;
        let Some(Magic { big, tick, layouts }) = Self::parse_magic([m0, m1, m2, m3]) else {
            return Err("not a pcap file header".to_owned());
        };
        let number = |bytes: [u8; 4]| if big { u32_from::<true>(bytes) } else { u32_from::<false>(bytes) };
        let short = |bytes: [u8; 2]| if big { u16_from::<true>(bytes) } else { u16_from::<false>(bytes) };
        let length_order = match (short([a0, a1]), short([i0, i1])) {
            (2, 0..=2) | (543, 0) => LengthOrder::Swapped,
            (2, 3) => LengthOrder::Smaller,
            (2, 4) => LengthOrder::InOrder,
            (major, minor) => return Err(format!("pcap version {major}.{minor} is not supported (2.0 to 2.4 are)")),
        };
        let field = number([l0, l1, l2, l3]);
        // The upper six bits give the length of the frame check sequence; the ten bits below are
        // reserved.
        let reserved = field & 0x03ff_0000;
        if reserved != 0 {
            return Err(format!("reserved bits are set in the link type field of the file header ({field:#010x})"));
        }
        let link = LinkType::from_file(field as u16);
        let snaplen = number([s0, s1, s2, s3]);
        let by_link = link.max_captured();
        let max_captured = if snaplen <= MAX_SNAPLEN { by_link.max(snaplen) } else { by_link };
        Ok(Self {
            big,
            tick,
            length_order,
            layouts,
            is_layout_known: false,
            link,
            max_captured,
            last: None,
            pending: None,
        })
    }

    /// Parses the records from a position in the buffer on and returns how far it came.
    pub(super) fn parse(&mut self, buffer: &ParseBuffer<'_>, from: usize, sink: &mut FrameSink<'_>) -> ParseProgress {
        let mut position = from;
        if !self.is_layout_known && (position >= buffer.bytes.len() || !self.detect_layout(buffer, position)) {
            return ParseProgress::to(position);
        }
        loop {
            if let Some(pending) = self.pending.take() {
                match self.resync(buffer, position) {
                    Resync::Found(at) => {
                        (sink.report)(pending.resumed(Some(buffer.offset(at))));
                        position = at;
                    }
                    Resync::Pending(_) if buffer.is_final => {
                        (sink.report)(pending.resumed(None));
                        return ParseProgress::to(buffer.bytes.len());
                    }
                    Resync::Pending(at) => {
                        self.pending = Some(pending);
                        return ParseProgress::to(at);
                    }
                }
            }
            let (at, end) = match (
                self.big,
                self.header_length() == RECORD_HEADER_LENGTH && self.length_order == LengthOrder::InOrder,
            ) {
                (false, true) => self.records::<false, true>(buffer, position, sink),
                (true, true) => self.records::<true, true>(buffer, position, sink),
                (false, false) => self.records::<false, false>(buffer, position, sink),
                (true, false) => self.records::<true, false>(buffer, position, sink),
            };
            let damage = match end {
                LoopEnd::Oversized(record_end) => {
                    sink.oversized += 1;
                    return ParseProgress { parsed: at, skip: (record_end - at) as u64 };
                }
                LoopEnd::OutOfBytes if !buffer.is_final || at >= buffer.bytes.len() => return ParseProgress::to(at),
                LoopEnd::OutOfBytes => Damage::Cut,
                LoopEnd::Damaged(damage) => damage,
            };
            self.pending = Some(PendingDamage { offset: buffer.offset(at), damage });
            position = at + 1;
        }
    }

    /// Returns true while the parser searches for a good record after damage.
    pub(super) fn is_resyncing(&self) -> bool {
        self.pending.is_some()
    }

    /// The length of the record header.
    fn header_length(&self) -> usize {
        let [header, ..] = self.layouts;
        header
    }

    /// Parses records in a loop. This is the hot path of every replay. `PLAIN` stands for the usual
    /// record header with its lengths in order.
    fn records<const BIG: bool, const PLAIN: bool>(
        &mut self,
        buffer: &ParseBuffer<'_>,
        from: usize,
        sink: &mut FrameSink<'_>,
    ) -> (usize, LoopEnd) {
        let bytes = buffer.bytes;
        let (tick, bound, link) = (self.tick, self.max_captured, self.link);
        let header = if PLAIN { RECORD_HEADER_LENGTH } else { self.header_length() };
        let length_order = if PLAIN { LengthOrder::InOrder } else { self.length_order };
        let (mut position, mut captured, mut cut) = (from, 0_u64, 0_u64);
        let mut last = self.last;
        let loop_end = loop {
            let Some(record) = read_header::<BIG>(bytes, position, tick, length_order) else {
                break LoopEnd::OutOfBytes;
            };
            if record.captured > bound {
                break LoopEnd::Damaged(Damage::CapturedLength { captured: record.captured, bound });
            }
            let start = position + header;
            let end = start + record.captured as usize;
            if end > bytes.len() {
                break if end - position > buffer.capacity && !buffer.is_final {
                    LoopEnd::Oversized(end)
                } else {
                    LoopEnd::OutOfBytes
                };
            }
            captured += u64::from(record.captured);
            cut += u64::from(record.captured < record.original);
            last = Some(record.time);
            sink.frames.push(Frame {
                time: record.time,
                offset: start as u32,
                captured: record.captured,
                original: record.original,
                link,
            });
            position = end;
        };
        self.last = last;
        sink.captured += captured;
        sink.cut += cut;
        (position, loop_end)
    }

    /// Determines the length of the record header by the first two records. Returns false if it
    /// needs more bytes.
    fn detect_layout(&mut self, buffer: &ParseBuffer<'_>, from: usize) -> bool {
        let [usual, ..] = self.layouts;
        for header in self.layouts {
            match self.check_chain(buffer, from, header, |records| records >= 2) {
                Plausibility::Implausible => {}
                Plausibility::Unknown if !buffer.is_streamed && !buffer.is_exhausted(from) => return false,
                // Two plausible records prove a layout. If only one is there, the usual layout is
                // assumed.
                Plausibility::Unknown if header != usual => {}
                Plausibility::Unknown | Plausibility::Plausible => {
                    self.layouts = [header; 3];
                    self.is_layout_known = true;
                    return true;
                }
            }
        }
        self.layouts = [usual; 3];
        self.is_layout_known = true;
        true
    }

    /// Searches for plausible records from a position on. Each byte is examined a bounded number of
    /// times.
    fn resync(&self, buffer: &ParseBuffer<'_>, from: usize) -> Resync {
        let header = self.header_length();
        for position in from..buffer.bytes.len() {
            let mut near = true;
            let plausibility = self.check_chain(buffer, position, header, |records| {
                if records == 1 {
                    near = self
                        .last
                        .is_none_or(|last| self.time_at(buffer.bytes, position).is_some_and(|t| are_near(t, last)));
                }
                records >= if near { NEAR_CHAIN } else { FAR_CHAIN }
            });
            match plausibility {
                Plausibility::Plausible => return Resync::Found(position),
                Plausibility::Implausible => {}
                Plausibility::Unknown if buffer.is_exhausted(position) => {}
                Plausibility::Unknown => return Resync::Pending(position),
            }
        }
        Resync::Pending(buffer.bytes.len())
    }

    /// Checks for a chain of plausible records from a position on: until `enough` returns true for
    /// their number, or up to the end of the file.
    fn check_chain(
        &self,
        buffer: &ParseBuffer<'_>,
        from: usize,
        header: usize,
        mut enough: impl FnMut(u32) -> bool,
    ) -> Plausibility {
        let (mut position, mut records, mut last) = (from, 0, None);
        loop {
            if buffer.is_final && records > 0 && position == buffer.bytes.len() {
                return Plausibility::Plausible;
            }
            let Some(record) = self.header_at(buffer.bytes, position) else {
                // The file is cut short: of its last record only the header can be checked.
                return if buffer.is_final && records >= 2 { Plausibility::Plausible } else { Plausibility::Unknown };
            };
            let plausible = record.captured > 0
                && record.captured <= record.original
                && record.original <= self.max_captured.max(MAX_CAPTURED)
                && record.captured <= self.max_captured
                && record.fraction < 1_000_000_000
                && last.is_none_or(|last| are_near(record.time, last));
            if !plausible {
                return Plausibility::Implausible;
            }
            records += 1;
            if enough(records) {
                return Plausibility::Plausible;
            }
            last = Some(record.time);
            position = position.saturating_add(header).saturating_add(record.captured as usize);
        }
    }

    fn time_at(&self, bytes: &[u8], position: usize) -> Option<Timestamp> {
        self.header_at(bytes, position).map(|record| record.time)
    }

    fn header_at(&self, bytes: &[u8], position: usize) -> Option<RecordHeader> {
        if self.big {
            read_header::<true>(bytes, position, self.tick, self.length_order)
        } else {
            read_header::<false>(bytes, position, self.tick, self.length_order)
        }
    }
}

/// Reads the record header at a position. `None` if the bytes end before it does.
#[inline(always)]
fn read_header<const BIG: bool>(
    bytes: &[u8],
    position: usize,
    tick: i64,
    length_order: LengthOrder,
) -> Option<RecordHeader> {
    let header: &[u8; RECORD_HEADER_LENGTH] = bytes.get(position..)?.first_chunk()?;
    let &[s0, s1, s2, s3, f0, f1, f2, f3, a0, a1, a2, a3, b0, b1, b2, b3] = header;
    let seconds = i64::from(u32_from::<BIG>([s0, s1, s2, s3]));
    // A fraction of more than a second is carried into the seconds. Products and sums of 32-bit
    // numbers do not overflow here.
    let fraction = i64::from(u32_from::<BIG>([f0, f1, f2, f3])) * tick;
    let one = u32_from::<BIG>([a0, a1, a2, a3]);
    let other = u32_from::<BIG>([b0, b1, b2, b3]);
    let (captured, original) = match length_order {
        LengthOrder::InOrder => (one, other),
        LengthOrder::Swapped => (other, one),
        LengthOrder::Smaller => (one.min(other), one.max(other)),
    };
    Some(RecordHeader { time: Timestamp::from_nanos(seconds * 1_000_000_000 + fraction), fraction, captured, original })
}

#[cfg(test)]
mod tests;
