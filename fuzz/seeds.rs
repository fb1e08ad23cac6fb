//! Writes the seeds of all targets into `fuzz/corpus/TARGET/`, from the sample captures. Other
//! files there are left alone.

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rattap::capture::{Block, FileSource, FillStatus, Input, Inputs, LinkType, Source};
use rattap::decode::decode;
use rattap::flow::Protocol;
use rattap::protocol::quic::may_be_initial;

/// The largest seed in bytes. Larger ones make the fuzzer slow.
const LARGEST: usize = 16 << 10;

/// The most frames of a seed for `scan`.
const MOST_FRAMES: usize = 24;

/// A plain list with various spellings.
const SPELLINGS: &[u8] = b"# list\n203.0.113.7:443\n203[.]0[.]113[.]8[:]444 # why\n[2001:db8::1]:443\n10.0.0.0/8\n\
GW.Evil[.]example.\n*.wild.example\n2001:db8::/32\n";

/// A list in each of the other formats.
const LISTS: [(&str, &str); 11] = [
    (
        "threatfox-csv",
        "# Last updated: 2026-07-04 22:50:12 UTC\n# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"threat_type\",\"fk_malware\",\
         \"malware_alias\",\"malware_printable\",\"last_seen_utc\",\"confidence_level\",\"is_compromised\",\"reference\",\"tags\",\"anonymous\",\
         \"reporter\"\n\"2026-07-04 21:46:30\", \"1\", \"203.0.113.7:5555\", \"ip:port\", \"botnet_cc\", \"win.x\", \"A,B\", \"X\", \"\", \"75\", \
         \"False\", \"None\", \"c2\", \"0\", \"r\"\n",
    ),
    (
        "threatfox-json",
        "{\"1\": [{\"ioc_value\": \"203.0.113.7:5555\", \"ioc_type\": \"ip:port\", \"confidence_level\": 75}]}",
    ),
    (
        "threatfox-api",
        "{\"query_status\": \"ok\", \"data\": [{\"ioc\": \"evil.example\", \"ioc_type\": \"domain\", \"tags\": [\"a\"]}]}",
    ),
    (
        "misp-json",
        "{\"Event\": {\"info\": \"x\", \"Attribute\": [{\"type\": \"domain|ip\", \"value\": \"evil.example|203.0.113.7\", \"to_ids\": true}]}}",
    ),
    (
        "misp-csv",
        "uuid,event_id,category,type,value,comment,to_ids,date\nu,1,\"x\",\"ip-dst|port\",\"203.0.113.7|5678\",\"\",1,1783201590\n",
    ),
    (
        "stix",
        "{\"type\": \"bundle\", \"objects\": [{\"type\": \"indicator\", \"pattern\": \"[(network-traffic:dst_ref.value = '203.0.113.7' AND \
         network-traffic:dst_port = 5678) OR domain-name:value = 'evil.example']\", \"valid_from\": \"2026-06-01T00:00:00Z\"}]}",
    ),
    (
        "zeek",
        "#fields\tindicator\tindicator_type\tmeta.source\n203.0.113.7\tIntel::ADDR\tx\nevil.example/x\tIntel::URL\tx\n",
    ),
    ("maltrail", "# Reference: https://example.org\n\n203.0.113.7:5678\nhttp://203.0.113.8\nevil.example/x\n/path\n"),
    ("host-file", "127.0.0.1\tlocalhost\n0.0.0.0 evil.example a.example # x\n"),
    ("suricata-dataset", "ZXZpbC5leGFtcGxl\nYS5leGFtcGxlCg==,10\n"),
    ("suricata-iprep", "203.0.113.7,1,127\n198.51.100.0/24,2,63\n"),
];

/// A sequence of DNS question, answer and two contacts, for the target `replay`: nine bytes of
/// settings, and five bytes for each frame. `story.rs` in the tests defines them.
const STORY: &[&[u8]] =
    &[&[0, 2, 0, 5, 1, 3, 0, 7, 2], &[0, 5, 0, 0, 0], &[0, 6, 0, 0, 0x15], &[5, 0, 0, 7, 0], &[5, 0, 0, 0, 0]];

