//! The plan of a replay.

use std::mem;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rattap::capture::{Inputs, TimeWindow};
use rattap::output::Target;
use rattap::units::Timestamp;

use super::follow::Follow;
use super::outputs::{check_not_emptied, is_same_target};
use super::paths::{WrittenFile, check_is_no_input};
use super::reports::Reports;
use super::run::Run;
use crate::command::args::ReplayArgs;
use crate::command::settings::Origins;

/// The plan of a replay.
pub struct Replay {
    pub paths: Vec<PathBuf>,
    /// The folder to follow instead of reading `paths`.
    pub follow: Option<Follow>,
    pub run: Run,
    /// The file for all names that hosts ask for.
    pub names: Option<PathBuf>,
    /// The file for the packets of all alerts.
    pub carve: Option<PathBuf>,
    pub reports: Reports,
    /// The time of the packets to process.
    pub window: Option<TimeWindow>,
    /// Prints a table of clients and their findings at the end.
    pub prints_table: bool,
    /// Exits with a code of its own if there were alerts.
    pub has_alerts_exit_code: bool,
}

impl Replay {
    /// Checks everything that can be checked before the replay starts.
    pub fn new(mut args: ReplayArgs, origins: &Origins) -> anyhow::Result<Self> {
        args.paths.splice(..0, mem::take(&mut args.read));
        let mut reports = Reports::new(&args)?;
        let window = time_window(args.from, args.to)?;
        // clap's `requires` does not apply if paths are given, because they conflict with --follow.
        if let (Some(state), None) = (&args.state, &args.follow) {
            bail!("--state {}: can only be used with --follow; name the folder with --follow", state.display());
        }
        let is_limit_given = args.run.spool.spool_limit.is_some() && !origins.is_from_file("spool_limit");
        let run = Run::new(args.run, origins)?;
        reports.set_indicators(run.indicators.len(), run.with_builtin, &run.feeds);
        if args.follow.is_none() {
            check_not_emptied("output", &run.outputs, origins)?;
            check_not_emptied("audit", run.audit.as_slice(), origins)?;
        }
        if is_limit_given && run.spool.is_none() {
            bail!("--spool-limit: can only be used with --spool; name the spool's folder with --spool");
        }
        if let Some(names) = &args.names {
            check_names(names, &run)?;
        }
        if let Some(carve) = &args.carve {
            if args.follow.is_some() {
                bail!(
                    "--carve {}: reads the captures a second time when the replay has ended, and --follow has no end; \
                     replay the captures with --carve by themselves",
                    carve.display()
                );
            }
            check_carve(carve, args.names.as_deref(), &run)?;
        }
        let follow = args.follow.map(|folder| Follow::new(&folder, args.state, &run, args.names.as_deref()));
        let replay = Self {
            paths: args.paths,
            follow: follow.transpose()?,
            run,
            names: args.names,
            carve: args.carve,
            reports,
            window,
            prints_table: args.summary,
            has_alerts_exit_code: args.exit_code,
        };
        replay.reports.check_apart(replay.files())?;
        Ok(replay)
    }

    /// The files that the replay writes, without reports.
    fn files(&self) -> impl Iterator<Item = WrittenFile<'_>> {
        let others = [("--names", &self.names), ("--carve", &self.carve)];
        let others = others.into_iter().filter_map(|(option, path)| Some(WrittenFile { option, path: path.as_ref()? }));
        self.run.files().chain(others)
    }

    /// Refuses files that would overwrite one of the inputs.
    pub fn check_inputs(&self, inputs: &Inputs) -> anyhow::Result<()> {
        self.files().chain(self.reports.files()).try_for_each(|file| check_is_no_input(file, inputs))
    }
}

fn time_window(from: Option<Timestamp>, to: Option<Timestamp>) -> anyhow::Result<Option<TimeWindow>> {
    if from.is_none() && to.is_none() {
        return Ok(None);
    }
    let window = TimeWindow { from: from.unwrap_or(Timestamp::MIN), to: to.unwrap_or(Timestamp::MAX) };
    if window.from >= window.to {
        bail!("--to: is not after --from, so there are no packets to process; swap them, or omit one");
    }
    Ok(Some(window))
}

fn check_names(names: &Path, run: &Run) -> anyhow::Result<()> {
    let target = Target::parse(names.as_os_str()).context("--names")?;
    if run.outputs.iter().any(|output| is_same_target(&target, output)) {
        bail!("--names {}: alerts are written there; write them to a file with -o FILE", names.display());
    }
    if run.audit.as_ref().is_some_and(|audit| is_same_target(&target, audit)) {
        bail!("--names {}: --audit writes there; give the names a file of their own", names.display());
    }
    Ok(())
}

fn check_carve(carve: &Path, names: Option<&Path>, run: &Run) -> anyhow::Result<()> {
    let target = match Target::parse(carve.as_os_str()).context("--carve")? {
        target @ Target::File(..) => target,
        _ => bail!("--carve {}: must be a file", carve.display()),
    };
    let is_output = run.outputs.iter().chain(&run.audit).any(|output| is_same_target(&target, output));
    if is_output || names == Some(carve) {
        bail!("--carve {}: another option writes there; give the packets a file of their own", carve.display());
    }
    Ok(())
}
