//! Tests of the spool: restarts, damage, and limits.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, io};

use proptest::prelude::*;
use tempfile::TempDir;

use super::state::DiskFailure;
use super::store::{MEMORY_LIMIT, RETRY_INTERVAL};
use super::*;
use crate::output::event::{Event, EventReporter};
use crate::units::ByteCount;

const LIMIT: ByteCount = ByteCount(1 << 20);

/// A spool in a temporary folder, and the events that it reported.
struct TestSpool {
    folder: TempDir,
    events: Arc<Mutex<Vec<String>>>,
}

impl TestSpool {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), events: Arc::default() }
    }

    fn reporter(&self) -> EventReporter {
        let events = self.events.clone();
        let handler = move |_: &str, event: Event| events.lock().unwrap().push(event.to_string());
        EventReporter { name: "test".to_owned(), handler: Arc::new(handler) }
    }

    fn open_with(&self, limit: ByteCount) -> Arc<Spool> {
        Arc::new(Spool::open(self.folder.path(), limit, self.reporter()).unwrap())
    }

    fn open(&self) -> Arc<Spool> {
        self.open_with(LIMIT)
    }

    fn events(&self) -> Vec<String> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut list: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "segment")).collect();
        list.sort();
        list
    }
}

fn append(spool: &Spool, lines: impl IntoIterator<Item = impl ToString>) {
    lines.into_iter().for_each(|line| spool.append(line.to_string()));
}

fn rest(spool: &Arc<Spool>) -> Vec<String> {
    lines(&mut RecordReader::new(spool.clone()))
}

fn lines(reader: &mut RecordReader) -> Vec<String> {
    std::iter::from_fn(|| reader.take()).map(|record| record.line).collect()
}

#[test]
fn records_are_read_in_order_and_again_after_a_rewind() {
    let test = TestSpool::new();
    let spool = test.open();
    let mut reader = RecordReader::new(spool.clone());
    assert_eq!(reader.take(), None);
    append(&spool, 1..=5);
    assert_eq!(lines(&mut reader), ["1", "2", "3", "4", "5"]);
    append(&spool, 6..=6);
    assert_eq!(lines(&mut reader), ["6"]);
    spool.mark_delivered(4);
    reader.rewind();
    assert_eq!(lines(&mut reader), ["4", "5", "6"]);
    assert_eq!(test.events(), [""; 0]);
}

#[test]
fn a_process_that_dies_loses_nothing_and_the_checkpoint_is_kept() {
    let test = TestSpool::new();
    let spool = test.open();
    append(&spool, 1..=5);
    spool.mark_delivered(3);
    spool.sync();
    spool.mark_delivered(4);
    // As if killed: nothing is closed, and the last checkpoint was not written.
    drop(spool);
    let spool = test.open();
    assert_eq!(rest(&spool), ["3", "4", "5"]);
    spool.report_leftover(Some(4));
    assert_eq!(test.events(), ["2 alerts of an earlier run are in the spool and are sent first"]);
    append(&spool, 6..=7);
    assert_eq!(rest(&spool), ["3", "4", "5", "6", "7"]);
    spool.mark_delivered(8);
    spool.sync();
    drop(spool);
    let spool = test.open();
    assert_eq!((rest(&spool), spool.level().waiting), (vec![], 0));
    // Numbers are never used twice, because a checkpoint could then refer to other records.
    append(&spool, ["after"]);
    assert_eq!(RecordReader::new(spool).take().unwrap().number, 8);
}

#[test]
fn what_arrived_is_removed() {
    let test = TestSpool::new();
    let spool = test.open();
    let line = "x".repeat(1000);
    append(&spool, std::iter::repeat_n(&line, 500));
    assert!(test.segments().len() > 3, "{:?}", test.segments());
    spool.mark_delivered(501);
    spool.sync();
    assert_eq!((test.segments().len(), spool.level().bytes), (0, 0));
    append(&spool, ["next"]);
    assert_eq!(rest(&spool), ["next"]);
}

