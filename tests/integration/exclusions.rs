//! Exclusions as a user meets them: the example rules on a capture of each of the five cases, and
//! the limits of every rule.

use std::fs;
use std::path::{Path, PathBuf};

use crate::golden::{Line, RUNS, RUNS_ONE_BY_ONE, differs, parse, sums, sums_of};
use crate::run::{Run, replay, run, sample, sample_text};
use crate::samples;

/// The example rules.
fn example() -> String {
    text(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/exclusions.toml"))
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().unwrap()
}

/// A replay with rules, and the lines that they suppressed.
fn replay_with(rules: &str, options: &[&str], path: &Path) -> (Run, String) {
    let folder = tempfile::tempdir().unwrap();
    let audit = text(folder.path().join("audit.cef"));
    let run = replay(&[&["--exclusions", rules, "--audit", &audit], options].concat(), &[path]);
    (run, fs::read_to_string(audit).unwrap())
}

/// A file with a single rule.
struct OneRule {
    folder: tempfile::TempDir,
}

impl OneRule {
    /// A rule for 10.20.30.0/24 with these `fields`; `more` follows the usual keys.
    fn new(more: &str, fields: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rule = format!(
            "[[rule]]\nname = 'one'\nscenario = 'other'\nowner = 'o'\nreason = 'r'\n{more}\n[rule.match]\n\
             source = '10.20.30.0/24'\n{fields}\n"
        );
        fs::write(folder.path().join("rule.toml"), rule).unwrap();
        Self { folder }
    }

    fn path(&self) -> String {
        text(self.folder.path().join("rule.toml"))
    }
}

/// The date this many days from today.
fn in_days(days: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days)).to_string()
}

const LASTS: &str = "expires = 2027-06-30\n";

/// When it was seen, in milliseconds; its severity; the name of the rule; and what the rule did.
fn told(lines: &str, client: &str, server: &str) -> Vec<(i64, String, String, String)> {
    let lines = lines.lines().map(parse).filter(|line| line["src"] == client && line["dst"] == server);
    let said = |line: &Line| {
        let message = &line["msg"];
        let parts = message.split("; ").filter(|part| part.contains("exclusion"));
        parts.collect::<Vec<_>>().join("; ")
    };
    let value = |line: &Line, key: &str| line.get(key).cloned().unwrap_or_default();
    lines
        .map(|line| (line["rt"].parse().unwrap(), value(&line, "6"), value(&line, "flexString1"), said(&line)))
        .collect()
}

#[test]
fn the_five_cases_have_their_golden_lines() {
    let mut wrong = String::new();
    for sample in samples::exclusions() {
        let (run, audit) = replay_with(&example(), &[], &samples::folder().join(sample.path));
        assert_eq!((run.code, run.err.as_str()), (0, ""));
        wrong += &differs(&samples::with_rules(&sample), &run.out);
        wrong += &differs(&samples::audit(&sample), &audit);
    }
    assert!(wrong.is_empty(), "not the golden lines (- golden, + now):\n{wrong}");
}

/// 2026-06-09T09:00:00Z in minutes.
const START: i64 = 29_683_260;
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;
/// The start of the samples' times, and the latest start of a sample after it: see
/// `pcaps/README.md`.
const TUESDAY_NOON: i64 = START + HOUR;
const SATURDAY_MIDNIGHT: i64 = START + 4 * DAY + 13 * HOUR;
const LATER: i64 = 56 * 7 * DAY;

#[derive(Debug, PartialEq, Clone, Copy)]
enum Is {
    Applied,
    OutsideSchedule,
    Expired,
    OtherContact,
    NotMatched,
}

