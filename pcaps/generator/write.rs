//! Capture files: classic pcap and pcapng, in all their variants.
//!
//! Formats: <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html> and
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html>.

use std::net::IpAddr;

/// A frame as captured.
#[derive(Clone)]
pub struct Captured {
    /// Nanoseconds since the epoch.
    pub time: u64,
    /// The captured bytes.
    pub bytes: Vec<u8>,
    /// The length on the wire.
    pub original: u32,
    /// The sender, if this is an IP packet.
    pub source: Option<IpAddr>,
}

/// Byte order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Order {
    /// Two bytes.
    pub fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    /// Four bytes.
    pub fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    /// Eight bytes.
    pub fn u64(self, value: u64) -> [u8; 8] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
}

/// A variant of classic pcap.
#[derive(Clone, Copy)]
pub struct Pcap {
    /// Byte order of all headers.
    pub order: Order,
    /// Nanoseconds instead of microseconds.
    pub nano: bool,
    /// Alexey Kuznetzov's variant: eight more bytes in each record's header.
    pub modified: bool,
    /// The snap length in the header.
    pub snap: u32,
}

impl Default for Pcap {
    fn default() -> Self {
        Self { order: Order::Little, nano: false, modified: false, snap: 262_144 }
    }
}

impl Pcap {
    /// The header of the file.
    pub fn header(self, link: u16) -> Vec<u8> {
        let magic = match (self.modified, self.nano) {
            (true, _) => 0xa1b2_cd34,
            (false, true) => 0xa1b2_3c4d,
            (false, false) => 0xa1b2_c3d4,
        };
        let mut bytes = self.order.u32(magic).to_vec();
        bytes.extend(self.order.u16(2));
        bytes.extend(self.order.u16(4));
        bytes.extend([0; 8]);
        bytes.extend(self.order.u32(self.snap));
        bytes.extend(self.order.u32(link.into()));
        bytes
    }

    /// One frame's record.
    pub fn record(self, frame: &Captured) -> Vec<u8> {
        let fraction = frame.time % 1_000_000_000 / if self.nano { 1 } else { 1000 };
        let mut bytes = Vec::with_capacity(24 + frame.bytes.len());
        bytes.extend(self.order.u32((frame.time / 1_000_000_000) as u32));
        bytes.extend(self.order.u32(fraction as u32));
        bytes.extend(self.order.u32(frame.bytes.len() as u32));
        bytes.extend(self.order.u32(frame.original));
        if self.modified {
            // Interface 2, EtherType IPv4, "to this host", a byte of padding.
            bytes.extend(self.order.u32(2));
            bytes.extend(self.order.u16(0x0800));
            bytes.extend([0, 0]);
        }
        bytes.extend(&frame.bytes);
        bytes
    }

    /// A whole file.
    pub fn file(self, link: u16, frames: &[Captured]) -> Vec<u8> {
        let mut bytes = self.header(link);
        for frame in frames {
            bytes.extend(self.record(frame));
        }
        bytes
    }
}

/// The clock of an interface in a pcapng file.
#[derive(Clone, Copy)]
pub struct Clock {
    /// `if_tsresol`: 6 means 10^-6; with the top bit set, a power of two.
    pub resolution: Option<u8>,
    /// `if_tsoffset`: seconds to add.
    pub offset: Option<u64>,
}

/// Microseconds since the epoch, the default.
pub const PLAIN_CLOCK: Clock = Clock { resolution: None, offset: None };

impl Clock {
    /// A time in nanoseconds since the epoch in units of this clock, rounded down.
    fn units(self, time: u64) -> u64 {
        let time = u128::from(time) - u128::from(self.offset.unwrap_or(0)) * 1_000_000_000;
        let units = match self.resolution.unwrap_or(6) {
            power if power & 0x80 != 0 => (time << (power & 0x7f)) / 1_000_000_000,
            power => time * 10u128.pow(power.into()) / 1_000_000_000,
        };
        units as u64
    }
}

/// A pcapng file being made.
pub struct Pcapng {
    order: Order,
    /// The bytes so far.
    pub bytes: Vec<u8>,
}

impl Pcapng {
    /// A file that begins with a section in this byte order.
    pub fn new(order: Order) -> Self {
        let mut file = Self { order, bytes: Vec::new() };
        file.section(order);
        file
    }

    /// Begins another section.
    pub fn section(&mut self, order: Order) -> &mut Self {
        self.order = order;
        let mut body = order.u32(0x1a2b_3c4d).to_vec();
        body.extend(order.u16(1));
        body.extend(order.u16(0));
        // Section length: unspecified.
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    /// Any block.
    pub fn block(&mut self, kind: u32, body: &[u8]) -> &mut Self {
        let padded = body.len().next_multiple_of(4);
        let length = self.order.u32(padded as u32 + 12);
        self.bytes.extend(self.order.u32(kind));
        self.bytes.extend(length);
        self.bytes.extend(body);
        self.bytes.extend(vec![0; padded - body.len()]);
        self.bytes.extend(length);
        self
    }

    /// Describes an interface.
    pub fn interface(&mut self, link: u16, snap: u32, clock: Clock) -> &mut Self {
        let order = self.order;
        let mut body = order.u16(link).to_vec();
        body.extend([0, 0]);
        body.extend(order.u32(snap));
        if let Some(resolution) = clock.resolution {
            body.extend(order.u16(9));
            body.extend(order.u16(1));
            body.extend([resolution, 0, 0, 0]);
        }
        if let Some(offset) = clock.offset {
            body.extend(order.u16(14));
            body.extend(order.u16(8));
            body.extend(order.u64(offset));
        }
        if body.len() > 8 {
            body.extend([0; 4]);
        }
        self.block(1, &body)
    }

    fn timed(&self, clock: Clock, frame: &Captured) -> Vec<u8> {
        let units = clock.units(frame.time);
        let mut body = self.order.u32((units >> 32) as u32).to_vec();
        body.extend(self.order.u32(units as u32));
        body.extend(self.order.u32(frame.bytes.len() as u32));
        body.extend(self.order.u32(frame.original));
        body.extend(&frame.bytes);
        body
    }

    /// An enhanced packet block.
    pub fn enhanced(&mut self, interface: u32, clock: Clock, frame: &Captured) -> &mut Self {
        let body = [&self.order.u32(interface)[..], &self.timed(clock, frame)].concat();
        self.block(6, &body)
    }

    /// A packet block of the obsolete kind, with a count of drops.
    pub fn obsolete(&mut self, interface: u16, clock: Clock, frame: &Captured) -> &mut Self {
        let body = [&self.order.u16(interface)[..], &self.order.u16(0), &self.timed(clock, frame)].concat();
        self.block(2, &body)
    }

    /// A simple packet block: no time, no interface.
    pub fn simple(&mut self, frame: &Captured) -> &mut Self {
        let body = [&self.order.u32(frame.original)[..], &frame.bytes].concat();
        self.block(3, &body)
    }

    /// Enhanced packet blocks for frames of the first interface, with the default clock.
    pub fn all(&mut self, frames: &[Captured]) -> &mut Self {
        for frame in frames {
            self.enhanced(0, PLAIN_CLOCK, frame);
        }
        self
    }
}
