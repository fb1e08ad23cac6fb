//! The intake: a source of Blocks, and their numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::Sender;

use super::control::Control;
use super::event::Event;
use super::work_item::WorkItem;
use crate::capture::{FillStatus, Source};

/// A source of Blocks, which one worker at a time may fill from.
pub(super) struct Intake {
    pub(super) source: Box<dyn Source>,
    /// Reports problems of the source; `None` once the source has ended.
    pub(super) events: Option<Sender<Event>>,
}

impl Intake {
    /// Fills the Block of a work item and numbers it. Returns false where the source has ended.
    pub(super) fn fill(&mut self, item: &mut WorkItem, next_number: &AtomicU64, control: &Control) -> bool {
        let Some(events) = &self.events else { return false };
        // Sending fails only where nobody receives events any more.
        let mut report = |error| drop(events.send(Event::Problem(error)));
        if self.source.fill(&mut item.block, &mut report) == FillStatus::End {
            return false;
        }
        item.block.number = next_number.fetch_add(1, Ordering::Relaxed);
        control.put_on(item);
        true
    }
}
