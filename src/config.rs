//! What the user meant: arguments, checked, with every unit typed.

use std::ffi::OsString;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, bail};
use rattap::alert::exclusion::Exclusions;
use rattap::capture::{Filter, Input, Inputs};
use rattap::indicator::{IndicatorSet, LoadSettings};
use rattap::output::{Sensor, SpoolSettings, Target};
use rattap::sensor::SensorSettings;
use rattap::track::TrackSettings;
use rattap::units::Timestamp;

use crate::cli::{ExclusionArgs, FeedArgs, IndicatorArgs, ReplayArgs, SpoolArgs};
use crate::feeds;

/// How many scanners are of any use: one capture thread feeds no more, and each holds a Block.
const MOST_WORKERS: usize = 32;

/// What a replay is to do.
pub struct Replay {
    pub paths: Vec<PathBuf>,
    pub outputs: Vec<Target>,
    pub spool: Option<SpoolSettings>,
    pub names: Option<PathBuf>,
    pub audit: Option<Target>,
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
        let exclusions = exclusions(&args.exclusions)?;
        let exclusions = if args.explain_exclusions { exclusions.dry() } else { exclusions };
        let outputs = outputs(&args.output)?;
        if let Some(names) = &args.names {
            let target = Target::parse(names.as_os_str()).context("--names")?;
            if outputs.iter().any(|output| is_same(&target, output)) {
                bail!("--names {}: the alerts go there; send them elsewhere with -o FILE", names.display());
            }
        }
        let audit = args.exclusions.audit.map(|audit| match Target::parse(audit.as_os_str()).context("--audit")? {
            target @ Target::Syslog(_) => bail!("--audit {target}: must be a file"),
            target => Ok(target),
        });
        let audit = audit.transpose()?;
        if let Some(audit) = audit.as_ref().filter(|audit| outputs.iter().any(|output| is_same(audit, output))) {
            bail!("--audit {audit}: the alerts go there; give the audit a file of its own");
        }
        Ok(Self {
            paths: args.paths,
            outputs,
            spool: spool(args.spool)?,
            names: args.names,
            audit,
            filter: filter.transpose()?,
            indicators: Arc::new(feeds::load(&load_settings(args.indicators))?.set),
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

/// What is to be looked for, of the arguments.
pub fn load_settings(args: IndicatorArgs) -> LoadSettings {
    LoadSettings { with_builtin: !args.no_builtin, ..feed_settings(args.indicators, args.rules) }
}

/// Lists and what becomes of their entries; nothing built in.
pub fn feed_settings(paths: Vec<PathBuf>, rules: FeedArgs) -> LoadSettings {
    LoadSettings {
        paths,
        with_builtin: false,
        families: rules.family,
        max_age: (!rules.max_age.is_zero()).then_some(rules.max_age),
        indicator_max_age: rules.indicator_max_age,
        allow_broad: rules.allow_broad,
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

/// Whether two targets are one place.
fn is_same(one: &Target, other: &Target) -> bool {
    match (one, other) {
        (Target::File(one), Target::File(other)) => one == other || is_same_file(one, other),
        _ => one == other,
    }
}

/// Refuses outputs that would empty one of the inputs.
pub fn check_outputs(option: &str, outputs: &[Target], inputs: &Inputs) -> anyhow::Result<()> {
    outputs.iter().try_for_each(|output| match output {
        Target::File(path) => check_output(option, path, inputs),
        _ => Ok(()),
    })
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
