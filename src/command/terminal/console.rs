//! Standard error: the log, the progress bar and the summary, which share one terminal and must not write over each other.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use env_logger::{Env, Target};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use log::{Level, LevelFilter};
use rattap::output::{Event, EventHandler, SharedTally};
use rattap::units::ByteCount;

use crate::command::terminal::table;

/// What a run is, for those who read its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Somebody waits for its end: the log tells of problems alone.
    Command,
    /// It runs for long: the log also tells what happens, and when.
    Service,
}

/// Standard error.
pub struct Console {
    bar: ProgressBar,
    is_quiet: bool,
}

impl Console {
    /// Sets the log up. The bar stays hidden until [`Console::begin`].
    pub fn start(kind: Kind, verbose: u8, is_quiet: bool) -> Self {
        let bar = ProgressBar::hidden();
        let level = match (kind, verbose) {
            (Kind::Command, 0) => LevelFilter::Warn,
            (Kind::Command, 1) | (Kind::Service, 0) => LevelFilter::Info,
            _ => LevelFilter::Debug,
        };
        let mut log = env_logger::Builder::new();
        log.filter_level(level);
        log.parse_env(Env::default());
        if is_quiet {
            log.filter_level(LevelFilter::Off).filter(None, LevelFilter::Off);
        }
        let style = match kind {
            Kind::Command => Style::Plain,
            Kind::Service if is_journal() => Style::Journal,
            Kind::Service => Style::Timed,
        };
        log.format(move |line, record| {
            let level = record.level().as_str().to_lowercase();
            match style {
                Style::Plain => writeln!(line, "rattap: {level}: {}", record.args()),
                Style::Timed => writeln!(line, "{} rattap: {level}: {}", line.timestamp_millis(), record.args()),
                Style::Journal => writeln!(line, "<{}>{}", priority(record.level()), record.args()),
            }
        });
        log.target(Target::Pipe(Box::new(BesideBar { bar: bar.clone() })));
        log.init();
        Self { bar, is_quiet }
    }

    /// Shows the bar, if there is anybody to see it. `total` is what all inputs have, where that is known.
    pub fn begin(&self, total: Option<ByteCount>) {
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

    /// Moves the bar.
    pub fn progress(&self, read: &AtomicU64, alerts: u64) {
        self.bar.set_message(format!("{alerts} alerts"));
        self.bar.set_position(read.load(Ordering::Relaxed));
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// Says something that is no log.
    pub fn say(&self, text: &str) {
        if !self.is_quiet {
            // Where standard error is gone there is nowhere to complain.
            let _ = io::stderr().write_all(text.as_bytes());
        }
    }

    /// Says who was seen doing what.
    pub fn show(&self, tally: &SharedTally) {
        self.say(&table::text(&tally.lock(), table::is_coloured()));
    }
}

/// Says why nothing was done. Also where quiet: an exit code alone leaves the user to guess.
pub fn fail(error: &anyhow::Error) {
    let _ = writeln!(io::stderr(), "rattap: error: {error:#}");
}

/// How a log line looks.
#[derive(Clone, Copy)]
enum Style {
    Plain,
    Timed,
    /// The journal knows time and name, and takes the priority in brackets (sd-daemon(3)).
    Journal,
}

/// Whether standard error is the journal's: systemd names the stream's device and inode (systemd.exec(5)).
fn is_journal() -> bool {
    let Some(named) = std::env::var("JOURNAL_STREAM").ok() else { return false };
    let Ok(file) = io::stderr().as_fd().try_clone_to_owned().map(File::from) else { return false };
    file.metadata().is_ok_and(|metadata| named == format!("{}:{}", metadata.dev(), metadata.ino()))
}

/// The level as syslog(3) numbers it.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// Logs what outputs tell.
pub fn report() -> EventHandler {
    Arc::new(|name: &str, event: Event| match event {
        Event::Failed(error) => log::error!("{error}"),
        event if event.is_problem() => log::warn!("{name}: {event}"),
        event => log::info!("{name}: {event}"),
    })
}

/// Writes log lines above the bar.
struct BesideBar {
    bar: ProgressBar,
}

impl Write for BesideBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bar.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
