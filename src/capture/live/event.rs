//! Events of interfaces, for the log.

use std::fmt;

/// An event of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceEvent {
    /// The interface.
    pub interface: String,
    /// The change.
    pub change: InterfaceChange,
}

/// A change of an interface's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterfaceChange {
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
            InterfaceChange::Vanished => write!(f, "{name}: the interface vanished; waiting for its return"),
            InterfaceChange::Down => write!(f, "{name}: the interface is down; waiting for its return"),
            InterfaceChange::NoCarrier => write!(f, "{name}: the interface has no carrier; waiting for its return"),
            InterfaceChange::Failed(reason) => write!(f, "{name}: cannot capture: {reason}; trying again"),
            InterfaceChange::Back => write!(f, "{name}: the interface is back, and the capture continues"),
        }
    }
}
