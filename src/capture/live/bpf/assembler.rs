//! Instructions of classic BPF, and an assembler with labels.

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capture::live) struct Instruction {
    pub(in crate::capture::live) code: u16,
    /// The number of instructions to skip if a condition holds.
    pub(in crate::capture::live) if_true: u8,
    /// The number of instructions to skip if it does not.
    pub(in crate::capture::live) if_false: u8,
    pub(in crate::capture::live) value: u32,
}

/// Loads the length of the packet.
pub(super) const LOAD_LENGTH: u16 = 0x80;
/// Loads a word, a half word or a byte at an offset.
pub(super) const LOAD_WORD: u16 = 0x20;
pub(super) const LOAD_HALF: u16 = 0x28;
pub(super) const LOAD_BYTE: u16 = 0x30;
/// Calculates with a value.
pub(super) const ADD: u16 = 0x04;
pub(super) const AND: u16 = 0x54;
pub(super) const SHIFT_RIGHT: u16 = 0x74;
/// Copies the accumulator to the index register.
pub(super) const TO_INDEX: u16 = 0x07;
/// Jumps, always or if the accumulator compares so with a value.
pub(super) const JUMP: u16 = 0x05;
pub(super) const EQUAL: u16 = 0x15;
pub(super) const GREATER: u16 = 0x25;
pub(super) const GREATER_OR_EQUAL: u16 = 0x35;
pub(super) const ANY_BIT: u16 = 0x45;
/// Compares with the index register.
pub(super) const EQUAL_INDEX: u16 = 0x1d;
/// Ends the program: so many bytes of the packet are captured, none if zero.
pub(super) const RETURN: u16 = 0x06;

/// A place in the program that jumps lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(usize);

/// Puts a program together. A condition can skip only 255 instructions, so each conditional jump is
/// a condition that skips an unconditional jump, or does not.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    instructions: Vec<Instruction>,
    /// The place of each label, once it is known.
    places: Vec<Option<usize>>,
    /// The jumps, with the labels that they lead to.
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    pub(super) fn label(&mut self) -> Label {
        self.places.push(None);
        Label(self.places.len() - 1)
    }

    /// Puts a label here.
    pub(super) fn place(&mut self, label: Label) {
        let here = self.instructions.len();
        if let Some(place) = self.places.get_mut(label.0) {
            *place = Some(here);
        }
    }

    pub(super) fn add(&mut self, code: u16, value: u32) {
        self.instructions.push(Instruction { code, if_true: 0, if_false: 0, value });
    }

    pub(super) fn jump(&mut self, to: Label) {
        self.jumps.push((self.instructions.len(), to));
        self.add(JUMP, 0);
    }

    /// Jumps if the condition holds.
    pub(super) fn jump_if(&mut self, condition: u16, value: u32, to: Label) {
        self.instructions.push(Instruction { code: condition, if_true: 0, if_false: 1, value });
        self.jump(to);
    }

    /// Jumps if the condition does not hold.
    pub(super) fn jump_unless(&mut self, condition: u16, value: u32, to: Label) {
        self.instructions.push(Instruction { code: condition, if_true: 1, if_false: 0, value });
        self.jump(to);
    }

    /// The program. `None` if a jump leads nowhere or backward.
    pub(super) fn finish(mut self) -> Option<Vec<Instruction>> {
        for (at, label) in self.jumps {
            let place = self.places.get(label.0).copied().flatten()?;
            self.instructions.get_mut(at)?.value = u32::try_from(place.checked_sub(at + 1)?).ok()?;
        }
        Some(self.instructions)
    }
}
