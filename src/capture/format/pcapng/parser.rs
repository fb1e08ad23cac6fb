//! The blocks of a pcapng file.

use crate::capture::block::Frame;
use crate::capture::format::buffer::{FrameSink, ParseBuffer, ParseProgress};
use crate::capture::format::byte_order::{u16_from, u32_at, u32_from};
use crate::capture::format::damage::Damage;
use crate::capture::format::pcapng::interface::Interface;
use crate::capture::format::resync::{DamagedRecord, PendingDamage, Plausibility, Resync};
use crate::units::Timestamp;

/// The type of a section header block. It is the same in both byte orders, and every file begins
/// with it.
pub(in crate::capture::format) const SECTION_HEADER: u32 = 0x0a0d_0d0a;

pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
pub(super) const SIMPLE_PACKET: u32 = 3;
const NAME_RESOLUTION: u32 = 4;
const INTERFACE_STATISTICS: u32 = 5;
pub(super) const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;
pub(super) const CUSTOM: u32 = 0x0bad;
pub(super) const CUSTOM_NOT_COPIED: u32 = 0x4000_0bad;

/// Type and length before the body of a block, and the length after it.
const BLOCK_OVERHEAD: usize = 12;

/// The largest block that is accepted and skipped. Secrets and custom blocks of some 100 MB exist.
/// A damaged length is mostly larger, and skipping that far would lose the packets in between.
const MAX_BLOCK: u32 = 256 << 20;

/// The number of interfaces that are supported in a section: as many as the 16 bits of an obsolete
/// packet block can number. They take 2 MiB.
pub(super) const MAX_INTERFACES: usize = 1 << 16;

/// Parses the blocks of a pcapng file.
#[derive(Debug)]
pub(in crate::capture) struct PcapngParser {
    /// The section is big-endian.
    big: bool,
    section: SectionState,
    interfaces: Vec<Interface>,
    /// The time of the last packet that had one.
    last: Timestamp,
    /// The damaged block, while the parser searches for a good one.
    pending: Option<PendingDamage>,
    /// The block that is larger than the buffer and was skipped, until its trailing length is
    /// checked.
    skipped: Option<SkippedBlock>,
    /// Section headers and interfaces parsed so far.
    descriptions: u64,
    /// Simple packets occurred, which have no time of their own.
    has_simple_packets: bool,
}

/// The state of the current section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SectionState {
    /// None has begun: only a section header is valid.
    None,
    /// Its packets are parsed.
    Supported,
    /// Its version is not supported: its blocks are skipped.
    Unsupported,
}

/// A block that was skipped.
#[derive(Debug)]
struct SkippedBlock {
    offset: u64,
    length: u32,
}

/// The reason why the loop over the blocks ended.
enum LoopEnd {
    /// The next block is not complete in the buffer.
    OutOfBytes,
    /// The next block is a section header, which may change the byte order.
    SectionHeader,
    /// The next block has this length and is larger than the buffer, but holds no packet.
    Oversized(u32),
    /// The next block is damaged.
    Damaged(Damage),
}

impl PcapngParser {
    /// A parser for a file from its first byte on.
    pub(in crate::capture::format) fn new() -> Self {
        Self {
            big: false,
            section: SectionState::None,
            interfaces: Vec::new(),
            last: Timestamp::from_nanos(0),
            pending: None,
            skipped: None,
            descriptions: 0,
            has_simple_packets: false,
        }
    }

    /// Returns true if the next bytes cannot be parsed without the present state: the parser
    /// searches for a good block after damage, or for the end of a skipped block, or simple packets
    /// take the time of the packet before them.
    pub(in crate::capture::format) fn has_pending_state(&self) -> bool {
        self.pending.is_some() || self.skipped.is_some() || self.has_simple_packets
    }

    /// The number of section headers and interfaces parsed so far. The blocks after them depend on
    /// them.
    pub(in crate::capture::format) fn descriptions(&self) -> u64 {
        self.descriptions
    }

