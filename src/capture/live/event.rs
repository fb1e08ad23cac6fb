//! Events of interfaces, for the log.

use std::fmt;

/// An event of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceEvent {
    /// The interface.
    pub interface: String,
    /// The change.
    pub change: Change,
}

/// A change of an interface's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The interface does not exist any more.
    Vanished,
    /// It was taken down.
    Down,
    /// It lost its carrier.
    NoCarrier,
    /// It exists, but capturing failed with this error of libpcap.
    Failed(String),
    /// It is captured from again.
    Back,
}

impl fmt::Display for InterfaceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.interface;
        match &self.change {
            Change::Vanished => write!(f, "{name}: the interface vanished; waiting for its return"),
            Change::Down => write!(f, "{name}: the interface is down; waiting for its return"),
            Change::NoCarrier => write!(f, "{name}: the interface has no carrier; waiting for its return"),
            Change::Failed(reason) => write!(f, "{name}: cannot capture: {reason}; trying again"),
            Change::Back => write!(f, "{name}: the interface is back, and the capture continues"),
        }
    }
}
