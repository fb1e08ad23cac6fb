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
//!
//! A live sensor has a source for each interface, and each source workers of its own, at least one: they wait for packets of that
//! interface alone. Their Blocks are numbered as they are filled, and come together at the tracker. A [`Control`] reaches a sensor
//! while it runs.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::alert::exclusion::Exclusions;
use crate::alert::{Alert, Evidence};
use crate::capture::{Beat, Block, CaptureCounts, CaptureError, Fill, Held, Mark, Origin, Source};
use crate::carve::Index;
use crate::indicator::{IndicatorSet, Learned};
use crate::output::{NameList, Output, OutputError};
use crate::scan::{Findings, ScanCounts, ScanRequest, scan};
use crate::track::{TrackCounts, TrackSettings, Tracker};
use crate::units::Timestamp;

mod control;
pub mod losses;

pub use control::{Control, InForce};

/// Loads beside those that the workers hold: how far one may be ahead of the slowest. More would only push Blocks out of
/// the processors' caches.
const SPARE_LOADS: usize = 2;

/// How often a worker asks for its turn at the source before it sleeps: a fraction of a millisecond, about as long as reading a
/// Block takes. Measured paired on two cores, it saves three to four hundredths of the time.
const TRIES: usize = 1000;

/// How many alerts may wait for the output: some 300 kB.
const WAITING_ALERTS: usize = 512;

/// How many problems may wait for the log.
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
    /// The output fails, and alerts are lost. Told once until it works again.
    OutputFails(OutputError),
    /// The output works again.
    OutputWorks,
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

/// Where work waits in a running sensor: how much, and how much can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Queues {
    /// Blocks on their way, from being filled to being tracked.
    pub blocks: (usize, usize),
    /// Alerts that the output has not taken yet.
    pub alerts: (usize, usize),
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// What it counted.
    pub totals: Totals,
    /// The error of the output that ended the run early, or the last one that it told when it was closed.
    pub output: Result<(), OutputError>,
    /// What the alerts tell of, where an index was kept.
    pub evidence: Option<Evidence>,
}

/// What a run is to keep beside its alerts.
#[derive(Default)]
pub struct Extras {
    /// Where all names go that are seen.
    pub names: Option<NameList>,
    /// Where is kept what carving needs to know of each Block.
    pub index: Option<Arc<Index>>,
}

/// A Block on its way, with what was found in it.
struct WorkItem {
    block: Block,
    findings: Findings,
    /// Those in force when its Block was captured.
    exclusions: Arc<Exclusions>,
}

/// What an output thread gets.
enum ToOutput {
    Alert(Box<Alert>),
    /// A sign of life, which has come through all stages when the output thread takes it.
    Beat(Beat),
    /// What stands behind the packets of captures, with what the tracker then held.
    Mark(Mark, Held),
}

/// What the workers share.
struct Shared {
    /// One for each source.
    fronts: Vec<Mutex<Intake>>,
    /// What each source counted, as of its latest Block.
    captured: Vec<Mutex<CaptureCounts>>,
    /// The next Block's number.
    number: AtomicU64,
    back: Mutex<Tracking>,
    /// Loads that nobody holds.
    free: (Sender<WorkItem>, Receiver<WorkItem>),
    /// What scanners look for beside the indicators. Written by the tracker alone.
    learned: RwLock<Arc<Learned>>,
    control: Control,
    /// Whether scans report all names, for a list of them.
    wants_names: bool,
    /// Where each Block is noted, if anywhere.
    index: Option<Arc<Index>>,
    /// Whether the run goes on where the output fails.
    goes_on: bool,
    alerts_written: AtomicU64,
    alerts_lost: AtomicU64,
    /// What waits for the output; only to see how much that is.
    waiting: Receiver<ToOutput>,
    /// Whether heads are pending, so that scans had better note segments. Only a hint: the alerts are the same without it.
    wants_segments: AtomicBool,
    /// Set where the run is to end before its input does.
    stop: AtomicBool,
}

/// Where Blocks come from.
struct Intake {
    source: Box<dyn Source>,
    /// `None` once the source has ended.
    report: Option<Sender<Event>>,
}

/// Where findings go.
struct Tracking {
    tracker: Tracker,
    counts: ScanCounts,
    span: Option<(Timestamp, Timestamp)>,
    /// The number of the Block whose turn it is.
    next: u64,
    /// Loads that came before their turn; never more than there are.
    early: BTreeMap<u64, WorkItem>,
    /// `None` once all is tracked.
    alerts: Option<Sender<ToOutput>>,
    /// Where all names go, if anywhere; `None` once all is tracked, or that has failed.
    names: Option<NameList>,
    names_failed: Option<OutputError>,
    /// Those that the tracker knows.
    exclusions: Arc<Exclusions>,
}

