//! A receiver as the target of alerts.

use std::fmt;
use std::sync::Arc;

use super::ReceiverSettings;

/// A receiver of any kind.
#[derive(Debug, Clone)]
pub struct ReceiverTarget(Arc<dyn ReceiverSettings>);

impl ReceiverTarget {
    /// A target with the given settings.
    pub fn new(settings: Arc<dyn ReceiverSettings>) -> Self {
        Self(settings)
    }

    /// The receiver's settings.
    pub fn settings(&self) -> &dyn ReceiverSettings {
        self.0.as_ref()
    }

    /// The name of the receiver's folder in the spool. It must never change for the same receiver:
    /// alerts of an earlier run wait there.
    pub(in crate::output) fn spool_folder_name(&self) -> String {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-');
        let address = self.0.address();
        let address = address.chars().map(|character| if is_plain(character) { character } else { '_' });
        format!("{}-{}", self.0.scheme(), address.collect::<String>())
    }
}

/// Writes the URL without its options.
impl fmt::Display for ReceiverTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.address())
    }
}

impl PartialEq for ReceiverTarget {
    fn eq(&self, other: &Self) -> bool {
        self.0.is_equal(other.settings())
    }
}

impl Eq for ReceiverTarget {}