#[test]
fn one_process_at_a_time() {
    let test = TestSpool::new();
    let _spool = test.open();
    let error = Spool::open(test.folder.path(), LIMIT, test.reporter()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn only_the_owner_may_look_into_it() {
    use std::os::unix::fs::PermissionsExt;
    let test = TestSpool::new();
    let folder = test.folder.path().join("below/deep");
    let spool = Spool::open(&folder, LIMIT, test.reporter()).unwrap();
    append(&spool, ["one"]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join(format!("{:020}.segment", 1))), 0o600);
}

#[test]
fn a_torn_end_is_cut_off_and_reported() {
    let test = TestSpool::new();
    let spool = test.open();
    append(&spool, 1..=3);
    drop(spool);
    let segment = &test.segments()[0];
    let whole = fs::metadata(segment).unwrap().len();
    for torn in [whole - 1, whole - 24] {
        fs::OpenOptions::new().write(true).open(segment).unwrap().set_len(torn).unwrap();
        let spool = test.open();
        assert_eq!(rest(&spool), ["1", "2"]);
        let events = test.events();
        assert!(events[0].contains("cut off") && events[0].contains("byte 58"), "{events:?}");
        // New records do not follow the damage in the same file.
        append(&spool, ["next"]);
        assert_eq!(rest(&spool), ["1", "2", "next"]);
        drop(spool);
        assert_eq!(rest(&test.open()), ["1", "2", "next"]);
        fs::remove_file(&test.segments()[1]).unwrap();
        test.events();
        let mut bytes = fs::read(segment).unwrap();
        bytes.extend_from_slice(&[0; 25]);
        fs::write(segment, bytes).unwrap();
    }
}

#[test]
fn damage_in_the_middle_costs_the_rest_of_its_segment_and_is_counted_once() {
    let test = TestSpool::new();
    let spool = test.open();
    let line = "x".repeat(1000);
    append(&spool, std::iter::repeat_n(&line, 300));
    drop(spool);
    let segment = &test.segments()[0];
    let mut bytes = fs::read(segment).unwrap();
    bytes[8 + 1024 * 10 + 500] ^= 1;
    fs::write(segment, bytes).unwrap();
    let spool = test.open();
    test.events();
    let in_segment = (131_072 - 8) / 1024;
    let mut reader = RecordReader::new(spool.clone());
    assert_eq!(lines(&mut reader).len(), 300 - in_segment + 10);
    reader.rewind();
    assert_eq!(lines(&mut reader).len(), 300 - in_segment + 10);
    assert_eq!(spool.level().lost, in_segment as u64 - 10);
    let events = test.events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].contains(&format!("byte 10248: damaged: {} alerts are lost", in_segment - 10)), "{events:?}");
}

#[test]
fn a_damaged_checkpoint_sends_all_once_more() {
    let test = TestSpool::new();
    let spool = test.open();
    append(&spool, 1..=3);
    spool.mark_delivered(3);
    spool.sync();
    drop(spool);
    for damage in ["", "rattap spool mark 2 00000000\n", "rattap spool mark 99999999999999999999 0\n"] {
        fs::write(test.folder.path().join("mark"), damage).unwrap();
        let spool = test.open();
        assert_eq!(rest(&spool), ["1", "2", "3"]);
        assert!(test.events()[0].ends_with("all alerts in the spool are sent once more"));
    }
}