#[test]
fn each_case_applies_in_its_time_and_never_to_hosts_that_contact_listed_indicators() {
    use Is::{Applied, Expired, NotMatched, OtherContact, OutsideSchedule};
    let (noon, night) = (TUESDAY_NOON, SATURDAY_MIDNIGHT);
    // The sample and the rule; the effect of the rule; sessions: client, server, minute, and what
    // happens to it.
    type Session = (&'static str, &'static str, i64, Is);
    let cases: [(&str, &str, &str, &[Session]); 5] = [
        (
            "remote-support",
            "helpdesk",
            "downgrade",
            &[
                ("10.20.31.7", "203.0.113.80", noon, Applied),
                ("10.20.31.7", "203.0.113.80", noon + 9 * HOUR, OutsideSchedule),
                ("10.20.31.7", "203.0.113.80", noon + LATER, Expired),
                ("10.20.31.8", "203.0.113.80", noon + 10, Applied),
                ("10.20.31.8", "203.0.113.80", noon + 25, OtherContact),
                ("10.20.31.8", "203.0.113.80", noon + DAY, OtherContact),
                ("10.20.31.8", "203.0.113.80", noon + DAY + HOUR, Applied),
            ],
        ),
        (
            "maintenance",
            "weekend-jobs",
            "suppress",
            &[
                ("10.20.40.10", "10.20.30.61", night - 30, Applied),
                ("10.20.40.10", "10.20.30.61", night + 2 * HOUR, Applied),
                ("10.20.40.10", "10.20.30.61", night + 5 * HOUR, OutsideSchedule),
                ("10.20.40.10", "10.20.30.61", night + LATER - 30, Expired),
                ("10.20.40.10", "10.20.30.62", night - 15, OtherContact),
            ],
        ),
        (
            "software-deployment",
            "deployment",
            "annotate",
            &[
                ("10.20.40.20", "10.20.30.61", noon + 5, Applied),
                ("10.20.40.20", "10.20.30.61", noon + 3 * HOUR, OutsideSchedule),
                ("10.20.40.20", "10.20.30.61", noon + DAY + 5, OutsideSchedule),
                ("10.20.40.20", "10.20.30.61", noon + LATER + 5, Expired),
                ("10.20.40.20", "10.20.30.62", noon + 15, OtherContact),
            ],
        ),
        (
            "training",
            "classroom",
            "suppress",
            &[
                ("10.20.32.11", "10.20.33.5", noon, Applied),
                ("10.20.32.11", "10.20.33.5", noon + 6 * HOUR, OutsideSchedule),
                ("10.20.32.11", "10.20.33.5", noon + LATER, Expired),
                ("10.20.32.12", "10.20.33.5", noon + 15, OtherContact),
                ("10.20.32.13", "10.20.33.5", noon + 20, NotMatched),
            ],
        ),
        (
            "inventory",
            "inventory",
            "downgrade",
            &[
                ("10.20.40.30", "10.20.30.61", night + 90, Applied),
                ("10.20.40.30", "10.20.30.61", night + 330, OutsideSchedule),
                ("10.20.40.30", "10.20.30.61", night + LATER + 90, Expired),
                ("10.20.40.30", "10.20.30.62", night + 105, OtherContact),
            ],
        ),
    ];
    for (case, rule, effect, sessions) in cases {
        let (run, audit) = replay_with(&example(), &[], &sample(&format!("exclusions/{case}.pcap")));
        let mut lines = 0;
        for &(client, server, minute, is) in sessions {
            let in_session = |lines: &str| {
                let mut told = told(lines, client, server);
                told.retain(|(time, ..)| time / 60_000 == minute);
                told.into_iter().map(|(_, severity, name, said)| (severity, name, said)).collect::<Vec<_>>()
            };
            let line = |severity: &str, name: &str, said: &str| (severity.to_owned(), name.to_owned(), said.to_owned());
            let not = |why: &str| line("6", "", &format!("exclusion {rule} does not apply: {why}"));
            let (expected, audited) = match (is, effect) {
                (NotMatched, _) => (Some(line("6", "", "")), None),
                (OutsideSchedule, _) => (Some(not("outside its schedule")), None),
                (Expired, _) => (Some(not("it expired on 2027-06-30T22:00:00Z")), None),
                (OtherContact, _) => {
                    let host = if client.starts_with("10.20.40.") { server } else { client };
                    (Some(not(&format!("{host} also had contact with 91.202.233.25:4888"))), None)
                }
                (Applied, "suppress") => (None, Some(line("6", rule, &format!("suppressed by exclusion {rule}")))),
                (Applied, "downgrade") => {
                    (Some(line("1", rule, &format!("severity lowered by exclusion {rule}"))), None)
                }
                (Applied, _) => (Some(line("6", rule, "")), None),
            };
            let place = format!("{case}: {client} {server} {minute} {is:?}");
            for (told, expected) in [(in_session(&run.out), expected), (in_session(&audit), audited)] {
                // A session has a first line and an update.
                let count = if expected.is_some() { 2 } else { 0 };
                assert_eq!(told, expected.into_iter().cycle().take(count).collect::<Vec<_>>(), "{place}");
                lines += count;
            }
        }
        // The only other sighting is the contact.
        assert_eq!(run.out.lines().count() + audit.lines().count(), lines + 2, "{case}");
    }
}

