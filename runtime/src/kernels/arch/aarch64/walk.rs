//! Where the pixels of a convolution are read and written.

use core::arch::aarch64::{int8x16_t, vget_low_s8, vst1_s8, vst1q_s8};

/// What the pixels of an image see, row after row.
#[derive(Clone, Copy)]
pub(super) struct Walk {
    /// What the next pixel sees.
    pub next: *const i8,
    /// Pixels left in the row.
    pub left_in_row: usize,
    /// Pixels of a row.
    pub width: usize,
    /// From one pixel to the next.
    pub pixel_bytes: usize,
    /// From the pixel behind the last one of a row to the first one of the next row.
    pub row_skip: usize,
}

impl Walk {
    /// What the next pixel sees. Only pixels that exist may be read.
    #[inline(always)]
    pub fn next(&mut self) -> *const i8 {
        let pixel = self.next;
        self.next = pixel.wrapping_add(self.pixel_bytes);
        self.left_in_row -= 1;
        if self.left_in_row == 0 {
            self.left_in_row = self.width;
            self.next = self.next.wrapping_add(self.row_skip);
        }
        pixel
    }

    /// The next pixel if there is one, and otherwise `pixel`.
    #[inline(always)]
    pub fn next_or(&mut self, pixel: *const i8, there_is: bool) -> *const i8 {
        if there_is { self.next() } else { pixel }
    }
}

/// Where the outputs of a panel go.
#[derive(Clone, Copy)]
pub(super) struct Outputs {
    /// The next pixel.
    pub next: *mut i8,
    /// From one pixel to the next.
    pub pixel_bytes: usize,
    /// Channels to write, at most 16.
    pub lanes: usize,
}

impl Outputs {
    /// Writes the next `count` of these pixels.
    ///
    /// # Safety
    /// There are as many pixels left.
    #[inline(always)]
    pub unsafe fn write<const COLUMNS: usize>(&mut self, columns: [int8x16_t; COLUMNS], count: usize) {
        for (index, outputs) in columns.into_iter().enumerate() {
            if index >= count {
                break;
            }
            // SAFETY: the pixel has `lanes` writable bytes from here on.
            unsafe { store(self.next, self.lanes, outputs) };
            self.next = self.next.wrapping_add(self.pixel_bytes);
        }
    }
}

/// Writes the first `lanes` outputs, at most 16.
///
/// # Safety
/// As many bytes are writable.
#[inline(always)]
pub(super) unsafe fn store(target: *mut i8, lanes: usize, outputs: int8x16_t) {
    // SAFETY: as the caller promises.
    unsafe {
        match lanes {
            16 => vst1q_s8(target, outputs),
            8 => vst1_s8(target, vget_low_s8(outputs)),
            _ => {
                let mut bytes = [0; 16];
                vst1q_s8(bytes.as_mut_ptr(), outputs);
                store_bytes(target, lanes, &bytes);
            }
        }
    }
}

/// Writes the first `lanes` of these bytes. Said to be cold, so that the loops around [`store`] keep their vectors in registers that a
/// call destroys.
///
/// # Safety
/// As many bytes are writable.
#[cold]
#[inline(never)]
unsafe fn store_bytes(target: *mut i8, lanes: usize, bytes: &[i8; 16]) {
    // SAFETY: as the caller promises; the bytes are 16.
    unsafe { target.copy_from_nonoverlapping(bytes.as_ptr(), lanes.min(16)) };
}
