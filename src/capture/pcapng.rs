//! pcapng: <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/>.
//!
//! A file is a row of blocks: type, length, body, length again. A section header block begins a section, which has its own
//! byte order and interfaces; an interface has its own link type, resolution and offset of time. Packets come in enhanced,
//! simple and obsolete packet blocks; all other blocks are skipped by their length.

use super::block::{Frame, LinkType};
use super::walk::{
    Damage, Fault, Lost, Progress, Search, Sink, Verdict, Window, link_type, u16_from, u32_at, u32_from,
};
use crate::units::Timestamp;

/// The type of a section header block: the same in both byte orders, and the first bytes of every file.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;

const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const NAME_RESOLUTION: u32 = 4;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;
const CUSTOM: u32 = 0x0bad;
const CUSTOM_NOT_COPIED: u32 = 0x4000_0bad;

/// `if_tsresol`, an interface's option.
const TIME_RESOLUTION: u16 = 9;
/// `if_tsoffset`, an interface's option.
const TIME_OFFSET: u16 = 14;

/// Type and length before a block's body, and the length after it.
const BLOCK_OVERHEAD: usize = 12;

/// The largest block that is believed and skipped; secrets and custom blocks of some 100 MB are seen, while a damaged length
/// is mostly larger, and following it would lose what lies between.
const MAX_BLOCK: u32 = 256 << 20;

/// How many interfaces of a section are kept: as many as an obsolete packet block's 16 bits can name. They take 2 MiB.
const MAX_INTERFACES: usize = 1 << 16;

/// Walks over the blocks of a pcapng file.
#[derive(Debug)]
pub(super) struct PcapngWalker {
    /// Byte order of the section.
    big: bool,
    section: Section,
    interfaces: Vec<Interface>,
    /// The time of the last packet that had one.
    last: Timestamp,
    /// What was wrong, while a good block is searched for.
    lost: Option<Lost>,
    /// The block that was skipped beyond the buffer, while its trailing length is still to come.
    skipped: Option<Skipped>,
    /// Section headers and interfaces so far.
    described: u64,
    /// Packets came that have no time of their own.
    had_simple: bool,
}

/// What the current section is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    /// None has begun: only a section header makes sense.
    None,
    /// Its packets are read.
    Known,
    /// Its version is not known: its blocks are skipped.
    Unknown,
}

#[derive(Debug)]
struct Skipped {
    offset: u64,
    length: u32,
}

/// What a section says of an interface.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link: LinkType,
    /// The most bytes captured of a packet; 0 for no limit.
    snaplen: u32,
    scale: Scale,
    /// What is added to each time, in nanoseconds.
    offset: i64,
}

/// How an interface's time unit turns into nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// Nanoseconds in a unit.
    Times(i64),
    /// Units in a nanosecond.
    Over(i64),
    /// The unit is a second halved so many times.
    Halved(u8),
}

/// Why a run over the blocks ended.
enum Stop {
    /// The bytes ended.
    Bytes,
    /// A section header, which may turn the byte order.
    Section,
    /// A block that is larger than the buffer, but no packet.
    Beyond(u32),
    /// A block that cannot be true.
    Damage(Damage),
}

impl PcapngWalker {
    /// A walker for a file from its first byte on.
    pub(super) fn new() -> Self {
        Self {
            big: false,
            section: Section::None,
            interfaces: Vec::new(),
            last: Timestamp::from_nanos(0),
            lost: None,
            skipped: None,
            described: 0,
            had_simple: false,
        }
    }

