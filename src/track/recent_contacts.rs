//! Hosts that lately had contact with something listed: an exclusion does not hold for them.
//!
//! Only contacts count to which no exclusion applies, so a listed gateway with an exclusion does
//! not stand against itself. Only earlier contacts in the capture count: an exclusion that was
//! applied is not taken back when a contact comes later.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;

use crate::indicator::Indicator;
use crate::units::Timestamp;

/// The time for which a contact stands against a host. A useful implant calls home at least daily,
/// and a host that was contacted in the evening is used again in the morning.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The most hosts: a quarter of a /16. Each needs some hundred bytes. Past this number the one with
/// the oldest contact is forgotten.
const MOST_HOSTS: usize = 16_384;

/// The most indicators of a host: with two there is always one that differs from the indicator of a
/// sighting.
const MOST_INDICATORS: usize = 2;

/// The latest contact of a host with an indicator.
#[derive(Debug)]
struct RecentContact {
    indicator: Arc<Indicator>,
    time: Timestamp,
}

type HostContacts = ArrayVec<RecentContact, MOST_INDICATORS>;

/// The recent contacts of all hosts.
#[derive(Debug, Default)]
pub(super) struct RecentContacts {
    hosts: HashMap<IpAddr, HostContacts, RandomState>,
    /// Each host once, with the time of its latest contact when it was put here. One with a later
    /// contact goes to the back when its turn comes.
    queue: VecDeque<(IpAddr, Timestamp)>,
    forgotten: u64,
}

impl RecentContacts {
    /// The number of hosts that were forgotten because there were too many.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Notes the contact of a host with something listed.
    pub(super) fn note(&mut self, host: IpAddr, indicator: &Arc<Indicator>, time: Timestamp) {
        if !self.hosts.contains_key(&host) {
            while self.hosts.len() >= MOST_HOSTS && self.forget_oldest() {
                self.forgotten += 1;
            }
            self.queue.push_back((host, time));
        }
        let contacts = self.hosts.entry(host).or_default();
        if let Some(known) = contacts.iter_mut().find(|known| known.indicator.pattern == indicator.pattern) {
            known.time = time.max(known.time);
            return;
        }
        let oldest = contacts.iter().enumerate().min_by_key(|(_, known)| known.time).map(|(index, _)| index);
        if let Some(oldest) = oldest.filter(|_| contacts.is_full()) {
            contacts.remove(oldest);
        }
        contacts.push(RecentContact { indicator: indicator.clone(), time });
    }

    /// An indicator with which the host had contact within a day of this time, but not this one.
    pub(super) fn other_than(&self, host: IpAddr, this: Option<&Indicator>, at: Timestamp) -> Option<&Arc<Indicator>> {
        let is_near = |time: Timestamp| at.since(time).max(time.since(at)) <= LIFETIME;
        let is_other = |known: &Indicator| this.is_none_or(|this| this.pattern != known.pattern);
        let contacts = self.hosts.get(&host)?;
        let found = contacts.iter().filter(|known| is_other(&known.indicator) && is_near(known.time));
        found.max_by_key(|known| known.time).map(|known| &known.indicator)
    }

    fn forget_oldest(&mut self) -> bool {
        while let Some((host, queued)) = self.queue.pop_front() {
            let latest = self.hosts.get(&host).and_then(|contacts| contacts.iter().map(|known| known.time).max());
            match latest {
                Some(latest) if latest > queued => self.queue.push_back((host, latest)),
                _ => return self.hosts.remove(&host).is_some(),
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::builtin;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    fn host(number: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + number).into())
    }

    #[test]
    fn a_contact_stands_for_a_day_before_and_after_and_never_against_itself() {
        let [one, other, third] = [0, 1, 2].map(|place| Arc::new(builtin().remove(place)));
        let mut contacted = RecentContacts::default();
        contacted.note(host(1), &one, at(100_000));
        assert!(contacted.other_than(host(2), None, at(100_000)).is_none());
        for (time, is_found) in [(100_000, true), (186_400, true), (186_401, false), (13_600, true), (13_599, false)] {
            assert_eq!(contacted.other_than(host(1), None, at(time)).is_some(), is_found, "{time}");
        }
        assert!(contacted.other_than(host(1), Some(&one), at(100_000)).is_none());
        assert_eq!(contacted.other_than(host(1), Some(&other), at(100_000)), Some(&one));
        // Of more than two the latest count, in whatever order they come.
        contacted.note(host(1), &third, at(100_020));
        contacted.note(host(1), &other, at(100_010));
        assert_eq!(contacted.other_than(host(1), Some(&third), at(100_020)), Some(&other));
        assert_eq!(contacted.other_than(host(1), Some(&other), at(100_020)), Some(&third));
    }

    #[test]
    fn the_table_is_bounded_and_the_host_goes_whose_contact_was_longest_ago() {
        let one = Arc::new(builtin().remove(0));
        let mut contacted = RecentContacts::default();
        for number in 0..MOST_HOSTS as u32 {
            contacted.note(host(number), &one, at(number.into()));
        }
        contacted.note(host(0), &one, at(50_000));
        contacted.note(host(1 << 20), &one, at(50_001));
        assert_eq!((contacted.hosts.len(), contacted.queue.len(), contacted.forgotten()), (MOST_HOSTS, MOST_HOSTS, 1));
        assert!(contacted.other_than(host(0), None, at(50_000)).is_some());
        assert!(contacted.other_than(host(1), None, at(50_000)).is_none());
    }
}
