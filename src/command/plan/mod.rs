//! What the user meant: arguments, checked, with every unit typed.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use rattap::alert::exclusion::Exclusions;
use rattap::capture::{Direction, Filter, Input, Inputs, LiveSettings, TimeWindow, state_name};
use rattap::indicator::{FeedReport, IndicatorSet, LoadSettings, Loaded};
use rattap::output::{self, Audited, LineFormat, Mode, Output, OutputError, Sensor, SpoolSettings, Target};
use rattap::privileges::{Account, Plan};
use rattap::sensor::{InForce, SensorSettings};
use rattap::track::TrackSettings;
use rattap::units::{ByteCount, Timestamp};

use crate::command::args::{
    DirectionArg, ExclusionArgs, FeedArgs, IndicatorArgs, LiveArgs, ReplayArgs, SPOOL_FOLDER, SensorArgs, ServiceArgs,
    SpoolArgs,
};
use crate::command::indicators;
use crate::command::reports::Reports;
use crate::command::settings::Origins;
use crate::command::terminal::console;

/// How many scanners are of any use: one capture thread feeds no more, and each holds a Block.
const MOST_WORKERS: usize = 32;

/// What every run is to do, wherever its packets come from.
pub struct Run {
    pub outputs: Vec<Target>,
    pub spool: Option<SpoolSettings>,
    pub audit: Option<Target>,
    pub filter: Option<Filter>,
    pub indicators: Arc<IndicatorSet>,
    /// The lists that they come from.
    pub feeds: Vec<FeedReport>,
    /// Whether the built-in ones are among them.
    pub with_builtin: bool,
    pub sensor: Sensor,
    pub settings: SensorSettings,
}

