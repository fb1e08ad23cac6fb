//! The facts by which a host has identified itself.

use crate::scan::FactSource;
use crate::units::Timestamp;

/// The facts by which a host has identified itself, the latest of each source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostIdentity {
    facts: [Option<IdentityFact>; FactSource::ALL.len()],
}

/// A fact from one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFact {
    /// The name or account: bytes from the wire.
    pub value: Vec<u8>,
    /// The time of the packet.
    pub seen: Timestamp,
}

impl HostIdentity {
    /// Sets the fact of a source.
    pub fn set(&mut self, source: FactSource, fact: IdentityFact) {
        self.facts[source as usize] = Some(fact);
    }

    /// The fact of a source.
    pub fn get(&self, source: FactSource) -> Option<&IdentityFact> {
        self.facts[source as usize].as_ref()
    }

    /// All facts, in the order of [`FactSource::ALL`].
    pub fn facts(&self) -> impl Iterator<Item = (FactSource, &IdentityFact)> {
        FactSource::ALL.into_iter().filter_map(|source| Some((source, self.get(source)?)))
    }

    /// The name of the host: of several sources the first in the order of [`FactSource::ALL`].
    pub fn host_name(&self) -> Option<&[u8]> {
        self.facts().find(|(source, _)| source.is_host_name()).map(|(_, fact)| fact.value.as_slice())
    }

    /// The account that was used on the host.
    pub fn account(&self) -> Option<&[u8]> {
        self.get(FactSource::KerberosAccount).map(|fact| fact.value.as_slice())
    }
}
