//! Reads values from the fuzzer's bytes. After their end, all values are zero or empty.

/// The bytes that are left.
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    pub fn byte(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    /// Reads a length of two bytes and that many bytes. The length is taken modulo `bound`.
    pub fn some(&mut self, bound: u16) -> &'a [u8] {
        let count = u16::from_le_bytes(self.array());
        self.take((count % bound).into())
    }
}
