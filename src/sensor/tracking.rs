//! The ordered stage: hands Blocks to the tracker in the order of their numbers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::Sender;

use super::event::Event;
use super::shared::Shared;
use super::work_item::WorkItem;
use super::writer::OutputMessage;
use crate::alert::exclusion::Exclusions;
use crate::alert::{Alert, Evidence};
use crate::output::{NameList, OutputError};
use crate::scan::ScanCounts;
use crate::track::{TrackCounts, Tracker};
use crate::units::Timestamp;

/// The tracker with the Blocks that wait for their turn. One worker at a time uses it.
pub(super) struct Tracking {
    tracker: Tracker,
    scan_counts: ScanCounts,
    span: Option<(Timestamp, Timestamp)>,
    /// The number of the next Block to track.
    next: u64,
    /// Items that came before their turn; never more than there are items.
    early: BTreeMap<u64, WorkItem>,
    /// The queue in front of the output; `None` once the input has ended.
    output: Option<Sender<OutputMessage>>,
    /// The list of all names, where one is written; `None` once the input has ended or the list has
    /// failed.
    names: Option<NameList>,
    names_error: Option<OutputError>,
    /// The exclusions that the tracker has.
    exclusions: Arc<Exclusions>,
}

impl Tracking {
    pub(super) fn new(
        tracker: Tracker,
        output: Sender<OutputMessage>,
        names: Option<NameList>,
        exclusions: Arc<Exclusions>,
    ) -> Self {
        Self {
            tracker,
            scan_counts: ScanCounts::default(),
            span: None,
            next: 0,
            early: BTreeMap::new(),
            output: Some(output),
            names,
            names_error: None,
            exclusions,
        }
    }

    /// Tracks a scanned Block if it is its turn, and then those that waited for it; otherwise keeps
    /// it. Returns the item if its Block was tracked: its memory is still in this processor's
    /// cache.
    pub(super) fn take(&mut self, mut item: WorkItem, shared: &Shared) -> Option<WorkItem> {
        if item.block.number != self.next {
            self.early.insert(item.block.number, item);
            return None;
        }
        self.track(&mut item, shared);
        while let Some(mut item) = self.early.remove(&self.next) {
            self.track(&mut item, shared);
            shared.free.give_back(item);
        }
        Some(item)
    }

    fn track(&mut self, item: &mut WorkItem, shared: &Shared) {
        self.next += 1;
        if !Arc::ptr_eq(&self.exclusions, &item.exclusions) {
            self.exclusions.clone_from(&item.exclusions);
            self.tracker.set_exclusions(self.exclusions.clone());
        }
        let Self { tracker, output, .. } = self;
        tracker.take(&item.block, &item.findings, &mut |alert| send(output, alert));
        if let Some(learned) = tracker.publish() {
            shared.publish(learned);
        }
        shared.wants_segments.store(tracker.wants_segments(), Ordering::Relaxed);
        self.list_names(shared);
        self.scan_counts.add(&item.findings.counts);
        if let Some((earliest, latest)) = item.findings.earliest.zip(item.findings.latest) {
            let (first, last) = self.span.unwrap_or((earliest, latest));
            self.span = Some((first.min(earliest), last.max(latest)));
        }
        if let Some((beat, output)) = item.block.beat.take().zip(self.output.as_ref()) {
            let _ = output.send(OutputMessage::HeartbeatSignal(beat));
        }
        if let Some((checkpoint, output)) = item.block.checkpoint.take().zip(self.output.as_ref()) {
            let _ = output.send(OutputMessage::Checkpoint(checkpoint, self.tracker.held()));
        }
    }

    /// The input has ended: has the tracker report what is open, and ends the outputs.
    pub(super) fn finish(&mut self) {
        let Self { tracker, output, .. } = self;
        tracker.finish(&mut |alert| send(output, alert));
        self.output = None;
        self.write_names();
        if let Some(names) = self.names.take() {
            self.names_error = names.close().err();
        }
    }

    /// Adds the names of this Block to the list, and reopens the list where that was ordered.
    fn list_names(&mut self, shared: &Shared) {
        if let Some(names) = &mut self.names
            && shared.control.takes_reopen_of_names()
            && let Err(error) = names.reopen()
        {
            shared.control.report(Event::OutputFails(error));
        }
        self.write_names();
        if self.names_error.is_some() {
            shared.end_early();
        }
    }

    /// Writes the names that the tracker has seen since the last call. The tracker waits for a slow
    /// disk here.
    fn write_names(&mut self) {
        if let Some(names) = &mut self.names
            && let Err(error) = names.write(self.tracker.names())
        {
            self.names_error = Some(error);
            self.names = None;
        }
    }

    /// The counts of all scans, those of reassembled datagrams included.
    pub(super) fn scan_counts(&self) -> ScanCounts {
        let mut counts = self.scan_counts;
        counts.add(&self.tracker.scan_counts());
        counts
    }

    pub(super) fn track_counts(&self) -> TrackCounts {
        self.tracker.counts()
    }

    /// The lowest and the highest time of all frames so far.
    pub(super) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }

    /// The error that ended the list of names.
    pub(super) fn take_names_error(&mut self) -> Option<OutputError> {
        self.names_error.take()
    }

    /// The conversations that the alerts are about, where an index for carving was kept.
    pub(super) fn take_evidence(&mut self) -> Option<Evidence> {
        self.tracker.take_evidence()
    }
}

fn send(output: &Option<Sender<OutputMessage>>, alert: Alert) {
    if let Some(output) = output {
        // The output thread receives until this sender is dropped.
        let _ = output.send(OutputMessage::Alert(Box::new(alert)));
    }
}
