//! The plan that all runs share, whether their packets come from captures or from interfaces.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::{slice, thread};

use anyhow::{Context, anyhow, bail};
use rattap::alert::exclusion::{Exclusions, LoadErrors};
use rattap::capture::Filter;
use rattap::indicator::{FeedReport, IndicatorSet, Previous};
use rattap::output::{
    self, Audited, EventHandler, Mode, OpenedFile, Output, OutputError, Sensor, SpoolSettings, Target,
};
use rattap::privileges::{self, Account};
use rattap::sensor::SensorSettings;
use rattap::track::TrackSettings;

use super::indicators::load_indicators;
use super::outputs;
use super::paths::{NamedPath, RunPaths};
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
    /// Prints a table of clients and their findings at the end.
    pub prints_table: bool,
    pub settings: SensorSettings,
    /// The paths of the run, without captures.
    pub(super) paths: RunPaths,
}

impl Run {
    /// Checks everything that can be checked before the run starts. `previous` is for a reload: see
    /// [`load_indicators`].
    pub(super) fn new(args: RunArgs, origins: &Origins, previous: Option<Previous<'_>>) -> anyhow::Result<Self> {
        if let Some(workers) = args.workers
            && workers.get() > MAX_WORKERS
        {
            bail!(
                "{} {workers}: more than {MAX_WORKERS} workers are of no use; give {MAX_WORKERS} or fewer",
                origins.of("workers")
            );
        }
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let max_workers = NonZeroUsize::new(MAX_WORKERS).unwrap_or(NonZeroUsize::MIN);
        let workers = args.workers.unwrap_or(cores.min(max_workers));
        let filter = args.filter.as_deref().map(|text| {
            Filter::new(text).map_err(|error| anyhow!("{}: {error}; see pcap-filter(7)", origins.of("filter")))
        });
        let host = args.sensor_host.unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned());
        let ExclusionArgs { exclusions: files, audit } = args.exclusions;
        let mut paths = RunPaths::default();
        paths.reads.extend(origins.file().map(|file| NamedPath::new("--config", file)));
        paths.reads.extend(named_paths("indicators", &args.indicators.indicators, origins));
        paths.reads.extend(named_paths("exclusions", &files, origins));
        if files.is_empty() && audit.is_some() {
            bail!(
                "{}: needs --exclusions, without which no alert is suppressed; add --exclusions FILE, or omit --audit",
                origins.of("audit")
            );
        }
        if args.explain_exclusions && files.is_empty() {
            bail!("{}: needs --exclusions; add --exclusions FILE with the rules", origins.of("explain_exclusions"));
        }
        if args.explain_exclusions && audit.is_some() {
            bail!(
                "{}: suppresses no alert, so that nothing goes to the audit file of {}; omit one of the two",
                origins.of("explain_exclusions"),
                origins.of("audit")
            );
        }
        let exclusions = load_exclusions(&files).with_context(|| origins.of("exclusions"))?;
        let exclusions = if args.explain_exclusions { exclusions.dry() } else { exclusions };
        let outputs = outputs::alert_targets(&args.output, &args.json, (args.format, args.color), origins)?;
        let audit = outputs::audit_target(audit, &outputs, origins)?;
        let with_builtin = !args.indicators.no_builtin;
        let loaded = load_indicators(args.indicators, origins, previous)?;
        let spool = outputs::spool(args.spool, origins)?;
        let lists = loaded.feeds.iter().map(|feed| feed.contents.path.clone());
        paths.listed = named_paths("indicators", &lists.collect::<Vec<_>>(), origins);
        for (option, target) in outputs
            .iter()
            .map(|output| (outputs::option_of(output, origins), output))
            .chain(audit.iter().map(|audit| (origins.of("audit"), audit)))
        {
            paths.reads.extend(target.files_read().into_iter().map(|file| NamedPath::new(&*option, file)));
            match target {
                Target::File(path, _) => paths.writes.push(NamedPath::new(option, path)),
                Target::StandardOutput(_) => paths.standard_output = Some(option),
                Target::Receiver(_) => (),
            }
        }
        paths.spool = spool.as_ref().map(|spool| NamedPath::new(origins.of("spool"), &spool.folder));
        Ok(Self {
            outputs,
            spool,
            audit,
            filter: filter.transpose()?,
            indicators: Arc::new(loaded.set),
            feeds: loaded.feeds,
            with_builtin,
            sensor: Sensor { host, id: args.sensor_id },
            color: args.color,
            prints_table: args.summary,
            settings: SensorSettings {
                workers,
                track: TrackSettings {
                    repeat_window: args.repeat_window,
                    home: args.home,
                    exclusions: Arc::new(exclusions),
                },
            },
            paths,
        })
    }

    /// The rules for lawful use in force.
    pub fn exclusions(&self) -> Arc<Exclusions> {
        self.settings.track.exclusions.clone()
    }

    /// Refuses a spool folder of another user, who could read, change and remove alerts there, and
    /// have files elsewhere overwritten.
    pub(super) fn check_spool_owner(&self, account: Option<&Account>) -> anyhow::Result<()> {
        if let Some(spool) = &self.paths.spool
            && let Some(owner) = privileges::foreign_owner(&spool.path, account)
        {
            bail!("{spool}: belongs to user {owner}, or something in it does; name a folder that only the sensor uses");
        }
        Ok(())
    }

    /// Opens all outputs as one. The outputs report their state to `handler`.
    pub fn open_outputs(&self, mode: Mode, handler: &EventHandler) -> Result<Box<dyn Output>, OutputError> {
        self.open_outputs_with(mode, handler, self.spool.as_ref(), Vec::new())
    }

    /// As [`Run::open_outputs`], with another spool and with files that are open already.
    pub fn open_outputs_with(
        &self,
        mode: Mode,
        handler: &EventHandler,
        spool: Option<&SpoolSettings>,
        mut opened: Vec<OpenedFile>,
    ) -> Result<Box<dyn Output>, OutputError> {
        let mut open = |targets: &[Target], spool: Option<&SpoolSettings>| {
            output::open_with(targets, &self.sensor, mode, spool, handler, &mut opened)
        };
        let audit = self.audit.as_ref().map(|audit| open(slice::from_ref(audit), None)).transpose()?;
        let alerts = open(&self.outputs, spool)?;
        Ok(Box::new(Audited::new(alerts, audit)))
    }
}

/// Names the paths that an option gives.
fn named_paths(argument: &str, paths: &[PathBuf], origins: &Origins) -> Vec<NamedPath> {
    paths.iter().map(|path| NamedPath::new(origins.of(argument), path)).collect()
}

/// Loads the rules for lawful use from all files. Logs a warning for each rule that has expired or
/// will expire soon.
pub fn load_exclusions(files: &[PathBuf]) -> Result<Exclusions, LoadErrors> {
    let now = now();
    let exclusions = Exclusions::load(files, now)?;
    exclusions.warnings(now).iter().for_each(|warning| log::warn!("{warning}"));
    Ok(exclusions)
}
