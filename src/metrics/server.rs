//! The HTTP server: one thread with few connections, none of which can block another.
//!
//! Anybody who can reach the address may be hostile. A client gets one answer for a connection and
//! has seconds to ask and to read. Where there are too many connections, the oldest one is closed
//! for the newest.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use super::page::{Form, page};
use super::snapshot::Snapshot;
use super::status::Status;

/// The most connections at a time: a few Prometheus servers and a browser. Each may cost some 20
/// kB.
const MOST_CONNECTIONS: usize = 32;

/// The longest time for the head of a request, which honest clients send in one packet.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest time for a connection, reading the answer included. Prometheus gives up after ten
/// seconds.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest head of a request: the smallest limit that hyper allows. Prometheus sends 300 bytes.
const LONGEST_HEAD: usize = 8 << 10;

/// The pause after a connection could not be accepted, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Returns the state of the sensor. It is called for each request, so it must not take long.
type TakeSnapshot = dyn Fn() -> Snapshot + Send + Sync;

/// A socket that listens.
#[derive(Debug)]
pub enum Listener {
    /// An address of the network.
    Tcp(TcpListener),
    /// A socket of this machine.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: Option<SocketAddr>,
    /// Dropped to stop.
    running: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on a socket that listens. The caller binds it, because a port below 1024 needs rights
    /// that are given up before a thread may start.
    pub fn start(
        listener: impl Into<Listener>,
        take_snapshot: impl Fn() -> Snapshot + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = listener.into();
        let address = match &listener {
            Listener::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Some(listener.local_addr()?)
            }
            Listener::Unix(listener) => {
                listener.set_nonblocking(true)?;
                None
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (running, stop) = oneshot::channel();
        let take_snapshot: Arc<TakeSnapshot> = Arc::new(take_snapshot);
        let serve = move || {
            runtime.block_on(async {
                tokio::spawn(serve(listener, take_snapshot));
                // Returns when the sender is dropped. Open connections are closed with the runtime.
                let _ = stop.await;
            });
        };
        let thread = thread::Builder::new().name("metrics".to_owned()).spawn(serve)?;
        Ok(Self { address, running: Some(running), thread: Some(thread) })
    }

    /// The address of the network that it listens on.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was printed already.
            let _ = thread.join();
        }
    }
}

/// Accepts connections for ever.
async fn serve(listener: Listener, take_snapshot: Arc<TakeSnapshot>) {
    let mut connections = Connections { open: VecDeque::new(), take_snapshot };
    // `from_std` fails only outside of a runtime.
    match listener {
        Listener::Tcp(listener) => {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            loop {
                connections.add(listener.accept().await.map(|(stream, _)| stream)).await;
            }
        }
        Listener::Unix(listener) => {
            let Ok(listener) = tokio::net::UnixListener::from_std(listener) else { return };
            loop {
                connections.add(listener.accept().await.map(|(stream, _)| stream)).await;
            }
        }
    }
}

/// The open connections, each with a task of its own.
struct Connections {
    open: VecDeque<tokio::task::JoinHandle<()>>,
    take_snapshot: Arc<TakeSnapshot>,
}

impl Connections {
    async fn add<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&mut self, stream: io::Result<S>) {
        let Ok(stream) = stream else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            return;
        };
        self.open.retain(|connection| !connection.is_finished());
        if self.open.len() >= MOST_CONNECTIONS
            && let Some(oldest) = self.open.pop_front()
        {
            oldest.abort();
        }
        self.open.push_back(tokio::spawn(answer_one(stream, self.take_snapshot.clone())));
    }
}

/// Answers one request, and closes the connection.
async fn answer_one<S: AsyncRead + AsyncWrite + Unpin>(stream: S, take_snapshot: Arc<TakeSnapshot>) {
    let service = service_fn(move |request| {
        let answer = answer(&request, &*take_snapshot);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LONGEST_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A fault of a client concerns nobody else.
    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
}

fn answer(request: &Request<Incoming>, take_snapshot: &TakeSnapshot) -> Response<Full<Bytes>> {
    const PLAIN: &str = "text/plain; charset=utf-8";
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET and HEAD\n".to_owned());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/metrics" => {
            let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
            let form = Form::accepted(accept.unwrap_or_default());
            match page(take_snapshot(), form) {
                Ok(page) => text(StatusCode::OK, form.media_type(), page),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n")),
            }
        }
        "/healthz" => match take_snapshot().troubles {
            troubles if troubles.is_empty() => text(StatusCode::OK, PLAIN, "ok\n".to_owned()),
            troubles => text(StatusCode::SERVICE_UNAVAILABLE, PLAIN, troubles.join("\n") + "\n"),
        },
        "/status" => match serde_json::to_string(&Status::of(&take_snapshot())) {
            Ok(json) => text(StatusCode::OK, "application/json", json + "\n"),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n")),
        },
        _ => text(StatusCode::NOT_FOUND, PLAIN, "there are /metrics, /healthz and /status\n".to_owned()),
    }
}

fn text(status: StatusCode, media_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
