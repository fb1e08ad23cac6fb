//! Standard error: the log, the progress bar and the summary, which share one terminal and must not write over each other.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use env_logger::{Env, Target};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use log::LevelFilter;
use rattap::units::ByteCount;

/// Standard error.
pub struct Console {
    bar: ProgressBar,
    is_quiet: bool,
}

impl Console {
    /// Sets the log up. The bar stays hidden until [`Console::begin`].
    pub fn start(verbose: u8, is_quiet: bool) -> Self {
        let bar = ProgressBar::hidden();
        let level = match verbose {
            0 => LevelFilter::Warn,
            1 => LevelFilter::Info,
            _ => LevelFilter::Debug,
        };
        let mut log = env_logger::Builder::new();
        log.filter_level(level).format_timestamp_millis().format_target(verbose > 1);
        log.parse_env(Env::default());
        if is_quiet {
            log.filter_level(LevelFilter::Off).filter(None, LevelFilter::Off);
        }
        log.format(|line, record| {
            let level = record.level();
            writeln!(line, "rattap: {}: {}", level.as_str().to_lowercase(), record.args())
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
}

/// Says why nothing was done. Also where quiet: an exit code alone leaves the user to guess.
pub fn fail(error: &anyhow::Error) {
    let _ = writeln!(io::stderr(), "rattap: error: {error:#}");
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
