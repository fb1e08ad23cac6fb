//! The command line as a user meets it: exit codes, messages, outputs, inputs.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::golden::{parse, sums};
use crate::run::{Run, command, replay, run, run_with_input, sample, sample_text, with_origin};

const CONTACT: &str = "endpoint/udp.pcap";
const QUIET: &str = "quiet/reverse-lookups.pcap";
const NOT_A_CAPTURE: &str = "damaged/not-a-capture.pcap";

fn in_folder(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path.into_os_string().into_string().unwrap()
}

/// The values of these keys, line by line.
fn told(run: &Run, keys: &[&str]) -> Vec<String> {
    let value = |line: &str| keys.iter().map(|key| parse(line).remove(*key).unwrap_or_default()).collect::<Vec<_>>();
    run.out.lines().map(|line| value(line).join(" ")).collect()
}

#[test]
fn an_unreadable_input_exits_with_1_and_the_rest_is_read() {
    let run = run(["replay", "gone.pcap", &sample_text(NOT_A_CAPTURE), &sample_text(CONTACT)]);
    assert_eq!(run.code, 1);
    assert_eq!(told(&run, &["4"])[0], "c2-endpoint");
    assert!(run.err.contains("gone.pcap: cannot open"), "{}", run.err);
    assert!(run.err.contains("not-a-capture.pcap: not a capture"), "{}", run.err);
    assert!(run.err.contains("2 problems with inputs"), "{}", run.err);
}

#[test]
fn damage_is_reported_with_file_and_place() {
    let run = run(["replay", &sample_text("damaged/impossible-length.pcap")]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("impossible-length.pcap: byte 182: "), "{}", run.err);
    assert_eq!(told(&run, &["dst"]).first().map(String::as_str), Some("91.202.233.25"));
}

#[test]
fn wrong_usage_exits_with_2_and_its_reason_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let capture = in_folder(folder.path(), "copy.pcap", fs::read(sample(CONTACT)).unwrap());
    let before = fs::read(&capture).unwrap();
    let link = folder.path().join("link.cef");
    std::os::unix::fs::symlink(&capture, &link).unwrap();
    let earlier = in_folder(folder.path(), "earlier.cef", "of an earlier run\n");
    let no_list = in_folder(folder.path(), "no-list.txt", "<html>\n404 not found\n");
    let no_text = in_folder(folder.path(), "no-text.txt", [0xff, 0xfe, 0]);
    let cases: [(&[&str], &str); 19] = [
        (&["replay"], "<PATH>"),
        (&["replay", "--no-such-option", &capture], "--no-such-option"),
        (&["replay", &capture, "-o", &earlier, "--filter", "prot 53"], "prot 53"),
        (&["replay", &capture, "-o", "/no/such/folder/alerts.cef"], "/no/such/folder/alerts.cef"),
        (&["replay", &capture, "-o", "/"], "/: cannot create"),
        (&["replay", &capture, "-o", &capture], "one of the captures"),
        (&["replay", &capture, "-o", link.to_str().unwrap()], "one of the captures"),
        (&["replay", folder.path().to_str().unwrap(), "-o", &capture], "one of the captures"),
        (&["replay", &capture, "-o", &earlier, "--no-builtin"], "--indicators"),
        (
            &["replay", &capture, "-o", &earlier, "--indicators", "gone.txt"],
            "gone.txt: this list of indicators is absent",
        ),
        (
            &["replay", &capture, "-o", &earlier, "--indicators", &no_list],
            "none of its 2 lines can be used; line 1: <html>",
        ),
        (
            &["replay", &capture, "-o", &earlier, "--indicators", &no_text],
            "no-text.txt: this list of indicators is unreadable",
        ),
        (&["replay", &capture, "-o", &earlier, "--max-age", "soon"], "--max-age"),
        (&["replay", &capture, "-o", &earlier, "--workers", "0"], "--workers"),
        (&["replay", &capture, "-o", &earlier, "--workers", "33"], "--workers 33"),
        (&["replay", &capture, "-o", &earlier, "--repeat-window", "soon"], "--repeat-window"),
        (&["replay", &capture, "-o", &earlier, "--home", "10.0.0.0/33"], "--home"),
        (&["replay", &capture, "-q", "-v"], "--quiet"),
        (&["indicators", "list", "--indicators", "gone.txt"], "gone.txt"),
    ];
    for (arguments, why) in cases {
        let run = run(arguments);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{arguments:?}: {}", run.err);
        assert!(run.err.contains(why), "{arguments:?}: {}", run.err);
        assert!(!run.err.contains("panicked"), "{arguments:?}: {}", run.err);
    }
    assert_eq!(fs::read(&capture).unwrap(), before);
    assert_eq!(fs::read_to_string(&earlier).unwrap(), "of an earlier run\n");
    // Even if quiet: an exit code alone would leave the user to guess.
    assert!(run(["replay", "-q", &capture, "--filter", "prot 53"]).err.contains("prot 53"));
}

