//! Wires the stages, owns the threads, stops them in order.
//!
//! ```text
//! capture ──Load──▶ scanners ──Load──▶ tracker ──Alert──▶ output
//!    ▲                                   │
//!    └───────────── empty Loads ─────────┘
//! ```
//!
//! There is a fixed number of Loads (a Block with its findings), so memory is bounded and a stage that is slow makes the
//! ones before it wait: nothing is lost between them. Each stage ends when the channel before it is closed and empty, so
//! an end of input drains everything on its way down.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::alert::Alert;
use crate::capture::{Block, CaptureCounts, CaptureError, Fill, Origin, Source};
use crate::indicator::{IndicatorSet, Learned};
use crate::output::{Output, OutputError};
use crate::scan::{Findings, ScanCounts, scan};
use crate::track::{TrackCounts, TrackSettings, Tracker};
use crate::units::Timestamp;

/// Loads beside those that the scanners hold: one being filled, one waiting for a scanner, one being tracked. Fewer would
/// make stages wait for each other; more would only push Blocks out of the processor's cache.
const SPARE_LOADS: usize = 3;

/// How many alerts may wait for the output: some 300 kB.
const WAITING_ALERTS: usize = 512;

/// How many messages may wait for the log.
const WAITING_EVENTS: usize = 64;

/// How often the watcher is called when nothing happens: what looks alive on a progress bar.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// What a run needs to know.
#[derive(Debug, Clone)]
pub struct SensorSettings {
    /// How many scanners.
    pub workers: NonZeroUsize,
    /// What the tracker is told.
    pub track: TrackSettings,
}

/// What the watcher is told while the sensor runs.
#[derive(Debug)]
pub enum Event {
    /// Something is wrong with an input; the rest goes on.
    Problem(CaptureError),
    /// Time passes; so many alerts were written so far.
    Tick {
        /// Alerts written.
        alerts: u64,
    },
}

/// What a run counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// What was read.
    pub capture: CaptureCounts,
    /// What the scanners counted.
    pub scan: ScanCounts,
    /// What the tracker counted.
    pub track: TrackCounts,
    /// Alerts written.
    pub alerts_written: u64,
    /// Alerts that an output refused.
    pub alerts_lost: u64,
    /// The lowest and the highest time of all frames.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// What it counted.
    pub totals: Totals,
    /// The first error of the output, which ended the run early.
    pub output: Result<(), OutputError>,
}

/// A Block on its way, with what was found in it.
struct Load {
    block: Block,
    findings: Findings,
}

/// What several stages look at.
struct Shared {
    /// What scanners look for beside the indicators. Written by the tracker alone.
    learned: RwLock<Arc<Learned>>,
    alerts_written: AtomicU64,
    /// Set where the run is to end before its input does.
    stop: AtomicBool,
}

impl Shared {
    fn learned(&self) -> Arc<Learned> {
        self.learned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, learned: Learned) {
        *self.learned.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(learned);
    }
}

/// Runs a source to its end. `watch` is called from this thread: for each problem as it is met, and from time to time.
pub fn run(
    source: Box<dyn Source>,
    indicators: Arc<IndicatorSet>,
    settings: &SensorSettings,
    output: Box<dyn Output>,
    watch: &mut dyn FnMut(Event),
) -> Outcome {
    let workers = settings.workers.get();
    let loads = workers.saturating_add(SPARE_LOADS);
    let (give_back, empty) = bounded(loads);
    let (fill, filled) = bounded(loads);
    let (hand_on, scanned) = bounded(loads);
    let (alert, alerts) = bounded(WAITING_ALERTS);
    let (report, events) = bounded(WAITING_EVENTS);
    for _ in 0..loads {
        let block = Block::new(Arc::new(Origin::default()), indicators.clone());
        // The channel has room for every Load there is.
        let _ = give_back.send(Load { block, findings: Findings::default() });
    }
    let shared = Shared {
        learned: RwLock::new(Arc::new(Learned::default())),
        alerts_written: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    };
    let shared = &shared;
    thread::scope(|scope| {
        let capturing = scope.spawn(move || capture(source, &indicators, &empty, &fill, &report, shared));
        for _ in 0..workers {
            let (filled, hand_on) = (filled.clone(), hand_on.clone());
            scope.spawn(move || scan_all(&filled, &hand_on, shared));
        }
        drop((filled, hand_on));
        let track_settings = settings.track.clone();
        let tracking = scope.spawn(move || track(track_settings, &scanned, &give_back, &alert, shared));
        let writing = scope.spawn(move || write(output, &alerts, shared));
        watch_capture(&events, shared, watch);
        let capture = joined(capturing);
        let (track, scan, span) = joined(tracking);
        let (alerts_lost, output) = joined(writing);
        let alerts_written = shared.alerts_written.load(Ordering::Relaxed);
        Outcome { totals: Totals { capture, scan, track, alerts_written, alerts_lost, span }, output }
    })
}

