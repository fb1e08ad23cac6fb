//! The rescan of a Block: contacts that its scan could not find, because their addresses were
//! learned later.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::resolved::ResolvedAddresses;
use crate::capture::Block;
use crate::indicator::{LearnedAddresses, embedded};
use crate::scan::{DnsSighting, Finding, FindingKind, Findings, PacketEnds, find_contacts};
use crate::units::Timestamp;

/// The place of a finding or segment among the events of its Block. In a frame, contacts come
/// first, from the outermost packet to the innermost. The findings of a scan are in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EventPlace {
    frame: u32,
    is_content: bool,
    depth: usize,
}

impl EventPlace {
    pub(super) fn of(finding: &Finding) -> Self {
        let is_content = !matches!(finding.kind, FindingKind::Contact { .. });
        Self { frame: finding.frame, is_content, depth: finding.depth() }
    }

    /// The place of a segment: after the contacts of its frame, before the content.
    pub(super) fn of_segment(frame: u32) -> Self {
        Self { frame, is_content: true, depth: 0 }
    }

    fn of_contact(frame: u32, depth: usize) -> Self {
        Self { frame, is_content: false, depth }
    }

    pub(super) fn frame(&self) -> u32 {
        self.frame
    }
}

/// An event's place, and the clock at that place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    pub(super) place: EventPlace,
    pub(super) clock: Timestamp,
}

impl Turn {
    pub(super) fn of(finding: &Finding) -> Self {
        Self { place: EventPlace::of(finding), clock: finding.clock }
    }
}

/// The contacts that the scan of a Block could not find, as far as their turn has not come.
pub(super) struct Rescan {
    contacts: BTreeMap<EventPlace, Finding>,
    packets: Option<PacketsByAddress>,
}

impl Rescan {
    /// Finds the contacts with addresses that the scan did not know: learned in Blocks before this
    /// one, or from answers in it.
    pub(super) fn new(block: &Block, findings: &Findings, resolved: &ResolvedAddresses) -> Self {
        let known = findings.learned_generation;
        let mut answers = findings.list.iter().filter_map(answer).peekable();
        let mut contacts = BTreeMap::new();
        if answers.peek().is_some() || resolved.has_newer_than(known) {
            let in_block = answers.flat_map(|answer| answer.facts.addresses.iter().copied());
            let newer: HashSet<IpAddr> = in_block.chain(resolved.newer_than(known)).collect();
            let newer = LearnedAddresses::new(0, newer);
            let is_wanted = |packet: PacketEnds| {
                (newer.contains(packet.source) || newer.contains(packet.destination))
                    && !has_contact(findings, packet.frame, packet.depth)
            };
            let found = find_contacts(block, is_wanted);
            contacts.extend(found.into_iter().map(|found| (EventPlace::of(&found), found)));
        }
        Self { contacts, packets: None }
    }

    /// The turn of the next contact.
    pub(super) fn next_turn(&self) -> Option<Turn> {
        self.contacts.values().next().map(Turn::of)
    }

    /// Takes the next contact.
    pub(super) fn take(&mut self) -> Option<Finding> {
        self.contacts.pop_first().map(|(_, found)| found)
    }

    /// Adds the contacts with addresses that were learned from reassembled fragments or segments:
    /// those in this frame of the Block and after it.
    pub(super) fn add(
        &mut self,
        addresses: impl Iterator<Item = IpAddr>,
        first_frame: u32,
        block: &Block,
        findings: &Findings,
    ) {
        let packets = self.packets.get_or_insert_with(|| PacketsByAddress::of(block));
        for found in addresses.flat_map(|address| packets.with(address)) {
            if found.frame >= first_frame && !has_contact(findings, found.frame, found.depth()) {
                self.contacts.entry(EventPlace::of(found)).or_insert_with(|| found.clone());
            }
        }
    }
}

fn answer(finding: &Finding) -> Option<&DnsSighting> {
    match &finding.kind {
        FindingKind::Dns(sighting) if sighting.is_answer => Some(sighting),
        _ => None,
    }
}

/// Returns true if the scan found the contact of this packet.
fn has_contact(findings: &Findings, frame: u32, depth: usize) -> bool {
    let contact = EventPlace::of_contact(frame, depth);
    let start = findings.list.partition_point(|finding| EventPlace::of(finding) < contact);
    findings.list.get(start).is_some_and(|finding| EventPlace::of(finding) == contact)
}

/// All packets of a Block by their addresses. Made only if something was learned within the Block
/// from reassembled bytes, and then once: searching the Block for each such address could cost a
/// thousand times as much.
struct PacketsByAddress {
    packets: Vec<Finding>,
    indexes: HashMap<IpAddr, Vec<u32>, RandomState>,
}

impl PacketsByAddress {
    fn of(block: &Block) -> Self {
        let packets = find_contacts(block, |_| true);
        let mut indexes: HashMap<IpAddr, Vec<u32>, RandomState> = HashMap::default();
        for (index, packet) in (0..).zip(&packets) {
            for address in [packet.flow.source.address, packet.flow.destination.address] {
                indexes.entry(address).or_default().push(index);
                if let IpAddr::V6(address) = address {
                    for inner in embedded(address) {
                        indexes.entry(inner.address.into()).or_default().push(index);
                    }
                }
            }
        }
        Self { packets, indexes }
    }

    fn with(&self, address: IpAddr) -> impl Iterator<Item = &Finding> {
        let indexes = self.indexes.get(&address).into_iter().flatten();
        indexes.filter_map(|index| self.packets.get(*index as usize))
    }
}
