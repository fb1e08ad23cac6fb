//! Conversions between libpcap's values and those of the sensor.

use crate::capture::link_type::LinkType;

/// Returns the message of a libpcap error, without the prefix of its Rust binding.
pub(super) fn message(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message.clone(),
        other => other.to_string(),
    }
}

/// Link types whose number in files (`LINKTYPE_`) differs from their number in libpcap's functions
/// on Linux (`DLT_`): ATM_RFC1483, RAW, SLIP_BSDOS, PPP_BSDOS.
const DIFFERENT_NUMBERS: [DifferentNumbers; 4] = [differ(100, 11), differ(101, 12), differ(102, 15), differ(103, 16)];

struct DifferentNumbers {
    link: LinkType,
    dlt: i32,
}

const fn differ(link: u16, dlt: i32) -> DifferentNumbers {
    DifferentNumbers { link: LinkType(link), dlt }
}

/// The number (`DLT_`) of a link type in libpcap's functions on Linux.
pub(super) fn dlt(link: LinkType) -> i32 {
    let different = DIFFERENT_NUMBERS.iter().find(|numbers| numbers.link == link);
    different.map_or(i32::from(link.0), |numbers| numbers.dlt)
}

/// The link type with this number (`DLT_`) in libpcap's functions on Linux. `None` if no file could
/// hold it.
pub(super) fn from_dlt(dlt: i32) -> Option<LinkType> {
    match DIFFERENT_NUMBERS.iter().find(|numbers| numbers.dlt == dlt) {
        Some(numbers) => Some(numbers.link),
        None => dlt.try_into().ok().map(LinkType),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_libpcap_and_of_files_lead_to_each_other() {
        for link in LinkType::SUPPORTED {
            assert_eq!(from_dlt(dlt(link)), Some(link));
        }
        assert_eq!((dlt(LinkType::RAW), from_dlt(12)), (12, Some(LinkType::RAW)));
        assert_eq!((from_dlt(-1), from_dlt(70_000)), (None, None));
    }
}
