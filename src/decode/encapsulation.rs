//! The tunnel protocols, and the tunnel packets around a packet.

use std::fmt;

use arrayvec::ArrayVec;

use crate::flow::{Flow, MacAddress};

/// The most tunnels, one in the other, that are entered.
///
/// A mirrored packet (VXLAN or ERSPAN) of a mobile network (GTP-U) that holds a user's own tunnel
/// makes three. A hostile frame could nest a thousand, and each costs as much to decode as a
/// packet.
pub const MOST_TUNNELS: usize = 4;

/// The tunnel packets around a packet, the outermost first.
pub type Encapsulations = ArrayVec<Encapsulation, MOST_TUNNELS>;

/// A tunnel protocol, with the identifier that distinguishes tunnels of this protocol between the
/// same two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tunnel {
    /// IPv4 in IPv4 (RFC 2003).
    IpInIp,
    /// IPv6 in IPv4 (RFC 4213).
    SixInFour,
    /// IPv4 in IPv6 (RFC 2473).
    FourInSix,
    /// IPv6 in IPv6 (RFC 2473).
    SixInSix,
    /// Generic Routing Encapsulation (RFC 2784), with its key (RFC 2890).
    Gre(Option<u32>),
    /// The GRE of PPTP (RFC 2637), with its call ID.
    Pptp(u16),
    /// ERSPAN, the mirror of a switch port (draft-foschiano-erspan-03), with its session ID. Type I
    /// has none.
    Erspan(Option<u16>),
    /// VXLAN (RFC 7348), with its network identifier. Clouds use it to mirror the traffic of
    /// virtual machines.
    Vxlan(u32),
    /// VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe), with its network identifier.
    VxlanGpe(u32),
    /// GENEVE (RFC 8926), with its network identifier.
    Geneve(u32),
    /// GTP-U, the user plane of mobile networks (3GPP TS 29.281), with its tunnel endpoint
    /// identifier.
    GtpU(u32),
    /// Teredo, IPv6 over UDP through NAT (RFC 4380).
    Teredo,
}

impl Tunnel {
    /// The name of the protocol, and the identifier if there is one.
    fn name_and_identifier(self) -> (&'static str, Option<u32>) {
        match self {
            Self::IpInIp => ("IP-in-IP", None),
            Self::SixInFour => ("6in4", None),
            Self::FourInSix => ("4in6", None),
            Self::SixInSix => ("6in6", None),
            Self::Gre(key) => ("GRE", key),
            Self::Pptp(call) => ("PPTP", Some(call.into())),
            Self::Erspan(session) => ("ERSPAN", session.map(u32::from)),
            Self::Vxlan(network) => ("VXLAN", Some(network)),
            Self::VxlanGpe(network) => ("VXLAN-GPE", Some(network)),
            Self::Geneve(network) => ("GENEVE", Some(network)),
            Self::GtpU(endpoint) => ("GTP-U", Some(endpoint)),
            Self::Teredo => ("Teredo", None),
        }
    }
}

impl fmt::Display for Tunnel {
    /// Writes the name and the identifier, such as `6in4` or `VXLAN 42`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name_and_identifier() {
            (name, None) => f.write_str(name),
            (name, Some(identifier)) => write!(f, "{name} {identifier}"),
        }
    }
}

/// A packet that carried another packet in a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encapsulation {
    /// The flow of the carrying packet: its ends are the ends of the tunnel.
    pub flow: Flow,
    /// The tunnel protocol.
    pub tunnel: Tunnel,
    /// The IP length of the carrying packet on the wire in bytes, including the packet in it.
    pub length: u32,
    /// The MAC addresses of the sender and the receiver.
    pub macs: Option<(MacAddress, MacAddress)>,
}

impl fmt::Display for Encapsulation {
    /// Writes, for example, `VXLAN 42 from 10.0.0.1 to 10.0.0.2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} to {}", self.tunnel, self.flow.source.address, self.flow.destination.address)
    }
}
