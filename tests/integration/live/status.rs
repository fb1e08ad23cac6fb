//! `rattap status` of a running sensor.

use std::process::Output;

use serde_json::Value;

use super::net::Net;
use crate::run::{run, sample};

/// Runs `rattap status` in the network of the sensor.
fn status(net: &Net, options: &[&str]) -> Output {
    net.command(env!("CARGO_BIN_EXE_rattap")).args(["status", "--config", "/dev/null"]).args(options).output().unwrap()
}

#[test]
fn the_sensor_is_asked_at_the_address_of_its_metrics() {
    let Some(net) = Net::with_pair().map(Net::with_loopback) else { return };
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool").into_os_string().into_string().unwrap();
    let options = ["-i", "b0", "-o", "-", "-o", "tcp://127.0.0.1:9", "--spool", &spool, "--metrics", "9100"];
    let sensor = net.sensor(&options);
    let sent = net.send("a0", &["--topspeed"], &sample("endpoint/udp.pcap"));
    sensor.wait_for_alerts("|c2-endpoint|", 1);
    sensor.wait_for_log("not connected", 1);
    let shown = status(&net, &["--metrics", "9100"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(0), "{text}");
    let row = |start: &[&str]| {
        let columns = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let found = text
            .lines()
            .map(columns)
            .find(|line| line.iter().zip(start).filter(|(a, b)| a == b).count() == start.len());
        found.unwrap_or_else(|| panic!("{start:?}: {text}")).join(" ")
    };
    assert!(text.contains("not healthy:\n  tcp://127.0.0.1:9: accepts no alerts; 1 are waiting"), "{text}");
    row(&["packets", &sent.to_string()]);
    assert!(row(&["interface", "b0"]).ends_with("up, dropped: 0"));
    assert!(row(&["alerts", "1"]).ends_with("c2-endpoint 1"));
    assert!(row(&["output", "standard"]).ends_with("up, 1 alert, 0 lost"));
    assert!(row(&["output", "tcp://127.0.0.1:9"]).ends_with("down, 0 alerts, 0 lost"));
    assert!(!row(&["spool"]).starts_with("spool 0"), "{text}");
    assert!(row(&["list", "builtin"]).ends_with("indicators"));

    // The settings give the address too.
    let settings = folder.path().join("rattap.toml");
    std::fs::write(&settings, "[metrics]\nlisten = 9100\n").unwrap();
    let mut ask = net.command(env!("CARGO_BIN_EXE_rattap"));
    let json = ask.args(["status", "--json", "--config"]).arg(&settings).output().unwrap();
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["packets"], &json["alerts"]["c2-endpoint"]), (&sent.into(), &1.into()), "{json}");
    assert!(sensor.end().status.success());
    let gone = status(&net, &["--metrics", "9100"]);
    let err = String::from_utf8_lossy(&gone.stderr);
    assert_eq!((gone.status.code(), gone.stdout.len()), (Some(1), 0), "{err}");
    assert!(err.contains("no sensor answers at 127.0.0.1:9100: Connection refused; start one"), "{err}");
}

#[test]
fn without_metrics_it_is_asked_at_the_socket_in_its_state_folder() {
    let Some(net) = Net::with_pair() else { return };
    // A socket that a killed sensor left does not stand in the way.
    let left = "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"/var/lib/rattap/status.socket\")'";
    let script =
        format!("mount -t tmpfs none /var/lib; mkdir /var/lib/rattap; {left}; chown -R nobody /var/lib/rattap");
    let sensor = net.sensor_after(&script, &["-i", "b0", "--user", "nobody"]);
    let process = sensor.id().to_string();
    let in_its_mounts = |program: &[&str]| {
        net.command("nsenter").args(["--mount", "--target", &process]).args(program).output().unwrap()
    };
    let shown = in_its_mounts(&[env!("CARGO_BIN_EXE_rattap"), "status", "--config", "/dev/null"]);
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(text.contains(": healthy\n") && text.contains("interface  b0"), "{text}{shown:?}");
    let owner = in_its_mounts(&["stat", "--format", "%U", "/var/lib/rattap/status.socket"]);
    assert_eq!(String::from_utf8_lossy(&owner.stdout), "nobody\n");
    assert!(sensor.end().status.success());
}

#[test]
fn without_a_sensor_status_says_so() {
    // Nothing listens on the port of the discard service.
    let none = run(["status", "--config", "/dev/null", "--metrics", "9"]);
    assert_eq!((none.code, none.out.as_str()), (1, ""), "{}", none.err);
    assert!(none.err.contains("no sensor answers at 127.0.0.1:9: "), "{}", none.err);
    // Something else listens.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let answer = std::thread::spawn(move || drop(other.accept()));
    let wrong = run(["status", "--config", "/dev/null", "--metrics", &port]);
    answer.join().unwrap();
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("is not a rattap sensor of this version"), "{}", wrong.err);
}
