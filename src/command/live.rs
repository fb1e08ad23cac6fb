//! The live sensor's run: opens, starts, listens to signals and systemd while it runs, stops in order.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use crossbeam_channel::Receiver;
use rattap::alert::Phase;
use rattap::alert::exclusion::Exclusions;
use rattap::capture::{Change, InterfaceEvent, Opened, Source, Watched};
use rattap::indicator::{FeedReport, builtin};
use rattap::metrics::{Drops, FeedState, InterfaceState, Lag, OutputState, Queue, Server, Snapshot, SpoolState};
use rattap::output::{self, Mode, Monitor, Output, OutputError, OutputStatus, SpoolSettings};
use rattap::privileges::{self, Confinement, Opener};
use rattap::sensor::{self, Control, Event};
use rattap::units::ByteCount;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

use crate::command::args::Command;
use crate::command::plan;
use crate::command::settings;
use crate::command::systemd::Systemd;
use crate::command::terminal::console::Console;
use crate::command::terminal::exit_code::Exit;
use crate::command::terminal::summary;

/// How often `systemctl status` gets another line.
const STATUS: Duration = Duration::from_secs(10);

/// How often exclusions that end soon, or have ended, are warned of.
const WARNING: Duration = Duration::from_secs(86_400);

/// The exit code after a second SIGINT, as a shell gives it for a command that the signal killed.
const INTERRUPTED: i32 = 128 + SIGINT;

/// Runs until a signal stops it.
pub fn live(live: plan::Live, console: &Console) -> anyhow::Result<Exit> {
    if live.capture.interfaces.is_empty() {
        bail!("no interface to capture from: name one with --interface, or in the settings as capture.interfaces");
    }
    let signals = Signals::listen().context("signals cannot be listened to")?;
    // The order is the contract of `privileges`.
    let opened = Opened::open(&live.capture)?;
    let listener = live.service.metrics.map(listen).transpose()?;
    let opener = give_up_rights(&live)?;
    let lag = Arc::new(Mutex::new(Lag::default()));
    let output = timed(live.run.open_outputs(Mode::Live)?, lag.clone());
    let control = Control::new(live.in_force());
    let (interfaces, news) = (opened.interfaces().to_vec(), opened.news());
    let outputs = Outputs { monitors: output.monitors(), spool: live.run.spool.clone(), lag };
    let feeds = Arc::new(Mutex::new(Feeds::of(&live.run)));
    let look = snapshot(control.clone(), interfaces.clone(), outputs.clone(), feeds.clone());
    let _metrics = listener.map(|listener| Server::start(listener, look)).transpose().context("metrics")?;
    let sources = opened.start(control.source_stop(), &opener);
    let mut desk = Supervisor {
        live: &live,
        control: &control,
        interfaces,
        news,
        outputs: outputs.clone(),
        feeds,
        exclusions: live.run.settings.track.exclusions.clone(),
        warned: Instant::now(),
        signals,
        systemd: Systemd::new(),
        began: Instant::now(),
        statistics: Instant::now(),
        status: None,
        is_stopping: false,
    };
    log::info!("capturing from {}", live.capture.interfaces.join(", "));
    desk.systemd.ready();
    let sources = sources.into_iter().map(|source| Box::new(source) as Box<dyn Source>).collect();
    let mut outcome =
        sensor::run_controlled(sources, &control, &live.run.settings, output, &mut |event| desk.take(event));
    desk.tell_news();
    // What outputs lost; in a live run they tell of it themselves and go on.
    outcome.totals.alerts_lost += outputs.lost();
    if outcome.output.as_ref().is_err_and(OutputError::is_closed_pipe) {
        // Nobody misses them.
        outcome.totals.alerts_lost = 0;
    }
    desk.systemd.stopping();
    console.say(&summary::live_text(&outcome.totals, &desk.exclusions, desk.began.elapsed()));
    Ok(match outcome.output {
        Err(error) if !error.is_closed_pipe() => {
            log::error!("{error}");
            Exit::Failed
        }
        _ if outcome.totals.alerts_lost > 0 => Exit::Failed,
        _ => Exit::Done,
    })
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("--metrics {address}: cannot listen"))
}