/// A ClientHello in two segments, a fragmented one, and a NetSupport session, for the target
/// `replay`.
const PIECES: &[&[u8]] = &[
    &[0, 2, 0, 5, 1, 3, 0, 7, 2],
    &[0, 8, 0, 0, 5],
    &[0, 8, 1, 2, 0x84],
    &[5, 8, 0, 0, 0x85],
    &[0, 8, 0x40, 0, 6],
    &[0, 8, 0x60, 0, 6],
    &[5, 8, 1, 6, 6],
    &[5, 8, 1, 7, 6],
];

/// The index of a link type in the list of the target `scan`.
fn link_number(link: LinkType) -> u8 {
    const LINKS: [u16; 11] = [1, 0, 9, 50, 51, 101, 108, 113, 228, 229, 276];
    LINKS.iter().position(|known| *known == link.0).unwrap_or(LINKS.len()) as u8
}

fn main() -> Result<(), Box<dyn Error>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seed = |target: &str, name: &str, bytes: &[u8]| -> std::io::Result<()> {
        if bytes.len() > LARGEST {
            return Ok(());
        }
        let folder = fuzz.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    let inputs = Inputs::expand(&[fuzz.join("../pcaps")], &mut |error| eprintln!("{error}"));
    for input in inputs.list {
        let Input::File(path) = &input else { continue };
        if path.extension().is_none_or(|extension| extension == OsStr::new("rs") || extension == OsStr::new("md")) {
            continue;
        }
        let name = name_of(path);
        let bytes = fs::read(path)?;
        let target = if bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) { "pcapng" } else { "pcap" };
        // The first byte determines the pieces of the stream.
        seed(target, &name, &[&[7], &bytes[..]].concat())?;

        let mut files = FileSource::new(vec![input], None);
        let mut block = Block::new(Arc::default(), Arc::default());
        // Errors are expected: some samples are damaged.
        while files.fill(&mut block, &mut |_| ()) == FillStatus::Filled {
            let mut scan = vec![0];
            for (number, frame) in block.frames.iter().enumerate() {
                let bytes = block.captured(frame);
                if number < MOST_FRAMES {
                    scan.extend([link_number(frame.link), 1, 0]);
                    scan.extend((bytes.len() as u16).to_le_bytes());
                    scan.extend(bytes);
                }
                let Ok(decoded) = decode(frame.link, bytes, frame.original) else { continue };
                let packet = decoded.packet;
                if packet.protocol == Protocol::TCP {
                    match packet.payload.first() {
                        Some(4 | 5) => seed("socks", &format!("{name}-{number}"), packet.payload)?,
                        Some(22) => seed("tls", &format!("{name}-{number}"), packet.payload)?,
                        Some(b'A'..=b'Z') => seed("http", &format!("{name}-{number}"), packet.payload)?,
                        _ => {}
                    }
                }
                if packet.protocol == Protocol::UDP && may_be_initial(packet.payload) {
                    seed("quic", &format!("{name}-{number}"), packet.payload)?;
                }
                if packet.ports.is_some_and(|ports| ports.source == 53 || ports.destination == 53)
                    && !packet.payload.is_empty()
                {
                    let kind = if packet.protocol == Protocol::TCP { "tcp" } else { "udp" };
                    seed("dns", &format!("{name}-{number}-{kind}"), packet.payload)?;
                }
            }
            seed("scan", &name, &scan)?;
        }
    }
    seed("feed", "spellings", SPELLINGS)?;
    for (name, list) in LISTS {
        seed("feed", name, list.as_bytes())?;
    }
    seed("cef", "long", &(0..=255).cycle().take(4096).collect::<Vec<u8>>())?;
    seed("replay", "story", &STORY.concat())?;
    // Each application message in pieces with a late one, and nested tunnels.
    for number in 0..11 {
        let pieces = [7, 0, 0, 90, 3, 0, 20, 0, 1, 200, 0, 0].repeat(8);
        seed("assembly", &format!("pieces-{number}"), &[&[number, 255, 255, 255, 200], &pieces[..]].concat())?;
        let chain = [number, number % 8, number, 3, 11, number + 4, 1, 0, 2, 5, 0, 1, 2, 3, 4, 5, 0, 0, 30, 0, 1];
        seed("tunnels", &format!("chain-{number}"), &chain)?;
    }
    seed("replay", "pieces", &PIECES.concat())?;
    Ok(())
}

/// The path below `pcaps/`, with `-` for each separator.
fn name_of(path: &Path) -> String {
    let parts: PathBuf = path.components().skip_while(|part| part.as_os_str() != "pcaps").skip(1).collect();
    parts.to_string_lossy().replace('/', "-")
}