    /// Whether a good block is searched for after damage, or the end of one that was passed over; or packets take the time of the one
    /// before them.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some() || self.skipped.is_some() || self.had_simple
    }

    /// How many section headers and interfaces were read: what the blocks after them cannot be read without.
    pub(super) fn described(&self) -> u64 {
        self.described
    }

    /// Goes over the blocks from a position of the window on and says how far it came.
    pub(super) fn walk(&mut self, window: &Window<'_>, from: usize, sink: &mut Sink<'_>) -> Progress {
        let mut position = from;
        loop {
            if let Some(lost) = self.lost.take() {
                match self.search(window, position) {
                    Search::Found(at) => {
                        (sink.report)(lost.resumed(Some(window.offset(at))));
                        position = at;
                    }
                    Search::Wait(_) if window.complete => {
                        (sink.report)(lost.resumed(None));
                        return Progress::to(window.bytes.len());
                    }
                    Search::Wait(at) => {
                        self.lost = Some(lost);
                        return Progress::to(at);
                    }
                }
            }
            if let Some(skipped) = self.skipped.take() {
                match self.number_at(window.bytes, position) {
                    Some(trailing) if trailing == skipped.length => position += 4,
                    Some(trailing) => {
                        let damage = Damage::LengthsDiffer { leading: skipped.length, trailing };
                        self.lost = Some(Lost { offset: skipped.offset, damage });
                        continue;
                    }
                    None if window.complete => {
                        (sink.report)(Fault { offset: skipped.offset, damage: Damage::Cut, resumed: None });
                        return Progress::to(window.bytes.len());
                    }
                    None => {
                        self.skipped = Some(skipped);
                        return Progress::to(position);
                    }
                }
            }
            let (at, stop) = if self.big {
                self.blocks::<true>(window, position, sink)
            } else {
                self.blocks::<false>(window, position, sink)
            };
            let stop = match stop {
                Stop::Section => match self.section_header(window, at, sink) {
                    Ok(end) => {
                        position = end;
                        continue;
                    }
                    Err(stop) => stop,
                },
                stop => stop,
            };
            let damage = match stop {
                Stop::Beyond(length) => {
                    self.skipped = Some(Skipped { offset: window.offset(at), length });
                    return Progress { done: at, skip: u64::from(length) - 4 };
                }
                Stop::Damage(damage) => damage,
                _ if !window.complete || at >= window.bytes.len() => return Progress::to(at),
                _ => Damage::Cut,
            };
            self.lost = Some(Lost { offset: window.offset(at), damage });
            position = at + 1;
        }
    }

    /// THE HOT PATH: every block but the section headers comes by here.
    fn blocks<const BIG: bool>(&mut self, window: &Window<'_>, from: usize, sink: &mut Sink<'_>) -> (usize, Stop) {
        let bytes = window.bytes;
        let mut position = from;
        let stop = loop {
            let rest = bytes.get(position..).unwrap_or_default();
            let Some(&[k0, k1, k2, k3, l0, l1, l2, l3]) = rest.first_chunk() else { break Stop::Bytes };
            let kind = u32_from::<BIG>([k0, k1, k2, k3]);
            if kind == SECTION_HEADER {
                break Stop::Section;
            }
            let length = u32_from::<BIG>([l0, l1, l2, l3]);
            let block = match check::<BIG>(window, position, kind, length) {
                Ok(block) => block,
                Err(stop) => break stop,
            };
            let end = position + length as usize;
            if self.section == Section::Known {
                let resumed = window.offset(end);
                let outcome = match kind {
                    ENHANCED_PACKET => self.enhanced::<BIG>(block, position, sink),
                    INTERFACE_DESCRIPTION => self.interface::<BIG>(block),
                    SIMPLE_PACKET => self.simple::<BIG>(block, position, sink),
                    PACKET => self.obsolete::<BIG>(block, position, sink),
                    _ => Ok(()),
                };
                if let Err(damage) = outcome {
                    (sink.report)(Fault { offset: window.offset(position), damage, resumed: Some(resumed) });
                }
            }
            position = end;
        };
        (position, stop)
    }

    /// Begins the section whose header block lies at a position; gives the position after the block.
    fn section_header(&mut self, window: &Window<'_>, position: usize, sink: &mut Sink<'_>) -> Result<usize, Stop> {
        self.described += 1;
        let rest = window.bytes.get(position..).unwrap_or_default();
        let Some(magic) = rest.get(8..).and_then(|rest| rest.first_chunk()) else { return Err(Stop::Bytes) };
        let big = byte_order(*magic).ok_or(Stop::Damage(Damage::ByteOrder))?;
        let length = if big { u32_at::<true>(rest, 4) } else { u32_at::<false>(rest, 4) }.unwrap_or_default();
        let block = if big {
            check::<true>(window, position, SECTION_HEADER, length)?
        } else {
            check::<false>(window, position, SECTION_HEADER, length)?
        };
        let &[.., a0, a1, i0, i1] = block.first_chunk::<16>().ok_or(Stop::Damage(Damage::BlockLength { length }))?;
        let (major, minor) = if big {
            (u16_from::<true>([a0, a1]), u16_from::<true>([i0, i1]))
        } else {
            (u16_from::<false>([a0, a1]), u16_from::<false>([i0, i1]))
        };
        self.big = big;
        self.interfaces.clear();
        // Some writers put 1.2; libpcap and Wireshark read it as 1.0.
        self.section = if matches!((major, minor), (1, 0 | 2)) { Section::Known } else { Section::Unknown };
        if self.section == Section::Unknown {
            let damage = Damage::SectionVersion { major, minor };
            (sink.report)(Fault { offset: window.offset(position), damage, resumed: None });
        }
        Ok(position + length as usize)
    }

    fn interface<const BIG: bool>(&mut self, block: &[u8]) -> Result<(), Damage> {
        self.described += 1;
        let &[.., t0, t1, _, _, s0, s1, s2, s3] = head::<16>(block, 20)?;
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Damage::TooManyInterfaces);
        }
        let mut interface = Interface {
            link: link_type(u16_from::<BIG>([t0, t1])),
            snaplen: u32_from::<BIG>([s0, s1, s2, s3]),
            scale: Scale::Times(1000),
            offset: 0,
        };
        let mut options = block.get(16..block.len() - 4).unwrap_or_default();
        // Options end at their end mark (0), or where the block ends.
        while let Some((&[c0, c1, l0, l1], rest)) = options.split_first_chunk() {
            let (code, length) = (u16_from::<BIG>([c0, c1]), usize::from(u16_from::<BIG>([l0, l1])));
            let Some(value) = rest.get(..length).filter(|_| code != 0) else { break };
            match (code, value) {
                (TIME_RESOLUTION, &[resolution]) => interface.scale = Scale::of(resolution),
                (TIME_OFFSET, &[b0, b1, b2, b3, b4, b5, b6, b7]) => {
                    let value = [b0, b1, b2, b3, b4, b5, b6, b7];
                    let seconds = if BIG { i64::from_be_bytes(value) } else { i64::from_le_bytes(value) };
                    interface.offset = seconds.saturating_mul(1_000_000_000);
                }
                _ => {}
            }
            options = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        self.interfaces.push(interface);
        Ok(())
    }

    #[inline]
    fn enhanced<const BIG: bool>(&mut self, block: &[u8], position: usize, sink: &mut Sink<'_>) -> Result<(), Damage> {
        let head: &[u8; 28] = head(block, 32)?;
        let &[_, _, _, _, _, _, _, _, i0, i1, i2, i3, ..] = head;
        self.packet::<BIG>(u32_from::<BIG>([i0, i1, i2, i3]), head, block.len(), position, sink)
    }

    fn obsolete<const BIG: bool>(&mut self, block: &[u8], position: usize, sink: &mut Sink<'_>) -> Result<(), Damage> {
        let head: &[u8; 28] = head(block, 32)?;
        // Here the interface has 16 bits; the other 16 count drops.
        let &[_, _, _, _, _, _, _, _, i0, i1, ..] = head;
        self.packet::<BIG>(u32::from(u16_from::<BIG>([i0, i1])), head, block.len(), position, sink)
    }

    /// A packet whose block gives interface, time, and both lengths.
    #[inline]
    fn packet<const BIG: bool>(
        &mut self,
        number: u32,
        head: &[u8; 28],
        length: usize,
        position: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(), Damage> {
        let &[.., h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, o0, o1, o2, o3] = head;
        let interface = self.interfaces.get(number as usize).ok_or(Damage::UnknownInterface { number })?;
        let captured = u32_from::<BIG>([c0, c1, c2, c3]);
        let original = u32_from::<BIG>([o0, o1, o2, o3]);
        let room = (length - 32) as u32;
        if captured > room {
            return Err(Damage::PacketLength { captured, room });
        }
        let high = u64::from(u32_from::<BIG>([h0, h1, h2, h3]));
        let low = u64::from(u32_from::<BIG>([l0, l1, l2, l3]));
        self.last = interface.time(high << 32 | low);
        sink.captured += u64::from(captured);
        sink.cut += u64::from(captured < original);
        sink.frames.push(Frame {
            time: self.last,
            offset: (position + 28) as u32,
            captured,
            original,
            link: interface.link,
        });
        Ok(())
    }

    /// A packet of the section's first interface, without a time of its own: it gets that of the packet before it.
    fn simple<const BIG: bool>(&mut self, block: &[u8], position: usize, sink: &mut Sink<'_>) -> Result<(), Damage> {
        let &[.., o0, o1, o2, o3] = head::<12>(block, 16)?;
        let interface = self.interfaces.first().ok_or(Damage::UnknownInterface { number: 0 })?;
        let original = u32_from::<BIG>([o0, o1, o2, o3]);
        let room = (block.len() - 16) as u32;
        self.had_simple = true;
        let snaplen = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
        let captured = original.min(snaplen).min(room);
        sink.captured += u64::from(captured);
        sink.cut += u64::from(captured < original);
        sink.frames.push(Frame {
            time: self.last,
            offset: (position + 12) as u32,
            captured,
            original,
            link: interface.link,
        });
        Ok(())
    }

    /// Searches for a block that makes sense, from a position on. Each byte is looked at a bounded number of times.
    ///
    /// Blocks begin at multiples of four, but bytes lost or added on the way to here may have moved them: so every
    /// position counts.
    fn search(&self, window: &Window<'_>, from: usize) -> Search {
        for position in from..window.bytes.len() {
            match self.judge(window, position) {
                Verdict::Good => return Search::Found(position),
                Verdict::Bad => {}
                Verdict::Unknown if window.is_all_from(position) => {}
                Verdict::Unknown => return Search::Wait(position),
            }
        }
        Search::Wait(window.bytes.len())
    }

    /// Whether a block of a known type, with the same length at both ends, begins at a position.
    fn judge(&self, window: &Window<'_>, position: usize) -> Verdict {
        let rest = window.bytes.get(position..).unwrap_or_default();
        let Some(&[k0, k1, k2, k3, l0, l1, l2, l3]) = rest.first_chunk() else { return Verdict::Unknown };
        let mut big = self.big;
        let kind = u32_from::<false>([k0, k1, k2, k3]);
        if kind == SECTION_HEADER {
            let Some(magic) = rest.get(8..).and_then(|rest| rest.first_chunk()) else { return Verdict::Unknown };
            let Some(order) = byte_order(*magic) else { return Verdict::Bad };
            big = order;
        } else if self.section == Section::None {
            return Verdict::Bad;
        }
        let (kind, length) = if big {
            (u32_from::<true>([k0, k1, k2, k3]), u32_from::<true>([l0, l1, l2, l3]))
        } else {
            (kind, u32_from::<false>([l0, l1, l2, l3]))
        };
        let least = match kind {
            SECTION_HEADER => 28,
            INTERFACE_DESCRIPTION => 20,
            SIMPLE_PACKET => 16,
            PACKET | ENHANCED_PACKET => 32,
            INTERFACE_STATISTICS => 24,
            NAME_RESOLUTION | DECRYPTION_SECRETS | CUSTOM | CUSTOM_NOT_COPIED => 16,
            _ => return Verdict::Bad,
        };
        if length < least || length as usize > window.capacity {
            return Verdict::Bad;
        }
        let checked = if big {
            check::<true>(window, position, kind, length)
        } else {
            check::<false>(window, position, kind, length)
        };
        match checked {
            Ok(_) => Verdict::Good,
            Err(Stop::Bytes) => Verdict::Unknown,
            Err(_) => Verdict::Bad,
        }
    }

    fn number_at(&self, bytes: &[u8], position: usize) -> Option<u32> {
        if self.big { u32_at::<true>(bytes, position) } else { u32_at::<false>(bytes, position) }
    }
}

