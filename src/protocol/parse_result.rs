//! Whether a head is there whole.

/// What the bytes at the start of a stream, or of a message in it, turn out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseResult<T> {
    /// A whole head, and how many bytes it took.
    Whole(T, usize),
    /// The start of one: more bytes are needed to tell (or to read it whole).
    Partial,
    /// Something else, whatever comes after.
    Other,
}
