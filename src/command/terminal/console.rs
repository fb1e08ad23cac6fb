//! Standard error: the log, the progress bar and the summary share one terminal and must not
//! overwrite each other.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use env_logger::{Env, Target};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use log::{Level, LevelFilter};
use rattap::alert::exclusion::LoadErrors;
use rattap::indicator;
use rattap::output::{Event, EventHandler, SharedTally};
use rattap::units::ByteCount;

use crate::command::args::ColorArg;
use crate::command::printable::{printable, printable_lines, without_error_number};
use crate::command::settings;
use crate::command::terminal::color::has_color;
use crate::command::terminal::table;

/// The kind of a command, which decides how much it logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandKind {
    /// The user waits for its end: only problems are logged.
    Short,
    /// It runs for a long time: informational messages are logged too, with their time.
    Service,
}

/// Standard error.
pub struct Console {
    bar: ProgressBar,
    is_quiet: bool,
}

impl Console {
    /// Sets up the log. The bar is hidden until [`Console::start_progress`].
    pub fn start(kind: CommandKind, verbose: u8, is_quiet: bool) -> Self {
        let bar = ProgressBar::hidden();
        let level = match (kind, verbose) {
            (CommandKind::Short, 0) => LevelFilter::Warn,
            (CommandKind::Short, 1) | (CommandKind::Service, 0) => LevelFilter::Info,
            _ => LevelFilter::Debug,
        };
        let mut log = env_logger::Builder::new();
        log.filter_level(level);
        log.parse_env(Env::default());
        if is_quiet {
            // Not even RUST_LOG brings back more than errors.
            log = env_logger::Builder::new();
            log.filter_level(LevelFilter::Error);
        }
        let format = match kind {
            CommandKind::Short => LogFormat::Plain,
            CommandKind::Service if is_journal() => LogFormat::Journal,
            CommandKind::Service => LogFormat::Timed,
        };
        log.format(move |line, record| {
            let level = record.level().as_str().to_lowercase();
            let message = printable(&without_error_number(&record.args().to_string()));
            match format {
                LogFormat::Plain => writeln!(line, "rattap: {level}: {message}"),
                LogFormat::Timed => writeln!(line, "{} rattap: {level}: {message}", line.timestamp_millis()),
                LogFormat::Journal => writeln!(line, "<{}>{message}", priority(record.level())),
            }
        });
        log.target(Target::Pipe(Box::new(AboveBar { bar: bar.clone() })));
        log.init();
        Self { bar, is_quiet }
    }

    /// Shows the progress bar if standard error is a terminal. `total` is the size of all inputs,
    /// if known.
    pub fn start_progress(&self, total: Option<ByteCount>) {
        if self.is_quiet || !io::stderr().is_terminal() {
            return;
        }
        let template = match total {
            Some(_) => "{wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {msg}",
            None => "{spinner} {binary_bytes} {binary_bytes_per_sec} {msg}",
        };
        if let Some(total) = total {
            self.bar.set_length(total.0);
        }
        self.bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
    }

    /// Moves the progress bar.
    pub fn update_progress(&self, bytes_read: &AtomicU64, alerts: u64) {
        self.bar.set_message(format!("{alerts} alerts"));
        self.bar.set_position(bytes_read.load(Ordering::Relaxed));
    }

    /// Returns a function that logs the events of outputs. At the end of a run it counts down on a
    /// terminal, and logs one line elsewhere.
    pub fn log_output_events(&self) -> EventHandler {
        let (log, bar, is_quiet) = (log_output_events(), self.bar.clone(), self.is_quiet);
        let counts_down = io::stderr().is_terminal();
        let logged = Mutex::new(BTreeSet::new());
        Arc::new(move |name: &str, event: Event| match event {
            Event::Waiting { .. } if counts_down && !is_quiet => {
                bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_draw_target(ProgressDrawTarget::stderr());
                bar.set_message(printable(&format!("{name}: {event}")));
            }
            Event::Waiting { .. } => {
                if logged.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned()) {
                    log(name, event);
                }
            }
            event => log(name, event),
        })
    }

    /// Removes the progress bar.
    pub fn end_progress(&self) {
        self.bar.finish_and_clear();
    }

    /// Prints a text that is not a log message.
    pub fn print(&self, text: &str) {
        if !self.is_quiet {
            // If standard error is closed, there is nowhere to report it.
            let _ = io::stderr().write_all(text.as_bytes());
        }
    }

    /// Prints the table of clients and their findings.
    pub fn print_table(&self, tally: &SharedTally, color: ColorArg) {
        self.print(&table::text(&tally.lock(), has_color(color, &io::stderr())));
    }
}

/// Prints why nothing was done, even with `--quiet`: the exit code alone does not say why.
pub fn print_error(error: &anyhow::Error) {
    let _ = writeln!(io::stderr(), "rattap: error: {}", message(error));
}

/// An error with its causes, as printable text. A list of errors has a line for each.
pub fn message(error: &anyhow::Error) -> String {
    let text = |cause: &(dyn Error + 'static)| {
        let is_list = cause.is::<indicator::LoadError>()
            || cause.is::<LoadErrors>()
            || cause.is::<settings::LoadError>()
            || cause.is::<settings::FileErrors>();
        let text = without_error_number(&cause.to_string());
        if is_list { printable_lines(&text) } else { printable(&text) }
    };
    error.chain().map(text).collect::<Vec<_>>().join(": ")
}

/// The format of a log line.
#[derive(Clone, Copy)]
enum LogFormat {
    Plain,
    Timed,
    /// The journal adds time and name itself, and expects the priority in angle brackets
    /// (sd-daemon(3)).
    Journal,
}

/// Returns true if standard error goes to the journal. systemd gives the stream's device and inode
/// (systemd.exec(5)).
fn is_journal() -> bool {
    let Some(journal) = std::env::var("JOURNAL_STREAM").ok() else { return false };
    let Ok(file) = io::stderr().as_fd().try_clone_to_owned().map(File::from) else { return false };
    file.metadata().is_ok_and(|metadata| journal == format!("{}:{}", metadata.dev(), metadata.ino()))
}

/// The priority as in syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// Returns a function that logs the events of outputs.
pub fn log_output_events() -> EventHandler {
    Arc::new(|name: &str, event: Event| match event {
        Event::Failed(error) => log::error!("{error}"),
        event if event.is_problem() => log::warn!("{name}: {event}"),
        event => log::info!("{name}: {event}"),
    })
}

/// Writes log lines above the progress bar.
struct AboveBar {
    bar: ProgressBar,
}

impl Write for AboveBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bar.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
