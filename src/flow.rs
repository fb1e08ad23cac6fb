//! Flows: the addresses, ports and protocol that the packets of a conversation share.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use arrayvec::ArrayVec;

/// An IP protocol number (<https://www.iana.org/assignments/protocol-numbers>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP for IPv4.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// Generic Routing Encapsulation.
    pub const GRE: Self = Self(47);
    /// ICMP for IPv6.
    pub const ICMPV6: Self = Self(58);
    /// SCTP.
    pub const SCTP: Self = Self(132);
    /// UDP-Lite.
    pub const UDP_LITE: Self = Self(136);
}

impl fmt::Display for Protocol {
    /// Writes the usual short name. A protocol without one is `IP-` and its number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::ICMP => "ICMP",
            Self::TCP => "TCP",
            Self::UDP => "UDP",
            Self::GRE => "GRE",
            Self::ICMPV6 => "ICMPv6",
            Self::SCTP => "SCTP",
            Self::UDP_LITE => "UDPLite",
            Self(2) => "IGMP",
            Self(50) => "ESP",
            Self(51) => "AH",
            Self(89) => "OSPF",
            Self(103) => "PIM",
            Self(number) => return write!(f, "IP-{number}"),
        };
        f.write_str(name)
    }
}

/// One end of a flow: an address, and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The address as the packet has it.
    pub address: IpAddr,
    /// The port. `None` if the protocol has none (ICMP, GRE) or if the packet was cut before it.
    pub port: Option<u16>,
}

/// Hashes in two steps; the derived implementation takes seven. Nearly every table of the tracker
/// is keyed by flows.
impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // An IPv4 address has the same hash as the IPv6 address of the same number: at most one
        // collision per address.
        state.write_u128(match self.address {
            IpAddr::V4(address) => address.to_bits().into(),
            IpAddr::V6(address) => address.to_bits(),
        });
        state.write_u32(self.port.map_or(u32::MAX, u32::from));
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.port) {
            (address, None) => write!(f, "{address}"),
            (IpAddr::V4(address), Some(port)) => write!(f, "{address}:{port}"),
            (IpAddr::V6(address), Some(port)) => write!(f, "[{address}]:{port}"),
        }
    }
}

/// One direction of a conversation: from one end to the other over one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// The sender.
    pub source: Endpoint,
    /// The receiver.
    pub destination: Endpoint,
    /// The protocol above IP.
    pub protocol: Protocol,
}

impl Flow {
    /// The flow of the other direction.
    pub fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source, protocol: self.protocol }
    }

    /// The key of the conversation: the same value for both directions.
    pub fn canonical(self) -> Self {
        if self.source <= self.destination { self } else { self.reversed() }
    }
}

/// A MAC address (EUI-48).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MacAddress(pub [u8; 6]);

/// The most VLAN tags of a frame that are reported. A frame in QinQ has two, a provider's and a
/// customer's; this allows twice as many.
pub const MOST_VLANS: usize = 4;

/// The VLAN identifiers (IEEE 802.1Q, 1 to 4095) in the tags of a frame, the outermost first. Most
/// frames have none.
pub type Vlans = ArrayVec<u16, MOST_VLANS>;

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str, port: u16) -> Endpoint {
        Endpoint { address: text.parse().unwrap(), port: Some(port) }
    }

    #[test]
    fn both_directions_are_one_conversation() {
        let there = Flow { source: end("10.0.0.2", 80), destination: end("10.0.0.1", 443), protocol: Protocol::TCP };
        assert_eq!(there.canonical(), there.reversed().canonical());
        assert_ne!(there, there.reversed());
    }

    #[test]
    fn printed_ends_separate_port_and_address() {
        assert_eq!(end("10.0.0.1", 443).to_string(), "10.0.0.1:443");
        assert_eq!(end("2001:db8::1", 443).to_string(), "[2001:db8::1]:443");
        assert_eq!(Endpoint { address: "10.0.0.1".parse().unwrap(), port: None }.to_string(), "10.0.0.1");
    }
}
