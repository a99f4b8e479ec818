//! Counting what a program executes between its marks, by a plugin of the emulator.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSymbol};

use crate::error::DeviceError;

/// The lines that the plugin writes, in the temporary folder.
pub(crate) const SPANS: &str = "spans.txt";

/// What was executed in a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Instructions.
    pub instructions: u64,
    /// Modelled cycles of a Cortex-M4 without wait states; 0 on other processors.
    pub cycles: u64,
    /// Loads of one register.
    pub loads: u64,
    /// Stores of one register.
    pub stores: u64,
    /// Loads and stores of several registers.
    pub multiple: u64,
    /// Branches that were taken.
    pub taken: u64,
}

impl Count {
    /// Without what the marks around an empty span take.
    fn without(self, marks: Count) -> Count {
        Count {
            instructions: self.instructions.saturating_sub(marks.instructions),
            cycles: self.cycles.saturating_sub(marks.cycles),
            loads: self.loads.saturating_sub(marks.loads),
            stores: self.stores.saturating_sub(marks.stores),
            multiple: self.multiple.saturating_sub(marks.multiple),
            taken: self.taken.saturating_sub(marks.taken),
        }
    }

    /// Reads a line of the plugin. `None` if it is not as expected.
    fn read(line: &str) -> Option<Count> {
        let mut count = Count::default();
        for field in line.split_whitespace() {
            let (name, number) = field.split_once('=')?;
            let number = number.parse().ok()?;
            match name {
                "instructions" => count.instructions = number,
                "cycles" => count.cycles = number,
                "loads" => count.loads = number,
                "stores" => count.stores = number,
                "multiple" => count.multiple = number,
                "taken" => count.taken = number,
                _ => {}
            }
        }
        Some(count)
    }
}

/// What the parts of an exercise executed. The marks themselves are not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// `Model::open`, without the digest.
    pub open: Count,
    /// `Session::new`.
    pub prepare: Count,
    /// One run.
    pub run: Count,
    /// Each step of a run with an observer, if the request asked for a profile.
    pub steps: Vec<Count>,
}

impl Counts {
    /// Puts the spans of a program together, in the order in which the harness marks them. `None` if some are missing.
    pub(crate) fn read(text: &str, profile: bool) -> Option<Counts> {
        let spans = text.lines().map(Count::read).collect::<Option<Vec<_>>>()?;
        let (&[open, prepare, marks, run], rest) = spans.split_first_chunk()?;
        let steps = match rest.split_first() {
            Some((&marks, steps)) if profile => steps.iter().map(|step| step.without(marks)).collect(),
            None if !profile => Vec::new(),
            _ => return None,
        };
        let [open, prepare, run] = [open, prepare, run].map(|count| count.without(marks));
        Some(Counts { open, prepare, run, steps })
    }
}

/// The argument `-plugin` for a program whose marks are at fixed addresses.
pub(crate) fn argument(plugin: &Path, program: &Path) -> Result<OsString, DeviceError> {
    let bytes = fs::read(program).map_err(DeviceError::io(format!("reading {}", program.display())))?;
    let elf = object::File::parse(&*bytes)
        .map_err(|source| DeviceError::NotElf { path: program.to_owned(), source })?;
    let address = |name: &'static str| {
        elf.symbol_by_name(name)
            .map(|symbol| symbol.address())
            .ok_or_else(|| DeviceError::NoMark { path: PathBuf::from(program), name })
    };
    let (begin, end) = (address("mark_begin")?, address("mark_end")?);
    let mut argument = OsString::from(plugin);
    argument.push(format!(",begin={begin:x},end={end:x},out={SPANS}"));
    Ok(argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "instructions=109 cycles=220\ninstructions=59 cycles=120\ninstructions=9 cycles=20\n\
                         instructions=1009 cycles=2020\ninstructions=10 cycles=30\ninstructions=410 cycles=630\n";

    #[test]
    fn takes_the_marks_off() {
        let count = |instructions, cycles| Count { instructions, cycles, ..Count::default() };
        let counts = Counts::read(LINES, true).expect("the spans are complete");
        assert_eq!(counts.open, count(100, 200));
        assert_eq!(counts.prepare, count(50, 100));
        assert_eq!(counts.run, count(1000, 2000));
        assert_eq!(counts.steps, [count(400, 600)]);
    }

    #[test]
    fn refuses_missing_and_surplus_spans() {
        assert_eq!(Counts::read(LINES, false), None);
        assert_eq!(Counts::read("instructions=109 cycles=220\n", false), None);
        assert_eq!(Counts::read("instructions=x\n", false), None);
    }
}
