//! STIX 2.1: bundles with indicators, and the patterns of these.

mod bundle;
mod pattern;

pub(super) use bundle::FORMAT;
