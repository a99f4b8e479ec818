//! A download by windows: the device asks for what it misses, and checks what it gets.

use core::fmt;

/// Longest block in bytes.
pub const LONGEST: usize = 1024;
/// Blocks that are asked for at once.
const WINDOW: u32 = 8;
/// Digits of the index that a block begins with.
const DIGITS: usize = 8;

/// A download, and what it took.
#[derive(Default)]
pub struct Download {
    active: bool,
    blocks: u32,
    first: u32,
    /// Bit `n` is set when block `first + n` is there.
    window: u32,
    requests: u32,
    overdue: u32,
    wrong: u32,
    repeated: u32,
}

impl Download {
    /// Begins a download of as many blocks as the text says.
    pub fn start(&mut self, text: &[u8]) {
        let blocks = core::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        *self = Download { active: true, blocks: blocks.unwrap_or(0), ..Download::default() };
    }

    /// Whether blocks are missing, or nobody was told that none is.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Everybody was told.
    pub fn finish(&mut self) {
        self.active = false;
    }

    /// What to ask for: the first block of the window, and a bitmap of its blocks. `None` when nothing is missing.
    pub fn request(&mut self) -> Option<(u32, u32)> {
        if self.is_window_complete() {
            self.first = self.first.saturating_add(WINDOW).min(self.blocks);
            self.window = 0;
        }
        let missing = self.whole() & !self.window;
        (missing != 0).then(|| {
            self.requests += 1;
            (self.first, missing)
        })
    }

    /// Takes a block, if it is what it should be: eight hexadecimal digits of its index, and text that follows from it.
    pub fn take(&mut self, block: &[u8]) {
        let index = block
            .get(..DIGITS)
            .and_then(|digits| core::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let Some(index) = index.filter(|index| block.len() == LONGEST && is_text(*index, block)) else {
            self.wrong += 1;
            return;
        };
        let bit = index.checked_sub(self.first).filter(|place| *place < WINDOW).map_or(0, |place| 1 << place);
        if bit & self.whole() & !self.window == 0 {
            self.repeated += 1;
        }
        self.window |= bit;
    }

    /// Whether all blocks of the window are there.
    pub fn is_window_complete(&self) -> bool {
        self.window & self.whole() == self.whole()
    }

    /// Blocks did not come in time.
    pub fn note_overdue(&mut self) {
        self.overdue += 1;
    }

    /// The bitmap of a complete window.
    fn whole(&self) -> u32 {
        (1 << self.blocks.saturating_sub(self.first).min(WINDOW)) - 1
    }
}

fn is_text(index: u32, block: &[u8]) -> bool {
    let letters = block.iter().enumerate().skip(DIGITS);
    letters.map(|(place, letter)| (place as u32, *letter)).all(|(place, letter)| {
        u32::from(letter) == u32::from(b'a') + (index * 7 + place * 11 + place / 26) % 26
    })
}

impl fmt::Display for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "blocks={} requests={} overdue={} wrong={} repeated={}",
            self.first, self.requests, self.overdue, self.wrong, self.repeated
        )
    }
}
