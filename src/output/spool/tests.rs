//! The spool as a whole: what a run leaves, what damage costs, what happens without room.

use std::fs;
use std::sync::Mutex as StdMutex;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const LIMIT: ByteCount = ByteCount(1 << 20);

/// A spool and what it told.
struct Bench {
    folder: TempDir,
    told: Arc<StdMutex<Vec<String>>>,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), told: Arc::default() }
    }

    fn reporter(&self) -> Reporter {
        let told = self.told.clone();
        let report = move |_: &str, event: Event| told.lock().unwrap().push(event.to_string());
        Reporter { name: "test".to_owned(), report: Arc::new(report) }
    }

    fn open_with(&self, limit: ByteCount) -> Arc<Spool> {
        Arc::new(Spool::open(self.folder.path(), limit, self.reporter()).unwrap())
    }

    fn open(&self) -> Arc<Spool> {
        self.open_with(LIMIT)
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
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
    lines(&mut Reader::new(spool.clone()))
}

fn lines(reader: &mut Reader) -> Vec<String> {
    std::iter::from_fn(|| reader.take()).map(|record| record.line).collect()
}

#[test]
fn what_is_appended_is_read_in_order_once_and_again_from_the_mark_on() {
    let bench = Bench::new();
    let spool = bench.open();
    let mut reader = Reader::new(spool.clone());
    assert_eq!(reader.take(), None);
    append(&spool, 1..=5);
    assert_eq!(lines(&mut reader), ["1", "2", "3", "4", "5"]);
    append(&spool, 6..=6);
    assert_eq!(lines(&mut reader), ["6"]);
    spool.settle(4);
    reader.rewind();
    assert_eq!(lines(&mut reader), ["4", "5", "6"]);
    assert_eq!(bench.told(), [""; 0]);
}

#[test]
fn a_process_that_dies_loses_nothing_and_a_mark_is_kept() {
    let bench = Bench::new();
    let spool = bench.open();
    append(&spool, 1..=5);
    spool.settle(3);
    spool.keep_up();
    spool.settle(4);
    // Dies: nothing is closed, the latest mark was never saved.
    drop(spool);
    let spool = bench.open();
    assert_eq!(rest(&spool), ["3", "4", "5"]);
    assert_eq!(bench.told(), ["3 alerts of an earlier run are in the spool and are sent first"]);
    append(&spool, 6..=7);
    assert_eq!(rest(&spool), ["3", "4", "5", "6", "7"]);
    spool.settle(8);
    spool.keep_up();
    drop(spool);
    let spool = bench.open();
    assert_eq!((rest(&spool), spool.level().waiting), (vec![], 0));
    // Numbers are never used twice, or a mark would be taken for that of others.
    append(&spool, ["after"]);
    assert_eq!(Reader::new(spool).take().unwrap().number, 8);
}

#[test]
fn what_arrived_is_removed() {
    let bench = Bench::new();
    let spool = bench.open();
    let line = "x".repeat(1000);
    append(&spool, std::iter::repeat_n(&line, 500));
    assert!(bench.segments().len() > 3, "{:?}", bench.segments());
    spool.settle(501);
    spool.keep_up();
    assert_eq!((bench.segments().len(), spool.level().bytes), (0, 0));
    append(&spool, ["next"]);
    assert_eq!(rest(&spool), ["next"]);
}

#[test]
fn one_process_at_a_time() {
    let bench = Bench::new();
    let _spool = bench.open();
    let error = Spool::open(bench.folder.path(), LIMIT, bench.reporter()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn only_the_owner_may_look_into_it() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let folder = bench.folder.path().join("below/deep");
    let spool = Spool::open(&folder, LIMIT, bench.reporter()).unwrap();
    append(&spool, ["one"]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join(format!("{:020}.segment", 1))), 0o600);
}

