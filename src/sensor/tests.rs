use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::alert::Alert;
use crate::capture::{Block, CaptureCounts, CaptureError, FileSource, FillStatus, Heartbeat, Input, Source};
use crate::indicator::{IndicatorSet, builtin};
use crate::output::{Output, OutputError};
use crate::track::TrackSettings;

/// A change to a Block before it is handed on.
type Step = Box<dyn FnMut(&mut Block) + Send>;

/// A source that yields a capture with one contact, once for each step.
struct Again {
    times: Vec<Step>,
}

impl Source for Again {
    fn fill(&mut self, block: &mut Block, report: &mut dyn FnMut(CaptureError)) -> FillStatus {
        if self.times.is_empty() {
            return FillStatus::End;
        }
        let mut before = self.times.remove(0);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pcaps/endpoint/udp.pcap");
        let filled = FileSource::new(vec![Input::File(path)], None).fill(block, report);
        before(block);
        filled
    }

    fn counts(&self) -> CaptureCounts {
        CaptureCounts { packets: 7, ..CaptureCounts::default() }
    }
}

/// A live source: the same capture again, as if from an interface.
struct Live(Again);

impl Source for Live {
    fn fill(&mut self, block: &mut Block, report: &mut dyn FnMut(CaptureError)) -> FillStatus {
        self.0.fill(block, report)
    }

    fn counts(&self) -> CaptureCounts {
        self.0.counts()
    }

    fn interface(&self) -> Option<&str> {
        Some("eth1")
    }
}

/// An output that takes nothing before it is opened.
struct Gate(Arc<AtomicBool>);

impl Output for Gate {
    fn write(&mut self, _: &Alert) -> Result<(), OutputError> {
        let began = Instant::now();
        while !self.0.load(Ordering::Relaxed) {
            assert!(began.elapsed() < Duration::from_secs(60), "the capture waits for the output");
            thread::yield_now();
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), OutputError> {
        Ok(())
    }
}

/// An output that fails this number of times, then works.
struct Failing {
    times: u32,
    kind: io::ErrorKind,
}

impl Output for Failing {
    fn write(&mut self, _: &Alert) -> Result<(), OutputError> {
        Ok(())
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        match self.times.checked_sub(1) {
            Some(left) => {
                self.times = left;
                Err(OutputError::Write { name: "a test".to_owned(), error: self.kind.into() })
            }
            None => Ok(()),
        }
    }