/// Gives up what the sensor does not need any more, and makes sure that it can do later what it will have to.
fn give_up_rights(live: &plan::Live) -> anyhow::Result<Opener> {
    let plan = live.plan();
    if let Some(spool) = &live.run.spool {
        live.service.account.make_folder(&spool.folder)?;
    }
    let standing = privileges::give_up(&plan)?;
    if let Some(problem) = privileges::check_paths(&plan.reads, &plan.writes).into_iter().next() {
        return Err(problem.into());
    }
    let confined = match standing.confinement {
        Some(Confinement::Whole) => "confined to its own files",
        Some(Confinement::Partial) => "confined to its own files as far as this kernel can",
        Some(Confinement::None) => {
            log::warn!("not confined to its own files: this kernel has no landlock");
            "not confined"
        }
        None => "not confined",
    };
    log::info!("runs as {}, {confined}", standing.user);
    Ok(standing.opener)
}

/// An output that notes how late alerts leave.
fn timed(output: Box<dyn Output>, lag: Arc<Mutex<Lag>>) -> Box<dyn Output> {
    Box::new(output::ObservedOutput::new(output, move |alert| {
        // An update leaves when its window closes, which says nothing of the way.
        if alert.phase == Phase::First && !alert.is_suppressed() {
            let passed = plan::now().since(alert.seen);
            locked(&lag).observe(passed);
        }
    }))
}

/// What is seen of the outputs.
#[derive(Clone)]
struct Outputs {
    monitors: Vec<Monitor>,
    spool: Option<SpoolSettings>,
    lag: Arc<Mutex<Lag>>,
}

impl Outputs {
    /// Alerts that are lost to some output.
    fn lost(&self) -> u64 {
        self.monitors.iter().map(|monitor| monitor.status().lost).sum()
    }

    fn tell(&self, now: &mut Snapshot) {
        let states: Vec<OutputStatus> = self.monitors.iter().map(Monitor::status).collect();
        for state in &states {
            if !state.is_connected {
                now.troubles.push(format!("{}: takes no alerts; {} wait", state.name, state.waiting));
            }
            if state.spool_fails {
                now.troubles.push(format!("{}: its spool cannot be written; alerts wait in memory", state.name));
            }
            now.outputs.push(OutputState {
                name: state.name.clone(),
                is_up: state.is_connected,
                written: state.sent,
                lost: state.lost,
            });
        }
        let receivers = states.iter().filter(|state| state.is_receiver).count();
        now.spool = self.spool.as_ref().map(|spool| SpoolState {
            size: ByteCount(states.iter().map(|state| state.spool.0).sum()),
            in_memory: ByteCount(states.iter().map(|state| state.in_memory.0).sum()),
            capacity: ByteCount(spool.limit.0.saturating_mul(receivers as u64)),
        });
        now.lag = locked(&self.lag).clone();
    }
}

/// The lists in force.
struct Feeds {
    reports: Vec<FeedReport>,
    /// How many indicators are built in.
    builtin: usize,
    /// Whether they could be read when they were to be read last.
    is_current: bool,
}

impl Feeds {
    fn of(run: &plan::Run) -> Self {
        let builtin = if run.with_builtin { builtin().len() } else { 0 };
        Self { reports: run.feeds.clone(), builtin, is_current: true }
    }

    fn tell(&self, now: &mut Snapshot) {
        if self.builtin > 0 {
            let name = "builtin".to_owned();
            now.feeds.push(FeedState { name, indicators: self.builtin, age: None, is_current: true });
        }
        for report in &self.reports {
            now.feeds.push(FeedState {
                name: report.held.path.display().to_string(),
                indicators: report.held.used().try_into().unwrap_or(usize::MAX),
                age: report.held.date.map(|date| plan::now().since(date)),
                is_current: self.is_current,
            });
        }
        if !self.is_current {
            now.troubles
                .push("the settings or lists could not be read again; those from before are in force".to_owned());
        }
    }
}