/// A panic in a stage is a fault of this program, and ends it as such.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn capture(
    mut source: Box<dyn Source>,
    indicators: &Arc<IndicatorSet>,
    empty: &Receiver<Load>,
    fill: &Sender<Load>,
    report: &Sender<Event>,
    shared: &Shared,
) -> CaptureCounts {
    let mut number = 0;
    while !shared.stop.load(Ordering::Relaxed)
        && let Ok(mut load) = empty.recv()
    {
        // Where nobody listens any more there is nobody to tell.
        let mut problem = |error| drop(report.send(Event::Problem(error)));
        if source.fill(&mut load.block, &mut problem) == Fill::End {
            break;
        }
        load.block.number = number;
        load.block.indicators = indicators.clone();
        number += 1;
        if fill.send(load).is_err() {
            break;
        }
    }
    source.counts()
}

fn scan_all(filled: &Receiver<Load>, hand_on: &Sender<Load>, shared: &Shared) {
    for mut load in filled {
        scan(&load.block, &shared.learned(), &mut load.findings);
        if hand_on.send(load).is_err() {
            return;
        }
    }
}

fn track(
    settings: TrackSettings,
    scanned: &Receiver<Load>,
    give_back: &Sender<Load>,
    alert: &Sender<Alert>,
    shared: &Shared,
) -> (TrackCounts, ScanCounts, Option<(Timestamp, Timestamp)>) {
    let mut tracker = Tracker::new(settings);
    let mut counts = ScanCounts::default();
    let mut span: Option<(Timestamp, Timestamp)> = None;
    // Loads that overtook the one whose turn it is; never more than there are.
    let mut early = BTreeMap::new();
    let mut next = 0;
    // Where the output is gone the run is over, and the alerts of what is still on its way go nowhere.
    let mut emit = |made| drop(alert.send(made));
    for load in scanned {
        early.insert(load.block.number, load);
        while let Some(load) = early.remove(&next) {
            next += 1;
            tracker.take(&load.block, &load.findings, &mut emit);
            if let Some(learned) = tracker.publish() {
                shared.publish(learned);
            }
            counts.add(&load.findings.counts);
            if let Some((earliest, latest)) = load.findings.earliest.zip(load.findings.latest) {
                let (first, last) = span.unwrap_or((earliest, latest));
                span = Some((first.min(earliest), last.max(latest)));
            }
            let _ = give_back.send(load);
        }
    }
    tracker.finish(&mut emit);
    (tracker.counts(), counts, span)
}

fn write(mut output: Box<dyn Output>, alerts: &Receiver<Alert>, shared: &Shared) -> (u64, Result<(), OutputError>) {
    let mut result = Ok(());
    let mut lost = 0;
    let mut note = |written: Result<(), OutputError>, lost: &mut u64, alerts: u64| {
        if let Err(error) = written {
            *lost += alerts;
            shared.stop.store(true, Ordering::Relaxed);
            if result.is_ok() {
                result = Err(error);
            }
        }
    };
    for alert in alerts {
        if shared.stop.load(Ordering::Relaxed) {
            lost += 1;
            continue;
        }
        let written = output.write(&alert);
        if written.is_ok() {
            shared.alerts_written.fetch_add(1, Ordering::Relaxed);
        }
        note(written, &mut lost, 1);
        if alerts.is_empty() {
            note(output.flush(), &mut lost, 0);
        }
    }
    note(output.close(), &mut lost, 0);
    (lost, result)
}

/// Passes events on until the capture has ended: the few Loads that are then still on their way take no time worth telling.
fn watch_capture(events: &Receiver<Event>, shared: &Shared, watch: &mut dyn FnMut(Event)) {
    loop {
        match events.recv_timeout(WATCH_INTERVAL) {
            Ok(event) => watch(event),
            Err(RecvTimeoutError::Timeout) => {
                watch(Event::Tick { alerts: shared.alerts_written.load(Ordering::Relaxed) });
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
