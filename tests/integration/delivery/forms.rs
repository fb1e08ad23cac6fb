//! Every transport to a receiver, and the form of what arrives.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rattap::output::{self, Mode, Sensor, Target};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::receiver::{Rsyslog, free_port, has_rsyslog, read_to_end};
use crate::run::{Run, replay, sample};

const CONTACT: &str = "endpoint/udp.pcap";

/// The lines of the sample, as in a file.
fn lines() -> Vec<String> {
    replay(&[], &[sample(CONTACT)]).out.lines().map(str::to_owned).collect()
}

fn send_to(target: &str) -> Run {
    replay(&["-o", target], &[sample(CONTACT)])
}

/// The CEF line of a message with this RFC 3164 header. Only the form of the time is checked.
fn unwrap<'a>(message: &'a str, host: &str) -> &'a str {
    let rest = message.strip_prefix("<164>").unwrap_or_else(|| panic!("{message}"));
    let (time, rest) = rest.split_at(16);
    let form: String = time.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    assert!(form[3..] == *" 00 00:00:00 " || form[3..] == *"  0 00:00:00 ", "{message}");
    rest.strip_prefix(host).unwrap_or_else(|| panic!("{message}"))
}

fn assert_sent(run: &Run) {
    assert_eq!((run.code, run.out.as_str()), (0, ""), "{}", run.err);
}

#[test]
fn a_stream_gets_messages_in_either_framing() {
    let lines = lines();
    assert!(lines.len() > 1);
    for framing in ["newline", "octets"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = format!("tcp://{}?framing={framing}", listener.local_addr().unwrap());
        let receiving = thread::spawn(move || read_to_end(&listener));
        assert_sent(&send_to(&target));
        let text = receiving.join().unwrap();
        assert_eq!(messages(&text, framing), lines);
    }
}

/// The CEF lines in a stream.
fn messages(text: &str, framing: &str) -> Vec<String> {
    let mut list = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let message = if framing == "octets" {
            let (length, after) = rest.split_once(' ').unwrap();
            let (message, after) = after.split_at(length.parse().unwrap());
            rest = after;
            message
        } else {
            let (message, after) = rest.split_once('\n').unwrap();
            rest = after;
            message
        };
        list.push(unwrap(message, "tap-01 ").to_owned());
    }
    list
}

#[test]
fn a_datagram_is_a_message() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_sent(&send_to(&format!("udp://{}", socket.local_addr().unwrap())));
    let mut bytes = [0; 4096];
    for line in lines() {
        let length = socket.recv(&mut bytes).unwrap();
        assert_eq!(unwrap(std::str::from_utf8(&bytes[..length]).unwrap(), "tap-01 "), line);
    }
}

#[test]
fn a_socket_of_this_machine_gets_messages_without_a_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    assert_sent(&send_to(&format!("unix://{}", path.display())));
    let mut bytes = [0; 4096];
    for line in lines() {
        let length = socket.recv(&mut bytes).unwrap();
        assert_eq!(unwrap(std::str::from_utf8(&bytes[..length]).unwrap(), ""), line);
    }

    let path = folder.path().join("stream");
    let listener = UnixListener::bind(&path).unwrap();
    let receiving = thread::spawn(move || {
        let mut text = String::new();
        listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
        text
    });
    assert_sent(&send_to(&format!("unix://{}?kind=stream&tag=nsm", path.display())));
    let text = receiving.join().unwrap();
    let received: Vec<_> = text.lines().map(|message| unwrap(message, "nsm: ")).collect();
    assert_eq!(received, lines());
}

#[test]
fn rsyslog_reads_either_format_in_either_framing() {
    if !has_rsyslog() {
        return;
    }
    let mut rsyslog = Rsyslog::as_parsed();
    rsyslog.start();
    for framing in ["newline", "octets"] {
        for format in ["rfc3164", "rfc5424"] {
            let options = format!("framing={framing}&format={format}&facility=local1&severity=notice&tag=nsm");
            assert_sent(&send_to(&format!("tcp://127.0.0.1:{}?{options}", rsyslog.port)));
        }
    }
    rsyslog.stop("TERM");
    let expected: String = lines().iter().map(|line| format!("local1 notice tap-01 nsm {line}\n")).collect();
    assert_eq!(rsyslog.received(), expected.repeat(4));
}