    fn close(mut self: Box<Self>) -> Result<(), OutputError> {
        self.flush()
    }
}

fn settings(window: Duration) -> SensorSettings {
    let track = TrackSettings { repeat_window: window, ..TrackSettings::default() };
    SensorSettings { workers: NonZeroUsize::MIN, track }
}

/// Runs as a live sensor does: it goes on without its output.
fn controlled(control: &Control, source: Again, output: Box<dyn Output>, watch: &mut dyn FnMut(Event)) -> Outcome {
    let run = Run::controlled(control, &settings(Duration::ZERO)).go_on_without_output();
    run.start(Box::new(source), output, watch)
}

fn nothing() -> Step {
    Box::new(|_| ())
}

fn working() -> Box<Failing> {
    Box::new(Failing { times: 0, kind: io::ErrorKind::Other })
}

fn builtin_in_force() -> InForce {
    InForce { indicators: Arc::new(IndicatorSet::new(builtin())), ..InForce::default() }
}

#[test]
fn what_is_put_in_force_is_from_the_next_block_on() {
    let control = Control::new(InForce::default());
    let handle = control.clone();
    let source = Again {
        times: vec![
            nothing(),
            Box::new(move |_| {
                assert_eq!(handle.in_force().indicators.iter().count(), 0);
                handle.put_in_force(builtin_in_force());
            }),
        ],
    };
    let outcome = controlled(&control, source, working(), &mut |_| ());
    assert_eq!(outcome.totals.track.sightings.iter().sum::<u64>(), 1);
    assert_eq!(control.in_force().indicators.iter().count(), 9);
}

#[test]
fn totals_are_told_while_it_runs_and_not_after() {
    let control = Control::new(builtin_in_force());
    assert_eq!(control.totals(), None);
    let mut seen = None;
    let ticks = control.clone();
    let may_block = control.clone();
    // The source ends when the watcher has seen the counts of the first Block.
    let source = Again {
        times: vec![
            nothing(),
            Box::new(move |_| {
                while !may_block.source_stop().is_requested() {
                    thread::yield_now();
                }
            }),
        ],
    };
    controlled(&control, source, working(), &mut |_| {
        let totals = ticks.totals().unwrap();
        if totals.alerts_written > 0 && seen.is_none() {
            seen = Some(totals);
            ticks.stop();
        }
    });
    let seen = seen.unwrap();
    assert_eq!((seen.capture.packets, seen.track.sightings.iter().sum()), (7, 1u64));
    assert_eq!(control.totals(), None);
}

#[test]
fn a_sign_of_life_arrives_behind_its_block() {
    let began = Instant::now();
    let heartbeat = Heartbeat::new();
    while began.elapsed() < Duration::from_millis(20) {
        thread::yield_now();
    }
    let beats = heartbeat.clone();
    let source = Again { times: vec![Box::new(move |block| block.beat = Some(beats.beat()))] };
    Run::new(Arc::default(), &settings(Duration::ZERO)).start(Box::new(source), working(), &mut |_| ());
    // The beat was made at least this long after the heartbeat began.
    assert!(heartbeat.age() + Duration::from_millis(15) <= began.elapsed());
}

#[test]
fn under_control_a_failing_output_is_told_once_and_the_run_goes_on() {
    let control = Control::new(builtin_in_force());
    let (mut fails, mut works) = (0, 0);
    // The second Block comes when the first one's alerts are written or lost.
    let handle = control.clone();
    let second: Step = Box::new(move |_| {
        while handle.totals().is_none_or(|totals| totals.alerts_written + totals.alerts_lost == 0) {
            thread::yield_now();
        }
    });
    let source = Again { times: vec![nothing(), second, nothing()] };
    let output = Box::new(Failing { times: 1, kind: io::ErrorKind::StorageFull });
    let outcome = controlled(&control, source, output, &mut |event| match event {
        Event::OutputFails(error) => {
            assert!(error.to_string().contains("a test"), "{error}");
            fails += 1;
        }
        Event::OutputWorks => works += 1,
        _ => (),
    });
    outcome.output.unwrap();
    assert_eq!(fails, 1);
    assert!(works <= 1);
    let totals = outcome.totals;
    assert!(totals.alerts_lost >= 1 && totals.alerts_written >= 1, "{totals:?}");
    assert_eq!(totals.alerts_lost + totals.alerts_written, totals.track.alerts.iter().sum::<u64>());
}

#[test]
fn an_output_whose_reader_went_away_ends_the_run_in_any_case() {
    let control = Control::new(builtin_in_force());
    let source = Again { times: (0..100).map(|_| nothing()).collect() };
    let output = Box::new(Failing { times: u32::MAX, kind: io::ErrorKind::BrokenPipe });
    let outcome = controlled(&control, source, output, &mut |_| ());
    assert!(outcome.output.unwrap_err().is_closed_pipe());
}

/// Gives the one conversation of a Block another source port, so that it is a new one.
fn with_port(port: usize) -> Step {
    /// The offset of the source port behind Ethernet and IPv4.
    const SOURCE_PORT: usize = 34;
    Box::new(move |block| {
        block.frames.truncate(1);
        let at = block.frames[0].offset as usize + SOURCE_PORT;
        block.bytes[at..at + 2].copy_from_slice(&(20_000 + port as u16).to_be_bytes());
    })
}

#[test]
fn a_live_capture_goes_on_while_the_tracker_waits_for_the_output() {
    // Each Block gives an alert. The output waits with the first one, and once the queue is full,
    // the tracker waits with another one, and holds its Block. Further Blocks wait.
    let tracked = writer::MAX_WAITING_ALERTS + 1;
    let filled = tracked + live::BLOCKS_PER_INTERFACE;
    let is_open = Arc::new(AtomicBool::new(false));
    let mut times: Vec<Step> = (0..filled).map(with_port).collect();
    let (opens, mut last) = (is_open.clone(), times.pop().unwrap());
    times.push(Box::new(move |block| {
        last(block);
        opens.store(true, Ordering::Relaxed);
    }));
    let control = Control::new(builtin_in_force());
    let run = Run::controlled(&control, &settings(Duration::ZERO)).go_on_without_output();
    let outcome = run.start(Box::new(Live(Again { times })), Box::new(Gate(is_open)), &mut |_| ());
    outcome.output.unwrap();
    assert_eq!(outcome.totals.alerts_written, filled as u64);
}
