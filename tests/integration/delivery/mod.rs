//! Delivery of alerts: every transport, and what happens when the sensor or the receiver is killed.

mod forms;
mod kills;
pub mod receiver;
mod waits;

use std::net::Ipv4Addr;
use std::ops::Range;

use crate::samples::generator::cast::LISTED;
use crate::samples::generator::tape::{Tape, Tcp};

/// One packet for each client, each of which causes one alert: a SYN to a listed endpoint.
pub fn contacts(clients: Range<u32>) -> Tape {
    let mut tape = Tape::new();
    for number in clients {
        Tcp::new((Ipv4Addr::from_bits(0x0a80_0000 + number), 20_000).into(), LISTED).syn(&mut tape);
    }
    tape
}
