//! Events of a running sensor, for the thread that started it.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::shared::Shared;
use crate::capture::CaptureError;
use crate::output::OutputError;

/// The most events that wait to be logged.
pub(super) const MAX_WAITING: usize = 64;

/// The interval between two [`Event::Tick`]s: short enough for a progress bar to look alive.
const TICK_INTERVAL: Duration = Duration::from_millis(100);

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

/// Passes events on to `watch` until all sources have ended. The few Blocks that are still on their
/// way then take too little time to report on.
pub(super) fn watch_sources(events: &Receiver<Event>, shared: &Shared, watch: &mut dyn FnMut(Event)) {
    let mut last_tick = Instant::now();
    loop {
        let event = events.recv_timeout(TICK_INTERVAL.saturating_sub(last_tick.elapsed()));
        shared.control.take_events().into_iter().for_each(&mut *watch);
        match event {
            Ok(event) => watch(event),
            Err(RecvTimeoutError::Timeout) => {
                last_tick = Instant::now();
                watch(Event::Tick { alerts: shared.alerts.written() });
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
