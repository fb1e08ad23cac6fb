//! A filter expression in tcpdump's language, compiled by libpcap and applied to captured frames.
//!
//! The compiled program depends on the link type. Each link type gets its program when its first
//! frame appears.

use pcap::{BpfProgram, Capture, Linktype};
use thiserror::Error;

use crate::capture::block::Block;
use crate::capture::libpcap;
use crate::capture::link_type::LinkType;

/// An expression that does not compile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{expression}`: {reason}")]
pub struct FilterError {
    /// The expression.
    pub expression: String,
    /// The error of libpcap.
    pub reason: String,
}

/// A filter expression and its programs.
pub struct Filter {
    expression: String,
    /// The programs of the link types so far. There are few link types in a run, and never more
    /// than 65,536.
    programs: Vec<Program>,
}

/// The program for one link type.
struct Program {
    link: LinkType,
    /// `None` if the expression has no meaning for the link type.
    bpf: Option<BpfProgram>,
}

impl Filter {
    /// Compiles an expression, at first for Ethernet.
    pub fn new(expression: &str) -> Result<Self, FilterError> {
        let bpf = Some(compile(expression, LinkType::ETHERNET)?);
        Ok(Self { expression: expression.to_owned(), programs: vec![Program { link: LinkType::ETHERNET, bpf }] })
    }

    /// Makes a second filter with the same expression.
    pub fn duplicate(&self) -> Result<Self, FilterError> {
        Self::new(&self.expression)
    }

    /// Removes the frames that do not pass, and returns how many.
    ///
    /// A link type for which the expression has no meaning is reported once. None of its frames
    /// pass.
    pub(super) fn apply(&mut self, block: &mut Block, report: &mut dyn FnMut(LinkType, FilterError)) -> u64 {
        let mut current = 0;
        block.retain(|frame, captured| {
            if self.programs.get(current).is_none_or(|program| program.link != frame.link) {
                current = self.index(frame.link, report);
            }
            self.programs.get(current).and_then(|program| program.bpf.as_ref()).is_some_and(|bpf| bpf.filter(captured))
        })
    }

    /// The index of the program for a link type, compiled if needed.
    fn index(&mut self, link: LinkType, report: &mut dyn FnMut(LinkType, FilterError)) -> usize {
        if let Some(index) = self.programs.iter().position(|program| program.link == link) {
            return index;
        }
        let bpf = match compile(&self.expression, link) {
            Ok(bpf) => Some(bpf),
            Err(error) => {
                report(link, error);
                None
            }
        };
        self.programs.push(Program { link, bpf });
        self.programs.len() - 1
    }
}

fn compile(expression: &str, link: LinkType) -> Result<BpfProgram, FilterError> {
    let failed =
        |error: pcap::Error| FilterError { expression: expression.to_owned(), reason: libpcap::message(&error) };
    // libpcap's compiler stops at a NUL byte. It is refused here, so that no truncated expression
    // is applied.
    if expression.contains('\0') {
        return Err(FilterError { expression: expression.to_owned(), reason: "it holds a NUL byte".to_owned() });
    }
    Capture::dead(Linktype(libpcap::dlt(link))).and_then(|dead| dead.compile(expression, true)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::capture::block::Frame;
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
