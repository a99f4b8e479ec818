//! Bytes at an address that a blob or an arena may have.

/// What the addresses of blobs and arenas are a multiple of, in bytes.
pub const BLOB_ALIGNMENT: usize = 16;

/// `N` bytes at a multiple of 16, for arenas and for blobs that are part of the program.
///
/// ```
/// static BLOB: &dunlin_runtime::Aligned<[u8]> = dunlin_runtime::include_blob!("../Cargo.toml");
/// let mut arena = dunlin_runtime::Aligned([0u8; 1024]);
/// assert_eq!(arena.0.as_ptr() as usize % 16, 0);
/// assert_eq!(BLOB.0.as_ptr() as usize % 16, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(16))]
pub struct Aligned<T: ?Sized>(pub T);

/// Includes a file as a `&'static Aligned<[u8]>`, at an address that [`Model::open`](crate::Model::open) accepts.
#[macro_export]
macro_rules! include_blob {
    ($path:expr) => {{
        const BLOB: &$crate::Aligned<[u8]> = &$crate::Aligned(*include_bytes!($path));
        BLOB
    }};
}
