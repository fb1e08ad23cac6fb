//! The output thread: writes alerts, and counts which were written and which were lost.

use crossbeam_channel::Receiver;

use super::event::Event;
use super::shared::Shared;
use crate::alert::Alert;
use crate::capture::{Checkpoint, HeartbeatSignal, TrackerSnapshot};
use crate::output::{Output, OutputError};

/// The most alerts that wait for the output: some 300 kB.
pub(super) const MAX_WAITING_ALERTS: usize = 512;

/// The reaction of a run to an output that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnOutputFailure {
    /// The run ends with the error.
    End,
    /// The run goes on: alerts are lost and counted, and later ones tried again. Only a pipe whose
    /// reader went away still ends the run.
    GoOn,
}

/// An item in the queue in front of the output.
pub(super) enum OutputMessage {
    Alert(Box<Alert>),
    /// A heartbeat, which has passed all stages when the output thread takes it.
    HeartbeatSignal(HeartbeatSignal),
    /// A point behind the packets of finished captures, with what the tracker held there.
    Checkpoint(Checkpoint, TrackerSnapshot),
}

/// Writes alerts until the queue is closed. Returns the error that ended the writing, or that
/// closing the output gave.
pub(super) fn write(
    mut output: Box<dyn Output>,
    queue: &Receiver<OutputMessage>,
    on_failure: OnOutputFailure,
    shared: &Shared,
) -> Result<(), OutputError> {
    let mut ledger = Ledger { shared, on_failure, buffered: 0, ended: None, is_failing: false };
    // Set while the output may buffer lines: alerts, or suppressed ones for the audit file.
    let mut has_buffered = false;
    let mut has_beat = false;
    for message in queue {
        match message {
            OutputMessage::HeartbeatSignal(beat) => {
                beat.acknowledge();
                has_beat = true;
            }
            // A suppressed line is no alert.
            OutputMessage::Alert(alert) if ledger.ended.is_some() => {
                shared.alerts.add_lost(u64::from(!alert.is_suppressed()));
            }
            OutputMessage::Checkpoint(checkpoint, held) => {
                // Suppressed lines may be buffered even where no alert is.
                if ledger.ended.is_none() {
                    ledger.note(output.flush());
                }
                if ledger.ended.is_none() {
                    checkpoint.acknowledge(held);
                }
            }
            OutputMessage::Alert(alert) => {
                ledger.buffered += u64::from(!alert.is_suppressed());
                has_buffered = true;
                if let Err(error) = output.write(&alert) {
                    ledger.note(Err(error));
                }
            }
        }
        let reopens = shared.control.takes_reopen();
        // A heartbeat also has the output check the threads that write for it.
        if (has_buffered || has_beat) && ledger.ended.is_none() && (reopens || queue.is_empty()) {
            (has_buffered, has_beat) = (false, false);
            ledger.note(output.flush());
        }
        if reopens && ledger.ended.is_none() {
            ledger.note(output.reopen());
        }
    }
    let closed = output.close();
    if let Some(error) = ledger.ended {
        return Err(error);
    }
    match &closed {
        Ok(()) => shared.alerts.add_written(ledger.buffered),
        Err(_) => shared.alerts.add_lost(ledger.buffered),
    }
    closed
}

/// Counts alerts as written or lost.
struct Ledger<'a> {
    shared: &'a Shared,
    on_failure: OnOutputFailure,
    /// Alerts that the output took, perhaps only into its buffer: the call that fails to write the
    /// buffer loses them all.
    buffered: u64,
    /// The error that ended the writing.
    ended: Option<OutputError>,
    is_failing: bool,
}

impl Ledger<'_> {
    /// Notes the result of a call that writes all that is buffered.
    fn note(&mut self, result: Result<(), OutputError>) {
        let buffered = std::mem::take(&mut self.buffered);
        let Err(error) = result else {
            self.shared.alerts.add_written(buffered);
            if std::mem::take(&mut self.is_failing) {
                self.shared.control.report(Event::OutputWorks);
            }
            return;
        };
        self.shared.alerts.add_lost(buffered);
        if self.on_failure == OnOutputFailure::End || error.is_closed_pipe() {
            self.shared.end_early();
            self.ended = Some(error);
        } else if !std::mem::replace(&mut self.is_failing, true) {
            self.shared.control.report(Event::OutputFails(error));
        }
    }
}
