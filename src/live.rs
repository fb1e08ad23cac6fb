//! The live sensor's run: opens, starts, listens to signals and systemd while it runs, stops in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use crossbeam_channel::Receiver;
use rattap::capture::{Change, News, Opened, Source, Watched};
use rattap::output::{self, Begin, Cef, OutputError};
use rattap::sensor::{self, Control, Event, InForce};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

use crate::config;
use crate::console::Console;
use crate::exit_code::Exit;
use crate::summary;
use crate::systemd::Systemd;

/// How often `systemctl status` gets another line.
const STATUS: Duration = Duration::from_secs(10);

/// The exit code after a second SIGINT, as a shell gives it for a command that the signal killed.
const INTERRUPTED: i32 = 128 + SIGINT;

/// Runs until a signal stops it.
pub fn live(live: config::Live, console: &Console) -> anyhow::Result<Exit> {
    let signals = Signals::listen().context("signals cannot be listened to")?;
    let output = output::open(&live.run.output, Cef::new(live.run.sensor.clone()), Begin::Behind)?;
    let opened = Opened::open(&live.capture)?;
    let control = Control::new(InForce { indicators: live.run.indicators.clone() });
    let (interfaces, news) = (opened.interfaces().to_vec(), opened.news());
    let sources = opened.start(control.source_stop());
    let mut desk = Desk {
        live: &live,
        control: &control,
        interfaces,
        news,
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
    if outcome.output.as_ref().is_err_and(OutputError::is_closed_pipe) {
        // Nobody misses them.
        outcome.totals.alerts_lost = 0;
    }
    desk.systemd.stopping();
    console.say(&summary::live_text(&outcome.totals, desk.began.elapsed()));
    Ok(match outcome.output {
        Err(error) if !error.is_closed_pipe() => {
            log::error!("{error}");
            Exit::Failed
        }
        _ if outcome.totals.alerts_lost > 0 => Exit::Failed,
        _ => Exit::Done,
    })
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
struct Desk<'a> {
    live: &'a config::Live,
    control: &'a Control,
    interfaces: Vec<Arc<Watched>>,
    news: Receiver<News>,
    signals: Signals,
    systemd: Systemd,
    began: Instant,
    /// When statistics were last told because it was time to.
    statistics: Instant,
    /// When the status was last told.
    status: Option<Instant>,
    is_stopping: bool,
}

impl Desk<'_> {
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
        let oldest = self.interfaces.iter().map(|interface| interface.pulse().age()).max();
        self.systemd.feed(oldest.unwrap_or_default());
    }

    /// Puts new lists in force and reopens files. What cannot be read changes nothing.
    fn reload(&mut self) {
        self.systemd.reloading();
        match self.live.reload() {
            Ok(in_force) => {
                log::info!("reloaded: {} indicators in force", in_force.indicators.iter().count());
                self.control.put_in_force(in_force);
            }
            Err(error) => log::error!("not reloaded, the indicators from before stay in force: {error:#}"),
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
        let Some(totals) = self.control.totals() else { return };
        for line in summary::live_text(&totals, self.began.elapsed()).lines() {
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
