//! The packet's way on one page: Block → [`Findings`].
//!
//! A scan is pure: it reads a Block, the indicators in force and the addresses learned so far, and keeps nothing. So any
//! number of scanners may work at once, in any order. What needs memory (conversations, repeats, later contacts) is the
//! tracker's, which takes the findings in Block order.
//!
//! For each frame: decode it to a packet; look its two addresses up; look into what it carries. Almost every packet ends
//! after two loads from a bitmap and a glance at its ports.
//!
//! A packet in a tunnel is looked at like any other, and the packets that it lay in are looked up, too. A fragment is only
//! reported: what it means is known when the tracker has put its datagram together.

use std::net::IpAddr;

use crate::capture::{Block, Packets};
use crate::decode::{Decoded, Encapsulation, Packet, Skip, Tcp, decode, decode_any, decode_usual, outer_vlans, vlans};
use crate::flow::{Flow, Mac, Protocol, Vlans};
use crate::indicator::{AddressMatch, IndicatorSet, Learned};
use crate::protocol::quic;
use crate::units::Timestamp;

mod app_layer;
mod details;
mod dns;
mod flows;

pub use app_layer::{AppLayer, NameSighting, NetSupport, NetSupportSighting, Reading, Stream};
pub use details::{DnsFacts, HttpFacts, MatchBasis, Named};
pub use dns::{DnsSighting, MOST_ADDRESSES, MOST_NAMES};
pub use flows::{FlowKey, FlowKeys, WantedFlows};

/// What a scan found in one packet.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The frame's place in its Block.
    pub frame: u32,
    /// Which packets it is about, where they have numbers: the frame's, or all that were put together.
    pub packets: Option<Packets>,
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
    /// The VLANs of its frame.
    pub vlans: Vlans,
    /// The packets that it lay in, the outermost first.
    pub outer: Option<Box<[Encapsulation]>>,
    /// Where in the payload the head ends that says it; zero where no head in a stream does.
    pub end: u32,
    /// What was found.
    pub what: FindingKind,
}

impl Finding {
    /// How many packets this one lay in.
    pub fn depth(&self) -> usize {
        self.outer.as_ref().map_or(0, |outer| outer.len())
    }
}

/// The kinds of findings. A packet gives at most one `Contact`, and any number of others. Those of one frame come in the
/// order: contacts from the outermost packet to the innermost, then the rest.
#[derive(Debug, Clone)]
pub enum FindingKind {
    /// An address of the packet is listed, or, where both are `None`, one may have been learned.
    Contact {
        /// What is listed of the sender.
        source: Option<AddressMatch>,
        /// What is listed of the receiver.
        destination: Option<AddressMatch>,
    },
    /// A DNS message names a listed domain.
    Dns(Box<DnsSighting>),
    /// The packet is a fragment. Nothing else is told of it.
    Fragment,
    /// Something listed was named in a request.
    Name(Box<NameSighting>),
    /// All that a request or a DNS message names, listed or not: only where it was asked for.
    Names(Box<[Named]>),
    /// The NetSupport protocol was spoken.
    NetSupport(Box<NetSupportSighting>),
    /// A head begins so many bytes into the segment that is not whole in it: beyond its end where a body lies before the head.
    HeadBegins(u32),
    /// A QUIC datagram holds a part of a ClientHello.
    QuicPart,
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
    /// The highest time of all frames; for a Block without frames the time up to which it was idle, if it knows one.
    pub latest: Option<Timestamp>,
    /// The findings.
    pub list: Vec<Finding>,
    /// Whether the scan is to tell all names, not only those that are listed: set by whoever scans.
    pub wants_names: bool,
    /// Whether the scan is to note segments: set by whoever scans.
    pub wants_segments: bool,
    /// Whether it did.
    pub has_segments: bool,
    /// All TCP segments with a payload, where they were noted.
    pub segments: Vec<Segment>,
    /// Which flows the Block holds packets of, where whoever scans wants to know.
    pub flows: Option<FlowKeys>,
    /// What was counted on the way.
    pub counts: ScanCounts,
}

impl Findings {
    fn clear(&mut self, learned: u64) {
        self.learned = learned;
        (self.earliest, self.latest) = (None, None);
        self.list.clear();
        self.segments.clear();
        self.has_segments = self.wants_segments;
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
    /// Packets with more tunnels, one in the other, than are entered.
    pub tunnels_too_deep: u64,
    /// DNS messages of which not all names were told, since there are too many in them.
    pub names_beyond: u64,
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
        self.tunnels_too_deep += other.tunnels_too_deep;
        self.names_beyond += other.names_beyond;
    }
}

