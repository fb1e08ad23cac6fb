//! The state of the sensor as `rattap status` shows it, in JSON: `/status`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::snapshot::Snapshot;
use crate::alert::Signature;

/// The state of a running sensor. Counts run since its start. The names of the fields are stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The version of the sensor.
    pub version: String,
    /// Faults at the moment, in words. Empty if the sensor is healthy.
    pub troubles: Vec<String>,
    /// Frames captured.
    pub packets: u64,
    /// Captured bytes of those frames.
    pub bytes: u64,
    /// The interfaces of the capture.
    pub interfaces: Vec<InterfaceStatus>,
    /// Items that were skipped or are incomplete, by reason. Reasons with 0 are omitted.
    pub skipped: BTreeMap<String, u64>,
    /// Alerts, by signature. Signatures with 0 are omitted.
    pub alerts: BTreeMap<String, u64>,
    /// Files, standard output and receivers.
    pub outputs: Vec<OutputStatus>,
    /// The spool, if there is one.
    pub spool: Option<SpoolStatus>,
    /// The lists of indicators in force.
    pub feeds: Vec<FeedStatus>,
}

/// An interface of the capture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InterfaceStatus {
    /// The name.
    pub name: String,
    /// True while packets can come from it.
    pub up: bool,
    /// Packets lost before they were captured, by reason: `kernel` or `interface`.
    pub dropped: BTreeMap<String, u64>,
}

/// An output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputStatus {
    /// The target, as in the settings.
    pub name: String,
    /// True while it takes alerts.
    pub up: bool,
    /// Alerts written to it.
    pub alerts: u64,
    /// Alerts lost for it.
    pub lost: u64,
}

/// The spool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpoolStatus {
    /// The size of the alerts that are not delivered.
    pub bytes: u64,
    /// The part of it that is only in memory.
    pub memory_bytes: u64,
    /// The most that the spool may hold.
    pub capacity_bytes: u64,
}

/// A list of indicators.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedStatus {
    /// The name of the file, or `builtin`.
    pub name: String,
    /// The number of its indicators in force.
    pub indicators: u64,
    /// The age of the list; `null` if it has no date.
    pub age_seconds: Option<u64>,
    /// True if the newest state of the list is in force.
    pub current: bool,
}

impl Status {
    /// The status of a snapshot.
    pub fn of(snapshot: &Snapshot) -> Self {
        let signatures = Signature::ALL.into_iter().map(|signature| signature.id().to_owned()).zip(snapshot.alerts);
        let skipped = snapshot.drops.iter().filter(|drop| drop.interface.is_none() && drop.count > 0);
        let interfaces = snapshot.interfaces.iter().map(|interface| {
            let own = snapshot.drops.iter().filter(|drop| drop.interface.as_ref() == Some(&interface.name));
            let dropped = own.map(|drop| (drop.reason.clone(), drop.count)).collect();
            InterfaceStatus { name: interface.name.clone(), up: interface.is_up, dropped }
        });
        let outputs = snapshot.outputs.iter().map(|output| OutputStatus {
            name: output.name.clone(),
            up: output.is_up,
            alerts: output.written,
            lost: output.lost,
        });
        let feeds = snapshot.feeds.iter().map(|feed| FeedStatus {
            name: feed.name.clone(),
            indicators: feed.indicators as u64,
            age_seconds: feed.age.map(|age| age.as_secs()),
            current: feed.is_current,
        });
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            troubles: snapshot.troubles.clone(),
            packets: snapshot.packets,
            bytes: snapshot.bytes.0,
            interfaces: interfaces.collect(),
            skipped: skipped.map(|drop| (drop.reason.clone(), drop.count)).collect(),
            alerts: signatures.filter(|(_, alerts)| *alerts > 0).collect(),
            outputs: outputs.collect(),
            spool: snapshot.spool.as_ref().map(|spool| SpoolStatus {
                bytes: spool.size.0,
                memory_bytes: spool.in_memory.0,
                capacity_bytes: spool.capacity.0,
            }),
            feeds: feeds.collect(),
        }
    }
}
