//! The plan of a live sensor.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use rattap::capture::{Direction, LiveSettings};
use rattap::indicator::Previous;
use rattap::output::{SpoolSettings, Target};
use rattap::privileges::{Account, PrivilegePlan, exposed_paths};
use rattap::sensor::InForce;
use rattap::units::ByteCount;

use super::paths::{NamedPath, RunPaths};
use super::run::Run;
use crate::command::args::{DirectionArg, KernelFilterArg, LiveArgs, ServiceArgs};
use crate::command::settings::Origins;

/// The spool of a live sensor if no other is given.
const DEFAULT_SPOOL: &str = "/var/lib/rattap/spool";

/// The number of files that other users may change that are logged one by one. A folder of lists
/// may hold many.
const MAX_EXPOSED_LOGGED: usize = 10;

/// The plan of a live sensor.
pub struct Live {
    pub capture: LiveSettings,
    /// Its filter was compiled only to check it: the kernel filters the packets.
    pub run: Run,
    pub service: Service,
    pub stats_interval: Option<Duration>,
    /// True if the spool is the default folder, which may be impossible to make.
    pub has_default_spool: bool,
}

impl Live {
    /// Checks everything that can be checked before the interfaces are opened. At a reload,
    /// `previous` are the indicators in force.
    pub fn new(args: LiveArgs, origins: &Origins, previous: Option<Previous<'_>>) -> anyhow::Result<Self> {
        for (number, interface) in args.interfaces.iter().enumerate() {
            if args.interfaces[..number].contains(interface) {
                bail!("-i {interface}: given twice, so its packets would count twice; name it once");
            }
        }
        let capture = LiveSettings {
            interfaces: args.interfaces,
            is_promiscuous: !args.no_promiscuous,
            snap_length: args.snap_length,
            kernel_buffer: ByteCount(u64::from(args.kernel_buffer) << 20),
            filter: args.run.filter.clone(),
            leaves_out: args.kernel_filter == KernelFilterArg::Auto,
            direction: match args.direction {
                DirectionArg::In => Direction::In,
                DirectionArg::Out => Direction::Out,
                DirectionArg::Both => Direction::Both,
            },
        };
        let limit = args.run.spool.spool_limit.unwrap_or(SpoolSettings::LIMIT);
        let mut run = Run::new(args.run, origins, previous.filter(|_| !args.allow_shrink))?;
        let has_default_spool = run.spool.is_none() && run.outputs.iter().any(Target::is_receiver);
        if has_default_spool {
            run.spool = Some(SpoolSettings { folder: DEFAULT_SPOOL.into(), limit });
            run.paths.spool = Some(NamedPath::new(origins.of("spool"), DEFAULT_SPOOL));
        }
        run.paths.check()?;
        let service = Service::new(args.service, origins)?;
        run.check_spool_owner(Some(&service.account))?;
        Ok(Self { capture, run, service, stats_interval: args.stats_interval, has_default_spool })
    }

    /// Logs a warning for each file that decides what the sensor does, and that other users may
    /// change.
    pub fn warn_of_exposed_files(&self) {
        let RunPaths { reads, listed, spool, .. } = &self.run.paths;
        let paths = reads.iter().chain(listed).chain(spool).map(|named| &*named.path);
        let exposed = exposed_paths(paths, &self.service.account);
        exposed.iter().take(MAX_EXPOSED_LOGGED).for_each(|path| log::warn!("{path}"));
        if let Some(more @ 1..) = exposed.len().checked_sub(MAX_EXPOSED_LOGGED) {
            log::warn!("{more} more files and folders can be changed by other users");
        }
    }

    /// The indicators and exclusions that a sensor starts with, or that a reload puts in force.
    pub fn in_force(&self) -> InForce {
        InForce { indicators: self.run.indicators.clone(), exclusions: self.run.exclusions() }
    }

    /// The sections of the settings that differ in `new` and take effect only after a restart.
    pub fn changes_for_restart(&self, new: &Self) -> Vec<&'static str> {
        let sensor = |live: &Self| {
            let settings = &live.run.settings;
            (settings.workers, settings.track.repeat_window, live.stats_interval)
        };
        let privileges = |live: &Self| (live.service.account.clone(), live.service.reopens, live.service.confines);
        let has_other_sensor = self.run.sensor != new.run.sensor
            || self.run.settings.track.home != new.run.settings.track.home
            || sensor(self) != sensor(new);
        [
            ("[sensor]", has_other_sensor),
            ("[capture]", self.capture != new.capture),
            ("exclusions.audit", self.run.audit != new.run.audit),
            ("[[output]]", self.run.outputs != new.run.outputs),
            ("[spool]", self.run.spool != new.run.spool),
            ("[metrics]", self.service.metrics != new.service.metrics),
            ("[privileges]", privileges(self) != privileges(new)),
        ]
        .into_iter()
        .filter_map(|(section, has_changed)| has_changed.then_some(section))
        .collect()
    }

    /// The files of alerts and suppressed alerts.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.run.outputs.iter().chain(&self.run.audit).filter_map(Target::path)
    }

    /// The privileges to give up before the sensor runs.
    pub fn privileges(&self) -> PrivilegePlan {
        PrivilegePlan {
            account: self.service.account.clone(),
            reopens: self.service.reopens,
            confines: self.service.confines,
            reads: self.run.paths.reads.iter().map(|read| read.path.clone()).collect(),
            writes: self
                .files()
                .map(Path::to_owned)
                .chain(self.run.spool.iter().map(|spool| spool.folder.clone()))
                .collect(),
        }
    }
}

/// The plan of a sensor that runs as a service: its metrics and its privileges.
pub struct Service {
    pub metrics: Option<SocketAddr>,
    /// The account to run as when started by root.
    pub account: Account,
    /// One thread keeps the right to open captures.
    pub reopens: bool,
    /// The kernel confines the process to its own files.
    pub confines: bool,
}

impl Service {
    fn new(args: ServiceArgs, origins: &Origins) -> anyhow::Result<Self> {
        let account = match &args.user {
            Some(name) => Account::named(name),
            None => Account::default_account(),
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
        write!(f, "when started by root, the sensor becomes {}", self.account.name())?;
        f.write_str(if self.reopens { "; one thread may open captures" } else { "; no thread may open captures" })?;
        f.write_str(if self.confines { "; confined to its own files" } else { "; not confined" })?;
        match self.metrics {
            Some(address) => write!(f, "; metrics at http://{address}/metrics"),
            None => f.write_str("; no metrics"),
        }
    }
}