#[test]
fn the_documented_forwarder_hands_alerts_to_the_agents_port() {
    if !has_rsyslog() {
        return;
    }
    let agent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free_port();
    let page = include_str!("../../../docs/sentinel.md");
    let start = page.find("# /etc/rsyslog.d/30-rattap.conf").unwrap();
    let config = page[start..].split("```").next().unwrap();
    let config = config
        .replace("port=\"1514\"", &format!("address=\"127.0.0.1\" port=\"{port}\""))
        .replace("28330", &agent.local_addr().unwrap().port().to_string());
    let mut rsyslog = Rsyslog::with(config, port);
    rsyslog.start();
    assert_sent(&send_to(&format!("tcp://127.0.0.1:{port}")));
    let received = BufReader::new(agent.accept().unwrap().0).lines();
    for (line, message) in lines().into_iter().zip(received) {
        // rsyslog takes `CEF:` for the tag, and the template puts a blank behind it, as in
        // Microsoft's own samples.
        assert_eq!(unwrap(&message.unwrap(), "tap-01 CEF: "), line.strip_prefix("CEF:").unwrap());
    }
}

#[test]
fn an_absent_receiver_is_reported_with_the_undelivered_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let (file, spool) = (folder.path().join("alerts.cef"), folder.path().join("spool"));
    let (file, spool) = (file.to_str().unwrap(), spool.to_str().unwrap());
    let port = free_port();
    let target = format!("tcp://127.0.0.1:{port}");
    let run =
        crate::run::run(["replay", "-o", &target, "-o", file, "--spool", spool, sample(CONTACT).to_str().unwrap()]);
    assert_eq!(run.code, 1, "{}", run.err);
    let count = lines().len();
    assert!(
        run.err.contains(&format!("{target}: {count} alerts are not known to have arrived; they stay in ")),
        "{}",
        run.err
    );
    assert_eq!(run.err.matches("not connected: Connection refused").count(), 1, "{}", run.err);
    assert_eq!(fs::read_to_string(file).unwrap().lines().count(), count);

    // The next run sends them first.
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let receiving = thread::spawn(move || read_to_end(&listener));
    let run = replay(&["-o", &target, "--spool", spool], &[sample("quiet/reverse-lookups.pcap")]);
    assert_sent(&run);
    assert_eq!(receiving.join().unwrap().lines().count(), count);
}

/// A certificate authority, and the files that it signed.
struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    /// Signs a certificate for each name. The files are named after it.
    fn new(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, folder.path().to_str().unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, key);
        for name in names {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![(*name).to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            fs::write(folder.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
            fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}

fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

/// A receiver named `server`, which requires a certificate of the authority. Sends what it received
/// over each connection to the channel.
fn tls_receiver(authority: &Authority) -> (String, mpsc::Receiver<std::io::Result<String>>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&authority.path("ca.pem"))).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate(&authority.path("server.pem"))],
            PrivateKeyDer::from_pem_file(authority.path("server.key")).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("tls://{}?name=server", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream.unwrap());
            let mut text = String::new();
            let read = stream.read_to_string(&mut text).map(|_| text);
            stream.conn.send_close_notify();
            let _ = stream.conn.complete_io(&mut stream.sock);
            if tell.send(read).is_err() {
                return;
            }
        }
    });
    (target, told)
}

#[test]
fn tls_with_certificates_on_both_sides() {
    let authority = Authority::new(&["server", "sensor"]);
    let (target, received) = tls_receiver(&authority);
    let [ca, cert, key] = ["ca.pem", "sensor.pem", "sensor.key"].map(|name| authority.text(name));
    for framing in ["octets", "newline"] {
        assert_sent(&send_to(&format!("{target}&ca={ca}&cert={cert}&key={key}&framing={framing}")));
        assert_eq!(messages(&received.recv().unwrap().unwrap(), framing), lines());
    }
}

