//! What the user meant: arguments, checked, with every unit typed.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, bail};
use rattap::capture::{Filter, Input, Inputs};
use rattap::indicator::{IndicatorSet, builtin, feed};
use rattap::output::Sensor;
use rattap::privileges::Account;
use rattap::sensor::SensorSettings;
use rattap::track::TrackSettings;

use crate::cli::{IndicatorArgs, ReplayArgs, ServiceArgs};
use crate::settings::Origins;

/// How many scanners are of any use: one capture thread feeds no more, and each holds a Block.
const MOST_WORKERS: usize = 32;

/// How many refused lines of one list are told one by one; a list in the wrong format refuses every line.
const MOST_REFUSALS_TOLD: usize = 10;

/// What a replay is to do.
pub struct Replay {
    pub paths: Vec<PathBuf>,
    pub output: PathBuf,
    pub filter: Option<Filter>,
    pub indicators: Arc<IndicatorSet>,
    pub sensor: Sensor,
    pub settings: SensorSettings,
    pub tells_alerts_by_exit_code: bool,
}

impl Replay {
    /// Checks all that can be known before the work begins.
    pub fn new(args: ReplayArgs, origins: &Origins) -> anyhow::Result<Self> {
        if let Some(workers) = args.workers
            && workers.get() > MOST_WORKERS
        {
            bail!("{} {workers}: more than {MOST_WORKERS} are of no use", origins.of("workers"));
        }
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let most = NonZeroUsize::new(MOST_WORKERS).unwrap_or(NonZeroUsize::MIN);
        let workers = args.workers.unwrap_or(cores.min(most));
        let filter = args.filter.as_deref().map(|text| Filter::new(text).with_context(|| origins.of("filter")));
        let host = args.sensor_host.unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned());
        Ok(Self {
            paths: args.paths,
            output: args.output,
            filter: filter.transpose()?,
            indicators: Arc::new(indicators(&args.indicators, origins)?),
            sensor: Sensor { host, id: args.sensor_id },
            settings: SensorSettings {
                workers,
                track: TrackSettings { repeat_window: args.repeat_window, home: args.home },
            },
            tells_alerts_by_exit_code: args.exit_code,
        })
    }
}

/// What a sensor that runs for long needs beside.
pub struct Service {
    pub metrics: Option<SocketAddr>,
    pub account: Account,
    pub reopens: bool,
    pub confines: bool,
}

impl Service {
    /// Checks what can be known before anything is opened.
    pub fn new(args: ServiceArgs, origins: &Origins) -> anyhow::Result<Self> {
        let account = match &args.user {
            Some(name) => Account::named(name),
            None => Account::usual(),
        };
        Ok(Self {
            metrics: args.metrics,
            account: account.with_context(|| origins.of("user"))?,
            reopens: !args.no_reopen,
            confines: !args.no_confine,
        })
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "started by root, the sensor becomes {}", self.account.name())?;
        f.write_str(if self.reopens { "; one thread may open captures" } else { "; nothing may open captures" })?;
        f.write_str(if self.confines { "; confined to its own files" } else { "; not confined" })?;
        match self.metrics {
            Some(address) => write!(f, "; metrics at http://{address}/metrics"),
            None => f.write_str("; no metrics"),
        }
    }
}

/// The indicators in force: the built-in ones and those of all files.
pub fn indicators(args: &IndicatorArgs, origins: &Origins) -> anyhow::Result<IndicatorSet> {
    if args.no_builtin && args.indicators.is_empty() {
        bail!("{}: then nothing is looked for; name a list of your own with --indicators", origins.of("no_builtin"));
    }
    let mut list = if args.no_builtin { Vec::new() } else { builtin() };
    for path in &args.indicators {
        let feed = feed::read(path).with_context(|| origins.of("indicators"))?;
        for refusal in feed.refusals.iter().take(MOST_REFUSALS_TOLD) {
            log::warn!("{}: not used: {refusal}", path.display());
        }
        if let Some(more @ 1..) = feed.refusals.len().checked_sub(MOST_REFUSALS_TOLD) {
            log::warn!("{}: {more} more lines are not used", path.display());
        }
        log::info!("{}: indicators read from a {} list: {}", path.display(), feed.format, feed.indicators.len());
        list.extend(feed.indicators);
    }
    Ok(IndicatorSet::new(list))
}

/// Refuses an output that would empty one of the inputs.
pub fn check_output(output: &Path, inputs: &Inputs) -> anyhow::Result<()> {
    let Ok(target) = fs::metadata(output) else { return Ok(()) };
    let is_target = |path: &Path| {
        fs::metadata(path)
            .is_ok_and(|input| input.is_file() && (input.dev(), input.ino()) == (target.dev(), target.ino()))
    };
    for input in &inputs.list {
        if let Input::File(path) = input
            && is_target(path)
        {
            bail!("-o {}: is one of the captures, which it would overwrite", output.display());
        }
    }
    Ok(())
}
