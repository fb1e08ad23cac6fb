//! Schedules: the days and times of day at which a rule applies.
//!
//! A schedule is in the local time of its time zone. When clocks are set forward, the skipped hour
//! is in no schedule; when they are set back, the repeated hour is in it twice. The time of the
//! packet counts, never the clock of this machine, and the time zone database is built into the
//! program. So the same capture gives the same alerts on every machine.

use std::fmt;

use jiff::civil::Weekday;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::units::Timestamp;

/// The minutes of a day: the end of a schedule that lasts until midnight.
pub(super) const MINUTES_PER_DAY: u16 = 24 * 60;

/// The names of the days, Monday first.
const DAYS: [(Weekday, &str, &str); 7] = [
    (Weekday::Monday, "mon", "monday"),
    (Weekday::Tuesday, "tue", "tuesday"),
    (Weekday::Wednesday, "wed", "wednesday"),
    (Weekday::Thursday, "thu", "thursday"),
    (Weekday::Friday, "fri", "friday"),
    (Weekday::Saturday, "sat", "saturday"),
    (Weekday::Sunday, "sun", "sunday"),
];

/// A set of days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days(u8);

impl Days {
    /// Every day.
    pub(super) const ALL: Self = Self(0x7f);

    /// Parses a name, in any case: `mon`, `monday`, `weekdays` (Monday to Friday), `weekend`,
    /// `daily`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        Some(match name.as_str() {
            "weekdays" => Self(0x1f),
            "weekend" => Self(0x60),
            "daily" => Self::ALL,
            _ => {
                let day = DAYS.iter().position(|(_, short, long)| name == *short || name == *long)?;
                Self(1 << day)
            }
        })
    }

    /// The union of two sets.
    pub(super) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn contains(self, day: Weekday) -> bool {
        DAYS.iter().zip(0..).any(|((known, ..), bit)| *known == day && self.0 >> bit & 1 == 1)
    }
}

impl fmt::Display for Days {
    /// Writes `mon, tue`, or `daily`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("daily");
        }
        let names = DAYS.iter().filter(|(day, ..)| self.contains(*day)).map(|(_, short, _)| *short);
        f.write_str(&names.collect::<Vec<_>>().join(", "))
    }
}

/// The times at which a rule applies.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    days: Days,
    /// Minutes after midnight.
    from: u16,
    /// Minutes after midnight. Not after `from` if the schedule extends into the next day.
    to: u16,
    zone: TimeZone,
}

impl Schedule {
    /// From `from` on these days until `to`: on the same day, or on the next day if `to` is not
    /// later than `from`.
    pub(super) fn new(days: Days, from: u16, to: u16, zone: TimeZone) -> Self {
        Self { days, from, to, zone }
    }

    /// Returns true if the schedule contains the time.
    pub fn contains(&self, time: Timestamp) -> bool {
        let Ok(instant) = jiff::Timestamp::from_nanosecond(time.nanos().into()) else { return false };
        let local = self.zone.to_datetime(instant);
        // At most 23 and 59, so the casts are exact.
        let minute = local.hour().unsigned_abs() as u16 * 60 + local.minute().unsigned_abs() as u16;
        let today = self.days.contains(local.weekday());
        if self.from < self.to {
            return today && (self.from..self.to).contains(&minute);
        }
        let yesterday = self.days.contains(local.weekday().previous());
        (today && minute >= self.from) || (yesterday && minute < self.to)
    }

    /// The time zone.
    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

impl fmt::Display for Schedule {
    /// Writes `mon, tue from 22:00 to 04:00 of the next day, Europe/Amsterdam`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let next = if self.from < self.to { "" } else { " of the next day" };
        let zone = self.zone.iana_name().unwrap_or("UTC");
        write!(f, "{} from {} to {}{next}, {zone}", self.days, clock(self.from), clock(self.to))
    }
}

/// Finds a time zone by its IANA name in the built-in database.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// Parses a time of day such as `08:00` into minutes after midnight. `24:00` is the end of the day.
pub(super) fn time_of_day(text: &str) -> Option<u16> {
    let (hour, rest) = text.split_once(':')?;
    // A TOML time may have seconds, but a schedule has none.
    let minute = rest.strip_suffix(":00").unwrap_or(rest);
    let number = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| is_number)
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= MINUTES_PER_DAY).then_some(minutes)
}
