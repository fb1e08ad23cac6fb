//! Sets of first bytes, computed at compile time.

/// A set of bytes that a payload may begin with.
pub(super) type FirstBytes = [bool; 256];

/// All bytes from `first` to `last`.
pub(super) const fn byte_range(first: u8, last: u8) -> FirstBytes {
    let mut set = [false; 256];
    let mut byte = first as usize;
    while byte <= last as usize {
        set[byte] = true;
        byte += 1;
    }
    set
}
