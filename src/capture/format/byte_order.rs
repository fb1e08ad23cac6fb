//! Numbers in either byte order.

/// Reads a 16-bit number.
#[inline]
pub(super) const fn u16_from<const BIG: bool>(bytes: [u8; 2]) -> u16 {
    if BIG { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

/// Reads a 32-bit number.
#[inline]
pub(super) const fn u32_from<const BIG: bool>(bytes: [u8; 4]) -> u32 {
    if BIG { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

/// Reads the 32-bit number at a position. `None` if the bytes end before it does.
#[inline]
pub(super) fn u32_at<const BIG: bool>(bytes: &[u8], position: usize) -> Option<u32> {
    bytes.get(position..)?.first_chunk().map(|chunk| u32_from::<BIG>(*chunk))
}