/// The whole block at a position, where its two lengths agree.
#[inline]
fn check<'a, const BIG: bool>(window: &Window<'a>, position: usize, kind: u32, length: u32) -> Result<&'a [u8], Stop> {
    if (length as usize) < BLOCK_OVERHEAD || !length.is_multiple_of(4) {
        return Err(Stop::Damage(Damage::BlockLength { length }));
    }
    let Some(block) = window.bytes.get(position..position.saturating_add(length as usize)) else {
        if length as usize <= window.capacity {
            return Err(Stop::Bytes);
        }
        // A packet so large is no IP packet, and a damaged length more likely than a true one.
        let packet = matches!(kind, PACKET | SIMPLE_PACKET | ENHANCED_PACKET | SECTION_HEADER | INTERFACE_DESCRIPTION);
        return Err(match length {
            _ if packet => Stop::Damage(Damage::BlockLength { length }),
            MAX_BLOCK.. => Stop::Damage(Damage::BlockLength { length }),
            _ if window.complete => Stop::Bytes,
            _ => Stop::Beyond(length),
        });
    };
    let trailing = block.last_chunk().map(|chunk| u32_from::<BIG>(*chunk)).unwrap_or_default();
    if trailing == length { Ok(block) } else { Err(Stop::Damage(Damage::LengthsDiffer { leading: length, trailing })) }
}

