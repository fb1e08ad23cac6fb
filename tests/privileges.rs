//! The rights of a process after it gave them up, as the kernel reports them
//! (`/proc/<pid>/task/*/status` of a child), and what the child can still do.
//!
//! This is a program of its own, because rights are given up before there is a second thread. It
//! starts itself as the child. The child prints the result of each attempt, starts a thread, and
//! waits until it was examined.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

#[path = "integration/needs.rs"]
mod needs;

use needs::{Need, skip};
use rattap::privileges::{Account, CaptureOpener, Confinement, PrivilegePlan, check_paths, drop_privileges};

/// Keys in `/proc/<pid>/status`.
const SETS: [&str; 4] = ["CapInh", "CapPrm", "CapEff", "CapAmb"];
const NET_RAW: u64 = 1 << 13;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, folder, reopens] = &arguments[..]
        && mode == "child"
    {
        child(Path::new(folder), reopens == "reopens");
        return;
    }
    refuses_beside_other_threads();
    let own = fs::metadata("/proc/self").unwrap().uid();
    if own != 0 {
        return skip(Need::Root, "only root has rights to give up");
    }
    type Test = fn(&Place);
    let tests: [(&str, Test); 4] = [
        ("root becomes nobody and keeps nothing", root_keeps_nothing),
        ("one thread may open captures, and nothing else", one_thread_may_open),
        ("a plain user with CAP_NET_RAW gives up what it can", plain_user_with_net_raw),
        ("a plain user without rights", plain_user_without_rights),
    ];
    for (name, test) in tests {
        test(&Place::new());
        println!("privileges: {name} ... ok");
    }
}

fn refuses_beside_other_threads() {
    let plan = PrivilegePlan {
        account: Account::default_account().unwrap(),
        reopens: false,
        confines: true,
        reads: vec![],
        writes: vec![],
    };
    thread::scope(|scope| {
        let (done, waits) = mpsc::channel::<()>();
        scope.spawn(move || waits.recv());
        let error = drop_privileges(&plan).unwrap_err();
        assert!(error.to_string().starts_with("2 threads run already"), "{error}");
        drop(done);
    });
    assert!(Account::named("no-such-account").unwrap_err().to_string().contains("adduser"));
}

/// A folder with files that the child may use and others, and this program where everybody can run
/// it.
struct Place {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let everybody = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        everybody(folder.path(), 0o755);
        for name in ["read", "elsewhere"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("list.txt"), "").unwrap();
            fs::write(folder.path().join(name).join("other.txt"), "").unwrap();
        }
        fs::create_dir(folder.path().join("open")).unwrap();
        everybody(&folder.path().join("open"), 0o777);
        let program = folder.path().join("program");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        everybody(&program, 0o755);
        Self { folder, program }
    }

    /// Runs the child with the command `before` in front. Returns what it printed, and what the
    /// kernel reports about its threads.
    fn look(&self, before: &[&str], reopens: bool) -> (HashMap<String, String>, BTreeMap<String, Status>) {
        let program = self.program.to_str().unwrap();
        let folder = self.folder.path().to_str().unwrap();
        let reopens = if reopens { "reopens" } else { "keeps-nothing" };
        let words: Vec<&str> = before.iter().copied().chain([program, "child", folder, reopens]).collect();
        let mut child =
            Command::new(words[0]).args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut told = HashMap::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line == "ready" {
                break;
            }
            let (what, how) = line.split_once(": ").unwrap();
            told.insert(what.to_owned(), how.to_owned());
        }
        let tasks = format!("/proc/{}/task", child.id());
        let statuses = fs::read_dir(tasks).unwrap().map(|task| Status::read(&task.unwrap().path())).collect();
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        (told, statuses)
    }
}

/// The lines of a thread's `status`.
struct Status(HashMap<String, String>);

impl Status {
    fn read(task: &Path) -> (String, Self) {
        let text = fs::read_to_string(task.join("status")).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        let lines: HashMap<_, _> = lines.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect();
        (lines["Name"].clone(), Self(lines))
    }

    fn ids(&self, key: &str) -> Vec<u32> {
        self.0[key].split_whitespace().map(|id| id.parse().unwrap()).collect()
    }

    fn set(&self, key: &str) -> u64 {
        u64::from_str_radix(&self.0[key], 16).unwrap()
    }
}