/// Finds what matters in a Block.
pub fn scan(block: &Block, learned: &Learned, findings: &mut Findings) {
    findings.clear(learned.generation());
    // Two loops, so that one pays for nothing that it does not do.
    match findings.flows.take() {
        None => scan_frames(block, learned, findings, None),
        Some(mut flows) => {
            flows.begin(&block.part);
            scan_frames(block, learned, findings, Some(&mut flows));
            flows.finish();
            findings.flows = Some(flows);
        }
    }
}

#[inline(always)]
fn scan_frames(block: &Block, learned: &Learned, findings: &mut Findings, mut flows: Option<&mut FlowKeys>) {
    let set = &*block.indicators;
    let mut look = Look { set, learned, app_layer: AppLayer::new(set, findings.wants_names), findings };
    let mut clock = Timestamp::MIN;
    let mut packets = 0;
    let notes = look.findings.wants_segments;
    for (number, frame) in (0..).zip(&block.frames) {
        clock = clock.max(frame.time);
        let bytes = block.captured(frame);
        let at = At { number, time: frame.time, clock };
        if let Some(flows) = flows.as_deref_mut() {
            flows.go_to(&block.part, frame);
        }
        if let Some(packet) = decode_usual(frame.link, bytes) {
            packets += 1;
            if let Some(flows) = flows.as_deref_mut() {
                flows.add_packet(&packet);
            }
            if notes {
                look.note_segment(number, &packet);
            }
            if may_matter(set, learned, packet.source, packet.destination) || may_speak(&packet) {
                look.closely(at, packet, &[]);
            }
            continue;
        }
        match decode_any(frame.link, bytes, frame.original) {
            Ok(decoded) => {
                packets += 1;
                if let Some(flows) = flows.as_deref_mut() {
                    flows.add_decoded(&decoded);
                }
                look.anything(at, &decoded);
            }
            Err(skip) => look.findings.counts.skipped[skip as usize] += 1,
        }
    }
    add_vlans(block, &mut findings.list);
    findings.counts.packets = packets;
    number(block, &mut findings.list);
    findings.earliest = block.frames.iter().map(|frame| frame.time).min();
    findings.latest = if block.frames.is_empty() { block.idle_until } else { Some(clock) };
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
    app_layer: AppLayer<'a>,
    findings: &'a mut Findings,
}

impl Look<'_> {
    /// Looks into what came the long way.
    fn anything(&mut self, at: At, decoded: &Decoded<'_>) {
        let Decoded { packet, outer, fragment, has_deeper_tunnel } = decoded;
        self.findings.counts.tunnels_too_deep += u64::from(*has_deeper_tunnel);
        for (depth, around) in outer.iter().enumerate() {
            if let Some(contact) = contact(self.set, self.learned, &around.flow) {
                self.findings.list.push(finding_around(at, around, &outer[..depth], contact));
            }
        }
        if fragment.is_some() {
            self.findings.list.push(finding(at, packet, outer, FindingKind::Fragment));
        } else {
            if self.findings.wants_segments {
                self.note_segment(at.number, packet);
            }
            self.closely(at, *packet, outer);
        }
    }

    /// Looks a packet's addresses up and into what it carries. Out of line and by value, so that a packet that needs no closer
    /// look never has to leave the registers.
    #[inline(never)]
    fn closely(&mut self, at: At, packet: Packet<'_>, outer: &[Encapsulation]) {
        let Findings { list, counts, .. } = &mut *self.findings;
        let mut report_at = |end: usize, what| {
            list.push(Finding { end: end as u32, ..finding(at, &packet, outer, what) });
        };
        if may_matter(self.set, self.learned, packet.source, packet.destination)
            && let Some(contact) = contact(self.set, self.learned, &packet.flow())
        {
            report_at(0, contact);
        }
        if !may_speak(&packet) {
            return;
        }
        if packet.protocol == Protocol::TCP {
            if let Reading::Begins(begins) = self.app_layer.read(Stream::of(&packet), counts, &mut report_at) {
                report_at(0, FindingKind::HeadBegins(begins as u32));
            }
            return;
        }
        let mut report = |what| report_at(0, what);
        if dns::is_name_service(&packet) {
            self.app_layer.names.read_message(packet.payload, counts, &mut report);
        } else {
            self.app_layer.datagram(&packet, &mut report);
        }
    }

    #[inline(always)]
    fn note_segment(&mut self, frame: u32, packet: &Packet<'_>) {
        if is_segment(packet) {
            self.findings.segments.push(Segment { tag: packet.tag(), frame });
        }
    }
}

/// The TCP segments with a payload of a Block whose scan did not note them.
pub fn segments(block: &Block) -> Vec<Segment> {
    let noted = (0..).zip(&block.frames).filter_map(|(number, frame)| {
        let decoded = decode(frame.link, block.captured(frame), frame.original).ok()?;
        let is_noted = decoded.fragment.is_none() && is_segment(&decoded.packet);
        is_noted.then(|| Segment { tag: decoded.packet.tag(), frame: number })
    });
    noted.collect()
}

