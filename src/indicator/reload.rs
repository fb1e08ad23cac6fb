//! Loading the lists again while the sensor runs.
//!
//! A download that failed often leaves an empty file, or half of one. A sensor that puts such a
//! list in force looks for nothing from then on, and everything seems well. So the last good
//! contents of such a list stay in force, while all other lists are replaced.

use std::path::PathBuf;

use super::feed::source_name;
use super::load::read;
use super::{FeedReport, IndicatorSet, LoadError, LoadSettings, Loaded};
use crate::units::Timestamp;

/// A list that has lost more than one part in this many of its indicators is not put in force.
/// Lists of active servers change a lot from day to day, but hardly by half.
const MAX_LOSS: u64 = 2;

/// The indicators in force before a reload.
#[derive(Debug, Clone, Copy)]
pub struct Previous<'a> {
    /// The indicators.
    pub set: &'a IndicatorSet,
    /// The lists that they come from.
    pub feeds: &'a [FeedReport],
}

impl Previous<'_> {
    /// Returns the report of the list before the reload, if the list has shrunk too much.
    fn before_shrinking(&self, new: &FeedReport) -> Option<FeedReport> {
        let old = self.feeds.iter().find(|old| old.contents.path == new.contents.path)?;
        let (before, now) = (old.contents.used(), new.contents.used());
        (now.saturating_mul(MAX_LOSS) < before).then(|| FeedReport { shrunk_to: Some(now), ..old.clone() })
    }
}

/// As [`super::load()`], but the previous contents of a list that has shrunk too much stay in
/// force. Its [`FeedReport::shrunk_to`] tells so.
///
/// The indicators that stay are those of all lists with the same file name: an indicator knows no
/// more of its list.
pub fn reload(settings: &LoadSettings, now: Timestamp, previous: Previous<'_>) -> Result<Loaded, LoadError> {
    let mut retained: Vec<FeedReport> = Vec::new();
    loop {
        let skipped: Vec<PathBuf> = retained.iter().map(|feed| feed.contents.path.clone()).collect();
        let (mut builder, mut feeds, errors) = read(settings, now, &skipped);
        if !errors.is_empty() {
            return Err(LoadError(errors));
        }
        // The entries of such a list are in the builder already, and some may be cut short. So
        // everything is read once more without it.
        let shrunk: Vec<_> = feeds.iter().filter_map(|feed| previous.before_shrinking(feed)).collect();
        if !shrunk.is_empty() {
            retained.extend(shrunk);
            continue;
        }
        for feed in retained {
            let source = source_name(&feed.contents.path);
            previous.set.listed_by(&source).for_each(|indicator| builder.add_indicator(&indicator));
            feeds.push(feed.at(now, settings));
        }
        return Ok(Loaded { set: builder.build(), feeds });
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::indicator::load;

    fn settings(paths: &[&Path]) -> LoadSettings {
        LoadSettings { paths: paths.iter().map(|path| path.to_path_buf()).collect(), ..LoadSettings::default() }
    }

    fn list(addresses: std::ops::Range<u8>) -> String {
        addresses.map(|last| format!("203.0.113.{last}\n")).collect()
    }

    fn shown(loaded: &Loaded) -> Vec<String> {
        let mut shown: Vec<_> = loaded.set.iter().map(|it| format!("{} {}", it.pattern, it.reference)).collect();
        shown.sort();
        shown
    }

    #[test]
    fn a_list_that_lost_more_than_half_stays_as_it_was_and_the_others_change() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one.txt", "other.txt"].map(|name| folder.path().join(name));
        let settings = settings(&[&one, &other]);
        let write = |one_text: &str, other_text: &str| {
            fs::write(&one, one_text).unwrap();
            fs::write(&other, other_text).unwrap();
        };
        let now = Timestamp::from_parts(1_780_000_000, 0);
        let reload = |previous: &Loaded| {
            super::reload(&settings, now, Previous { set: &previous.set, feeds: &previous.feeds }).unwrap()
        };
        write(&list(0..4), &list(2..6));
        let first = load(&settings, now).unwrap();
        // Half is accepted.
        write(&list(0..2), &list(2..6));
        let half = reload(&first);
        assert!(half.feeds.iter().all(|feed| feed.shrunk_to.is_none()));
        assert_eq!(half.set.len(), 6);
        write(&list(0..4), "");
        assert_eq!(shown(&reload(&first)), shown(&first));
        // Nothing of the small list is used, and the other list is the new one.
        write("203.0.113.9\n", &list(7..9));
        let kept = reload(&first);
        let of = |list: &str, range: std::ops::Range<u8>, first: u8| {
            range.map(|last| format!("203.0.113.{last} {list} line {}", last - first + 1)).collect::<Vec<_>>()
        };
        assert_eq!(shown(&kept), [of("one.txt", 0..4, 0), of("other.txt", 7..9, 7)].concat());
        let feed = kept.feeds.iter().find(|feed| feed.contents.path == one).unwrap();
        assert_eq!((feed.shrunk_to, feed.contents.used()), (Some(1), 4));
        // It stays so until the list has recovered.
        let again = reload(&kept);
        assert_eq!(shown(&again), shown(&kept));
        write(&list(0..3), &list(7..9));
        let recovered = reload(&again);
        assert_eq!(recovered.set.len(), 5);
        assert!(recovered.feeds.iter().all(|feed| feed.shrunk_to.is_none()));
    }

    #[test]
    fn an_empty_list_that_was_empty_before_is_no_loss() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.txt");
        fs::write(&path, "").unwrap();
        let now = Timestamp::from_parts(1_780_000_000, 0);
        let first = load(&settings(&[&path]), now).unwrap();
        let previous = Previous { set: &first.set, feeds: &first.feeds };
        assert_eq!(super::reload(&settings(&[&path]), now, previous).unwrap().feeds[0].shrunk_to, None);
    }
}
