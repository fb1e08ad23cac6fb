//! Schedules: on which days, and from when to when, a rule applies.
//!
//! A schedule is what a clock on the wall shows in its time zone. Where clocks are set forward the hour that is left out is in no
//! schedule; where they are set back the hour that comes twice is in it twice. What counts is the packet's time, never this
//! machine's clock, and the time zones are those that come with the program: the same capture gives the same alerts on every machine.

use std::fmt;

use jiff::civil::Weekday;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::units::Timestamp;

/// Minutes of a day: the end of a schedule that lasts until midnight.
pub(super) const DAY: u16 = 24 * 60;

/// The days by name, Monday first.
const DAYS: [(Weekday, &str, &str); 7] = [
    (Weekday::Monday, "mon", "monday"),
    (Weekday::Tuesday, "tue", "tuesday"),
    (Weekday::Wednesday, "wed", "wednesday"),
    (Weekday::Thursday, "thu", "thursday"),
    (Weekday::Friday, "fri", "friday"),
    (Weekday::Saturday, "sat", "saturday"),
    (Weekday::Sunday, "sun", "sunday"),
];

/// Some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days(u8);

impl Days {
    /// Every day.
    pub(super) const ALL: Self = Self(0x7f);

    /// Days by a name: `mon`, `monday`, `weekdays` (Monday to Friday), `weekend`, `daily`; in any case.
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

    /// These days and those.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn holds(self, day: Weekday) -> bool {
        DAYS.iter().zip(0..).any(|((known, ..), place)| *known == day && self.0 >> place & 1 == 1)
    }
}

impl fmt::Display for Days {
    /// `mon, tue`, or `daily`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("daily");
        }
        let names = DAYS.iter().filter(|(day, ..)| self.holds(*day)).map(|(_, short, _)| *short);
        f.write_str(&names.collect::<Vec<_>>().join(", "))
    }
}

/// When a rule applies.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    days: Days,
    /// Minutes after midnight.
    from: u16,
    /// Minutes after midnight; not after `from` where the schedule goes on into the next day.
    to: u16,
    zone: TimeZone,
}

impl Schedule {
    /// From `from` on these days, for as long as it takes until a clock shows `to`: on the same day, or on the next where that is not
    /// later than `from`.
    pub(super) fn new(days: Days, from: u16, to: u16, zone: TimeZone) -> Self {
        Self { days, from, to, zone }
    }

    /// Whether a packet of this time lies in it.
    pub fn holds(&self, time: Timestamp) -> bool {
        let Ok(instant) = jiff::Timestamp::from_nanosecond(time.nanos().into()) else { return false };
        let local = self.zone.to_datetime(instant);
        // No larger than 23 and 59.
        let minute = local.hour().unsigned_abs() as u16 * 60 + local.minute().unsigned_abs() as u16;
        let today = self.days.holds(local.weekday());
        if self.from < self.to {
            return today && (self.from..self.to).contains(&minute);
        }
        let yesterday = self.days.holds(local.weekday().previous());
        (today && minute >= self.from) || (yesterday && minute < self.to)
    }

    /// The zone that its clock shows.
    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

impl fmt::Display for Schedule {
    /// `mon, tue from 22:00 to 04:00 of the next day, Europe/Amsterdam`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let next = if self.from < self.to { "" } else { " of the next day" };
        let zone = self.zone.iana_name().unwrap_or("UTC");
        write!(f, "{} from {} to {}{next}, {zone}", self.days, clock(self.from), clock(self.to))
    }
}

/// A time zone by its IANA name, of those that come with the program.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// Minutes after midnight of a time of day as people write it: `08:00`, `24:00` for the end of the day.
pub(super) fn time_of_day(text: &str) -> Option<u16> {
    let (hour, rest) = text.split_once(':')?;
    // TOML's own times may have seconds, which no schedule has.
    let minute = rest.strip_suffix(":00").unwrap_or(rest);
    let number = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| is_number)
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= DAY).then_some(minutes)
}
