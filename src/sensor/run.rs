//! A run of the sensor, from its sources to their end: starts the threads and stops them in order.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::control::{Control, InForce};
use super::event::Event;
use super::intake::Intake;
use super::live::{BLOCKS_PER_INTERFACE, capture_blocks, scan_blocks, track_blocks};
use super::lock::locked;
use super::shared::Shared;
use super::stages::Stages;
use super::totals::{Running, Totals};
use super::tracking::Tracking;
use super::work_item::{FreeItems, WorkItem};
use super::worker::work;
use super::writer::{MAX_WAITING_ALERTS, OnOutputFailure, write};
use crate::alert::Evidence;
use crate::capture::{Block, Origin, Source};
use crate::carve::BlockIndex;
use crate::indicator::IndicatorSet;
use crate::output::{NameList, Output, OutputError};
use crate::scan::Findings;
use crate::track::{TrackSettings, Tracker};

/// Work items beside those that the workers hold: how far one worker may be ahead of the slowest.
/// More items would only push Blocks out of the processors' caches.
const SPARE_ITEMS: usize = 2;

/// The most events that wait to be logged.
const MAX_WAITING_EVENTS: usize = 64;

/// The interval between two [`Event::Tick`]s: short enough for a progress bar to look alive.
const TICK_INTERVAL: Duration = Duration::from_millis(100);

/// The settings of a run.
#[derive(Debug, Clone)]
pub struct SensorSettings {
    /// The number of workers.
    pub workers: NonZeroUsize,
    /// The settings of the tracker.
    pub track: TrackSettings,
}

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The counts of the run.
    pub totals: Totals,
    /// The error of the output that ended the run early, or the last one when it was closed.
    pub output: Result<(), OutputError>,
    /// The time until the whole input was examined. The wait for outputs that comes after it does
    /// not count.
    pub examined_in: Duration,
    /// True if the run was canceled before the end of its input.
    pub is_canceled: bool,
    /// The conversations that the alerts are about, where an index for carving was kept.
    pub evidence: Option<Evidence>,
}

/// A run of the sensor that is to be started.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use rattap::capture::FileSource;
/// use rattap::indicator::{IndicatorSet, builtin};
/// use rattap::sensor::{Run, SensorSettings};
/// # fn example(files: FileSource, settings: &SensorSettings, output: Box<dyn rattap::output::Output>) {
/// let indicators = Arc::new(IndicatorSet::new(builtin()));
/// let outcome = Run::new(indicators, settings).start(Box::new(files), output, &mut |event| {
///     eprintln!("{event:?}");
/// });
/// println!("{} alerts", outcome.totals.alerts_written);
/// # }
/// ```
pub struct Run {
    settings: SensorSettings,
    control: Control,
    names: Option<NameList>,
    carve_index: Option<Arc<BlockIndex>>,
    on_output_failure: OnOutputFailure,
}

impl Run {
    /// A run that looks for these indicators until its source ends or its output fails.
    pub fn new(indicators: Arc<IndicatorSet>, settings: &SensorSettings) -> Self {
        let exclusions = settings.track.exclusions.clone();
        Self::controlled(&Control::new(InForce { indicators, exclusions }), settings)
    }

    /// A run that can be controlled while it goes on: indicators and exclusions are those in force
    /// at `control`, which can also stop it.
    pub fn controlled(control: &Control, settings: &SensorSettings) -> Self {
        Self {
            settings: settings.clone(),
            control: control.clone(),
            names: None,
            carve_index: None,
            on_output_failure: OnOutputFailure::End,
        }
    }

    /// Lists all names that hosts ask for, listed or not.
    #[must_use]
    pub fn names(mut self, names: Option<NameList>) -> Self {
        self.names = names;
        self
    }

    /// Notes in this index what carving needs to know of each Block.
    #[must_use]
    pub fn carve_index(mut self, index: Option<Arc<BlockIndex>>) -> Self {
        self.carve_index = index;
        self
    }

    /// Goes on where the output fails: alerts are lost and counted, and later ones tried again.
    /// Only a pipe whose reader went away still ends the run.
    #[must_use]
    pub fn go_on_without_output(mut self) -> Self {
        self.on_output_failure = OnOutputFailure::GoOn;
        self
    }

    /// Runs one source to its end. `watch` is called from this thread for each event.
    pub fn start(self, source: Box<dyn Source>, output: Box<dyn Output>, watch: &mut dyn FnMut(Event)) -> Outcome {
        self.start_all(vec![source], output, watch)
    }

