//! The data model of a report: the JSON form, from which the page is made, too.
//!
//! The doc comments of the fields are the descriptions in the published JSON Schema. All text from
//! the wire is sanitized, and the description of each list gives its order.

mod alert;
mod capture;
mod client;
mod exclusions;
mod hunt_query;
mod identity;
mod moment;
mod report;
mod settings;
mod verdict;

pub use alert::{Alert, Exclusion, Indicator, PacketNumber, Packets};
pub use capture::{Capture, File, Loss};
pub use client::{
    Beacon, Bucket, Chain, Client, FurtherClients, HistogramBin, Stage, TimedEvents, Timeline, Traffic, TrafficBucket,
    WorstFinding,
};
pub use exclusions::{Exclusions, Rule};
pub use hunt_query::HuntQuery;
pub use identity::{Identity, SeenMac, SeenName};
pub use moment::{Moment, Span};
pub use report::{FORM, Report, schema};
pub use settings::{List, Settings};
pub use verdict::{Examined, Level, SignatureSummary, Verdict};
