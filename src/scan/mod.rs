//! The packet's way on one page: Block → [`Findings`].
//!
//! A scan is pure: it reads a Block, the indicators in force and the addresses learned so far, and keeps nothing. So any
//! number of scanners may work at once, in any order. What needs memory (conversations, repeats, later contacts) is the
//! tracker's, which takes the findings in Block order.
//!
//! For each frame: decode it to a packet; look its two addresses up; look into what it carries. Almost every packet ends
//! after two loads from a bitmap and a glance at its ports.

use crate::capture::Block;
use crate::decode::{Packet, Skip, Tcp, decode, decode_any, decode_usual};
use crate::flow::{Flow, Mac, Protocol};
use crate::indicator::{AddressMatch, IndicatorSet, Learned};
use crate::units::Timestamp;

mod names;
mod speech;

pub use names::{DnsSighting, MOST_ADDRESSES, MOST_NAMES};
pub use speech::{NameSighting, NetSupport, NetSupportSighting, Speech, Stream};

/// What a scan found in one packet.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The frame's place in its Block.
    pub frame: u32,
    /// When the packet was captured.
    pub time: Timestamp,
    /// The highest time among this Block's frames up to this one.
    pub clock: Timestamp,
    /// Who sent it to whom.
    pub flow: Flow,
    /// IP bytes of the packet.
    pub length: u32,
    /// What its TCP header says.
    pub tcp: Option<Tcp>,
    /// The sender's and the receiver's hardware address.
    pub macs: Option<(Mac, Mac)>,
    /// What was found.
    pub what: What,
}

/// The kinds of findings. A packet gives at most one `Contact`, and any number of others.
#[derive(Debug, Clone)]
pub enum What {
    /// An address of the packet is listed, or, where both are `None`, one may have been learned.
    Contact {
        /// What is listed of the sender.
        source: Option<AddressMatch>,
        /// What is listed of the receiver.
        destination: Option<AddressMatch>,
    },
    /// A DNS message names a listed domain.
    Dns(Box<DnsSighting>),
    /// Something listed was named in a request.
    Name(Box<NameSighting>),
    /// The NetSupport protocol was spoken.
    NetSupport(Box<NetSupportSighting>),
    /// A head begins so many bytes into the segment that is not whole in it.
    HeadBegins(u32),
}

/// A TCP segment with a payload: what the tracker looks through for the rest of heads that began earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The [`Packet::tag`] of its flow.
    pub tag: u32,
    /// The frame's place in its Block.
    pub frame: u32,
}

/// All that one scan of one Block found, in the order of its frames. Meant to be used again.
#[derive(Debug, Default)]
pub struct Findings {
    /// The generation of learned addresses that the scan knew.
    pub learned: u64,
    /// The lowest time of all frames; `None` for a Block without frames.
    pub earliest: Option<Timestamp>,
    /// The highest time of all frames; `None` for a Block without frames.
    pub latest: Option<Timestamp>,
    /// The findings.
    pub list: Vec<Finding>,
    /// All TCP segments with a payload.
    pub segments: Vec<Segment>,
    /// What was counted on the way.
    pub counts: ScanCounts,
}

impl Findings {
    fn clear(&mut self, learned: u64) {
        self.learned = learned;
        (self.earliest, self.latest) = (None, None);
        self.list.clear();
        self.segments.clear();
        self.counts = ScanCounts::default();
    }
}

/// What a scan counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanCounts {
    /// Frames that gave an IP packet.
    pub packets: u64,
    /// Frames that gave none, by the number of the reason in [`Skip::ALL`].
    pub skipped: [u64; Skip::ALL.len()],
    /// DNS messages read.
    pub dns_messages: u64,
    /// DNS messages of which only a part could be read: cut by the capture, or broken.
    pub dns_cut: u64,
}

impl ScanCounts {
    /// Adds another scan's counts.
    pub fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        for (sum, more) in self.skipped.iter_mut().zip(other.skipped) {
            *sum += more;
        }
        self.dns_messages += other.dns_messages;
        self.dns_cut += other.dns_cut;
    }
}

