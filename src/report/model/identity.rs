//! The identity of a host.

use schemars::JsonSchema;
use serde::Serialize;

use super::Moment;

/// The facts that say which machine a host is, as far as they were seen before its alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Identity {
    /// The names by which the host identified itself, the most reliable source first.
    pub names: Vec<SeenName>,
    /// The accounts that were used on the host.
    pub accounts: Vec<SeenName>,
    /// The MAC addresses: that in DHCP, then those in the frames at the sensor, which may be of a
    /// router.
    pub macs: Vec<SeenMac>,
    /// The VLANs of its frames: the identifiers of a frame's tags, joined by dots, the outermost
    /// first.
    pub vlans: Vec<String>,
}

/// A name or an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SeenName {
    /// The name, or the account with its realm.
    pub value: String,
    /// `dhcp`, `netbios`, `kerberos`, `llmnr` or `mdns`.
    pub source: String,
    /// The time of the latest packet with it.
    pub seen: Moment,
}

/// A MAC address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SeenMac {
    /// The address.
    pub address: String,
    /// The first three bytes, which the IEEE assigned to the vendor. Null if the address was
    /// assigned locally.
    pub vendor_prefix: Option<String>,
    /// True if the address was assigned locally, as in virtual machines and for privacy.
    pub is_locally_administered: bool,
    /// `dhcp`, or `frames` for the frames at the sensor.
    pub source: String,
}