#[test]
fn a_torn_end_is_cut_off_and_told() {
    let bench = Bench::new();
    let spool = bench.open();
    append(&spool, 1..=3);
    drop(spool);
    let segment = &bench.segments()[0];
    let whole = fs::metadata(segment).unwrap().len();
    for torn in [whole - 1, whole - 24] {
        fs::OpenOptions::new().write(true).open(segment).unwrap().set_len(torn).unwrap();
        let spool = bench.open();
        assert_eq!(rest(&spool), ["1", "2"]);
        let told = bench.told();
        assert!(told[0].contains("cut off") && told[0].contains("byte 58"), "{told:?}");
        // What comes next does not stand behind the damage.
        append(&spool, ["next"]);
        assert_eq!(rest(&spool), ["1", "2", "next"]);
        drop(spool);
        assert_eq!(rest(&bench.open()), ["1", "2", "next"]);
        fs::remove_file(&bench.segments()[1]).unwrap();
        bench.told();
        let mut bytes = fs::read(segment).unwrap();
        bytes.extend_from_slice(&[0; 25]);
        fs::write(segment, bytes).unwrap();
    }
}

#[test]
fn damage_in_the_middle_costs_the_rest_of_its_segment_and_is_counted_once() {
    let bench = Bench::new();
    let spool = bench.open();
    let line = "x".repeat(1000);
    append(&spool, std::iter::repeat_n(&line, 300));
    drop(spool);
    let segment = &bench.segments()[0];
    let mut bytes = fs::read(segment).unwrap();
    bytes[8 + 1024 * 10 + 500] ^= 1;
    fs::write(segment, bytes).unwrap();
    let spool = bench.open();
    bench.told();
    let in_segment = (131_072 - 8) / 1024;
    let mut reader = Reader::new(spool.clone());
    assert_eq!(lines(&mut reader).len(), 300 - in_segment + 10);
    reader.rewind();
    assert_eq!(lines(&mut reader).len(), 300 - in_segment + 10);
    assert_eq!(spool.level().lost, in_segment as u64 - 10);
    let told = bench.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(&format!("byte 10248: damaged: {} alerts are lost", in_segment - 10)), "{told:?}");
}

#[test]
fn a_damaged_mark_sends_all_once_more() {
    let bench = Bench::new();
    let spool = bench.open();
    append(&spool, 1..=3);
    spool.settle(3);
    spool.keep_up();
    drop(spool);
    for damage in ["", "rattap spool mark 2 00000000\n", "rattap spool mark 99999999999999999999 0\n"] {
        fs::write(bench.folder.path().join("mark"), damage).unwrap();
        let spool = bench.open();
        assert_eq!(rest(&spool), ["1", "2", "3"]);
        assert!(bench.told()[0].ends_with("all alerts in the spool are sent once more"));
    }
}

#[test]
fn beyond_its_bound_the_oldest_are_dropped_counted_and_told_once() {
    let bench = Bench::new();
    let spool = bench.open();
    append(&spool, (0..2000).map(|number| format!("{number:01000}")));
    let level = spool.level();
    assert!(level.bytes <= LIMIT.0 && level.bytes > LIMIT.0 * 3 / 4, "{level:?}");
    assert_eq!(level.lost + level.waiting, 2000);
    let rest = rest(&spool);
    assert_eq!(rest.len() as u64, level.waiting);
    assert_eq!(rest.last().unwrap(), &format!("{:01000}", 1999));
    let told = bench.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("the spool is full at 1.0 MB"), "{told:?}");
    // What was sent before it was dropped is not lost.
    spool.taken(2001);
    append(&spool, (0..500).map(|number| format!("{number:01000}")));
    assert_eq!(spool.level().lost, level.lost);
    // Also where a smaller bound comes with the next run.
    drop(spool);
    let spool = bench.open_with(ByteCount(LIMIT.0 / 2));
    assert!(spool.level().bytes <= LIMIT.0 / 2);
}

