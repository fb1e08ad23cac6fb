//! The result type of the parsers.

/// The result of parsing the bytes at the start of a stream, or of a message in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseResult<T> {
    /// The complete value, and the number of bytes it took.
    Complete(T, usize),
    /// The bytes may be the start of such a value. More bytes are needed.
    Incomplete,
    /// The bytes are something else, whatever follows them.
    Mismatch,
}
