//! All samples, by theme. A sample is one entry: its file, what is in it, what must be found, and
//! the function that makes it.

use super::sample::Sample;
// What the samples are made with, one `super` nearer to them.
use super::{cast, dns, hello, link, quic, random, sample, speech, tape, tunnel, wire, write};

mod answers;
mod damaged;
mod endpoints;
mod exclusions;
mod formats;
mod hostile;
mod identity;
mod links;
mod names;
mod netsupport;
mod queries;
mod quiet;
mod resolved;
mod story;
mod tunnels;

/// Samples of one theme.
pub struct Group {
    /// The theme, as a heading.
    pub title: &'static str,
    /// A sentence about all of them.
    pub about: &'static str,
    /// The samples.
    pub samples: Vec<Sample>,
}

/// All samples, in the README's order.
pub fn groups() -> Vec<Group> {
    vec![
        story::group(),
        endpoints::group(),
        queries::group(),
        answers::group(),
        resolved::group(),
        names::group(),
        netsupport::group(),
        identity::group(),
        exclusions::group(),
        links::group(),
        tunnels::group(),
        formats::group(),
        quiet::group(),
        damaged::group(),
        hostile::group(),
    ]
}
