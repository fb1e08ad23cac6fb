//! Link-layer header types.

/// The largest captured length that is accepted for most link types: libpcap's `MAXIMUM_SNAPLEN`.
pub(super) const MAX_CAPTURED: u32 = 262_144;

/// The link-layer header type of a frame: a `LINKTYPE_` number of
/// <https://www.tcpdump.org/linktypes.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: four bytes of address family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// Ethernet, with or without VLAN tags.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without the HDLC address and control bytes.
    pub const PPP: Self = Self(9);
    /// PPP in HDLC-like framing: address and control bytes are always present (RFC 1662).
    pub const PPP_HDLC: Self = Self(50);
    /// PPPoE session packets, from the PPPoE header on.
    pub const PPP_ETHER: Self = Self(51);
    /// IPv4 or IPv6, distinguished by the version nibble.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: four bytes of address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// IPv4.
    pub const IPV4: Self = Self(228);
    /// IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);

    /// The link types whose frames are decoded.
    pub const SUPPORTED: [Self; 11] = [
        Self::NULL,
        Self::ETHERNET,
        Self::PPP,
        Self::PPP_HDLC,
        Self::PPP_ETHER,
        Self::RAW,
        Self::LOOP,
        Self::LINUX_SLL,
        Self::IPV4,
        Self::IPV6,
        Self::LINUX_SLL2,
    ];

    /// The link type that a file means by a number. Some writers put their system's own number
    /// (`DLT_`) where a `LINKTYPE_` number belongs.
    pub(super) const fn from_file(stored: u16) -> Self {
        match stored {
            // DLT_RAW of Linux and most BSDs, and of OpenBSD.
            12 | 14 => Self::RAW,
            other => Self(other),
        }
    }

    /// The largest captured length that is accepted for a frame of this link type, as in libpcap
    /// (`max_snaplen_for_dlt`).
    pub(super) const fn max_captured(self) -> u32 {
        match self.0 {
            // D-Bus messages.
            231 => 128 << 20,
            // USBPcap.
            249 => 1 << 20,
            // Elektrobit high-speed capture.
            279 => 8 << 20,
            _ => MAX_CAPTURED,
        }
    }
}
