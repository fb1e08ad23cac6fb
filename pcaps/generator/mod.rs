//! The sample captures of `pcaps/`: from wire formats at the bottom to the samples with their
//! expected findings at the top.

pub mod cast;
pub mod dns;
pub mod hello;
pub mod link;
pub mod quic;
pub mod random;
pub mod readme;
pub mod sample;
pub mod samples;
pub mod speech;
pub mod tape;
pub mod tunnel;
pub mod wire;
pub mod write;
