//! A network of its own for each test: a namespace with pairs of virtual interfaces, and programs in it.

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

/// How long something that must come is waited for. Only a failing test takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A network namespace, gone when dropped.
pub struct Net {
    name: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Net {
    /// A network, or word that there is none: it takes the rights to make one, and tcpreplay to send packets.
    pub fn new() -> Option<Self> {
        // What a killed run left behind would have this process's number.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("rattap-test-{}-{number}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).stderr(Stdio::null()).status();
        let net = made.is_ok_and(|status| status.success()).then_some(Self { name });
        let sends = Command::new("tcpreplay").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let Some(net) = net.filter(|_| sends.is_ok_and(|status| status.success())) else {
            skip(Need::Namespaces, "no right to make a network namespace, or iproute2 or tcpreplay is not installed");
            return None;
        };
        // Nothing but what the test sends is to be on the wire.
        net.must("sh", ["-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"]);
        Some(net)
    }

    /// As [`new`](Self::new), with one pair: what is sent into `a` comes out of `b`.
    pub fn with_pair() -> Option<Self> {
        let net = Self::new()?;
        net.pair("a0", "b0");
        Some(net)
    }

    pub fn pair(&self, one: &str, other: &str) {
        // Longer than Ethernet's, since some samples hold longer frames.
        self.ip(["link", "add", "name", one, "mtu", "9000", "type", "veth", "peer", "name", other, "mtu", "9000"]);
        self.ip(["link", "set", one, "up"]);
        self.ip(["link", "set", other, "up"]);
    }

    pub fn ip<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) {
        self.must("ip", arguments);
    }

    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        // It becomes the program, which so has the child's number.
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    fn must<'a>(&self, program: &str, arguments: impl IntoIterator<Item = &'a str>) {
        let output = self.command(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Sends a capture, and says how many packets that were.
    pub fn send(&self, interface: &str, options: &[&str], capture: &Path) -> u64 {
        let sending =
            self.command("tcpreplay").args(["-q", "-i", interface]).args(options).arg(capture).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&sending.stdout), String::from_utf8_lossy(&sending.stderr));
        assert!(sending.status.success() && !err.contains("Unable to send"), "{out}{err}");
        let sent = out.lines().find_map(|line| line.trim().strip_prefix("Successful packets:"));
        sent.unwrap_or_else(|| panic!("{out}")).trim().parse().unwrap()
    }

    /// Has connections within it.
    pub fn with_loopback(self) -> Self {
        self.ip(["link", "set", "lo", "up"]);
        self
    }

    /// The page that the sensor's metrics show within it.
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

    /// As [`sensor`](Self::sensor), with these in its environment.
    pub fn sensor_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Sensor {
        let mut command = self.command(env!("CARGO_BIN_EXE_rattap"));
        command.args(["live", "--sensor-host", "tap-01"]).args(arguments);
        if !arguments.contains(&"--user") {
            // A test's files are in a folder of root's alone.
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

/// What a stream said so far.
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

    /// Waits until so many lines hold this, and returns all that was said.
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

/// A running sensor. One that is dropped is killed.
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

/// How a sensor ended.
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Sensor {
    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "{signal}");
    }

    /// Waits until so many lines of the log hold this.
    pub fn wait_for_log(&self, what: &str, times: usize) -> String {
        self.err.wait_for(what, times)
    }

    /// Waits until so many alerts hold this.
    pub fn wait_for_alerts(&self, what: &str, times: usize) -> String {
        self.out.wait_for(what, times)
    }

    /// Ends it in order.
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
    /// The packets that the closing summary counts.
    pub fn packets(&self) -> u64 {
        let line = self.err.lines().find(|line| line.contains(" packets, ") || line.contains(" packet, "));
        let line = line.unwrap_or_else(|| panic!("{}", self.err));
        line.split(' ').next().unwrap().replace(',', "").parse().unwrap()
    }
}

/// Waits until there is such a file.
pub fn wait_for_file(path: &Path) {
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < PATIENCE, "{} never came", path.display());
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a file has so many lines.
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