/// Rules that match in every sample: they cover everything that clients do, and their schedule ends
/// in the middle of many samples.
fn rules_for_all() -> OneRule {
    let rule = OneRule::new(
        &format!("effect = 'suppress'\nlisted_indicators = true\nexpires = {}\n", in_days(3)),
        "destination = ['10.20.0.0/16', '203.0.113.0/24', '91.202.233.25', '209.99.186.75', '94.23.185.83', '5.252.177.201']\n\
         schedule = { from = '09:00', to = '09:20', timezone = 'UTC' }",
    );
    let second = "[[rule]]\nname = 'two'\nscenario = 'other'\nowner = 'o'\nreason = 'r'\nexpires = 2027-06-30\n\
                  effect = 'annotate'\n[rule.match]\nsource = '10.20.0.0/16'\ndestination = '10.20.0.0/16'\n";
    let path = rule.path();
    fs::write(&path, fs::read_to_string(&path).unwrap() + second).unwrap();
    rule
}

#[test]
fn no_sighting_and_no_byte_is_lost_between_alerts_and_audit() {
    let rules = rules_for_all();
    let key = |line: &Line| (line["4"].clone(), line["src"].clone(), line.get("cs1").cloned());
    let mut suppressed = 0;
    for (window, runs) in [("10m", &RUNS), ("0", &RUNS_ONE_BY_ONE)] {
        for (sample, without) in runs.iter() {
            let path = samples::folder().join(sample.path);
            let (with, audit) = replay_with(&rules.path(), &["--repeat-window", window], &path);
            assert_eq!(sums_of(&(with.out.clone() + &audit), key), sums(without, key), "{} {window}", sample.path);
            let is_suppressed = |line: &str| line.contains("; suppressed by exclusion one");
            assert!(audit.lines().all(is_suppressed) && !with.out.lines().any(is_suppressed), "{}", sample.path);
            let mut ids: Vec<_> =
                with.out.lines().chain(audit.lines()).map(|line| parse(line)["externalId"].clone()).collect();
            let lines = ids.len();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), lines, "{}: an identifier comes twice", sample.path);
            suppressed += audit.lines().count();
        }
    }
    assert!(suppressed > 100, "{suppressed}");
}

#[test]
fn any_number_of_workers_gives_the_same_alerts_and_the_same_audit() {
    let rules = rules_for_all();
    let samples = samples::samples();
    let interesting = ["story", "exclusions/", "endpoint/repeats", "netsupport/beacon", "resolved/"];
    for sample in samples.iter().filter(|sample| interesting.iter().any(|start| sample.path.starts_with(start))) {
        let rules = if sample.path.starts_with("exclusions/") { example() } else { rules.path() };
        let path = samples::folder().join(sample.path);
        let expected = replay_with(&rules, &["--workers", "1"], &path);
        for workers in ["2", "3", "8", "16"] {
            assert_eq!(replay_with(&rules, &["--workers", workers], &path), expected, "{} {workers}", sample.path);
        }
    }
}

