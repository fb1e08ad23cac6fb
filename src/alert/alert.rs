//! The alert: one finding with its context. The tracker builds it and the outputs write it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::exclusion::{DOWNGRADED_SEVERITY, Effect, Verdict};
use super::{DnsFacts, HostIdentity, HttpFacts, MatchBasis, Signature};
use crate::capture::{Origin, PacketRange};
use crate::flow::{Endpoint, Flow, MacAddress, Protocol, Vlans};
use crate::indicator::Indicator;
use crate::units::{ByteCount, Timestamp};

/// The phase of an alert: the first one of a repeat window, or a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The first sighting, reported at once.
    First,
    /// A summary of the sightings since the previous alert.
    Update,
}

impl Phase {
    /// The published token.
    pub const fn token(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Update => "update",
        }
    }
}

/// The state of a TCP conversation, as far as it was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TcpOutcome {
    /// A SYN without an answer so far.
    Attempted,
    /// The answer was a reset.
    Refused,
    /// The handshake completed, or the capture begins in the middle of the conversation.
    Established,
}

impl TcpOutcome {
    /// The published token.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Attempted => "attempted",
            Self::Refused => "refused",
            Self::Established => "established",
        }
    }
}

/// One alert: a finding with its context. The table of CEF keys in the README explains the fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// The kind of finding.
    pub signature: Signature,
    /// First alert or update.
    pub phase: Phase,
    /// The severity, 0 to 10, which depends on the confidence of the indicator.
    pub severity: u8,
    /// A hash of signature, indicator, flow, times and phase: the same in each replay of a capture.
    pub id: u64,
    /// The time of the first packet of the sighting.
    pub seen: Timestamp,
    /// The first packet of the conversation. Of several conversations: of the first.
    pub start: Timestamp,
    /// The last packet of the conversation so far. Of several conversations: of the last.
    pub end: Timestamp,
    /// The end that opened the conversation or sent the query.
    pub client: Endpoint,
    /// The end that was contacted, or the resolver.
    pub server: Endpoint,
    /// The address of the two that is listed or was resolved. `None` if a name is listed.
    pub listed: Option<IpAddr>,
    /// The protocol above IP.
    pub protocol: Protocol,
    /// The listed IPv4 address, if it is embedded in the client's IPv6 address. Hunts search for
    /// it.
    pub client_ipv4: Option<Ipv4Addr>,
    /// The listed IPv4 address, if it is embedded in the server's IPv6 address.
    pub server_ipv4: Option<Ipv4Addr>,
    /// The MAC address on the client's side, if the link layer has one.
    pub client_mac: Option<MacAddress>,
    /// The MAC address on the server's side, if the link layer has one.
    pub server_mac: Option<MacAddress>,
    /// The facts by which the client has identified itself before.
    pub client_identity: Option<Arc<HostIdentity>>,
    /// The facts by which the server has identified itself before.
    pub server_identity: Option<Arc<HostIdentity>>,
    /// The VLANs of the frame. Of a conversation: those of its first frame.
    pub vlans: Vlans,
    /// The application protocol, if it was recognized, such as `DNS`.
    pub application: Option<&'static str>,
    /// True if the client is in the home networks and the server is not.
    pub outbound: bool,
    /// IP bytes from client to server since the previous alert.
    pub sent: ByteCount,
    /// IP bytes from server to client since the previous alert.
    pub received: ByteCount,
    /// Sightings since the previous alert.
    pub count: u64,
    /// The state of the TCP conversation.
    pub tcp_outcome: Option<TcpOutcome>,
    /// The fields of the DNS message.
    pub dns: Option<DnsFacts>,
    /// The server name that the client requested, in the form of
    /// [`crate::domain_name::DomainName`].
    pub server_name: Option<Vec<u8>>,
    /// The fields of the HTTP request.
    pub http: Option<HttpFacts>,
    /// The indicator that matched. `None` if a protocol was recognized and nothing about it is
    /// listed.
    pub indicator: Option<Arc<Indicator>>,
    /// The way in which the indicator was matched.
    pub basis: MatchBasis,
    /// The verdict of the exclusion rules, if any rule concerns the alert.
    pub exclusion: Option<Verdict>,
    /// The file or interface of the packet.
    pub origin: Arc<Origin>,
    /// The first and last packet since the previous alert. `None` if packets have no numbers, as on
    /// an interface.
    pub packets: Option<PacketRange>,
    /// The times of the sightings that the alert counts; of many, the latest.
    pub times: Vec<Timestamp>,
    /// One sentence. Bytes from the wire in it are sanitized.
    pub message: String,
}

impl Alert {
    /// The flow of the conversation or DNS exchange, in the form of [`Flow::canonical`].
    pub fn flow(&self) -> Flow {
        Flow { source: self.client, destination: self.server, protocol: self.protocol }.canonical()
    }

    /// Sets the verdict of the exclusion rules and applies its effect to the severity.
    pub fn set_exclusion(&mut self, verdict: Verdict) {
        if verdict.effect() == Some(Effect::Downgrade) {
            self.severity = self.severity.min(DOWNGRADED_SEVERITY);
        }
        self.exclusion = Some(verdict);
    }

    /// Returns true if an exclusion suppresses the alert: only the audit file gets it.
    pub fn is_suppressed(&self) -> bool {
        self.exclusion.as_ref().and_then(Verdict::effect) == Some(Effect::Suppress)
    }
}
