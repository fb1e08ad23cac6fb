//! Wires the stages, owns the threads, stops them in order.
//!
//! ```text
//!              ┌── worker ──┐
//!  source ─────┼── worker ──┼───── tracker ──Alert──▶ output
//!  (one at a   └── worker ──┘     (one at a time,
//!   time)      fill, scan,         in Block order)
//!              hand on
//! ```
//!
//! Every worker takes a Block the whole way: it fills it from the source, scans it, and hands it to the tracker. Filling
//! and tracking are each one worker's at a time, behind a lock, so there is one order of Blocks; scanning, which is most of
//! the work, is done side by side. There are no stages that wait for each other, and a Block stays with the processor that read
//! it. A thread for each stage, with Blocks of the same size, was measured on two cores at 0.78 of the time of a bare libpcap
//! loop, this at 0.54, and with small packets at 0.78 and 0.35.
//!
//! There is a fixed number of Loads (a Block with its findings), so memory is bounded. A worker that is ahead leaves its
//! Load with the tracker until its turn comes, and goes on with another; when there is none it waits. Nothing is lost
//! between source and tracker. Alerts go to the output over a bounded channel, so that a slow disk is waited for by the
//! tracker and nobody else.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::alert::Alert;
use crate::capture::{Block, CaptureCounts, CaptureError, Fill, Origin, Source};
use crate::indicator::{IndicatorSet, Learned};
use crate::output::{NameList, Output, OutputError};
use crate::scan::{Findings, ScanCounts, scan};
use crate::track::{TrackCounts, TrackSettings, Tracker};
use crate::units::Timestamp;

/// Loads beside those that the workers hold: how far one may be ahead of the slowest. More would only push Blocks out of
/// the processors' caches.
const SPARE_LOADS: usize = 2;

/// How often a worker asks for its turn at the source before it sleeps: a fraction of a millisecond, about as long as reading a
/// Block takes. Measured paired on two cores, it saves three to four hundredths of the time.
const TRIES: usize = 1000;

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

/// What the workers share.
struct Shared {
    front: Mutex<Front>,
    back: Mutex<Back>,
    /// Loads that nobody holds.
    free: (Sender<Load>, Receiver<Load>),
    /// What scanners look for beside the indicators. Written by the tracker alone.
    learned: RwLock<Arc<Learned>>,
    alerts_written: AtomicU64,
    /// Whether heads are pending, so that scans had better note segments. Only a hint: the alerts are the same without it.
    wants_segments: AtomicBool,
    /// Set where the run is to end before its input does.
    stop: AtomicBool,
}

/// Where Blocks come from.
struct Front {
    source: Box<dyn Source>,
    indicators: Arc<IndicatorSet>,
    /// The next Block's.
    number: u64,
    /// `None` once the source has ended.
    report: Option<Sender<Event>>,
}

/// Where findings go.
struct Back {
    tracker: Tracker,
    counts: ScanCounts,
    span: Option<(Timestamp, Timestamp)>,
    /// The number of the Block whose turn it is.
    next: u64,
    /// Loads that came before their turn; never more than there are.
    early: BTreeMap<u64, Load>,
    /// `None` once all is tracked.
    alerts: Option<Sender<Alert>>,
    /// Where all names go, if anywhere; `None` once all is tracked, or that has failed.
    names: Option<NameList>,
    names_failed: Option<OutputError>,
}

/// Runs a source to its end. All names that are seen go to `names`, if there is a list for them. `watch` is called from this thread: for each problem as it is met, and from time to time.
pub fn run(
    source: Box<dyn Source>,
    indicators: Arc<IndicatorSet>,
    settings: &SensorSettings,
    output: Box<dyn Output>,
    names: Option<NameList>,
    watch: &mut dyn FnMut(Event),
) -> Outcome {
    let workers = settings.workers.get();
    let loads = workers.saturating_add(SPARE_LOADS);
    let (alert, alerts) = bounded(WAITING_ALERTS);
    let (report, events) = bounded(WAITING_EVENTS);
    let wants_names = names.is_some();
    let mut tracker = Tracker::new(settings.track.clone());
    if wants_names {
        tracker.keep_names();
    }
    let shared = Shared {
        front: Mutex::new(Front { source, indicators: indicators.clone(), number: 0, report: Some(report) }),
        back: Mutex::new(Back {
            tracker,
            counts: ScanCounts::default(),
            span: None,
            next: 0,
            early: BTreeMap::new(),
            alerts: Some(alert),
            names,
            names_failed: None,
        }),
        free: bounded(loads),
        learned: RwLock::new(Arc::new(Learned::default())),
        alerts_written: AtomicU64::new(0),
        wants_segments: AtomicBool::new(false),
        stop: AtomicBool::new(false),
    };
    for _ in 0..loads {
        let block = Block::new(Arc::new(Origin::default()), indicators.clone());
        shared.give_back(Load { block, findings: Findings { wants_names, ..Findings::default() } });
    }
    let shared = &shared;
    thread::scope(|scope| {
        let writing = scope.spawn(move || write(output, &alerts, shared));
        let working: Vec<_> = (0..workers).map(|_| scope.spawn(move || work(shared))).collect();
        watch_source(&events, shared, watch);
        working.into_iter().for_each(joined);
        locked(&shared.back).finish();
        let (alerts_lost, output) = joined(writing);
        let (front, mut back) = (locked(&shared.front), locked(&shared.back));
        let output = output.and(back.names_failed.take().map_or(Ok(()), Err));
        let mut scan = back.counts;
        scan.add(&back.tracker.scan_counts());
        let totals = Totals {
            capture: front.source.counts(),
            scan,
            track: back.tracker.counts(),
            alerts_written: shared.alerts_written.load(Ordering::Relaxed),
            alerts_lost,
            span: back.span,
        };
        Outcome { totals, output }
    })
}

