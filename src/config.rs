//! What the user meant: arguments, checked, with every unit typed.

use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use rattap::capture::{Direction, Filter, Input, Inputs, LiveSettings, TimeWindow, state_name};
use rattap::indicator::{IndicatorSet, builtin, feed};
use rattap::output::Sensor;
use rattap::sensor::{InForce, SensorSettings};
use rattap::track::TrackSettings;
use rattap::units::{ByteCount, Timestamp};

use crate::cli::{DirectionArg, IndicatorArgs, LiveArgs, ReplayArgs, SensorArgs};

/// How many scanners are of any use: one capture thread feeds no more, and each holds a Block.
const MOST_WORKERS: usize = 32;

/// How many refused lines of one list are told one by one; a list in the wrong format refuses every line.
const MOST_REFUSALS_TOLD: usize = 10;

/// What every run is to do, wherever its packets come from.
pub struct Run {
    pub output: PathBuf,
    pub filter: Option<Filter>,
    pub indicators: Arc<IndicatorSet>,
    pub sensor: Sensor,
    pub settings: SensorSettings,
}

impl Run {
    /// Checks all that can be known before the work begins.
    fn new(args: SensorArgs) -> anyhow::Result<Self> {
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
            output: args.output,
            filter: filter.transpose()?,
            indicators: Arc::new(indicators(&args.indicators)?),
            sensor: Sensor { host, id: args.sensor_id },
            settings: SensorSettings {
                workers,
                track: TrackSettings { repeat_window: args.repeat_window, home: args.home },
            },
        })
    }
}

/// What a replay is to do.
pub struct Replay {
    pub paths: Vec<PathBuf>,
    /// The folder to follow in place of `paths`.
    pub follow: Option<Followed>,
    pub run: Run,
    /// Only packets of this time.
    pub window: Option<TimeWindow>,
    /// Ends with a table of who was seen doing what.
    pub shows_summary: bool,
    pub tells_alerts_by_exit_code: bool,
}

impl Replay {
    /// Checks all that can be known before the work begins.
    pub fn new(args: ReplayArgs) -> anyhow::Result<Self> {
        let window = match (args.from, args.to) {
            (None, None) => None,
            (from, to) => Some(TimeWindow { from: from.unwrap_or(Timestamp::MIN), to: to.unwrap_or(Timestamp::MAX) }),
        };
        if window.is_some_and(|window| window.from >= window.to) {
            bail!("--to: is not after --from, so no packet could be looked at");
        }
        Ok(Self {
            paths: args.paths,
            follow: args.follow.map(|folder| Followed::new(folder, args.state, &args.sensor.output)).transpose()?,
            run: Run::new(args.sensor)?,
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
    fn new(folder: PathBuf, state: Option<PathBuf>, output: &Path) -> anyhow::Result<Self> {
        let at = || format!("--follow {}", folder.display());
        let folder = fs::canonicalize(&folder).with_context(at)?;
        let is_inside = |path: &Path| {
            let parent =
                path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
            parent.and_then(|parent| fs::canonicalize(parent).ok()).is_some_and(|parent| parent == folder)
        };
        let state = match state {
            Some(state) => state,
            None => {
                let place =
                    state_folder().context("--state is needed: there is no home folder to keep what was read in")?;
                fs::create_dir_all(&place).with_context(|| format!("--state is needed: {}", place.display()))?;
                place.join(state_name(&folder))
            }
        };
        for (option, path) in [("-o", output), ("--state", &state)] {
            if path.as_os_str() != "-" && is_inside(path) {
                bail!(
                    "{option} {}: lies in the folder that is followed, and would be taken for a capture",
                    path.display()
                );
            }
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
    pub stats_interval: Option<Duration>,
    reloaded: IndicatorArgs,
}

impl Live {
    /// Checks all that can be known before the interfaces are opened.
    pub fn new(args: LiveArgs) -> anyhow::Result<Self> {
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
        let reloaded = args.sensor.indicators.clone();
        Ok(Self { capture, run: Run::new(args.sensor)?, stats_interval: args.stats_interval, reloaded })
    }

    /// Reads what is in force anew. Nothing of it is used where a part cannot be read.
    pub fn reload(&self) -> anyhow::Result<InForce> {
        Ok(InForce { indicators: Arc::new(indicators(&self.reloaded)?) })
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