/// The first bytes of a block that must have at least so many in all.
#[inline]
fn head<const N: usize>(block: &[u8], least: usize) -> Result<&[u8; N], Damage> {
    block
        .first_chunk()
        .filter(|_| block.len() >= least)
        .ok_or(Damage::BlockLength { length: u32::try_from(block.len()).unwrap_or(u32::MAX) })
}

/// Whether the byte-order magic of a section header says big-endian; nothing where it is no such magic.
fn byte_order(magic: [u8; 4]) -> Option<bool> {
    match u32::from_le_bytes(magic) {
        0x1a2b_3c4d => Some(false),
        0x4d3c_2b1a => Some(true),
        _ => None,
    }
}

impl Interface {
    /// The time that a packet block's 64 bits mean.
    ///
    /// The specification has them unsigned, but no clock comes so far, while some tools write times before 1970; and a time
    /// at the end of all time would close every window of those that follow packet time.
    #[inline]
    fn time(&self, units: u64) -> Timestamp {
        let units = units as i64;
        let nanos = match self.scale {
            Scale::Times(factor) => units.saturating_mul(factor),
            Scale::Over(divisor) => units / divisor,
            // The product has at most 94 bits.
            Scale::Halved(times) => {
                let nanos = (i128::from(units) * 1_000_000_000) >> times;
                i64::try_from(nanos).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
            }
        };
        Timestamp::from_nanos(nanos.saturating_add(self.offset))
    }
}

