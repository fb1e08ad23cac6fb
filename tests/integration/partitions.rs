//! The alerts are a function of the packets and the settings alone. They depend neither on where
//! one Block ends and the next begins, nor on which learned addresses a scan knew.

use proptest::prelude::*;
use rattap::alert::exclusion::{Effect, RuleStatus};

pub mod story;

use story::Story;

/// The start of a story: a window of ten minutes, Blocks of several frames, scans that are some
/// Blocks behind.
const HEAD: [u8; 9] = [0, 2, 0, 5, 1, 3, 0, 7, 2];

fn story(steps: &[[u8; 5]]) -> Story {
    Story::of(&[&HEAD[..], steps.as_flattened()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn blocks_make_no_difference(bytes in prop::collection::vec(any::<u8>(), 9..700)) {
        Story::of(&bytes).check();
    }

    /// Few hosts and little time, so that much happens between the same two hosts.
    #[test]
    fn blocks_make_no_difference_to_those_who_speak_much(
        head in any::<[u8; 9]>(),
        steps in prop::collection::vec((0..24u8, 0..8u8, 0..2u8, 6..9u8, any::<u8>()), 1..120),
    ) {
        let steps = steps.into_iter().flat_map(|(passed, kind, who, whom, detail)| [passed, kind, who, whom, detail]);
        Story::of(&head.into_iter().chain(steps).collect::<Vec<_>>()).check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Heads in pieces, of two clients.
    #[test]
    fn blocks_make_no_difference_to_heads_in_pieces(
        head in any::<[u8; 9]>(),
        steps in prop::collection::vec(
            (prop::sample::select(vec![0u8, 0, 0, 0, 5, 7, 8, 20]), 0..14u8, 0..2u8, 0..10u8, any::<u8>(), 0..10u8),
            1..150,
        ),
    ) {
        let steps = steps.into_iter().flat_map(|(passed, kind, who, whom, detail, fragments)| {
            let who = who | [0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x60][usize::from(fragments)];
            // Mostly parts of heads; otherwise a contact with a learned address, or a question.
            let (kind, whom) = match kind { 0 => (0, 7), 1 => (5, whom), _ => (8, whom) };
            [passed, kind, who, whom, detail]
        });
        Story::of(&head.into_iter().chain(steps).collect::<Vec<_>>()).check();
    }
}

/// Checks that stories cause alerts: a name is asked for and resolved, and its address is
/// contacted.
#[test]
fn a_story_has_alerts() {
    let told = story(&[[0, 5, 0, 0, 0], [0, 6, 0, 0, 0x15], [5, 0, 0, 7, 0], [5, 0, 0, 0, 0]]).check();
    let signatures: Vec<_> = told.alerts.iter().map(|alert| alert.signature.id()).collect();
    assert_eq!(signatures[..2], ["c2-domain-query", "c2-domain-answer"]);
    assert!(signatures.contains(&"c2-resolved-address") && signatures.contains(&"c2-endpoint"), "{signatures:?}");
}

/// Checks that the rules of the stories take effect: the first client is let through until it
/// contacts something else that is listed.
#[test]
fn a_story_has_exclusions() {
    let told = story(&[[0, 0, 0, 0, 0], [0, 0, 0, 1, 0], [5, 0, 1, 3, 0], [5, 0, 1, 0, 0]]).check();
    let standings: Vec<_> =
        told.alerts.iter().map(|alert| alert.exclusion.as_ref().map(|verdict| verdict.standing)).collect();
    assert!(standings.contains(&Some(RuleStatus::Applies(Effect::Suppress))), "{standings:?}");
    assert!(standings.contains(&Some(RuleStatus::OtherContact)), "{standings:?}");
}

/// A conversation with a learned address goes on after so many others were learned that the address
/// is forgotten. Scans with an older set still look for it, those with a newer one do not.
#[test]
fn a_forgotten_address_is_forgotten_by_all_scans() {
    let steps = [[0, 6, 0, 0, 0x15], [5, 0, 0, 7, 0], [5, 0, 0, 7, 0x46], [5, 0, 0, 7, 0x47], [5, 2, 0, 7, 0x66]];
    let told = story(&steps).with_flood_before(2).check();
    assert!(told.alerts.iter().any(|alert| alert.signature.id() == "c2-resolved-address"));
}
