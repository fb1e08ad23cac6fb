//! The contents of one entry of a list, before it is packed into a set.

use std::sync::Arc;

use super::{Indicator, Pattern};
use crate::units::Timestamp;

/// An entry of a list on its way into an [`super::IndicatorSet`]. It borrows its texts from the
/// list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<'a> {
    /// See [`Indicator::pattern`].
    pub pattern: Pattern,
    /// See [`Indicator::family`].
    pub family: &'a str,
    /// See [`Indicator::threat`].
    pub threat: &'a str,
    /// See [`Indicator::confidence`].
    pub confidence: u8,
    /// See [`Indicator::first_seen`].
    pub first_seen: Option<Timestamp>,
    /// See [`Indicator::last_seen`].
    pub last_seen: Option<Timestamp>,
    /// See [`Indicator::source`].
    pub source: &'a str,
    /// See [`Indicator::reference`].
    pub reference: Reference<'a>,
    /// See [`Indicator::tags`].
    pub tags: &'a [&'a str],
    /// See [`Indicator::id`].
    pub id: Option<&'a str>,
    /// See [`Indicator::is_compromised`].
    pub is_compromised: bool,
    /// See [`Indicator::is_from_url`].
    pub is_from_url: bool,
}

impl<'a> Listing<'a> {
    /// A listing that borrows from an indicator. `tags` are its tags.
    pub(super) fn of(indicator: &'a Indicator, tags: &'a [&'a str]) -> Self {
        Self {
            pattern: indicator.pattern.clone(),
            family: &indicator.family,
            threat: &indicator.threat,
            confidence: indicator.confidence,
            first_seen: indicator.first_seen,
            last_seen: indicator.last_seen,
            source: &indicator.source,
            reference: Reference::Text(&indicator.reference),
            tags,
            id: indicator.id.as_deref(),
            is_compromised: indicator.is_compromised,
            is_from_url: indicator.is_from_url,
        }
    }
}

/// A reference with more information about an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference<'a> {
    /// The text that the list gives.
    Text(&'a str),
    /// A line of the list, counted from 1.
    Line(usize),
}

impl From<&Listing<'_>> for Indicator {
    fn from(listing: &Listing<'_>) -> Self {
        Self {
            pattern: listing.pattern.clone(),
            family: listing.family.into(),
            threat: listing.threat.into(),
            confidence: listing.confidence,
            first_seen: listing.first_seen,
            last_seen: listing.last_seen,
            source: listing.source.into(),
            reference: match listing.reference {
                Reference::Text(text) => text.into(),
                Reference::Line(line) => format!("{} line {line}", listing.source).into(),
            },
            tags: listing.tags.iter().map(|tag| Arc::from(*tag)).collect(),
            id: listing.id.map(Arc::from),
            is_compromised: listing.is_compromised,
            is_from_url: listing.is_from_url,
        }
    }
}

/// Truncates a text to at most `limit` bytes, at a character boundary.
pub(super) fn truncated(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
