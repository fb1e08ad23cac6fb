//! A fact by which a host identifies itself.

use std::net::IpAddr;

/// A fact by which a host identifies itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFact {
    /// The address of the host. `None` for the sender of the packet.
    pub host: Option<IpAddr>,
    /// The source.
    pub source: FactSource,
    /// The name or account: bytes from the wire.
    pub value: Vec<u8>,
}

/// The source of a fact. Host names come first, the most reliable before the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactSource {
    /// The host name in DHCP.
    Dhcp,
    /// The NetBIOS name that the host registers.
    NetBios,
    /// The account of the machine in Kerberos.
    Kerberos,
    /// The name that the host answers for in LLMNR.
    Llmnr,
    /// The name that the host announces by mDNS.
    Mdns,
    /// The account of a user in Kerberos.
    KerberosAccount,
    /// The MAC address in DHCP, as text.
    DhcpMac,
}

impl FactSource {
    /// All sources.
    pub const ALL: [Self; 7] =
        [Self::Dhcp, Self::NetBios, Self::Kerberos, Self::Llmnr, Self::Mdns, Self::KerberosAccount, Self::DhcpMac];

    /// The published token.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Dhcp | Self::DhcpMac => "dhcp",
            Self::NetBios => "netbios",
            Self::Kerberos | Self::KerberosAccount => "kerberos",
            Self::Llmnr => "llmnr",
            Self::Mdns => "mdns",
        }
    }

    /// Returns true if the fact is a name of the host.
    pub const fn is_host_name(self) -> bool {
        !matches!(self, Self::KerberosAccount | Self::DhcpMac)
    }
}
