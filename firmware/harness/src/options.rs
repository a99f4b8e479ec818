//! What the host asks of a device, as the words of a command line.

use dunlin_runtime::Family;

/// What to do beside running the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Run the kernels of this family instead of the fastest one.
    pub family: Option<Family>,
    /// Report a hash of every step's output for every sample.
    pub trace: bool,
    /// Report the ticks of every step of the first sample.
    pub profile: bool,
    /// Give the model an arena that is this many bytes shorter than planned.
    pub arena_shortfall: u32,
    /// Store to the blob's memory before anything else, to show what the memory protection does.
    pub write_blob: bool,
}

/// A word of the command line that is no option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownWord;

impl Options {
    /// Takes one word into account.
    ///
    /// # Errors
    /// [`UnknownWord`].
    pub fn apply(&mut self, word: &str) -> Result<(), UnknownWord> {
        match word.split_once('=') {
            None if word == "trace" => self.trace = true,
            None if word == "profile" => self.profile = true,
            None if word == "write-blob" => self.write_blob = true,
            Some(("family", name)) => self.family = Some(Family::from_name(name).ok_or(UnknownWord)?),
            Some(("arena-shortfall", bytes)) => {
                self.arena_shortfall = bytes.parse().map_err(|_| UnknownWord)?;
            }
            _ => return Err(UnknownWord),
        }
        Ok(())
    }

    /// Calls `visit` with every word that [`Options::apply`] turns into these options.
    pub fn for_each_word(&self, mut visit: impl FnMut(core::fmt::Arguments<'_>)) {
        if let Some(family) = self.family {
            visit(format_args!("family={}", family.name()));
        }
        if self.trace {
            visit(format_args!("trace"));
        }
        if self.profile {
            visit(format_args!("profile"));
        }
        if self.arena_shortfall != 0 {
            visit(format_args!("arena-shortfall={}", self.arena_shortfall));
        }
        if self.write_blob {
            visit(format_args!("write-blob"));
        }
    }
}
