//! Random numbers for the time between reconnects: xorshift64*. Nothing secret is made of them.

/// A generator.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Random {
        // The generator stands still at zero.
        Random(if seed == 0 { 0x9E37_79B9_7F4A_7C15 } else { seed })
    }

    /// A number from 0 to `most`, evenly.
    pub(crate) fn up_to(&mut self, most: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        (bits.wrapping_mul(u64::from(most) + 1) >> 32) as u32
    }
}
