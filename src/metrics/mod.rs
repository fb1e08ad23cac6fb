//! Monitoring over HTTP: `/metrics` for Prometheus and `/healthz`.
//!
//! The sensor makes a [`Snapshot`] for each request; `page` writes it as text, `server` serves it.
//! Names and labels are stable, because the dashboards of users depend on them.

mod page;
mod server;
mod snapshot;

#[cfg(test)]
mod tests;

pub use page::{Form, page};
pub use server::Server;
pub use snapshot::{Drops, FeedState, InterfaceState, Lag, OutputState, Queue, Snapshot, SpoolState};
