//! TLS conversations as browsers hold them today: each begins with a ClientHello that a
//! post-quantum key share splits over two segments.

use std::net::SocketAddr;

use super::flows;
use crate::generator::hello::{Hello, hello};
use crate::generator::random::Random;
use crate::generator::speech;
use crate::generator::tape::{Tape, Tcp};

/// The longest payload of a segment: where the hello is split.
const SPLIT: usize = 1460;
/// The server's part of the handshake: a ServerHello with its post-quantum share, and a chain of
/// certificates.
const SERVER_HELLO: usize = 1200;
const CERTIFICATES: usize = 2600;
/// The end of the client's handshake, with the first request.
const FINISHED: usize = 58;
const REQUEST: usize = 520;
/// The answer.
const ANSWER: usize = 2100;

/// The order of a hello's two segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The first before the second.
    Sent,
    /// The second before the first.
    Swapped,
}

/// A browser's hello of some 1.7 kB. Its name lies in the first segment or in the second.
pub fn browser_hello(name: &str, name_first: bool, random: &mut Random) -> Vec<u8> {
    Hello { small_extensions: true, name_first, ..hello(name).like_chrome() }.record(random)
}

/// A conversation from SYN to FIN, 17 packets.
pub fn conversation(
    (client, server): (SocketAddr, SocketAddr),
    hello: &[u8],
    order: Order,
    random: &mut Random,
) -> Tape {
    let mut tape = Tape::new();
    let mut tcp = Tcp::new(client, server);
    tcp.open(&mut tape);
    match order {
        Order::Sent => tcp.ask(&mut tape, hello),
        Order::Swapped => {
            let (first, second) = hello.split_at(SPLIT.min(hello.len()));
            tcp.ask_at(&mut tape, first.len(), second).ask_at(&mut tape, 0, first).asked(hello.len())
        }
    };
    tcp.acknowledge_by_server(&mut tape);
    let answered = [speech::tls_handshake(2, &random.bytes(SERVER_HELLO)), speech::tls_data(CERTIFICATES, random)];
    tcp.answer(&mut tape, &answered.concat()).acknowledge(&mut tape);
    let asked = [speech::tls_data(FINISHED, random), speech::tls_data(REQUEST, random)];
    tcp.ask(&mut tape, &asked.concat()).answer(&mut tape, &speech::tls_data(ANSWER, random));
    tcp.acknowledge(&mut tape).close(&mut tape);
    tape
}

/// The ordinary conversation with this number. The name follows the key share, in the second
/// segment: it can be read only once both have come.
pub fn ordinary(number: u32, random: &mut Random) -> Tape {
    let (client, server) = flows::ends(number);
    let hello = browser_hello(&flows::name(number), false, random);
    conversation((client, (server.ip(), 443).into()), &hello, Order::Sent, random)
}
