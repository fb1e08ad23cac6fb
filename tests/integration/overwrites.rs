//! No run overwrites what it reads, or what another of its outputs writes; and a file that is
//! replaced as a whole is never lost.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::run::{Run, command, replay, run, sample, sample_text};

const LIST: &str = "203.0.113.7\n";

/// A folder with one of everything that a run can read.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { root: tempfile::tempdir().unwrap() };
        fs::create_dir_all(place.path("lists/more")).unwrap();
        fs::create_dir_all(place.path("captures")).unwrap();
        fs::create_dir_all(place.path("spool/tcp-h_514")).unwrap();
        fs::write(place.path("list.txt"), LIST).unwrap();
        fs::write(place.path("lists/one.txt"), LIST).unwrap();
        fs::write(place.path("lists/more/two.txt"), LIST).unwrap();
        fs::copy(sample("endpoint/udp.pcap"), place.path("captures/one.pcap")).unwrap();
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/exclusions.toml");
        fs::copy(rules, place.path("rules.toml")).unwrap();
        fs::write(place.path("rattap.toml"), "[sensor]\nhost = \"tap-01\"\n").unwrap();
        for certificate in ["ca.pem", "cert.pem", "key.pem"] {
            fs::write(place.path(certificate), "a certificate").unwrap();
        }
        fs::write(place.path("spool/tcp-h_514/mark"), "a mark").unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().unwrap()
    }

    /// The content of every file, by path.
    fn content(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    // A link to an absent file has no content.
                    files.push((path.clone(), fs::read(&path).unwrap_or_default()));
                }
            }
        }
        files.sort();
        files
    }

    /// Runs in the folder. It must be refused with all of `parts`, and change nothing.
    fn refuses(&self, arguments: &[&str], parts: &[&str]) {
        let before = self.content();
        let run: Run = command().current_dir(self.root.path()).args(arguments).output().unwrap().into();
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{arguments:?}: {}", run.err);
        for part in parts {
            assert!(run.err.contains(part), "{arguments:?}: {part:?} is not in {}", run.err);
        }
        assert_eq!(self.content(), before, "{arguments:?}");
    }
}

/// Each option that writes a file, with what it needs besides.
const OUTPUTS: [(&str, &[&str]); 7] = [
    ("-o", &[]),
    ("--json", &[]),
    ("--audit", &["--exclusions", "rules.toml"]),
    ("--names", &[]),
    ("--carve", &[]),
    ("--report", &[]),
    ("--state", &["--follow", "captures"]),
];

#[test]
fn no_output_may_be_a_file_that_is_read() {
    let place = Place::new();
    // A report's name selects its format.
    fs::write(place.path("list.json"), LIST).unwrap();
    let receiver = "tls://h?ca=ca.pem&cert=cert.pem&key=key.pem";
    for (option, needs) in OUTPUTS {
        let captures: &[&str] = if option == "--state" { &[] } else { &["captures/one.pcap"] };
        let refuses = |file: &str, reads: &[&str], part: &str| {
            let arguments = [&["replay", option, file], needs, reads, captures].concat();
            place.refuses(&arguments, &[&format!("{option} {file}: "), part]);
        };
        if option == "--report" {
            refuses("list.json", &["--indicators", "list.json"], "is the file of --indicators list.json");
            refuses("lists/new.json", &["--indicators", "lists"], "lies in the folder of --indicators lists");
            continue;
        }
        refuses("list.txt", &["--indicators", "list.txt"], "is the file of --indicators list.txt");
        refuses("lists/more/two.txt", &["--indicators", "lists"], "lies in the folder of --indicators lists");
        refuses("lists/new.txt", &["--indicators", "lists/"], "lies in the folder of --indicators lists");
        let rules: &[&str] = if option == "--audit" { &[] } else { &["--exclusions", "rules.toml"] };
        refuses("rules.toml", rules, "is the file of --exclusions rules.toml");
        refuses("rattap.toml", &["--config", "rattap.toml"], "is the file of --config rattap.toml");
        refuses("spool/new", &["--spool", "spool"], "lies in the folder of --spool spool");
        refuses("absent/new", &["--spool", "absent"], "lies in the folder of --spool absent");
        if option != "-o" && option != "--json" {
            for file in ["ca.pem", "cert.pem", "key.pem"] {
                let reads = ["-o", receiver, "--spool", "spool"];
                refuses(file, &reads, &format!("is the file of -o {file}"));
            }
        }
    }
    place.refuses(&["replay", "-o", "key.pem", "-o", receiver, "captures/one.pcap"], &["is the file of -o key.pem"]);
    place.refuses(&["replay", "-o", "captures/one.pcap", "captures"], &["is one of the captures (captures/one.pcap)"]);
    fs::write(place.path("spool/list.txt"), LIST).unwrap();
    place.refuses(
        &["replay", "--indicators", "spool/list.txt", "--spool", "spool", "captures"],
        &["--indicators spool/list.txt: lies in the folder of --spool spool", "elsewhere"],
    );
    place.refuses(
        &["replay", "--indicators", "lists", "--spool", "lists/spool", "captures"],
        &["--spool lists/spool: lies in the folder of --indicators lists", "elsewhere"],
    );
    place
        .refuses(&["live", "-i", "lo", "-o", "list.txt", "--indicators", "list.txt"], &["is the file of --indicators"]);
}

