//! A sensor that was started as root, after it gave up its rights: what the kernel reports about
//! its threads, and that it can still do its work.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use super::net::{Net, wait_for_file, wait_for_lines};
use crate::run::sample;

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
    let (list, alerts) = (folder.path().join("list.txt"), folder.path().join("alerts.cef"));
    fs::write(&list, "203.0.113.200\n").unwrap();
    for option in [["--indicators", list.to_str().unwrap()], ["-o", alerts.to_str().unwrap()]] {
        let said = net
            .command(env!("CARGO_BIN_EXE_rattap"))
            .args(["live", "-i", "b0", "--user", "nobody"])
            .args(option)
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(2), "{err}");
        assert!(err.contains(option[1]) && err.contains("by user nobody: Permission denied"), "{err}");
    }
    assert!(!alerts.exists());
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
