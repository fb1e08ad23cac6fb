//! Indicators: the addresses, endpoints, networks and domains that a source lists as command and
//! control.
//!
//! [`load()`] reads the lists and packs them into an [`IndicatorSet`], which never changes
//! afterwards. Scanners look up addresses and names in it; the tracker unpacks the [`Indicator`] of
//! a match through its [`IndicatorCache`].

mod bloom;
mod builder;
mod builtin;
mod cache;
mod embedded;
pub mod feed;
#[expect(clippy::module_inception, reason = "the folder's main type has a file of its own")]
mod indicator;
mod learned;
mod listing;
mod load;
mod networks;
mod pattern;
mod reload;
mod set;
mod store;
mod too_broad;

pub use builder::{SetBuilder, TooMany};
pub use builtin::builtin;
pub use cache::IndicatorCache;
pub use embedded::{Embedded, Embedding, embedded};
pub use indicator::{Indicator, UNKNOWN_FAMILY};
pub use learned::LearnedAddresses;
pub use listing::{Listing, Reference};
pub use load::{FeedReport, LoadError, LoadSettings, Loaded, check, load};
pub use pattern::Pattern;
pub use reload::{Previous, reload};
pub use set::{AddressMatch, Closeness, IndicatorId, IndicatorSet};
pub use too_broad::{TooBroad, too_broad};
