//! A sensor that was started as root, after it gave up its rights: what the kernel reports about
//! its threads, and that it can still do its work.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use super::net::{Net, wait_for_file, wait_for_lines};
use crate::needs::{Need, skip};
use crate::run::{run, sample};

/// `nobody` on Debian.
const NOBODY: u32 = 65534;
const SETS: [&str; 5] = ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"];
const NOTHING: &str = "0000000000000000";
/// `CAP_NET_RAW`.
const NET_RAW: &str = "0000000000002000";

#[test]
fn without_rights_it_still_captures_reloads_and_creates_files() {
    let Some(net) = Net::with_pair() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (list, logs) = (folder.path().join("list.txt"), folder.path().join("logs"));
    fs::write(&list, "203.0.113.200\n").unwrap();
    fs::create_dir(&logs).unwrap();
    chown(&logs, Some(NOBODY), Some(NOBODY)).unwrap();
    let alerts = logs.join("alerts.cef");
    let (file, list_text) = (folder.path().join("rattap.toml"), list.display());
    let settings = format!(
        "[capture]\ninterfaces = [\"b0\"]\n[indicators]\nfiles = [\"{list_text}\"]\n[[output]]\nto = \"{}\"\n[metrics]\nlisten = 0\n",
        alerts.display()
    );
    fs::write(&file, &settings).unwrap();
    let sensor = net.sensor(&["-v", "--user", "nobody", "--config", file.to_str().unwrap()]);
    let log = sensor.wait_for_log("runs as nobody", 1);
    let confined = log.contains("confined to its own files");
    check_threads(sensor.id());

    fs::rename(&alerts, logs.join("earlier.cef")).unwrap();
    net.ip(["link", "del", "b0"]);
    sensor.wait_for_log("b0: the interface vanished", 1);
    net.pair("a0", "b0");
    sensor.wait_for_log("b0: the interface is back", 1);
    // As editors and updaters of feeds do: another file replaces it.
    fs::write(folder.path().join("new.txt"), "203.0.113.200\n203.0.113.201\n").unwrap();
    fs::rename(folder.path().join("new.txt"), &list).unwrap();
    fs::write(&file, format!("[sensor]\nrepeat_window = \"1m\"\n{settings}")).unwrap();
    sensor.signal("HUP");
    let log = sensor.wait_for_log("reloaded: 11 indicators", 1);
    assert!(log.contains("these changes need a restart to take effect: [sensor]\n"), "{log}");
    // The output thread creates the file when it next looks.
    wait_for_file(&alerts);
    net.send("a0", &["--topspeed"], &sample("endpoint/udp.pcap"));
    wait_for_lines(&alerts, 1);

    fs::write(&file, "[sensor\n").unwrap();
    sensor.signal("HUP");
    sensor.wait_for_log("rattap.toml:1:8: not TOML", 1);
    let ended = sensor.end();
    assert!(ended.status.success(), "{}", ended.err);
    assert!(fs::read_to_string(&alerts).unwrap().contains("|c2-endpoint|"));
    assert!(confined, "this kernel has no landlock: {log}");
}

#[test]
fn a_path_that_it_could_not_use_later_stops_it_at_the_start() {
    let Some(net) = Net::with_pair() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let (list, spool) = (folder.path().join("list.txt"), folder.path().join("spool"));
    fs::write(&list, "203.0.113.200\n").unwrap();
    for (option, path) in [("--indicators", &list), ("--spool", &spool)] {
        let path = path.to_str().unwrap();
        let said = net
            .command(env!("CARGO_BIN_EXE_rattap"))
            .args(["live", "-i", "b0", "--user", "nobody", option, path])
            .args(if option == "--spool" { ["-o", "tcp://127.0.0.1:9"] } else { ["-o", "-"] })
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(2), "{err}");
        assert!(err.contains(path) && err.contains("by user nobody: Permission denied"), "{err}");
    }
}