#[test]
fn the_settings_are_named_by_their_lines() {
    let place = Place::new();
    let settings = "[indicators]\nfiles = [\"list.txt\"]\n\n[[output]]\nto = \"list.txt\"\n";
    fs::write(place.path("rattap.toml"), settings).unwrap();
    let parts =
        ["rattap.toml:5: output.to list.txt: ", "rattap.toml:2: indicators.files list.txt", "name another file"];
    place.refuses(&["config", "check", "rattap.toml"], &parts);
    place.refuses(&["live", "-i", "lo", "--config", "rattap.toml"], &parts);
}

#[test]
fn other_names_of_a_file_are_the_same_file() {
    let place = Place::new();
    symlink("list.txt", place.path("link")).unwrap();
    symlink("lists", place.path("folder-link")).unwrap();
    symlink("lists/dangling.txt", place.path("dangling")).unwrap();
    symlink("../list.txt", place.path("lists/linked.txt")).unwrap();
    fs::hard_link(place.path("list.txt"), place.path("hard")).unwrap();
    fs::hard_link(place.path("captures/one.pcap"), place.path("hard.pcap")).unwrap();
    fs::hard_link(place.path("spool/tcp-h_514/mark"), place.path("hard-mark")).unwrap();
    let absolute = place.text("list.txt");
    for name in ["link", "hard", "./list.txt", "captures/../list.txt", &absolute] {
        let arguments = ["replay", "--indicators", "list.txt", "-o", name, "captures"];
        place.refuses(&arguments, &[&format!("-o {name}: is the file of --indicators list.txt"), "name another file"]);
        let arguments = ["replay", "--indicators", "lists", "-o", name, "captures"];
        place.refuses(&arguments, &["-o", "is the file of --indicators lists/linked.txt"]);
    }
    for name in ["folder-link/new.txt", "dangling", "captures/../lists/new.txt"] {
        let arguments = ["replay", "--indicators", "lists", "-o", name, "captures"];
        place.refuses(&arguments, &["-o", "lies in the folder of --indicators lists", "put it elsewhere"]);
    }
    place.refuses(&["replay", "-o", "hard.pcap", "captures"], &["-o hard.pcap: is one of the captures"]);
    place.refuses(&["replay", "-o", "hard.pcap", "--follow", "captures"], &["-o hard.pcap: is one of the captures"]);
    place.refuses(&["replay", "-o", "hard-mark", "--spool", "spool", "captures"], &["lies in the folder of --spool"]);
}

