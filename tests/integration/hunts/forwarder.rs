//! The path of a line into a workspace: the sensor's file, the rsyslog configuration of
//! docs/sentinel.md, and a forwarder with the Azure Monitor Agent, to whose port rsyslog writes
//! with a template.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The longest wait for a line.
const PATIENCE: Duration = Duration::from_secs(60);

/// The path of the Debian package, which is not in an ordinary user's `PATH`.
const RSYSLOG: &str = "/usr/sbin/rsyslogd";

/// The template in the agent's own configuration of rsyslog.
const AGENT_TEMPLATE: &str = "<%PRI%>%TIMESTAMP% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg%";

/// Ends the process with the test, also if that fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The configuration in docs/sentinel.md, with this file and this port.
fn documented_configuration(alerts: &Path, port: u16) -> String {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sentinel.md")).unwrap();
    let (_, block) = page.split_once("# /etc/rsyslog.d/30-rattap.conf\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    for given in ["\"/var/log/rattap/alerts.cef\"", "\"28330\""] {
        assert!(block.contains(given), "the documented configuration no longer says {given}");
    }
    block.replace("/var/log/rattap/alerts.cef", alerts.to_str().unwrap()).replace("\"28330\"", &format!("\"{port}\""))
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The lines as the agent receives them. The error says why there is no rsyslog.
pub fn through_rsyslog(lines: &str) -> Result<Vec<String>, String> {
    let rsyslog = PathBuf::from(RSYSLOG);
    if !rsyslog.exists() {
        return Err(format!("there is no {RSYSLOG}"));
    }
    let folder = tempfile::tempdir().unwrap();
    let alerts = folder.path().join("alerts.cef");
    File::create(&alerts).unwrap();
    let agent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (agent_port, forwarder_port) = (agent.local_addr().unwrap().port(), free_port());

    let mut configuration = format!("global(workDirectory=\"{}\")\n", folder.path().display());
    configuration += &documented_configuration(&alerts, forwarder_port);
    let _ = write!(
        configuration,
        r#"
module(load="imtcp")
template(name="agent" type="string" string="{AGENT_TEMPLATE}")
ruleset(name="agent") {{
  action(type="omfwd" target="127.0.0.1" port="{agent_port}" protocol="tcp" template="agent")
}}
input(type="imtcp" address="127.0.0.1" port="{forwarder_port}" ruleset="agent")
"#
    );
    let file = folder.path().join("rsyslog.conf");
    fs::write(&file, configuration).unwrap();
    let child = Command::new(&rsyslog)
        .arg("-n")
        .arg("-f")
        .arg(&file)
        .arg("-i")
        .arg(folder.path().join("pid"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Running(child);

    // The lines are written once the forwarder listens. Otherwise they would wait for a second
    // attempt.
    let forwarder = SocketAddr::from((Ipv4Addr::LOCALHOST, forwarder_port));
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect_timeout(&forwarder, PATIENCE).is_err() {
        assert!(child.0.try_wait().unwrap().is_none(), "rsyslog ended");
        assert!(Instant::now() < until, "rsyslog does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    OpenOptions::new().append(true).open(&alerts).unwrap().write_all(lines.as_bytes()).unwrap();

    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (stream, _) = agent.accept().unwrap();
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let count = lines.lines().count();
    let got = (0..count)
        .map(|number| receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{number} of {count} lines came")));
    Ok(got.collect())
}
