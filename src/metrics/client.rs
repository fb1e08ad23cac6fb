//! Asks a running sensor for its status.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::status::Status;

/// The longest time for a question and its answer. A healthy sensor answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer: some thousand lists and outputs. It bounds the memory if something else than
/// a sensor answers.
const LONGEST_ANSWER: usize = 1 << 20;

/// The address of a running sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SensorAddress {
    /// The address of its metrics.
    Metrics(SocketAddr),
    /// Its Unix socket.
    Socket(PathBuf),
}

impl std::fmt::Display for SensorAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Metrics(address) => address.fmt(f),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

/// Fetches the status of the sensor at an address.
///
/// # Errors
///
/// The error of the connection, or `InvalidData` if the answer is not that of a sensor.
pub fn fetch_status(address: &SensorAddress) -> io::Result<Status> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let answer = tokio::time::timeout(PATIENCE, async {
            match address {
                SensorAddress::Metrics(address) => ask(TcpStream::connect(address).await?).await,
                SensorAddress::Socket(path) => ask(UnixStream::connect(path).await?).await,
            }
        });
        let answer = answer.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        serde_json::from_slice(&answer).map_err(|_| not_a_sensor())
    })
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> io::Result<Bytes> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // Its error is that of the request, too.
    tokio::spawn(connection);
    let request =
        Request::get("/status").header(HOST, "rattap").body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
    let response = sender.send_request(request).await.map_err(|_| not_a_sensor())?;
    if response.status() != StatusCode::OK {
        return Err(not_a_sensor());
    }
    let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
    body.map(|body| body.to_bytes()).map_err(|_| not_a_sensor())
}

fn not_a_sensor() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what answers is not a rattap sensor of this version")
}
