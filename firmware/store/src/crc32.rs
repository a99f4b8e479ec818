//! CRC-32 as in IEEE 802.3 (reflected, polynomial 0xEDB88320), half a byte at a time: a table of 64 bytes.

/// A checksum being computed.
#[derive(Clone, Copy)]
pub(crate) struct Crc32(u32);

impl Crc32 {
    pub(crate) const fn new() -> Self {
        Crc32(u32::MAX)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = nibble(self.0 ^ u32::from(*byte));
            self.0 = nibble(self.0);
        }
    }

    pub(crate) const fn finish(self) -> u32 {
        !self.0
    }
}

/// Shifts four bits out of the register.
fn nibble(register: u32) -> u32 {
    const TABLE: [u32; 16] = table();
    // The index has four bits, so that the compiler drops the bounds check.
    (register >> 4) ^ TABLE[(register & 15) as usize]
}

const fn table() -> [u32; 16] {
    let mut table = [0; 16];
    let mut entry = 0;
    while entry < 16 {
        let mut register = entry as u32;
        let mut bit = 0;
        while bit < 4 {
            register = (register >> 1) ^ if register & 1 == 1 { 0xEDB8_8320 } else { 0 };
            bit += 1;
        }
        table[entry] = register;
        entry += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::Crc32;

    #[test]
    fn the_check_value_of_the_catalogue() {
        let mut crc = Crc32::new();
        crc.update(b"1234");
        crc.update(b"56789");
        assert_eq!(crc.finish(), 0xCBF4_3926);
    }
}
