//! The errors of starting a live capture.

use caps::{CapSet, Capability};
use thiserror::Error;

use crate::capture::libpcap;
use crate::capture::link_type::LinkType;

/// The reason why a capture cannot start.
#[derive(Debug, Error)]
pub enum LiveError {
    /// There is no interface with this name.
    #[error("{interface}: no such interface; `rattap interfaces` lists them")]
    NoInterface {
        /// The name.
        interface: String,
    },
    /// The interface cannot be opened.
    #[error("{interface}: cannot capture: {reason}{}", advice())]
    Open {
        /// The interface.
        interface: String,
        /// The error of libpcap.
        reason: String,
    },
    /// The interface has an unsupported link type.
    #[error("{interface}: cannot capture: its frames are of link type {number}{}, which is not supported; supported are: {}",
        name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default(), supported_link_types())]
    LinkType {
        /// The interface.
        interface: String,
        /// The number of the link type in libpcap (`DLT_`).
        number: i32,
        /// The name of the link type in libpcap.
        name: Option<String>,
    },
    /// The filter does not compile for the link type, or the kernel refuses it.
    #[error("{interface}: filter `{expression}`: {reason}")]
    Filter {
        /// The interface.
        interface: String,
        /// The expression.
        expression: String,
        /// The error of libpcap.
        reason: String,
    },
}

/// Advice for a user who has no right to capture.
fn advice() -> &'static str {
    match caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_RAW) {
        Ok(false) => "; capturing needs root or CAP_NET_RAW: use sudo, or install the package, whose service has it",
        _ => "",
    }
}

/// The names of the supported link types, for the error message.
fn supported_link_types() -> String {
    let names = LinkType::SUPPORTED.iter().map(|link| {
        let dlt = libpcap::dlt(*link);
        pcap::Linktype(dlt).get_name().unwrap_or_else(|_| dlt.to_string())
    });
    names.collect::<Vec<_>>().join(", ")
}