impl Scale {
    /// What an `if_tsresol` byte says: a negative power of two where its highest bit is set, else of ten.
    fn of(resolution: u8) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        match (resolution & 0x80 != 0, exponent) {
            (true, _) => Self::Halved(resolution & 0x7f),
            (false, 0..=9) => Self::Times(10_i64.pow(9 - exponent)),
            // Beyond 10^-27 s no 64-bit count makes a nanosecond.
            (false, _) => Self::Over(10_i64.saturating_pow(exponent - 9)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{Outcome, Pcapng, Seen, run};
    use super::*;

    const CAPACITY: usize = 2 << 20;

    const LITTLE: Pcapng = Pcapng { big: false };
    const BIG: Pcapng = Pcapng { big: true };

    fn read_in(bytes: &[u8], capacity: usize) -> Outcome {
        let mut walker = PcapngWalker::new();
        run(bytes, 0, capacity, |window, sink| walker.walk(window, 0, sink))
    }

    fn read(blocks: &[Vec<u8>]) -> Outcome {
        read_in(&blocks.concat(), CAPACITY)
    }

    fn times(outcome: &Outcome) -> Vec<i64> {
        outcome.frames.iter().map(|frame| frame.time.nanos()).collect()
    }

    #[test]
    fn every_kind_of_packet_block_is_read_in_both_byte_orders() {
        for ng in [LITTLE, BIG] {
            let outcome = read(&[
                ng.section(),
                ng.interface(1, 6, &[]),
                ng.interface(113, 0, &[]),
                ng.packet(1, 5_000_000_000_007, b"enhanced", 80),
                ng.obsolete(0, 6, b"obsolete!"),
                // No more of it than the interface's snapshot length is there; the rest is padding.
                ng.simple(11, b"simple"),
                ng.simple(3, b"abc"),
            ]);
            let seen = |micros: i64, bytes: &[u8], original, link| Seen {
                time: Timestamp::from_nanos(micros * 1000),
                bytes: bytes.to_vec(),
                original,
                link,
            };
            assert_eq!(
                outcome.frames,
                [
                    seen(5_000_000_000_007, b"enhanced", 80, 113),
                    seen(6, b"obsolete!", 9, 1),
                    seen(6, b"simple", 11, 1),
                    seen(6, b"abc", 3, 1),
                ]
            );
            assert_eq!((outcome.faults, outcome.cut), (vec![], 2));
        }
    }

    #[test]
    fn each_section_has_its_own_byte_order_and_interfaces() {
        let outcome = read(&[
            LITTLE.section(),
            LITTLE.interface(1, 0, &[]),
            LITTLE.interface(101, 0, &[]),
            LITTLE.packet(1, 1, b"one", 3),
            BIG.section_of(1, 2),
            BIG.interface(276, 0, &[]),
            BIG.packet(0, 2, b"two", 3),
            BIG.packet(1, 3, b"nowhere", 7),
            LITTLE.section(),
            LITTLE.packet(0, 4, b"nowhere", 7),
        ]);
        let links: Vec<u16> = outcome.frames.iter().map(|frame| frame.link).collect();
        assert_eq!(links, [101, 276]);
        let unknown: Vec<&Damage> = outcome.faults.iter().map(|fault| &fault.damage).collect();
        assert_eq!(unknown, [&Damage::UnknownInterface { number: 1 }, &Damage::UnknownInterface { number: 0 }]);
    }

    #[test]
    fn time_has_the_resolution_and_offset_of_its_interface() {
        let options = |ng: Pcapng, resolution: u8, offset: i64| {
            let offset = super::super::testing::number(ng.big, offset.to_le_bytes());
            ng.interface(1, 0, &[(2, b"eth0"), (9, &[resolution]), (14, &offset)])
        };
        for ng in [LITTLE, BIG] {
            let time = |resolution, offset, units| {
                times(&read(&[ng.section(), options(ng, resolution, offset), ng.packet(0, units, b"x", 1)]))[0]
            };
            assert_eq!(time(0, 0, 7), 7_000_000_000);
            assert_eq!(time(3, 0, 7), 7_000_000);
            assert_eq!(time(6, 1, 7), 1_000_007_000);
            assert_eq!(time(9, -1, 7), -999_999_993);
            assert_eq!(time(12, 0, 7_999), 7);
            assert_eq!(time(0x80, 0, 7), 7_000_000_000);
            assert_eq!(time(0x81, 0, 3), 1_500_000_000);
            assert_eq!(time(0x80 | 10, 0, 1024 + 512), 1_500_000_000);
            // What no clock has saturates or vanishes.
            assert_eq!(time(0, 0, 1 << 62), i64::MAX);
            assert_eq!(time(0x80, 0, 1 << 62), i64::MAX);
            assert_eq!(time(9, i64::MAX, 1 << 62), i64::MAX);
            assert_eq!(time(9, i64::MIN, 5), i64::MIN + 5);
            assert_eq!(time(0x7f, 0, 1 << 60), 0);
            assert_eq!(time(0xff, 0, 1 << 60), 0);
            // Before 1970.
            assert_eq!(time(6, 0, -505_000_001_i64 as u64), -505_000_001_000);
            assert_eq!(time(0x81, 0, -3_i64 as u64), -1_500_000_000);
            assert_eq!(time(12, 0, -5_000_i64 as u64), -5);
        }
    }

    #[test]
    fn other_blocks_are_skipped() {
        let mut blocks = vec![LITTLE.section(), LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 1, b"a", 1)];
        for kind in [0, 4, 5, 7, 8, 10, CUSTOM, CUSTOM_NOT_COPIED, 0x8000_0001] {
            blocks.push(LITTLE.block(kind, &[0xab; 21]));
        }
        blocks.push(LITTLE.block(7, b""));
        blocks.push(LITTLE.packet(0, 2, b"b", 1));
        let outcome = read(&blocks);
        assert_eq!((outcome.frames.len(), outcome.faults), (2, vec![]));
    }

    #[test]
    fn a_block_larger_than_the_buffer_is_passed_over() {
        let before = [LITTLE.section(), LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 1, b"a", 1)].concat();
        let large = LITTLE.block(CUSTOM, &[0x55; 5000]);
        let after = LITTLE.packet(0, 2, b"b", 1);
        let outcome = read_in(&[before.as_slice(), &large, &after].concat(), 1000);
        assert_eq!((outcome.frames.len(), outcome.faults), (2, vec![]));

        let mut damaged = large.clone();
        *damaged.last_mut().unwrap() ^= 1;
        let outcome = read_in(&[before.as_slice(), &damaged, &after].concat(), 1000);
        assert_eq!(outcome.frames.len(), 2);
        let resumed = Some((before.len() + damaged.len()) as u64);
        let damage = Damage::LengthsDiffer { leading: 5012, trailing: 5012 ^ 0x0100_0000 };
        assert_eq!(outcome.faults, [Fault { offset: before.len() as u64, damage, resumed }]);
    }