    /// Runs sources side by side until all have ended. `watch` is called from this thread for each
    /// event.
    pub fn start_all(
        self,
        sources: Vec<Box<dyn Source>>,
        output: Box<dyn Output>,
        watch: &mut dyn FnMut(Event),
    ) -> Outcome {
        let began = Instant::now();
        let workers = self.settings.workers.get();
        let may_block = sources.iter().any(|source| source.may_block());
        let interfaces: Option<Vec<String>> =
            sources.iter().map(|source| source.interface().map(str::to_owned)).collect();
        let items = match &interfaces {
            Some(interfaces) => interfaces.len() * BLOCKS_PER_INTERFACE,
            None => workers.saturating_add(SPARE_ITEMS),
        };
        let (alert_sender, alerts) = bounded(MAX_WAITING_ALERTS);
        let (event_sender, events) = bounded(MAX_WAITING_EVENTS);
        let wants_names = self.names.is_some();
        let has_carve_index = self.carve_index.is_some();
        let mut tracker = Tracker::new(self.settings.track.clone());
        if wants_names {
            tracker.keep_names();
        }
        if has_carve_index {
            tracker.keep_evidence();
        }
        let intakes: Vec<_> = sources
            .into_iter()
            .map(|source| Mutex::new(Intake { source, events: Some(event_sender.clone()) }))
            .collect();
        drop(event_sender);
        let exclusions = self.settings.track.exclusions;
        let stages = Arc::new(Stages {
            captured: intakes.iter().map(|_| Mutex::default()).collect(),
            intakes,
            may_block,
            next_number: AtomicU64::new(0),
            tracking: Mutex::new(Tracking::new(tracker, alert_sender, self.names, exclusions)),
            carve_index: self.carve_index,
            output_queue: alerts.clone(),
            shared: Shared::new(FreeItems::new(items), self.control, wants_names),
        });
        let running: Arc<dyn Running> = stages.clone();
        let shared = &stages.shared;
        shared.control.attach(Arc::downgrade(&running));
        let InForce { indicators, exclusions } = shared.control.in_force();
        for _ in 0..items {
            let block = Block::new(Arc::new(Origin::default()), indicators.clone());
            let findings = Findings::default();
            shared.free.give_back(WorkItem { block, findings, exclusions: exclusions.clone() });
        }
        let stages = &*stages;
        let on_failure = self.on_output_failure;
        thread::scope(|scope| {
            let writer = spawn(scope, "output".to_owned(), move || write(output, &alerts, on_failure, shared));
            let threads = match interfaces {
                Some(interfaces) => start_live(scope, stages, &interfaces, workers, items),
                None => start_replay(scope, stages, workers),
            };
            watch_sources(&events, shared, watch);
            threads.into_iter().for_each(join);
            locked(&stages.tracking).finish();
            let (examined_in, is_canceled) = (began.elapsed(), shared.control.is_canceled());
            let output = join(writer);
            let names_error = locked(&stages.tracking).take_names_error();
            let output = output.and(names_error.map_or(Ok(()), Err));
            shared.control.take_events().into_iter().for_each(&mut *watch);
            for (intake, captured) in stages.intakes.iter().zip(&stages.captured) {
                *locked(captured) = locked(intake).source.counts();
            }
            let evidence = locked(&stages.tracking).take_evidence();
            Outcome { totals: stages.totals(), output, examined_in, is_canceled, evidence }
        })
    }
}

/// Starts the threads of a replay: workers that take Blocks all the way, spread over the sources.
fn start_replay<'scope>(
    scope: &'scope Scope<'scope, '_>,
    stages: &'scope Stages,
    workers: usize,
) -> Vec<ScopedJoinHandle<'scope, ()>> {
    let sources = (0..stages.intakes.len()).cycle().take(workers.max(stages.intakes.len()));
    sources
        .enumerate()
        .map(|(worker, source)| spawn(scope, worker_name(worker), move || work(stages, source)))
        .collect()
}

/// Starts the threads of a live sensor: a capture for each interface, the workers, and the tracker.
/// Each ends after those before it.
fn start_live<'scope>(
    scope: &'scope Scope<'scope, '_>,
    stages: &'scope Stages,
    interfaces: &[String],
    workers: usize,
    items: usize,
) -> Vec<ScopedJoinHandle<'scope, ()>> {
    // With room for all items nobody waits to send.
    let (captured_sender, captured) = bounded(items);
    let (scanned_sender, scanned) = bounded(items);
    let captures = interfaces.iter().enumerate().map(|(source, interface)| {
        let captured = captured_sender.clone();
        spawn(scope, format!("capture-{interface}"), move || capture_blocks(stages, source, &captured))
    });
    let mut threads: Vec<_> = captures.collect();
    threads.extend((0..workers).map(|worker| {
        let (captured, scanned) = (captured.clone(), scanned_sender.clone());
        spawn(scope, worker_name(worker), move || scan_blocks(stages, &captured, &scanned))
    }));
    threads.push(spawn(scope, "tracker".to_owned(), move || track_blocks(stages, &scanned)));
    threads
}

fn worker_name(worker: usize) -> String {
    format!("worker-{worker}")
}

/// Passes events on to `watch` until all sources have ended. The few Blocks that are still on their
/// way then take too little time to report on.
fn watch_sources(events: &Receiver<Event>, shared: &Shared, watch: &mut dyn FnMut(Event)) {
    let mut last_tick = Instant::now();
    loop {
        let event = events.recv_timeout(TICK_INTERVAL.saturating_sub(last_tick.elapsed()));
        shared.control.take_events().into_iter().for_each(&mut *watch);
        match event {
            Ok(event) => watch(event),
            Err(RecvTimeoutError::Timeout) => {
                last_tick = Instant::now();
                watch(Event::Tick { alerts: shared.alerts.written() });
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Starts a thread whose name `top -H` shows. A system that has no room for a thread is out of
/// memory: that ends the program, as [`Scope::spawn`] does.
fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: String,
    body: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    thread::Builder::new()
        .name(name)
        .spawn_scoped(scope, body)
        .unwrap_or_else(|error| panic!("cannot start a thread: {error}"))
}

/// Waits for a thread. A panic in it is a fault of this program, and ends the program.
fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
