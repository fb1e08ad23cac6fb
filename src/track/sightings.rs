//! Sightings: from an alert's first draft to the line, or to the window of repeats that counts it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::counts::AlertCounts;
use super::exclusion_policy::ExclusionPolicy;
use super::host_identities::HostIdentities;
use crate::alert::exclusion::Exclusions;
use crate::alert::{Alert, Evidence, RepeatWindows, Traffic, Verdict, WindowId};
use crate::flow::Flow;
use crate::indicator::{Indicator, IndicatorCache, IndicatorId, IndicatorSet};
use crate::scan::Finding;
use crate::units::Timestamp;

use super::exclusion_policy::ExclusionCounts;

/// Reports sightings: judges them by the exclusions, counts them, and gathers their repeats.
pub(super) struct Sightings {
    /// The inside networks; empty for whatever is private by its kind.
    home: Vec<IpNet>,
    exclusions: ExclusionPolicy,
    repeats: RepeatWindows,
    indicators: IndicatorCache,
    identities: HostIdentities,
    counts: AlertCounts,
}

/// A conversation of which more packets may follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct OngoingConversation {
    /// Its flow, as of [`Flow::canonical`].
    pub(super) flow: Flow,
    /// The longest silence.
    pub(super) timeout: Duration,
    /// True if it was reported before, by an earlier request in it.
    pub(super) was_reported: bool,
}

/// The result of reporting a sighting.
pub(super) struct Reported {
    /// The window that the traffic of the same conversation belongs to.
    pub(super) window: Option<WindowId>,
    /// The verdict of the exclusions.
    pub(super) verdict: Option<Verdict>,
}

impl Sightings {
    pub(super) fn new(home: Vec<IpNet>, exclusions: Arc<Exclusions>, repeat_window: Duration) -> Self {
        Self {
            home,
            exclusions: ExclusionPolicy::new(exclusions),
            repeats: RepeatWindows::new(repeat_window),
            indicators: IndicatorCache::default(),
            identities: HostIdentities::default(),
            counts: AlertCounts::default(),
        }
    }

    /// The indicator that a look-up in `set` found, shared by all alerts about it.
    pub(super) fn indicator(&mut self, set: &Arc<IndicatorSet>, id: IndicatorId) -> Option<Arc<Indicator>> {
        self.indicators.get(set, id)
    }

    /// The identities of hosts, for the alerts from now on.
    pub(super) fn identities(&mut self) -> &mut HostIdentities {
        &mut self.identities
    }

    /// The number of hosts whose identities were forgotten because there were too many.
    pub(super) fn identities_forgotten(&self) -> u64 {
        self.identities.forgotten()
    }

    /// Reports a sighting.
    pub(super) fn report(
        &mut self,
        mut alert: Alert,
        finding: &Finding,
        conversation: Option<OngoingConversation>,
        emit: &mut dyn FnMut(Alert),
    ) -> Reported {
        alert.outbound = self.is_outbound(&alert);
        self.exclusions.judge_sighting(&mut alert, finding.time);
        self.repeats.note_tunnels(&alert, finding.tunnels.as_deref());
        self.counts.count_sighting(alert.signature);
        let verdict = alert.exclusion.clone();
        let was_reported = conversation.is_some_and(|conversation| conversation.was_reported);
        let place = conversation.map(|conversation| (conversation.flow, conversation.timeout));
        let window = self.repeats.sighting(
            alert,
            place,
            was_reported,
            &mut self.counts.counting(&mut self.identities.identifying(emit)),
        );
        Reported { window, verdict }
    }

    /// Reports a further packet of a conversation. `alert` makes its alert, for the case that the
    /// window is gone. Returns the window that it was added to.
    pub(super) fn report_traffic(
        &mut self,
        window: Option<WindowId>,
        traffic: Traffic,
        conversation: OngoingConversation,
        alert: impl FnOnce() -> Alert,
        emit: &mut dyn FnMut(Alert),
    ) -> Option<WindowId> {
        let home = &self.home;
        let alert = || {
            let mut alert = alert();
            alert.outbound = is_outbound(&alert, home);
            alert
        };
        let place = (conversation.flow, conversation.timeout);
        self.repeats.traffic(
            window,
            traffic,
            place,
            alert,
            &mut self.counts.counting(&mut self.identities.identifying(emit)),
        )
    }

    /// Replaces the sentence of a window's latest sighting, if more was learned about it.
    pub(super) fn set_message(&mut self, window: Option<WindowId>, message: String) {
        self.repeats.set_message(window, message);
    }

    /// The verdict of the exclusions on what follows a sighting.
    pub(super) fn verdict(&self, alert: &Alert, time: Timestamp) -> Option<Verdict> {
        self.exclusions.verdict(alert, time)
    }

    /// Returns true if there are exclusions.
    pub(super) fn has_exclusions(&self) -> bool {
        self.exclusions.has_rules()
    }

    /// Replaces the exclusions.
    pub(super) fn set_exclusions(&mut self, exclusions: Arc<Exclusions>) {
        self.exclusions.set(exclusions);
    }

    /// Keeps the evidence of all alerts from now on.
    pub(super) fn keep_evidence(&mut self) {
        self.repeats.keep_evidence();
    }

    /// The evidence that was kept.
    pub(super) fn take_evidence(&mut self) -> Option<Evidence> {
        self.repeats.take_evidence()
    }

    /// Closes the windows that are due.
    pub(super) fn close_due(&mut self, now: Timestamp, emit: &mut dyn FnMut(Alert)) {
        self.repeats.close_due(now, &mut self.counts.counting(&mut self.identities.identifying(emit)));
    }

    /// Closes all windows.
    pub(super) fn close_all(&mut self, emit: &mut dyn FnMut(Alert)) {
        self.repeats.close_all(&mut self.counts.counting(&mut self.identities.identifying(emit)));
    }

    /// Returns true if a window is open.
    pub(super) fn has_windows(&self) -> bool {
        !self.repeats.is_empty()
    }

    /// The counts of sightings and alerts.
    pub(super) fn counts(&self) -> &AlertCounts {
        &self.counts
    }

    /// The number of windows that were closed early because there were too many.
    pub(super) fn windows_closed_early(&self) -> u64 {
        self.repeats.closed_early()
    }

    /// The counts of the exclusions.
    pub(super) fn exclusion_counts(&self) -> &[ExclusionCounts] {
        self.exclusions.counts()
    }

    /// The number of hosts whose contacts were forgotten because there were too many.
    pub(super) fn hosts_forgotten(&self) -> u64 {
        self.exclusions.hosts_forgotten()
    }

    fn is_outbound(&self, alert: &Alert) -> bool {
        is_outbound(alert, &self.home)
    }
}

/// Returns true if the client is inside and the server is not.
fn is_outbound(alert: &Alert, home: &[IpNet]) -> bool {
    is_inside(alert.client.address, home) && !is_inside(alert.server.address, home)
}

/// Returns true if an address is in one of these networks or, if there are none, private by its
/// kind.
fn is_inside(address: IpAddr, home: &[IpNet]) -> bool {
    if !home.is_empty() {
        return home.iter().any(|network| network.contains(&address));
    }
    match address {
        // RFC 1918, RFC 6598 (carrier-grade NAT), RFC 3927, loopback.
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            address.is_private() || address.is_loopback() || address.is_link_local() || (a == 100 && b & 0xc0 == 64)
        }
        // RFC 4193, RFC 4291.
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_inside(IpAddr::V4(mapped), home),
            None => address.is_unique_local() || address.is_unicast_link_local() || address.is_loopback(),
        },
    }
}
