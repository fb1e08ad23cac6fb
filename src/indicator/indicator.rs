//! One indicator with all that its sources say about it.

use std::sync::Arc;

use super::Pattern;
use crate::units::Timestamp;

/// The family of indicators whose sources name none.
pub const UNKNOWN_FAMILY: &str = "unknown malware";

/// One listed address, endpoint, network or domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indicator {
    /// The address, endpoint, network or domain.
    pub pattern: Pattern,
    /// The malware family, such as `NetSupportManager RAT`.
    pub family: Arc<str>,
    /// The type of threat, such as `botnet_cc`.
    pub threat: Arc<str>,
    /// The confidence of the source, from 0 to 100.
    pub confidence: u8,
    /// The time at which the source first saw it.
    pub first_seen: Option<Timestamp>,
    /// The time at which the source last saw it.
    pub last_seen: Option<Timestamp>,
    /// The lists that name it, separated by commas.
    pub source: Arc<str>,
    /// References with more information: a list's name and date or line, or a URL.
    pub reference: Arc<str>,
    /// The source's own tags.
    pub tags: Vec<Arc<str>>,
    /// The source's own identifier.
    pub id: Option<Arc<str>>,
    /// True if the source says that this is somebody else's compromised site: its owner is a victim
    /// too.
    pub is_compromised: bool,
    /// True if the source lists a URL and this is only the host of that URL, which is a weaker
    /// statement.
    pub is_from_url: bool,
}

impl Indicator {
    /// The caveats that an alert appends to its sentence; empty if there are none.
    pub fn remark(&self) -> &'static str {
        match (self.is_compromised, self.is_from_url) {
            (true, false) => ", marked as a compromised site, whose owner is a victim too",
            (true, true) => ", the host of a listed URL, marked as a compromised site, whose owner is a victim too",
            (false, true) => ", the host of a listed URL",
            (false, false) => "",
        }
    }
}
