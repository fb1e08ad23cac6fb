//! Parsers for the values of options.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use ipnet::IpNet;
use rattap::units::{ByteCount, Timestamp};

/// Parses a duration. A bare number is in seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let expected = |_: jiff::Error| "expected a duration, such as 90s, 10m, 1h 30m or 30d".to_owned();
    let span: jiff::Span = text.parse().map_err(expected)?;
    let span = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(expected)?;
    Duration::try_from(span).map_err(|_| "a duration cannot be negative".to_owned())
}

/// Parses a number of threads.
pub fn workers(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a number of threads, 1 or more; omit it to use all processor cores".to_owned())
}

/// Parses an address range.
pub fn network(text: &str) -> Result<IpNet, String> {
    text.parse().map_err(|_| "expected a network, such as 10.0.0.0/8 or fd00::/8".to_owned())
}

/// Parses a size. A bare number is in bytes.
pub fn size(text: &str) -> Result<ByteCount, String> {
    const UNITS: [(&str, u64); 7] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("", 1),
    ];
    let expected = || "expected a size, such as 500MB or 1GiB".to_owned();
    let (number, unit) =
        UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit))).ok_or_else(expected)?;
    let number: u64 = number.trim().parse().map_err(|_| expected())?;
    number.checked_mul(*unit).map(ByteCount).ok_or_else(expected)
}

/// Parses `9100`, `127.0.0.1:9100` or `[::1]:9100`. Host names are refused: a name server must not
/// decide where the sensor listens.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse()
        .map_err(|_| "expected a port up to 65535, or an address with a port, such as 9100 or [::1]:9100".to_owned())
}

/// Parses a point in time: a date and time with an offset from UTC, a date with or without a time
/// of day in UTC, or seconds since 1970.
pub fn timestamp(text: &str) -> Result<Timestamp, String> {
    let expected = || "expected a time, such as 2026-06-01, '2026-06-01 12:00' (both UTC), 2026-06-01T12:00:00+02:00 or 1780315200";
    let seconds = text.split_once('.').map_or(text, |(seconds, _)| seconds);
    // Up to eight digits are a date, such as 20260601.
    let is_number = seconds.len() > 8 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let text = if is_number { format!("{text}s") } else { text.to_owned() };
    let parsed = if is_number {
        text.parse::<jiff::SignedDuration>().and_then(jiff::Timestamp::from_duration)
    } else {
        text.parse::<jiff::Timestamp>().or_else(|_| jiff::tz::TimeZone::UTC.to_timestamp(text.parse()?))
    };
    let time = parsed.map_err(|_| expected().to_owned())?;
    i64::try_from(time.as_nanosecond()).map(Timestamp::from_nanos).map_err(|_| "expected a time before 2262".to_owned())
}

/// Parses a duration above zero.
pub fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("expected a duration above zero, such as 90s, 10m or 1h 30m".to_owned()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(size("1GiB"), Ok(ByteCount(1 << 30)));
        assert_eq!(size("500 MB"), Ok(ByteCount(500_000_000)));
        assert_eq!(size("7"), Ok(ByteCount(7)));
        for text in ["", "GiB", "-1", "1.5GB", "1TB", "99999999999999999999", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_read_in_words_and_bare_seconds() {
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(duration("1w"), Ok(Duration::from_secs(7 * 86_400)));
        assert!(duration("1 month").is_err(), "of which length?");
        assert!(duration("-5m").is_err());
        assert!(duration("soon").is_err());
        assert_eq!(interval("10m"), duration("10m"));
        assert!(interval("0").is_err());
    }

    #[test]
    fn a_bare_port_listens_on_this_machine_alone() {
        assert_eq!(listen_address("9100"), Ok("127.0.0.1:9100".parse().unwrap()));
        assert_eq!(listen_address("[::1]:9100"), Ok("[::1]:9100".parse().unwrap()));
        assert_eq!(listen_address("0.0.0.0:80"), Ok("0.0.0.0:80".parse().unwrap()));
        for wrong in ["", "localhost:9100", ":9100", "127.0.0.1", "70000"] {
            assert!(listen_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn timestamps_are_read_in_utc_unless_they_say_otherwise() {
        let noon = Ok(Timestamp::from_parts(1_780_315_200, 0));
        for text in [
            "2026-06-01T12:00:00Z",
            "2026-06-01T14:00:00+02:00",
            "2026-06-01 12:00",
            "2026-06-01T12:00:00",
            "1780315200",
            "1780315200.000",
        ] {
            assert_eq!(timestamp(text), noon, "{text}");
        }
        assert_eq!(timestamp("2026-06-01"), Ok(Timestamp::from_parts(1_780_272_000, 0)));
        assert_eq!(timestamp("20260601"), timestamp("2026-06-01"));
        assert_eq!(timestamp("1780315200.25"), Ok(Timestamp::from_parts(1_780_315_200, 250_000_000)));
        for text in
            ["", "noon", "2026", "12:00", "2026-13-01", "2026-06-01 25:00", "1780315200.2.5", "-5", "2400-01-01"]
        {
            assert!(timestamp(text).is_err(), "{text}");
        }
    }
}
