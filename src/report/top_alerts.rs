//! The most significant alerts of a host, within a bound.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{convert, model};
use crate::alert::{Alert, Phase};
use crate::units::Timestamp;

/// The maximum number of alerts of a host, and of suppressed alerts.
pub(super) const MAX_ALERTS: usize = 100;

/// The most significant alerts. First alerts precede updates, so that the updates of a long beacon
/// do not displace its beginning. Of equal ones the more severe comes first, then the earlier one.
#[derive(Default)]
pub(super) struct TopAlerts(BTreeMap<AlertRank, model::Alert>);

/// The rank of an alert: the lowest is the most significant. The order of the fields matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct AlertRank {
    is_update: bool,
    severity: Reverse<u8>,
    seen: Timestamp,
    /// Distinguishes alerts of the same time.
    serial: u64,
}

impl TopAlerts {
    /// Adds an alert, which displaces the least significant one if the maximum is reached. `serial`
    /// is the number of the alert in the run.
    pub(super) fn add(&mut self, alert: &Alert, serial: u64) {
        let rank = AlertRank {
            is_update: alert.phase == Phase::Update,
            severity: Reverse(alert.severity),
            seen: alert.seen,
            serial,
        };
        if self.0.len() >= MAX_ALERTS {
            if self.0.last_key_value().is_some_and(|(last, _)| *last < rank) {
                return;
            }
            self.0.pop_last();
        }
        self.0.insert(rank, convert::alert(alert));
    }

    /// The alerts in the order of their sightings.
    pub(super) fn into_list(self) -> Vec<model::Alert> {
        let mut list: Vec<_> = self.0.into_iter().collect();
        list.sort_by_key(|(rank, _)| (rank.seen, rank.serial));
        list.into_iter().map(|(_, alert)| alert).collect()
    }
}