/// Runs a source to its end, or until the output fails. All names that are seen go to `names`, if there is a list for them. `watch` is
/// called from this thread: for each problem as it is met, and from time to time.
pub fn run(
    source: Box<dyn Source>,
    indicators: Arc<IndicatorSet>,
    settings: &SensorSettings,
    output: Box<dyn Output>,
    names: Option<NameList>,
    watch: &mut dyn FnMut(Event),
) -> Outcome {
    run_and_keep(source, indicators, settings, output, Extras { names, index: None }, watch)
}

/// As [`run`], and keeps what is asked for.
pub fn run_and_keep(
    source: Box<dyn Source>,
    indicators: Arc<IndicatorSet>,
    settings: &SensorSettings,
    output: Box<dyn Output>,
    keeps: Extras,
    watch: &mut dyn FnMut(Event),
) -> Outcome {
    let control = Control::new(InForce { indicators, exclusions: settings.track.exclusions.clone() });
    run_until(vec![source], control, false, settings, output, keeps, watch)
}

/// Runs sources side by side until they end or are stopped through `control`. Where the output fails the run goes on, unless that
/// is because the reader of a pipe went away: alerts are lost and counted, and later ones tried again. Else as [`run`].
pub fn run_controlled(
    sources: Vec<Box<dyn Source>>,
    control: &Control,
    settings: &SensorSettings,
    output: Box<dyn Output>,
    watch: &mut dyn FnMut(Event),
) -> Outcome {
    run_until(sources, control.clone(), true, settings, output, Extras::default(), watch)
}

/// Runs a source until it ends or is stopped through `control`. Else as [`run`]: where the output fails the run ends.
pub fn run_stoppable(
    source: Box<dyn Source>,
    control: &Control,
    settings: &SensorSettings,
    output: Box<dyn Output>,
    names: Option<NameList>,
    watch: &mut dyn FnMut(Event),
) -> Outcome {
    run_until(vec![source], control.clone(), false, settings, output, Extras { names, index: None }, watch)
}

