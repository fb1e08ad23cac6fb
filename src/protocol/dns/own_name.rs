//! The name that a host gives itself in mDNS (RFC 6762) and LLMNR (RFC 4795).

use std::net::IpAddr;

use super::message::Message;
use crate::domain_name::DomainName;

/// Reads into `name` the owner of the first record that holds the sender's own address: only the
/// host itself answers for its name. Returns false if there is none, and for queries.
pub fn own_name(message: &Message<'_>, sender: IpAddr, name: &mut DomainName) -> bool {
    let mut reader = message.reader();
    while message.is_response()
        && let Some(record) = reader.next_record()
    {
        if record.addresses().any(|address| address == sender) {
            return reader.read_name(record.owner, name);
        }
    }
    false
}
