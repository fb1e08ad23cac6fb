//! The thread that may still open captures.

use std::io;
use std::thread;

use caps::{CapSet, Capability};
use crossbeam_channel::{Sender, bounded};

use super::PrivilegesError;

/// An order: something to do with `CAP_NET_RAW` in effect.
type Order = Box<dyn FnOnce() + Send>;

/// Opens captures. Cheap to clone; the thread ends with the last clone.
#[derive(Debug, Clone)]
pub struct Opener {
    /// `None` where no thread was started: then the caller opens with what rights it has.
    orders: Option<Sender<Order>>,
}

impl Opener {
    /// One that has no rights of its own: whoever asks opens by itself.
    pub const fn direct() -> Self {
        Self { orders: None }
    }

    /// Starts the thread, which inherits what this thread is permitted.
    pub(super) fn start() -> Result<Self, PrivilegesError> {
        // One at a time: who asks waits for the answer.
        let (orders, taken) = bounded::<Order>(0);
        let run = move || taken.into_iter().for_each(|order| order());
        let thread = thread::Builder::new().name("opener".to_owned()).spawn(run);
        thread.map_err(|error: io::Error| super::step("start the thread that opens captures", error))?;
        Ok(Self { orders: Some(orders) })
    }

    /// Does `open` where the right to open a capture is in effect, and hands back what it gives. What `open` hands back must be
    /// ready to be read, with nothing left to do that takes a right.
    pub fn open<T: Send + 'static>(&self, open: impl FnOnce() -> T + Send + 'static) -> T {
        let Some(orders) = &self.orders else { return open() };
        let (answer, answers) = bounded(1);
        let order = move || {
            // Where raising fails, opening does, and tells why.
            let _ = caps::raise(None, CapSet::Effective, Capability::CAP_NET_RAW);
            let opened = open();
            let _ = caps::drop(None, CapSet::Effective, Capability::CAP_NET_RAW);
            // Where nobody waits any more nobody misses it.
            let _ = answer.send(opened);
        };
        let order: Order = Box::new(order);
        match orders.send(order) {
            Ok(()) => {}
            // The thread is gone, which only a panic in it can bring about: the order is done without the right.
            Err(returned) => (returned.0)(),
        }
        match answers.recv() {
            Ok(opened) => opened,
            Err(_) => std::panic::panic_any("the thread that opens captures is gone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_done_in_the_thread_and_without_one_where_asked() {
        let here = thread::current().id();
        let opener = Opener::start().unwrap();
        let clone = opener.clone();
        drop(opener);
        assert_ne!(clone.open(|| thread::current().id()), here);
        assert_eq!(clone.open(|| 7), 7);
        assert_eq!(Opener::direct().open(|| thread::current().id()), here);
    }
}
