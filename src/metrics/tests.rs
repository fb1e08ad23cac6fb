use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::sensor::Totals;
use crate::units::ByteCount;

/// A snapshot with something of everything, and labels that try to break out.
fn full() -> Snapshot {
    let mut lag = Lag::default();
    for millis in [0, 1, 20, 20, 700, 100_000] {
        lag.observe(Duration::from_millis(millis));
    }
    let mut snapshot = Snapshot::of(&Totals::default());
    snapshot.packets = 1_000_000_000_000;
    snapshot.bytes = ByteCount(7);
    snapshot.drops[0].count = 3;
    let lost = |reason: &str, count| Drops { reason: reason.to_owned(), interface: Some("eth1".to_owned()), count };
    snapshot.drops.extend([lost("kernel", 5), lost("interface", 0)]);
    snapshot.sightings[1] = 12;
    snapshot.alerts[1] = 2;
    snapshot.queues = vec![Queue { name: "alerts", waiting: 4, capacity: 512 }];
    snapshot.lag = lag;
    snapshot.interfaces = vec![InterfaceState { name: "eth1".to_owned(), is_up: false }];
    let output = |name: &str, is_up| OutputState { name: name.to_owned(), is_up, written: 9, lost: 1 };
    snapshot.outputs = vec![output("-", true), output("/var/log/rattap/alerts.cef", false)];
    snapshot.spool = Some(SpoolState { size: ByteCount(10), in_memory: ByteCount(3), capacity: ByteCount(1 << 30) });
    let feed = |name: &str, age, is_current| FeedState { name: name.to_owned(), indicators: 9, age, is_current };
    snapshot.feeds = vec![feed("builtin", None, true), feed("mine.txt", Some(Duration::from_millis(1500)), false)];
    snapshot.suppressed = vec![("a\"} 1\nevil_total{b=\"\\".to_owned(), 8), ("help desk".to_owned(), 0)];
    snapshot
}

#[test]
fn the_page_says_all_of_a_snapshot() {
    let page = page(full(), Form::OpenMetrics).unwrap();
    for line in [
        "rattap_packets_total 1000000000000",
        "rattap_captured_bytes_total 7",
        "rattap_drops_total{reason=\"damaged\"} 3",
        "rattap_drops_total{reason=\"frame-not-ip\"} 0",
        "rattap_interface_drops_total{reason=\"kernel\",interface=\"eth1\"} 5",
        "rattap_sightings_total{signature=\"c2-address\"} 12",
        "rattap_alerts_total{signature=\"c2-address\"} 2",
        "rattap_alerts_total{signature=\"netsupport-gateway\"} 0",
        "rattap_suppressed_total{exclusion=\"help desk\"} 0",
        "rattap_suppressed_total{exclusion=\"a\\\"} 1\\nevil_total{b=\\\"\\\\\"} 8",
        "rattap_queue_length{queue=\"alerts\"} 4",
        "rattap_queue_capacity{queue=\"alerts\"} 512",
        "rattap_alert_lag_seconds_bucket{le=\"0.001\"} 2",
        "rattap_alert_lag_seconds_bucket{le=\"0.05\"} 4",
        "rattap_alert_lag_seconds_bucket{le=\"0.5\"} 4",
        "rattap_alert_lag_seconds_bucket{le=\"1.0\"} 5",
        "rattap_alert_lag_seconds_bucket{le=\"+Inf\"} 6",
        "rattap_alert_lag_seconds_count 6",
        "rattap_interface_up{interface=\"eth1\"} 0",
        "rattap_output_up{output=\"-\"} 1",
        "rattap_output_alerts_total{output=\"/var/log/rattap/alerts.cef\"} 9",
        "rattap_output_lost_total{output=\"-\"} 1",
        "rattap_spool_bytes 10",
        "rattap_indicators{feed=\"builtin\"} 9",
        "rattap_feed_age_seconds{feed=\"mine.txt\"} 1.5",
        "rattap_feed_current{feed=\"mine.txt\"} 0",
        "rattap_healthy 1",
    ] {
        assert!(page.lines().any(|told| told == line), "{line}\n{page}");
    }
    assert!(page.ends_with("# EOF\n"), "{page}");
    assert!(!page.contains("feed_age_seconds{feed=\"builtin\"}"), "{page}");
    // What a sensor does not have, it does not tell.
    assert!(!super::page(Snapshot::default(), Form::OpenMetrics).unwrap().contains("spool"));
}

/// A server of a snapshot that can be changed.
fn server() -> (Server, Arc<Mutex<Snapshot>>) {
    let snapshot = Arc::new(Mutex::new(full()));
    let look = snapshot.clone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (Server::start(listener, move || look.lock().unwrap().clone()).unwrap(), snapshot)
}

