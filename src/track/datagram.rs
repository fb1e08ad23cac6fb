//! Scans what defragmentation releases: a whole datagram, or the beginning of one.

use super::defrag::Released;
use super::resolved::ResolvedAddresses;
use crate::capture::Block;
use crate::decode::decode;
use crate::indicator::LearnedAddresses;
use crate::scan::{Finding, Findings, ScanCounts, ScanRequest, scan};

/// Scans a datagram. Its findings have the length, packet numbers, hardware addresses, VLANs and
/// tunnels of its fragments.
pub(super) fn scan_datagram(
    released: &Released,
    resolved: &ResolvedAddresses,
    request: ScanRequest,
    counts: &mut ScanCounts,
) -> Vec<Finding> {
    let block = &released.block;
    let mut findings = Findings::default();
    scan(block, &learned_in(block, resolved), request, &mut findings);
    counts.add(&findings.counts);
    for finding in &mut findings.list {
        if finding.depth() == 0 {
            finding.length = released.length;
        }
        finding.packets = released.packets;
        finding.macs = finding.macs.or(released.macs);
        if finding.vlans.is_empty() {
            finding.vlans.clone_from(&released.vlans);
        }
        if let Some(tunnels) = &released.tunnels {
            let inner = finding.tunnels.as_deref().unwrap_or_default();
            finding.tunnels = Some(tunnels.iter().chain(inner).copied().collect());
        }
    }
    findings.list
}

/// The learned addresses that occur in a Block of few frames.
fn learned_in(block: &Block, resolved: &ResolvedAddresses) -> LearnedAddresses {
    let mut found = Vec::new();
    for frame in &block.frames {
        let Ok(decoded) = decode(frame.link, block.captured(frame), frame.original) else { continue };
        let flows = decoded.outer.iter().map(|tunnel| tunnel.flow).chain([decoded.packet.flow()]);
        let addresses = flows.flat_map(|flow| [flow.source.address, flow.destination.address]);
        found.extend(addresses.filter(|address| resolved.find(*address, frame.time).is_some()));
    }
    LearnedAddresses::new(0, found)
}
