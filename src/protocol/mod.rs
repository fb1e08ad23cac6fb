//! Application protocols: from bytes to what was said. No state, no indicators.

pub mod dns;