/// The checks that hold however the process was started.
fn check(told: &HashMap<String, String>, statuses: &BTreeMap<String, Status>) {
    assert!(statuses.len() >= 2, "{:?}", statuses.keys());
    for (thread, status) in statuses {
        for key in ["Uid", "Gid"] {
            assert_eq!(status.ids(key), [65534; 4], "{key} of {thread}");
        }
        assert!(status.ids("Groups").is_empty(), "groups of {thread}");
        assert_eq!(status.0["NoNewPrivs"], "1", "{thread}");
        for key in SETS {
            let kept = if thread == "opener" && key == "CapPrm" { NET_RAW } else { 0 };
            assert_eq!(status.set(key), kept, "{key} of {thread}");
        }
    }
    for (what, how) in [
        ("read a list", "done"),
        ("read a list beside it, as one that replaces it", "done"),
        ("write an alert", "done"),
        ("open a capture here", "refused"),
    ] {
        assert_eq!(told[what], how, "{what}");
    }
    for what in ["read a file elsewhere", "write a file elsewhere", "listen", "write where it reads"] {
        let how = if told["confinement"] == "Whole" { "refused" } else { &told[what] };
        assert_eq!(told[what], how, "{what}");
    }
    if told["confinement"] != "Whole" {
        let confinement = &told["confinement"];
        skip(Need::Landlock, format_args!("this kernel's Landlock does not confine wholly: {confinement}"));
    }
    assert!(told["problems"].contains("elsewhere: cannot be written by user nobody"), "{}", told["problems"]);
    assert!(!told["problems"].contains("read/list.txt"), "{}", told["problems"]);
}

fn root_keeps_nothing(place: &Place) {
    let (told, statuses) = place.look(&[], false);
    check(&told, &statuses);
    assert!(!statuses.contains_key("opener"));
    assert!(statuses.values().all(|status| status.set("CapBnd") == 0));
    assert_eq!(told["open a capture through the opener"], "refused");
    assert_eq!(told["open a capture before"], "done");
}

fn one_thread_may_open(place: &Place) {
    let (told, statuses) = place.look(&[], true);
    check(&told, &statuses);
    assert!(statuses.contains_key("opener"));
    assert!(statuses.values().all(|status| status.set("CapBnd") == 0));
    assert_eq!(told["open a capture through the opener"], "done");
}

fn plain_user_with_net_raw(place: &Place) {
    let before = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all,+net_raw",
        "--ambient-caps=-all,+net_raw",
    ];
    for reopens in [false, true] {
        let (told, statuses) = place.look(&before, reopens);
        check(&told, &statuses);
        assert_eq!(told["open a capture before"], "done");
        assert_eq!(told["open a capture through the opener"], if reopens { "done" } else { "refused" });
    }
}

fn plain_user_without_rights(place: &Place) {
    let before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];
    let (told, statuses) = place.look(&before, true);
    check(&told, &statuses);
    assert!(!statuses.contains_key("opener"));
    assert_eq!(told["open a capture before"], "refused");
}

/// Gives up its rights, prints what it can still do, and waits.
fn child(folder: &Path, reopens: bool) {
    let tell = |what: &str, done: bool| println!("{what}: {}", if done { "done" } else { "refused" });
    tell("open a capture before", opens_capture());
    let (list, alerts) = (folder.join("read/list.txt"), folder.join("open/alerts.cef"));
    let plan = PrivilegePlan {
        account: Account::named("nobody").unwrap(),
        reopens,
        confines: true,
        reads: vec![list.clone()],
        writes: vec![alerts.clone()],
    };
    let standing = drop_privileges(&plan).unwrap();
    assert_eq!(standing.user, "nobody");
    let confinement = standing.confinement.unwrap();
    println!("confinement: {}", if confinement == Confinement::Whole { "Whole" } else { "less" });

    tell("read a list", fs::read(&list).is_ok());
    tell("read a list beside it, as one that replaces it", fs::read(folder.join("read/other.txt")).is_ok());
    tell("write an alert", fs::write(&alerts, "CEF").is_ok() && fs::remove_file(&alerts).is_ok());
    tell("write where it reads", fs::write(folder.join("read/new.txt"), "").is_ok());
    tell("read a file elsewhere", fs::read(folder.join("elsewhere/list.txt")).is_ok());
    tell("write a file elsewhere", fs::write("/tmp/.rattap-elsewhere", "").is_ok());
    tell("listen", TcpListener::bind("127.0.0.1:0").is_ok());
    tell("open a capture here", opens_capture());
    tell("open a capture through the opener", standing.opener.open(opens_capture));
    tell("open a capture here", opens_capture() || CaptureOpener::direct().open(opens_capture));
    let problems = check_paths(&[list], &[alerts, folder.join("elsewhere")]);
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    println!("problems: {}", problems.join(" | "));

    let later = thread::Builder::new().name("later".to_owned());
    let (done, waits) = mpsc::channel::<()>();
    // A thread sets its own name, so it must run first.
    let (runs, running) = mpsc::channel();
    let later = later.spawn(move || runs.send(()).is_ok() && waits.recv().is_ok()).unwrap();
    running.recv().unwrap();
    println!("ready");
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    drop(done);
    later.join().unwrap();
}

fn opens_capture() -> bool {
    pcap::Capture::from_device("lo").and_then(pcap::Capture::open).is_ok()
}
