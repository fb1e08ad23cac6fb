//! What the user meant: arguments, checked, with every unit typed.

use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, bail};
use rattap::alert::exclusion::Exclusions;
use rattap::capture::{Filter, Input, Inputs};
use rattap::indicator::{IndicatorSet, builtin, feed};
use rattap::output::Sensor;
use rattap::sensor::SensorSettings;
use rattap::track::TrackSettings;
use rattap::units::Timestamp;

use crate::cli::{ExclusionArgs, IndicatorArgs, ReplayArgs};

/// How many scanners are of any use: one capture thread feeds no more, and each holds a Block.
const MOST_WORKERS: usize = 32;

/// How many refused lines of one list are told one by one; a list in the wrong format refuses every line.
const MOST_REFUSALS_TOLD: usize = 10;

/// What a replay is to do.
pub struct Replay {
    pub paths: Vec<PathBuf>,
    pub output: PathBuf,
    pub names: Option<PathBuf>,
    pub audit: Option<PathBuf>,
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
        if args.names.as_ref() == Some(&args.output) {
            bail!("--names {0}: the alerts go there; send them elsewhere with -o FILE", args.output.display());
        }
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let most = NonZeroUsize::new(MOST_WORKERS).unwrap_or(NonZeroUsize::MIN);
        let workers = args.workers.unwrap_or(cores.min(most));
        let filter = args.filter.as_deref().map(|text| Filter::new(text).context("--filter"));
        let host = args.sensor_host.unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned());
        let exclusions = exclusions(&args.exclusions)?;
        let exclusions = if args.explain_exclusions { exclusions.dry() } else { exclusions };
        let audit = args.exclusions.audit;
        if let Some(audit) = audit.as_ref().filter(|audit| **audit == args.output || is_same_file(audit, &args.output))
        {
            bail!("--audit {}: the alerts go there; give the audit a file of its own", audit.display());
        }
        Ok(Self {
            paths: args.paths,
            output: args.output,
            names: args.names,
            audit,
            filter: filter.transpose()?,
            indicators: Arc::new(indicators(&args.indicators)?),
            sensor: Sensor { host, id: args.sensor_id },
            settings: SensorSettings {
                workers,
                track: TrackSettings {
                    repeat_window: args.repeat_window,
                    home: args.home,
                    exclusions: Arc::new(exclusions),
                },
            },
            tells_alerts_by_exit_code: args.exit_code,
        })
    }
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

/// The rules for lawful use, of all files. Warns of those that have expired or soon will.
pub fn exclusions(args: &ExclusionArgs) -> anyhow::Result<Exclusions> {
    let now = now();
    let exclusions = Exclusions::load(&args.exclusions, now)?;
    exclusions.warnings(now).iter().for_each(|warning| log::warn!("{warning}"));
    Ok(exclusions)
}

/// This machine's time.
pub fn now() -> Timestamp {
    Timestamp::from_nanos(jiff::Timestamp::now().as_nanosecond().try_into().unwrap_or(i64::MAX))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let file = |path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|file| (file.dev(), file.ino()));
    file(one).is_some_and(|one| file(other) == Some(one))
}

/// Refuses an output that would empty one of the inputs.
pub fn check_output(option: &str, output: &Path, inputs: &Inputs) -> anyhow::Result<()> {
    let Ok(target) = fs::metadata(output) else { return Ok(()) };
    let is_target = |path: &Path| {
        fs::metadata(path)
            .is_ok_and(|input| input.is_file() && (input.dev(), input.ino()) == (target.dev(), target.ino()))
    };
    for input in &inputs.list {
        if let Input::File(path) = input
            && is_target(path)
        {
            bail!("{option} {}: is one of the captures, which it would overwrite", output.display());
        }
    }
    Ok(())
}