/// Finds what matters in a Block.
pub fn scan(block: &Block, learned: &Learned, findings: &mut Findings) {
    findings.clear(learned.generation());
    let set = &*block.indicators;
    let mut look = Look { set, learned, speech: Speech::new(set), findings };
    let mut clock = Timestamp::MIN;
    let mut packets = 0;
    for (number, frame) in (0..).zip(&block.frames) {
        clock = clock.max(frame.time);
        let bytes = block.captured(frame);
        let at = At { number, time: frame.time, clock };
        if let Some(packet) = decode_usual(frame.link, bytes) {
            packets += 1;
            look.note_segment(number, &packet);
            if may_matter(set, learned, &packet) || may_speak(&packet) {
                look.closely(at, packet);
            }
            continue;
        }
        match decode_any(frame.link, bytes, frame.original) {
            Ok(packet) => {
                packets += 1;
                look.note_segment(number, &packet);
                look.closely(at, packet);
            }
            Err(skip) => look.findings.counts.skipped[skip as usize] += 1,
        }
    }
    findings.counts.packets = packets;
    findings.earliest = block.frames.iter().map(|frame| frame.time).min();
    findings.latest = (!block.frames.is_empty()).then_some(clock);
}

/// Which frame of a Block.
#[derive(Clone, Copy)]
struct At {
    number: u32,
    time: Timestamp,
    /// The highest time up to it.
    clock: Timestamp,
}

/// What a closer look at a packet needs.
struct Look<'a> {
    set: &'a IndicatorSet,
    learned: &'a Learned,
    speech: Speech<'a>,
    findings: &'a mut Findings,
}

impl Look<'_> {
    /// Looks a packet's addresses up and into what it carries. Out of line and by value, so that a packet that needs no closer
    /// look never has to leave the registers.
    #[inline(never)]
    fn closely(&mut self, at: At, packet: Packet<'_>) {
        let Findings { list, counts, .. } = &mut *self.findings;
        let mut report = |what| list.push(finding(at, &packet, what));
        if may_matter(self.set, self.learned, &packet)
            && let Some(contact) = contact(self.set, self.learned, &packet)
        {
            report(contact);
        }
        if !may_speak(&packet) {
            return;
        }
        if packet.protocol == Protocol::UDP {
            self.speech.names.read_message(packet.payload, counts, &mut |sighting| report(What::Dns(Box::new(sighting))));
        } else if let Some(begins) = self.speech.read(Stream::of(&packet), counts, &mut report) {
            report(What::HeadBegins(begins as u32));
        }
    }

    #[inline(always)]
    fn note_segment(&mut self, frame: u32, packet: &Packet<'_>) {
        if packet.tcp.is_some() && !packet.payload.is_empty() {
            self.findings.segments.push(Segment { tag: packet.tag(), frame });
        }
    }
}

/// Finds in a Block the packets to or from addresses that were learned after it was scanned: for the tracker.
///
/// Packets of which `is_known` says so are left out: the first scan reported them.
pub fn scan_again(block: &Block, learned: &Learned, is_known: impl Fn(u32) -> bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut clock = Timestamp::MIN;
    for (number, frame) in (0..).zip(&block.frames) {
        clock = clock.max(frame.time);
        let Ok(packet) = decode(frame.link, block.captured(frame), frame.original) else { continue };
        if is_learned(learned, &packet) && !is_known(number) {
            let what = What::Contact { source: None, destination: None };
            found.push(finding(At { number, time: frame.time, clock }, &packet, what));
        }
    }
    found
}

fn finding(At { number, time, clock }: At, packet: &Packet<'_>, what: What) -> Finding {
    Finding {
        frame: number,
        time,
        clock,
        flow: packet.flow(),
        length: packet.length,
        tcp: packet.tcp,
        macs: packet.macs(),
        what,
    }
}

/// Whether a packet carries what may be worth reading.
#[inline(always)]
fn may_speak(packet: &Packet<'_>) -> bool {
    if packet.payload.is_empty() {
        return false;
    }
    names::is_name_service(packet) || (packet.tcp.is_some() && speech::may_be_head(packet.payload))
}

#[inline(always)]
fn may_matter(set: &IndicatorSet, learned: &Learned, packet: &Packet<'_>) -> bool {
    set.may_list(packet.source) || set.may_list(packet.destination) || is_learned(learned, packet)
}

#[inline(always)]
fn is_learned(learned: &Learned, packet: &Packet<'_>) -> bool {
    !learned.is_empty() && (learned.contains(packet.source) || learned.contains(packet.destination))
}

#[inline(never)]
fn contact(set: &IndicatorSet, learned: &Learned, packet: &Packet<'_>) -> Option<What> {
    let source = set.find_address(packet.source, packet.ports.map(|(port, _)| port));
    let destination = set.find_address(packet.destination, packet.ports.map(|(_, port)| port));
    (source.is_some() || destination.is_some() || is_learned(learned, packet))
        .then_some(What::Contact { source, destination })
}
