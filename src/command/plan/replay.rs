//! The plan of a replay.

use std::mem;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rattap::capture::{Inputs, TimeWindow};
use rattap::output::Target;
use rattap::privileges::Account;
use rattap::units::Timestamp;

use super::follow::Follow;
use super::outputs::check_not_emptied;
use super::paths::NamedPath;
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
        let mut run = Run::new(args.run, origins, None)?;
        reports.set_indicators(run.indicators.len(), run.with_builtin, &run.feeds);
        if args.follow.is_none() {
            check_not_emptied("output", &run.outputs, origins)?;
            check_not_emptied("audit", run.audit.as_slice(), origins)?;
        }
        if is_limit_given && run.spool.is_none() {
            bail!("--spool-limit: can only be used with --spool; name the spool's folder with --spool");
        }
        if let Some(names) = &args.names {
            add_names(names, &mut run)?;
        }
        if let Some(carve) = &args.carve {
            if args.follow.is_some() {
                bail!(
                    "--carve {}: reads the captures a second time when the replay has ended, and --follow has no end; \
                     replay the captures with --carve by themselves",
                    carve.display()
                );
            }
            if !matches!(Target::parse(carve.as_os_str()).context("--carve")?, Target::File(..)) {
                bail!("--carve {}: is no file; name a file such as evidence.pcapng", carve.display());
            }
            run.paths.writes.push(NamedPath::new("--carve", carve));
        }
        run.paths.writes.extend(reports.files());
        for name in reports.on_standard_output() {
            match run.paths.standard_output.replace("--report".to_owned()) {
                None => {}
                Some(option) if option == "--names" || option == "--audit" || option == "--report" => {
                    bail!("--report {name}: {option} writes to standard output already; give one of them a file")
                }
                Some(_) => bail!("--report {name}: alerts are written there; write them to a file with -o FILE"),
            }
        }
        let follow = args.follow.map(|folder| Follow::new(&folder, args.state, &mut run)).transpose()?;
        run.paths.check()?;
        // The folder may be that of the service.
        run.check_spool_owner(Account::of_package().as_ref())?;
        Ok(Self {
            paths: args.paths,
            follow,
            run,
            names: args.names,
            carve: args.carve,
            reports,
            window,
            has_alerts_exit_code: args.exit_code,
        })
    }

    /// Refuses a replay that would overwrite one of its captures.
    pub fn check_captures(&self, captures: &Inputs) -> anyhow::Result<()> {
        self.run.paths.check_captures(captures)
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

fn add_names(names: &Path, run: &mut Run) -> anyhow::Result<()> {
    match Target::parse(names.as_os_str()).context("--names")? {
        Target::StandardOutput(_) => match run.paths.standard_output.replace("--names".to_owned()) {
            Some(option) if option == "--audit" => {
                bail!("--names {}: --audit writes there; give the names a file of their own", names.display())
            }
            Some(_) => {
                bail!("--names {}: alerts are written there; write them to a file with -o FILE", names.display())
            }
            None => (),
        },
        Target::Receiver(_) => bail!("--names {}: is no file; name a file, or - for standard output", names.display()),
        Target::File(..) => run.paths.writes.push(NamedPath::new("--names", names)),
    }
    Ok(())
}
