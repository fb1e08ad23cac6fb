//! Makes findings about the packets of a frame.

use super::finding::{Finding, FindingKind};
use crate::capture::Block;
use crate::decode::{Encapsulation, Packet, decode_fast, decode_full, outer_vlans, vlans};
use crate::flow::Vlans;
use crate::units::Timestamp;

/// The frame that is scanned.
#[derive(Clone, Copy)]
pub(super) struct FrameContext {
    /// Its index in the Block.
    pub(super) number: u32,
    pub(super) time: Timestamp,
    /// The highest time up to it.
    pub(super) clock: Timestamp,
}

impl FrameContext {
    /// A finding about the innermost packet of the frame.
    pub(super) fn packet_finding(self, packet: &Packet<'_>, tunnels: &[Encapsulation], kind: FindingKind) -> Finding {
        Finding {
            frame: self.number,
            packets: None,
            time: self.time,
            clock: self.clock,
            flow: packet.flow(),
            length: packet.length,
            tcp: packet.tcp,
            macs: packet.macs(),
            vlans: Vlans::new(),
            tunnels: boxed(tunnels),
            head_end: 0,
            kind,
        }
    }

    /// A finding about the packet of a tunnel.
    pub(super) fn tunnel_finding(
        self,
        tunnel: &Encapsulation,
        tunnels: &[Encapsulation],
        kind: FindingKind,
    ) -> Finding {
        Finding {
            frame: self.number,
            packets: None,
            time: self.time,
            clock: self.clock,
            flow: tunnel.flow,
            length: tunnel.length,
            tcp: None,
            macs: tunnel.macs,
            vlans: Vlans::new(),
            tunnels: boxed(tunnels),
            head_end: 0,
            kind,
        }
    }
}

fn boxed(tunnels: &[Encapsulation]) -> Option<Box<[Encapsulation]>> {
    (!tunnels.is_empty()).then(|| tunnels.into())
}

/// Adds packet numbers and VLANs to findings. This is done after the scan, since every value that
/// the loop over all frames has to keep at hand costs each frame, and hardly any has a finding.
pub(super) fn complete(block: &Block, findings: &mut [Finding]) {
    for finding in findings {
        finding.packets = block.packet(finding.frame);
        let Some(frame) = block.frames.get(finding.frame as usize) else { continue };
        let bytes = block.captured(frame);
        let is_usual = finding.tunnels.is_none() && decode_fast(frame.link, bytes).is_some();
        if is_usual {
            continue;
        }
        finding.vlans = match decode_full(frame.link, bytes, frame.original) {
            Ok(decoded) if decoded.outer.len() == finding.depth() => vlans(frame.link, bytes, &decoded.packet),
            // For a tunnel's packet those of the frame itself: there are hardly ever any between
            // tunnels.
            _ => outer_vlans(frame.link, bytes),
        };
    }
}