#[test]
fn an_untrusted_receiver_gets_nothing_and_the_reason_is_logged() {
    let (authority, other) = (Authority::new(&["server", "sensor"]), Authority::new(&["server", "sensor"]));
    let (target, received) = tls_receiver(&authority);
    let ca = authority.text("ca.pem");
    let with = |ca: &str, identity: &str| format!("{target}&ca={ca}{identity}");
    let identity = |of: &Authority| format!("&cert={}&key={}", of.text("sensor.pem"), of.text("sensor.key"));
    for (target, why) in [
        (with(&other.text("ca.pem"), &identity(&authority)), "UnknownIssuer"),
        (with(&ca, "&name=another"), "not valid for name"),
        (with(&ca, ""), "CertificateRequired"),
        (with(&ca, &identity(&other)), "UnknownCA"),
    ] {
        let (tell, told) = mpsc::channel();
        let report = Arc::new(move |_: &str, event: output::Event| drop(tell.send(event.to_string())));
        let targets = [Target::parse(target.as_ref()).unwrap()];
        let output = output::open(&targets, &Sensor::default(), Mode::Live, None, &(report as output::EventHandler));
        let told = told.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(told.starts_with("not connected: ") && told.contains(why), "{target}: {told}");
        drop(output);
        assert!(received.recv().unwrap().is_err());
    }
}

#[test]
fn unusable_tls_files_are_reported_at_the_start() {
    let authority = Authority::new(&["sensor"]);
    let empty = authority.path("empty.pem");
    fs::write(&empty, "nothing\n").unwrap();
    let [ca, cert, key] = ["ca.pem", "sensor.pem", "sensor.key"].map(|name| authority.text(name));
    for (options, why) in [
        ("ca=/gone.pem".to_owned(), "/gone.pem: no certificate can be read: No such file"),
        (format!("ca={}", empty.display()), "empty.pem: no certificate"),
        (format!("ca={ca}&cert={cert}&key={ca}"), "ca.pem: no private key"),
        (format!("ca={ca}&cert={ca}&key={key}"), "ca.pem: "),
        (format!("ca={ca}&name=a b"), "no server has such a name"),
    ] {
        let run = send_to(&format!("tls://127.0.0.1?{options}"));
        assert_eq!(run.code, 2, "{}", run.err);
        assert!(run.err.contains(why), "{options}: {}", run.err);
    }
}

#[test]
fn a_symbolic_link_in_the_spool_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let (victim, spool) = (folder.path().join("victim"), folder.path().join("spool/tcp-127.0.0.1_514"));
    fs::write(&victim, "mine").unwrap();
    fs::create_dir_all(&spool).unwrap();
    for name in ["mark", "mark.new", "00000000000000000001.segment"] {
        let link = spool.join(name);
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        let parent = folder.path().join("spool");
        let run = replay(&["-o", "tcp://127.0.0.1", "--spool", parent.to_str().unwrap()], &[sample(CONTACT)]);
        let why = format!("cannot use the spool: {} is a symbolic link, which a spool never follows", link.display());
        assert_eq!(run.code, 2, "{}", run.err);
        assert!(run.err.contains(&why), "{}", run.err);
        fs::remove_file(&link).unwrap();
    }
    assert_eq!(fs::read(&victim).unwrap(), b"mine");
}

#[test]
fn targets_that_make_no_sense_are_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    let file = file.to_str().unwrap();
    for (options, why) in [
        (&["-o", "http://h"][..], "no kind of output"),
        (&["-o", "tcp://h:0"], "port 0"),
        (&["-o", "-", "-o", "-"], "-o -: is given twice"),
        (&["-o", "tcp://h", "-o", "tcp://h:514?tag=x"], "tcp://h:514: is named twice"),
        (&["-o", "tcp://127.0.0.1", "--spool", file], "cannot use the spool"),
        (&["-o", "tcp://127.0.0.1", "--spool", "s", "--spool-limit", "1MB"], "--spool-limit"),
        (&["--spool-limit", "1GiB"], "--spool"),
    ] {
        let run = replay(options, &[sample(CONTACT)]);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{options:?}: {}", run.err);
        assert!(run.err.contains(why), "{options:?}: {}", run.err);
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "mine");
}