/// What the metrics tell whenever they are asked for.
fn snapshot(
    control: Control,
    interfaces: Vec<Arc<Watched>>,
    outputs: Outputs,
    feeds: Arc<Mutex<Feeds>>,
) -> impl Fn() -> Snapshot + Send + Sync + 'static {
    move || {
        let totals = control.totals();
        let mut now = totals.as_ref().map(Snapshot::of).unwrap_or_default();
        for interface in &interfaces {
            let (name, counts) = (interface.name(), interface.counts());
            for (reason, count) in [("kernel", counts.kernel_dropped), ("interface", counts.interface_dropped)] {
                now.drops.push(Drops { reason: reason.to_owned(), interface: Some(name.to_owned()), count });
            }
            if !interface.is_up() {
                now.troubles.push(format!("{name}: no packets can come"));
            }
            now.interfaces.push(InterfaceState { name: name.to_owned(), is_up: interface.is_up() });
        }
        let queues = control.queues().unwrap_or_default();
        for (name, (waiting, capacity)) in [("blocks", queues.blocks), ("alerts", queues.alerts)] {
            now.queues.push(Queue { name, waiting, capacity });
        }
        for rule in totals.iter().flat_map(|totals| &totals.track.exclusions) {
            now.suppressed.push((rule.rule.to_string(), rule.suppressed));
        }
        outputs.tell(&mut now);
        locked(&feeds).tell(&mut now);
        now
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads what is to be in force anew, as the arguments and the settings file now say. Nothing of it is used where a part is wrong.
fn reload() -> anyhow::Result<plan::Live> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let (cli, origins) = settings::load(&arguments)?;
    let Command::Live(args) = cli.command else { bail!("the arguments changed") };
    plan::Live::new(*args, &origins)
}

/// Signals that came and were not yet acted on.
pub struct Signals {
    pub stop: Arc<AtomicBool>,
    pub reload: Arc<AtomicBool>,
    statistics: Arc<AtomicBool>,
}

impl Signals {
    pub fn listen() -> std::io::Result<Self> {
        let signals = Self { stop: Arc::default(), reload: Arc::default(), statistics: Arc::default() };
        // In this order: the first SIGINT sets what the second finds set.
        let interrupted = Arc::new(AtomicBool::new(false));
        flag::register_conditional_shutdown(SIGINT, INTERRUPTED, interrupted.clone())?;
        flag::register(SIGINT, interrupted)?;
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, signals.stop.clone())?;
        }
        flag::register(SIGHUP, signals.reload.clone())?;
        flag::register(SIGUSR1, signals.statistics.clone())?;
        Ok(signals)
    }
}

/// Where all comes together that concerns a running sensor but its packets.
struct Supervisor<'a> {
    live: &'a plan::Live,
    control: &'a Control,
    interfaces: Vec<Arc<Watched>>,
    news: Receiver<InterfaceEvent>,
    outputs: Outputs,
    feeds: Arc<Mutex<Feeds>>,
    /// Those in force.
    exclusions: Arc<Exclusions>,
    /// When exclusions that end soon were last warned of.
    warned: Instant,
    signals: Signals,
    systemd: Systemd,
    began: Instant,
    /// When statistics were last told because it was time to.
    statistics: Instant,
    /// When the status was last told.
    status: Option<Instant>,
    is_stopping: bool,
}