    #[test]
    fn a_packet_larger_than_its_block_is_left_out_alone() {
        for (block, room) in [(LITTLE.packet(0, 1, b"abcd", 4), 4), (LITTLE.obsolete(0, 1, b"abcdefgh"), 8)] {
            let mut block = block;
            block[20..24].copy_from_slice(&99_u32.to_le_bytes());
            let offset = LITTLE.section().len() + LITTLE.interface(1, 0, &[]).len();
            let resumed = Some((offset + block.len()) as u64);
            let outcome = read(&[LITTLE.section(), LITTLE.interface(1, 0, &[]), block, LITTLE.packet(0, 2, b"b", 1)]);
            assert_eq!(outcome.frames.len(), 1);
            let damage = Damage::PacketLength { captured: 99, room };
            assert_eq!(outcome.faults, [Fault { offset: offset as u64, damage, resumed }]);
        }
    }

    #[test]
    fn blocks_too_short_for_their_type_are_left_out() {
        let outcome = read(&[
            LITTLE.section(),
            LITTLE.block(INTERFACE_DESCRIPTION, b"1234"),
            LITTLE.block(ENHANCED_PACKET, b"12345678"),
            LITTLE.block(SIMPLE_PACKET, b""),
            LITTLE.interface(1, 0, &[]),
            LITTLE.packet(0, 2, b"b", 1),
        ]);
        assert_eq!(outcome.frames.len(), 1);
        let lengths: Vec<&Damage> = outcome.faults.iter().map(|fault| &fault.damage).collect();
        assert_eq!(lengths, [16, 20, 12].map(|length| Damage::BlockLength { length }).iter().collect::<Vec<_>>());
    }