/// Common mistakes and their messages: what was wrong, where, and what to do.
#[test]
fn with_nothing_to_look_for_no_run_begins() {
    let folder = tempfile::tempdir().unwrap();
    let empty = in_folder(folder.path(), "empty.txt", "");
    let other = in_folder(folder.path(), "threatfox.csv", "# nothing yet\n");
    let settings = format!("[indicators]\nbuiltin = false\nfiles = [\"{empty}\"]\n");
    let settings = in_folder(folder.path(), "rattap.toml", settings);
    let alerts = in_folder(folder.path(), "alerts.cef", "of an earlier run\n");
    let story = sample_text("story.pcap");
    let options = ["--no-builtin", "--indicators", &empty, "--indicators", &other];
    for (arguments, origin) in [
        ([&["replay", "-o", &alerts, &story], &options[..]].concat(), "--no-builtin: "),
        ([&["live", "-i", "lo", "-o", &alerts], &options[..]].concat(), "--no-builtin: "),
        (vec!["live", "-i", "lo", "--config", &settings], "rattap.toml:2: indicators.builtin: "),
        (vec!["config", "check", &settings], "rattap.toml:2: indicators.builtin: "),
    ] {
        let run = run(&arguments);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{arguments:?}: {}", run.err);
        for part in [origin, "no indicators are left to look for", "nothing in the lists is used", "indicators check"] {
            assert!(run.err.contains(part), "{arguments:?}: {part:?} is not in {}", run.err);
        }
    }
    assert_eq!(fs::read_to_string(&alerts).unwrap(), "of an earlier run\n");
    // With the built-in indicators an empty list is a warning.
    assert_eq!(run(["replay", "-o", "/dev/null", "--indicators", &empty, &story]).code, 0);
}