#[inline(always)]
fn is_segment(packet: &Packet<'_>) -> bool {
    packet.tcp.is_some() && !packet.payload.is_empty()
}

/// Finds packets of a Block as mere contacts: for the tracker, where it learned addresses after the Block was scanned.
///
/// `is_wanted` is asked of each packet but fragments: its frame, how many others it lay in, its sender and its receiver.
pub fn scan_again(block: &Block, is_wanted: impl Fn(u32, usize, IpAddr, IpAddr) -> bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut clock = Timestamp::MIN;
    for (number, frame) in (0..).zip(&block.frames) {
        clock = clock.max(frame.time);
        let Ok(decoded) = decode(frame.link, block.captured(frame), frame.original) else { continue };
        let at = At { number, time: frame.time, clock };
        let Decoded { packet, outer, fragment, .. } = &decoded;
        let what = FindingKind::Contact { source: None, destination: None };
        for (depth, around) in outer.iter().enumerate() {
            if is_wanted(number, depth, around.flow.source.address, around.flow.destination.address) {
                found.push(finding_around(at, around, &outer[..depth], what.clone()));
            }
        }
        if fragment.is_none() && is_wanted(number, outer.len(), packet.source, packet.destination) {
            found.push(finding(at, packet, outer, what));
        }
    }
    add_vlans(block, &mut found);
    number(block, &mut found);
    found
}

fn finding(At { number, time, clock }: At, packet: &Packet<'_>, outer: &[Encapsulation], what: FindingKind) -> Finding {
    Finding {
        frame: number,
        packets: None,
        time,
        clock,
        flow: packet.flow(),
        length: packet.length,
        tcp: packet.tcp,
        macs: packet.macs(),
        vlans: Vlans::new(),
        outer: boxed(outer),
        end: 0,
        what,
    }
}

/// A finding about a packet that another lay in.
fn finding_around(
    At { number, time, clock }: At,
    around: &Encapsulation,
    outer: &[Encapsulation],
    what: FindingKind,
) -> Finding {
    let Encapsulation { flow, length, macs, .. } = *around;
    let (vlans, outer) = (Vlans::new(), boxed(outer));
    Finding { frame: number, packets: None, time, clock, flow, length, tcp: None, macs, vlans, outer, end: 0, what }
}

/// Says of each finding which packet it is about. Apart from the way of every packet, since few have findings.
fn number(block: &Block, list: &mut [Finding]) {
    for finding in list {
        finding.packets = block.packet(finding.frame);
    }
}

/// Adds what VLANs the frames of findings were in. Afterwards, and not as they are found: whatever more has to be at hand in the loop
/// over all frames costs each of them, and hardly any has a finding.
fn add_vlans(block: &Block, findings: &mut [Finding]) {
    for finding in findings {
        let Some(frame) = block.frames.get(finding.frame as usize) else { continue };
        let bytes = block.captured(frame);
        let is_usual = finding.outer.is_none() && decode_usual(frame.link, bytes).is_some();
        if is_usual {
            continue;
        }
        finding.vlans = match decode_any(frame.link, bytes, frame.original) {
            Ok(decoded) if decoded.outer.len() == finding.depth() => vlans(frame.link, bytes, &decoded.packet),
            // Of a packet around another: those of the frame itself, since between the tunnels there are hardly ever any.
            _ => outer_vlans(frame.link, bytes),
        };
    }
}

fn boxed(outer: &[Encapsulation]) -> Option<Box<[Encapsulation]>> {
    (!outer.is_empty()).then(|| outer.into())
}

/// Whether a packet carries what may be worth reading.
#[inline(always)]
fn may_speak(packet: &Packet<'_>) -> bool {
    if packet.payload.is_empty() {
        return false;
    }
    match packet.protocol {
        Protocol::TCP => dns::is_name_service(packet) || app_layer::may_be_head(packet.payload),
        Protocol::UDP => dns::is_name_service(packet) || quic::may_be_initial(packet.payload),
        _ => false,
    }
}

#[inline(always)]
fn may_matter(set: &IndicatorSet, learned: &Learned, source: IpAddr, destination: IpAddr) -> bool {
    set.may_list(source) || set.may_list(destination) || is_learned(learned, source, destination)
}

#[inline(always)]
fn is_learned(learned: &Learned, source: IpAddr, destination: IpAddr) -> bool {
    !learned.is_empty() && (learned.contains(source) || learned.contains(destination))
}

#[inline(never)]
fn contact(set: &IndicatorSet, learned: &Learned, flow: &Flow) -> Option<FindingKind> {
    let [source, destination] = [flow.source, flow.destination].map(|end| set.find_address(end.address, end.port));
    let is_contact =
        source.is_some() || destination.is_some() || is_learned(learned, flow.source.address, flow.destination.address);
    is_contact.then_some(FindingKind::Contact { source, destination })
}
