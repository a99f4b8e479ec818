//! What a board logged, in words.

use defmt_decoder::{DecodeError, Table};

/// Decodes defmt frames with the format strings of the image that sent them: one line a frame, its level first.
pub(crate) fn decode(elf: &[u8], frames: &[u8]) -> Vec<String> {
    let table = match Table::parse(elf) {
        Ok(Some(table)) => table,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![format!("the log cannot be decoded: {error}")],
    };
    let mut decoder = table.new_stream_decoder();
    decoder.received(frames);
    let mut lines = Vec::new();
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map_or("", |level| level.as_str());
                lines.push(format!("{level:<5} {}", frame.display_message()));
            }
            Err(DecodeError::Malformed) => lines.push("(a log frame was damaged)".to_owned()),
            Err(DecodeError::UnexpectedEof) => return lines,
        }
    }
}