#[test]
fn beyond_the_limit_the_oldest_are_dropped_counted_and_reported_once() {
    let test = TestSpool::new();
    let spool = test.open();
    append(&spool, (0..2000).map(|number| format!("{number:01000}")));
    let level = spool.level();
    assert!(level.bytes <= LIMIT.0 && level.bytes > LIMIT.0 * 3 / 4, "{level:?}");
    assert_eq!(level.lost + level.waiting, 2000);
    let rest = rest(&spool);
    assert_eq!(rest.len() as u64, level.waiting);
    assert_eq!(rest.last().unwrap(), &format!("{:01000}", 1999));
    let events = test.events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].starts_with("the spool is full at 1.0 MB"), "{events:?}");
    // A record that was sent before it was dropped is not lost.
    spool.mark_sent(2001);
    append(&spool, (0..500).map(|number| format!("{number:01000}")));
    assert_eq!(spool.level().lost, level.lost);
    // The next run may have a lower limit.
    drop(spool);
    let spool = test.open_with(ByteCount(LIMIT.0 / 2));
    assert!(spool.level().bytes <= LIMIT.0 / 2);
}

#[test]
fn a_replay_waits_for_room_as_long_as_the_receiver_takes_something() {
    let test = TestSpool::new();
    let spool = test.open();
    append(&spool, (0..1000).map(|number| format!("{number:01000}")));
    assert!(!spool.wait_for_room(Duration::ZERO));
    spool.mark_delivered(1000);
    spool.sync();
    assert!(spool.wait_for_room(Duration::ZERO));
    assert_eq!(spool.level().lost, 0);
}

#[test]
fn without_a_disk_alerts_wait_in_memory() {
    let test = TestSpool::new();
    let spool = Arc::new(Spool::in_memory(test.reporter()));
    append(&spool, 1..=3);
    let mut reader = RecordReader::new(spool.clone());
    assert_eq!(lines(&mut reader), ["1", "2", "3"]);
    spool.mark_delivered(2);
    reader.rewind();
    assert_eq!(lines(&mut reader), ["2", "3"]);
    append(&spool, (0..100_000).map(|number| format!("{number:01000}")));
    let level = spool.level();
    assert!(level.bytes <= MEMORY_LIMIT && level.lost > 0, "{level:?}");
    assert_eq!(level.lost + level.waiting, 100_002);
    assert_eq!(test.events().len(), 1);
}

#[test]
fn where_the_disk_fails_alerts_wait_in_memory_and_move_when_it_is_back() {
    let test = TestSpool::new();
    let spool = test.open();
    append(&spool, 1..=2);
    // A segment cannot be created if a folder has its name.
    spool.state().file = None;
    let obstacle = test.folder.path().join(format!("{:020}.segment", 3));
    fs::create_dir(&obstacle).unwrap();
    append(&spool, 3..=5);
    assert_eq!(rest(&spool), ["1", "2", "3", "4", "5"]);
    let events = test.events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].contains("cannot write the spool"), "{events:?}");
    fs::remove_dir(&obstacle).unwrap();
    // The interval between attempts has passed.
    let long_ago = Instant::now().checked_sub(RETRY_INTERVAL * 2).unwrap();
    spool.state().disk_failure = Some(DiskFailure { last_attempt: long_ago, lost_before: 0 });
    spool.sync();
    assert_eq!(test.events(), ["the spool can be written again; 0 alerts were lost meanwhile"]);
    drop(spool);
    assert_eq!(rest(&test.open()), ["1", "2", "3", "4", "5"]);
}

#[test]
fn delivered_segments_make_room_for_the_checkpoint() {
    let test = TestSpool::new();
    let spool = test.open();
    append(&spool, 1..=3);
    // The checkpoint cannot be written if a folder has its name. This is like a full disk.
    fs::create_dir(test.folder.path().join("mark.new")).unwrap();
    spool.mark_delivered(4);
    spool.sync();
    assert_eq!((test.segments().len(), spool.level().bytes), (0, 0));
    assert!(test.events()[0].contains("cannot write the spool"));
    append(&spool, 4..=5);
    drop(spool);
    // Numbers may start again from 1: nothing is sent twice, and nothing is omitted.
    fs::remove_dir(test.folder.path().join("mark.new")).unwrap();
    let spool = test.open();
    append(&spool, 6..=6);
    assert_eq!(rest(&spool).last().unwrap(), "6");
}

