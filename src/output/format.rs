//! The table of line formats.

use super::{Cef, Json, LineFormatter, Sensor};

/// A format of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFormat {
    /// See [`Cef`].
    Cef,
    /// See [`Json`].
    Json,
}

impl LineFormat {
    /// Returns a formatter whose lines name `sensor`.
    pub fn formatter(self, sensor: &Sensor) -> Box<dyn LineFormatter> {
        match self {
            Self::Cef => Box::new(Cef::new(sensor.clone())),
            Self::Json => Box::new(Json::new(sensor.clone())),
        }
    }
}
