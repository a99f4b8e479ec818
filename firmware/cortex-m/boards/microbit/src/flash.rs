//! The part of the flash that holds the blob.

use core::slice;

unsafe extern "C" {
    static _blob_start: u8;
    static _blob_end: u8;
}

/// What is in the part of the flash for a blob: a blob, and whatever follows it.
pub fn blob() -> &'static [u8] {
    let (start, end) = (&raw const _blob_start, &raw const _blob_end);
    // SAFETY: both symbols come from `memory.x` and enclose flash, which nothing writes to while the program runs.
    unsafe { slice::from_raw_parts(start, end.addr() - start.addr()) }
}