/// A panic in a thread is a fault of this program, and ends it as such.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a lock that is seldom held for long, and so asks again for a while before it goes to sleep.
fn locked_soon<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    for _ in 0..TRIES {
        match mutex.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => thread::yield_now(),
        }
    }
    locked(mutex)
}

/// Takes Blocks the whole way until the source has ended.
fn work(shared: &Shared) {
    let mut own = None;
    while let Some(mut load) = own.take().or_else(|| shared.free.1.recv().ok()) {
        if shared.stop.load(Ordering::Relaxed) || !locked_soon(&shared.front).fill(&mut load.block) {
            locked(&shared.front).report = None;
            shared.give_back(load);
            return;
        }
        load.findings.wants_segments = shared.wants_segments.load(Ordering::Relaxed);
        scan(&load.block, &shared.learned(), &mut load.findings);
        own = locked(&shared.back).take(load, shared);
    }
}

impl Shared {
    fn learned(&self) -> Arc<Learned> {
        self.learned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, learned: Learned) {
        *self.learned.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(learned);
    }

    fn give_back(&self, load: Load) {
        // There is room for every Load there is, and the receiver lives as long as `self`.
        let _ = self.free.0.try_send(load);
    }
}

impl Front {
    /// Fills a Block; false where the source has ended.
    fn fill(&mut self, block: &mut Block) -> bool {
        let Some(report) = &self.report else { return false };
        // Where nobody listens any more there is nobody to tell.
        let mut problem = |error| drop(report.send(Event::Problem(error)));
        if self.source.fill(block, &mut problem) == Fill::End {
            return false;
        }
        block.number = self.number;
        block.indicators = self.indicators.clone();
        self.number += 1;
        true
    }
}

impl Back {
    /// Takes a scanned Load. Tracks it if it is its turn, and then those that waited for it; else keeps it. Gives the Load
    /// back if it was tracked: its memory is still in this processor's cache.
    fn take(&mut self, load: Load, shared: &Shared) -> Option<Load> {
        if load.block.number != self.next {
            self.early.insert(load.block.number, load);
            return None;
        }
        self.track(&load, shared);
        while let Some(load) = self.early.remove(&self.next) {
            self.track(&load, shared);
            shared.give_back(load);
        }
        Some(load)
    }

    fn track(&mut self, load: &Load, shared: &Shared) {
        self.next += 1;
        let Self { tracker, alerts, .. } = self;
        tracker.take(&load.block, &load.findings, &mut |alert| send(alerts, alert));
        if let Some(learned) = tracker.publish() {
            shared.publish(learned);
        }
        self.write_names();
        if self.names_failed.is_some() {
            shared.stop.store(true, Ordering::Relaxed);
        }
        let Self { tracker, .. } = self;
        shared.wants_segments.store(tracker.wants_segments(), Ordering::Relaxed);
        self.counts.add(&load.findings.counts);
        if let Some((earliest, latest)) = load.findings.earliest.zip(load.findings.latest) {
            let (first, last) = self.span.unwrap_or((earliest, latest));
            self.span = Some((first.min(earliest), last.max(latest)));
        }
    }

    /// The input has ended: tells what is still to be told, and that this was all.
    fn finish(&mut self) {
        let Self { tracker, alerts, .. } = self;
        tracker.finish(&mut |alert| send(alerts, alert));
        self.alerts = None;
        self.write_names();
        if let Some(names) = self.names.take() {
            self.names_failed = names.close().err();
        }
    }

    /// Writes the names that the tracker has seen since the last time. There is one list, and a slow disk is waited for.
    fn write_names(&mut self) {
        if let Some(names) = &mut self.names
            && let Err(error) = names.write(self.tracker.names())
        {
            self.names_failed = Some(error);
            self.names = None;
        }
    }
}

fn send(alerts: &Option<Sender<Alert>>, alert: Alert) {
    if let Some(alerts) = alerts {
        // The output takes alerts until this end of the channel is dropped.
        let _ = alerts.send(alert);
    }
}

fn write(mut output: Box<dyn Output>, alerts: &Receiver<Alert>, shared: &Shared) -> (u64, Result<(), OutputError>) {
    let mut result = Ok(());
    let mut lost = 0;
    // Taken by the output, but perhaps only into its memory: lost with the call that fails to hand them on.
    let mut kept = 0;
    let mut note = |done: Result<(), OutputError>, alerts: u64, lost: &mut u64| match done {
        Ok(()) => {
            shared.alerts_written.fetch_add(alerts, Ordering::Relaxed);
        }
        Err(error) => {
            *lost += alerts;
            shared.stop.store(true, Ordering::Relaxed);
            if result.is_ok() {
                result = Err(error);
            }
        }
    };
    for alert in alerts {
        if shared.stop.load(Ordering::Relaxed) {
            lost += u64::from(!alert.is_suppressed());
            continue;
        }
        // What only the audit file gets is no alert.
        kept += u64::from(!alert.is_suppressed());
        if let Err(error) = output.write(&alert) {
            note(Err(error), std::mem::take(&mut kept), &mut lost);
        } else if alerts.is_empty() {
            note(output.flush(), std::mem::take(&mut kept), &mut lost);
        }
    }
    note(output.close(), kept, &mut lost);
    (lost, result)
}

/// Passes events on until the source has ended: the few Loads that are then still on their way take no time worth telling.
fn watch_source(events: &Receiver<Event>, shared: &Shared, watch: &mut dyn FnMut(Event)) {
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
