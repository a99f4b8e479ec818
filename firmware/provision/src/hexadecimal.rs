//! Bytes as hexadecimal digits.

/// Two lower-case digits a byte.
pub fn to_hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of exactly `2 * N` digits; `None` for anything else.
pub fn from_hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_other_text_is_refused() {
        let bytes = [0x00, 0x7f, 0x80, 0xff];
        assert_eq!(to_hexadecimal(&bytes), "007f80ff");
        assert_eq!(from_hexadecimal(&to_hexadecimal(&bytes)), Some(bytes));
        for text in ["", "007f80f", "007f80ff0", "007f80fg", "+07f80ff", "00 f80ff", "0ää0ff"] {
            assert_eq!(from_hexadecimal::<4>(text), None, "{text}");
        }
    }
}