#[test]
fn a_conversation_that_outlives_the_schedule_alerts_after_its_end() {
    // A conversation with an endpoint of confidence 75 lasts some seconds from 09:00 on; the
    // schedule ends during it.
    let contact = sample("endpoint/confidence-75.pcap");
    let fields = |to: &str| {
        format!("destination = '94.23.185.83'\nschedule = {{ from = '08:00', to = '{to}', timezone = 'UTC' }}")
    };
    let rule = OneRule::new(&format!("effect = 'suppress'\n{LASTS}"), &fields("09:01"));
    let (all, audit) = replay_with(&rule.path(), &[], &contact);
    assert_eq!(all.out, "");
    assert_eq!(audit.lines().count(), 2);
    // Only the requests of the hour-long beacon after the end of the schedule cause alerts.
    let rule = OneRule::new(
        &format!("effect = 'suppress'\n{LASTS}"),
        "destination = '203.0.113.66'\nschedule = { from = '09:00', to = '09:30', timezone = 'UTC' }",
    );
    let (run, audit) = replay_with(&rule.path(), &[], &sample("netsupport/beacon.pcap"));
    let requests = |lines: &str| sums_of(lines, |_| ()).values().map(|[count, ..]| *count).sum::<u64>();
    assert_eq!(requests(&run.out) + requests(&audit), 63);
    assert!(requests(&audit) > 25 && requests(&run.out) > 25, "{} {}", requests(&audit), requests(&run.out));
    let end = 1_780_995_600_000 + 30 * 60_000;
    let times = |lines: &str| lines.lines().map(|line| parse(line)["rt"].parse::<i64>().unwrap()).collect::<Vec<_>>();
    assert!(times(&run.out).iter().all(|time| *time >= end) && times(&audit).iter().all(|time| *time < end));
    assert!(run.out.lines().all(|line| line.ends_with("; exclusion one does not apply: outside its schedule")));
}

#[test]
fn a_listed_indicator_is_suppressed_only_with_low_confidence_or_for_a_week() {
    let apply = |more: &str, path: &str| {
        let rule =
            OneRule::new(&format!("effect = 'suppress'\n{more}"), "destination = ['91.202.233.25', '94.23.185.83']");
        let (run, audit) = replay_with(&rule.path(), &[], &sample(path));
        (run.out, audit)
    };
    let sure = "endpoint/tcp-syn-only.pcap";
    let (out, audit) = apply(LASTS, "endpoint/confidence-75.pcap");
    assert_eq!((out.as_str(), audit.lines().count()), ("", 2));
    let listed = |days| format!("listed_indicators = true\nexpires = {}\n", in_days(days));
    for more in [LASTS.to_owned(), format!("listed_indicators = false\nexpires = {}\n", in_days(3)), listed(8)] {
        let (out, audit) = apply(&more, sure);
        assert_eq!(audit, "");
        let line = parse(out.lines().next().unwrap());
        assert_eq!((line["6"].as_str(), line["flexString1"].as_str()), ("9", "one"), "{more}");
        let said = "; exclusion one only annotates it: the indicator is listed with a confidence of 99";
        assert!(line["msg"].ends_with(said), "{}", line["msg"]);
    }
    let (out, audit) = apply(&listed(6), sure);
    assert_eq!((out.as_str(), audit.lines().count() > 0), ("", true));
}

#[test]
fn a_dry_run_changes_nothing_but_the_message() {
    let without_message = |line: &str| line.split_once(" msg=").unwrap().0.to_owned();
    for sample in samples::exclusions() {
        let path = samples::folder().join(sample.path);
        let plain = replay(&["--repeat-window", "0"], &[&path]);
        let options = ["--repeat-window", "0", "--exclusions", &example(), "--explain-exclusions"];
        let dry = replay(&options, &[&path]);
        let heads = |run: &Run| run.out.lines().map(without_message).collect::<Vec<_>>();
        assert_eq!(heads(&dry), heads(&plain), "{}", sample.path);
        assert!(dry.out.lines().all(|line| line.contains("exclusion")), "{}", dry.out);
    }
    let explained = |path: &str| {
        let rules = example();
        run(["replay", "--exclusions", &rules, "--explain-exclusions", &sample_text(path)])
    };
    let run = explained("exclusions/training.pcap");
    for said in [
        "; exclusion classroom would suppress it",
        "; exclusion classroom does not apply: outside its schedule",
        "; exclusion classroom does not apply: 10.20.32.12 also had contact with 91.202.233.25:4888",
        "; no exclusion matches: classroom differs in vlan",
    ] {
        assert!(run.out.contains(said), "{said}: {}", run.out);
    }
    assert!(run.err.contains("exclusions would have (dry run):"), "{}", run.err);
}