impl Run {
    /// Checks all that can be known before the work begins.
    fn new(args: SensorArgs, origins: &Origins) -> anyhow::Result<Self> {
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
        let ExclusionArgs { exclusions: files, audit } = args.exclusions;
        if files.is_empty() && audit.is_some() {
            bail!("{}: nothing is suppressed without --exclusions", origins.of("audit"));
        }
        if args.explain_exclusions && (files.is_empty() || audit.is_some()) {
            bail!("{}: needs --exclusions, and suppresses nothing for --audit", origins.of("explain_exclusions"));
        }
        let exclusions = exclusions(&files).with_context(|| origins.of("exclusions"))?;
        let exclusions = if args.explain_exclusions { exclusions.dry() } else { exclusions };
        let outputs = outputs(&args.output, &args.json, origins)?;
        let audit = audit.map(|audit| match Target::parse(audit.as_os_str()).with_context(|| origins.of("audit"))? {
            target if target.is_receiver() => bail!("{} {target}: must be a file", origins.of("audit")),
            target => Ok(target),
        });
        let audit = audit.transpose()?;
        if let Some(audit) = audit.as_ref().filter(|audit| outputs.iter().any(|output| is_same(audit, output))) {
            bail!("{} {audit}: the alerts go there; give the audit a file of its own", origins.of("audit"));
        }
        let with_builtin = !args.indicators.no_builtin;
        let loaded = load_indicators(args.indicators, origins)?;
        Ok(Self {
            outputs,
            spool: spool(args.spool, origins)?,
            audit,
            filter: filter.transpose()?,
            indicators: Arc::new(loaded.set),
            feeds: loaded.feeds,
            with_builtin,
            sensor: Sensor { host, id: args.sensor_id },
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
}

impl Run {
    /// The files that are written, with the option that names each.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let outputs = self.outputs.iter().map(|output| (option_of(output), output));
        let audit = self.audit.iter().map(|audit| ("--audit", audit));
        outputs.chain(audit).filter_map(|(option, target)| Some((option, target.path()?)))
    }

    /// Opens all outputs as one.
    pub fn open_outputs(&self, mode: Mode) -> Result<Box<dyn Output>, OutputError> {
        let report = console::report();
        let audit = match &self.audit {
            Some(audit) => Some(output::open(slice::from_ref(audit), &self.sensor, mode, None, &report)?),
            None => None,
        };
        let alerts = output::open(&self.outputs, &self.sensor, mode, self.spool.as_ref(), &report)?;
        Ok(Box::new(Audited::new(alerts, audit)))
    }
}

/// What is to be looked for, of the arguments.
fn load_settings(args: IndicatorArgs) -> LoadSettings {
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

/// What a replay is to do.
pub struct Replay {
    pub paths: Vec<PathBuf>,
    /// The folder to follow in place of `paths`.
    pub follow: Option<Followed>,
    pub run: Run,
    pub names: Option<PathBuf>,
    pub reports: Reports,
    /// Only packets of this time.
    pub window: Option<TimeWindow>,
    /// Ends with a table of who was seen doing what.
    pub shows_summary: bool,
    pub carve: Option<PathBuf>,
    pub tells_alerts_by_exit_code: bool,
}

impl Replay {
    /// Checks all that can be known before the work begins.
    pub fn new(args: ReplayArgs, origins: &Origins) -> anyhow::Result<Self> {
        let reports = Reports::new(&args)?;
        let window = match (args.from, args.to) {
            (None, None) => None,
            (from, to) => Some(TimeWindow { from: from.unwrap_or(Timestamp::MIN), to: to.unwrap_or(Timestamp::MAX) }),
        };
        if window.is_some_and(|window| window.from >= window.to) {
            bail!("--to: is not after --from, so no packet could be looked at; exchange them, or leave one out");
        }
        // clap does not miss --follow where paths are given, which cannot stand beside it.
        if let (Some(state), None) = (&args.state, &args.follow) {
            bail!("--state {}: is of use with --follow alone; name the folder with --follow", state.display());
        }
        let has_limit = args.sensor.spool.spool_limit.is_some() && !origins.is_from_file("spool_limit");
        let run = Run::new(args.sensor, origins)?;
        if args.follow.is_none() {
            check_settings_outputs("output", &run.outputs, origins)?;
            check_settings_outputs("audit", run.audit.as_slice(), origins)?;
        }
        if has_limit && run.spool.is_none() {
            bail!("--spool-limit: of which spool? Name its folder with --spool");
        }
        if let Some(names) = &args.names {
            let target = Target::parse(names.as_os_str()).context("--names")?;
            if run.outputs.iter().any(|output| is_same(&target, output)) {
                bail!("--names {}: the alerts go there; send them elsewhere with -o FILE", names.display());
            }
            if run.audit.as_ref().is_some_and(|audit| is_same(&target, audit)) {
                bail!("--names {}: --audit writes there; give the names a file of their own", names.display());
            }
        }
        if let Some(carve) = &args.carve {
            let shown = carve.display();
            if args.follow.is_some() {
                bail!(
                    "--carve {shown}: captures are read twice for it, the second time when all were read once, and --follow has no end; \
                     replay the captures with --carve by themselves"
                );
            }
            let target = match Target::parse(carve.as_os_str()).context("--carve")? {
                target @ Target::File(..) => target,
                _ => bail!("--carve {shown}: must be a file"),
            };
            let others = run.outputs.iter().chain(&run.audit).any(|output| is_same(&target, output));
            if others || args.names.as_ref() == Some(carve) {
                bail!("--carve {shown}: something else goes there; give the packets a file of their own");
            }
        }
        reports.check_apart(&run, [&args.names, &args.carve].into_iter().flatten())?;
        let names = args.names.as_deref();
        let follow = args.follow.map(|folder| Followed::new(folder, args.state, &run, names)).transpose()?;
        Ok(Self {
            paths: args.paths,
            follow,
            run,
            names: args.names,
            reports,
            carve: args.carve,
            window,
            shows_summary: args.summary,
            tells_alerts_by_exit_code: args.exit_code,
        })
    }
}

/// A folder to follow.
pub struct Followed {
    pub folder: PathBuf,
    /// Where it is kept what was read.
    pub state: PathBuf,
}

impl Followed {
    fn new(folder: PathBuf, state: Option<PathBuf>, run: &Run, names: Option<&Path>) -> anyhow::Result<Self> {
        let folder = match fs::canonicalize(&folder) {
            Ok(folder) => folder,
            Err(error) => bail!("--follow {}: {error}; name a folder that is there", folder.display()),
        };
        if !folder.is_dir() {
            bail!("--follow {}: is no folder; name a file without --follow to read it once", folder.display());
        }
        if let Some(receiver) = run.outputs.iter().find(|output| output.is_receiver())
            && run.spool.is_none()
        {
            bail!(
                "-o {receiver}: --follow needs --spool DIR, where alerts wait for it: their captures are read only once"
            );
        }
        let state = match state {
            Some(state) => state,
            None => {
                let place =
                    state_folder().context("--state is needed: there is no home folder to keep what was read in")?;
                fs::create_dir_all(&place).with_context(|| format!("--state is needed: {}", place.display()))?;
                place.join(state_name(&folder))
            }
        };
        let is_inside = |path: &Path| {
            let parent =
                path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
            parent.and_then(|parent| fs::canonicalize(parent).ok()).is_some_and(|parent| parent == folder)
        };
        let written: Vec<_> = run.files().chain(names.map(|names| ("--names", names))).collect();
        if let Some((option, _)) = written.iter().find(|(_, path)| *path == state || is_same_file(path, &state)) {
            bail!("--state {}: {option} writes there; give it a file of its own", state.display());
        }
        let files = written.into_iter().chain([("--state", state.as_path())]);
        if let Some((option, path)) = files.into_iter().find(|(_, path)| is_inside(path)) {
            bail!(
                "{option} {}: lies in the folder that is followed, and would be taken for a capture; put it elsewhere",
                path.display()
            );
        }
        Ok(Self { folder, state })
    }
}

/// Where programs keep what is to survive a restart: systemd's choice (`StateDirectory=`), else that of the XDG Base Directory
/// Specification.
fn state_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = || variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/state")));
    variable("STATE_DIRECTORY").or_else(|| base().map(|base| base.join("rattap")))
}

/// What a live sensor is to do.
pub struct Live {
    pub capture: LiveSettings,
    /// Its filter is the kernel's business, and was only tried.
    pub run: Run,
    pub service: Service,
    pub stats_interval: Option<Duration>,
    /// What a reload reads.
    reads: Vec<PathBuf>,
}

impl Live {
    /// Checks all that can be known before the interfaces are opened.
    pub fn new(args: LiveArgs, origins: &Origins) -> anyhow::Result<Self> {
        for (number, interface) in args.interfaces.iter().enumerate() {
            if args.interfaces[..number].contains(interface) {
                bail!("-i {interface}: given twice, and its packets would count twice");
            }
        }
        let capture = LiveSettings {
            interfaces: args.interfaces,
            is_promiscuous: !args.no_promiscuous,
            snap_length: args.snap_length,
            kernel_buffer: ByteCount(u64::from(args.kernel_buffer) << 20),
            filter: args.sensor.filter.clone(),
            direction: match args.direction {
                DirectionArg::In => Direction::In,
                DirectionArg::Out => Direction::Out,
                DirectionArg::Both => Direction::Both,
            },
        };
        let mut reads: Vec<PathBuf> = origins.file().into_iter().map(Path::to_owned).collect();
        reads.extend(args.sensor.indicators.indicators.iter().cloned());
        reads.extend(args.sensor.exclusions.exclusions.iter().cloned());
        let limit = args.sensor.spool.spool_limit.unwrap_or(SpoolSettings::LIMIT);
        let mut run = Run::new(args.sensor, origins)?;
        if run.spool.is_none() && run.outputs.iter().any(Target::is_receiver) {
            run.spool = Some(SpoolSettings { folder: SPOOL_FOLDER.into(), limit });
        }
        reads.extend(run.outputs.iter().flat_map(Target::files_read));
        Ok(Self {
            capture,
            run,
            service: Service::new(args.service, origins)?,
            stats_interval: args.stats_interval,
            reads,
        })
    }

    /// What is in force to begin with, and after a reload.
    pub fn in_force(&self) -> InForce {
        InForce { indicators: self.run.indicators.clone(), exclusions: self.run.settings.track.exclusions.clone() }
    }

    /// The parts of the settings in which `new` differs, and which only a restart puts in force.
    pub fn restart_for(&self, new: &Self) -> Vec<&'static str> {
        let of = |live: &Self| (live.run.settings.workers, live.run.settings.track.repeat_window, live.stats_interval);
        let rights = |live: &Self| (live.service.account.clone(), live.service.reopens, live.service.confines);
        let is_other_sensor = self.run.sensor != new.run.sensor
            || self.run.settings.track.home != new.run.settings.track.home
            || of(self) != of(new);
        [
            ("[sensor]", is_other_sensor),
            ("[capture]", self.capture != new.capture),
            ("exclusions.audit", self.run.audit != new.run.audit),
            ("[[output]]", self.run.outputs != new.run.outputs),
            ("[spool]", self.run.spool != new.run.spool),
            ("[metrics]", self.service.metrics != new.service.metrics),
            ("[privileges]", rights(self) != rights(new)),
        ]
        .into_iter()
        .filter_map(|(part, is_other)| is_other.then_some(part))
        .collect()
    }

    /// What to give up before it runs.
    pub fn plan(&self) -> Plan {
        let files =
            self.run.outputs.iter().chain(&self.run.audit).filter_map(|output| output.path().map(Path::to_owned));
        Plan {
            account: self.service.account.clone(),
            reopens: self.service.reopens,
            confines: self.service.confines,
            reads: self.reads.clone(),
            writes: files.chain(self.run.spool.iter().map(|spool| spool.folder.clone())).collect(),
        }
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

/// The indicators in force: the built-in ones and those of all lists.
pub fn load_indicators(args: IndicatorArgs, origins: &Origins) -> anyhow::Result<Loaded> {
    if args.no_builtin && args.indicators.is_empty() {
        bail!("{}: then nothing is looked for; name a list of your own with --indicators", origins.of("no_builtin"));
    }
    indicators::load(&load_settings(args)).with_context(|| origins.of("indicators"))
}

/// Where alerts go. Lines of JSON take the place of those of CEF where nothing is said of these.
fn outputs(cef: &[OsString], json: &[OsString], origins: &Origins) -> anyhow::Result<Vec<Target>> {
    let parsed = |targets: &[OsString], argument: &str| -> anyhow::Result<Vec<Target>> {
        targets.iter().map(|target| Target::parse(target).with_context(|| origins.of(argument))).collect()
    };
    let as_json = |target: Target| {
        let name = target.to_string();
        target
            .as_json()
            .with_context(|| format!("{} {name}: receivers take CEF; name a file, or -", origins.of("json")))
    };
    let json = parsed(json, "json")?.into_iter().map(as_json).collect::<anyhow::Result<Vec<_>>>()?;
    let mut outputs = parsed(cef, "output")?;
    outputs.extend(json);
    if outputs.is_empty() {
        outputs.push(Target::StandardOutput(LineFormat::Cef));
    }
    for (index, output) in outputs.iter().enumerate() {
        if let Some(other) = outputs[..index].iter().find(|other| is_same(other, output)) {
            bail!(
                "{} {output}: is named twice, first as {} {other}; give each output a place of its own",
                option_of(output),
                option_of(other)
            );
        }
    }
    Ok(outputs)
}

/// The option that names an output.
fn option_of(output: &Target) -> &'static str {
    match output {
        Target::StandardOutput(LineFormat::Json) | Target::File(_, LineFormat::Json) => "--json",
        _ => "-o",
    }
}

/// Where alerts wait.
fn spool(args: SpoolArgs, origins: &Origins) -> anyhow::Result<Option<SpoolSettings>> {
    let limit = args.spool_limit.unwrap_or(SpoolSettings::LIMIT);
    if limit < SpoolSettings::LEAST {
        bail!("{} {limit}: at least {} are needed", origins.of("spool_limit"), SpoolSettings::LEAST);
    }
    Ok(args.spool.map(|folder| SpoolSettings { folder, limit }))
}

/// The rules for lawful use, of all files. Warns of those that have expired or soon will.
fn exclusions(files: &[PathBuf]) -> anyhow::Result<Exclusions> {
    let now = now();
    let exclusions = Exclusions::load(files, now)?;
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

/// Whether what is written to both would go to one file.
pub fn is_one_file(one: &Path, other: &Path) -> bool {
    one == other || is_same_file(one, other)
}

/// Whether two targets are one place.
fn is_same(one: &Target, other: &Target) -> bool {
    match (one, other) {
        (Target::File(one, _), Target::File(other, _)) => is_one_file(one, other),
        (Target::StandardOutput(_), Target::StandardOutput(_)) => true,
        _ => one == other,
    }
}

/// Refuses a replay that would empty what a sensor with the same settings wrote: its files are named to be added to.
fn check_settings_outputs(argument: &str, outputs: &[Target], origins: &Origins) -> anyhow::Result<()> {
    for output in outputs.iter().filter(|_| origins.is_from_file(argument)) {
        if let Target::File(path, _) = output
            && fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0)
        {
            let place = origins.of(argument);
            bail!(
                "{place}: {output} holds alerts, which a replay would overwrite; name another file with --{argument}"
            );
        }
    }
    Ok(())
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