    #[test]
    fn after_a_damaged_length_reading_goes_on_at_the_next_block() {
        for ng in [LITTLE, BIG] {
            let packet = |time| ng.packet(0, time, b"0123456789", 10);
            let before = [ng.section(), ng.interface(1, 0, &[]), packet(1)].concat();
            for length in [0_u32, 8, 41, 48, 4000, 0xffff_fffc] {
                let mut damaged = packet(2);
                damaged[4..8].copy_from_slice(&ng.n(length));
                let file = [before.clone(), damaged, packet(3), packet(4)].concat();
                let outcome = read_in(&file, CAPACITY);
                assert_eq!(times(&outcome), [1000, 3000, 4000], "length {length}");
                assert_eq!(outcome.faults.len(), 1);
                assert_eq!(outcome.faults[0].offset, before.len() as u64);
                assert_eq!(outcome.faults[0].resumed, Some((before.len() + packet(2).len()) as u64));
            }
        }
    }

    #[test]
    fn a_file_cut_short_gives_what_is_whole() {
        let packet = LITTLE.packet(0, 1, b"0123456789", 10);
        let whole = [LITTLE.section(), LITTLE.interface(1, 0, &[]), packet.clone()].concat();
        let file = [whole.clone(), packet].concat();
        for length in whole.len() + 1..file.len() {
            let outcome = read_in(&file[..length], CAPACITY);
            assert_eq!(outcome.frames.len(), 1, "cut at {length}");
            let fault = Fault { offset: whole.len() as u64, damage: Damage::Cut, resumed: None };
            assert_eq!(outcome.faults, [fault]);
        }
    }

