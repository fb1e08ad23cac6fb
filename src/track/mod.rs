//! The ordered stage: findings in, alerts out.
//!
//! One tracker handles the findings of all Blocks in Block order, so it sees the capture as if one
//! thread had read it. All state lives here, and only for conversations that matter. Time is packet
//! time, and the clock is the highest time seen.
//!
//! Nothing that the tracker does depends on where one Block ends and the next begins, nor on which
//! learned addresses a scanner knew when it scanned: a contact that a scan could not find yet is
//! searched again here. So the alerts are a function of the packets and the settings alone.
//!
//! The way of a finding: the `agenda` of a Block gives its events in order; the `tracker` hands
//! each to the part that it concerns (`contacts`, `dns`, `server_names`, `tools`); that part keeps
//! its state, drafts an alert and hands it to the `sightings`, which judge, count and report it.
//! Reassembly of TCP (`streams`), QUIC and fragments (`defrag`) comes before that, and gives
//! further findings.

mod agenda;
mod block_segments;
mod contact_match;
mod contacts;
mod conversation;
mod counts;
mod datagram;
mod defrag;
mod dns;
mod exclusion_policy;
mod host_identities;
mod packet_alert;
mod provenance;
mod quic_reassembly;
mod recent_contacts;
mod recent_segments;
mod rescan;
mod resolved;
mod seen_names;
mod segment_buffer;
mod server_names;
mod session;
mod sightings;
mod streams;
mod tcp_reassembly;
mod tools;
mod tracker;

pub use counts::TrackCounts;
pub use defrag::{AbandonReason, DefragCounts};
pub use exclusion_policy::ExclusionCounts;
pub use seen_names::NameSeen;
pub use tcp_reassembly::ReassemblyCounts;
pub use tracker::{TrackSettings, Tracker};
