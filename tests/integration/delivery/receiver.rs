//! Receivers: the real rsyslog in a folder of its own, and sockets of the test.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::needs::{Need, skip};

/// The path of the Debian package.
pub const RSYSLOGD: &str = "/usr/sbin/rsyslogd";

/// The longest wait for something that must come, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `look` finds something.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns true if rsyslog is installed; otherwise the test that needs it is skipped.
pub fn has_rsyslog() -> bool {
    let is_there = Path::new(RSYSLOGD).exists();
    if !is_there {
        skip(Need::Rsyslog, format_args!("{RSYSLOGD} is not installed (make setup-test installs it)"));
    }
    is_there
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An rsyslogd that can be stopped and started.
pub struct Rsyslog {
    folder: TempDir,
    config: String,
    /// The port that it listens on.
    pub port: u16,
    child: Option<Child>,
}

impl Rsyslog {
    /// One that writes the messages that it receives by TCP into a file, unchanged.
    pub fn new() -> Self {
        Self::writing("%rawmsg%")
    }

    /// One that writes the parts that it parsed: facility, severity, host, program and text.
    pub fn as_parsed() -> Self {
        Self::writing(
            "%syslogfacility-text% %syslogseverity-text% %hostname% %programname%%msg:::sp-if-no-1st-sp%%msg%",
        )
    }

    fn writing(template: &str) -> Self {
        let port = free_port();
        let config = format!(
            r#"module(load="imtcp")
template(name="line" type="string" string="{template}\n")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="in")
ruleset(name="in") {{ action(type="omfile" file="FOLDER/received" template="line") }}
"#
        );
        Self::with(config, port)
    }

    /// One with this configuration, in which it listens on this port.
    pub fn with(config: String, port: u16) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), config, port, child: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it, and waits until it listens.
    pub fn start(&mut self) {
        self.start_as(Command::new(RSYSLOGD));
    }

    /// As [`start`](Self::start), with this command in front, which runs it in another network
    /// namespace.
    pub fn start_as(&mut self, mut command: Command) {
        let header = format!("global(workDirectory=\"{}\" maxMessageSize=\"8k\")\n", self.folder.path().display());
        let config = self.config.replace("FOLDER", self.folder.path().to_str().unwrap());
        fs::write(self.path("conf"), header + &config).unwrap();
        let log = fs::File::create(self.path("log")).unwrap();
        let child = command
            .arg("-n")
            .arg("-f")
            .arg(self.path("conf"))
            .arg("-i")
            .arg(self.path("pid"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        // The sockets of its own namespace are read, so that no test connection is needed.
        let sockets = format!("/proc/{}/net/tcp", child.id());
        self.child = Some(child);
        let listens = format!(":{:04X} 00000000:0000 0A ", self.port);
        wait_for("rsyslog", || fs::read_to_string(&sockets).is_ok_and(|text| text.contains(&listens)).then_some(()));
    }

    /// Ends it with a signal, `KILL` or `TERM`.
    pub fn stop(&mut self, signal: &str) {
        self.signal(signal);
        self.child.take().unwrap().wait().unwrap();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").arg(format!("-{signal}")).arg(id).status().unwrap().success());
    }

    /// The messages that it received.
    pub fn received(&self) -> String {
        fs::read(self.path("received")).map_or_else(|_| String::new(), |bytes| String::from_utf8(bytes).unwrap())
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The values of `externalId` in whole lines.
pub fn ids(text: &str) -> BTreeSet<String> {
    let id = |line: &str| {
        let (_, rest) = line.split_once(" externalId=").unwrap_or_else(|| panic!("{line}"));
        rest.split(' ').next().unwrap().to_owned()
    };
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(id).collect()
}

/// Reads a connection to its end.
pub fn read_to_end(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
