//! The HTTP server: one thread, a handful of connections, none of which can hold up another.
//!
//! Whoever can reach the address may be hostile. A client gets one answer for one connection, has seconds to ask and to read it,
//! and the oldest connection gives way to the newest where there are too many.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::Snapshot;
use super::page::{MEDIA_TYPE, page};

/// How many connections are kept at a time: a few Prometheus servers and a person's browser. Each may cost some 20 kB.
const MOST_CONNECTIONS: usize = 32;

/// How long a request's head may take: one packet from anybody who means well.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may last, the reading of the answer included. Prometheus gives up after ten seconds.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest head of a request; the least that hyper takes. Prometheus sends 300 bytes.
const LONGEST_HEAD: usize = 8 << 10;

/// How long to wait after a connection could not be accepted, for want of descriptors for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Gives the state of the sensor. Called for each request, so it must not take long.
type Look = dyn Fn() -> Snapshot + Send + Sync;

/// Serves until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// Dropped to stop.
    running: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on a socket that listens. Binding it is the caller's, because a port below 1024 takes rights that are given up before
    /// a thread may start.
    pub fn start(listener: TcpListener, look: impl Fn() -> Snapshot + Send + Sync + 'static) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (running, stop) = oneshot::channel();
        let look: Arc<Look> = Arc::new(look);
        let serve = move || {
            runtime.block_on(async {
                tokio::spawn(serve(listener, look));
                // Comes back when the sender is dropped. What is open then is closed with the runtime.
                let _ = stop.await;
            });
        };
        let thread = thread::Builder::new().name("metrics".to_owned()).spawn(serve)?;
        Ok(Self { address, running: Some(running), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it has been told already.
            let _ = thread.join();
        }
    }
}

/// Takes connections for ever.
async fn serve(listener: TcpListener, look: Arc<Look>) {
    // Fails only outside of a runtime.
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut connections: VecDeque<tokio::task::JoinHandle<()>> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        connections.retain(|connection| !connection.is_finished());
        if connections.len() >= MOST_CONNECTIONS
            && let Some(oldest) = connections.pop_front()
        {
            oldest.abort();
        }
        connections.push_back(tokio::spawn(answer_one(stream, look.clone())));
    }
}

/// Answers one request, and closes.
async fn answer_one(stream: TcpStream, look: Arc<Look>) {
    let service = service_fn(move |request| {
        let answer = answer(&request, &*look);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LONGEST_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // What goes wrong with a client is the client's business.
    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
}

fn answer(request: &Request<Incoming>, look: &Look) -> Response<Full<Bytes>> {
    const PLAIN: &str = "text/plain; charset=utf-8";
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET and HEAD\n".to_owned());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/metrics" => match page(look()) {
            Ok(page) => text(StatusCode::OK, MEDIA_TYPE, page),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n")),
        },
        "/healthz" => match look().troubles {
            troubles if troubles.is_empty() => text(StatusCode::OK, PLAIN, "ok\n".to_owned()),
            troubles => text(StatusCode::SERVICE_UNAVAILABLE, PLAIN, troubles.join("\n") + "\n"),
        },
        _ => text(StatusCode::NOT_FOUND, PLAIN, "there are /metrics and /healthz\n".to_owned()),
    }
}

fn text(status: StatusCode, media_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
