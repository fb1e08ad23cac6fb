//! The yardstick: a bare libpcap loop that reads a capture and only counts. It looks at no byte of any packet.

fn main() -> Result<(), pcap::Error> {
    for path in std::env::args().skip(1) {
        let mut capture = pcap::Capture::from_file(&path)?;
        let (mut packets, mut bytes) = (0u64, 0u64);
        loop {
            match capture.next_packet() {
                Ok(packet) => {
                    packets += 1;
                    bytes += u64::from(packet.header.caplen);
                }
                Err(pcap::Error::NoMorePackets) => break,
                Err(error) => return Err(error),
            }
        }
        println!("{path}: {packets} packets, {bytes} bytes");
    }
    Ok(())
}
