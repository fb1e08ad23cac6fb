//! A network for each test: a namespace with pairs of virtual interfaces, and programs in it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::needs::{Need, skip};

/// The longest wait for something that must come. Only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A network namespace, deleted when dropped.
pub struct Net {
    name: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Net {
    /// A network; without one the test that needs it is skipped. It needs the right to make
    /// namespaces, and tcpreplay to send packets.
    pub fn new() -> Option<Self> {
        // A namespace that a killed run left behind has the number of another process.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("rattap-test-{}-{number}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).stderr(Stdio::null()).status();
        let net = made.is_ok_and(|status| status.success()).then_some(Self { name });
        let sends = Command::new("tcpreplay").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let Some(net) = net.filter(|_| sends.is_ok_and(|status| status.success())) else {
            skip(Need::Namespaces, "no right to make a network namespace, or iproute2 or tcpreplay is not installed");
            return None;
        };
        // Only packets that the test sends may be on the wire.
        net.must("sh", ["-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"]);
        Some(net)
    }

    /// As [`new`](Self::new), with one pair of interfaces: packets sent into `a0` come out of `b0`.
    pub fn with_pair() -> Option<Self> {
        let net = Self::new()?;
        net.pair("a0", "b0");
        Some(net)
    }

    pub fn pair(&self, one: &str, other: &str) {
        // More than Ethernet's, since some samples have longer frames.
        self.ip(["link", "add", "name", one, "mtu", "9000", "type", "veth", "peer", "name", other, "mtu", "9000"]);
        self.ip(["link", "set", one, "up"]);
        self.ip(["link", "set", other, "up"]);
    }

    pub fn ip<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) {
        self.must("ip", arguments);
    }

    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        // `ip` replaces itself with the program, so the child's process number is the program's.
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    fn must<'a>(&self, program: &str, arguments: impl IntoIterator<Item = &'a str>) {
        let output = self.command(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Sends a capture and returns the number of packets.
    pub fn send(&self, interface: &str, options: &[&str], capture: &Path) -> u64 {
        let sending =
            self.command("tcpreplay").args(["-q", "-i", interface]).args(options).arg(capture).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&sending.stdout), String::from_utf8_lossy(&sending.stderr));
        assert!(sending.status.success() && !err.contains("Unable to send"), "{out}{err}");
        let sent = out.lines().find_map(|line| line.trim().strip_prefix("Successful packets:"));
        sent.unwrap_or_else(|| panic!("{out}")).trim().parse().unwrap()
    }

    /// Turns the loopback interface on.
    pub fn with_loopback(self) -> Self {
        self.ip(["link", "set", "lo", "up"]);
        self
    }

    /// A page of the sensor's metrics, fetched within the namespace.
    pub fn metrics(&self, port: u16, page: &str) -> String {
        let ask = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET {page} HTTP/1.0\r\n\r\n' >&3; cat <&3");
        let output = self.command("bash").args(["-c", &ask]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts `rattap live` and waits until it captures.
    pub fn sensor(&self, arguments: &[&str]) -> Sensor {
        self.sensor_with(arguments, &[])
    }

    /// As [`sensor`](Self::sensor), with these environment variables.
    pub fn sensor_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Sensor {
        self.start(self.command(env!("CARGO_BIN_EXE_rattap")), arguments, environment)
    }

    /// As [`sensor`](Self::sensor), started by the last line of this shell script.
    pub fn sensor_after(&self, script: &str, arguments: &[&str]) -> Sensor {
        let mut shell = self.command("sh");
        shell.args(["-ec", &format!("{script}\nexec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_rattap")]);
        self.start(shell, arguments, &[])
    }

    fn start(&self, mut command: Command, arguments: &[&str], environment: &[(&str, &str)]) -> Sensor {
        command.args(["live", "--sensor-host", "tap-01"]).args(arguments);
        if !arguments.contains(&"--user") {
            // The files of a test are in a folder that only root may enter.
            command.args(["--user", "root"]);
        }
        command
            .env_remove("RUST_LOG")
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("JOURNAL_STREAM");
        command.envs(environment.iter().copied());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (Told::listen(child.stdout.take().unwrap()), Told::listen(child.stderr.take().unwrap()));
        let sensor = Sensor { child, out, err };
        sensor.err.wait_for("capturing from", 1);
        sensor
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// The output of a stream so far.
struct Told {
    text: Arc<(Mutex<String>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Told {
    fn listen(stream: impl Read + Send + 'static) -> Self {
        let text: Arc<(Mutex<String>, Condvar)> = Arc::default();
        let told = text.clone();
        let reader = thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                *told.0.lock().unwrap() += &(line.unwrap() + "\n");
                told.1.notify_all();
            }
        });
        Self { text, reader: Some(reader) }
    }

    /// Waits until this many lines contain the text, and returns all output.
    fn wait_for(&self, what: &str, times: usize) -> String {
        let enough = |text: &str| text.lines().filter(|line| line.contains(what)).count() >= times;
        let text = self.text.0.lock().unwrap();
        let waited = self.text.1.wait_timeout_while(text, PATIENCE, |text| !enough(text)).unwrap();
        assert!(!waited.1.timed_out(), "{times} lines with {what:?} never came:\n{}", waited.0);
        waited.0.clone()
    }

    fn all(&mut self) -> String {
        self.reader.take().unwrap().join().unwrap();
        self.text.0.lock().unwrap().clone()
    }
}

/// A running sensor, killed when dropped.
pub struct Sensor {
    child: Child,
    out: Told,
    err: Told,
}

impl Drop for Sensor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The end of a sensor.
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Sensor {
    /// The process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has threads with these names.
    pub fn wait_for_threads(&self, wanted: &[&str]) {
        let began = Instant::now();
        loop {
            let threads = fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
            let names: Vec<_> = threads
                .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok())
                .map(|name| name.trim_end().to_owned())
                .collect();
            if wanted.iter().all(|wanted| names.iter().any(|name| name == wanted)) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{wanted:?} are not all among {names:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "{signal}");
    }

    /// Waits until this many lines of the log contain the text.
    pub fn wait_for_log(&self, what: &str, times: usize) -> String {
        self.err.wait_for(what, times)
    }

    /// Waits until this many alerts contain the text.
    pub fn wait_for_alerts(&self, what: &str, times: usize) -> String {
        self.out.wait_for(what, times)
    }

    /// Ends it with a signal that it handles.
    pub fn end(self) -> Ended {
        self.signal("TERM");
        self.wait()
    }

    pub fn wait(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "the sensor does not end:\n{}", self.err.text.0.lock().unwrap());
            thread::sleep(Duration::from_millis(10));
        };
        Ended { status, out: self.out.all(), err: self.err.all() }
    }
}

impl Ended {
    /// The number of packets in the closing summary.
    pub fn packets(&self) -> u64 {
        let line = self.err.lines().find(|line| line.contains(" packets, ") || line.contains(" packet, "));
        let line = line.unwrap_or_else(|| panic!("{}", self.err));
        line.split(' ').next().unwrap().replace(',', "").parse().unwrap()
    }
}

/// Waits until the file exists.
pub fn wait_for_file(path: &Path) {
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < PATIENCE, "{} never came", path.display());
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until the file has this many lines.
pub fn wait_for_lines(path: &Path, lines: usize) -> String {
    let began = Instant::now();
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.lines().count() >= lines {
            return text;
        }
        assert!(began.elapsed() < PATIENCE, "{lines} lines never came into {}:\n{text}", path.display());
        thread::sleep(Duration::from_millis(10));
    }
}
