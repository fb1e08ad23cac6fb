//! Contacts that a scan could not find, because their addresses were learned after it.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Block;
use crate::indicator::embedded;
use crate::scan::{Finding, FindingKind, Findings, scan_again};

/// Where a finding stands among those of its Block: its frame, contacts first, from the outermost packet to the innermost.
pub(super) type Place = (u32, bool, usize);

pub(super) fn place(finding: &Finding) -> Place {
    // The findings of a scan are in this order.
    (finding.frame, !matches!(finding.what, FindingKind::Contact { .. }), finding.depth())
}

/// Whether a scan found the contact of a packet, told by its frame and how many others it lay in.
pub(super) fn has_contact(findings: &Findings, frame: u32, depth: usize) -> bool {
    let wanted: Place = (frame, false, depth);
    let start = findings.list.partition_point(|finding| place(finding) < wanted);
    findings.list.get(start).is_some_and(|finding| place(finding) == wanted)
}

/// Contacts that the scan could not find.
pub(super) type Rescan = BTreeMap<Place, Finding>;

/// All packets of a Block by their addresses. Made only where something was learned within it from fragments, and then once:
/// looking through the Block for each such address could cost a thousand times as much.
pub(super) struct PacketsByAddress {
    packets: Vec<Finding>,
    places: HashMap<IpAddr, Vec<u32>, RandomState>,
}

impl PacketsByAddress {
    pub(super) fn of(block: &Block) -> Self {
        let packets = scan_again(block, |_, _, _, _| true);
        let mut places: HashMap<IpAddr, Vec<u32>, RandomState> = HashMap::default();
        for (place, packet) in (0..).zip(&packets) {
            for address in [packet.flow.source.address, packet.flow.destination.address] {
                places.entry(address).or_default().push(place);
                if let IpAddr::V6(address) = address {
                    for inner in embedded(address) {
                        places.entry(inner.address.into()).or_default().push(place);
                    }
                }
            }
        }
        Self { packets, places }
    }

    pub(super) fn with(&self, address: IpAddr) -> impl Iterator<Item = &Finding> {
        let places = self.places.get(&address).into_iter().flatten();
        places.filter_map(|place| self.packets.get(*place as usize))
    }
}
