//! Interface descriptions, and the time of their packets.

use crate::capture::format::byte_order::u16_from;
use crate::capture::link_type::LinkType;
use crate::units::Timestamp;

/// The option `if_tsresol` of an interface.
const TIME_RESOLUTION: u16 = 9;
/// The option `if_tsoffset` of an interface.
const TIME_OFFSET: u16 = 14;

/// An interface of a section.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// The largest number of captured bytes of a packet; 0 for no limit.
    pub(super) snaplen: u32,
    resolution: TimeResolution,
    /// Nanoseconds that are added to each time.
    offset: i64,
}

/// The conversion of an interface's time unit into nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeResolution {
    /// Nanoseconds per unit.
    NanosPerUnit(i64),
    /// Units per nanosecond.
    UnitsPerNano(i64),
    /// The unit is a second divided by two to this power.
    PowerOfTwo(u8),
}

impl Interface {
    /// Parses the link type, the snapshot length and the options of an interface description block.
    pub(super) fn new<const BIG: bool>(link: u16, snaplen: u32, mut options: &[u8]) -> Self {
        let resolution = TimeResolution::NanosPerUnit(1000);
        let mut interface = Self { link: LinkType::from_file(link), snaplen, resolution, offset: 0 };
        // Options end at their end mark (0), or with the block.
        while let Some((&[c0, c1, l0, l1], rest)) = options.split_first_chunk() {
            let (code, length) = (u16_from::<BIG>([c0, c1]), usize::from(u16_from::<BIG>([l0, l1])));
            let Some(value) = rest.get(..length).filter(|_| code != 0) else { break };
            match (code, value) {
                (TIME_RESOLUTION, &[resolution]) => interface.resolution = TimeResolution::parse(resolution),
                (TIME_OFFSET, &[b0, b1, b2, b3, b4, b5, b6, b7]) => {
                    let value = [b0, b1, b2, b3, b4, b5, b6, b7];
                    let seconds = if BIG { i64::from_be_bytes(value) } else { i64::from_le_bytes(value) };
                    interface.offset = seconds.saturating_mul(1_000_000_000);
                }
                _ => {}
            }
            options = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        interface
    }

    /// Converts the 64-bit time of a packet block.
    ///
    /// The specification has it unsigned. No clock reaches such times, but some tools write times
    /// before 1970. And a time in the far future would close every window that follows packet time.
    #[inline]
    pub(super) fn time(&self, units: u64) -> Timestamp {
        let units = units as i64;
        let nanos = match self.resolution {
            TimeResolution::NanosPerUnit(factor) => units.saturating_mul(factor),
            TimeResolution::UnitsPerNano(divisor) => units / divisor,
            // The product has at most 94 bits.
            TimeResolution::PowerOfTwo(exponent) => {
                let nanos = (i128::from(units) * 1_000_000_000) >> exponent;
                i64::try_from(nanos).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
            }
        };
        Timestamp::from_nanos(nanos.saturating_add(self.offset))
    }
}

impl TimeResolution {
    /// Parses the byte of `if_tsresol`: a negative power of two if its highest bit is set, else of
    /// ten.
    fn parse(resolution: u8) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        match (resolution & 0x80 != 0, exponent) {
            (true, _) => Self::PowerOfTwo(resolution & 0x7f),
            (false, 0..=9) => Self::NanosPerUnit(10_i64.pow(9 - exponent)),
            // With units below 10^-27 s no 64-bit count reaches a nanosecond.
            (false, _) => Self::UnitsPerNano(10_i64.saturating_pow(exponent - 9)),
        }
    }
}
