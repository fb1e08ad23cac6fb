//! Files that something happened to. What can be read of them counts.

use super::Group;
use super::cast::{ALL_LISTED, LISTED, WEB, client};
use super::formats::{all, frames, pcapng};
use super::link;
use super::random::Random;
use super::sample::{Found, Packing, found, sample};
use super::tape::{Tape, Tcp};
use super::write::{Order, PLAIN_CLOCK, Pcap, Pcapng};

/// The block of the damaged pcapng file whose second length is wrong.
const WRONG_BLOCK: usize = 11;

fn endpoint(server: &'static str) -> Found {
    found("c2-endpoint", "10.20.30.40", server, 1)
}

pub fn group() -> Group {
    Group {
        title: "Damaged files",
        about: "The conversation of the file formats above, unless a row says otherwise.",
        samples: vec![
            sample("damaged/cut-in-a-frame.pcap", "The file ends within the last frame.", all(), || conversation(20))
                .damaged(),
            sample(
                "damaged/cut-in-a-record-header.pcap",
                "The file ends within the header of the last record.",
                all(),
                || conversation(60 + 9),
            )
            .damaged(),
            sample("damaged/cut-in-the-file-header.pcap", "Ten bytes of a pcap header.", vec![], || {
                Pcap::default().header(link::ETHERNET.number)[..10].to_vec()
            })
            .damaged(),
            sample(
                "damaged/impossible-length.pcap",
                "A contact; a benign frame whose record claims a length of 4,294,967,040 bytes; a benign \
                 conversation; another contact.",
                vec![endpoint("91.202.233.25:4888"), endpoint("193.202.84.64:581")],
                impossible_length,
            )
            .damaged(),
            sample(
                "damaged/wrong-trailing-length.pcapng",
                "The trailing length of a block in the middle is 4; the first length is right. Good blocks follow.",
                all(),
                wrong_trailing_length,
            )
            .damaged(),
            sample("damaged/cut-in-a-block.pcapng", "The file ends within the last packet block.", all(), || {
                let mut bytes = pcapng(Order::Little);
                bytes.truncate(bytes.len() - 20);
                bytes
            })
            .damaged(),
            sample(
                "damaged/unknown-interface.pcapng",
                "A packet block in the middle names an interface that no block describes.",
                vec![endpoint("91.202.233.25:4888"), endpoint("193.202.84.64:581")],
                unknown_interface,
            )
            .damaged(),
            sample(
                "damaged/cut.pcap.gz",
                "The second half of the compressed file is missing. The contact is in the first frames; benign \
                 conversations follow.",
                vec![endpoint("91.202.233.25:4888")],
                contact_then_benign,
            )
            .packed(Packing::GzipCut)
            .damaged(),
            sample("damaged/not-a-capture.pcap", "A text file.", vec![], || {
                b"This is no capture: it names 91.202.233.25:4888 and feersona.net, but as text.\n".to_vec()
            })
            .damaged(),
            sample("damaged/empty.pcap", "An empty file.", vec![], Vec::new).damaged(),
        ],
    }
}

/// The conversation of the file formats, without its last bytes. Its last frame is a bare
/// acknowledgement of 60 bytes.
fn conversation(lost: usize) -> Vec<u8> {
    let mut bytes = Pcap::default().file(link::ETHERNET.number, &frames());
    bytes.truncate(bytes.len() - lost);
    bytes
}

fn benign(tape: &mut Tape, port: u16, random: &mut Random) {
    let (asked, answered) = (random.bytes(300), random.bytes(900));
    Tcp::new(client(port), WEB).whole(tape.wait(200), &asked, &answered);
}

/// A contact, a benign conversation and another contact; and how many frames the first contact has.
fn two_contacts() -> (Tape, usize) {
    let mut tape = Tape::new();
    Tcp::new(client(49_741), LISTED).syn(&mut tape).refuse(&mut tape);
    let first = tape.frames.len();
    benign(&mut tape, 50_443, &mut Random::new(5));
    Tcp::new(client(49_742), ALL_LISTED[3]).syn(tape.wait(500)).refuse(&mut tape);
    (tape, first)
}

fn impossible_length() -> Vec<u8> {
    let (tape, first) = two_contacts();
    let mut bytes = Pcap::default().header(tape.link.number);
    for (number, frame) in tape.frames.iter().enumerate() {
        let mut record = Pcap::default().record(frame);
        if number == first {
            record[8..16].copy_from_slice(&[0x00, 0xff, 0xff, 0xff, 0x00, 0xff, 0xff, 0xff]);
        }
        bytes.extend(record);
    }
    bytes
}

fn wrong_trailing_length() -> Vec<u8> {
    let mut file = Pcapng::new(Order::Little);
    file.interface(link::ETHERNET.number, 262_144, PLAIN_CLOCK);
    for (number, frame) in frames().iter().enumerate() {
        file.enhanced(0, PLAIN_CLOCK, frame);
        if number == WRONG_BLOCK {
            let end = file.bytes.len();
            file.bytes[end - 4..].copy_from_slice(&Order::Little.u32(4));
        }
    }
    file.bytes
}

fn unknown_interface() -> Vec<u8> {
    let (tape, first) = two_contacts();
    let mut file = Pcapng::new(Order::Little);
    file.interface(tape.link.number, 262_144, PLAIN_CLOCK);
    for (number, frame) in tape.frames.iter().enumerate() {
        file.enhanced(if number == first { 7 } else { 0 }, PLAIN_CLOCK, frame);
    }
    file.bytes
}

fn contact_then_benign() -> Vec<u8> {
    let mut tape = Tape::new();
    let mut random = Random::new(9);
    Tcp::new(client(49_741), LISTED).syn(&mut tape).refuse(&mut tape);
    for port in 0..40 {
        benign(&mut tape, 50_000 + port, &mut random);
    }
    tape.pcap()
}
