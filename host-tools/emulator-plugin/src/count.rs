//! Counting what happens between two addresses.

use std::fmt;

/// What the count tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A load of one register.
    Load {
        /// The register that is loaded.
        target: u8,
        /// The register that the address starts from.
        base: u8,
    },
    /// A store of one register.
    Store,
    /// A load or store of several registers.
    Multiple,
    /// A division or a square root.
    Division,
    /// Anything else.
    Other,
}

/// An instruction of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Where it is.
    pub address: u64,
    /// Its length.
    pub bytes: u8,
    /// What it does.
    pub kind: Kind,
    /// Cycles that it takes by itself; 0 where none are modelled.
    pub cycles: u8,
}

/// What was executed in a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    instructions: u64,
    cycles: u64,
    loads: u64,
    stores: u64,
    multiple: u64,
    divisions: u64,
    taken: u64,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count { instructions, cycles, loads, stores, multiple, divisions, taken } = self;
        write!(
            f,
            "instructions={instructions} cycles={cycles} loads={loads} stores={stores} \
             multiple={multiple} divisions={divisions} taken={taken}"
        )
    }
}

/// Divides what a program executes into spans.
#[derive(Debug)]
pub struct Spans {
    begin: u64,
    end: u64,
    /// Cycles that a taken branch adds.
    taken_cycles: u64,
    previous: Option<Instruction>,
    current: Option<Count>,
    finished: Vec<Count>,
}

impl Spans {
    /// Spans from the instruction at `begin` to the one at `end`, on a processor that takes `taken_cycles` more for a branch that is
    /// taken.
    pub fn new(begin: u64, end: u64, taken_cycles: u64) -> Spans {
        Spans { begin, end, taken_cycles, previous: None, current: None, finished: Vec::new() }
    }

    /// The spans that have ended.
    pub fn finished(&self) -> &[Count] {
        &self.finished
    }

    /// Takes the next executed instruction into account.
    pub fn execute(&mut self, instruction: Instruction) {
        let previous = self.previous.replace(instruction);
        if instruction.address == self.begin {
            self.current = Some(Count::default());
        } else if let (Some(count), Some(previous)) = (&mut self.current, previous)
            && instruction.address != previous.address + u64::from(previous.bytes)
        {
            count.taken += 1;
            count.cycles += self.taken_cycles;
        }
        if instruction.address == self.end {
            self.finished.extend(self.current.take());
        }
        let Some(count) = &mut self.current else { return };
        count.instructions += 1;
        count.cycles += u64::from(instruction.cycles);
        match instruction.kind {
            Kind::Load { base, .. } => {
                count.loads += 1;
                // The address of a load is calculated while the load before it is under way.
                if matches!(previous, Some(Instruction { kind: Kind::Load { target, .. }, .. }) if target != base)
                {
                    count.cycles -= 1;
                }
            }
            Kind::Store => count.stores += 1,
            Kind::Multiple => count.multiple += 1,
            Kind::Division => count.divisions += 1,
            Kind::Other => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cortex_m4::{TAKEN_BRANCH, decode};

    /// A loop of two rounds between the marks, counted by hand.
    #[test]
    fn counts_a_loop() {
        let program: [(u64, u16, Option<u16>); 9] = [
            (0x100, 0x4770, None),         // mark_begin: bx lr
            (0x200, 0x6808, None),         // ldr r0, [r1]
            (0x202, 0x684A, None),         // ldr r2, [r1, #4]
            (0x204, 0x6813, None),         // ldr r3, [r2]
            (0x206, 0xFB20, Some(0x4403)), // smlad r4, r0, r3, r4
            (0x20A, 0xD1F9, None),         // bne 0x200
            (0x20C, 0x600C, None),         // str r4, [r1]
            (0x20E, 0xF000, Some(0xF800)), // bl mark_end
            (0x300, 0x4770, None),         // mark_end: bx lr
        ];
        let executed = [7, 0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6, 7, 8, 7];
        let mut spans = Spans::new(0x100, 0x300, TAKEN_BRANCH);
        for index in executed {
            let (address, first, second) = program[index];
            spans.execute(decode(address, first, second));
        }
        // mark_begin 1; into the loop 2; each round 2 + 1 + 2 + 1 + 1; back once 2; str 1, bl 1; into mark_end 2.
        let expected = Count {
            instructions: 13,
            cycles: 1 + 2 + 2 * 7 + 2 + 2 + 2,
            loads: 6,
            stores: 1,
            taken: 3,
            ..Count::default()
        };
        assert_eq!(spans.finished(), [expected]);
    }
}
