//! Totals of the alerts: by host and by signature.

use super::outcome::ContactOutcome;
use crate::alert::{Alert, Signature};
use crate::units::Timestamp;

/// The totals of a signature.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SignatureTotals {
    pub(super) alerts: u64,
    pub(super) sightings: u64,
    pub(super) hosts: u64,
    /// The highest severity, without downgraded alerts.
    pub(super) severity: u8,
    /// The first and the last packet, without downgraded alerts.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    /// The highest confidence of an indicator, without downgraded alerts.
    pub(super) confidence: u8,
}

impl SignatureTotals {
    /// Adds an alert. `is_new_host` is true if it is the first one of its host with this signature.
    pub(super) fn add(&mut self, alert: &Alert, is_new_host: bool, is_downgraded: bool) {
        self.alerts += 1;
        self.sightings += alert.count;
        self.hosts += u64::from(is_new_host);
        if !is_downgraded {
            self.severity = self.severity.max(alert.severity);
            let (first, last) = self.span.unwrap_or((alert.start, alert.end));
            self.span = Some((first.min(alert.start), last.max(alert.end)));
            self.confidence = self.confidence.max(alert.indicator.as_ref().map_or(0, |indicator| indicator.confidence));
        }
    }
}

/// A set of signatures, with one bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SignatureSet(u32);

impl SignatureSet {
    pub(super) fn of(signatures: &[Signature]) -> Self {
        signatures.iter().fold(Self::default(), |mut set, signature| {
            set.insert(*signature);
            set
        })
    }

    /// Returns true if the signature was not in the set.
    pub(super) fn insert(&mut self, signature: Signature) -> bool {
        let bit = 1 << signature.index();
        let is_new = self.0 & bit == 0;
        self.0 |= bit;
        is_new
    }

    pub(super) fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The totals of a host.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostTotals {
    /// The severity and signature of the most severe alert.
    pub(super) worst: (u8, Signature),
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) alerts: u64,
    pub(super) sightings: u64,
    signatures: SignatureSet,
    /// The signatures of alerts that were not downgraded.
    pub(super) not_downgraded: SignatureSet,
    /// The furthest that contact with listed servers came, without downgraded alerts.
    pub(super) contact: Option<ContactOutcome>,
}

impl HostTotals {
    /// The totals of no alerts yet; `first` is the one that will be added first.
    pub(super) fn new(first: &Alert) -> Self {
        Self {
            worst: (first.severity, first.signature),
            first: first.start,
            last: first.end,
            alerts: 0,
            sightings: 0,
            signatures: SignatureSet::default(),
            not_downgraded: SignatureSet::default(),
            contact: None,
        }
    }

    /// Adds an alert. Returns true if it is the first one with its signature.
    pub(super) fn add(&mut self, alert: &Alert, is_downgraded: bool) -> bool {
        if alert.severity > self.worst.0 {
            self.worst = (alert.severity, alert.signature);
        }
        self.first = self.first.min(alert.start);
        self.last = self.last.max(alert.end);
        self.alerts += 1;
        self.sightings += alert.count;
        if !is_downgraded {
            self.not_downgraded.insert(alert.signature);
            self.contact = self.contact.max(ContactOutcome::of(alert));
        }
        self.signatures.insert(alert.signature)
    }
}
