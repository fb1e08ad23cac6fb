//! The hunts for a set of indicators.

use super::catalog::{HUNTS, HuntDefinition, Requires};
use super::indicator_lists::{IndicatorLists, IndicatorSource};
use crate::indicator::IndicatorSet;

/// The maximum length of the query of a scheduled rule in characters (Microsoft Sentinel, "Create a
/// custom analytics rule"). Bytes are counted, of which there are never fewer.
pub const MAX_QUERY_LENGTH: usize = 10_000;

/// The names of all hunts, in the order in which they are printed.
pub fn names() -> impl Iterator<Item = &'static str> {
    HUNTS.iter().map(|definition| definition.name)
}

/// A hunt for a set of indicators.
#[derive(Debug)]
pub struct Hunt {
    pub(super) definition: &'static HuntDefinition,
    query: String,
    reads_watchlist: bool,
}

/// The hunts for a set of indicators, in the order of [`names`]. Hunts that would search for
/// nothing are omitted.
pub fn hunts(set: &IndicatorSet) -> Vec<Hunt> {
    let lists = IndicatorLists::new(set);
    HUNTS
        .iter()
        .filter(|definition| has_required(definition, &lists))
        .map(|definition| Hunt::new(definition, &lists))
        .collect()
}

fn has_required(definition: &HuntDefinition, lists: &IndicatorLists) -> bool {
    match definition.requires {
        Requires::Addresses => lists.has_addresses(),
        Requires::Domains => lists.has_domains(),
        Requires::Nothing => true,
    }
}

/// The content of the watchlist [`super::WATCHLIST`] for these indicators: CSV with a header.
pub fn watchlist(set: &IndicatorSet) -> String {
    IndicatorLists::new(set).csv()
}

impl Hunt {
    fn new(definition: &'static HuntDefinition, lists: &IndicatorLists) -> Self {
        let query = (definition.query)(lists, IndicatorSource::Inline);
        if query.len() <= MAX_QUERY_LENGTH {
            return Self { definition, query, reads_watchlist: false };
        }
        Self { definition, query: (definition.query)(lists, IndicatorSource::Watchlist), reads_watchlist: true }
    }

    /// The name: one of [`names`].
    pub fn name(&self) -> &'static str {
        self.definition.name
    }

    /// The query alone. It has no empty lines and ends with a line feed.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// Returns true if there are too many indicators to include them in the query.
    pub fn reads_watchlist(&self) -> bool {
        self.reads_watchlist
    }

    /// The query with its title as a comment. Separate several queries by empty lines, as the query
    /// editor requires.
    pub fn kql(&self) -> String {
        format!("// {}: {}.\n{}", self.definition.name, self.definition.title, self.query)
    }

    /// A scheduled analytics rule: one YAML document, without the separator line.
    pub fn yaml(&self) -> String {
        self.definition.rule.yaml(self.definition.title, &self.query)
    }
}