#[test]
fn what_is_in_memory_alone_is_lost_with_the_process_and_counted() {
    let test = TestSpool::new();
    let spool = test.open();
    append(&spool, 1..=2);
    let obstacle = test.folder.path().join(format!("{:020}.segment", 3));
    fs::create_dir(&obstacle).unwrap();
    spool.state().file = None;
    append(&spool, 3..=6);
    assert!(spool.level().is_failing && spool.level().in_memory > 0);
    spool.mark_sent(4);
    // Three were not sent. The one that was sent is not known to have arrived either.
    assert_eq!((spool.abandon(), spool.level().lost, spool.undelivered()), (4, 3, 6));
    drop(spool);
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(rest(&test.open()), ["1", "2"]);

    // If the disk works again by then, nothing is lost.
    let spool = test.open();
    spool.state().disk_failure = Some(DiskFailure { last_attempt: Instant::now(), lost_before: 0 });
    append(&spool, 3..=4);
    assert!(spool.level().in_memory > 0);
    assert_eq!((spool.abandon(), spool.level().lost), (0, 0));
}

#[test]
fn files_of_others_are_left_alone() {
    let test = TestSpool::new();
    let names = [
        "1.segment",
        "notes.txt",
        "99999999999999999999.segment",
        "00000000000000000000.segment",
        "+0000000000000000001.segment",
    ];
    for name in names {
        fs::write(test.folder.path().join(name), "mine").unwrap();
    }
    let spool = test.open();
    append(&spool, ["one"]);
    assert_eq!(rest(&spool), ["one"]);
    for name in names {
        assert_eq!(fs::read(test.folder.path().join(name)).unwrap(), b"mine", "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// A spool with arbitrary files opens, contains nothing that was not appended, and accepts
    /// alerts.
    #[test]
    fn any_files_are_opened(
        segments in prop::collection::vec((1u64..1000, prop::collection::vec(any::<u8>(), 0..200)), 0..4),
        checkpoint in prop::collection::vec(any::<u8>(), 0..30),
        with_magic: bool,
    ) {
        let test = TestSpool::new();
        for (first, bytes) in segments {
            let mut content = if with_magic { b"RATSPL01".to_vec() } else { Vec::new() };
            content.extend_from_slice(&bytes);
            fs::write(test.folder.path().join(format!("{first:020}.segment")), content).unwrap();
        }
        fs::write(test.folder.path().join("mark"), checkpoint).unwrap();
        let spool = test.open();
        prop_assert_eq!(rest(&spool), Vec::<String>::new());
        append(&spool, ["one"]);
        prop_assert_eq!(rest(&spool), ["one"]);
        drop(spool);
        prop_assert_eq!(rest(&test.open()), ["one"]);
    }

    /// After any changed byte and any cut, all records before the damage are read, in order.
    #[test]
    fn damage_costs_no_more_than_it_must(change in 0usize..3000, bit in 0u32..8, cut in 0usize..3000) {
        let test = TestSpool::new();
        let spool = test.open();
        let written: Vec<_> = (0..20).map(|number| format!("{number:0100}")).collect();
        append(&spool, &written);
        drop(spool);
        let segment = &test.segments()[0];
        let mut bytes = fs::read(segment).unwrap();
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        let length = bytes.len();
        if let Some(byte) = bytes.get_mut(change) {
            *byte ^= 1 << bit;
        }
        fs::write(segment, bytes).unwrap();
        let rest = rest(&test.open());
        prop_assert_eq!(&rest[..], &written[..rest.len()]);
        let whole = (length.min(change).max(8) - 8) / 124;
        prop_assert_eq!(rest.len(), if change < 8 { 0 } else { whole });
    }

    /// After any sequence of appends, deliveries, restarts and rewinds, the spool contains the same
    /// undelivered records as a simple list.
    #[test]
    fn it_does_what_a_list_would(steps in prop::collection::vec((0u8..5, 1u64..40), 1..60)) {
        let test = TestSpool::new();
        let mut spool = test.open();
        let mut reader = RecordReader::new(spool.clone());
        let (mut list, mut delivered, mut read): (Vec<String>, usize, usize) = (Vec::new(), 0, 0);
        for (step, number) in steps {
            match step {
                0 => for _ in 0..number {
                    list.push(format!("{:0800}", list.len()));
                    append(&spool, list.last());
                },
                1 => for _ in 0..number {
                    let line = reader.take().map(|record| record.line);
                    prop_assert_eq!(line.as_ref(), list.get(read));
                    read = (read + 1).min(list.len());
                },
                2 => {
                    delivered = (delivered + number as usize).min(read).max(delivered);
                    spool.mark_delivered(delivered as u64 + 1);
                    spool.sync();
                }
                3 => {
                    reader.rewind();
                    read = delivered;
                }
                _ => {
                    drop((spool, reader));
                    spool = test.open();
                    reader = RecordReader::new(spool.clone());
                    read = delivered;
                }
            }
        }
        reader.rewind();
        prop_assert_eq!(&lines(&mut reader)[..], &list[delivered..]);
    }
}

#[test]
fn a_symbolic_link_is_never_followed_and_is_named() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    let refused = |test: &TestSpool, link: &Path| {
        let error = Spool::open(test.folder.path(), LIMIT, test.reporter()).unwrap_err();
        let expected = format!("{} is a symbolic link, which a spool never follows; remove it", link.display());
        assert_eq!(error.to_string(), expected);
        assert_eq!(fs::read(&victim).unwrap(), b"mine");
    };
    for name in ["lock", "mark", "mark.new", "accepted", "00000000000000000001.segment"] {
        fs::write(&victim, "mine").unwrap();
        let test = TestSpool::new();
        let link = test.folder.path().join(name);
        symlink(&victim, &link).unwrap();
        refused(&test, &link);
        // One that leads nowhere would be created.
        fs::remove_file(&link).unwrap();
        symlink(outside.path().join("new"), &link).unwrap();
        refused(&test, &link);
        assert!(!outside.path().join("new").exists());

        // One that appears while the spool is in use.
        fs::remove_file(&link).unwrap();
        let spool = test.open();
        if name != "lock" {
            symlink(&victim, &link).unwrap();
        }
        append(&spool, 1..=3);
        spool.keep_accepted(&AcceptedMark { before: 2, connection: "c".to_owned() });
        spool.mark_delivered(2);
        spool.sync();
        assert_eq!(fs::read(&victim).unwrap(), b"mine", "{name}");
        assert_eq!(rest(&spool), ["2", "3"], "{name}");
        if ["mark.new", "00000000000000000001.segment"].contains(&name) {
            let events = test.events();
            assert!(events[0].contains(&format!("{} is a symbolic link", link.display())), "{events:?}");
        }
    }

    // The receiver's folder itself.
    let test = TestSpool::new();
    let link = test.folder.path().join("tcp-h_514");
    symlink(outside.path(), &link).unwrap();
    let error = Spool::open(&link, LIMIT, test.reporter()).unwrap_err();
    assert!(error.to_string().contains("tcp-h_514 is a symbolic link"), "{error}");
    fs::write(outside.path().join("00000000000000000001.segment"), "RATSPL01").unwrap();
    assert!(folders_with_alerts(test.folder.path()).unwrap().is_empty());
}

#[test]
fn a_named_pipe_in_place_of_a_file_makes_nobody_wait() {
    let test = TestSpool::new();
    let pipe = test.folder.path().join("mark");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let error = Spool::open(test.folder.path(), LIMIT, test.reporter()).unwrap_err();
    assert_eq!(error.to_string(), format!("{} is not a regular file; remove it", pipe.display()));
}
