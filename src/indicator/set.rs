//! The compiled set.

/// The indicators in force, compiled for look-up.
#[derive(Debug, Default)]
pub struct IndicatorSet {}
