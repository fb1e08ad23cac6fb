//! Detects the format of a file by its first bytes, never by its name.

use crate::capture::format::pcap::{FILE_HEADER_LENGTH, PcapParser};
use crate::capture::format::pcapng::SECTION_HEADER;

/// The number of first bytes that the detection needs: a pcap file header, which is also enough for
/// every magic number below.
pub(in crate::capture) const MAGIC_LENGTH: usize = FILE_HEADER_LENGTH;

/// The format of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::capture) enum FileFormat {
    Pcap,
    Pcapng,
    Gzip,
    Zstd,
    /// Not a supported capture: a description of what it looks like, and what to do.
    Other(String),
}

const DECOMPRESS: &str = "decompress it first";
const CONVERT: &str = "convert it first (editcap -F pcap)";
const EXTRACT: &str = "extract the captures in it first";

/// A format that is recognized only to make the error message helpful.
struct UnsupportedFormat {
    magic: &'static [u8],
    name: &'static str,
    advice: &'static str,
}

const fn unsupported(magic: &'static [u8], name: &'static str, advice: &'static str) -> UnsupportedFormat {
    UnsupportedFormat { magic, name, advice }
}

const UNSUPPORTED: [UnsupportedFormat; 20] = [
    unsupported(b"\x04\x22\x4d\x18", "an lz4 file", DECOMPRESS),
    unsupported(b"\xfd7zXZ\0", "an xz file", DECOMPRESS),
    unsupported(b"BZh", "a bzip2 file", DECOMPRESS),
    unsupported(b"\x1f\x9d", "a compress (.Z) file", DECOMPRESS),
    unsupported(b"PK\x03\x04", "a zip archive", EXTRACT),
    unsupported(b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", EXTRACT),
    unsupported(b"snoop\0\0\0", "a snoop capture", CONVERT),
    unsupported(b"iptrace ", "an iptrace capture", CONVERT),
    unsupported(b"RTSS", "a Network Monitor 1 capture", CONVERT),
    unsupported(b"GMBU", "a Network Monitor 2 capture", CONVERT),
    unsupported(b"XCP\0", "a NetXray capture", CONVERT),
    unsupported(b"TRSNIFF data", "a Sniffer capture", CONVERT),
    unsupported(b"\x7fver", "an EtherPeek capture", CONVERT),
    unsupported(b"\x1c\x00\x01\xac", "an Ixia capture", CONVERT),
    unsupported(b"\x1c\x00\x01\xab", "an Ixia capture", CONVERT),
    unsupported(b"\xac\x01\x00\x1c", "an Ixia capture", CONVERT),
    unsupported(b"\xab\x01\x00\x1c", "an Ixia capture", CONVERT),
    // Reserved for other modified pcap formats. No released libpcap reads them.
    unsupported(b"\xcd\x34\xb2\xa1", "a modified pcap that libpcap does not read either", CONVERT),
    unsupported(b"\x4d\x3c\x2b\xa1", "a Navtel pcap, which libpcap does not read either", CONVERT),
    unsupported(b"\xcb\xc3\xb2\xa1", "a saved BPF program", "give the captures themselves"),
];

impl FileFormat {
    /// Detects the format of a file by its first [`MAGIC_LENGTH`] bytes, or by all bytes of a
    /// shorter file.
    pub(in crate::capture) fn detect(head: &[u8]) -> Self {
        let Some(&[b0, b1, b2, b3]) = head.first_chunk() else {
            return Self::Other(match head {
                [] => "it is empty".to_owned(),
                _ => format!("it has only {} bytes", head.len()),
            });
        };
        if PcapParser::is_magic([b0, b1, b2, b3]) {
            return Self::Pcap;
        }
        match u32::from_le_bytes([b0, b1, b2, b3]) {
            SECTION_HEADER => return Self::Pcapng,
            // A zstd frame, or a skippable frame, with which some compressors begin.
            0xfd2f_b528 | 0x184d_2a50..=0x184d_2a5f => return Self::Zstd,
            _ => {}
        }
        if head.starts_with(b"\x1f\x8b") {
            return Self::Gzip;
        }
        if let Some(UnsupportedFormat { name, advice, .. }) =
            UNSUPPORTED.iter().find(|format| head.starts_with(format.magic))
        {
            return Self::Other(format!("it looks like {name}: {advice}"));
        }
        if head.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
            return Self::Other(
                "it looks like text: give captures here, and lists of indicators with --indicators".to_owned(),
            );
        }
        let bytes: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self::Other(format!("it begins with the bytes {}, and is neither pcap nor pcapng", bytes.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_and_every_resolution_of_pcap_are_told() {
        for number in [0xa1b2_c3d4_u32, 0xa1b2_3c4d, 0xa1b2_cd34] {
            assert_eq!(FileFormat::detect(&number.to_le_bytes()), FileFormat::Pcap);
            assert_eq!(FileFormat::detect(&number.to_be_bytes()), FileFormat::Pcap);
        }
        assert_eq!(FileFormat::detect(b"\x0a\x0d\x0d\x0a\x1c\0\0\0"), FileFormat::Pcapng);
    }

    #[test]
    fn compression_is_told_by_its_magic() {
        assert_eq!(FileFormat::detect(b"\x1f\x8b\x08\0"), FileFormat::Gzip);
        assert_eq!(FileFormat::detect(b"\x28\xb5\x2f\xfd"), FileFormat::Zstd);
        assert_eq!(FileFormat::detect(b"\x50\x2a\x4d\x18"), FileFormat::Zstd);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let says = |head: &[u8], part: &str| match FileFormat::detect(head) {
            FileFormat::Other(description) => assert!(description.contains(part), "{description}"),
            other => panic!("{other:?}"),
        };
        says(b"", "empty");
        says(b"\xd4\xc3", "only 2 bytes");
        says(b"\x04\x22\x4d\x18....", "lz4 file: decompress");
        says(b"\xfd7zXZ\0....", "xz");
        says(b"snoop\0\0\0....", "snoop capture: convert");
        says(b"# Read me first", "text");
        says(b"\x7fELF\x02\x01\x01\0\0\0", "7f 45 4c 46");
    }
}