    #[test]
    fn a_section_of_an_unknown_version_is_left_out() {
        let packets = [LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 1, b"a", 1)].concat();
        for (major, minor) in [(0, 1), (1, 1), (2, 0)] {
            let outcome = read(&[
                LITTLE.section_of(major, minor),
                packets.clone(),
                BIG.section(),
                BIG.interface(1, 0, &[]),
                BIG.packet(0, 9, b"b", 1),
            ]);
            assert_eq!(times(&outcome), [9000]);
            let damage = Damage::SectionVersion { major, minor };
            assert_eq!(outcome.faults, [Fault { offset: 0, damage, resumed: None }]);
        }
    }

    #[test]
    fn interfaces_are_bounded() {
        let mut blocks = vec![LITTLE.section()];
        blocks.extend(vec![LITTLE.interface(1, 0, &[]); MAX_INTERFACES + 1]);
        blocks.push(LITTLE.packet(MAX_INTERFACES as u32 - 1, 1, b"a", 1));
        let outcome = read(&blocks);
        assert_eq!(outcome.frames.len(), 1);
        assert_eq!(outcome.faults.len(), 1);
        assert_eq!(outcome.faults[0].damage, Damage::TooManyInterfaces);
    }

    fn captures() -> impl Strategy<Value = (Vec<u8>, usize)> {
        let payload = prop::collection::vec(any::<u8>(), 0..120);
        let block = (0..5_u8, payload);
        let sections = prop::collection::vec((any::<bool>(), prop::collection::vec(block, 0..12)), 1..4);
        sections.prop_map(|sections| {
            let mut file = Vec::new();
            let mut packets = 0;
            for (big, blocks) in sections {
                let ng = Pcapng { big };
                file.extend(ng.section());
                file.extend(ng.interface(1, 0, &[(9, &[9])]));
                for (kind, payload) in blocks {
                    packets += usize::from(kind < 3);
                    file.extend(match kind {
                        0 => ng.packet(0, 77, &payload, 200),
                        1 => ng.obsolete(0, 78, &payload),
                        2 => ng.simple(payload.len() as u32, &payload),
                        3 => ng.block(CUSTOM, &payload),
                        _ => ng.interface(101, 9, &[(2, &payload)]),
                    });
                }
            }
            (file, packets)
        })
    }

    proptest! {
        #[test]
        fn a_sound_file_gives_all_its_frames((file, packets) in captures(), capacity in 256_usize..3000) {
            let outcome = read_in(&file, CAPACITY);
            prop_assert_eq!(outcome.frames.len(), packets);
            prop_assert_eq!(&outcome.faults, &vec![]);
            prop_assert_eq!(read_in(&file, capacity), outcome);
        }

        #[test]
        fn any_damage_in_any_buffer_comes_to_an_end(
            (mut file, _) in captures(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            cut in any::<prop::sample::Index>(),
            capacity in 64_usize..4000,
        ) {
            for (place, value) in changes {
                let place = place.index(file.len());
                file[place] = value;
            }
            let file = &file[..cut.index(file.len() + 1)];
            let outcome = read_in(file, capacity);
            prop_assert!(outcome.frames.len() * 12 <= file.len());
        }

        #[test]
        fn any_bytes_come_to_an_end(
            bytes in prop::collection::vec(prop::sample::select(vec![0_u8, 1, 6, 10, 12, 13, 16, 32, 255]), 0..3000),
            capacity in 64_usize..4000,
        ) {
            let file = [LITTLE.section(), LITTLE.interface(1, 0, &[]), bytes].concat();
            let outcome = read_in(&file, capacity);
            prop_assert!(outcome.frames.len() * 12 <= file.len());
        }
    }
}
