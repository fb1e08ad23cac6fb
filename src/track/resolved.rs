//! Addresses learned on the way: what DNS answers gave for listed domains.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::indicator::{Embedded, Indicator, Learned, embedded};
use crate::units::Timestamp;

/// How long an address counts at the least. Fast-changing domains give lifetimes of a minute, and clients keep using an
/// address for as long as their connection holds.
const SHORTEST_LIFE: Duration = Duration::from_secs(3600);

/// How many addresses are kept: sixty-four answers of the largest size. Past this number the one learned first goes.
const MOST_LEARNED: usize = 16_384;

/// What is known of a learned address.
#[derive(Debug)]
pub(super) struct Lesson {
    pub(super) indicator: Arc<Indicator>,
    /// The name whose answer gave it.
    pub(super) name: Arc<[u8]>,
    until: Timestamp,
    /// The publication that it first is part of.
    generation: u64,
}

/// The learned addresses.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    lessons: HashMap<IpAddr, Lesson, RandomState>,
    /// In the order in which they were learned.
    order: VecDeque<IpAddr>,
    /// Of the last publication.
    generation: u64,
    is_changed: bool,
    learned: u64,
    forgotten: u64,
    refused: u64,
}

impl Resolved {
    /// How many were forgotten for want of room.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Whether none counts any more.
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.lessons.values().all(|lesson| lesson.until < now)
    }

    /// How many addresses in answers were not learned, because they are nobody's: loopback, unspecified, multicast,
    /// broadcast, link-local. Blocking resolvers answer with them.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// An answer gave an address, to be kept for so many seconds.
    pub(super) fn learn(
        &mut self,
        address: IpAddr,
        lifetime: u32,
        indicator: &Arc<Indicator>,
        name: &Arc<[u8]>,
        now: Timestamp,
    ) {
        if !is_somebodys(address) {
            self.refused += 1;
            return;
        }
        let until = now + Duration::from_secs(lifetime.into()).max(SHORTEST_LIFE);
        if let Some(known) = self.lessons.get_mut(&address) {
            if known.until < now || known.indicator.pattern == indicator.pattern {
                known.indicator = indicator.clone();
                known.name = name.clone();
            }
            known.until = known.until.max(until);
            return;
        }
        while self.lessons.len() >= MOST_LEARNED
            && let Some(oldest) = self.order.pop_front()
        {
            self.lessons.remove(&oldest);
            self.forgotten += 1;
        }
        let lesson =
            Lesson { indicator: indicator.clone(), name: name.clone(), until, generation: self.generation + 1 };
        self.lessons.insert(address, lesson);
        self.order.push_back(address);
        self.learned += 1;
        self.is_changed = true;
    }

    /// How many were learned so far, each time that one was.
    pub(super) fn learned(&self) -> u64 {
        self.learned
    }

    /// The addresses that were learned since there were so many, as far as they are still kept.
    pub(super) fn learned_since(&self, learned: u64) -> impl Iterator<Item = IpAddr> {
        let count = usize::try_from(self.learned - learned).unwrap_or(usize::MAX);
        self.order.iter().rev().take(count).copied()
    }

    /// What is known of an address, or of an IPv4 address inside it, at a time.
    pub(super) fn find(&self, address: IpAddr, now: Timestamp) -> Option<(&Lesson, Option<Embedded>)> {
        let current = |address: &IpAddr| self.lessons.get(address).filter(|lesson| now <= lesson.until);
        if let Some(lesson) = current(&address) {
            return Some((lesson, None));
        }
        let IpAddr::V6(ipv6) = address else { return None };
        embedded(ipv6).into_iter().find_map(|inner| Some((current(&IpAddr::V4(inner.address))?, Some(inner))))
    }

    /// Whether an address, or an IPv4 address inside it, was learned and not forgotten since, whether it still counts or not.
    ///
    /// A scan may know an older publication, which held more: only what is held now is the same for all.
    pub(super) fn holds(&self, address: IpAddr) -> bool {
        self.lessons.contains_key(&address)
            || match address {
                IpAddr::V4(_) => false,
                IpAddr::V6(address) => {
                    embedded(address).iter().any(|inner| self.lessons.contains_key(&IpAddr::V4(inner.address)))
                }
            }
    }

    /// The addresses that are in no publication up to `generation`.
    pub(super) fn newer_than(&self, generation: u64) -> impl Iterator<Item = IpAddr> {
        let any = generation < self.generation || self.is_changed;
        let newer = self.lessons.iter().filter(move |(_, lesson)| lesson.generation > generation);
        newer.map(|(address, _)| *address).filter(move |_| any)
    }

    /// Whether a scan that knew this generation has missed any.
    pub(super) fn has_newer_than(&self, generation: u64) -> bool {
        generation < self.generation
    }

    /// What the scanners are to look for from now on; `None` where nothing was learned since the last time.
    pub(super) fn publish(&mut self) -> Option<Learned> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        self.generation += 1;
        Some(Learned::new(self.generation, self.lessons.keys().copied()))
    }
}

