//! The first hour with the program: mistakes, missing captures and terminals must not mislead.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::run::{Run, replay, run, sample, sample_text};

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

#[test]
fn links_in_a_folder_lead_to_captures() {
    let folder = tempfile::tempdir().unwrap();
    symlink(sample("endpoint/udp.pcap"), folder.path().join("link.pcap")).unwrap();
    symlink(sample("rotated"), folder.path().join("rotated")).unwrap();
    symlink(folder.path(), folder.path().join("loop")).unwrap();
    let linked = replay(&[], &[folder.path()]);
    let direct = replay(&[], &[sample("endpoint/udp.pcap"), sample("rotated")]);
    assert_eq!(linked.code, 0, "{}", linked.err);
    assert!(!direct.out.is_empty());
    assert_eq!(linked.out.replace("link.pcap", "udp.pcap"), direct.out);
    let loud = run(["replay", "-o", "/dev/null", folder.path().to_str().unwrap()]);
    assert!(loud.err.contains("loop: passed over: this symbolic link leads back to a folder"), "{}", loud.err);
}

#[test]
fn a_family_without_a_list_of_families_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("plain.txt");
    fs::write(&list, "203.0.113.7\n").unwrap();
    let list = list.to_str().unwrap();
    for (options, reason) in [
        (&["replay", "--family", "lumma"][..], "there is no list of indicators"),
        (&["replay", "--family", "lumma", "--indicators", list], "no list names malware families"),
    ] {
        let run = run(options.iter().copied().chain([sample_text(QUIET).as_str()]));
        assert_eq!(run.code, 0);
        let warning = format!("rattap: warning: --family lumma: has no effect: {reason}; add such a list");
        assert!(run.err.contains(&warning.replace("warning", "warn")), "{}", run.err);
    }
    let strict = run(["indicators", "check", "--strict", "--family", "lumma", list]);
    assert_eq!(strict.code, 1);
    assert!(strict.out.contains("--family lumma: has no effect: no list names malware families"), "{}", strict.out);
}

/// The output of a shell command on a terminal of 100 columns, and its exit code.
fn on_terminal(shell: &str) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let shell = format!("stty cols 100 rows 40; {shell}");
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &shell]).arg(&log).env_remove("NO_COLOR").env("TERM", "xterm");
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    Run { code: output.status.code().unwrap(), out: shown, err: String::new() }
}

/// The program's path, for a shell.
fn program() -> &'static str {
    env!("CARGO_BIN_EXE_rattap")
}

#[test]
fn a_terminal_as_standard_input_is_said_to_be_waited_for() {
    let shown = on_terminal(&format!("timeout --foreground 2 {} replay -", program()));
    assert!(shown.out.contains("-: standard input is a terminal; waiting for a capture"), "{}", shown.out);
}

const SESSION: &str = "  10  10.20.30.40 → 203.0.113.66:443  NetSupport session";

#[test]
fn a_terminal_shows_a_line_per_finding_and_a_pipe_gets_cef() {
    let story = sample_text("story.pcap");
    let shown = on_terminal(&format!("{} replay {story}", program()));
    assert_eq!(shown.code, 0, "{}", shown.out);
    let findings: Vec<_> = shown.out.lines().filter(|line| line.contains(" → ")).collect();
    // The first alerts and no updates.
    assert_eq!(findings.len(), 10, "{}", shown.out);
    assert!(findings.iter().any(|line| line.starts_with("\x1b[1;31m09:") && line.contains(SESSION)), "{}", shown.out);
    let plain = |line: &str| line.replace("\x1b[1;31m", "").replace("\x1b[33m", "").replace("\x1b[0m", "");
    let plain: Vec<_> = findings.iter().map(|line| plain(line)).collect();
    assert!(plain.is_sorted_by_key(|line| line[.."09:05:00".len()].to_owned()), "{plain:?}");
    assert!(plain.iter().all(|line| line.chars().count() <= 100), "{plain:?}");
    assert!(shown.out.contains("2026-06-09 (UTC)") && !shown.out.contains("CEF:0|"), "{}", shown.out);

    let narrow = on_terminal(&format!("stty cols 40; {} replay --color never {story}", program()));
    assert!(narrow.out.lines().any(|line| line.chars().count() == 40 && line.ends_with('…')), "{}", narrow.out);
    assert!(!narrow.out.contains('\x1b'), "{}", narrow.out);
    assert!(on_terminal(&format!("{} replay -q --format cef {story}", program())).out.starts_with("CEF:0|"));
    assert!(run(["replay", "-q", &story]).out.lines().all(|line| line.starts_with("CEF:0|")));
}

#[test]
fn the_format_is_chosen_for_files_and_standard_output() {
    let story = sample_text("story.pcap");
    let text = run(["replay", "-q", "--format", "text", &story]).out;
    assert!(text.contains(SESSION) && !text.contains('\x1b'), "{text}");
    let colored = run(["replay", "-q", "--format", "text", "--color", "always", &story]).out;
    assert!(colored.contains("\x1b[1;31m"), "{colored}");
    let json = run(["replay", "-q", "--json", "-", &story]).out;
    assert_eq!(run(["replay", "-q", "--format", "json", &story]).out, json);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts");
    let into_file = run(["replay", "-q", "--format", "json", "-o", file.to_str().unwrap(), &story]);
    assert_eq!((into_file.code, fs::read_to_string(&file).unwrap()), (0, json));
}