#[test]
fn the_summary_counts_by_rule_and_names_the_unused() {
    let run = run(["replay", "--exclusions", &example(), &sample_text("exclusions/training.pcap")]);
    let summary = run.err.split_whitespace().collect::<Vec<_>>().join(" ");
    let row = "classroom 2 0 0 6: 2 with hosts that contacted a listed indicator, 2 outside its schedule, 2 expired";
    assert!(summary.contains(row), "{}", run.err);
    assert!(summary.contains("matched nothing: helpdesk, weekend-jobs, deployment, inventory"), "{}", run.err);
    assert!(summary.contains("netsupport-gateway 8 4 4 10"), "{}", run.err);
}

#[test]
fn suppressed_alerts_are_no_alerts_to_the_exit_code() {
    let rule = OneRule::new(&format!("effect = 'suppress'\n{LASTS}"), "destination = '94.23.185.83'");
    let path = [sample("endpoint/confidence-75.pcap")];
    assert_eq!(replay(&["--exit-code", "--exclusions", &rule.path()], &path).code, 0);
    assert_eq!(replay(&["--exit-code"], &path).code, 10);
}

#[test]
fn rules_that_expire_are_warned_about() {
    let capture = sample_text("quiet/reverse-lookups.pcap");
    for (days, said) in [(6, "expires on"), (-1, "expired on")] {
        let rule = OneRule::new(&format!("expires = {}", in_days(days)), "destination = '10.0.0.1'");
        for arguments in
            [vec!["replay", "--exclusions", &rule.path(), &capture], vec!["exclusions", "check", &rule.path()]]
        {
            let run = run(&arguments);
            assert_eq!(run.code, 0);
            assert!(run.err.contains("warn: ") && run.err.contains(said), "{arguments:?}: {}", run.err);
        }
    }
}

#[test]
fn a_check_shows_the_rules_or_all_that_is_wrong() {
    let good = run(["exclusions", "check", &example()]);
    assert_eq!((good.code, good.out.matches("\n  owner ").count()), (0, 5), "{}", good.err);
    assert!(
        good.out.contains("schedule     sat from 22:00 to 04:00 of the next day, Europe/Amsterdam"),
        "{}",
        good.out
    );
    let wide = OneRule::new(LASTS, "");
    let wrong = run(["exclusions", "check", &wide.path(), "gone.toml"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""));
    assert!(wrong.err.contains("rule.toml:8: match names neither destination nor server_name"), "{}", wrong.err);
    assert!(wrong.err.contains("gone.toml: cannot read"), "{}", wrong.err);
    // A run does not start with wrong rules.
    let refused = replay(&["--exclusions", &wide.path()], &[sample("story.pcap")]);
    assert_eq!((refused.code, refused.out.as_str()), (2, ""));
    assert!(refused.err.contains("rule.toml:8: "), "{}", refused.err);
}

#[test]
fn an_audit_never_overwrites_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let capture = text(folder.path().join("copy.pcap"));
    fs::copy(sample("story.pcap"), &capture).unwrap();
    let out = text(folder.path().join("out.cef"));
    let rules = example();
    let other = text(folder.path().join("other.cef"));
    fs::write(&out, "").unwrap();
    std::os::unix::fs::symlink(&out, &other).unwrap();
    let cases: [(&[&str], &str); 7] = [
        (&["--audit", &capture, "--exclusions", &rules], "one of the captures"),
        (&["--audit", &out, "-o", &out, "--exclusions", &rules], "a file of its own"),
        (&["--audit", &other, "-o", &out, "--exclusions", &rules], "a file of its own"),
        (&["--audit", "-", "--exclusions", &rules], "alerts are written there; name a file"),
        (&["--audit", &out], "--exclusions"),
        (&["--explain-exclusions"], "--exclusions"),
        (&["--explain-exclusions", "--exclusions", &rules, "--audit", &out], "--audit"),
    ];
    for (options, why) in cases {
        let run = replay(options, &[Path::new(&capture)]);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{options:?}: {}", run.err);
        assert!(run.err.contains(why), "{options:?}: {}", run.err);
    }
    assert_eq!(fs::read(&capture).unwrap(), fs::read(sample("story.pcap")).unwrap());
    if Path::new("/dev/full").exists() {
        let run = replay(&["--audit", "/dev/full", "--exclusions", &rules], &[sample("exclusions/training.pcap")]);
        assert_eq!(run.code, 1, "an audit that is lost is a failure");
    }
}

