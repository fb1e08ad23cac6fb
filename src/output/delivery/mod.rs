//! Delivery of alerts to receivers by way of a spool.
//!
//! The thread that makes alerts appends each to the spool and continues, whatever the receiver
//! does. A second thread, the sender, connects to the receiver and sends what is in the spool until
//! it has arrived. A stalled receiver therefore never delays the run or another output.
//!
//! Two facts are kept apart for each record:
//!
//! - *accepted*: the other end has the bytes, but may still lose them. It counts as sent.
//! - *delivered*: the record is known to have arrived. It leaves the spool.
//!
//! If a connection fails, sending starts again after the last delivered record. That costs some
//! duplicates, which have the same identifier, and no alert.
//!
//! If the process is killed, the next one asks what became of the last connection. If the receiver
//! has read it to its end, sending starts after the last accepted record, else after the last
//! delivered one. So kills in quick succession do not repeat the same alerts again and again.
//!
//! A kind of receiver implements three traits: [`ReceiverSettings`] (the parsed URL), [`Receiver`]
//! (connects and signs in) and [`Session`] (sends over one connection). The [`Outbox`] gives a
//! session its records and learns what became of them.

#[cfg(test)]
mod faults;
mod outbox;
mod output;
mod receiver;
mod sender;
mod target;
#[cfg(test)]
mod tests;

pub use outbox::Outbox;
pub(super) use output::SpooledOutput;
pub use receiver::{EarlierConnection, Receiver, ReceiverKind, ReceiverSettings, Session, SessionError, Wakeup};
pub use target::ReceiverTarget;
