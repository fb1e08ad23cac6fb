//! This machine's clock.

use rattap::units::Timestamp;

/// The current time.
pub fn now() -> Timestamp {
    let nanos = jiff::Timestamp::now().as_nanosecond();
    i64::try_from(nanos).map_or(Timestamp::MAX, Timestamp::from_nanos)
}
