//! Every kind of loss with its reason, for the summary and the metrics.

use super::totals::Totals;
use crate::decode::SkipReason;
use crate::track::AbandonReason;

/// The loss for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// A stable name of the reason, in lower case with hyphens.
    pub reason: String,
    /// The reason in words, to stand behind a number.
    pub what: String,
    /// The number of losses.
    pub count: u64,
}

/// All reasons in the order of a summary, those with a count of zero included.
pub fn losses(totals: &Totals) -> Vec<Loss> {
    let Totals { capture, scan, track, .. } = totals;
    let plain = [
        (capture.damaged, "damaged", "damaged places in captures"),
        (capture.oversized, "oversized", "records too large for any packet"),
        (capture.kernel_dropped, "kernel", "packets dropped by the kernel: its buffer was full (see --kernel-buffer)"),
        (
            capture.kernel_filtered,
            "kernel-filtered",
            "packets left out by the kernel filter: they cannot matter, and no other count has them",
        ),
        (capture.interface_dropped, "interface", "packets dropped by interfaces or their drivers"),
        (capture.interfaces_lost, "interface-lost", "times that an interface vanished, went down or lost its carrier"),
        (capture.outside, "outside-window", "frames outside the time window"),
        (capture.filtered, "filtered", "frames left out by the filter"),
        (capture.cut, "cut", "frames cut at the snap length, read as far as they go"),
        (scan.dns_cut, "dns-cut", "DNS messages cut or broken, read as far as they go"),
        (scan.tunnels_too_deep, "tunnels-too-deep", "packets in more tunnels, one in the other, than are entered"),
        (scan.names_beyond, "name-beyond", "DNS messages with more names than are listed of one"),
        (track.conversations_forgotten, "conversation-forgotten", "conversations forgotten early: too many at a time"),
        (
            track.contacts_forgotten,
            "contact-forgotten",
            "hosts whose contacts exclusions no longer know of: too many at a time",
        ),
        (track.windows_closed_early, "window-closed-early", "repeat windows closed early: too many at a time"),
        (track.heads.too_long, "head-too-long", "requests and hellos given up: longer than any may be"),
        (track.heads.too_many_gaps, "head-too-many-gaps", "requests and hellos given up: too many gaps"),
        (track.heads.too_old, "head-too-old", "requests and hellos given up: the rest never came"),
        (track.heads.too_many, "head-too-many", "requests and hellos given up: too many at a time"),
        (track.heads.conflicts, "segment-conflict", "TCP segments that say otherwise than a copy before, which counts"),
        (track.hellos_given_up, "hello-given-up", "QUIC hellos given up: the rest never came, or too many at a time"),
        (
            track.sessions_forgotten,
            "talk-forgotten",
            "conversations whose words were forgotten early: too many at a time",
        ),
        (track.identities_forgotten, "identity-forgotten", "hosts whose names were forgotten early: too many"),
        (track.addresses_forgotten, "address-forgotten", "resolved addresses forgotten early: too many"),
        (
            track.addresses_refused,
            "address-refused",
            "resolved addresses not followed: loopback, multicast or unspecified",
        ),
        (track.addresses_beyond, "address-beyond", "resolved addresses not followed: too many in one answer"),
        (totals.alerts_lost, "alert-not-written", "alerts that could not be written"),
    ];
    let plain =
        plain.into_iter().map(|(count, reason, what)| Loss { reason: reason.to_owned(), what: what.to_owned(), count });
    let given_up = AbandonReason::ALL.iter().zip(track.fragments.abandoned).map(|(why, count)| Loss {
        reason: format!("fragments-{}", token(why.reason())),
        what: format!("fragmented datagrams: {}", why.reason()),
        count,
    });
    let skipped = SkipReason::ALL.iter().zip(scan.skipped).map(|(skip, count)| Loss {
        reason: format!("frame-{}", token(skip.reason())),
        what: format!("frames: {}", skip.reason()),
        count,
    });
    plain.chain(given_up).chain(skipped).collect()
}

fn token(words: &str) -> String {
    words.to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_reason_has_a_name_of_its_own() {
        let losses = losses(&Totals::default());
        let names: BTreeSet<_> = losses.iter().map(|loss| loss.reason.as_str()).collect();
        assert_eq!(names.len(), losses.len());
        let is_plain = |name: &&&str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert_eq!(names.iter().find(|name| !is_plain(name)), None);
        assert!(names.contains("frame-not-ip"), "{names:?}");
    }
}
