//! The numbers of packets in the inputs, as Wireshark counts them.

/// The position of a packet in the inputs of a run. Packets are ordered as they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketNumber {
    /// The position of the input in the list of inputs: 0, 1, 2, …
    pub input: u32,
    /// The number of the packet in the input, as Wireshark and tcpdump count: from 1 on, including
    /// the packets that a filter drops. In a damaged capture only the readable packets count.
    pub number: u64,
}

/// A range of packets, including both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PacketRange {
    /// The first packet.
    pub first: PacketNumber,
    /// The last packet; equal to `first` for a single packet.
    pub last: PacketNumber,
}

impl PacketRange {
    /// The smallest range that covers both ranges. `None` is an empty range.
    pub fn joined(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => {
                Some(Self { first: one.first.min(other.first), last: one.last.max(other.last) })
            }
            (one, other) => one.or(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_joined_in_the_order_in_which_they_are_read() {
        let one = |input, number| {
            let number = PacketNumber { input, number };
            Some(PacketRange { first: number, last: number })
        };
        let both = PacketRange::joined(one(1, 3), PacketRange::joined(one(0, 900), one(0, 7)));
        assert_eq!(both, Some(PacketRange { first: one(0, 7).unwrap().first, last: one(1, 3).unwrap().last }));
        assert_eq!((PacketRange::joined(None, None), PacketRange::joined(None, one(0, 1))), (None, one(0, 1)));
    }
}
