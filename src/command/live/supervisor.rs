//! The supervisor of a live sensor: signals, reloads, statistics, and the state that systemd shows.

use std::ffi::OsString;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::bail;
use crossbeam_channel::Receiver;
use rattap::alert::exclusion::Exclusions;
use rattap::capture::{InterfaceChange, InterfaceEvent, InterfaceStatus};
use rattap::indicator::{IndicatorSet, Previous};
use rattap::sensor::{Control, Event};

use super::health::{FeedHealth, OutputHealth, locked};
use crate::command::args::Command;
use crate::command::clock::now;
use crate::command::signals::Signals;
use crate::command::systemd::Systemd;
use crate::command::terminal::console::message;
use crate::command::terminal::examined::ProblemSummary;
use crate::command::terminal::summary::{self, RunKind};
use crate::command::{plan, settings};

/// The time between updates of the line in `systemctl status`.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// The time between warnings about exclusions that have expired or will expire soon.
const EXPIRY_WARNING_INTERVAL: Duration = Duration::from_secs(86_400);

/// Watches over a running sensor, apart from its packets.
pub(super) struct Supervisor<'a> {
    live: &'a plan::Live,
    control: &'a Control,
    signals: Signals,
    systemd: Systemd,
    interfaces: Vec<Arc<InterfaceStatus>>,
    interface_events: Receiver<InterfaceEvent>,
    outputs: OutputHealth,
    feeds: Arc<Mutex<FeedHealth>>,
    /// The indicators in force.
    indicators: Arc<IndicatorSet>,
    /// The exclusions in force.
    exclusions: Arc<Exclusions>,
    started: Instant,
    last_expiry_warning: Instant,
    /// The last time that `--stats-interval` had passed.
    last_statistics: Instant,
    last_status: Option<Instant>,
    is_stopping: bool,
}

