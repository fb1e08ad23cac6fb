//! A filter expression of tcpdump's language, compiled by libpcap and applied to captured frames.
//!
//! What an expression means as a program depends on the link type, so each link type gets its program when it is first met.

use pcap::{BpfProgram, Capture, Linktype};
use thiserror::Error;

use super::block::{Block, LinkType};

/// An expression that does not compile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{expression}`: {reason}")]
pub struct FilterError {
    /// The expression.
    pub expression: String,
    /// libpcap's word.
    pub reason: String,
}

/// A filter expression and its programs.
pub struct Filter {
    expression: String,
    /// A program per link type, none where the expression means nothing for it. There are few link types in a run, and never
    /// more than 65,536.
    programs: Vec<(LinkType, Option<BpfProgram>)>,
}

impl Filter {
    /// Compiles an expression, for Ethernet to begin with.
    pub fn new(expression: &str) -> Result<Self, FilterError> {
        let program = compile(expression, LinkType::ETHERNET)?;
        Ok(Self { expression: expression.to_owned(), programs: vec![(LinkType::ETHERNET, Some(program))] })
    }

    /// The same filter once more.
    pub fn again(&self) -> Result<Self, FilterError> {
        Self::new(&self.expression)
    }

    /// Keeps the frames that pass, and returns how many did not.
    ///
    /// A link type for which the expression means nothing is handed to `report` once; none of its frames pass.
    pub(super) fn apply(&mut self, block: &mut Block, report: &mut dyn FnMut(LinkType, FilterError)) -> u64 {
        let mut current = 0;
        block.retain(|frame, captured| {
            if self.programs.get(current).is_none_or(|(link, _)| *link != frame.link) {
                current = self.index(frame.link, report);
            }
            matches!(self.programs.get(current), Some((_, Some(program))) if program.filter(captured))
        })
    }

    /// Where the program of a link type is, compiled if it was not yet.
    fn index(&mut self, link: LinkType, report: &mut dyn FnMut(LinkType, FilterError)) -> usize {
        if let Some(index) = self.programs.iter().position(|(known, _)| *known == link) {
            return index;
        }
        let program = match compile(&self.expression, link) {
            Ok(program) => Some(program),
            Err(error) => {
                report(link, error);
                None
            }
        };
        self.programs.push((link, program));
        self.programs.len() - 1
    }
}

fn compile(expression: &str, link: LinkType) -> Result<BpfProgram, FilterError> {
    let failed = |error: pcap::Error| FilterError { expression: expression.to_owned(), reason: reason(&error) };
    // libpcap's compiler takes a NUL for the end; refused here, so that no half of an expression is applied.
    if expression.contains('\0') {
        return Err(FilterError { expression: expression.to_owned(), reason: "it holds a NUL byte".to_owned() });
    }
    Capture::dead(Linktype(native(link))).and_then(|dead| dead.compile(expression, true)).map_err(failed)
}

/// libpcap's word, without what its binding puts before it.
pub(super) fn reason(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message.clone(),
        other => other.to_string(),
    }
}

/// Link types whose number in libpcap's functions on Linux (`DLT_`, the second) is not that in files (`LINKTYPE_`, the first):
/// ATM_RFC1483, RAW, SLIP_BSDOS, PPP_BSDOS.
const OTHERWISE: [(u16, i32); 4] = [(100, 11), (101, 12), (102, 15), (103, 16)];

/// The number that libpcap's functions take on Linux for a link type.
pub(super) fn native(link: LinkType) -> i32 {
    let otherwise = OTHERWISE.iter().find(|(file, _)| *file == link.0);
    otherwise.map_or(i32::from(link.0), |(_, native)| *native)
}

/// The link type for the number that libpcap's functions give on Linux; `None` where no file could hold it.
pub(super) fn from_native(number: i32) -> Option<LinkType> {
    match OTHERWISE.iter().find(|(_, native)| *native == number) {
        Some((file, _)) => Some(LinkType(*file)),
        None => number.try_into().ok().map(LinkType),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::block::Frame;
    use super::*;
    use crate::units::Timestamp;

    /// An IPv4 header with UDP and the ports 53 and 4888, without a link-layer header.
    const IPV4_UDP: [u8; 28] =
        [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 53, 0x13, 0x18, 0, 8, 0, 0];

    fn block(of: &[(&[u8], LinkType)]) -> Block {
        let mut block = Block::new(Arc::default(), Arc::default());
        let Block { bytes, frames, .. } = &mut block;
        for (captured, link) in of {
            frames.push(Frame {
                time: Timestamp::from_nanos(0),
                offset: bytes.len() as u32,
                captured: captured.len() as u32,
                original: captured.len() as u32,
                link: *link,
            });
            bytes.extend_from_slice(captured);
        }
        block
    }

    fn ethernet() -> Vec<u8> {
        [[0; 12].as_slice(), &[8, 0], &IPV4_UDP].concat()
    }

    #[test]
    fn numbers_of_libpcap_and_of_files_lead_to_each_other() {
        for link in LinkType::READ {
            assert_eq!(from_native(native(link)), Some(link));
        }
        assert_eq!((native(LinkType::RAW), from_native(12)), (12, Some(LinkType::RAW)));
        assert_eq!((from_native(-1), from_native(70_000)), (None, None));
    }

    #[test]
    fn each_link_type_gets_its_own_program() {
        let ethernet = ethernet();
        let mut block = block(&[
            (&ethernet, LinkType::ETHERNET),
            (&IPV4_UDP, LinkType::RAW),
            (&IPV4_UDP, LinkType::IPV4),
            (&IPV4_UDP, LinkType::ETHERNET),
        ]);
        let mut filter = Filter::new("udp port 4888 and host 192.0.2.2").unwrap();
        let all = block.frames.clone();
        assert_eq!(filter.apply(&mut block, &mut |link, error| panic!("{link:?}: {error}")), 1);
        assert_eq!(block.frames, &all[..3]);
        assert_eq!(filter.apply(&mut block, &mut |link, error| panic!("{link:?}: {error}")), 0);
        assert_eq!(block.frames, &all[..3]);
    }

    #[test]
    fn an_expression_that_does_not_compile_is_known_at_once() {
        let error = Filter::new("prot 53").err().unwrap();
        assert!(error.to_string().contains("`prot 53`"), "{error}");
        assert!(error.reason.contains("syntax error"), "{error}");
        assert!(Filter::new("ip\0 and nonsense").is_err());
    }

    #[test]
    fn a_link_type_without_meaning_for_the_expression_is_said_once() {
        let ethernet = ethernet();
        let frames = [(&IPV4_UDP[..], LinkType::RAW), (&ethernet, LinkType::ETHERNET), (&IPV4_UDP, LinkType::RAW)];
        let mut filter = Filter::new("not vlan 5").unwrap();
        let mut said = Vec::new();
        for _ in 0..2 {
            let mut block = block(&frames);
            let all = block.frames.clone();
            assert_eq!(filter.apply(&mut block, &mut |link, _| said.push(link)), 2);
            assert_eq!(block.frames, &all[1..2]);
        }
        assert_eq!(said, [LinkType::RAW]);
    }
}
