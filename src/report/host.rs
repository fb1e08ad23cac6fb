//! The host that an alert is about.

use crate::alert::Alert;
use crate::flow::Endpoint;

/// The two ends of an alert, from the host's point of view.
pub(super) struct HostEnds {
    /// The host that the alert is about: the client, or the server if a listed client contacted it.
    pub(super) host: Endpoint,
    /// The other end.
    pub(super) peer: Endpoint,
}

impl HostEnds {
    pub(super) fn of(alert: &Alert) -> Self {
        let is_inbound = alert.listed == Some(alert.client.address) && alert.listed != Some(alert.server.address);
        if is_inbound {
            Self { host: alert.server, peer: alert.client }
        } else {
            Self { host: alert.client, peer: alert.server }
        }
    }
}
