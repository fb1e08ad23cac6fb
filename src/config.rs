//! What the user meant: arguments, checked, with every unit typed.

use std::ffi::OsString;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, bail};
use rattap::capture::{Filter, Input, Inputs};
use rattap::indicator::{IndicatorSet, builtin, feed};
use rattap::output::{Sensor, SpoolSettings, Target};
use rattap::sensor::SensorSettings;
use rattap::track::TrackSettings;

use crate::cli::{IndicatorArgs, ReplayArgs, SpoolArgs};

/// How many scanners are of any use: one capture thread feeds no more, and each holds a Block.
const MOST_WORKERS: usize = 32;

/// How many refused lines of one list are told one by one; a list in the wrong format refuses every line.
const MOST_REFUSALS_TOLD: usize = 10;

/// What a replay is to do.
pub struct Replay {
    pub paths: Vec<PathBuf>,
    pub outputs: Vec<Target>,
    pub spool: Option<SpoolSettings>,
    pub filter: Option<Filter>,
    pub indicators: Arc<IndicatorSet>,
    pub sensor: Sensor,
    pub settings: SensorSettings,
    pub tells_alerts_by_exit_code: bool,
}

impl Replay {
    /// Checks all that can be known before the work begins.
    pub fn new(args: ReplayArgs) -> anyhow::Result<Self> {
        if let Some(workers) = args.workers
            && workers.get() > MOST_WORKERS
        {
            bail!("--workers {workers}: more than {MOST_WORKERS} are of no use");
        }
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let most = NonZeroUsize::new(MOST_WORKERS).unwrap_or(NonZeroUsize::MIN);
        let workers = args.workers.unwrap_or(cores.min(most));
        let filter = args.filter.as_deref().map(|text| Filter::new(text).context("--filter"));
        let host = args.sensor_host.unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned());
        Ok(Self {
            paths: args.paths,
            outputs: outputs(&args.output)?,
            spool: spool(args.spool)?,
            filter: filter.transpose()?,
            indicators: Arc::new(indicators(&args.indicators)?),
            sensor: Sensor { host, id: args.sensor_id },
            settings: SensorSettings {
                workers,
                track: TrackSettings { repeat_window: args.repeat_window, home: args.home },
            },
            tells_alerts_by_exit_code: args.exit_code,
        })
    }
}

/// Where alerts go.
pub fn outputs(targets: &[OsString]) -> anyhow::Result<Vec<Target>> {
    targets.iter().map(|target| Target::parse(target).context("-o")).collect()
}

/// Where alerts wait.
pub fn spool(args: SpoolArgs) -> anyhow::Result<Option<SpoolSettings>> {
    let limit = args.spool_limit.unwrap_or(SpoolSettings::LIMIT);
    if limit < SpoolSettings::LEAST {
        bail!("--spool-limit {limit}: at least {} are needed", SpoolSettings::LEAST);
    }
    Ok(args.spool.map(|folder| SpoolSettings { folder, limit }))
}

/// The indicators in force: the built-in ones and those of all files.
pub fn indicators(args: &IndicatorArgs) -> anyhow::Result<IndicatorSet> {
    let mut list = if args.no_builtin { Vec::new() } else { builtin() };
    for path in &args.indicators {
        let feed = feed::read(path)?;
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

/// Refuses outputs that would empty one of the inputs.
pub fn check_outputs(outputs: &[Target], inputs: &Inputs) -> anyhow::Result<()> {
    outputs.iter().try_for_each(|output| match output {
        Target::File(path) => check_output(path, inputs),
        _ => Ok(()),
    })
}

fn check_output(output: &Path, inputs: &Inputs) -> anyhow::Result<()> {
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