    /// Parses the blocks from a position in the buffer on and returns how far it came.
    pub(in crate::capture::format) fn parse(
        &mut self,
        buffer: &ParseBuffer<'_>,
        from: usize,
        sink: &mut FrameSink<'_>,
    ) -> ParseProgress {
        let mut position = from;
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
            if let Some(skipped) = self.skipped.take() {
                match self.number_at(buffer.bytes, position) {
                    Some(trailing) if trailing == skipped.length => position += 4,
                    Some(trailing) => {
                        let damage = Damage::LengthsDiffer { leading: skipped.length, trailing };
                        self.pending = Some(PendingDamage { offset: skipped.offset, damage });
                        continue;
                    }
                    None if buffer.is_final => {
                        (sink.report)(DamagedRecord { offset: skipped.offset, damage: Damage::Cut, resumed: None });
                        return ParseProgress::to(buffer.bytes.len());
                    }
                    None => {
                        self.skipped = Some(skipped);
                        return ParseProgress::to(position);
                    }
                }
            }
            let (at, end) = if self.big {
                self.blocks::<true>(buffer, position, sink)
            } else {
                self.blocks::<false>(buffer, position, sink)
            };
            let end = match end {
                LoopEnd::SectionHeader => match self.section_header(buffer, at, sink) {
                    Ok(block_end) => {
                        position = block_end;
                        continue;
                    }
                    Err(end) => end,
                },
                end => end,
            };
            let damage = match end {
                LoopEnd::Oversized(length) => {
                    self.skipped = Some(SkippedBlock { offset: buffer.offset(at), length });
                    return ParseProgress { parsed: at, skip: u64::from(length) - 4 };
                }
                LoopEnd::Damaged(damage) => damage,
                _ if !buffer.is_final || at >= buffer.bytes.len() => return ParseProgress::to(at),
                _ => Damage::Cut,
            };
            self.pending = Some(PendingDamage { offset: buffer.offset(at), damage });
            position = at + 1;
        }
    }

    /// Parses blocks in a loop, up to the next section header. This is the hot path of every
    /// replay.
    fn blocks<const BIG: bool>(
        &mut self,
        buffer: &ParseBuffer<'_>,
        from: usize,
        sink: &mut FrameSink<'_>,
    ) -> (usize, LoopEnd) {
        let bytes = buffer.bytes;
        let mut position = from;
        let loop_end = loop {
            let rest = bytes.get(position..).unwrap_or_default();
            let Some(&[k0, k1, k2, k3, l0, l1, l2, l3]) = rest.first_chunk() else { break LoopEnd::OutOfBytes };
            let kind = u32_from::<BIG>([k0, k1, k2, k3]);
            if kind == SECTION_HEADER {
                break LoopEnd::SectionHeader;
            }
            let length = u32_from::<BIG>([l0, l1, l2, l3]);
            let block = match whole_block::<BIG>(buffer, position, kind, length) {
                Ok(block) => block,
                Err(end) => break end,
            };
            let end = position + length as usize;
            if self.section == SectionState::Supported {
                let resumed = buffer.offset(end);
                let outcome = match kind {
                    ENHANCED_PACKET => self.enhanced::<BIG>(block, position, sink),
                    INTERFACE_DESCRIPTION => self.interface::<BIG>(block),
                    SIMPLE_PACKET => self.simple::<BIG>(block, position, sink),
                    PACKET => self.obsolete::<BIG>(block, position, sink),
                    _ => Ok(()),
                };
                if let Err(damage) = outcome {
                    (sink.report)(DamagedRecord { offset: buffer.offset(position), damage, resumed: Some(resumed) });
                }
            }
            position = end;
        };
        (position, loop_end)
    }

    /// Parses the section header block at a position and begins its section. Returns the position
    /// after the block.
    fn section_header(
        &mut self,
        buffer: &ParseBuffer<'_>,
        position: usize,
        sink: &mut FrameSink<'_>,
    ) -> Result<usize, LoopEnd> {
        self.descriptions += 1;
        let rest = buffer.bytes.get(position..).unwrap_or_default();
        let Some(magic) = rest.get(8..).and_then(|rest| rest.first_chunk()) else { return Err(LoopEnd::OutOfBytes) };
        let big = byte_order(*magic).ok_or(LoopEnd::Damaged(Damage::ByteOrder))?;
        let length = if big { u32_at::<true>(rest, 4) } else { u32_at::<false>(rest, 4) }.unwrap_or_default();
        let block = if big {
            whole_block::<true>(buffer, position, SECTION_HEADER, length)?
        } else {
            whole_block::<false>(buffer, position, SECTION_HEADER, length)?
        };
        let &[.., a0, a1, i0, i1] =
            block.first_chunk::<16>().ok_or(LoopEnd::Damaged(Damage::BlockLength { length }))?;
        let (major, minor) = if big {
            (u16_from::<true>([a0, a1]), u16_from::<true>([i0, i1]))
        } else {
            (u16_from::<false>([a0, a1]), u16_from::<false>([i0, i1]))
        };
        self.big = big;
        self.interfaces.clear();
        // Some writers put 1.2, which libpcap and Wireshark read as 1.0.
        self.section =
            if matches!((major, minor), (1, 0 | 2)) { SectionState::Supported } else { SectionState::Unsupported };
        if self.section == SectionState::Unsupported {
            let damage = Damage::SectionVersion { major, minor };
            (sink.report)(DamagedRecord { offset: buffer.offset(position), damage, resumed: None });
        }
        Ok(position + length as usize)
    }

    /// Parses an interface description block.
    fn interface<const BIG: bool>(&mut self, block: &[u8]) -> Result<(), Damage> {
        self.descriptions += 1;
        let &[.., t0, t1, _, _, s0, s1, s2, s3] = head::<16>(block, 20)?;
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Damage::TooManyInterfaces);
        }
        let (link, snaplen) = (u16_from::<BIG>([t0, t1]), u32_from::<BIG>([s0, s1, s2, s3]));
        let options = block.get(16..block.len() - 4).unwrap_or_default();
        self.interfaces.push(Interface::new::<BIG>(link, snaplen, options));
        Ok(())
    }

    /// Parses an enhanced packet block.
    #[inline]
    fn enhanced<const BIG: bool>(
        &mut self,
        block: &[u8],
        position: usize,
        sink: &mut FrameSink<'_>,
    ) -> Result<(), Damage> {
        let head: &[u8; 28] = head(block, 32)?;
        let &[_, _, _, _, _, _, _, _, i0, i1, i2, i3, ..] = head;
        self.packet::<BIG>(u32_from::<BIG>([i0, i1, i2, i3]), head, block.len(), position, sink)
    }

    /// Parses an obsolete packet block.
    fn obsolete<const BIG: bool>(
        &mut self,
        block: &[u8],
        position: usize,
        sink: &mut FrameSink<'_>,
    ) -> Result<(), Damage> {
        let head: &[u8; 28] = head(block, 32)?;
        // The interface has only 16 bits here. The other 16 bits are a drop counter.
        let &[_, _, _, _, _, _, _, _, i0, i1, ..] = head;
        self.packet::<BIG>(u32::from(u16_from::<BIG>([i0, i1])), head, block.len(), position, sink)
    }

    /// Adds the packet of a block that has an interface, a time, and both lengths.
    #[inline]
    fn packet<const BIG: bool>(
        &mut self,
        number: u32,
        head: &[u8; 28],
        length: usize,
        position: usize,
        sink: &mut FrameSink<'_>,
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

    /// Parses a simple packet block: a packet of the first interface of the section, without a
    /// time. It gets the time of the packet before it.
    fn simple<const BIG: bool>(
        &mut self,
        block: &[u8],
        position: usize,
        sink: &mut FrameSink<'_>,
    ) -> Result<(), Damage> {
        let &[.., o0, o1, o2, o3] = head::<12>(block, 16)?;
        let interface = self.interfaces.first().ok_or(Damage::UnknownInterface { number: 0 })?;
        let original = u32_from::<BIG>([o0, o1, o2, o3]);
        let room = (block.len() - 16) as u32;
        self.has_simple_packets = true;
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

    /// Searches for a plausible block from a position on. Each byte is examined a bounded number of
    /// times.
    ///
    /// Blocks begin at multiples of four, but lost or added bytes may have moved them. So every
    /// position is tried.
    fn resync(&self, buffer: &ParseBuffer<'_>, from: usize) -> Resync {
        for position in from..buffer.bytes.len() {
            match self.check_block(buffer, position) {
                Plausibility::Plausible => return Resync::Found(position),
                Plausibility::Implausible => {}
                Plausibility::Unknown if buffer.is_exhausted(position) => {}
                Plausibility::Unknown => return Resync::Pending(position),
            }
        }
        Resync::Pending(buffer.bytes.len())
    }

    /// Checks for a block of a known type, with the same length at both ends, at a position.
    fn check_block(&self, buffer: &ParseBuffer<'_>, position: usize) -> Plausibility {
        let rest = buffer.bytes.get(position..).unwrap_or_default();
        let Some(&[k0, k1, k2, k3, l0, l1, l2, l3]) = rest.first_chunk() else { return Plausibility::Unknown };
        let mut big = self.big;
        let kind = u32_from::<false>([k0, k1, k2, k3]);
        if kind == SECTION_HEADER {
            let Some(magic) = rest.get(8..).and_then(|rest| rest.first_chunk()) else { return Plausibility::Unknown };
            let Some(order) = byte_order(*magic) else { return Plausibility::Implausible };
            big = order;
        } else if self.section == SectionState::None {
            return Plausibility::Implausible;
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
            _ => return Plausibility::Implausible,
        };
        if length < least || length as usize > buffer.capacity {
            return Plausibility::Implausible;
        }
        let checked = if big {
            whole_block::<true>(buffer, position, kind, length)
        } else {
            whole_block::<false>(buffer, position, kind, length)
        };
        match checked {
            Ok(_) => Plausibility::Plausible,
            Err(LoopEnd::OutOfBytes) => Plausibility::Unknown,
            Err(_) => Plausibility::Implausible,
        }
    }

    fn number_at(&self, bytes: &[u8], position: usize) -> Option<u32> {
        if self.big { u32_at::<true>(bytes, position) } else { u32_at::<false>(bytes, position) }
    }
}

/// Returns the whole block at a position. Its two lengths must be equal.
#[inline]
fn whole_block<'a, const BIG: bool>(
    buffer: &ParseBuffer<'a>,
    position: usize,
    kind: u32,
    length: u32,
) -> Result<&'a [u8], LoopEnd> {
    if (length as usize) < BLOCK_OVERHEAD || !length.is_multiple_of(4) {
        return Err(LoopEnd::Damaged(Damage::BlockLength { length }));
    }
    let Some(block) = buffer.bytes.get(position..position.saturating_add(length as usize)) else {
        if length as usize <= buffer.capacity {
            return Err(LoopEnd::OutOfBytes);
        }
        // No IP packet is so large, so the length is more likely damaged than true.
        let packet = matches!(kind, PACKET | SIMPLE_PACKET | ENHANCED_PACKET | SECTION_HEADER | INTERFACE_DESCRIPTION);
        return Err(match length {
            _ if packet => LoopEnd::Damaged(Damage::BlockLength { length }),
            MAX_BLOCK.. => LoopEnd::Damaged(Damage::BlockLength { length }),
            _ if buffer.is_final => LoopEnd::OutOfBytes,
            _ => LoopEnd::Oversized(length),
        });
    };
    let trailing = block.last_chunk().map(|chunk| u32_from::<BIG>(*chunk)).unwrap_or_default();
    if trailing == length {
        Ok(block)
    } else {
        Err(LoopEnd::Damaged(Damage::LengthsDiffer { leading: length, trailing }))
    }
}

/// Returns the first bytes of a block, which must have at least `least` bytes in all.
#[inline]
fn head<const N: usize>(block: &[u8], least: usize) -> Result<&[u8; N], Damage> {
    block
        .first_chunk()
        .filter(|_| block.len() >= least)
        .ok_or(Damage::BlockLength { length: u32::try_from(block.len()).unwrap_or(u32::MAX) })
}

/// Parses the byte-order magic of a section header: true for big-endian, `None` if it is not valid.
fn byte_order(magic: [u8; 4]) -> Option<bool> {
    match u32::from_le_bytes(magic) {
        0x1a2b_3c4d => Some(false),
        0x4d3c_2b1a => Some(true),
        _ => None,
    }
}
