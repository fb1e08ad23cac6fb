//! The signal to end, which also reaches a source that waits for packets or files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells sources to end. All clones share one state.
#[derive(Debug, Clone, Default)]
pub struct StopSignal(Arc<AtomicBool>);

impl StopSignal {
    /// Tells the sources to end: they hand on what they have captured and read nothing more.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns true once the sources were told to end.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