#[test]
fn a_mistake_is_reported_with_its_place_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    let text = in_folder(folder.path(), "notes.txt", "What was seen on Monday\n");
    let (empty, captures, cef) = (at("empty"), at("captures"), at("alerts.cef"));
    fs::create_dir(&empty).unwrap();
    fs::create_dir(&captures).unwrap();
    let story = sample_text("story.pcap");
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/exclusions.toml");
    let inside = at("captures/alerts.cef");
    let cases: [(i32, &[&str], &[&str]); 22] = [
        (1, &[&at("gone.pcap")], &["gone.pcap: cannot open: No such file", "check the path"]),
        (1, &[&empty], &["empty: no file in this folder", "name the captures"]),
        (1, &[&text], &["notes.txt: not a capture: it looks like text", "--indicators"]),
        (
            1,
            &["/bin/true"],
            &["/bin/true: not a capture: it begins with the bytes 7f 45 4c 46", "neither pcap nor pcapng"],
        ),
        (2, &["--from", "2026-06-10", "--to", "2026-06-09", &story], &["--to: is not after --from", "swap them"]),
        (2, &["--from", "yesterday", &story], &["'yesterday' for '--from <TIME>'", "such as 2026-06-01"]),
        (2, &["--follow", &story], &["story.pcap: is not a folder", "without --follow"]),
        (2, &["--follow", &at("gone")], &["gone: No such file", "name an existing folder"]),
        (2, &["--follow", &captures, &story], &["--follow <DIR>' cannot be used with '[PATH]"]),
        (2, &["--follow", &captures, "--state", &at("gone/state")], &["gone/state: ", "No such file", "with --state"]),
        (
            2,
            &["--follow", &captures, "--state", &text],
            &["notes.txt: ", "no list of captures", "remove it", "with --state"],
        ),
        (2, &["--follow", &captures, "--state", &empty], &["empty: ", "not a regular file", "with --state"]),
        (2, &["--follow", &captures, "--state", "/dev/full"], &["/dev/full: ", "not a regular file", "with --state"]),
        (
            2,
            &["--follow", &captures, "--state", &cef, "-o", &cef],
            &["--state", "is named twice, first as -o", "of its own"],
        ),
        (
            2,
            &["--follow", &captures, "-o", &inside],
            &["-o ", "alerts.cef: lies in the followed folder", "put it elsewhere"],
        ),
        (
            2,
            &["--follow", &captures, "--names", &inside],
            &["--names ", "lies in the followed folder", "put it elsewhere"],
        ),
        (2, &["--state", &at("state"), &story], &["--state ", "can only be used with --follow"]),
        (
            2,
            &["-o", &cef, "--json", &cef, &story],
            &["--json ", "alerts.cef: is named twice, first as -o", "of its own"],
        ),
        (
            2,
            &["-o", "-", "--json", "-", &story],
            &["--json -: -o writes to standard output already", "give one of them a file"],
        ),
        (2, &["--json", &cef, "--exclusions", rules, "--audit", &cef, &story], &["--audit ", "of its own"]),
        (
            2,
            &["--names", &cef, "--exclusions", rules, "--audit", &cef, &story],
            &["--names ", "is named twice, first as --audit", "of its own"],
        ),
        (2, &["--json", &at("gone/alerts.json"), &story], &["gone/alerts.json: cannot create", "choose a path"]),
    ];
    for (code, arguments, parts) in cases {
        let run = run(["replay"].iter().chain(arguments));
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{arguments:?}: {}", run.err);
        for part in parts {
            assert!(run.err.contains(part), "{arguments:?}: {part:?} is not in {}", run.err);
        }
    }
    assert!(!fs::exists(&cef).unwrap());
    assert_eq!(fs::read_to_string(&text).unwrap(), "What was seen on Monday\n");
}

#[test]
fn only_packets_of_the_time_window_are_examined() {
    let story = sample_text("story.pcap");
    let whole = run(["replay", "-o", "/dev/null", &story]);
    let all = run(["replay", "-o", "/dev/null", "--from", "2026-06-09", "--to", "2026-06-10", &story]);
    assert_eq!(all.err.lines().skip(1).collect::<Vec<_>>(), whole.err.lines().skip(1).collect::<Vec<_>>());
    let half =
        run(["replay", "-o", "/dev/null", "--from", "2026-06-09 09:30", "--to", "2026-06-09T12:00:00+02:00", &story]);
    assert!(half.err.contains("from 2026-06-09T09:30:07Z to 2026-06-09T09:59:47Z"), "{}", half.err);
    assert!(half.err.contains("frames outside the time window"), "{}", half.err);
    let none = run(["replay", "--from", "2026-06-10", "--to", "2026-06-09", &story]);
    assert_eq!(none.code, 2, "{}", none.err);
}

#[test]
fn the_summary_table_is_colored_on_request_and_never_if_refused() {
    for (variables, is_coloured) in
        [(&[][..], false), (&[("CLICOLOR_FORCE", "1")], true), (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false)]
    {
        let mut command = command();
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").envs(variables.iter().copied());
        let run: Run = command.args(["replay", "--summary", &sample_text("story.pcap")]).output().unwrap().into();
        assert!(run.err.starts_with("client "), "{}", run.err);
        assert!(run.err.contains("netsupport-session"), "{}", run.err);
        assert_eq!(run.err.contains('\x1b'), is_coloured, "{}", run.err);
        assert!(run.out.lines().all(|line| line.starts_with("CEF:0|")));
    }
}

#[test]
fn alerts_exit_with_10_on_request_and_damage_takes_precedence() {
    for (options, path, code) in [
        (&["--exit-code"][..], CONTACT, 10),
        (&[], CONTACT, 0),
        (&["--exit-code"], QUIET, 0),
        (&["--exit-code"], "damaged/impossible-length.pcap", 1),
        (&["--exit-code"], NOT_A_CAPTURE, 1),
    ] {
        assert_eq!(replay(options, &[sample(path)]).code, code, "{options:?} {path}");
    }
}