#[test]
fn habits_of_other_tools_work() {
    let story = sample_text("story.pcap");
    let expected = replay(&[], &[sample("story.pcap")]);
    assert_eq!(replay(&["-r", &story], &[] as &[&str]), expected);
    let rotated = replay(&["-r", &sample_text("rotated/part-1.pcap")], &[sample("rotated/part-2.pcap")]);
    assert_eq!(rotated, replay(&[], &[sample("rotated")]));
    let bare = run([&story]);
    assert_eq!(bare.code, 2);
    assert!(bare.err.contains(&format!("is not a command; to read a capture: rattap replay {story}")), "{}", bare.err);
    // Both names are taken apart: with one name, the interface `gone0,gone1` would be missing.
    let live = run(["live", "-i", "gone0,gone1", "--config", "/dev/null"]);
    assert!(live.err.contains("gone0: no such interface") && !live.err.contains("gone0,gone1"), "{}", live.err);
}

#[test]
fn mistakes_in_numbers_say_what_is_expected_and_no_error_numbers_are_shown() {
    let story = sample_text("story.pcap");
    let workers = run(["replay", "-w", "0", &story]);
    assert!(workers.err.contains("expected a number of threads, 1 or more"), "{}", workers.err);
    let port = run(["live", "-i", "lo", "--metrics", "70000"]);
    assert!(port.err.contains("expected a port up to 65535"), "{}", port.err);
    for arguments in [&["replay", "gone.pcap"][..], &["exclusions", "check", "gone.toml"], &["config", "check", "gone"]]
    {
        let run = run(arguments);
        assert!(run.err.contains("No such file or directory") && !run.err.contains("os error"), "{}", run.err);
    }
}

#[test]
fn the_example_in_the_help_of_exclusions_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.toml");
    // In a pipe, and on a terminal of 80 columns.
    let help = run(["exclusions", "check", "--help"]).out;
    let narrow = on_terminal(&format!("stty cols 80; {} exclusions check --help", program())).out;
    for help in [help, narrow] {
        let example = help.split("rules in TOML:").nth(1).unwrap().split("Exit code:").next().unwrap();
        fs::write(&file, example).unwrap();
        let checked = run(["exclusions", "check", file.to_str().unwrap()]);
        assert_eq!(checked.code, 0, "{}\n{example}", checked.err);
    }
}

#[test]
fn options_that_need_or_exclude_each_other_say_what_to_do() {
    let story = sample_text("story.pcap");
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/exclusions.toml");
    let two = "standard output takes one output: give the other one a file";
    let cases: [(&[&str], &str); 11] = [
        (&["-o", "-", "-o", "-"], two),
        (&["-o", "-", "--json", "-"], "--json -: -o writes to standard output already; give one of them a file"),
        (&["-o", "tcp://127.0.0.1:9", "-o", "tcp://127.0.0.1:9"], "so each alert would be sent twice; give it once"),
        (&["-o", "-", "--exclusions", rules, "--audit", "-"], "--audit -: alerts are written there; name a file"),
        (&["--names", "-"], "--names -: alerts are written there; write them to a file with -o FILE"),
        (&["--names", "tcp://127.0.0.1:9"], "--names tcp://127.0.0.1:9: is no file; name a file, or -"),
        (&["--audit", "a.cef"], "--audit: needs --exclusions, without which no alert is suppressed; add --exclusions"),
        (&["--explain-exclusions"], "--explain-exclusions: needs --exclusions; add --exclusions FILE"),
        (
            &["--explain-exclusions", "--exclusions", rules, "--audit", "a.cef"],
            "--explain-exclusions: suppresses no alert, so that nothing goes to the audit file of --audit; omit one",
        ),
        (&["-w", "33"], "--workers 33: more than 32 workers are of no use; give 32 or fewer"),
        (&["--home", "10.0.0.0/33"], "expected a network, such as 10.0.0.0/8 or fd00::/8"),
    ];
    for (options, expected) in cases {
        let run = run(["replay"].iter().chain(options).chain([&&*story]));
        assert_eq!(run.code, 2, "{options:?}: {}", run.err);
        assert!(run.err.contains(expected), "{options:?}: {}", run.err);
        assert_eq!(run.out, "", "{options:?}");
    }
}

