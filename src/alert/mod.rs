//! Alerts: what the tracker reports and the outputs write.
//!
//! The tracker builds an [`Alert`] for each sighting. The [`exclusion`] rules give their verdict on
//! it, and the repeat windows ([`RepeatWindows`]) combine repeated sightings into one alert.

#[expect(clippy::module_inception, reason = "the folder's main type has a file of its own")]
mod alert;
mod beacon;
mod evidence;
pub mod exclusion;
mod host_identity;
mod repeat;
mod signature;

pub use crate::scan::{DnsFacts, HttpFacts, MatchBasis};
pub use alert::{Alert, Phase, TcpOutcome};
pub use beacon::IntervalStats;
pub use evidence::{AlertRef, AlertedFlow, Evidence};
pub use exclusion::Verdict;
pub use host_identity::{HostIdentity, IdentityFact};
pub use repeat::{REPEAT_WINDOW, RepeatWindows, Traffic, WindowId};
pub use signature::Signature;
