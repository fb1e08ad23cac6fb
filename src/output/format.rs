//! The table of line formats.

use super::{Cef, Json, LineFormatter, Sensor, Text, TextStyle};

/// A format of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFormat {
    /// See [`Cef`].
    Cef,
    /// See [`Json`].
    Json,
    /// See [`Text`].
    Text(TextStyle),
}

impl LineFormat {
    /// Returns a formatter whose lines name `sensor`.
    pub fn formatter(self, sensor: &Sensor) -> Box<dyn LineFormatter> {
        match self {
            Self::Cef => Box::new(Cef::new(sensor.clone())),
            Self::Json => Box::new(Json::new(sensor.clone())),
            Self::Text(style) => Box::new(Text::new(style)),
        }
    }
}
