//! Reads and writes of any length over a driver that wants whole units.

use embedded_storage_async::nor_flash::NorFlash;

use crate::Error;

/// The longest unit of reading and writing that the store supports, in bytes (STM32H7 writes 32).
pub(crate) const MAXIMUM_UNIT: usize = 32;
/// What is read, hashed or written at once, in bytes: a page of most serial flash chips.
pub(crate) const CHUNK: usize = 256;

/// Reads from any offset.
pub(crate) async fn read<F: NorFlash>(
    flash: &mut F,
    offset: u32,
    mut out: &mut [u8],
) -> Result<(), Error<F::Error>> {
    let unit = F::READ_SIZE;
    let mut offset = offset;
    while !out.is_empty() {
        let inside = offset as usize & (unit - 1);
        let whole = out.len() & !(unit - 1);
        if inside == 0 && whole != 0 {
            let Some((direct, rest)) = out.split_at_mut_checked(whole) else { break };
            flash.read(offset, direct).await.map_err(Error::Flash)?;
            offset = offset.saturating_add(whole as u32);
            out = rest;
            continue;
        }
        let mut word = [0; MAXIMUM_UNIT];
        let Some(word) = word.get_mut(..unit) else { break };
        flash.read(offset - inside as u32, word).await.map_err(Error::Flash)?;
        let count = (unit - inside).min(out.len());
        let (Some((part, rest)), Some(found)) =
            (out.split_at_mut_checked(count), word.get(inside..inside + count))
        else {
            break;
        };
        part.copy_from_slice(found);
        offset = offset.saturating_add(count as u32);
        out = rest;
    }
    Ok(())
}

/// Writes from the start of a unit on; the last unit is filled up with ones, which leave the flash as it was erased.
pub(crate) async fn write<F: NorFlash>(
    flash: &mut F,
    offset: u32,
    bytes: &[u8],
) -> Result<(), Error<F::Error>> {
    let whole = bytes.len() & !(F::WRITE_SIZE - 1);
    let Some((direct, rest)) = bytes.split_at_checked(whole) else { return Ok(()) };
    if !direct.is_empty() {
        flash.write(offset, direct).await.map_err(Error::Flash)?;
    }
    if !rest.is_empty() {
        let mut word = [0xFF; MAXIMUM_UNIT];
        for (to, from) in word.iter_mut().zip(rest) {
            *to = *from;
        }
        let Some(word) = word.get(..F::WRITE_SIZE) else { return Ok(()) };
        flash.write(offset.saturating_add(whole as u32), word).await.map_err(Error::Flash)?;
    }
    Ok(())
}

/// Whether nothing is written between two offsets.
pub(crate) async fn is_blank<F: NorFlash>(
    flash: &mut F,
    from: u32,
    to: u32,
) -> Result<bool, Error<F::Error>> {
    let mut chunk = [0; CHUNK];
    let mut offset = from;
    while offset < to {
        let count = ((to - offset) as usize).min(CHUNK);
        let Some(part) = chunk.get_mut(..count) else { break };
        read(flash, offset, part).await?;
        if part.iter().any(|byte| *byte != 0xFF) {
            return Ok(false);
        }
        offset += count as u32;
    }
    Ok(true)
}

/// The next multiple of a power of two.
pub(crate) const fn round_up(value: u32, to: u32) -> u32 {
    value.saturating_add(to - 1) & !(to - 1)
}
