//! Opens the interfaces of a live capture.

use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded};

use crate::capture::live::error::LiveError;
use crate::capture::live::event::InterfaceEvent;
use crate::capture::live::interface::InterfaceCapture;
use crate::capture::live::settings::LiveSettings;
use crate::capture::live::source::LiveSource;
use crate::capture::live::status::InterfaceStatus;
use crate::capture::stop::StopSignal;
use crate::privileges::CaptureOpener;

/// The number of events that may wait to be logged. Further ones are only counted.
const MAX_WAITING_EVENTS: usize = 64;

/// Open interfaces, including those that are down. The kernel already captures packets, but nothing
/// reads them yet.
pub struct OpenInterfaces {
    interfaces: Vec<InterfaceCapture>,
    status: Vec<Arc<InterfaceStatus>>,
    events: Receiver<InterfaceEvent>,
}

impl OpenInterfaces {
    /// Opens all interfaces. An interface that is down is waited for. An interface that does not
    /// exist or is not supported is an error, since a wrong name is far more likely than an
    /// interface that appears later.
    pub fn open(settings: &LiveSettings) -> Result<Self, LiveError> {
        let (sender, events) = bounded(MAX_WAITING_EVENTS);
        let settings = Arc::new(settings.clone());
        let opened = settings.interfaces.iter();
        let opened = opened.map(|name| InterfaceCapture::open(name, settings.clone(), sender.clone()));
        let interfaces = opened.collect::<Result<Vec<_>, _>>()?;
        let status = interfaces.iter().map(|interface| interface.status.clone()).collect();
        Ok(Self { interfaces, status, events })
    }

    /// The status of the interfaces, in the order of the settings.
    pub fn interfaces(&self) -> &[Arc<InterfaceStatus>] {
        &self.status
    }

    /// The events of the interfaces, including those of opening them.
    pub fn events(&self) -> Receiver<InterfaceEvent> {
        self.events.clone()
    }

    /// Makes a source of each interface. The sources end when `stop` tells them to, and reopen
    /// their interfaces through `opener`.
    pub fn start(self, stop: &StopSignal, opener: &CaptureOpener) -> Vec<LiveSource> {
        let source = |interface| LiveSource::new(interface, stop.clone(), opener.clone());
        self.interfaces.into_iter().map(source).collect()
    }
}
