//! Hosts that lately had contact with something listed: for them lawful use is no longer taken on trust.
//!
//! Only contacts count that no exclusion vouches for, so a gateway that is listed and excluded does not stand against itself. What
//! counts is what came before in the capture: a rule that was applied is not taken back when the contact comes later.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;

use crate::indicator::Indicator;
use crate::units::Timestamp;

/// How long a contact stands against a host. Implants call home at least daily where they are to be of use, and a host that was
/// contacted in the evening is used again in the morning.
pub(super) const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// How many hosts are remembered: a quarter of a /16. Each needs some hundred bytes; past this number the one goes whose contact was
/// longest ago.
const MOST_HOSTS: usize = 16_384;

/// How many indicators are remembered of a host: with two there is always one that is another than that of the sighting asked for.
const INDICATORS: usize = 2;

/// When a host had contact with what; the latest of each.
type Contacts = ArrayVec<(Arc<Indicator>, Timestamp), INDICATORS>;

/// The hosts.
#[derive(Debug, Default)]
pub(super) struct RecentContacts {
    hosts: HashMap<IpAddr, Contacts, RandomState>,
    /// Each host once, with its latest contact when it was put here. One that had another since goes to the back when its turn comes.
    queue: VecDeque<(IpAddr, Timestamp)>,
    forgotten: u64,
}

impl RecentContacts {
    /// How many hosts were forgotten for want of room.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// A host had contact with something listed.
    pub(super) fn note(&mut self, host: IpAddr, indicator: &Arc<Indicator>, time: Timestamp) {
        if !self.hosts.contains_key(&host) {
            while self.hosts.len() >= MOST_HOSTS && self.forget_oldest() {
                self.forgotten += 1;
            }
            self.queue.push_back((host, time));
        }
        let contacts = self.hosts.entry(host).or_default();
        if let Some((_, known)) = contacts.iter_mut().find(|(known, _)| known.pattern == indicator.pattern) {
            *known = time.max(*known);
            return;
        }
        let older = contacts.iter().enumerate().min_by_key(|(_, (_, time))| *time).map(|(place, _)| place);
        if let Some(older) = older.filter(|_| contacts.is_full()) {
            contacts.remove(older);
        }
        contacts.push((indicator.clone(), time));
    }

    /// Something listed that the host had contact with within a day of this time; another thing than `but`.
    pub(super) fn other(&self, host: IpAddr, but: Option<&Indicator>, at: Timestamp) -> Option<&Arc<Indicator>> {
        let is_near = |time: Timestamp| at.since(time).max(time.since(at)) <= REMEMBERED;
        let is_other = |known: &Indicator| but.is_none_or(|but| but.pattern != known.pattern);
        let contacts = self.hosts.get(&host)?;
        let found = contacts.iter().filter(|(known, time)| is_other(known) && is_near(*time));
        found.max_by_key(|(_, time)| *time).map(|(known, _)| known)
    }

    fn forget_oldest(&mut self) -> bool {
        while let Some((host, queued)) = self.queue.pop_front() {
            let latest = self.hosts.get(&host).and_then(|contacts| contacts.iter().map(|(_, time)| *time).max());
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
        assert!(contacted.other(host(2), None, at(100_000)).is_none());
        for (time, is_found) in [(100_000, true), (186_400, true), (186_401, false), (13_600, true), (13_599, false)] {
            assert_eq!(contacted.other(host(1), None, at(time)).is_some(), is_found, "{time}");
        }
        assert!(contacted.other(host(1), Some(&one), at(100_000)).is_none());
        assert_eq!(contacted.other(host(1), Some(&other), at(100_000)), Some(&one));
        // Of more than two the latest count, in whatever order they come.
        contacted.note(host(1), &third, at(100_020));
        contacted.note(host(1), &other, at(100_010));
        assert_eq!(contacted.other(host(1), Some(&third), at(100_020)), Some(&other));
        assert_eq!(contacted.other(host(1), Some(&other), at(100_020)), Some(&third));
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
        assert!(contacted.other(host(0), None, at(50_000)).is_some());
        assert!(contacted.other(host(1), None, at(50_000)).is_none());
    }
}