#[test]
fn it_writes_where_only_root_may_and_says_what_it_cannot_reopen() {
    let Some(net) = Net::with_pair() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(path("of-root.cef"), "of root\n").unwrap();
    // The file's folder is absent as well.
    let (alerts, of_root) = (path("logs/today/alerts.cef"), path("of-root.cef"));
    let options = ["-i", "b0", "--user", "nobody", "-o", "alerts.cef", "-o", "logs/today/alerts.cef", "-o"];
    let sensor = net.sensor_after(
        &format!("cd {}", folder.path().display()),
        &[&options[..], &["of-root.cef", "--repeat-window", "0"]].concat(),
    );
    let log = sensor.wait_for_log("runs as nobody", 1);
    let warned = "cannot be written by user nobody: Permission denied; it is open now, but after a rotation (SIGHUP)";
    assert_eq!(log.lines().filter(|line| line.contains(warned)).count(), 3, "{log}");
    net.send("a0", &["--topspeed"], &sample("endpoint/udp.pcap"));
    let before = wait_for_lines(&path("alerts.cef"), 1).lines().count();
    fs::rename(path("alerts.cef"), path("rotated.cef")).unwrap();
    sensor.signal("HUP");
    sensor.wait_for_log("of-root.cef: cannot reopen the output: Permission denied", 1);
    net.send("a0", &["--topspeed"], &sample("query/apex.pcap"));
    wait_for_lines(&path("rotated.cef"), before + 1);
    let ended = sensor.end();
    assert!(ended.status.success(), "{}", ended.err);
    let lines = |path: &Path| fs::read_to_string(path).unwrap().lines().count();
    assert_eq!((lines(&alerts), lines(&of_root)), (lines(&path("rotated.cef")), lines(&alerts) + 1));
    let owner = |path: &Path| fs::metadata(path).unwrap().uid();
    let made = [path("logs"), path("logs/today"), alerts, path("rotated.cef")];
    assert_eq!(made.map(|path| owner(&path)), [NOBODY; 4]);
    assert_eq!(owner(&of_root), 0);
}

#[test]
fn a_link_that_the_account_left_does_not_lead_root_to_a_file() {
    let Some(net) = Net::with_pair() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(path("logs")).unwrap();
    fs::write(path("secret"), "").unwrap();
    std::os::unix::fs::symlink("../secret", path("logs/alerts.cef")).unwrap();
    fs::hard_link(path("secret"), path("logs/hard.cef")).unwrap();
    chown(path("logs"), Some(NOBODY), Some(NOBODY)).unwrap();
    for name in ["alerts.cef", "hard.cef"] {
        let output = path("logs").join(name);
        let mut sensor = net.command(env!("CARGO_BIN_EXE_rattap"));
        let said = sensor.args(["live", "-i", "b0", "--user", "nobody", "-o"]).arg(&output).output().unwrap();
        let err = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(2), "{err}");
        let why = format!("{}: cannot be written by user nobody: Permission denied; change its", output.display());
        assert!(err.contains(&why), "{err}");
    }
    assert_eq!(fs::metadata(path("secret")).unwrap().uid(), 0);
}

#[test]
fn a_receiver_needs_no_package_for_its_spool() {
    let Some(net) = Net::with_pair().map(Net::with_loopback) else { return };
    // `ip netns exec` has given the sensor mounts of its own.
    let options = ["-i", "b0", "--user", "nobody", "-o", "tcp://127.0.0.1:9"];
    let sensor = net.sensor_after("mount -t tmpfs none /var/lib", &options);
    sensor.wait_for_log("runs as nobody", 1);
    let spool = format!("/proc/{}/root/var/lib/rattap/spool/tcp-127.0.0.1_9", sensor.id());
    assert_eq!(fs::metadata(spool).unwrap().uid(), NOBODY);
    let ended = sensor.end();
    assert!(ended.status.success() && !ended.err.contains("wait in memory only"), "{}", ended.err);

    let sensor = net.sensor_after("mount -t tmpfs -o ro none /var/lib", &options);
    let log = sensor.wait_for_log("alerts for receivers wait in memory only", 1);
    assert!(log.contains("/var/lib/rattap: cannot be made by user nobody: Read-only file system; "), "{log}");
    assert!(sensor.end().status.success());
}

