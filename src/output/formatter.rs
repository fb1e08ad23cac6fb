//! The interface of a line format.

use crate::alert::Alert;

/// The sensor that made the alerts. It is the same in every line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sensor {
    /// The host's name: `dvchost` in CEF.
    pub host: String,
    /// The name that the operator gave to the sensor: `deviceExternalId` in CEF.
    pub id: Option<String>,
}

/// Writes an alert as one line.
pub trait LineFormatter: Send {
    /// Appends the alert's line to `out`, with a line feed at its end. A format for programs writes
    /// exactly one line; one for people may leave an alert out, or write a heading before it.
    fn write(&self, alert: &Alert, out: &mut String);
}