fn is_somebodys(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, ..] = address.octets();
            !(first == 0
                || address.is_loopback()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_link_local())
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_somebodys(IpAddr::V4(mapped)),
            None => {
                !(address.is_unspecified()
                    || address.is_loopback()
                    || address.is_multicast()
                    || address.is_unicast_link_local())
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::builtin;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    fn learned(lifetime: u32) -> Resolved {
        let mut resolved = Resolved::default();
        let indicator = Arc::new(builtin().remove(7));
        resolved.learn("203.0.113.66".parse().unwrap(), lifetime, &indicator, &b"gw.feersona.net"[..].into(), at(0));
        resolved
    }

    #[test]
    fn an_address_counts_for_the_longer_of_its_lifetime_and_an_hour() {
        let address = "203.0.113.66".parse().unwrap();
        assert!(learned(60).find(address, at(3600)).is_some());
        assert!(learned(60).find(address, at(3601)).is_none());
        assert!(learned(7200).find(address, at(7200)).is_some());
        assert!(learned(7200).find(address, at(7201)).is_none());
    }

    #[test]
    fn an_ipv6_address_that_embeds_it_counts() {
        let resolved = learned(60);
        let (_, embedded) = resolved.find("64:ff9b::203.0.113.66".parse().unwrap(), at(1)).unwrap();
        assert_eq!(embedded.unwrap().address.to_string(), "203.0.113.66");
    }

    #[test]
    fn nobodys_addresses_are_not_learned() {
        let mut resolved = Resolved::default();
        let indicator = Arc::new(builtin().remove(7));
        for address in [
            "0.0.0.0",
            "127.0.0.1",
            "224.0.0.251",
            "255.255.255.255",
            "169.254.1.1",
            "::",
            "::1",
            "ff02::fb",
            "fe80::1",
            "::ffff:127.0.0.1",
        ] {
            resolved.learn(address.parse().unwrap(), 60, &indicator, &b"x"[..].into(), at(0));
        }
        assert_eq!((resolved.refused(), resolved.publish().is_none()), (10, true));
    }

    #[test]
    fn a_publication_holds_all_and_tells_what_is_newer() {
        let mut resolved = learned(60);
        assert_eq!(resolved.newer_than(0).count(), 1);
        let first = resolved.publish().unwrap();
        assert_eq!((first.generation(), resolved.publish().is_none()), (1, true));
        assert!(first.contains("203.0.113.66".parse().unwrap()));
        assert!(resolved.has_newer_than(0) && !resolved.has_newer_than(1));
        assert_eq!((resolved.newer_than(0).count(), resolved.newer_than(1).count()), (1, 0));
    }

    #[test]
    fn the_table_is_bounded_and_the_oldest_goes() {
        let mut resolved = learned(60);
        let indicator = Arc::new(builtin().remove(7));
        for low in 0..MOST_LEARNED as u32 {
            resolved.learn(IpAddr::V4((0x0a00_0000 + low).into()), 60, &indicator, &b"x"[..].into(), at(0));
        }
        assert_eq!(
            (resolved.lessons.len(), resolved.order.len(), resolved.forgotten()),
            (MOST_LEARNED, MOST_LEARNED, 1)
        );
        assert!(resolved.find("203.0.113.66".parse().unwrap(), at(1)).is_none());
        assert!(!resolved.holds("203.0.113.66".parse().unwrap()));
    }

    #[test]
    fn what_no_longer_counts_is_still_held() {
        let resolved = learned(60);
        for (address, is_held) in [("203.0.113.66", true), ("64:ff9b::203.0.113.66", true), ("203.0.113.67", false)] {
            let address = address.parse().unwrap();
            assert!(resolved.find(address, at(3601)).is_none());
            assert_eq!(resolved.holds(address), is_held);
        }
    }
}
