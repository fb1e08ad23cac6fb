//! Alerts: what the tracker says and the outputs write.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::capture::{Origin, Packets};
use crate::flow::{Endpoint, Flow, MacAddress, Protocol, Vlans};
use crate::indicator::Indicator;
use crate::units::{ByteCount, Timestamp};

mod beacon;
mod evidence;
pub mod exclusion;
mod repeat;
pub(crate) mod sanitize;
mod signature;

pub use crate::scan::{DnsFacts, HttpFacts, MatchBasis};
pub use beacon::Rhythm;
pub use evidence::{AlertedFlow, Evidence, Line};
pub use exclusion::Verdict;
pub use repeat::{REPEAT_WINDOW, Repeats, Traffic, WindowId};
pub use sanitize::{Sanitized, is_unprintable, sanitize};
pub use signature::Signature;

/// Where an alert stands in the story of its sightings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The first sighting, told at once.
    First,
    /// What followed since the line before.
    Update,
}

impl Phase {
    /// The token in the line.
    pub const fn token(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Update => "update",
        }
    }
}

/// What became of a TCP conversation, as far as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TcpOutcome {
    /// A client asked and nobody answered yet.
    Attempted,
    /// The answer was a reset.
    Refused,
    /// Both sides agreed, or the conversation was met in its midst.
    Established,
}

impl TcpOutcome {
    /// The token in the line.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Attempted => "attempted",
            Self::Refused => "refused",
            Self::Established => "established",
        }
    }
}

/// One line for the SOC: a finding with its context. `docs/alert-fields.md` explains each part.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// What was found.
    pub signature: Signature,
    /// First or update.
    pub phase: Phase,
    /// 0 to 10, with the indicator's confidence taken into account.
    pub severity: u8,
    /// The same for the same replay: a hash of signature, indicator, flow, time and phase.
    pub id: u64,
    /// Time of the first packet of the sighting.
    pub seen: Timestamp,
    /// First packet of the conversation (of several: of the first).
    pub start: Timestamp,
    /// Last packet of the conversation so far (of several: of the last).
    pub end: Timestamp,
    /// Who opened the conversation, or asked.
    pub client: Endpoint,
    /// Who was contacted, or the resolver.
    pub server: Endpoint,
    /// Which address of the two is listed, or was resolved; `None` where it is a name.
    pub listed: Option<IpAddr>,
    /// The protocol above IP.
    pub protocol: Protocol,
    /// Where the client's IPv6 address holds the listed IPv4 address: that one. It is what hunts look for.
    pub client_ipv4: Option<Ipv4Addr>,
    /// The same of the server's address.
    pub server_ipv4: Option<Ipv4Addr>,
    /// The hardware addresses towards client and server, where the link has them.
    pub client_mac: Option<MacAddress>,
    /// See `client_mac`.
    pub server_mac: Option<MacAddress>,
    /// The VLANs of its frame, or of the conversation's first.
    pub vlans: Vlans,
    /// The application protocol, where it was recognised: `DNS`, …
    pub application: Option<&'static str>,
    /// True where the client is inside and the server is not.
    pub outbound: bool,
    /// IP bytes from client to server since the line before.
    pub sent: ByteCount,
    /// IP bytes from server to client since the line before.
    pub received: ByteCount,
    /// Sightings since the line before.
    pub count: u64,
    /// What became of a TCP conversation.
    pub tcp_outcome: Option<TcpOutcome>,
    /// What the DNS message said.
    pub dns: Option<DnsFacts>,
    /// The server's name that the client asked for, in the form of [`crate::domain_name::DomainName`].
    pub server_name: Option<Vec<u8>>,
    /// What the HTTP request said.
    pub http: Option<HttpFacts>,
    /// What was matched; `None` where a protocol was recognised and nothing about it is listed.
    pub indicator: Option<Arc<Indicator>>,
    /// How it was matched.
    pub basis: MatchBasis,
    /// The exclusion that was found for it, and whether it applies.
    pub exclusion: Option<Verdict>,
    /// Where the packet was captured.
    pub origin: Arc<Origin>,
    /// The first and the last packet of what the line tells, which came since the line before; `None` where packets have no
    /// numbers, as on an interface.
    pub packets: Option<Packets>,
    /// When the sightings were that the line counts; of many, the latest.
    pub times: Vec<Timestamp>,
    /// One plain sentence. May hold bytes from the wire, each already made printable.
    pub message: String,
}

impl Alert {
    /// The conversation or DNS exchange that it names, as of [`Flow::canonical`].
    pub fn flow(&self) -> Flow {
        Flow { source: self.client, destination: self.server, protocol: self.protocol }.canonical()
    }

    /// Whether an exclusion suppresses it: no output but the audit file gets it.
    pub fn is_suppressed(&self) -> bool {
        self.exclusion.as_ref().and_then(Verdict::effect) == Some(exclusion::Effect::Suppress)
    }
}