#[test]
fn a_replay_waits_for_room_as_long_as_the_receiver_takes_something() {
    let bench = Bench::new();
    let spool = bench.open();
    append(&spool, (0..1000).map(|number| format!("{number:01000}")));
    assert!(!spool.wait_for_room(Duration::ZERO));
    spool.settle(1000);
    spool.keep_up();
    assert!(spool.wait_for_room(Duration::ZERO));
    assert_eq!(spool.level().lost, 0);
}

#[test]
fn without_a_disk_alerts_wait_in_memory() {
    let bench = Bench::new();
    let spool = Arc::new(Spool::in_memory(bench.reporter()));
    append(&spool, 1..=3);
    let mut reader = Reader::new(spool.clone());
    assert_eq!(lines(&mut reader), ["1", "2", "3"]);
    spool.settle(2);
    reader.rewind();
    assert_eq!(lines(&mut reader), ["2", "3"]);
    append(&spool, (0..100_000).map(|number| format!("{number:01000}")));
    let level = spool.level();
    assert!(level.bytes <= MOST_MEMORY && level.lost > 0, "{level:?}");
    assert_eq!(level.lost + level.waiting, 100_002);
    assert_eq!(bench.told().len(), 1);
}

#[test]
fn where_the_disk_fails_alerts_wait_in_memory_and_move_when_it_is_back() {
    let bench = Bench::new();
    let spool = bench.open();
    append(&spool, 1..=2);
    // A segment cannot be made where a folder of its name stands.
    spool.state().file = None;
    let obstacle = bench.folder.path().join(format!("{:020}.segment", 3));
    fs::create_dir(&obstacle).unwrap();
    append(&spool, 3..=5);
    assert_eq!(rest(&spool), ["1", "2", "3", "4", "5"]);
    let told = bench.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("cannot write the spool"), "{told:?}");
    fs::remove_dir(&obstacle).unwrap();
    // The second that lies between attempts has passed.
    let long_ago = Instant::now().checked_sub(RETRY * 2).unwrap();
    spool.state().failed = Some((long_ago, 0));
    spool.keep_up();
    assert_eq!(bench.told(), ["the spool can be written again; 0 alerts were lost meanwhile"]);
    drop(spool);
    assert_eq!(rest(&bench.open()), ["1", "2", "3", "4", "5"]);
}

#[test]
fn what_arrived_makes_room_for_the_mark() {
    let bench = Bench::new();
    let spool = bench.open();
    append(&spool, 1..=3);
    // A mark cannot be written where a folder of its name stands: as on a full disk, but for ever.
    fs::create_dir(bench.folder.path().join("mark.new")).unwrap();
    spool.settle(4);
    spool.keep_up();
    assert_eq!((bench.segments().len(), spool.level().bytes), (0, 0));
    assert!(bench.told()[0].contains("cannot write the spool"));
    append(&spool, 4..=5);
    drop(spool);
    // Numbers may begin anew: nothing is sent again, and nothing is left out.
    fs::remove_dir(bench.folder.path().join("mark.new")).unwrap();
    let spool = bench.open();
    append(&spool, 6..=6);
    assert_eq!(rest(&spool).last().unwrap(), "6");
}

#[test]
fn what_is_in_memory_alone_is_lost_with_the_process_and_counted() {
    let bench = Bench::new();
    let spool = bench.open();
    append(&spool, 1..=2);
    let obstacle = bench.folder.path().join(format!("{:020}.segment", 3));
    fs::create_dir(&obstacle).unwrap();
    spool.state().file = None;
    append(&spool, 3..=6);
    assert!(spool.level().is_failing && spool.level().in_memory > 0);
    spool.taken(4);
    // Of the three that were not taken. The one that was taken is not known to have arrived either.
    assert_eq!((spool.leave(), spool.level().lost, spool.unsettled()), (4, 3, 6));
    drop(spool);
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(rest(&bench.open()), ["1", "2"]);

    // Where the disk is back by then, nothing is lost.
    let spool = bench.open();
    spool.state().failed = Some((Instant::now(), 0));
    append(&spool, 3..=4);
    assert!(spool.level().in_memory > 0);
    assert_eq!((spool.leave(), spool.level().lost), (0, 0));
}

