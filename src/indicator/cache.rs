//! Unpacked indicators that were used lately.
//!
//! Every packet of a matched conversation asks for the same indicator again. The tracker owns a
//! cache, so that it unpacks an indicator once and all alerts, conversations and windows share that
//! one copy.

use std::sync::Arc;

use super::{Indicator, IndicatorId, IndicatorSet};

/// The number of unpacked indicators that a cache holds: more than a network contacts at a time.
const SLOTS: usize = 64;

/// Unpacked indicators of one set, each in the slot that its number gives modulo the number of
/// slots.
#[derive(Debug)]
pub struct IndicatorCache {
    set: Arc<IndicatorSet>,
    slots: [Option<(IndicatorId, Arc<Indicator>)>; SLOTS],
}

impl Default for IndicatorCache {
    fn default() -> Self {
        Self { set: Arc::default(), slots: [const { None }; SLOTS] }
    }
}

impl IndicatorCache {
    /// The indicator that a look-up in `set` found. `None` if the identifier is of another set. A
    /// set other than the one of the last call empties the cache.
    pub fn get(&mut self, set: &Arc<IndicatorSet>, id: IndicatorId) -> Option<Arc<Indicator>> {
        if !Arc::ptr_eq(&self.set, set) {
            *self = Self { set: set.clone(), ..Self::default() };
        }
        let slot = &mut self.slots[id.index() % SLOTS];
        match slot {
            Some((known, indicator)) if *known == id => Some(indicator.clone()),
            _ => {
                let indicator = Arc::new(set.get(id)?);
                *slot = Some((id, indicator.clone()));
                Some(indicator)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::{Pattern, builtin};

    #[test]
    fn one_copy_is_shared_until_another_set_is_asked() {
        let listed = |count: u32| {
            let address = |number: u32| Pattern::Address((0x0b00_0000 + number).to_be_bytes().into());
            let list = (0..count).map(|number| Indicator { pattern: address(number), ..builtin().remove(0) });
            Arc::new(IndicatorSet::new(list.collect()))
        };
        let (set, other) = (listed(SLOTS as u32 + 1), listed(1));
        let id = |address: &str| set.find_address(address.parse().unwrap(), None).unwrap().indicator;
        let (first, same_slot) = (id("11.0.0.0"), id("11.0.0.64"));
        let mut cache = IndicatorCache::default();
        let copy = cache.get(&set, first).unwrap();
        assert!(Arc::ptr_eq(&copy, &cache.get(&set, first).unwrap()));
        assert_eq!(cache.get(&set, same_slot).unwrap().pattern.to_string(), "11.0.0.64");
        assert_eq!(*cache.get(&set, first).unwrap(), *copy);
        assert!(!Arc::ptr_eq(&copy, &cache.get(&other, first).unwrap()));
        assert_eq!(cache.get(&other, same_slot), None);
    }
}
