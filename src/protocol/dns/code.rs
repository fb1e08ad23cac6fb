//! Record types and response codes (<https://www.iana.org/assignments/dns-parameters>).

use std::fmt;

/// The type of a record, or the type that a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    /// An IPv4 address.
    pub const A: Self = Self(1);
    /// A name server.
    pub const NS: Self = Self(2);
    /// The canonical name of an alias.
    pub const CNAME: Self = Self(5);
    /// The start of a zone of authority.
    pub const SOA: Self = Self(6);
    /// A pointer from an address or a service to a name.
    pub const PTR: Self = Self(12);
    /// A mail exchange.
    pub const MX: Self = Self(15);
    /// Text.
    pub const TXT: Self = Self(16);
    /// An IPv6 address.
    pub const AAAA: Self = Self(28);
    /// The host and port of a service.
    pub const SRV: Self = Self(33);
    /// The canonical name of an aliased domain and all names below it.
    pub const DNAME: Self = Self(39);
    /// EDNS: an extension of the header in the form of a record (RFC 6891).
    pub const OPT: Self = Self(41);
    /// The endpoints of a service (RFC 9460).
    pub const SVCB: Self = Self(64);
    /// The endpoints of a web site (RFC 9460).
    pub const HTTPS: Self = Self(65);
    /// In questions: all types.
    pub const ANY: Self = Self(255);
}

impl fmt::Display for RecordType {
    /// Writes the registered name. A type without one is `TYPE` and its number (RFC 3597 section
    /// 5). Type 255, `*` in the registry, is `ANY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            1 => "A",
            2 => "NS",
            3 => "MD",
            4 => "MF",
            5 => "CNAME",
            6 => "SOA",
            7 => "MB",
            8 => "MG",
            9 => "MR",
            10 => "NULL",
            11 => "WKS",
            12 => "PTR",
            13 => "HINFO",
            14 => "MINFO",
            15 => "MX",
            16 => "TXT",
            17 => "RP",
            18 => "AFSDB",
            19 => "X25",
            20 => "ISDN",
            21 => "RT",
            22 => "NSAP",
            23 => "NSAP-PTR",
            24 => "SIG",
            25 => "KEY",
            26 => "PX",
            27 => "GPOS",
            28 => "AAAA",
            29 => "LOC",
            30 => "NXT",
            31 => "EID",
            32 => "NIMLOC",
            33 => "SRV",
            34 => "ATMA",
            35 => "NAPTR",
            36 => "KX",
            37 => "CERT",
            38 => "A6",
            39 => "DNAME",
            40 => "SINK",
            41 => "OPT",
            42 => "APL",
            43 => "DS",
            44 => "SSHFP",
            45 => "IPSECKEY",
            46 => "RRSIG",
            47 => "NSEC",
            48 => "DNSKEY",
            49 => "DHCID",
            50 => "NSEC3",
            51 => "NSEC3PARAM",
            52 => "TLSA",
            53 => "SMIMEA",
            55 => "HIP",
            56 => "NINFO",
            57 => "RKEY",
            58 => "TALINK",
            59 => "CDS",
            60 => "CDNSKEY",
            61 => "OPENPGPKEY",
            62 => "CSYNC",
            63 => "ZONEMD",
            64 => "SVCB",
            65 => "HTTPS",
            66 => "DSYNC",
            99 => "SPF",
            100 => "UINFO",
            101 => "UID",
            102 => "GID",
            103 => "UNSPEC",
            104 => "NID",
            105 => "L32",
            106 => "L64",
            107 => "LP",
            108 => "EUI48",
            109 => "EUI64",
            128 => "NXNAME",
            249 => "TKEY",
            250 => "TSIG",
            251 => "IXFR",
            252 => "AXFR",
            253 => "MAILB",
            254 => "MAILA",
            255 => "ANY",
            256 => "URI",
            257 => "CAA",
            258 => "AVC",
            259 => "DOA",
            260 => "AMTRELAY",
            261 => "RESINFO",
            262 => "WALLET",
            32768 => "TA",
            32769 => "DLV",
            number => return write!(f, "TYPE{number}"),
        };
        f.write_str(name)
    }
}

/// The response code of a server. Codes above 15 need EDNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResponseCode(pub u16);

impl ResponseCode {
    /// The query succeeded. The answer may be empty.
    pub const NO_ERROR: Self = Self(0);
    /// The name does not exist.
    pub const NX_DOMAIN: Self = Self(3);
}

impl fmt::Display for ResponseCode {
    /// Writes the registered name in capitals, as DNS tools and log schemas do. A code without one
    /// is `RCODE` and its number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            7 => "YXRRSET",
            8 => "NXRRSET",
            9 => "NOTAUTH",
            10 => "NOTZONE",
            11 => "DSOTYPENI",
            16 => "BADVERS",
            17 => "BADKEY",
            18 => "BADTIME",
            19 => "BADMODE",
            20 => "BADNAME",
            21 => "BADALG",
            22 => "BADTRUNC",
            23 => "BADCOOKIE",
            number => return write!(f, "RCODE{number}"),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_their_registered_name_or_their_number() {
        let names: Vec<_> =
            [1, 28, 64, 65, 5, 16, 23, 255, 257, 32769].map(|number| RecordType(number).to_string()).into();
        assert_eq!(names, ["A", "AAAA", "SVCB", "HTTPS", "CNAME", "TXT", "NSAP-PTR", "ANY", "CAA", "DLV"]);
        assert_eq!(RecordType(65280).to_string(), "TYPE65280");
        assert_eq!(RecordType(0).to_string(), "TYPE0");
    }

    #[test]
    fn response_codes_have_their_registered_name_or_their_number() {
        let names: Vec<_> = [0, 1, 2, 3, 4, 5, 6, 16, 23].map(|number| ResponseCode(number).to_string()).into();
        assert_eq!(
            names,
            ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "BADVERS", "BADCOOKIE"]
        );
        assert_eq!(ResponseCode(12).to_string(), "RCODE12");
        assert_eq!(ResponseCode(4095).to_string(), "RCODE4095");
    }
}