#[test]
fn two_outputs_may_not_be_the_same_file() {
    let place = Place::new();
    for (number, (first, needs)) in OUTPUTS.iter().enumerate() {
        for (second, also_needs) in &OUTPUTS[number..] {
            let is_repeatable = ["-o", "--json", "--report"].contains(first);
            let excludes = |option: &&str| *option == "--carve" || *option == "--report";
            if (first == second && !is_repeatable) || (*second == "--state" && excludes(first)) {
                continue;
            }
            let mut arguments = vec!["replay", first, "out.json", second, "./out.json"];
            arguments.extend(needs.iter().chain(*also_needs));
            if *first != "--state" && *second != "--state" {
                arguments.push("captures");
            }
            place.refuses(&arguments, &["out.json: is named twice, first as", "give each output a file of its own"]);
        }
    }
    let state = ["replay", "--follow", "captures", "--state", "state", "-o", "state.new"];
    place.refuses(&state, &["--state state.new: is named twice, first as -o state.new"]);
}

#[test]
fn standard_streams_that_are_files_are_compared_too() {
    let place = Place::new();
    let append = |name: &str| fs::File::options().append(true).open(place.path(name)).unwrap();
    let rattap = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rattap"));
        command.current_dir(place.root.path()).args(arguments).stderr(Stdio::piped());
        command
    };
    let before = place.content();
    let mut appends = rattap(&["replay", "--indicators", "list.txt", "captures"]);
    let appended: Run = appends.stdout(append("list.txt")).spawn().unwrap().wait_with_output().unwrap().into();
    assert_eq!(appended.code, 2, "{}", appended.err);
    assert!(appended.err.contains("-o (standard output): is the file of --indicators list.txt"), "{}", appended.err);
    let mut reads = rattap(&["replay", "-o", "captures/one.pcap", "-"]);
    reads.stdin(fs::File::open(place.path("captures/one.pcap")).unwrap());
    let read: Run = reads.output().unwrap().into();
    assert_eq!(read.code, 2, "{}", read.err);
    assert!(read.err.contains("-o captures/one.pcap: is one of the captures (-)"), "{}", read.err);
    assert_eq!(place.content(), before);
}

#[test]
fn a_report_and_evidence_are_replaced_whole_or_not_at_all() {
    let place = Place::new();
    let [page, carved, alerts] = ["r.html", "carved.pcapng", "alerts.cef"].map(|name| place.path(name));
    for file in [&page, &carved, &alerts] {
        fs::write(file, "of an earlier run").unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o640)).unwrap();
    }
    symlink("r.html", place.path("link.html")).unwrap();
    let names = || place.content().into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    let before = (place.content(), names());
    let [link_text, carved_text, alerts_text] =
        ["link.html", "carved.pcapng", "alerts.cef"].map(|name| place.text(name));
    let options = ["-o", &alerts_text, "--report", &link_text, "--carve", &carved_text];
    // Refused before the replay: not even the alerts of the earlier run are gone.
    let refused = run([&["replay"], &options[..], &["-"]].concat());
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert_eq!(place.content(), before.0);
    // Killed in the middle: the input never comes to its end.
    let (reader, writer) = std::io::pipe().unwrap();
    let mut waiting = std::process::Command::new(env!("CARGO_BIN_EXE_rattap"))
        .args(["replay", "-q", "--report", &link_text, "-o", "/dev/null", "-"])
        .stdin(reader)
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    drop(writer);
    assert_eq!(place.content(), before.0);

    let done = replay(&options, &[sample("story.pcap")]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    assert!(fs::read_to_string(&page).unwrap().contains("<html"));
    assert_eq!(fs::read(&carved).unwrap()[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    assert!(fs::symlink_metadata(place.path("link.html")).unwrap().is_symlink());
    for file in [&page, &carved] {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o640, "{}", file.display());
    }
    assert_eq!(names(), before.1, "a temporary file was left behind");
    let into_full = run(["replay", "-o", "/dev/null", "--carve", "/dev/full", &sample_text("story.pcap")]);
    assert_eq!((into_full.code, into_full.err.contains("/dev/full")), (1, true), "{}", into_full.err);
}
