//! A filter in the kernel that leaves out packets that cannot matter, as a program of classic BPF.
//!
//! The kernel runs the program for each packet and copies only those that it keeps into the ring.
//! Programs are short and have no memory, so only packets go whose own headers say that they cannot
//! matter: see [`kernel_filter`].
//!
//! Format: "Linux Socket Filtering aka Berkeley Packet Filter",
//! <https://www.kernel.org/doc/html/latest/networking/filter.html>.

mod address_ranges;
mod assembler;
#[cfg(test)]
mod interpreter;
mod kernel_filter;
#[cfg(test)]
mod tests;

pub(super) use address_ranges::AddressRanges;
pub(super) use assembler::Instruction;
pub(super) use kernel_filter::{LONGEST_PROGRAM, program};
