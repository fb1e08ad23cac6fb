//! The reasons why a frame is skipped.

/// The reason why a frame gave no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SkipReason {
    /// The frame holds ARP, spanning tree, LLDP or another protocol than IP.
    NotIp,
    /// The frame was cut before the IP addresses.
    Cut,
    /// A header contradicts itself.
    Malformed,
    /// The frame has more nested link headers than [`MOST_LINK_HEADERS`](super::MOST_LINK_HEADERS).
    TooDeep,
    /// The link type is not supported.
    UnknownLink,
}

impl SkipReason {
    /// All reasons, each at the index of its discriminant.
    pub const ALL: [Self; 5] = [Self::NotIp, Self::Cut, Self::Malformed, Self::TooDeep, Self::UnknownLink];

    /// The text for the summary.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotIp => "not IP",
            Self::Cut => "cut before the addresses",
            Self::Malformed => "malformed header",
            Self::TooDeep => "too many link headers",
            Self::UnknownLink => "unknown link type",
        }
    }
}
