//! The first hour with the program: mistakes, missing captures and terminals must not mislead.

use std::fs;

use crate::run::{Run, run, sample, sample_text};

const QUIET: &str = "quiet/reverse-lookups.pcap";
const NOT_A_CAPTURE: &str = "damaged/not-a-capture.pcap";

/// The line of the summary that gives the result.
fn result(run: &Run) -> &str {
    let is_result = |line: &&str| line.contains("Not examined") || line.contains("nothing found");
    run.err.lines().rfind(is_result).unwrap_or_else(|| panic!("no result: {}", run.err))
}

#[test]
fn nothing_is_called_clean_that_was_not_examined() {
    let folder = tempfile::tempdir().unwrap();
    let no_frame = folder.path().join("no-frame.pcap");
    // The header alone.
    fs::write(&no_frame, &fs::read(sample(QUIET)).unwrap()[..24]).unwrap();
    let (quiet, no_frame) = (sample_text(QUIET), no_frame.to_str().unwrap());
    let cases: [(&[&str], i32, &str); 7] = [
        (&["gone.pcap"], 1, "Not examined: nothing could be read: gone.pcap: cannot open"),
        (&[&sample_text(NOT_A_CAPTURE)], 1, "not-a-capture.pcap: not a capture"),
        (&[&sample_text("damaged/empty.pcap")], 1, "Not examined: nothing could be read: "),
        (&[no_frame], 0, "Not examined: there are no packets"),
        (&["--from", "2030-01-01", &quiet], 0, "Not examined: the time window (--from, --to) left out all of the"),
        (&["-f", "tcp port 1", &quiet], 0, "Not examined: the filter left out all of the"),
        (
            &["gone.pcap", &quiet],
            1,
            "nothing found in the part that was examined; not examined: 1 problem with inputs (see the messages)",
        ),
    ];
    for (arguments, code, expected) in cases {
        let run = run(["replay"].iter().chain(arguments));
        assert_eq!(run.code, code, "{arguments:?}: {}", run.err);
        assert!(result(&run).contains(expected), "{arguments:?}: {}", run.err);
    }
    assert_eq!(result(&run(["replay", &quiet])), "nothing found");
}

#[test]
fn a_window_beside_the_captures_gives_their_time_span() {
    let run = run(["replay", "--to", "2020-01-01", &sample_text("story.pcap")]);
    let span = "left out all of the 851 packets; they were captured from 2026-06-09T09:01:02Z to 2026-06-09T10:13:03Z";
    assert!(result(&run).contains(span), "{}", run.err);
}

#[test]
fn the_summary_tells_first_alerts_from_follow_ups() {
    let run = run(["replay", "-o", "/dev/null", &sample_text("story.pcap")]);
    assert!(run.err.contains("27 alerts for 79 sightings, 10 first and 17 follow-up:"), "{}", run.err);
    let columns = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let rows: Vec<_> = run.err.lines().map(columns).collect();
    assert!(rows.contains(&columns("alerts first follow-up sightings")), "{}", run.err);
    let row = rows.iter().find(|row| row.first().is_some_and(|name| name == "c2-endpoint")).unwrap();
    let [alerts, first, follow_up]: [u64; 3] = std::array::from_fn(|index| row[index + 1].parse().unwrap());
    assert_eq!((alerts, first + follow_up), (9, 9));
    assert!(first <= 3 && follow_up > 0, "{row:?}");
}
