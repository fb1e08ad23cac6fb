//! The thread that keeps the privilege to open captures.

use std::io;
use std::thread;

use caps::{CapSet, Capability};
use crossbeam_channel::{Sender, bounded};

use crate::privileges::error::{PrivilegesError, step_failed};

/// An action that needs `CAP_NET_RAW`.
type Request = Box<dyn FnOnce() + Send>;

/// Opens captures with the needed privilege. It is cheap to clone, and the thread ends with the
/// last clone.
#[derive(Debug, Clone)]
pub struct CaptureOpener {
    /// `None` if no thread was started. Then the caller opens captures with its own privileges.
    requests: Option<Sender<Request>>,
}

impl CaptureOpener {
    /// An opener without privileges of its own: captures are opened by the calling thread.
    pub const fn direct() -> Self {
        Self { requests: None }
    }

    /// Starts the thread. It inherits the permitted set of this thread.
    pub(super) fn start() -> Result<Self, PrivilegesError> {
        // One request at a time: the caller waits for the reply.
        let (requests, received) = bounded::<Request>(0);
        let run = move || received.into_iter().for_each(|request| request());
        let thread = thread::Builder::new().name("opener".to_owned()).spawn(run);
        thread.map_err(|error: io::Error| step_failed("start the thread that opens captures", error))?;
        Ok(Self { requests: Some(requests) })
    }

    /// Runs `open` on the thread that has the privilege to open a capture, and returns its result.
    /// The result must be ready for reading: nothing that is done with it later may need a
    /// privilege.
    pub fn open<T: Send + 'static>(&self, open: impl FnOnce() -> T + Send + 'static) -> T {
        let Some(requests) = &self.requests else { return open() };
        let (reply, replies) = bounded(1);
        let request = move || {
            // If raising fails, opening fails too, and its error says why.
            let _ = caps::raise(None, CapSet::Effective, Capability::CAP_NET_RAW);
            let opened = open();
            let _ = caps::drop(None, CapSet::Effective, Capability::CAP_NET_RAW);
            // The caller may be gone.
            let _ = reply.send(opened);
        };
        let request: Request = Box::new(request);
        match requests.send(request) {
            Ok(()) => {}
            // The thread is gone, which only a panic in it can cause: run the request without the
            // privilege.
            Err(returned) => (returned.0)(),
        }
        match replies.recv() {
            Ok(opened) => opened,
            Err(_) => std::panic::panic_any("the thread that opens captures is gone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_run_in_the_thread_or_without_one_in_the_caller() {
        let here = thread::current().id();
        let opener = CaptureOpener::start().unwrap();
        let clone = opener.clone();
        drop(opener);
        assert_ne!(clone.open(|| thread::current().id()), here);
        assert_eq!(clone.open(|| 7), 7);
        assert_eq!(CaptureOpener::direct().open(|| thread::current().id()), here);
    }
}
