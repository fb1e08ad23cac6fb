//! The counts of the tracker.

use super::defrag::DefragCounts;
use super::exclusion_policy::ExclusionCounts;
use super::tcp_reassembly::ReassemblyCounts;
use crate::alert::{Alert, Phase, Signature};

/// The counts of the tracker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrackCounts {
    /// Sightings by signature, in the order of [`Signature::ALL`].
    pub sightings: [u64; Signature::ALL.len()],
    /// Alerts by signature, in the order of [`Signature::ALL`].
    pub alerts: [u64; Signature::ALL.len()],
    /// Those of the alerts that report a first sighting, by signature. The others are updates.
    pub first_alerts: [u64; Signature::ALL.len()],
    /// Lines that were not written since an exclusion suppresses them. Their sightings are among
    /// `sightings`.
    pub suppressed_lines: u64,
    /// Sightings that exclusions match, rule by rule.
    pub exclusions: Vec<ExclusionCounts>,
    /// Hosts whose contact with something listed was forgotten: too many hosts.
    pub contacts_forgotten: u64,
    /// Conversations that were forgotten: too many.
    pub conversations_forgotten: u64,
    /// Repeat windows that were closed early: too many.
    pub windows_closed_early: u64,
    /// Learned addresses that were forgotten: too many.
    pub addresses_forgotten: u64,
    /// Addresses in answers that were not learned because they belong to no host.
    pub addresses_refused: u64,
    /// Addresses in answers beyond the bound for one answer.
    pub addresses_beyond: u64,
    /// Fragments, and the outcome of their datagrams.
    pub fragments: DefragCounts,
    /// Heads in several segments, and their outcome.
    pub heads: ReassemblyCounts,
    /// ClientHellos in several QUIC datagrams that never became complete.
    pub hellos_given_up: u64,
    /// Sessions that were forgotten: too many.
    pub sessions_forgotten: u64,
    /// Hosts whose names and accounts were forgotten: too many.
    pub identities_forgotten: u64,
}

/// The counts of sightings and alerts.
#[derive(Debug, Default)]
pub(super) struct AlertCounts {
    /// By signature, in the order of [`Signature::ALL`].
    pub(super) sightings: [u64; Signature::ALL.len()],
    /// By signature, in the order of [`Signature::ALL`].
    pub(super) alerts: [u64; Signature::ALL.len()],
    /// By signature, in the order of [`Signature::ALL`].
    pub(super) first_alerts: [u64; Signature::ALL.len()],
    pub(super) suppressed_lines: u64,
}

impl AlertCounts {
    pub(super) fn count_sighting(&mut self, signature: Signature) {
        self.sightings[signature.index()] += 1;
    }

    /// Counts each alert on its way to `emit`.
    pub(super) fn counting(&mut self, emit: &mut dyn FnMut(Alert)) -> impl FnMut(Alert) {
        |alert: Alert| {
            if alert.is_suppressed() {
                self.suppressed_lines += 1;
            } else {
                self.alerts[alert.signature.index()] += 1;
                self.first_alerts[alert.signature.index()] += u64::from(alert.phase == Phase::First);
            }
            emit(alert);
        }
    }
}
