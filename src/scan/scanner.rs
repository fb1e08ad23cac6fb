//! The scan: one pass over the frames of a Block.

use super::app_layer::{AppLayer, HeadSink, StreamParse, may_carry_head};
use super::contacts::{contact, may_be_contact};
use super::finding::{Finding, FindingKind, Findings, ScanCounts, Segment};
use super::flow_hashes::FlowHashes;
use super::frame_context::{FrameContext, complete};
use crate::capture::Block;
use crate::decode::{Decoded, Encapsulation, Packet, decode, decode_fast, decode_full};
use crate::indicator::{IndicatorSet, LearnedAddresses};
use crate::units::Timestamp;

/// The extras that a scan is asked for, in addition to findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanRequest {
    /// Report all names, not only those that are listed.
    pub names: bool,
    /// Note all TCP segments with a payload.
    pub segments: bool,
    /// Note the flows of all packets.
    pub flow_hashes: bool,
}

/// Scans a Block.
pub fn scan(block: &Block, learned: &LearnedAddresses, request: ScanRequest, findings: &mut Findings) {
    findings.learned_generation = learned.generation();
    findings.list.clear();
    findings.segments.clear();
    findings.has_segments = request.segments;
    findings.counts = ScanCounts::default();
    let mut flow_hashes = std::mem::take(&mut findings.flow_hashes);
    flow_hashes.begin(&block.location);
    // Two loops, so that neither pays for the other's work.
    if request.flow_hashes {
        scan_frames(block, learned, request, findings, Some(&mut flow_hashes));
        flow_hashes.finish();
    } else {
        scan_frames(block, learned, request, findings, None);
    }
    findings.flow_hashes = flow_hashes;
}

#[inline(always)]
fn scan_frames(
    block: &Block,
    learned: &LearnedAddresses,
    request: ScanRequest,
    findings: &mut Findings,
    mut flow_hashes: Option<&mut FlowHashes>,
) {
    let set = &*block.indicators;
    let app_layer = AppLayer::new(set, request.names);
    let mut scanner = Scanner { set, learned, app_layer, notes_segments: request.segments, findings };
    let (mut earliest, mut clock) = (Timestamp::MAX, Timestamp::MIN);
    let mut packets = 0;
    for (number, frame) in (0..).zip(&block.frames) {
        earliest = earliest.min(frame.time);
        clock = clock.max(frame.time);
        let bytes = block.captured(frame);
        let context = FrameContext { number, time: frame.time, clock };
        if let Some(flow_hashes) = flow_hashes.as_deref_mut() {
            flow_hashes.go_to(&block.location, frame);
        }
        if let Some(packet) = decode_fast(frame.link, bytes) {
            packets += 1;
            if let Some(flow_hashes) = flow_hashes.as_deref_mut() {
                flow_hashes.add_packet(&packet);
            }
            if request.segments {
                scanner.note_segment(number, &packet);
            }
            if may_be_contact(set, learned, packet.source, packet.destination) || may_carry_head(&packet) {
                scanner.inspect(context, packet, &[]);
            }
            continue;
        }
        match decode_full(frame.link, bytes, frame.original) {
            Ok(decoded) => {
                packets += 1;
                if let Some(flow_hashes) = flow_hashes.as_deref_mut() {
                    flow_hashes.add_decoded(&decoded);
                }
                scanner.inspect_decoded(context, &decoded);
            }
            Err(skip) => scanner.findings.counts.skipped[skip as usize] += 1,
        }
    }
    findings.counts.packets = packets;
    complete(block, &mut findings.list);
    let is_empty = block.frames.is_empty();
    findings.earliest = (!is_empty).then_some(earliest);
    findings.latest = if is_empty { block.idle_until } else { Some(clock) };
}

/// Inspects the packets that may give findings.
struct Scanner<'a> {
    set: &'a IndicatorSet,
    learned: &'a LearnedAddresses,
    app_layer: AppLayer<'a>,
    notes_segments: bool,
    findings: &'a mut Findings,
}

impl Scanner<'_> {
    /// Inspects a packet of an unusual shape, and those of the tunnels around it.
    fn inspect_decoded(&mut self, context: FrameContext, decoded: &Decoded<'_>) {
        let Decoded { packet, outer, fragment, has_deeper_tunnel } = decoded;
        self.findings.counts.tunnels_too_deep += u64::from(*has_deeper_tunnel);
        for (depth, tunnel) in outer.iter().enumerate() {
            if let Some(contact) = contact(self.set, self.learned, &tunnel.flow) {
                self.findings.list.push(context.tunnel_finding(tunnel, &outer[..depth], contact));
            }
        }
        if fragment.is_some() {
            self.findings.list.push(context.packet_finding(packet, outer, FindingKind::Fragment));
        } else {
            if self.notes_segments {
                self.note_segment(context.number, packet);
            }
            self.inspect(context, *packet, outer);
        }
    }

    /// Looks up a packet's addresses and reads its payload. Out of line and by value, so that a
    /// packet that needs no inspection never has to leave the registers.
    #[inline(never)]
    fn inspect(&mut self, context: FrameContext, packet: Packet<'_>, tunnels: &[Encapsulation]) {
        let Findings { list, counts, .. } = &mut *self.findings;
        let mut report = |head_end: usize, kind| {
            let head_end = head_end as u32;
            list.push(Finding { head_end, ..context.packet_finding(&packet, tunnels, kind) });
        };
        if may_be_contact(self.set, self.learned, packet.source, packet.destination)
            && let Some(contact) = contact(self.set, self.learned, &packet.flow())
        {
            report(0, contact);
        }
        let result = self.app_layer.read_packet(&packet, &mut HeadSink::new(counts, &mut report));
        if let StreamParse::Partial(offset) = result {
            report(0, FindingKind::PartialHead(offset as u32));
        }
    }

    #[inline(always)]
    fn note_segment(&mut self, frame: u32, packet: &Packet<'_>) {
        if has_segment(packet) {
            self.findings.segments.push(Segment { tag: packet.flow_hash(), frame });
        }
    }
}

/// The TCP segments with a payload in a Block whose scan did not note them.
pub fn segments(block: &Block) -> Vec<Segment> {
    let segments = (0..).zip(&block.frames).filter_map(|(number, frame)| {
        let decoded = decode(frame.link, block.captured(frame), frame.original).ok()?;
        let is_segment = decoded.fragment.is_none() && has_segment(&decoded.packet);
        is_segment.then(|| Segment { tag: decoded.packet.flow_hash(), frame: number })
    });
    segments.collect()
}

#[inline(always)]
fn has_segment(packet: &Packet<'_>) -> bool {
    packet.tcp.is_some() && !packet.payload.is_empty()
}