#[test]
fn all_errors_of_a_file_are_told_at_once_each_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.toml");
    let lines = |command: &str| {
        let run = run([command, "check", file.to_str().unwrap()]);
        assert_ne!(run.code, 0);
        let of_line = |line: &str| line.split("file.toml:").nth(1)?.split(':').next()?.parse::<u32>().ok();
        (run.err.lines().filter_map(of_line).collect::<Vec<_>>(), run.err)
    };
    // Syntax errors, an unknown key and a wrong value.
    fs::write(
        &file,
        "[sensor\nhost = 'a'\n[capture]\nfliter = 'x'\ninterfaces = ['eth1'\nsnap_length = 12\n[spool]\nlimit = 1 2\n",
    )
    .unwrap();
    let (told, err) = lines("config");
    assert_eq!(told, [1, 4, 5, 6, 8], "{err}");
    assert!(err.contains("unknown key capture.fliter: did you mean filter?"), "{err}");
    let rule = "[[rule]]\nname = 'x'\nscenario = 'other\nownr = 'me'\nreason = 5\n[rule.match]\nport = 0\nsorce = '10.0.0.0/8'\n";
    fs::write(&file, rule).unwrap();
    let (told, err) = lines("exclusions");
    assert_eq!(told, [3, 4, 5, 7, 8], "{err}");
    assert!(err.contains("unknown key ownr: did you mean owner?"), "{err}");
    // Missing keys are told where no statement is broken, which may be one of them.
    fs::write(&file, rule.replace("'other\n", "'other'\n")).unwrap();
    let (told, err) = lines("exclusions");
    assert_eq!(told, [1, 4, 5, 6, 6, 7, 8], "{err}");
    assert!(err.contains(":1: missing key expires;"), "{err}");
}

#[test]
fn a_report_can_go_to_standard_output() {
    let story = sample_text("story.pcap");
    let page = run(["replay", "-q", "-o", "/dev/null", "--report", "-", &story]);
    assert!(page.code == 0 && page.out.starts_with("<!DOCTYPE html>") && page.out.ends_with("</html>"), "{}", page.err);
    let data = run(["replay", "-q", "-o", "/dev/null", "--report", "json:-", &story]);
    let data: serde_json::Value = serde_json::from_str(&data.out).unwrap();
    assert!(data["verdict"]["title"].is_string());
    let with_alerts = run(["replay", "--report", "-", &story]);
    assert_eq!((with_alerts.code, with_alerts.out.as_str()), (2, ""));
    assert!(with_alerts.err.contains("--report -: alerts are written there; write them to a file with -o FILE"));
    let two = run(["replay", "-o", "/dev/null", "--report", "-", "--report", "json:-", &story]);
    assert!(two.err.contains("--report json:-: --report writes to standard output already"), "{}", two.err);
}

#[test]
fn manual_pages_are_shown_by_man_on_a_terminal_and_printed_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let man = folder.path().join("man");
    fs::write(&man, "#!/bin/sh\necho \"shown with $*\"; head -c 1\n").unwrap();
    fs::set_permissions(&man, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let shown = on_terminal(&format!("PATH={}:$PATH {} man replay", folder.path().display(), program()));
    assert!(shown.code == 0 && shown.out.starts_with("shown with --local-file -\n"), "{}", shown.out);
    assert!(!shown.out.contains(".SH NAME"), "{}", shown.out);
    let roff = run(["man", "replay"]).out;
    assert!(roff.contains(".SH NAME") && !roff.contains("libpcap: "), "{roff}");
    let without_man = on_terminal(&format!("PATH=/nowhere {} man replay", program()));
    assert!(without_man.code == 0 && without_man.out.contains(".SH NAME"), "{}", without_man.out);
}

#[test]
fn the_long_version_names_build_and_libpcap() {
    let short = run(["-V"]).out;
    assert_eq!(short, concat!("rattap ", env!("CARGO_PKG_VERSION"), "\n"));
    let long = run(["--version"]).out;
    let lines: Vec<_> = long.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, short.trim_end()), "{long}");
    assert!(lines[1].starts_with("build: ") && lines[1].contains(std::env::consts::ARCH), "{long}");
    let version = lines[2].strip_prefix("libpcap: ").unwrap();
    assert!(version.split('.').count() >= 3 && version.split('.').all(|part| part.parse::<u32>().is_ok()), "{long}");
}

#[test]
fn the_short_help_is_short_and_the_long_one_has_groups_and_whole_examples() {
    for (command, groups) in [("replay", "Packets: Output: Indicators: Exclusions: Findings:"), ("live", "Service:")] {
        let (short, long) = (run([command, "-h"]).out, run([command, "--help"]).out);
        assert!(short.lines().count() < 60, "{short}");
        assert!(short.contains("--output") && !short.contains("--repeat-window"), "{short}");
        assert!(short.ends_with("More options, exit codes and examples: --help\n"), "{short}");
        assert!(long.contains("--repeat-window") && long.contains("\nExit code: "), "{long}");
        for group in groups.split(' ') {
            assert!(long.lines().any(|line| line == group), "{group} {long}");
        }
        let examples = |text: &str| {
            let (_, examples) = text.split_once("Examples:\n").unwrap();
            examples.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>()
        };
        let narrow = on_terminal(&format!("stty cols 80; {} {command} --help", program())).out;
        assert_eq!(examples(&narrow), examples(&long));
        assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
    }
}
