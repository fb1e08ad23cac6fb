//! An interpreter for tests, as the kernel runs a program.

use super::assembler::{
    ADD, AND, ANY_BIT, EQUAL, EQUAL_INDEX, GREATER, GREATER_OR_EQUAL, Instruction, JUMP, LOAD_BYTE, LOAD_HALF,
    LOAD_LENGTH, LOAD_WORD, RETURN, SHIFT_RIGHT, TO_INDEX,
};

/// The number of bytes of a packet that a program has captured. A load beyond the packet ends it
/// with zero.
pub(super) fn run(program: &[Instruction], packet: &[u8]) -> u32 {
    let (mut accumulator, mut index, mut next) = (0u32, 0u32, 0usize);
    loop {
        let Instruction { code, if_true, if_false, value } = program[next];
        next += 1;
        let bytes = |count: usize| {
            let bytes = packet.get(value as usize..value as usize + count)?;
            Some(bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
        };
        let loaded = match code {
            LOAD_LENGTH => Some(packet.len() as u32),
            LOAD_WORD => bytes(4),
            LOAD_HALF => bytes(2),
            LOAD_BYTE => bytes(1),
            _ => Some(accumulator),
        };
        let Some(loaded) = loaded else { return 0 };
        accumulator = loaded;
        let holds = match code {
            EQUAL => accumulator == value,
            GREATER => accumulator > value,
            GREATER_OR_EQUAL => accumulator >= value,
            ANY_BIT => accumulator & value != 0,
            EQUAL_INDEX => accumulator == index,
            ADD => {
                accumulator = accumulator.wrapping_add(value);
                continue;
            }
            AND => {
                accumulator &= value;
                continue;
            }
            SHIFT_RIGHT => {
                accumulator >>= value;
                continue;
            }
            TO_INDEX => {
                index = accumulator;
                continue;
            }
            JUMP => {
                next += value as usize;
                continue;
            }
            RETURN => return value,
            LOAD_LENGTH | LOAD_WORD | LOAD_HALF | LOAD_BYTE => continue,
            other => panic!("instruction {other:#x} is not known"),
        };
        next += usize::from(if holds { if_true } else { if_false });
    }
}
