//! Contacts: packets to or from listed or learned addresses, gathered into conversations.

use std::sync::Arc;

use super::contact_match::{ContactEnds, ContactMatch};
use super::conversation::{Conversation, Conversations, DatedVerdict};
use super::resolved::ResolvedAddresses;
use super::sightings::{OngoingConversation, Sightings};
use crate::alert::{Alert, Traffic};
use crate::capture::Block;
use crate::indicator::Indicator;
use crate::scan::Finding;
use crate::units::Timestamp;

/// Reports contacts.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    conversations: Conversations,
}

impl Contacts {
    /// Reports a contact: a sighting if it begins a conversation or is a stronger match than those
    /// before, otherwise more traffic of a conversation.
    pub(super) fn report(
        &mut self,
        ends: ContactEnds,
        block: &Block,
        finding: &Finding,
        resolved: &ResolvedAddresses,
        sightings: &mut Sightings,
        emit: &mut dyn FnMut(Alert),
    ) {
        // An address that was forgotten since the scan is not a contact any more, not even of a
        // known conversation.
        let (sender, receiver) = (finding.flow.source.address, finding.flow.destination.address);
        if !ends.is_listed() && !resolved.contains(sender) && !resolved.contains(receiver) {
            return;
        }
        let matched = ContactMatch::of(finding, ends, |id| sightings.indicator(&block.indicators, id), resolved);
        let is_sighting;
        let conversation = match self.conversations.find(finding) {
            Some(known) => {
                let stronger = matched.filter(|matched| matched.strength() > known.matched.strength());
                is_sighting = stronger.is_some();
                if let Some(stronger) = stronger {
                    known.matched = stronger;
                    known.window = None;
                }
                known
            }
            None => {
                let Some(matched) = matched else { return };
                is_sighting = true;
                let from_client = matched.is_from_client(finding, ends.are_both_listed());
                let new = Conversation::new(finding, block.origin.clone(), matched, from_client);
                self.conversations.insert(finding.flow, new)
            }
        };
        let bytes = conversation.add(finding);
        let packets = finding.packets;
        let ongoing = OngoingConversation {
            flow: finding.flow.canonical(),
            timeout: conversation.timeout(),
            was_reported: false,
        };
        if is_sighting {
            let reported = sightings.report(conversation.alert(bytes, packets), finding, Some(ongoing), emit);
            conversation.verdict = DatedVerdict::new(reported.verdict, finding.time);
            conversation.window = reported.window;
            return;
        }
        if conversation.verdict.is_outdated(finding.time, sightings.has_exclusions()) {
            let verdict = sightings.verdict(&conversation.alert(bytes, packets), finding.time);
            if !conversation.verdict.is_same(verdict.as_ref()) {
                conversation.window = None;
            }
            conversation.verdict = DatedVerdict::new(verdict, finding.time);
        }
        let traffic = Traffic {
            start: conversation.first,
            time: finding.time,
            sent: bytes.sent,
            received: bytes.received,
            packets,
            tcp_outcome: conversation.tcp_outcome,
        };
        let alert = || conversation.verdict.put_on(conversation.alert(bytes, packets));
        conversation.window = sightings.report_traffic(conversation.window, traffic, ongoing, alert, emit);
    }

    /// The indicator of the conversation that a packet belongs to.
    pub(super) fn indicator_of(&mut self, finding: &Finding) -> Option<Arc<Indicator>> {
        self.conversations.find(finding).map(|known| known.matched.indicator.clone())
    }

    /// Forgets conversations that have ended.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.conversations.expire(now);
    }

    /// Returns true if no packet of this time belongs to a known conversation.
    pub(super) fn have_ended(&self, now: Timestamp) -> bool {
        self.conversations.have_ended(now)
    }

    /// The number of conversations that were forgotten because there were too many.
    pub(super) fn forgotten(&self) -> u64 {
        self.conversations.forgotten()
    }
}
