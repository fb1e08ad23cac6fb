//! DHCP, NetBIOS and Kerberos messages: what a host says of itself lies in the bytes.

#![no_main]

use std::net::Ipv4Addr;

use libfuzzer_sys::fuzz_target;
use rattap::protocol::parse_result::ParseResult;
use rattap::protocol::{dhcp, kerberos, netbios};

fuzz_target!(|data: &[u8]| {
    if let Some(name) = dhcp::parse(data).and_then(|lease| lease.name) {
        assert!(!name.is_empty() && name.len() <= 255);
    }
    if let Some(name) = netbios::own_name(data, Ipv4Addr::new(10, 20, 30, 40)) {
        assert!(!name.is_empty() && name.len() < 16);
    }
    if let Some(request) = kerberos::parse(data) {
        assert!(!request.name.is_empty() && request.name.len() + request.realm.len() <= data.len());
    }
    if let ParseResult::Complete(request, length) = kerberos::parse_stream(data) {
        assert!(length <= data.len());
        assert_eq!(request, kerberos::parse(&data[4..length]));
    }
});