/// Status, media type and text of an answer.
fn get(server: &Server, path: &str) -> (u16, String, String) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let answer = ureq::Agent::new_with_config(config).get(format!("http://{}{path}", server.address().unwrap())).call();
    let mut answer = answer.unwrap();
    let media_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (answer.status().as_u16(), media_type, answer.body_mut().read_to_string().unwrap())
}

/// All that comes back for these bytes until the server closes.
fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address().unwrap()).unwrap();
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_client_gets_the_page_and_the_health() {
    let (server, snapshot) = server();
    let (status, media_type, text) = get(&server, "/metrics");
    assert_eq!((status, media_type.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(text, page(full(), Form::Prometheus).unwrap());
    assert_eq!(get(&server, "/metrics?name=x").0, 200);
    let health = get(&server, "/healthz");
    assert_eq!((health.0, health.2.as_str()), (200, "ok\n"));

    snapshot.lock().unwrap().troubles = vec!["eth1 is down".to_owned(), "mine.txt: old".to_owned()];
    let health = get(&server, "/healthz");
    assert_eq!((health.0, health.2.as_str()), (503, "eth1 is down\nmine.txt: old\n"));
    assert!(get(&server, "/metrics").2.contains("\nrattap_healthy 0\n"));
    assert_eq!(get(&server, "/").0, 404);
    assert_eq!(get(&server, "/metrics/").0, 404);
}

#[test]
fn open_metrics_come_only_where_asked_for() {
    for (accept, form) in [
        ("", Form::Prometheus),
        ("*/*", Form::Prometheus),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", Form::Prometheus),
        ("application/openmetrics-text;version=1.0.0;q=0", Form::Prometheus),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", Form::OpenMetrics),
        ("text/plain;q=0.5, Application/OpenMetrics-Text;version=1.0.0;q=0.8", Form::OpenMetrics),
    ] {
        assert_eq!(Form::accepted(accept), form, "{accept}");
    }
    let (server, _) = server();
    let ask = b"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text\r\n\r\n";
    let answer = raw(&server, ask);
    assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0;"), "{answer}");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
}

#[test]
fn the_prometheus_form_has_the_same_samples() {
    let samples = |form| -> Vec<String> {
        let text = page(full(), form).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(samples(Form::Prometheus), samples(Form::OpenMetrics));
    let text = page(full(), Form::Prometheus).unwrap();
    assert!(text.contains("# HELP rattap_packets_total Frames captured"), "{text}");
    assert!(text.contains("\n# TYPE rattap_packets_total counter\nrattap_packets_total 1"), "{text}");
    assert!(!text.contains("# UNIT") && !text.contains("# EOF"), "{text}");
}

#[test]
fn other_methods_are_refused_and_a_connection_is_for_one_answer() {
    let (server, _) = server();
    let post = raw(&server, b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("allow: GET, HEAD\r\n"), "{post}");
    let head = raw(&server, b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    let twice = raw(&server, &b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2));
    assert_eq!(twice.matches("HTTP/1.1 200").count(), 1, "{twice}");
    assert!(raw(&server, b"GET /healthz HTTP/1.0\r\n\r\n").ends_with("ok\n"));
}

#[test]
fn clients_that_ask_slowly_or_never_hold_up_nobody() {
    let (server, _) = server();
    let mut slow: Vec<TcpStream> = (0..200)
        .map(|number| {
            let mut stream = TcpStream::connect(server.address().unwrap()).unwrap();
            if number % 2 == 0 {
                stream.write_all(b"GET /metrics HTTP/1.1\r\nX-Slow: ").unwrap();
            }
            stream
        })
        .collect();
    for stream in slow.iter_mut().take(20) {
        assert_eq!(get(&server, "/healthz").0, 200);
        let _ = stream.write_all(b"x");
    }
    // Those that had to give way are closed.
    assert_eq!(slow[0].read(&mut [0; 1]).unwrap_or(0), 0);
}

#[test]
fn what_is_no_request_is_turned_away() {
    let (server, _) = server();
    for (bytes, answer) in [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a hello of TLS \r\n\r\n".to_vec(), "HTTP/1.1 400 "),
        ([b"GET /".to_vec(), vec![b'a'; 100_000], b" HTTP/1.1\r\n\r\n".to_vec()].concat(), ""),
        ([b"GET / HTTP/1.1\r\n".to_vec(), b"X: y\r\n".repeat(20_000)].concat(), ""),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), ""),
    ] {
        let told = raw(&server, &bytes);
        assert!(told.starts_with(answer) && !told.starts_with("HTTP/1.1 200"), "{told}");
        assert_eq!(get(&server, "/healthz").0, 200);
    }
}

#[test]
fn a_server_that_is_dropped_listens_no_more() {
    let (server, _) = server();
    let address = server.address().unwrap();
    let mut open = TcpStream::connect(address).unwrap();
    assert_eq!(get(&server, "/healthz").0, 200);
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(open.read(&mut [0; 1]).unwrap_or(0), 0);
}