impl Supervisor<'_> {
    fn take(&mut self, event: Event) {
        match event {
            Event::Problem(error) => log::error!("{error}"),
            Event::OutputFails(error) => log::error!("{error}; the capture goes on, and later alerts are tried again"),
            Event::OutputWorks => log::info!("the output works again"),
            Event::Tick { alerts } => self.tick(alerts),
        }
    }

    fn tick(&mut self, alerts: u64) {
        self.tell_news();
        let came = |signal: &AtomicBool| signal.swap(false, Ordering::Relaxed);
        if came(&self.signals.reload) {
            self.reload();
        }
        let is_time = self.live.stats_interval.is_some_and(|interval| self.statistics.elapsed() >= interval);
        if came(&self.signals.statistics) || is_time {
            self.tell_statistics();
            if is_time {
                self.statistics = Instant::now();
            }
        }
        if came(&self.signals.stop) && !self.is_stopping {
            self.is_stopping = true;
            log::info!("stopping: what was captured is still looked at");
            self.systemd.stopping();
            self.control.stop();
        }
        if !self.is_stopping && self.status.is_none_or(|told| told.elapsed() >= STATUS) {
            self.status = Some(Instant::now());
            self.tell_status(alerts);
        }
        if self.warned.elapsed() >= WARNING {
            self.warned = Instant::now();
            self.exclusions.warnings(plan::now()).iter().for_each(|warning| log::warn!("{warning}"));
        }
        let oldest = self.interfaces.iter().map(|interface| interface.pulse().age()).max();
        self.systemd.feed(oldest.unwrap_or_default());
    }

    /// Puts new lists in force and reopens files. What cannot be read changes nothing.
    fn reload(&mut self) {
        self.systemd.reloading();
        match reload() {
            Ok(new) => {
                *locked(&self.feeds) = Feeds::of(&new.run);
                self.exclusions = new.run.settings.track.exclusions.clone();
                self.control.put_in_force(new.in_force());
                let others = self.live.restart_for(&new);
                if !others.is_empty() {
                    log::warn!("changed as well, but that takes a restart: {}", others.join(", "));
                }
                let (indicators, rules) = (new.run.indicators.len(), self.exclusions.rules().len());
                log::info!("reloaded: {indicators} indicators and {rules} exclusions in force");
            }
            Err(error) => {
                locked(&self.feeds).is_current = false;
                log::error!("not reloaded, indicators and exclusions from before stay in force: {error:#}");
            }
        }
        self.control.reopen_outputs();
        self.systemd.ready();
    }

    fn tell_news(&self) {
        for news in self.news.try_iter() {
            match news.change {
                Change::Back => log::info!("{news}"),
                _ => log::error!("{news}"),
            }
        }
    }

    fn tell_statistics(&self) {
        let Some(mut totals) = self.control.totals() else { return };
        totals.alerts_lost += self.outputs.lost();
        for line in summary::live_text(&totals, &self.exclusions, self.began.elapsed()).lines() {
            log::info!("statistics: {line}");
        }
        for interface in &self.interfaces {
            let counts = interface.counts();
            log::info!(
                "statistics: {}: {}, {} packets, {}, dropped by the kernel {}, by the interface {}, lost {} times",
                interface.name(),
                if interface.is_up() { "up" } else { "lost" },
                counts.packets,
                counts.bytes,
                counts.kernel_dropped,
                counts.interface_dropped,
                counts.lost,
            );
        }
    }

    fn tell_status(&mut self, alerts: u64) {
        let lost: Vec<_> =
            self.interfaces.iter().filter(|interface| !interface.is_up()).map(|lost| lost.name()).collect();
        let sum = |of: fn(&Watched) -> u64| self.interfaces.iter().map(|interface| of(interface)).sum::<u64>();
        let packets = sum(|interface| interface.counts().packets);
        let dropped = sum(|interface| interface.counts().kernel_dropped);
        let mut status = format!("{packets} packets, {dropped} dropped by the kernel, {alerts} alerts");
        if !lost.is_empty() {
            status += &format!("; waiting for {}", lost.join(", "));
        }
        self.systemd.status(status);
    }
}
