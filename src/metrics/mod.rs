//! Monitoring over HTTP: `/metrics` for Prometheus, `/healthz`, and `/status` for `rattap status`.
//!
//! The sensor makes a [`Snapshot`] for each request; `page` writes it as text, `server` serves it.
//! Names and labels are stable, because the dashboards of users depend on them.

mod client;
mod page;
mod server;
mod snapshot;
mod status;

#[cfg(test)]
mod tests;

pub use client::{SensorAddress, fetch_status};
pub use page::{Form, page};
pub use server::{Listener, Server};
pub use snapshot::{Drops, FeedState, InterfaceState, Lag, OutputState, Queue, Snapshot, SpoolState};
pub use status::{FeedStatus, InterfaceStatus, OutputStatus, SpoolStatus, Status};