#[test]
fn a_file_gets_what_standard_output_would_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = in_folder(folder.path(), "alerts.cef", "of an earlier run\n".repeat(1000));
    let expected = replay(&[], &[sample("story.pcap")]);
    let run = replay(&["-o", &file], &[sample("story.pcap")]);
    assert_eq!((run.code, run.out.as_str()), (0, ""));
    assert_eq!(fs::read_to_string(&file).unwrap(), expected.out);
    replay(&["-o", &file], &[sample(QUIET)]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}

#[test]
fn a_closed_pipe_is_no_error() {
    for arguments in [&["replay", &sample_text("story.pcap")][..], &["indicators", "list"], &["interfaces"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run: Run = std::process::Command::new(env!("CARGO_BIN_EXE_rattap"))
            .args(arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap()
            .into();
        assert_eq!(run.code, 0, "{arguments:?}: {}", run.err);
        assert!(!run.err.contains("error") && !run.err.contains("could not be written"), "{arguments:?}: {}", run.err);
    }
}

#[test]
fn a_full_disk_is_reported_and_exits_with_1() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let into_file = run(["replay", &sample_text(CONTACT), "-o", "/dev/full"]);
    let into_output: Run = std::process::Command::new(env!("CARGO_BIN_EXE_rattap"))
        .args(["replay", &sample_text(CONTACT)])
        .stdout(full())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap()
        .into();
    for (run, name) in [(into_file, "/dev/full"), (into_output, "standard output")] {
        assert_eq!(run.code, 1, "{}", run.err);
        assert!(run.err.contains(&format!("{name}: cannot write: No space left")), "{}", run.err);
        assert!(run.err.contains("alerts that could not be written"), "{}", run.err);
    }
}

#[test]
fn quiet_leaves_errors_and_nothing_else() {
    let run = replay(&["--indicators", "/dev/null"], &[sample(CONTACT)]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let folder = tempfile::tempdir().unwrap();
    let list = in_folder(folder.path(), "list.txt", "203.0.113.7\nnonsense\n");
    // `-q` overrides the environment.
    for variables in [&[][..], &[("RUST_LOG", "trace")]] {
        let mut command = command();
        command.envs(variables.iter().copied()).args(["replay", "-q", "--indicators", &list]);
        command.args([sample(NOT_A_CAPTURE), sample("gone.pcap"), sample(CONTACT)]);
        let run: Run = command.output().unwrap().into();
        assert_eq!((run.code, run.err.lines().count()), (1, 2), "{}", run.err);
        assert!(run.err.lines().all(|line| line.starts_with("rattap: error: ")), "{}", run.err);
        assert!(run.err.contains("gone.pcap: cannot open") && run.err.contains("not a capture"), "{}", run.err);
        assert!(!run.out.is_empty());
    }
}

#[test]
fn verbose_tells_what_happens_and_the_environment_tells_more() {
    let folder = tempfile::tempdir().unwrap();
    let list = in_folder(folder.path(), "list.txt", "203.0.113.7\n");
    let arguments = ["replay", &sample_text(QUIET), "--indicators", &list];
    let info = "info: ";
    assert!(!run(arguments).err.contains(info));
    let verbose = run(arguments.iter().copied().chain(["-v"]));
    assert!(verbose.err.contains("list.txt: indicators read from a plain list: 1"), "{}", verbose.err);
    let by_environment: Run = command().env("RUST_LOG", "info").args(arguments).output().unwrap().into();
    assert!(by_environment.err.contains(info), "{}", by_environment.err);
}

#[test]
fn the_summary_has_packets_span_and_findings() {
    let summary = run(["replay", &sample_text("story.pcap")]).err;
    for part in ["851 packets", "from 2026-06-09T09:01:02Z to 2026-06-09T10:13:03Z", "27 alerts for 79 sightings"] {
        assert!(summary.contains(part), "{summary}");
    }
    let summary = run(["replay", &sample_text(QUIET)]).err;
    assert!(summary.contains("nothing found"), "{summary}");
    assert!(!summary.contains("incomplete"), "{summary}");
}

#[test]
fn a_filter_applies_to_files() {
    let story = sample("story.pcap");
    let all = replay(&[], &[&story]);
    let dns = replay(&["--filter", "udp port 53"], &[&story]);
    let signatures = told(&dns, &["4"]);
    assert_eq!(signatures.len(), 6);
    assert!(signatures.iter().all(|signature| signature.starts_with("c2-domain-")), "{signatures:?}");
    assert!(dns.out.lines().all(|line| all.out.contains(line)));

    let without = replay(&["-f", "not host 5.252.177.201"], &[&story]);
    assert!(all.out.contains("5.252.177.201") && !without.out.contains("5.252.177.201"));
    let none = run(["replay", "-f", "tcp port 1", story.to_str().unwrap()]);
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert!(none.err.contains("851 frames left out by the filter"), "{}", none.err);
    // An expression matches tagged frames only if it says `vlan`, as in tcpdump.
    let tagged = sample("link/vlan.pcap");
    assert_eq!(replay(&["-f", "udp port 53"], &[&tagged]).out, "");
    assert_eq!(replay(&["-f", "vlan and udp port 53"], &[&tagged]).out.lines().count(), 1);
}

#[test]
fn files_in_a_row_give_the_alerts_of_their_folder() {
    let parts = [sample("rotated/part-1.pcap"), sample("rotated/part-2.pcap")];
    let folder = replay(&[], &[sample("rotated")]);
    assert!(folder.out.contains("c2-resolved-address"));
    assert_eq!(replay(&[], &parts), folder);
    // A file by itself gives fewer findings.
    assert!(!replay(&[], &parts[1..]).out.contains("c2-resolved-address"));
    // The first part comes through a pipe, the second from its file.
    let mixed = run_with_input(
        ["replay", "--sensor-host", "tap-01", "-q", "-", parts[1].to_str().unwrap()],
        fs::read(&parts[0]).unwrap(),
    );
    assert_eq!(with_origin(&mixed.out, "-", "part-1.pcap"), folder.out);
}

#[test]
fn folders_are_read_recursively_and_an_empty_one_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("b/deep")).unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::copy(sample("rotated/part-2.pcap"), folder.path().join("b/deep/part-2.pcap")).unwrap();
    fs::copy(sample("rotated/part-1.pcap"), folder.path().join("a.pcap")).unwrap();
    let deep = replay(&[], &[folder.path()]);
    let rotated = replay(&[], &[sample("rotated")]);
    assert_eq!(with_origin(&deep.out, "a.pcap", "part-1.pcap"), rotated.out);
    let empty = run(["replay", folder.path().join("empty").to_str().unwrap()]);
    assert_eq!(empty.code, 1);
    assert!(empty.err.contains("empty: no file in this folder"), "{}", empty.err);
}

