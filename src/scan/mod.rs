//! The stateless stage: Block → [`Findings`].
//!
//! A scan reads a Block, the indicators in force and the addresses learned so far, and keeps no
//! state. So any number of scanners can work at the same time, in any order. What needs memory
//! (conversations, repeats, later contacts) is the tracker's task, which receives the findings in
//! Block order.
//!
//! For each frame: decode it to a packet; look up its two addresses; read the head in its payload.
//! Nearly all packets end after two loads from a bitmap and a test of ports and first byte.
//!
//! A packet in a tunnel is scanned like any other, and the addresses of the packets around it are
//! looked up, too. A fragment is only reported: its content is known when the tracker has
//! reassembled the datagram.

mod app_layer;
mod contacts;
mod finding;
mod flow_hashes;
mod frame_context;
mod host_fact;
mod match_basis;
mod scanner;

pub use app_layer::{
    AppLayer, HTTP_CONNECT, HTTP_HOST, HTTP_TARGET, HeadSink, MOST_ADDRESSES, MOST_NAMES, QUIC_SERVER_NAME,
    SOCKS_REQUEST, Stream, StreamKind, StreamParse, TLS_SERVER_NAME,
};
pub use contacts::{PacketEnds, find_contacts};
pub use finding::{
    DnsFacts, DnsSighting, Finding, FindingKind, Findings, HttpFacts, NameSighting, Named, ScanCounts, Segment,
    ToolSighting,
};
pub use flow_hashes::{FlowHash, FlowHashes, SelectedFlows};
pub use host_fact::{FactSource, HostFact};
pub use match_basis::{MatchBasis, NameBasis};
pub use scanner::{ScanRequest, scan, segments};