#[test]
fn later_sightings_of_a_conversation_follow_the_rules_at_their_time() {
    use samples::generator::tape::{Tape, Tcp};
    // An endpoint of confidence 75; a segment every ten minutes.
    let mut tape = Tape::new();
    let mut tcp = Tcp::new("10.20.30.40:50001".parse().unwrap(), "94.23.185.83:9606".parse().unwrap());
    tcp.open(&mut tape);
    for minute in [10, 20, 30, 40] {
        tcp.ask(tape.at(minute * 60_000), &[0; 100]);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.pcap");
    fs::write(&path, tape.pcap()).unwrap();
    for window in ["10m", "0"] {
        let rule = OneRule::new(
            &format!("effect = 'suppress'\n{LASTS}"),
            "destination = '94.23.185.83'\nschedule = { from = '08:00', to = '09:25', timezone = 'UTC' }",
        );
        let (run, audit) = replay_with(&rule.path(), &["--repeat-window", window], &path);
        let sums = |lines: &str| sums_of(lines, |_| ()).into_values().next().unwrap();
        // A SYN with options, an ACK and two segments before the end of the schedule; two segments
        // after it.
        assert_eq!((sums(&audit), sums(&run.out)), ([1, 52 + 40 + 2 * 140, 52], [0, 2 * 140, 0]), "{window}");
        assert!(run.out.contains("; exclusion one does not apply: outside its schedule"), "{}", run.out);
    }
}

#[test]
fn other_rules_take_effect_between_blocks() {
    use std::sync::Arc;

    use rattap::alert::exclusion::Exclusions;
    use rattap::capture::{Block, FileSource, FillStatus, Inputs, Source};
    use rattap::indicator::{IndicatorSet, LearnedAddresses, builtin};
    use rattap::scan::{Findings, ScanRequest, scan};
    use rattap::track::{TrackSettings, Tracker};

    let rule = OneRule::new(&format!("effect = 'suppress'\n{LASTS}"), "destination = '203.0.113.66'");
    let rules = Arc::new(Exclusions::load(&[rule.path()], rattap::units::Timestamp::MIN).unwrap());
    let indicators = Arc::new(IndicatorSet::new(builtin()));
    let mut tracker = Tracker::new(TrackSettings::default());
    let mut told = Vec::new();
    // The same conversation three times: without rules, with one, and without it again.
    for exclusions in [Arc::default(), rules, Arc::default()] {
        tracker.set_exclusions(exclusions);
        let inputs = Inputs::expand(&[sample("netsupport/both-sides.pcap")], &mut |error| panic!("{error}"));
        let mut files = FileSource::new(inputs.list, None);
        let mut block = Block::new(Arc::default(), indicators.clone());
        while files.fill(&mut block, &mut |error| panic!("{error}")) != FillStatus::End {
            // With the same sequence numbers they would count as retransmissions.
            for frame in &block.frames {
                let sequence = frame.offset as usize + 14 + 20 + 4;
                block.bytes[sequence] ^= told.len() as u8;
            }
            let mut findings = Findings::default();
            scan(&block, &LearnedAddresses::default(), ScanRequest::default(), &mut findings);
            tracker.take(&block, &findings, &mut |_| ());
        }
        told.push(tracker.counts().exclusions.iter().map(|counts| counts.suppressed).sum::<u64>());
    }
    let mut lines = Vec::new();
    tracker.finish(&mut |alert| lines.push((alert.is_suppressed(), alert.count)));
    assert_eq!(told, [0, 3, 3]);
    // The first sighting of each caused an alert at once: two more of each run without exclusion,
    // and two with it.
    lines.sort();
    assert_eq!(lines, [(false, 5), (true, 2)]);
    let counts = tracker.counts();
    assert_eq!((counts.sightings.iter().sum::<u64>(), counts.suppressed_lines), (9, 2));
}
