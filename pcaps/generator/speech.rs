//! The payloads that clients and servers send over TCP and UDP.

use std::fmt::Display;

use super::random::Random;

/// A NetSupport client's request to its gateway, an address or, where there is one, with its port.
/// Lines end in a bare LF and the length stands in six columns, as in real traffic.
pub fn gateway_request(gateway: impl Display, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST http://{gateway}/fakeurl.htm HTTP/1.1\n\
         User-Agent: NetSupport Manager/1.3\n\
         Content-Type: application/x-www-form-urlencoded\n\
         Content-Length: {:>6}\n\
         Host: {gateway}\n\
         Connection: Keep-Alive\n\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A NetSupport gateway's answer.
pub fn gateway_response(body: &[u8]) -> Vec<u8> {
    gateway_response_of("1.92", body)
}

/// The answer of a gateway with this version.
pub fn gateway_response_of(version: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\n\
         Server: NetSupport Gateway/{version} (Windows NT)\n\
         Content-Type: application/x-www-form-urlencoded\n\
         Content-Length: {:>6}\n\
         Connection: Keep-Alive\n\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The first message of a NetSupport client: 22 bytes.
pub const POLL: &[u8] = b"CMD=POLL\nINFO=1\nACK=1\n";

/// An encoded command of `length` bytes in all (at least 20).
pub fn encoded(length: usize, random: &mut Random) -> Vec<u8> {
    let mut body = b"CMD=ENCD\nES=1\nDATA=".to_vec();
    body.extend(random.bytes(length.saturating_sub(body.len() + 1)));
    body.push(b'\n');
    body
}

/// A browser's request.
pub fn http_get(host: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64)\r\n\
         Accept: text/html,*/*\r\nAccept-Encoding: identity\r\nConnection: keep-alive\r\n\r\n"
    )
    .into_bytes()
}

/// A web server's answer.
pub fn http_ok(content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Connection: keep-alive\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The lookup of its location that a NetSupport client makes at its start.
pub fn geolocation_request() -> Vec<u8> {
    b"GET /location/loca.asp HTTP/1.1\r\nHost: geo.netsupportsoftware.com\r\nConnection: Keep-Alive\r\n\
      Cache-Control: no-cache\r\n\r\n"
        .to_vec()
}

/// A TLS record.
pub fn tls_record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &(content.len() as u16).to_be_bytes(), content].concat()
}

/// A TLS record with a handshake message.
pub fn tls_handshake(kind: u8, content: &[u8]) -> Vec<u8> {
    tls_record(22, &[&[kind, 0][..], &(content.len() as u16).to_be_bytes(), content].concat())
}

/// A TLS 1.2 ClientHello with a server name (RFC 5246 section 7.4.1.2, RFC 6066 section 3).
pub fn client_hello(server_name: &str, random: &mut Random) -> Vec<u8> {
    let name = server_name.as_bytes();
    let mut extensions = vec![0, 0];
    for length in [name.len() + 5, name.len() + 3] {
        extensions.extend((length as u16).to_be_bytes());
    }
    extensions.push(0);
    extensions.extend((name.len() as u16).to_be_bytes());
    extensions.extend(name);
    // Groups x25519 and secp256r1, uncompressed points, ALPN h2.
    extensions.extend([0, 10, 0, 6, 0, 4, 0, 29, 0, 23, 0, 11, 0, 2, 1, 0, 0, 16, 0, 5, 0, 3, 2, b'h', b'2']);
    let mut hello = vec![3, 3];
    hello.extend(random.bytes(32));
    hello.extend([0, 0, 6, 0xc0, 0x2b, 0xc0, 0x2f, 0x00, 0x9c, 1, 0]);
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    tls_handshake(1, &hello)
}

/// The server's side of a TLS 1.2 handshake, as far as it is in the clear: the ServerHello.
pub fn server_hello(random: &mut Random) -> Vec<u8> {
    let mut hello = vec![3, 3];
    hello.extend(random.bytes(32));
    hello.extend([0, 0xc0, 0x2f, 0]);
    tls_handshake(2, &hello)
}

/// A TLS record of `length` encrypted bytes.
pub fn tls_data(length: usize, random: &mut Random) -> Vec<u8> {
    tls_record(23, &random.bytes(length))
}

/// An NTP packet of version 4, of a client (mode 3) or a server (mode 4), with the time in seconds
/// since 1900.
pub fn ntp(server: bool, seconds: u32) -> Vec<u8> {
    let mut packet = vec![if server { 0x24 } else { 0x23 }, if server { 2 } else { 0 }, 6, 0xec];
    packet.extend([0; 36]);
    packet.extend(seconds.to_be_bytes());
    packet.extend([0x80, 0, 0, 0]);
    packet
}