#[test]
fn files_of_others_are_left_alone() {
    let bench = Bench::new();
    let names = [
        "1.segment",
        "notes.txt",
        "99999999999999999999.segment",
        "00000000000000000000.segment",
        "+0000000000000000001.segment",
    ];
    for name in names {
        fs::write(bench.folder.path().join(name), "mine").unwrap();
    }
    let spool = bench.open();
    append(&spool, ["one"]);
    assert_eq!(rest(&spool), ["one"]);
    for name in names {
        assert_eq!(fs::read(bench.folder.path().join(name)).unwrap(), b"mine", "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is in the files: it opens, what is read is what was written or nothing, and it takes alerts.
    #[test]
    fn any_files_are_opened(
        segments in prop::collection::vec((1u64..1000, prop::collection::vec(any::<u8>(), 0..200)), 0..4),
        mark in prop::collection::vec(any::<u8>(), 0..30),
        with_magic: bool,
    ) {
        let bench = Bench::new();
        for (first, bytes) in segments {
            let mut content = if with_magic { b"RATSPL01".to_vec() } else { Vec::new() };
            content.extend_from_slice(&bytes);
            fs::write(bench.folder.path().join(format!("{first:020}.segment")), content).unwrap();
        }
        fs::write(bench.folder.path().join("mark"), mark).unwrap();
        let spool = bench.open();
        prop_assert_eq!(rest(&spool), Vec::<String>::new());
        append(&spool, ["one"]);
        prop_assert_eq!(rest(&spool), ["one"]);
        drop(spool);
        prop_assert_eq!(rest(&bench.open()), ["one"]);
    }

    /// Whatever byte changes, wherever it is cut: a part of what was written is read, in order, and the losses are counted.
    #[test]
    fn damage_costs_no_more_than_it_must(change in 0usize..3000, bit in 0u32..8, cut in 0usize..3000) {
        let bench = Bench::new();
        let spool = bench.open();
        let written: Vec<_> = (0..20).map(|number| format!("{number:0100}")).collect();
        append(&spool, &written);
        drop(spool);
        let segment = &bench.segments()[0];
        let mut bytes = fs::read(segment).unwrap();
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        let length = bytes.len();
        if let Some(byte) = bytes.get_mut(change) {
            *byte ^= 1 << bit;
        }
        fs::write(segment, bytes).unwrap();
        let rest = rest(&bench.open());
        prop_assert_eq!(&rest[..], &written[..rest.len()]);
        let whole = (length.min(change).max(8) - 8) / 124;
        prop_assert_eq!(rest.len(), if change < 8 { 0 } else { whole });
    }

    /// A model: whatever the order of appending, settling, restarts and rewinds, what is read from the mark on is what the model has.
    #[test]
    fn it_does_what_a_list_would(steps in prop::collection::vec((0u8..5, 1u64..40), 1..60)) {
        let bench = Bench::new();
        let mut spool = bench.open();
        let mut reader = Reader::new(spool.clone());
        let (mut list, mut mark, mut read): (Vec<String>, usize, usize) = (Vec::new(), 0, 0);
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
                    mark = (mark + number as usize).min(read).max(mark);
                    spool.settle(mark as u64 + 1);
                    spool.keep_up();
                }
                3 => {
                    reader.rewind();
                    read = mark;
                }
                _ => {
                    drop((spool, reader));
                    spool = bench.open();
                    reader = Reader::new(spool.clone());
                    read = mark;
                }
            }
        }
        reader.rewind();
        prop_assert_eq!(&lines(&mut reader)[..], &list[mark..]);
    }
}
