//! The same input gives the same bytes, however the work is divided: evidence must be reproducible.

use std::fs;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rattap::alert::Alert;
use rattap::capture::{Block, CaptureCounts, CaptureError, FileSource, FillStatus, Inputs, Source};
use rattap::indicator::{IndicatorSet, builtin};
use rattap::output::{Cef, Output, OutputError, Sensor};
use rattap::sensor::{self, SensorSettings};
use rattap::track::TrackSettings;

use crate::golden::{RUNS, RUNS_ONE_BY_ONE};
use crate::run::{REPLAY, Run, replay, with_origin};
use crate::samples::folder;
use crate::samples::generator::sample::Sample;

const WORKERS: [&str; 5] = ["1", "2", "3", "8", "16"];

fn same_for_any_number_of_workers(runs: &[(Sample, Run)], options: &[&str]) {
    for (sample, expected) in runs {
        for workers in WORKERS {
            let run = replay(&[options, &["--workers", workers]].concat(), &[folder().join(sample.path)]);
            assert_eq!(&run, expected, "{} with {workers} workers", sample.path);
        }
    }
}

#[test]
fn any_number_of_workers_gives_the_same_lines() {
    same_for_any_number_of_workers(&RUNS, &[]);
}

#[test]
fn any_number_of_workers_gives_the_same_lines_one_by_one() {
    same_for_any_number_of_workers(&RUNS_ONE_BY_ONE, &["--repeat-window", "0"]);
}

#[test]
fn standard_input_in_small_pieces_gives_the_lines_of_the_file() {
    for (sample, file) in RUNS.iter().filter(|(sample, _)| sample.make.is_some()) {
        let path = folder().join(sample.path);
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_rattap"))
            .args(REPLAY)
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        for piece in fs::read(&path).unwrap().chunks(100) {
            // It stops reading if a file is no capture.
            if stdin.write_all(piece).is_err() {
                break;
            }
        }
        drop(stdin);
        let piped = Run::from(child.wait_with_output().unwrap());
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(with_origin(&piped.out, "-", name), file.out, "{}", sample.path);
        // Errors, with the name of the input.
        let errors = file.err.replace(path.to_str().unwrap(), "-");
        assert_eq!((piped.code, piped.err), (file.code, errors), "{}", sample.path);
    }
}

/// Captures cut into Blocks of this many frames.
struct Sliced {
    files: FileSource,
    whole: Block,
    next: usize,
    frames: usize,
}

impl Source for Sliced {
    fn fill(&mut self, block: &mut Block, report: &mut dyn FnMut(CaptureError)) -> FillStatus {
        block.frames.clear();
        block.bytes.clear();
        if self.next >= self.whole.frames.len() {
            self.next = 0;
            if self.files.fill(&mut self.whole, report) == FillStatus::End {
                return FillStatus::End;
            }
        }
        block.origin = self.whole.origin.clone();
        let slice = self.whole.frames.iter().skip(self.next).take(self.frames);
        self.next += self.frames;
        for frame in slice {
            let offset = block.bytes.len() as u32;
            block.bytes.extend(self.whole.captured(frame));
            let mut frame = *frame;
            frame.offset = offset;
            block.frames.push(frame);
        }
        FillStatus::Filled
    }

    fn counts(&self) -> CaptureCounts {
        self.files.counts()
    }
}

/// An output that keeps its lines.
struct Kept {
    cef: Cef,
    lines: Arc<Mutex<String>>,
}

impl Output for Kept {
    fn write(&mut self, alert: &Alert) -> Result<(), OutputError> {
        self.cef.write(alert, &mut self.lines.lock().unwrap());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), OutputError> {
        Ok(())
    }
}

fn replay_in_slices(path: PathBuf, frames: usize, workers: usize, repeat_window: Duration) -> String {
    let indicators = Arc::new(IndicatorSet::new(builtin()));
    let inputs = Inputs::expand(&[path], &mut |error| panic!("{error}"));
    let captures = FileSource::new(inputs.list.clone(), None);
    let whole = Block::new(Arc::default(), indicators.clone());
    let source = Sliced { files: captures, whole, next: 0, frames };
    let settings = SensorSettings {
        workers: NonZeroUsize::new(workers).unwrap(),
        track: TrackSettings { repeat_window, ..TrackSettings::default() },
    };
    let lines = Arc::new(Mutex::new(String::new()));
    let sensor = Sensor { host: "tap-01".to_owned(), id: None };
    let output = Kept { cef: Cef::new(sensor), lines: lines.clone() };
    let outcome = sensor::Run::new(indicators, &settings).start(Box::new(source), Box::new(output), &mut |_| ());
    outcome.output.unwrap();
    lines.lock().unwrap().clone()
}

#[test]
fn where_blocks_end_changes_nothing() {
    for (runs, window) in [(&RUNS, TrackSettings::default().repeat_window), (&RUNS_ONE_BY_ONE, Duration::ZERO)] {
        for (sample, whole) in runs.iter() {
            for (frames, workers) in [(1, 1), (1, 3), (2, 2), (5, 1)] {
                let sliced = replay_in_slices(folder().join(sample.path), frames, workers, window);
                let place = format!("{}: {frames} frames a Block, {workers} workers, window {window:?}", sample.path);
                assert_eq!(sliced, whole.out, "{place}");
            }
        }
    }
}
