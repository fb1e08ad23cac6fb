//! Repeat windows: one alert for the first sighting, and one for all that follows within a window.
//!
//! A SOC pays for alerts. A *sighting* is one conversation or DNS message that matched. The first
//! sighting of a signature, client, indicator and listed address is reported at once. What follows
//! is accumulated and reported as an update when the window closes, if there is anything to report.
//! In that case the next window opens at that time. After a window without any traffic the key is
//! forgotten, and the next sighting is a first one again.
//!
//! Every alert counts what came since the previous alert, so sums over alerts are exact for any
//! length of the window.
//!
//! The verdict of the exclusion rules is part of the key. So suppressed sightings have windows of
//! their own, by the same rules, for the audit file, and sums over the alerts and the audit file
//! together are exact, too.
//!
//! A window of zero treats each conversation on its own: its first packet gives one alert, and its
//! remainder gives another once the conversation has been silent for the timeout of its protocol.
//! DNS messages are then reported one by one.

mod alert_id;
mod key;
#[cfg(test)]
mod tests;
mod window;
mod windows;

pub use window::Traffic;
pub use windows::{REPEAT_WINDOW, RepeatWindows, WindowId};