fn run_until(
    sources: Vec<Box<dyn Source>>,
    control: Control,
    goes_on: bool,
    settings: &SensorSettings,
    output: Box<dyn Output>,
    Extras { names, index }: Extras,
    watch: &mut dyn FnMut(Event),
) -> Outcome {
    let workers = settings.workers.get().max(sources.len());
    let loads = workers.saturating_add(SPARE_LOADS);
    let (alert, alerts) = bounded(WAITING_ALERTS);
    let (report, events) = bounded(WAITING_EVENTS);
    let wants_names = names.is_some();
    let mut tracker = Tracker::new(settings.track.clone());
    if wants_names {
        tracker.keep_names();
    }
    let has_index = index.is_some();
    if has_index {
        tracker.keep_evidence();
    }
    let InForce { indicators, exclusions } = control.in_force();
    let fronts = sources.into_iter().map(|source| Mutex::new(Intake { source, report: Some(report.clone()) }));
    let fronts: Vec<_> = fronts.collect();
    drop(report);
    let shared = Arc::new(Shared {
        captured: fronts.iter().map(|_| Mutex::default()).collect(),
        fronts,
        number: AtomicU64::new(0),
        back: Mutex::new(Tracking {
            tracker,
            counts: ScanCounts::default(),
            span: None,
            next: 0,
            early: BTreeMap::new(),
            alerts: Some(alert),
            names,
            names_failed: None,
            exclusions: settings.track.exclusions.clone(),
        }),
        free: bounded(loads),
        learned: RwLock::new(Arc::new(Learned::default())),
        control,
        wants_names,
        index,
        goes_on,
        alerts_written: AtomicU64::new(0),
        alerts_lost: AtomicU64::new(0),
        waiting: alerts.clone(),
        wants_segments: AtomicBool::new(false),
        stop: AtomicBool::new(false),
    });
    shared.control.attach(&shared);
    for _ in 0..loads {
        let block = Block::new(Arc::new(Origin::default()), indicators.clone());
        let findings = Findings::default();
        shared.give_back(WorkItem { block, findings, exclusions: exclusions.clone() });
    }
    let shared = &*shared;
    thread::scope(|scope| {
        let writing = scope.spawn(move || write(output, &alerts, shared));
        let sources = (0..shared.fronts.len()).cycle().take(workers);
        let working: Vec<_> = sources.map(|source| scope.spawn(move || work(shared, source))).collect();
        watch_source(&events, shared, watch);
        working.into_iter().for_each(joined);
        locked(&shared.back).finish();
        let output = joined(writing);
        let output = output.and(locked(&shared.back).names_failed.take().map_or(Ok(()), Err));
        shared.control.take_events().into_iter().for_each(&mut *watch);
        for (front, captured) in shared.fronts.iter().zip(&shared.captured) {
            *locked(captured) = locked(front).source.counts();
        }
        let evidence = locked(&shared.back).tracker.take_evidence();
        Outcome { totals: shared.totals(), output, evidence }
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

/// Takes Blocks of a source the whole way until it has ended. Where the source waits, so does the worker for its turn.
fn work(shared: &Shared, source: usize) {
    let (Some(front), Some(captured)) = (shared.fronts.get(source), shared.captured.get(source)) else { return };
    let waits = locked(front).source.waits();
    let mut own = None;
    while let Some(mut load) = own.take().or_else(|| shared.free.1.recv().ok()) {
        let mut fill = || {
            let mut front = if waits { locked(front) } else { locked_soon(front) };
            let is_filled = front.fill(&mut load, shared);
            if is_filled {
                *locked(captured) = front.source.counts();
            }
            is_filled
        };
        if shared.stop.load(Ordering::Relaxed) || !fill() {
            locked(front).report = None;
            shared.give_back(load);
            return;
        }
        let request = ScanRequest {
            names: shared.wants_names,
            segments: shared.wants_segments.load(Ordering::Relaxed),
            flow_hashes: shared.index.is_some(),
        };
        scan(&load.block, &shared.learned(), request, &mut load.findings);
        if let Some(index) = &shared.index {
            index.add(&load.block, &load.findings.flow_hashes);
        }
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

    /// What was counted so far.
    fn totals(&self) -> Totals {
        let back = locked(&self.back);
        let mut scan = back.counts;
        scan.add(&back.tracker.scan_counts());
        let mut capture = CaptureCounts::default();
        self.captured.iter().for_each(|counts| capture.add(&locked(counts)));
        Totals {
            capture,
            scan,
            track: back.tracker.counts(),
            alerts_written: self.alerts_written.load(Ordering::Relaxed),
            alerts_lost: self.alerts_lost.load(Ordering::Relaxed),
            span: back.span,
        }
    }

    /// What waits at the moment.
    fn queues(&self) -> Queues {
        let loads = self.free.0.capacity().unwrap_or_default();
        Queues {
            blocks: (loads.saturating_sub(self.free.0.len()), loads),
            alerts: (self.waiting.len(), self.waiting.capacity().unwrap_or_default()),
        }
    }

    fn give_back(&self, load: WorkItem) {
        // There is room for every Load there is, and the receiver lives as long as `self`.
        let _ = self.free.0.try_send(load);
    }
}

impl Intake {
    /// Fills a Block; false where the source has ended.
    fn fill(&mut self, load: &mut WorkItem, shared: &Shared) -> bool {
        let Some(report) = &self.report else { return false };
        // Where nobody listens any more there is nobody to tell.
        let mut problem = |error| drop(report.send(Event::Problem(error)));
        if self.source.fill(&mut load.block, &mut problem) == Fill::End {
            return false;
        }
        load.block.number = shared.number.fetch_add(1, Ordering::Relaxed);
        shared.control.mark(load);
        true
    }
}

impl Tracking {
    /// Takes a scanned Load. Tracks it if it is its turn, and then those that waited for it; else keeps it. Gives the Load
    /// back if it was tracked: its memory is still in this processor's cache.
    fn take(&mut self, mut load: WorkItem, shared: &Shared) -> Option<WorkItem> {
        if load.block.number != self.next {
            self.early.insert(load.block.number, load);
            return None;
        }
        self.track(&mut load, shared);
        while let Some(mut load) = self.early.remove(&self.next) {
            self.track(&mut load, shared);
            shared.give_back(load);
        }
        Some(load)
    }

    fn track(&mut self, load: &mut WorkItem, shared: &Shared) {
        self.next += 1;
        if !Arc::ptr_eq(&self.exclusions, &load.exclusions) {
            self.exclusions.clone_from(&load.exclusions);
            self.tracker.set_exclusions(self.exclusions.clone());
        }
        let Self { tracker, alerts, .. } = self;
        tracker.take(&load.block, &load.findings, &mut |alert| send(alerts, alert));
        if let Some(learned) = tracker.publish() {
            shared.publish(learned);
        }
        if let Some(names) = &mut self.names
            && shared.control.takes_reopen_of_names()
            && let Err(error) = names.reopen()
        {
            shared.control.tell(Event::OutputFails(error));
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
        if let Some((beat, alerts)) = load.block.beat.take().zip(self.alerts.as_ref()) {
            let _ = alerts.send(ToOutput::Beat(beat));
        }
        if let Some((mark, alerts)) = load.block.mark.take().zip(self.alerts.as_ref()) {
            let _ = alerts.send(ToOutput::Mark(mark, self.tracker.held()));
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

fn send(alerts: &Option<Sender<ToOutput>>, alert: Alert) {
    if let Some(alerts) = alerts {
        // The output takes alerts until this end of the channel is dropped.
        let _ = alerts.send(ToOutput::Alert(Box::new(alert)));
    }
}

/// The output thread: writes alerts until there are no more. The error that ended the run, or that came with closing.
fn write(mut output: Box<dyn Output>, inbox: &Receiver<ToOutput>, shared: &Shared) -> Result<(), OutputError> {
    let mut ledger = Ledger { shared, kept: 0, ended: None, is_failing: false };
    // Whether the output may keep something in memory: an alert, or a line for the audit file, which is none.
    let mut keeps = false;
    for message in inbox {
        match message {
            ToOutput::Beat(beat) => beat.arrive(),
            // What only the audit file gets is no alert.
            ToOutput::Alert(alert) if ledger.ended.is_some() => {
                shared.alerts_lost.fetch_add(u64::from(!alert.is_suppressed()), Ordering::Relaxed);
            }
            ToOutput::Mark(mark, held) => {
                // Also where no alert waits: what exclusions suppress may.
                if ledger.ended.is_none() {
                    ledger.note(output.flush());
                }
                if ledger.ended.is_none() {
                    mark.arrive(held);
                }
            }
            ToOutput::Alert(alert) => {
                ledger.kept += u64::from(!alert.is_suppressed());
                keeps = true;
                if let Err(error) = output.write(&alert) {
                    ledger.note(Err(error));
                }
            }
        }
        let reopens = shared.control.takes_reopen();
        if keeps && ledger.ended.is_none() && (reopens || inbox.is_empty()) {
            keeps = false;
            ledger.note(output.flush());
        }
        if reopens && ledger.ended.is_none() {
            ledger.note(output.reopen());
        }
    }
    let closed = output.close();
    if let Some(error) = ledger.ended {
        return Err(error);
    }
    let kept = ledger.kept;
    let counter = if closed.is_ok() { &shared.alerts_written } else { &shared.alerts_lost };
    counter.fetch_add(kept, Ordering::Relaxed);
    closed
}

/// What became of alerts.
struct Ledger<'a> {
    shared: &'a Shared,
    /// Taken by the output, but perhaps only into its memory: lost with the call that fails to hand them on.
    kept: u64,
    /// Why no more are written.
    ended: Option<OutputError>,
    is_failing: bool,
}

impl Ledger<'_> {
    /// Notes how a call ended that hands on all that was kept.
    fn note(&mut self, done: Result<(), OutputError>) {
        let kept = std::mem::take(&mut self.kept);
        let Err(error) = done else {
            self.shared.alerts_written.fetch_add(kept, Ordering::Relaxed);
            if std::mem::take(&mut self.is_failing) {
                self.shared.control.tell(Event::OutputWorks);
            }
            return;
        };
        self.shared.alerts_lost.fetch_add(kept, Ordering::Relaxed);
        if !self.shared.goes_on || error.is_closed_pipe() {
            self.shared.stop.store(true, Ordering::Relaxed);
            self.ended = Some(error);
        } else if !std::mem::replace(&mut self.is_failing, true) {
            self.shared.control.tell(Event::OutputFails(error));
        }
    }
}

/// Passes events on until the source has ended: the few Loads that are then still on their way take no time worth telling.
fn watch_source(events: &Receiver<Event>, shared: &Shared, watch: &mut dyn FnMut(Event)) {
    let mut ticked = Instant::now();
    loop {
        let event = events.recv_timeout(WATCH_INTERVAL.saturating_sub(ticked.elapsed()));
        shared.control.take_events().into_iter().for_each(&mut *watch);
        match event {
            Ok(event) => watch(event),
            Err(RecvTimeoutError::Timeout) => {
                ticked = Instant::now();
                watch(Event::Tick { alerts: shared.alerts_written.load(Ordering::Relaxed) });
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests;
