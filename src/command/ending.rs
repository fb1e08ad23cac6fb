//! The ending of a run, the same for a replay, a followed folder and a live sensor: from the
//! outcome to the exit code.

use std::time::Duration;

use rattap::alert::exclusion::Exclusions;
use rattap::capture::CaptureError;
use rattap::output::OutputError;
use rattap::report::Problems;
use rattap::sensor::Totals;

use crate::command::printable::{printable, without_error_number};
use crate::command::terminal::console::Console;
use crate::command::terminal::examined::{Examined, ProblemSummary};
use crate::command::terminal::exit_code::Exit;
use crate::command::terminal::summary::{self, RunKind};

/// The problems with inputs.
#[derive(Default)]
pub struct InputProblems {
    summary: ProblemSummary,
    for_report: Problems,
}

impl InputProblems {
    /// Logs a problem and counts it.
    pub fn log(&mut self, error: &CaptureError) {
        self.summary.count += 1;
        self.summary.first.get_or_insert_with(|| printable(&without_error_number(&error.to_string())));
        self.for_report.note(error);
        log::error!("{error}");
    }
}

/// A run that has ended.
pub struct Ending {
    pub totals: Totals,
    /// True if no output ended the run before the end of its input.
    pub is_complete: bool,
    /// The problems with inputs, for the report.
    pub problems: Problems,
    problem_summary: ProblemSummary,
    output_error: Option<OutputError>,
    has_failed: bool,
}

impl Ending {
    /// A closed pipe at standard output is no failure: its reader wants no more alerts, so none of
    /// them are lost.
    pub fn new(mut totals: Totals, output: Result<(), OutputError>, problems: InputProblems) -> Self {
        let is_complete = output.is_ok();
        let is_closed_pipe = output.as_ref().is_err_and(OutputError::is_closed_pipe);
        if is_closed_pipe {
            totals.alerts_lost = 0;
        }
        Self {
            totals,
            is_complete,
            problems: problems.for_report,
            problem_summary: problems.summary,
            output_error: output.err().filter(|_| !is_closed_pipe),
            has_failed: false,
        }
    }

    /// Notes that a further part of the work failed. The caller logs its error.
    pub fn fail(&mut self) {
        self.has_failed = true;
    }

    /// Prints the summary of the run.
    pub fn print_summary(&self, kind: RunKind, console: &Console, exclusions: &Exclusions, took: Duration) {
        console.print(&summary::text(kind, &self.totals, exclusions, &self.problem_summary, took));
    }

    /// Logs the error of the output that ended the run, and returns the exit code. With
    /// `has_alerts_exit_code`, a run with alerts has an exit code of its own.
    pub fn exit(self, has_alerts_exit_code: bool) -> Exit {
        if let Some(error) = &self.output_error {
            log::error!("{error}");
        }
        let has_lost_alerts = self.output_error.is_some() || self.totals.alerts_lost > 0;
        let is_unexamined = Examined::of(&self.totals, &self.problem_summary).is_failure();
        if has_lost_alerts || self.problem_summary.count > 0 || is_unexamined || self.has_failed {
            Exit::Failure
        } else if has_alerts_exit_code && self.totals.alerts_written > 0 {
            Exit::Alerts
        } else {
            Exit::Success
        }
    }
}
