//! An arena between two guard zones, painted so that what a run wrote can be seen.

use dunlin_runtime::BLOB_ALIGNMENT;

/// Length of each of the two guard zones.
pub const GUARD_BYTES: usize = 64;

/// One of two patterns that differ in every byte: a byte that was written shows in at least one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// The pattern.
    Plain,
    /// Its complement.
    Inverted,
}

impl Paint {
    fn byte(self, index: usize) -> u8 {
        let byte = (index as u8).wrapping_mul(167).wrapping_add(13);
        if self == Paint::Plain { byte } else { !byte }
    }

    fn apply(self, memory: &mut [u8]) {
        for (index, byte) in memory.iter_mut().enumerate() {
            *byte = self.byte(index);
        }
    }

    fn covers(self, memory: &[u8]) -> bool {
        memory.iter().enumerate().all(|(index, &byte)| byte == self.byte(index))
    }
}

/// A guard zone, an arena of exactly the length that was asked for, a guard zone.
#[derive(Debug)]
pub struct Zone<'m> {
    before: &'m mut [u8],
    arena: &'m mut [u8],
    behind: &'m mut [u8],
    paint: Paint,
}

impl<'m> Zone<'m> {
    /// Bytes of memory that a zone with an arena of `arena_bytes` needs, wherever the memory starts.
    pub const fn memory_bytes(arena_bytes: usize) -> usize {
        arena_bytes.saturating_add(2 * GUARD_BYTES + BLOB_ALIGNMENT)
    }

    /// Divides `memory` and paints it. `None` if it is too short.
    pub fn new(memory: &'m mut [u8], arena_bytes: usize) -> Option<Zone<'m>> {
        let misaligned = memory.as_ptr().addr().wrapping_neg() % BLOB_ALIGNMENT;
        let (before, rest) = memory.get_mut(misaligned..)?.split_at_mut_checked(GUARD_BYTES)?;
        let (arena, rest) = rest.split_at_mut_checked(arena_bytes)?;
        let behind = rest.get_mut(..GUARD_BYTES)?;
        let mut zone = Zone { before, arena, behind, paint: Paint::Plain };
        zone.paint(Paint::Plain);
        Some(zone)
    }

    /// Paints arena and guard zones.
    pub fn paint(&mut self, paint: Paint) {
        self.paint = paint;
        for part in [&mut *self.before, &mut *self.arena, &mut *self.behind] {
            paint.apply(part);
        }
    }

    /// The arena.
    pub fn arena(&mut self) -> &mut [u8] {
        self.arena
    }

    /// Whether both guard zones hold their pattern.
    pub fn guards_intact(&self) -> bool {
        self.paint.covers(self.before) && self.paint.covers(self.behind)
    }

    /// Bytes from the start of the arena to the last one that does not hold its pattern.
    pub fn high_water(&self) -> usize {
        let changed = |&(index, &byte): &(usize, &u8)| byte != self.paint.byte(index);
        self.arena.iter().enumerate().rev().find(changed).map_or(0, |(index, _)| index + 1)
    }
}
