//! Collecting alerts on their way to the outputs.

use std::sync::{Arc, Mutex, PoisonError};

use super::collection::Collection;
use crate::alert::Alert;
use crate::output::{ObservedOutput, Output};

/// The alerts that were collected so far: shared between the output thread, which adds alerts, and
/// the caller that builds the report.
#[derive(Clone, Default)]
pub struct Gathered(Arc<Mutex<Collection>>);

impl Gathered {
    /// Wraps an output so that all alerts are collected, including those that exclusions suppress.
    /// It must wrap the combined output, before suppressed alerts are dropped.
    pub fn over(&self, output: Box<dyn Output>) -> Box<dyn Output> {
        let gathered = self.clone();
        Box::new(ObservedOutput::new(output, move |alert| gathered.add(alert)))
    }

    pub(super) fn add(&self, alert: &Alert) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(alert);
    }

    /// Takes everything that was collected.
    pub(super) fn take(&self) -> Collection {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