#[test]
fn files_that_others_may_change_are_told_at_the_start_and_at_a_reload() {
    let Some(net) = Net::with_pair() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mode = |name: &str, mode: u32| fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    for sub in ["lists", "open", "behind"] {
        fs::create_dir(path(sub)).unwrap();
    }
    for list in ["lists/others.txt", "lists/good.txt", "open/own.txt", "behind/linked.txt", "account.txt"] {
        fs::write(path(list), "203.0.113.200\n").unwrap();
    }
    std::os::unix::fs::symlink(path("behind/linked.txt"), path("lists/link.txt")).unwrap();
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/exclusions.toml"), path("rules.toml")).unwrap();
    let settings = format!(
        "[capture]\ninterfaces = [\"b0\"]\n[indicators]\nfiles = [\"{0}/lists\", \"{0}/open/own.txt\", \"{0}/account.txt\"]\n\
         [exclusions]\nfiles = [\"{0}/rules.toml\"]\n",
        folder.path().display()
    );
    fs::write(path("rattap.toml"), settings).unwrap();
    // The sensor's account is `nobody`: what is its own is not told. The others' number has no
    // name.
    chown(path("account.txt"), Some(NOBODY), Some(NOBODY)).unwrap();
    chown(path("lists/others.txt"), Some(54321), None).unwrap();
    mode("", 0o755);
    mode("rattap.toml", 0o646);
    mode("rules.toml", 0o664);
    mode("open", 0o777);
    mode("behind", 0o775);
    let wrong = [
        ("rattap.toml", "its mode is 0646"),
        ("rules.toml", "its mode is 0664"),
        ("open", "its mode is 0777"),
        ("behind", "its mode is 0775"),
        ("lists/others.txt", "user 54321, to whom it belongs"),
    ];
    let sensor = net.sensor(&["--user", "nobody", "--config", path("rattap.toml").to_str().unwrap()]);
    let log = sensor.wait_for_log("capturing from", 1);
    let warnings = |log: &str| log.lines().filter(|line| line.contains("can change it")).count();
    for (name, why) in wrong {
        let start = format!("{}: ", path(name).display());
        assert!(log.lines().any(|line| line.contains(&start) && line.contains(why)), "{start}{why}: {log}");
    }
    assert_eq!(warnings(&log), wrong.len(), "{log}");

    chown(path("lists/others.txt"), Some(0), None).unwrap();
    for (name, right) in [("rattap.toml", 0o644), ("rules.toml", 0o644), ("open", 0o755), ("behind", 0o755)] {
        mode(name, right);
    }
    mode("lists/good.txt", 0o666);
    sensor.signal("HUP");
    let log = sensor.wait_for_log("reloaded: ", 1);
    assert_eq!(warnings(&log), wrong.len() + 1, "{log}");
    assert!(log.contains("lists/good.txt: other users can change it, because its mode is 0666"), "{log}");
    let ended = sensor.end();
    assert!(ended.status.success(), "{}", ended.err);
}

#[test]
fn a_spool_of_somebody_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for spool in ["theirs", "mine", "mine/tcp-127.0.0.1_9"] {
        fs::create_dir(path(spool)).unwrap();
    }
    if chown(path("theirs"), Some(54321), None).is_err() {
        return skip(Need::Root, "no rights to give a folder to another user");
    }
    chown(path("mine/tcp-127.0.0.1_9"), Some(54321), None).unwrap();
    std::os::unix::fs::symlink("theirs", path("link")).unwrap();
    let (story, alerts) = (sample("story.pcap"), "tcp://127.0.0.1:9");
    for spool in ["theirs", "mine", "link"] {
        let spool = path(spool).into_os_string().into_string().unwrap();
        for source in [&["replay", story.to_str().unwrap()][..], &["live", "-i", "lo", "--user", "root"]] {
            let said = run([source, &["-o", alerts, "--spool", &spool]].concat());
            assert_eq!(said.code, 2, "{}", said.err);
            let why = format!("--spool {spool}: belongs to user 54321, or something in it does; name a folder");
            assert!(said.err.contains(&why), "{}", said.err);
        }
    }
    let left = |spool: &str| fs::read_dir(path(spool)).unwrap().count();
    assert_eq!((left("theirs"), left("mine/tcp-127.0.0.1_9")), (0, 0));
}

#[test]
fn a_replay_is_silent_about_the_files_of_its_user() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.txt");
    fs::write(&list, "203.0.113.200\n").unwrap();
    fs::set_permissions(&list, fs::Permissions::from_mode(0o666)).unwrap();
    let said = run(["replay", "--indicators", list.to_str().unwrap(), sample("endpoint/udp.pcap").to_str().unwrap()]);
    assert!(said.code == 0 && !said.err.contains("can change it"), "{}", said.err);
}

fn check_threads(process: u32) {
    let mut openers = 0;
    for task in fs::read_dir(format!("/proc/{process}/task")).unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let value = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned();
        let nobody = [NOBODY.to_string().as_str(); 4].join("\t");
        assert_eq!((value("Uid:"), value("Gid:")), (nobody.clone(), nobody), "{status}");
        assert_eq!((value("Groups:").as_str(), value("NoNewPrivs:").as_str()), ("", "1"), "{status}");
        let opens = value("Name:") == "opener";
        openers += usize::from(opens);
        for set in SETS {
            let kept = if opens && set == "CapPrm:" { NET_RAW } else { NOTHING };
            assert_eq!(value(set), kept, "{set} {status}");
        }
    }
    assert_eq!(openers, 1);
}