#[test]
fn compression_changes_nothing_but_the_name() {
    let plain = replay(&[], &[sample("format/little-endian.pcap")]).out;
    for name in
        ["gzip.pcap.gz", "gzip-two-members.pcap.gz", "gzip-by-another-name.pcap", "zstd.pcap.zst", "zstd.pcapng.zst"]
    {
        let path = sample("format").join(name);
        assert_eq!(with_origin(&replay(&[], &[&path]).out, name, "little-endian.pcap"), plain, "{name}");
        let piped = run_with_input(["replay", "--sensor-host", "tap-01", "-q", "-"], fs::read(&path).unwrap());
        assert_eq!(with_origin(&piped.out, "-", "little-endian.pcap"), plain, "{name} through a pipe");
    }
}

#[test]
fn an_empty_standard_input_is_no_capture() {
    let run = run(["replay", "-"]);
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert!(run.err.contains("-: not a capture: it is empty"), "{}", run.err);
}

#[test]
fn alerts_of_a_growing_pipe_are_written_at_once() {
    use std::io::{BufRead, BufReader};
    let bytes = fs::read(sample("story.pcap")).unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_rattap"))
        .args(["replay", "-q", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The first half holds the DNS question. If lines were not written at once, this would wait
    // forever.
    stdin.write_all(&bytes[..bytes.len() / 2]).unwrap();
    stdin.flush().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(parse(first.trim_end())["4"], "c2-domain-query");
    drop(stdin);
    child.wait().unwrap();
}

#[test]
fn indicators_are_listed_as_a_table_and_as_json() {
    let table = run(["indicators", "list"]);
    assert_eq!((table.code, table.err.as_str(), table.out.lines().count()), (0, "", 10));
    assert!(table.out.lines().any(|line| line.contains("94.23.185.83:9606") && line.contains("75")), "{}", table.out);

    let folder = tempfile::tempdir().unwrap();
    let text =
        "# mine\n203[.]0[.]113[.]7:443\n198.51.100.0/24\nnot a domain\n*.evil[.]example\n2001:db8::/32\n1.2.3.4:0\n";
    let list = in_folder(folder.path(), "mine.txt", text);
    let both = run(["indicators", "list", "--json", "--indicators", &list]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&both.out).unwrap();
    assert_eq!(rows.len(), 9 + 4);
    assert!(both.err.contains("mine.txt: not used: line 4: not a domain"), "{}", both.err);
    assert!(both.err.contains("mine.txt: not used: line 7: 1.2.3.4:0"), "{}", both.err);

    let mine = run(["indicators", "list", "--json", "--no-builtin", "--indicators", &list]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&mine.out).unwrap();
    let values: Vec<_> =
        rows.iter().map(|row| (row["kind"].as_str().unwrap(), row["value"].as_str().unwrap())).collect();
    assert_eq!(
        values,
        [
            ("ip:port", "203.0.113.7:443"),
            ("cidr", "198.51.100.0/24"),
            ("domain", "evil.example"),
            ("cidr", "2001:db8::/32")
        ]
    );
    assert_eq!(rows[1]["reference"], "mine.txt line 3");
}

#[test]
fn interfaces_are_listed() {
    let run = run(["interfaces"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let mut lines = run.out.lines();
    assert!(lines.next().unwrap().starts_with("NAME "), "{}", run.out);
    for name in fs::read_dir("/sys/class/net").into_iter().flatten() {
        let name = name.unwrap().file_name().into_string().unwrap();
        if name == "lo" {
            assert!(lines.clone().any(|line| line.starts_with("lo ") && line.contains("loopback")), "{}", run.out);
        }
    }
}

#[test]
fn the_sensor_is_named_as_the_user_says() {
    let path = sample(CONTACT);
    let named = replay(&["--sensor-id", "dmz=1|a"], &[&path]);
    assert!(
        told(&named, &["dvchost", "deviceExternalId"]).iter().all(|told| told == "tap-01 dmz=1%7Ca"),
        "{}",
        named.out
    );
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let unnamed = run(["replay", "-q", path.to_str().unwrap()]);
    assert!(told(&unnamed, &["dvchost"]).iter().all(|told| told == host.trim()), "{}", unnamed.out);
}

#[test]
fn home_decides_the_direction() {
    let path = sample(CONTACT);
    for (options, direction) in [
        (&[][..], "1"),
        (&["--home", "10.20.30.0/24"], "1"),
        (&["--home", "192.168.0.0/16", "--home", "10.20.30.40/32"], "1"),
        (&["--home", "192.168.0.0/16"], "0"),
        (&["--home", "0.0.0.0/0"], "0"),
    ] {
        let run = replay(options, &[&path]);
        assert!(told(&run, &["deviceDirection"]).iter().all(|told| told == direction), "{options:?}: {}", run.out);
    }
}

#[test]
fn the_window_decides_the_number_of_lines_and_never_the_sums() {
    let story = sample("story.pcap");
    let key = |line: &std::collections::HashMap<String, String>| {
        (line["4"].clone(), line["src"].clone(), line.get("cs1").cloned())
    };
    let counts = ["1s", "60", "1m", "10m", "1h 30m", "720h"].map(|window| {
        let run = replay(&["--repeat-window", window], &[&story]);
        assert_eq!(sums(&run, key), sums(&replay(&[], &[&story]), key), "{window}");
        run.out.lines().count()
    });
    assert!(counts[0] > counts[1], "{counts:?}");
    assert_eq!(counts[1], counts[2]);
    assert!(counts[2] > counts[3] && counts[3] > counts[4], "{counts:?}");
    assert_eq!(counts[4], counts[5]);
}

#[test]
fn indicators_of_the_user_are_searched_for() {
    let folder = tempfile::tempdir().unwrap();
    let contact = sample("resolved/through-cname-to-indicator.pcap");
    for (content, expected) in [
        ("203.0.113.70\n", "c2-address 7 address 203.0.113.70 100"),
        ("203.0.113.0/24\n", "c2-address 7 network 203.0.113.0/24 100"),
        ("203.0.113.70:443\n", "c2-endpoint 9 address-port 203.0.113.70:443 100"),
        ("203.0.113.70:444\n", "c2-address 5 address-other-port 203.0.113.70:444 100"),
        ("WWW[.]Example[.]com\n", "c2-domain-answer 8 dns-answer www.example.com 100"),
    ] {
        let list = in_folder(folder.path(), "list.txt", content);
        let run = replay(&["--no-builtin", "--indicators", &list], &[&contact]);
        let told = told(&run, &["4", "6", "cs6", "cs1", "cn1"]);
        assert!(told.iter().any(|told| told == expected), "{content}: {told:?}");
        assert!(!run.out.contains("NetSupport"), "{}", run.out);
        // None of the findings of the built-in indicators is lost.
        let both = replay(&["--indicators", &list], &[&contact]);
        assert!(both.out.contains("cs1=feersona.net"), "{content}: {}", both.out);
    }
    // Several lists.
    let one = in_folder(folder.path(), "one.txt", "203.0.113.70:443\n");
    let other = in_folder(folder.path(), "other.txt", "www.example.com\n");
    let run = replay(&["--no-builtin", "--indicators", &one, "--indicators", &other], &[&contact]);
    assert!(run.out.contains("cs3=one.txt line 1") && run.out.contains("cs3=other.txt line 1"), "{}", run.out);
}

#[test]
fn names_are_listed_on_request_and_the_alerts_stay_the_same() {
    let story = sample_text("story.pcap");
    let plain = run(["replay", "-q", "--sensor-host", "tap-01", &story]);
    let folder = tempfile::tempdir().unwrap();
    let mut lists = Vec::new();
    for workers in ["1", "2", "5"] {
        let list = in_folder(folder.path(), "names.tsv", "of an earlier run");
        let with = run(["replay", "-q", "--sensor-host", "tap-01", "-w", workers, "--names", &list, &story]);
        assert_eq!(with, plain);
        lists.push(fs::read_to_string(list).unwrap());
    }
    assert!(lists.iter().all(|list| *list == lists[0]));
    let named =
        "2026-06-09T09:05:00.000000000Z\t10.20.30.40\t60120\t10.20.0.53\t53\tUDP\tdns-query\tgw.feersona.net\t-\n";
    assert!(lists[0].contains(named), "{}", lists[0]);

    let to_standard = run(["replay", "-q", "-o", "/dev/null", "--names", "-", &story]);
    assert_eq!((to_standard.code, to_standard.out.as_str()), (0, lists[0].as_str()));
    let both = run(["replay", "--names", "-", &story]);
    assert_eq!((both.code, both.out.as_str()), (2, ""));
    assert!(both.err.contains("--names -: alerts are written there"), "{}", both.err);
    let copy = in_folder(folder.path(), "copy.pcap", fs::read(&story).unwrap());
    let onto_itself = run(["replay", "--names", &copy, &copy]);
    assert_eq!(onto_itself.code, 2);
    assert!(onto_itself.err.contains("which it would overwrite"), "{}", onto_itself.err);
    assert_eq!(fs::read(&copy).unwrap(), fs::read(&story).unwrap());
    let nowhere = run(["replay", "--names", "/dev/null/names", &story]);
    assert_eq!(nowhere.code, 2);
    assert!(nowhere.err.contains("/dev/null/names: cannot create"), "{}", nowhere.err);
    if fs::exists("/dev/full").unwrap() {
        let full = run(["replay", "--names", "/dev/full", &story]);
        assert_eq!(full.code, 1, "{}", full.err);
        assert!(full.err.contains("/dev/full: cannot write"), "{}", full.err);
    }
}
