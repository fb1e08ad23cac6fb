//! The plan that all runs share, whether their packets come from captures or from interfaces.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::{slice, thread};

use anyhow::{Context, bail};
use rattap::alert::exclusion::{Exclusions, LoadErrors};
use rattap::capture::Filter;
use rattap::indicator::{FeedReport, IndicatorSet};
use rattap::output::{self, Audited, EventHandler, Mode, Output, OutputError, Sensor, SpoolSettings, Target};
use rattap::sensor::SensorSettings;
use rattap::track::TrackSettings;

use super::indicators::load_indicators;
use super::outputs;
use super::paths::WrittenFile;
use crate::command::args::{ColorArg, ExclusionArgs, RunArgs};
use crate::command::clock::now;
use crate::command::settings::Origins;

/// The most useful workers: one capture thread feeds no more, and each worker holds a block of
/// packets.
const MAX_WORKERS: usize = 32;

/// The plan of a run, without its source of packets.
pub struct Run {
    pub outputs: Vec<Target>,
    pub spool: Option<SpoolSettings>,
    pub audit: Option<Target>,
    pub filter: Option<Filter>,
    pub indicators: Arc<IndicatorSet>,
    /// The lists that the indicators come from.
    pub feeds: Vec<FeedReport>,
    /// True if the indicators include the built-in ones.
    pub with_builtin: bool,
    pub sensor: Sensor,
    pub color: ColorArg,
    pub settings: SensorSettings,
}

impl Run {
    /// Checks everything that can be checked before the run starts.
    pub(super) fn new(args: RunArgs, origins: &Origins) -> anyhow::Result<Self> {
        if let Some(workers) = args.workers
            && workers.get() > MAX_WORKERS
        {
            bail!("{} {workers}: more than {MAX_WORKERS} workers are of no use", origins.of("workers"));
        }
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let max_workers = NonZeroUsize::new(MAX_WORKERS).unwrap_or(NonZeroUsize::MIN);
        let workers = args.workers.unwrap_or(cores.min(max_workers));
        let filter = args.filter.as_deref().map(|text| Filter::new(text).with_context(|| origins.of("filter")));
        let host = args.sensor_host.unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned());
        let ExclusionArgs { exclusions: files, audit } = args.exclusions;
        if files.is_empty() && audit.is_some() {
            bail!("{}: without --exclusions no alert is suppressed", origins.of("audit"));
        }
        if args.explain_exclusions && (files.is_empty() || audit.is_some()) {
            bail!(
                "{}: needs --exclusions, and cannot be used with --audit, since it suppresses no alert",
                origins.of("explain_exclusions")
            );
        }
        let exclusions = load_exclusions(&files).with_context(|| origins.of("exclusions"))?;
        let exclusions = if args.explain_exclusions { exclusions.dry() } else { exclusions };
        let outputs = outputs::alert_targets(&args.output, &args.json, (args.format, args.color), origins)?;
        let audit = outputs::audit_target(audit, &outputs, origins)?;
        let with_builtin = !args.indicators.no_builtin;
        let loaded = load_indicators(args.indicators, origins)?;
        Ok(Self {
            outputs,
            spool: outputs::spool(args.spool, origins)?,
            audit,
            filter: filter.transpose()?,
            indicators: Arc::new(loaded.set),
            feeds: loaded.feeds,
            with_builtin,
            sensor: Sensor { host, id: args.sensor_id },
            color: args.color,
            settings: SensorSettings {
                workers,
                track: TrackSettings {
                    repeat_window: args.repeat_window,
                    home: args.home,
                    exclusions: Arc::new(exclusions),
                },
            },
        })
    }

    /// The rules for lawful use in force.
    pub fn exclusions(&self) -> Arc<Exclusions> {
        self.settings.track.exclusions.clone()
    }

    /// The files for alerts and for suppressed alerts.
    pub fn files(&self) -> impl Iterator<Item = WrittenFile<'_>> {
        let outputs = self.outputs.iter().map(|output| (outputs::option_of(output), output));
        let audit = self.audit.iter().map(|audit| ("--audit", audit));
        outputs.chain(audit).filter_map(|(option, target)| Some(WrittenFile { option, path: target.path()? }))
    }

    /// Opens all outputs as one. The outputs report their state to `handler`.
    pub fn open_outputs(&self, mode: Mode, handler: &EventHandler) -> Result<Box<dyn Output>, OutputError> {
        let audit = match &self.audit {
            Some(audit) => Some(output::open(slice::from_ref(audit), &self.sensor, mode, None, handler)?),
            None => None,
        };
        let alerts = output::open(&self.outputs, &self.sensor, mode, self.spool.as_ref(), handler)?;
        Ok(Box::new(Audited::new(alerts, audit)))
    }
}

/// Loads the rules for lawful use from all files. Logs a warning for each rule that has expired or
/// will expire soon.
pub fn load_exclusions(files: &[PathBuf]) -> Result<Exclusions, LoadErrors> {
    let now = now();
    let exclusions = Exclusions::load(files, now)?;
    exclusions.warnings(now).iter().for_each(|warning| log::warn!("{warning}"));
    Ok(exclusions)
}
