//! Events of a running sensor, for the thread that started it.

use crate::capture::CaptureError;
use crate::output::OutputError;

/// Something that the caller of a run is told while the sensor runs.
#[derive(Debug)]
pub enum Event {
    /// An input has a fault. The run goes on with the rest.
    Problem(CaptureError),
    /// The output fails, and alerts are lost. Sent once until the output works again.
    OutputFails(OutputError),
    /// The output works again.
    OutputWorks,
    /// A tenth of a second has passed.
    Tick {
        /// Alerts written so far.
        alerts: u64,
    },
}