impl<'a> Supervisor<'a> {
    pub fn new(
        live: &'a plan::Live,
        control: &'a Control,
        signals: Signals,
        interfaces: Vec<Arc<InterfaceStatus>>,
        interface_events: Receiver<InterfaceEvent>,
        outputs: OutputHealth,
        feeds: Arc<Mutex<FeedHealth>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            live,
            control,
            signals,
            systemd: Systemd::new(),
            interfaces,
            interface_events,
            outputs,
            feeds,
            indicators: live.run.indicators.clone(),
            exclusions: live.run.exclusions(),
            started: now,
            last_expiry_warning: now,
            last_statistics: now,
            last_status: None,
            is_stopping: false,
        }
    }

    /// The exclusions in force.
    pub fn exclusions(&self) -> &Exclusions {
        &self.exclusions
    }

    pub fn running_time(&self) -> Duration {
        self.started.elapsed()
    }

    /// Reports that the sensor captures.
    pub fn started(&self) {
        log::info!("capturing from {}", self.live.capture.interfaces.join(", "));
        self.systemd.ready();
    }

    /// Reports that the sensor has ended.
    pub fn stopped(&self) {
        self.log_interface_events();
        self.systemd.stopping();
    }

    /// Handles an event of the running sensor.
    pub fn handle(&mut self, event: Event) {
        match event {
            Event::Problem(error) => log::error!("{error}"),
            Event::OutputFails(error) => {
                log::error!("{error}; the capture continues, and later alerts are tried again")
            }
            Event::OutputWorks => log::info!("the output works again"),
            Event::Tick { alerts } => self.tick(alerts),
        }
    }

    fn tick(&mut self, alerts: u64) {
        self.log_interface_events();
        if self.signals.take_reload() {
            self.reload();
        }
        let is_time = self.live.stats_interval.is_some_and(|interval| self.last_statistics.elapsed() >= interval);
        if self.signals.take_statistics() || is_time {
            self.log_statistics();
            if is_time {
                self.last_statistics = Instant::now();
            }
        }
        if self.signals.take_stop() && !self.is_stopping {
            self.is_stopping = true;
            log::info!("stopping: packets captured so far are still processed");
            self.systemd.stopping();
            self.control.stop();
        }
        if !self.is_stopping && self.last_status.is_none_or(|last| last.elapsed() >= STATUS_INTERVAL) {
            self.last_status = Some(Instant::now());
            self.update_status(alerts);
        }
        if self.last_expiry_warning.elapsed() >= EXPIRY_WARNING_INTERVAL {
            self.last_expiry_warning = Instant::now();
            self.exclusions.warnings(now()).iter().for_each(|warning| log::warn!("{warning}"));
        }
        let oldest = self.interfaces.iter().map(|interface| interface.heartbeat().age()).max();
        self.systemd.feed_watchdog(oldest.unwrap_or_default());
    }

    /// Puts new indicators and exclusions in force and reopens the output files. If anything is
    /// wrong, the indicators and exclusions stay as they are. If only a list has shrunk too much,
    /// only the indicators of that list stay.
    fn reload(&mut self) {
        self.systemd.reloading();
        let feeds = locked(&self.feeds).reports.clone();
        match read_settings(Previous { set: &self.indicators, feeds: &feeds }) {
            Ok(new) => {
                new.warn_of_exposed_files();
                *locked(&self.feeds) = FeedHealth::new(&new.run);
                self.indicators = new.run.indicators.clone();
                self.exclusions = new.run.exclusions();
                self.control.put_in_force(new.in_force());
                let changes = self.live.changes_for_restart(&new);
                if !changes.is_empty() {
                    log::warn!("these changes need a restart to take effect: {}", changes.join(", "));
                }
                let (indicators, rules) = (self.indicators.len(), self.exclusions.rules().len());
                log::info!("reloaded: {indicators} indicators and {rules} exclusions in force");
            }
            Err(error) => {
                locked(&self.feeds).is_current = false;
                let why = message(&error);
                let message = format!("not reloaded, the previous indicators and exclusions stay in force: {why}");
                message.lines().for_each(|line| log::error!("{line}"));
            }
        }
        self.control.reopen_outputs();
        self.systemd.ready();
    }

    fn log_interface_events(&self) {
        for event in self.interface_events.try_iter() {
            match event.change {
                InterfaceChange::Back => log::info!("{event}"),
                _ => log::error!("{event}"),
            }
        }
    }

    fn log_statistics(&self) {
        let Some(mut totals) = self.control.totals() else { return };
        totals.alerts_lost += self.outputs.lost();
        for line in
            summary::text(RunKind::Live, &totals, &self.exclusions, &ProblemSummary::default(), self.running_time())
                .lines()
        {
            log::info!("statistics: {line}");
        }
        for interface in &self.interfaces {
            let counts = interface.counts();
            log::info!(
                "statistics: {}: {}, {} packets, {}, left out by the kernel filter {}, dropped by the kernel {}, by the interface {}, lost {} times",
                interface.name(),
                if interface.is_up() { "up" } else { "lost" },
                counts.packets,
                counts.bytes,
                counts.kernel_filtered,
                counts.kernel_dropped,
                counts.interface_dropped,
                counts.lost,
            );
        }
    }

    /// Updates the line that `systemctl status` shows.
    fn update_status(&mut self, alerts: u64) {
        let lost: Vec<_> =
            self.interfaces.iter().filter(|interface| !interface.is_up()).map(|lost| lost.name()).collect();
        let sum =
            |count: fn(&InterfaceStatus) -> u64| self.interfaces.iter().map(|interface| count(interface)).sum::<u64>();
        let packets = sum(|interface| interface.counts().packets);
        let dropped = sum(|interface| interface.counts().kernel_dropped);
        let mut status = format!("{packets} packets, {dropped} dropped by the kernel, {alerts} alerts");
        if !lost.is_empty() {
            status += &format!("; waiting for {}", lost.join(", "));
        }
        self.systemd.set_status(status);
    }
}

/// Reads the settings again, from the same arguments and the current settings file. Any error makes
/// all of it unusable.
fn read_settings(previous: Previous<'_>) -> anyhow::Result<plan::Live> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let (cli, origins) = settings::load(&arguments)?;
    let Command::Live(args) = cli.command else { bail!("the arguments changed") };
    plan::Live::new(*args, &origins, Some(previous))
}
